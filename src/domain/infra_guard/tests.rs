//! Plans in small, one idea each: what counts as a loss, what is not understood, and which approval counts.

use serde_json::{Value, json};

use super::*;

const TODAY: &str = "2026-11-25";

fn change(module: &str, kind: &str, key: Option<&str>, actions: &[&str], why: Option<&str>) -> Value {
    let index = key.map(|key| format!("[{}]", json!(key))).unwrap_or_default();
    let path = if module.is_empty() { String::new() } else { format!("{module}.") };
    let mut change = json!({
        "address": format!("{path}{kind}.this{index}"), "mode": "managed", "type": kind, "name": "this",
        "change": {"actions": actions, "before": {"name": "called-so"}, "after": null},
    });
    for (name, value) in
        [("module_address", (!module.is_empty()).then_some(module)), ("index", key), ("action_reason", why)]
    {
        if let Some(value) = value {
            change[name] = json!(value);
        }
    }
    change
}

fn plan(changes: &[Value]) -> Vec<u8> {
    json!({"format_version": "1.2", "resource_changes": changes}).to_string().into_bytes()
}

fn judged(plan: &[u8], approval: Option<&Value>) -> Result<Verdict, Vec<Reason>> {
    let approval = approval.map(|approval| approval.to_string().into_bytes());
    judge(plan, approval.as_deref(), TODAY.parse().unwrap())
}

fn lost(changes: &[Value]) -> Vec<String> {
    judged(&plan(changes), None).unwrap().losses.into_iter().map(|loss| loss.address).collect()
}

fn sentences(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| format!("{reason}\n")).collect()
}

const ACME: &str = "module.fleet.module.tenant[\"acme\"]";

#[test]
fn what_holds_something_is_a_loss_however_it_goes() {
    for actions in [&["delete"][..], &["delete", "create"], &["create", "delete"], &["forget"], &["create", "forget"]] {
        let database = change("module.data", "aws_db_instance", Some("s1"), actions, None);
        assert_eq!(lost(&[database]), ["module.data.aws_db_instance.this[\"s1\"]"], "{actions:?}");
    }
    for actions in ["no-op", "create", "read", "update"] {
        assert!(lost(&[change("", "aws_db_instance", None, &[actions], None)]).is_empty(), "{actions}");
    }
    assert!(lost(&[change("", "aws_route", None, &["delete"], None)]).is_empty());
    assert_eq!(lost(&[change("", "aws_invented", None, &["delete"], None)]).len(), 1);
}

#[test]
fn an_old_copy_that_is_destroyed_is_a_loss_too() {
    let mut old = change("", "aws_kms_key", None, &["delete"], None);
    old["deposed"] = json!("00000001");
    assert_eq!(
        lost(&[change("", "aws_kms_key", None, &["no-op"], None), old]),
        ["aws_kms_key.this (deposed object 00000001)"]
    );
}

#[test]
fn a_tenant_whose_module_goes_is_lost_with_everything_under_its_key() {
    let role = |why| change(ACME, "aws_iam_role", None, &["delete"], why);
    let record =
        change("module.edge", "aws_route53_record", Some("acme"), &["delete"], Some("delete_because_each_key"));
    let other =
        change("module.edge", "aws_route53_record", Some("hooli"), &["delete"], Some("delete_because_each_key"));
    for why in [Some("delete_because_no_module"), Some("delete_because_no_move_target"), Some("something_new"), None] {
        assert_eq!(lost(&[role(why), record.clone(), other.clone()]).len(), 2, "{why:?}");
    }
    assert!(lost(&[role(Some("delete_because_each_key")), record]).is_empty());
    let forgotten = change(ACME, "aws_iam_role", None, &["forget"], None);
    assert_eq!(judged(&plan(&[forgotten]), None).unwrap().tenants, BTreeSet::from(["acme".to_owned()]));
}

/// The block of a module being taken out looks like the block of one thing in it: what stays tells them apart.
#[test]
fn the_block_of_the_module_taken_out_loses_every_tenant() {
    let rule = change(ACME, "aws_iam_role", None, &["delete"], Some("delete_because_no_resource_config"));
    assert_eq!(lost(std::slice::from_ref(&rule)).len(), 1);
    let stays = change(ACME, "aws_sqs_queue", None, &["no-op"], None);
    assert!(lost(&[rule, stays]).is_empty());
}

