//! The check against GitHub's description can fail: each kind of disagreement is reported.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{deploy, fake, get, post, report, send};
use crate::github::GithubFake;

/// The only violation so far.
fn only(fake: &GithubFake) -> String {
    let violations = fake.violations();
    assert_eq!(violations.len(), 1, "{violations:#?}");
    violations[0].clone()
}

#[tokio::test]
async fn a_wrong_answer_is_reported() {
    let fake = fake();
    fake.tamper(|body| body["id"] = "one".into());
    post(&fake, "/deployments", json!({ "ref": "main" })).await;
    let expected = "POST /repos/acme/fleet/deployments 201 /id: \"one\" is not of type \"integer\"";
    assert_eq!(only(&fake), expected);
}

#[tokio::test]
async fn a_missing_field_deep_in_an_answer_is_reported() {
    let fake = fake();
    deploy(&fake, "prod").await;
    fake.tamper(|body| drop(body[0]["creator"].as_object_mut().unwrap().remove("login")));
    get(&fake, "/deployments").await;
    assert!(only(&fake).contains(" 200 /0/creator: "), "{}", only(&fake));
}

#[tokio::test]
async fn a_wrong_request_is_reported() {
    let fake = fake();
    post(
        &fake,
        "/deployments",
        json!({ "ref": "main", "auto_merge": "no" }),
    )
    .await;
    let expected =
        "POST /repos/acme/fleet/deployments request /auto_merge: \"no\" is not of type \"boolean\"";
    assert_eq!(only(&fake), expected);
}

#[tokio::test]
async fn a_state_that_cannot_be_written_is_reported() {
    let fake = fake();
    let id = deploy(&fake, "prod").await;
    assert_eq!(report(&fake, id, "waiting", Value::Null).await.status, 422);
    assert!(only(&fake).contains("request /state: \"waiting\" is not one of"));
}

#[tokio::test]
async fn a_misspelt_field_is_reported() {
    let fake = fake();
    post(
        &fake,
        "/deployments",
        json!({ "ref": "main", "autoMerge": false }),
    )
    .await;
    assert!(only(&fake).ends_with("/autoMerge: GitHub knows no such field"));
}

#[tokio::test]
async fn a_missing_body_is_reported() {
    let fake = fake();
    post(&fake, "/deployments", Value::Null).await;
    assert!(only(&fake).ends_with("request /: a body is missing"));
}

#[tokio::test]
async fn unknown_and_misused_parameters_are_reported() {
    let fake = fake();
    get(&fake, "/deployments?state=success").await;
    assert!(only(&fake).ends_with("?state: GitHub knows no such parameter"));
    get(&fake, "/deployments?per_page=many").await;
    assert!(fake.violations()[1].contains("per_page: `many` does not fit"));
}

#[tokio::test]
async fn an_unknown_path_and_method_are_reported() {
    let fake = fake();
    assert_eq!(get(&fake, "/no-such-thing").await.status, 404);
    assert!(only(&fake).ends_with("not in GitHub's description"));
    send(&fake, Method::PUT, "/deployments", Value::Null).await;
    assert_eq!(fake.violations().len(), 2);
}
