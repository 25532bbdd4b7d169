//! The rules of deployment statuses.

use serde_json::{Value, json};

use crate::client::{assert_lawful, deploy, fake, get, post, report};

#[tokio::test]
async fn are_appended_and_listed_newest_first() {
    let fake = fake();
    let id = deploy(&fake, "prod").await;
    let more = json!({ "description": "w1/2 ok=3", "log_url": "https://example.com/run/1" });
    let first = report(&fake, id, "in_progress", more).await;
    assert_eq!(first.status, 201);
    assert_eq!(first.body["target_url"], "https://example.com/run/1");
    report(&fake, id, "success", Value::Null).await;
    let path = format!("/deployments/{id}/statuses");
    let list = get(&fake, &path).await;
    assert_eq!(list.each("state"), ["success", "in_progress"]);
    let one = get(&fake, &format!("{path}/{}", first.body["id"])).await;
    assert_eq!(one.body, first.body);
    let states: Vec<_> = fake
        .statuses(id)
        .into_iter()
        .map(|status| status.state)
        .collect();
    assert_eq!(states, ["in_progress", "success"]);
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_long_description_is_refused() {
    let fake = fake();
    let id = deploy(&fake, "prod").await;
    let of = |length| json!({ "description": "é".repeat(length) });
    assert_eq!(report(&fake, id, "success", of(140)).await.status, 201);
    let refusal = report(&fake, id, "success", of(141)).await;
    assert_eq!(refusal.status, 422);
    assert_eq!(refusal.body["errors"][0]["field"], "description");
    assert_eq!(fake.statuses(id).len(), 1);
    assert_lawful(&fake);
}

#[tokio::test]
async fn need_a_deployment() {
    let fake = fake();
    assert_eq!(report(&fake, 77, "success", Value::Null).await.status, 404);
    assert_lawful(&fake);
}

#[tokio::test]
async fn may_move_the_deployment_to_another_environment() {
    let fake = fake();
    let id = deploy(&fake, "blue").await;
    report(&fake, id, "success", json!({ "environment": "green" })).await;
    let deployment = get(&fake, &format!("/deployments/{id}")).await.body;
    assert_eq!(deployment["environment"], "green");
    assert_eq!(deployment["original_environment"], "blue");
}

/// Only a prior success in the same environment, neither production nor transient, is superseded.
#[tokio::test]
async fn success_supersedes_few() {
    let fake = fake();
    let deploy = async |environment: &str, more: Value, state: &str| {
        let mut body = json!({ "ref": "main", "environment": environment });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let id = post(&fake, "/deployments", body).await.body["id"]
            .as_u64()
            .unwrap();
        report(&fake, id, state, json!({ "auto_inactive": false })).await;
        id
    };
    let plain = deploy("a", json!({}), "success").await;
    let spared = [
        deploy("b", json!({}), "success").await,
        deploy("a", json!({ "production_environment": true }), "success").await,
        deploy("a", json!({ "transient_environment": true }), "success").await,
        deploy("a", json!({}), "failure").await,
    ];
    let last = deploy("a", json!({}), "success").await;
    assert_eq!(
        fake.statuses(plain).len(),
        1,
        "auto_inactive: false leaves others alone"
    );
    report(&fake, last, "success", Value::Null).await;
    assert_eq!(fake.statuses(plain).last().unwrap().state, "inactive");
    for id in spared {
        assert_eq!(fake.statuses(id).len(), 1);
    }
    assert_lawful(&fake);
}