#[test]
fn what_is_not_known_is_refused_and_all_of_it_told() {
    let mut strange = change("", "aws_route", None, &["obliterate"], None);
    let mut lies = change("", "aws_route", None, &["delete"], None);
    lies["type"] = json!("aws_db_instance");
    let mut nowhere = change("", "aws_route", None, &["delete"], None);
    nowhere["module_address"] = json!("module.tenant[acme]");
    let mut ephemeral = change("", "aws_route", None, &["delete"], None);
    ephemeral["mode"] = json!("ephemeral");
    strange["name"] = json!("this");
    let mut file: Value = serde_json::from_slice(&plan(&[strange, lies, nowhere, ephemeral])).unwrap();
    file["format_version"] = json!("2.0");
    file["errored"] = json!(true);
    file["complete"] = json!(false);
    insta::assert_snapshot!(sentences(&judged(file.to_string().as_bytes(), None).unwrap_err()), @"
    the plan is not understood: its format is 2.0, and 1.2 is what is known
    the plan is not understood: Terraform stopped with an error while it planned
    the plan is not understood: it leaves changes for later, so it does not show everything that will happen
    the plan is not understood: aws_route.this: the action `obliterate` is not known
    the plan is not understood: aws_route.this: its parts make another address, aws_db_instance.this
    the plan is not understood: aws_route.this: its module's address is none
    the plan is not understood: aws_route.this: the mode `ephemeral` is not known
    ");
    let new = json!({"format_version": "1.2", "resource_changes": [], "action_invocations": []});
    let twice = "{\"format_version\":\"1.2\",\"resource_changes\":[],\"resource_changes\":[]}";
    for bad in [new.to_string().as_str(), twice, "{\"format_version\":\"1.2\"}", "[]", "", "{\"format_version\":\"1."] {
        assert_eq!(judged(bad.as_bytes(), None).unwrap_err()[0].code(), "plan_not_understood", "{bad}");
    }
}

#[test]
fn a_plan_that_is_cut_off_is_no_plan_wherever_it_is_cut() {
    let (plan, _) = approved();
    for length in 0..plan.len() {
        assert!(judged(&plan[..length], None).is_err(), "{length} of {} bytes", plan.len());
    }
}

#[test]
fn a_name_that_is_marked_sensitive_is_not_told() {
    let mut secret = change("", "aws_secretsmanager_secret", None, &["delete"], None);
    secret["change"]["before_sensitive"] = json!({"name": true});
    assert_eq!(judged(&plan(std::slice::from_ref(&secret)), None).unwrap().losses[0].called, None);
    secret["change"]["before_sensitive"] = json!(true);
    assert_eq!(judged(&plan(&[secret]), None).unwrap().losses[0].called, None);
}

/// Two losses and the approval that fits them.
fn approved() -> (Vec<u8>, Value) {
    let plan = plan(&[
        change("", "aws_db_instance", Some("s1"), &["delete", "create"], None),
        change("", "aws_sqs_queue", None, &["delete"], None),
    ]);
    let approval = json!({
        "schema": 1, "plan": ContentHash::of(&plan), "lost": ["aws_db_instance.this[\"s1\"]", "aws_sqs_queue.this"],
        "reason": "moved to another engine", "expires": TODAY, "requested_by": "ada", "approved_by": "grace",
    });
    (plan, approval)
}

#[test]
fn an_approval_of_exactly_this_counts() {
    let (plan, approval) = approved();
    assert_eq!(judged(&plan, Some(&approval)).unwrap().refused, []);
    assert_eq!(judged(&plan, None).unwrap().refused[0].code(), "loss_not_approved");
}

#[test]
fn an_approval_of_anything_else_does_not() {
    let (plan, good) = approved();
    let with = |key: &str, value: Value| {
        let mut approval = good.clone();
        approval[key] = value;
        judged(&plan, Some(&approval)).unwrap().refused
    };
    for (key, value) in [
        ("schema", json!(2)),
        ("plan", json!("0".repeat(64))),
        ("lost", json!(["aws_sqs_queue.this"])),
        ("lost", json!(["aws_db_instance.this[\"s1\"]", "aws_sqs_queue.this", "aws_kms_key.this"])),
        ("lost", json!(["aws_db_instance.this[\"s1\"]", "aws_sqs_queue.this", "aws_sqs_queue.this"])),
        ("reason", json!(" ")),
        ("expires", json!("2026-11-24")),
        ("approved_by", json!("ada")),
        ("approved_by", json!("ADA")),
        ("approved_by", json!("аda")),
        ("requested_by", json!("")),
    ] {
        let refused = with(key, value.clone());
        assert_eq!(refused.len(), 1, "{key} {value}: {refused:?}");
        assert_eq!(refused[0].code(), "approval_does_not_count");
    }
    let mut all = good;
    all["plan"] = json!("0".repeat(64));
    all["lost"] = json!(["aws_kms_key.this"]);
    all["expires"] = json!("2026-01-01");
    all["approved_by"] = json!("Ada");
    insta::assert_snapshot!(sentences(&judged(&plan, Some(&all)).unwrap().refused), @r#"
    the approval does not count: it is for the plan 000000000000, and this is eeaaff911a27
    the approval does not count: it counted until 2026-01-01, and today is 2026-11-25
    the approval does not count: whoever asks for it cannot approve it; a second person must
    the approval does not count: aws_db_instance.this["s1"] would be lost and is not in it
    the approval does not count: aws_sqs_queue.this would be lost and is not in it
    the approval does not count: aws_kms_key.this is in it and is not lost
    "#);
}

#[test]
fn what_is_no_approval_is_bad_input() {
    let (plan, good) = approved();
    for key in ["schema", "plan", "lost", "reason", "expires", "requested_by", "approved_by"] {
        let mut approval = good.clone();
        approval.as_object_mut().unwrap().remove(key);
        assert_eq!(judged(&plan, Some(&approval)).unwrap_err()[0].code(), "approval_unreadable", "{key}");
    }
    let mut more = good;
    more["force"] = json!(true);
    assert!(judged(&plan, Some(&more)).is_err());
}
