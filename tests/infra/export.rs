//! `tenants export`, `list` and `show` as the built binary does them: the committed inputs are current and of the
//! contract's shape, and an export is what it should be on the disk.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test reads files, and a panic is its report")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs tidegate with nothing of this machine's environment: how it ended, and what it printed.
pub(super) fn tidegate(words: &[&str]) -> (i32, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_tidegate")).args(words).env_clear().output().unwrap();
    (ran.status.code().unwrap(), String::from_utf8(ran.stdout).unwrap())
}

fn refused(schema: &str, file: &Path) -> Vec<String> {
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    let file: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(&file).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_committed_inputs_are_current() {
    let (code, said) = tidegate(&["tenants", "export", "--check"]);
    assert_eq!((code, said.as_str()), (0, "2 fleets: current\n"));
}

/// This repository's fleets, and beside what they have a one-shot task, which they have not.
#[test]
fn an_export_is_of_the_contracts_shape() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, fleets) = (folder.path().to_str().unwrap(), folder.path().join("fleet.yaml"));
    let task = "\nservices:\n  upgrade: { build: services/upgrade, run: before, class: expand }\n";
    fs::write(&fleets, fs::read_to_string("fleet.yaml").unwrap().replacen("\nservices:\n", task, 1)).unwrap();
    let export = || tidegate(&["tenants", "export", "--dir", dir, "--file", fleets.to_str().unwrap()]);
    let (code, said) = export();
    assert_eq!(
        (code, said.as_str()),
        (0, "dev: there is no file yet\ndev: written\nprod: there is no file yet\nprod: written\n")
    );
    for fleet in ["dev", "prod"] {
        let file = folder.path().join(fleet).join("fleet.auto.tfvars.json");
        assert_eq!(refused("schema/tenant-inputs.schema.json", &file), Vec::<String>::new());
        let text = fs::read_to_string(&file).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(text, format!("{value:#}\n"), "keys sorted, two blanks, one line feed");
        assert_eq!(value["fleet"]["services"]["upgrade"]["kind"], "task");
    }
    assert_eq!(export(), (0, "dev: current\nprod: current\n".to_owned()));
}

#[test]
fn a_stale_file_is_a_conflict_with_its_differences_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    tidegate(&["tenants", "export", "--dir", dir]);
    let file = folder.path().join("prod/fleet.auto.tfvars.json");
    let stale = fs::read_to_string(&file).unwrap().replacen("\"state\": \"paused\"", "\"state\": \"active\"", 1);
    fs::write(&file, &stale).unwrap();
    let (code, said) = tidegate(&["tenants", "export", "--check", "--dir", dir]);
    assert_eq!(code, 5);
    insta::assert_snapshot!(said, @r#"
    prod: tenants.initech.state: "active", should be "paused"
    the committed inputs of prod are not current [inputs_stale]
      run `tidegate tenants export` and commit what it writes
    "#);
    assert_eq!(fs::read_to_string(&file).unwrap(), stale);
}

#[test]
fn a_tenant_that_vanished_stops_the_export_of_every_fleet() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    tidegate(&["tenants", "export", "--dir", dir]);
    let fleet = folder.path().join("fleet.yaml");
    let text = fs::read_to_string("fleet.yaml").unwrap();
    let text: String =
        text.lines().filter(|line| !line.contains("id: stark")).map(|line| format!("{line}\n")).collect();
    fs::write(&fleet, text.replace("{ id: acme, ", "{ id: acme, state: paused, ")).unwrap();
    let before = fs::read(folder.path().join("dev/fleet.auto.tfvars.json")).unwrap();
    let (code, said) = tidegate(&["tenants", "export", "--dir", dir, "--file", fleet.to_str().unwrap()]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(said, @"
    tenant `stark` is in the inputs of prod as active, and fleet.yaml does not have it any more [tenant_vanished]
      put its line back and let `tidegate tenants offboard` take it out: after it was `state: offboarding`, with a tombstone
    ");
    assert_eq!(fs::read(folder.path().join("dev/fleet.auto.tfvars.json")).unwrap(), before);
}

#[test]
fn tenants_are_listed_and_shown() {
    let (code, said) = tidegate(&["tenants", "list", "--fleet", "prod"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(said, @"
     tenant     fleet  cell    place  state   tier      tags    pin    licence
     cyberdyne  prod   prod-1  s1/7   active  standard  -       -      -
     globex     prod   prod-1  s1/1   active  standard  canary  -      2027-06-30
     initech    prod   prod-1  s1/2   paused  -         -       -      -
     soylent    prod   prod-1  s1/9   active  standard  -       0.0.9  -
     stark      prod   prod-1  s1/4   active  premium   -       -      -
     tyrell     prod   prod-1  s1/8   active  standard  -       -      -
     umbrella   prod   prod-1  s1/3   active  premium   -       -      -
     wayne      prod   prod-1  s1/5   active  premium   -       -      -
     wonka      prod   prod-1  s1/6   active  standard  -       -      -
    ");
    let (code, said) = tidegate(&["tenants", "show", "umbrella"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(said, @"
    umbrella
      fleet    prod
      cell     prod-1, cluster accessos-prod
      place    s1/3
      state    active
      host     access.umbrella.example
      tier     premium
      tags     -
      pin      -
      licence  -
      data     rds: database, evidence: bucket
    ");
    let (_, json) = tidegate(&["tenants", "show", "globex", "--json"]);
    let tenant = &serde_json::from_str::<Value>(&json).unwrap()["tenant"];
    assert_eq!((&tenant["shard"], &tenant["slot"]), (&Value::from("s1"), &Value::from(1)));
    assert_eq!(tenant["licensed_until"], "2027-06-30");
    assert_eq!(tidegate(&["tenants", "show", "nobody"]), (2, "fleet.yaml has no tenant `nobody`\n".to_owned()));
    assert_eq!(tidegate(&["tenants", "list", "--fleet", "nowhere"]).0, 2);
    assert_eq!(tidegate(&["tenants", "list", "--dir", "infra/env"]).0, 2);
}
