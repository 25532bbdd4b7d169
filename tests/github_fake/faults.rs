//! Each way of going wrong: what the client sees, and whether the effect took place.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Reply, assert_lawful, deploy, fake, get, graphql, http, post, receive, report, request};
use crate::github::{Fault, FaultKind, GithubFake};

/// Posts a deployment under the fault; the reply, and how many deployments there are then.
async fn under(fake: &GithubFake, kind: FaultKind) -> (reqwest::Result<Reply>, usize) {
    fake.fault(Fault::once(Method::POST, "/deployments", kind));
    let url = format!("{}/repos/acme/fleet/deployments", fake.url());
    let post = http().post(url).bearer_auth("any");
    let reply = receive(post, request("prod")).await;
    (reply, fake.deployments().len())
}

#[tokio::test]
async fn a_status_comes_before_the_effect() {
    let fake = fake();
    let (reply, deployments) = under(&fake, FaultKind::Status(500)).await;
    assert_eq!((reply.unwrap().status, deployments), (500, 0));
    deploy(&fake, "prod").await;
    assert_eq!(fake.deployments().len(), 1, "a fault is used up");
    assert_lawful(&fake);
}

#[tokio::test]
async fn the_end_of_a_path_can_be_pinned() {
    let fake = fake();
    let id = deploy(&fake, "prod").await;
    let kind = FaultKind::Status(503);
    fake.fault(Fault::once(Method::POST, "/deployments$", kind));
    let status = report(&fake, id, "queued", Value::Null).await;
    assert_eq!(status.status, 201);
    let create = post(&fake, "/deployments", request("prod")).await;
    assert_eq!(create.status, 503);
}

#[tokio::test]
async fn a_bad_gateway_can_follow_the_effect() {
    let fake = fake();
    let (reply, deployments) = under(&fake, FaultKind::BadGatewayAfterEffect).await;
    assert_eq!((reply.unwrap().status, deployments), (502, 1));
    assert_lawful(&fake);
}

