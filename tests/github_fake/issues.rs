//! Comments and labels.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{assert_lawful, delete, get, post, seed, send};
use crate::github::GithubFake;
use crate::people::pull;

fn fake() -> GithubFake {
    GithubFake::start(seed().pull(pull(7)))
}

#[tokio::test]
async fn a_comment_is_written_and_rewritten() {
    let fake = fake();
    let path = "/issues/7/comments";
    let created = post(&fake, path, json!({ "body": "Wave 1" })).await;
    assert_eq!(created.status, 201);
    let one = format!("/issues/comments/{}", created.body["id"]);
    let updated = send(&fake, Method::PATCH, &one, json!({ "body": "Wave 2" })).await;
    assert_eq!(updated.status, 200);
    assert_eq!(get(&fake, path).await.each("body"), ["Wave 2"]);
    assert_eq!(get(&fake, &one).await.body, updated.body);
    assert_eq!(fake.comments(7)[0].body, "Wave 2");
    assert_eq!(delete(&fake, &one).await.status, 204);
    assert_eq!(fake.comments(7).len(), 0);
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_comment_needs_an_issue_and_a_body_of_bounded_length() {
    let fake = fake();
    let write = async |issue: u64, body: String| {
        let path = format!("/issues/{issue}/comments");
        post(&fake, &path, json!({ "body": body })).await.status
    };
    assert_eq!(write(8, "x".to_owned()).await, 404);
    assert_eq!(write(7, String::new()).await, 422);
    assert_eq!(write(7, "x".repeat(65_536)).await, 201);
    assert_eq!(write(7, "x".repeat(65_537)).await, 422);
    assert_lawful(&fake);
}

#[tokio::test]
async fn labels_come_and_go() {
    let fake = fake();
    let path = "/issues/7/labels";
    let added = post(&fake, path, json!({ "labels": ["tide: out", "bug"] })).await;
    assert_eq!(added.each("name"), ["bug", "tide: out"]);
    let left = delete(&fake, "/issues/7/labels/tide%3A%20out").await;
    assert_eq!(left.each("name"), ["bug"]);
    assert_eq!(
        delete(&fake, "/issues/7/labels/tide%3A%20out").await.status,
        404
    );
    assert_eq!(get(&fake, path).await.each("name"), ["bug"]);
    assert_eq!(fake.labels(7), ["bug"]);
    assert_eq!(
        send(&fake, Method::GET, "/issues/8/labels", Value::Null)
            .await
            .status,
        404
    );
    assert_lawful(&fake);
}
