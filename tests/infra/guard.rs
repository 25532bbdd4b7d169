//! `infra-guard` as the built binary does it: over small plans with one idea each (`tests/infra_guard`), and over
//! those that Terraform made of this repository's own stack (`infra/test/plans`).
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test reads files, and a panic is its report")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::export::tidegate;

fn guard(plan: &str) -> (i32, String) {
    tidegate(&["infra-guard", plan])
}

fn small(name: &str) -> (i32, String) {
    guard(&format!("tests/infra_guard/{name}.json"))
}

#[test]
fn what_takes_nothing_of_value_away_passes() {
    for name in ["pause", "offboard", "cpu"] {
        let (code, said) = small(name);
        assert_eq!(code, 0, "{name}: {said}");
        assert!(said.ends_with("nothing of value would be lost\n"), "{name}: {said}");
    }
}

#[test]
fn a_tenant_that_is_removed_is_told_in_words() {
    let (code, said) = small("tenant-removed");
    assert_eq!(code, 4);
    insta::assert_snapshot!(said, @r#"
    plan 054bb7fea629a669c0cd5cdfe3c058fe7463638e0e26c1a96456f7a4277a79ce
     lost                                                                                         how        what goes with it
     module.fleet.module.tenant["stark"].aws_secretsmanager_secret.this["session-signing"]        destroyed  accessos/prod/stark/session-signing: a secret that somebody put in by hand
     module.fleet.module.tenant["stark"].aws_sqs_queue.this                                       destroyed  accessos-prod-stark: a queue with messages that were not worked on
     module.fleet.module.tenant["stark"].module.set.aws_cloudwatch_log_group.this["iam-service"]  destroyed  /accessos/prod/stark/iam-service: logs, those of audits among them
     module.fleet.module.tenant["stark"].module.set.aws_ecs_service.this["iam-service"]           destroyed  accessos-prod-stark-iam-service: a service that runs: made anew it begins at zero tasks and waits for a release
    tenant stark goes as a whole: 6 things, 4 of value
    6 things would be lost, and nothing approves it [loss_not_approved]
      if it is meant: fill in the approval that `--json` shows, have a second person approve, give it with --approval
    "#);
    let (code, said) = small("line-deleted");
    assert_eq!(code, 4);
    assert!(said.contains("accessos-prod-evidence-222222222222-umbrella: a bucket with every object in it"), "{said}");
    assert!(said.contains("tenant umbrella goes as a whole: 7 things, 5 of value"), "{said}");
}

#[test]
fn what_is_lost_otherwise_needs_an_approval_too() {
    let (code, said) = small("module-deleted");
    assert_eq!((code, said.matches("goes as a whole: 5 things, 4 of value").count()), (4, 2), "{said}");
    let (code, said) = small("database-replaced");
    assert_eq!(code, 4);
    assert!(said.contains("replaced  accessos-prod-s1: a database with the rows of up to 20 tenants"), "{said}");
    let (code, said) = small("forget");
    assert_eq!(code, 4);
    assert!(said.contains("forgotten"), "{said}");
    assert!(!said.contains("route53"), "a record holds nothing: {said}");
}

#[test]
fn what_is_not_understood_is_bad_input() {
    let (code, said) = small("unknown-action");
    assert_eq!(code, 2);
    insta::assert_snapshot!(said, @r#"
    the plan is not understood: module.fleet.module.data.aws_db_instance.this["s1"]: the action `archive` is not known [plan_not_understood]
      give it what `terraform show -json PLAN` prints, with the Terraform that infra/ pins
    the plan is not understood: aws_route.this: the action `delete, archive` is not known [plan_not_understood]
      give it what `terraform show -json PLAN` prints, with the Terraform that infra/ pins
    "#);
    for name in ["truncated", "not-there"] {
        assert_eq!(small(name).0, 2, "{name}");
    }
}

#[test]
fn names_cannot_move_the_cursor_or_be_another_address() {
    let (code, said) = small("hostile");
    assert_eq!(code, 4, "{said}");
    insta::assert_snapshot!(said, @r#"
    plan e270dfcdc0ef0c511d89c3dbf531755ba514f2ce11f3eaf58bb7badeea71804b
     lost                                                                           how        what goes with it
     module.fleet.module.data.aws_s3_bucket.evidence["x\"].module.tenant[\"stark"]  destroyed  evil\u{1b}[2K\nnothing of value would be lost: a bucket with every object in it: evidence, logs, records, or Terraform's state
    1 thing would be lost, and nothing approves it [loss_not_approved]
      if it is meant: fill in the approval that `--json` shows, have a second person approve, give it with --approval
    "#);
}

/// Whole plans as Terraform 1.11 printed them, of three tenants with one thing each, two with keys that need quoting:
/// the shape is its own, and so are its reasons for taking things away.
#[test]
fn whole_plans_of_terraform_are_understood() {
    let lost = |name: &str| {
        let (code, json) = tidegate(&["infra-guard", &format!("tests/infra_guard/whole-{name}.json"), "--json"]);
        (code, serde_json::from_str::<Value>(&json).unwrap()["tenants"].take())
    };
    assert_eq!(lost("no-change"), (0, serde_json::json!([])));
    assert_eq!(lost("tenant-gone"), (4, serde_json::json!(["acme"])));
    assert_eq!(lost("block-gone"), (4, serde_json::json!(["${q}", "acme", "x\"].module.tenant[\"acme"])));
}

/// The draft that a refusal shows, filled in, is an approval of that plan and of no other.
#[test]
fn the_draft_filled_in_counts_for_that_plan_alone() {
    let folder = tempfile::tempdir().unwrap();
    let approve = |plan: &str, name: &str| {
        let (code, json) = tidegate(&["infra-guard", plan, "--json"]);
        let mut draft = serde_json::from_str::<Value>(&json).unwrap()["approval"].take();
        assert_eq!(code, 4, "{plan}");
        for (key, value) in [("reason", "contract ended"), ("expires", "9999-12-30"), ("requested_by", "ada")] {
            draft[key] = value.into();
        }
        draft["approved_by"] = "grace".into();
        assert_eq!(refused(&draft), Vec::<String>::new());
        let file = folder.path().join(name);
        fs::write(&file, draft.to_string()).unwrap();
        file
    };
    let one = approve("tests/infra_guard/tenant-removed.json", "one.json");
    let other = approve("tests/infra_guard/forget.json", "other.json");
    let with = |plan: &str, approval: &Path| tidegate(&["infra-guard", plan, "--approval", approval.to_str().unwrap()]);
    let (code, said) = with("tests/infra_guard/tenant-removed.json", &one);
    assert_eq!(code, 0, "{said}");
    assert!(said.ends_with("this loss is approved\n"), "{said}");
    let (code, said) = with("tests/infra_guard/tenant-removed.json", &other);
    assert_eq!(code, 4);
    assert_eq!(said.matches("[approval_does_not_count]").count(), 8, "digest, six missing, one beyond: {said}");
    assert_eq!(with("tests/infra_guard/tenant-removed.json", &folder.path().join("none.json")).0, 2);
    assert_eq!(with("tests/infra_guard/tenant-removed.json", Path::new("tests/infra_guard/cpu.json")).0, 2);
}

fn refused(approval: &Value) -> Vec<String> {
    let schema = fs::read_to_string("schema/infra-approval.schema.json").unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    validator.iter_errors(approval).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_schema_refuses_what_the_guard_refuses() {
    let good = serde_json::json!({
        "schema": 1, "plan": "0".repeat(64), "lost": ["aws_vpc.this"], "reason": "x", "expires": "2026-12-31",
        "requested_by": "ada", "approved_by": "grace",
    });
    assert_eq!(refused(&good), Vec::<String>::new());
    for (key, bad) in [
        ("schema", Value::from(2)),
        ("plan", "0".into()),
        ("lost", Value::Array(Vec::new())),
        ("reason", "".into()),
        ("requested_by", "-ada".into()),
        ("approved_by", "gr ace".into()),
        ("force", true.into()),
    ] {
        let mut approval = good.clone();
        approval[key] = bad;
        assert_ne!(refused(&approval), Vec::<String>::new(), "{key}");
    }
}

/// Plans over a real state of `infra/`, as `infra/test/run plans` makes them.
#[test]
fn plans_of_the_own_stack_are_judged_as_meant() {
    let expected = [
        ("pause", 0),
        ("resume", 0),
        ("offboard", 0),
        ("cpu", 0),
        ("database-replaced", 4),
        ("removed", 4),
        ("line-deleted", 4),
    ];
    for (name, code) in expected {
        let (exit, said) = guard(&format!("infra/test/plans/{name}.json"));
        assert_eq!(exit, code, "{name}: {said}");
    }
    let there: BTreeSet<String> = files(Path::new("infra/test/plans"), "json")
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(there, expected.iter().map(|(name, _)| (*name).to_owned()).collect());
    let (_, said) = guard("infra/test/plans/removed.json");
    assert!(said.contains("tenant stark goes as a whole: 66 things"), "{said}");
    // Its plan was made while it was active: gone with its routes, it was never offboarding, and no approval helps.
    assert!(said.contains("tenant `stark` still has routes in this plan"), "{said}");
    let (_, said) = guard("infra/test/plans/line-deleted.json");
    assert!(said.contains("tenant umbrella goes as a whole: 76 things"), "{said}");
}

/// Whoever adds a type of resource to `infra/` says in the guard what is lost with it.
#[test]
fn what_every_type_of_the_stack_holds_is_known() {
    let mut unknown = BTreeSet::new();
    for file in files(Path::new("infra"), "tf") {
        let text = fs::read_to_string(&file).unwrap();
        let kinds = text.lines().filter_map(|line| line.strip_prefix("resource \"")?.split_once('"'));
        unknown.extend(
            kinds.filter(|(kind, _)| !tidegate::domain::infra_guard::is_known(kind)).map(|(k, _)| k.to_owned()),
        );
    }
    assert_eq!(unknown, BTreeSet::new());
}

/// Files below a folder by their ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let deeper = |path: PathBuf| if path.is_dir() { files(&path, ending) } else { vec![path] };
    entries.flat_map(deeper).filter(|path| path.extension().is_some_and(|e| e == ending)).collect()
}
