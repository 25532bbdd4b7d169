//! The report as a file and as JSON, from the built binary on a simulated world. How it looks and behaves in a browser
//! is for `tests/report/run`.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test reads files, and a panic is its report")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// What a command printed, and how it ended.
fn tidegate(world: &Path, actor: &str, words: &[&str]) -> (i32, String) {
    let Output { status, stdout, .. } = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(words)
        .arg("--sim")
        .arg(world)
        .env_clear()
        .env("GITHUB_ACTOR", actor)
        .output()
        .unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap())
}

/// Texts that would do something in a page, a shell, a workflow or a terminal.
const HOSTILE: [&str; 5] = [
    "</script><script>alert(1)</script>",
    "$(touch /tmp/x)",
    "::error::x\n::set-output",
    "<img src=x onerror=alert(1)>",
    "\u{2028}&lt;",
];

#[test]
fn the_json_is_what_its_schema_says_and_so_is_that_from_records_alone() {
    let world = tempfile::tempdir().unwrap();
    let schema = fs::read_to_string("schema/report.schema.json").unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for more in [&[][..], &["--records-only"]] {
        let (code, text) = tidegate(world.path(), "ana", &[&["report", "--json"], more].concat());
        let report: Value = serde_json::from_str(&text).unwrap();
        let wrong: Vec<String> = schema.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert_eq!((code, wrong), (0, vec![]));
        let live = more.is_empty();
        let sets = report["fleets"].as_array().unwrap().iter().flat_map(|fleet| fleet["sets"].as_array().unwrap());
        let services: Vec<&Value> = sets.flat_map(|set| set["services"].as_array().unwrap()).collect();
        let unknown = services.iter().filter(|service| service["condition"] == "unknown").count();
        assert_eq!(unknown, if live { 0 } else { services.len() }, "{} services", services.len());
    }
}

#[test]
fn hostile_texts_reach_the_page_as_data_only() {
    let (world, page) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for text in HOSTILE {
        let (code, said) = tidegate(world.path(), text, &["hold", "--fleet", "prod", "--why", text]);
        assert_eq!(code, 0, "{said}");
    }
    let folder = page.path().to_str().unwrap();
    let (code, said) = tidegate(world.path(), "ana", &["report", "--html", folder]);
    assert_eq!(code, 0, "{said}");
    let html = fs::read_to_string(page.path().join("index.html")).unwrap();
    let (before, data) = html.split_once(r#"<script type="application/json" id="report">"#).unwrap();
    let (data, after) = data.split_once("</script>").unwrap();
    assert!(!data.contains('<') && data.lines().count() == 1);
    let report: Value = serde_json::from_str(data).unwrap();
    let history = report["fleets"][1]["history"].as_array().unwrap();
    for text in HOSTILE {
        assert!(
            history.iter().any(|one| one["by"] == text && one["why"] == text),
            "{text:?} is not there as it was said"
        );
    }
    let around = format!("{before}{after}");
    assert!(HOSTILE.iter().all(|text| !around.contains(text)));
    assert_eq!(around.matches("</script>").count(), 1, "the page's own script, and no other");
    assert_eq!(fs::read_dir(page.path()).unwrap().count(), 1, "one file, and nothing beside it");
}

#[test]
fn history_is_newest_first_bounded_and_names_who() {
    let world = tempfile::tempdir().unwrap();
    for why in ["one", "two"] {
        tidegate(world.path(), "bo", &["hold", "--fleet", "dev", "--why", why]);
    }
    let (code, text) = tidegate(world.path(), "ana", &["history", "--json"]);
    let said: Value = serde_json::from_str(&text).unwrap();
    let whys: Vec<&str> = said["happenings"].as_array().unwrap().iter().filter_map(|h| h["why"].as_str()).collect();
    assert_eq!((code, whys), (0, vec!["two", "one"]));
    let release = said["happenings"].as_array().unwrap().last().unwrap();
    assert_eq!((&release["kind"], &release["rollout"]["result"]), (&"release".into(), &"succeeded".into()));
    assert!(release["by"].is_string(), "{release}");
    let (_, table) = tidegate(world.path(), "ana", &["history", "--limit", "1"]);
    assert_eq!(table.lines().count(), 2, "a header and one row: {table}");
    assert_eq!(tidegate(world.path(), "ana", &["history", "--fleet", "nowhere"]).0, 2);
}

#[test]
fn drift_is_none_then_some() {
    let world = tempfile::tempdir().unwrap();
    let (code, text) = tidegate(world.path(), "ana", &["drift", "--fleet", "dev"]);
    assert_eq!(code, 0, "{text}");
    let path = world.path().join("world.json");
    let mut kept: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    kept["services"]["accessos-dev-acme-iam-service"]["desired"] = 0.into();
    fs::write(&path, kept.to_string()).unwrap();
    let (code, text) = tidegate(world.path(), "ana", &["drift"]);
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("acme/iam-service  at_zero  desired count is 0, and nothing says why"), "{text}");
    let (_, json) = tidegate(world.path(), "ana", &["drift", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["decision"], &json["fleets"][0]["drift"]["found"][0]["kind"]),
        (&"drift".into(), &"at_zero".into())
    );
}

#[test]
fn status_has_stable_words() {
    let world = tempfile::tempdir().unwrap();
    let (_, text) = tidegate(world.path(), "ana", &["status", "--json"]);
    let said: Value = serde_json::from_str(&text).unwrap();
    let services = |fleet: usize| said["fleets"][fleet]["services"].as_array().unwrap().clone();
    assert!(
        services(0).iter().all(|service| service["condition"] == "as_recorded"),
        "{}",
        said["fleets"][0]["services"]
    );
    let words: std::collections::BTreeSet<String> =
        services(1).iter().map(|service| service["condition"].as_str().unwrap().to_owned()).collect();
    assert_eq!(words, ["paused", "unrecorded"].map(str::to_owned).into());
}
