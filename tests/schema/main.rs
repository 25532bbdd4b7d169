//! The JSON Schemas that editors read are those that `tidegate check` follows: committed, current, and accepting
//! both this repository's fleet.yaml and the example that documents every field of the format.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test reads files, and a panic is its report")]

use std::fs;
use std::process::Command;

use serde_json::Value;

/// Runs tidegate with nothing of this machine's environment, and gives what it prints.
fn tidegate(words: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_tidegate")).args(words).env_clear().output().unwrap();
    String::from_utf8(ran.stdout).unwrap()
}

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn schema(of: &str) -> jsonschema::Validator {
    let text = fs::read_to_string(format!("schema/{of}.schema.json")).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

/// What the schema of `of` has against a file.
fn refused(of: &str, file: &Value) -> Vec<String> {
    schema(of).iter_errors(file).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_committed_schemas_are_current() {
    for of in ["fleet", "tenants", "replay", "result", "infra-approval", "report", "license", "routing-snapshot"] {
        let path = format!("schema/{of}.schema.json");
        let committed = fs::read_to_string(&path).unwrap_or_default();
        let current = tidegate(&["schema", of]);
        assert!(committed == current, "{path} is not current; run: cargo run -q -- schema {of} > {path}");
    }
}

#[test]
fn they_accept_the_file_of_this_repository_and_the_example_of_every_field() {
    let nothing = Vec::<String>::new();
    assert_eq!(refused("fleet", &yaml("fleet.yaml")), nothing);
    assert_eq!(refused("fleet", &yaml("tests/schema/design.yaml")), nothing);
    assert_eq!(refused("tenants", &yaml("tests/schema/tenants/standard.yaml")), nothing);
    assert_eq!(refused("replay", &yaml("docs/examples/late-errors.json")), nothing);
}

#[test]
fn they_refuse_unknown_keys_and_words_and_wrong_kinds() {
    let mut file = yaml("fleet.yaml");
    file["fleets"]["dev"]["bake_tme"] = "5m".into();
    file["fleets"]["dev"]["on_failure"] = "pray".into();
    file["fleets"]["prod"]["cells"] = "prod-1".into();
    file["services"]["iam-service"]["port"] = 70_000.into();
    file.as_object_mut().unwrap().remove("app");
    let refused = refused("fleet", &file).join("\n");
    for word in ["bake_tme", "pray", "prod-1", "70000", "app"] {
        assert!(refused.contains(word), "{word} is accepted:\n{refused}");
    }
}

/// What a rollout that passes and one that fails print as JSON, with everything that their gates found.
#[test]
fn the_result_of_a_rollout_is_as_its_schema_says_and_has_its_series() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.yaml");
    let gates = "errors: { good: 0.1%, bad: 1% }\n    latency: { p99_max: 800ms }\n    unknown: hold";
    let text = fs::read_to_string("fleet.yaml").unwrap().replacen("unknown: hold", gates, 1);
    fs::write(&path, text).unwrap();
    let rehearsed = |more: &[&str]| -> Value {
        let words = ["rehearse", "--json", "--fleet", "prod", "--file", path.to_str().unwrap()];
        serde_json::from_str(&tidegate(&[&words, more].concat())).unwrap()
    };
    let passed = rehearsed(&[]);
    let failed = rehearsed(&["--fail", "tenant=globex,service=iam-service,at=errors"]);
    for result in [&passed, &failed] {
        assert_eq!(refused("result", result), Vec::<String>::new());
    }
    let gates = |result: &Value, wave: usize| result["gates"][wave]["gates"].as_array().unwrap().clone();
    assert_eq!(passed["gates"].as_array().unwrap().len(), passed["waves"].as_array().unwrap().len());
    let named = |gates: &[Value], name: &str| gates.iter().find(|gate| gate["gate"] == name).unwrap().clone();
    let errors = named(&gates(&passed, 1), "errors");
    assert_eq!((&errors["verdict"], &errors["failed"]), (&"pass".into(), &0.into()));
    let statistic = &errors["findings"][0]["charts"][1];
    let (values, bounds) = (statistic["values"].as_array().unwrap(), &statistic["bounds"]);
    assert!(
        values.len() > 30 && values.iter().all(|value| value.as_f64() < bounds[1]["value"].as_f64()),
        "{statistic}"
    );
    let last = failed["gates"].as_array().unwrap().len() - 1;
    assert_eq!(failed["gates"][last]["then"], "failed");
    let statistic = &named(&gates(&failed, last), "errors")["findings"][0]["charts"][1];
    let end = statistic["values"].as_array().unwrap().last().unwrap().as_f64();
    assert!(end >= statistic["bounds"][1]["value"].as_f64(), "{statistic}");
    assert!(named(&gates(&failed, last), "rollout")["passed"].as_u64() > Some(0));
}

/// Beside what this version does not carry out yet, `check` finds nothing to say about the example either.
#[test]
fn check_agrees_with_the_schema_about_the_example() {
    let told = tidegate(&["check", "--file", "tests/schema/design.yaml"]);
    let other = told.lines().filter(|line| !line.contains("is not carried out by this version"));
    assert_eq!(other.collect::<Vec<_>>(), Vec::<&str>::new());
    assert_eq!(told.lines().count(), 1, "{told}");
}