#[tokio::test]
async fn limits_say_when_to_come_back_or_do_not() {
    let fake = fake();
    let retry_after = Some(7);
    for (kind, status, header) in [
        (FaultKind::SecondaryLimit { retry_after }, 403, "7"),
        (FaultKind::SecondaryLimit { retry_after: None }, 403, ""),
        (FaultKind::TooManyRequests { retry_after }, 429, "7"),
        (FaultKind::TooManyRequests { retry_after: None }, 429, ""),
    ] {
        let (reply, deployments) = under(&fake, kind).await;
        let reply = reply.unwrap();
        assert_eq!((reply.status, deployments), (status, 0));
        assert_eq!(reply.header("retry-after"), header);
        assert!(reply.text.contains("secondary rate limit"));
    }
    let (reply, _) = under(&fake, FaultKind::PrimaryLimit { reset_in: 60 }).await;
    assert_eq!(reply.unwrap().header("x-ratelimit-remaining"), "0");
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_reset_leaves_no_answer() {
    let fake = fake();
    let (reply, deployments) = under(&fake, FaultKind::Reset).await;
    assert!(reply.is_err());
    assert_eq!(deployments, 0);
    let (reply, deployments) = under(&fake, FaultKind::ResetAfterEffect).await;
    assert!(reply.is_err());
    assert_eq!(deployments, 1);
    assert_eq!(fake.requests()[0].status, 0);
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_delay_only_delays() {
    let fake = fake();
    let start = Instant::now();
    let (reply, deployments) = under(&fake, FaultKind::Delay(Duration::from_millis(200))).await;
    assert_eq!((reply.unwrap().status, deployments), (201, 1));
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn graphql_fails_inside_a_200() {
    let fake = fake();
    let kind =
        FaultKind::GraphqlErrors { kind: "RATE_LIMITED".to_owned(), message: "API rate limit exceeded".to_owned() };
    fake.fault(Fault::once(Method::POST, "deployments(", kind));
    let id = "{ repository(owner: \"acme\", name: \"fleet\") { id } }";
    assert!(graphql(&fake, id, Value::Null).await["errors"].is_null(), "another operation");
    let answer = list(&fake).await;
    assert_eq!(answer["errors"][0]["type"], "RATE_LIMITED");
    assert!(list(&fake).await["errors"].is_null());
}

#[tokio::test]
async fn a_status_list_can_wait() {
    let fake = fake();
    let id = deploy(&fake, "prod").await;
    report(&fake, id, "queued", Value::Null).await;
    fake.fault(Fault::once(Method::GET, "/deployments", FaultKind::WaitingStatus));
    let path = format!("/deployments/{id}/statuses");
    get(&fake, "/deployments").await;
    assert_eq!(get(&fake, &path).await.each("state"), ["waiting"]);
    assert_eq!(get(&fake, &path).await.each("state"), ["queued"]);
    fake.fault(Fault::once(Method::POST, "/graphql", FaultKind::WaitingStatus));
    let status = "/data/repository/deployments/nodes/0/latestStatus/state";
    assert_eq!(list(&fake).await.pointer(status), Some(&json!("WAITING")));
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_list_can_lag_behind() {
    let fake = fake();
    let (old, new) = (deploy(&fake, "prod").await, deploy(&fake, "prod").await);
    fake.fault(Fault::once(Method::GET, "/deployments", FaultKind::StaleList).times(2));
    assert_eq!(get(&fake, &format!("/deployments/{new}")).await.status, 200);
    for expected in [vec![old], vec![old], vec![new, old]] {
        assert_eq!(json!(get(&fake, "/deployments").await.each("id")), json!(expected));
    }
    fake.fault(Fault::once(Method::POST, "/graphql", FaultKind::StaleList));
    let nodes = |answer: Value| answer["data"]["repository"]["deployments"]["nodes"].clone();
    assert_eq!(nodes(list(&fake).await).as_array().unwrap().len(), 1);
    assert_eq!(nodes(list(&fake).await).as_array().unwrap().len(), 2);
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_list_can_come_the_other_way_round() {
    let fake = fake();
    let (old, new) = (deploy(&fake, "prod").await, deploy(&fake, "prod").await);
    fake.fault(Fault::once(Method::GET, "/deployments", FaultKind::ReversedList));
    for expected in [vec![old, new], vec![new, old]] {
        assert_eq!(json!(get(&fake, "/deployments").await.each("id")), json!(expected));
    }
    fake.fault(Fault::once(Method::POST, "/graphql", FaultKind::ReversedList));
    let first = "/data/repository/deployments/nodes/0/databaseId";
    // Oldest first is GraphQL's own order.
    assert_eq!(list(&fake).await.pointer(first), Some(&json!(new)));
    assert_eq!(list(&fake).await.pointer(first), Some(&json!(old)));
    assert_lawful(&fake);
}

#[tokio::test]
async fn writes_are_counted_and_reads_are_not() {
    let fake = fake();
    deploy(&fake, "prod").await;
    get(&fake, "/deployments").await;
    list(&fake).await;
    let input = crate::graphql::commit_input("main", "stale", &[], &[]);
    graphql(&fake, crate::graphql::COMMIT, input).await;
    post(&fake, "/deployments", json!({ "ref": "none" })).await;
    assert_eq!(fake.writes(), 3, "what was refused counts too");
    let last = fake.requests().pop().unwrap();
    assert_eq!((last.method.as_str(), last.status), ("POST", 422));
    assert_eq!(last.path, "/repos/acme/fleet/deployments");
    assert_eq!(last.request["ref"], "none");
    assert_eq!(last.answer["message"], "No ref found for: none");
}

async fn list(fake: &GithubFake) -> Value {
    let query = "{ repository(owner: \"acme\", name: \"fleet\") {
        deployments(first: 5) { nodes { databaseId latestStatus { state } } } } }";
    graphql(fake, query, Value::Null).await
}
