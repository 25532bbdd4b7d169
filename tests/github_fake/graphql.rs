//! The GraphQL operations: compare and set, and the list with statuses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::{assert_lawful, deploy, fake, graphql, post, report};
use crate::github::{GithubFake, NODE_ID};

const ABSENT: &str = "0000000000000000000000000000000000000000";

pub(crate) const COMMIT: &str = "mutation($input: CreateCommitOnBranchInput!) {
    createCommitOnBranch(input: $input) { commit { oid } } }";

const UPDATE: &str = "mutation($id: ID!, $updates: [RefUpdate!]!) {
    updateRefs(input: {repositoryId: $id, refUpdates: $updates}) { clientMutationId } }";

const DEPLOYMENTS: &str = "# A comment, {which} is ignored.
query Recent($names: [String!], $first: Int = 10, $after: String) {
    repository(owner: \"acme\", name: \"fleet\") {
        deployments(environments: $names, first: $first, after: $after,
                    orderBy: {field: CREATED_AT, direction: DESC}) {
            nodes { databaseId commitOid task payload environment state createdAt
                statuses(first: 2) { nodes { state description logUrl createdAt } } }
            pageInfo { hasNextPage endCursor } } } }";

pub(crate) fn commit_input(branch: &str, head: &str, additions: &[(&str, &[u8])], deletions: &[&str]) -> Value {
    let addition = |(path, bytes): &(&str, &[u8])| json!({ "path": path, "contents": STANDARD.encode(bytes) });
    let deletion = |path: &&str| json!({ "path": path });
    json!({ "input": {
        "branch": { "repositoryNameWithOwner": "acme/fleet", "branchName": branch },
        "message": { "headline": "State of wave 1" },
        "expectedHeadOid": head,
        "fileChanges": {
            "additions": additions.iter().map(addition).collect::<Vec<_>>(),
            "deletions": deletions.iter().map(deletion).collect::<Vec<_>>(),
        },
    } })
}

fn update(name: &str, before: Option<&str>, after: &str) -> Value {
    json!({ "name": name, "beforeOid": before, "afterOid": after })
}

async fn update_refs(fake: &GithubFake, updates: &[Value]) -> Value {
    graphql(fake, UPDATE, json!({ "id": NODE_ID, "updates": updates })).await
}

async fn deployments(fake: &GithubFake, variables: Value) -> Value {
    let answer = graphql(fake, DEPLOYMENTS, variables).await;
    answer["data"]["repository"]["deployments"].clone()
}

#[tokio::test]
async fn a_commit_needs_the_expected_head() {
    let fake = fake();
    let head = fake.head("main").unwrap();
    let input = commit_input("main", &head, &[("state/a.json", b"1")], &["README.md"]);
    let done = graphql(&fake, COMMIT, input.clone()).await;
    let oid = &done["data"]["createCommitOnBranch"]["commit"]["oid"];
    assert_eq!(oid, &json!(fake.head("main")));
    assert_eq!(fake.file("main", "state/a.json"), Some(b"1".to_vec()));
    assert_eq!(fake.file("main", "README.md"), None);
    let stale = graphql(&fake, COMMIT, input).await;
    assert_eq!(stale["errors"][0]["type"], "STALE_DATA");
    assert_eq!(stale["data"]["createCommitOnBranch"], Value::Null);
    assert_eq!(oid, &json!(fake.head("main")), "a stale commit moves nothing");
}

#[tokio::test]
async fn a_commit_needs_its_branch() {
    let fake = fake();
    let input = commit_input("none", &fake.head("main").unwrap(), &[("a", b"1")], &[]);
    assert_eq!(graphql(&fake, COMMIT, input).await["errors"][0]["type"], "NOT_FOUND");
}

#[tokio::test]
async fn refs_are_compared_and_set() {
    let fake = fake();
    let head = fake.head("main").unwrap();
    let lock = "refs/heads/lock";
    let created = update_refs(&fake, &[update(lock, Some(ABSENT), &head)]).await;
    assert_eq!(created, json!({ "data": { "updateRefs": { "clientMutationId": null } } }));
    let twice = update_refs(&fake, &[update(lock, Some(ABSENT), &head)]).await;
    assert_eq!(twice["errors"][0]["type"], "UNPROCESSABLE");
    let wrong = "3333333333333333333333333333333333333333";
    let theirs = update_refs(&fake, &[update(lock, Some(wrong), ABSENT)]).await;
    assert!(theirs["errors"].is_array());
    assert_eq!(fake.head("lock").as_ref(), Some(&head));
    update_refs(&fake, &[update(lock, Some(&head), ABSENT)]).await;
    assert_eq!(fake.head("lock"), None);
}

#[tokio::test]
async fn refs_change_together_or_not_at_all() {
    let fake = fake();
    let head = fake.head("main").unwrap();
    let good = update("refs/heads/one", Some(ABSENT), &head);
    let bad = update("refs/heads/main", Some(ABSENT), &head);
    let answer = update_refs(&fake, &[good.clone(), bad]).await;
    assert!(answer["errors"].is_array());
    assert_eq!(fake.head("one"), None);
    update_refs(&fake, &[good, update("refs/heads/two", None, &head)]).await;
    assert!(fake.head("one").is_some() && fake.head("two").is_some());
}

#[tokio::test]
async fn a_ref_is_forced_only_on_request() {
    let fake = fake();
    let head = fake.head("main").unwrap();
    let elsewhere = "4444444444444444444444444444444444444444";
    let mut back = update("refs/heads/main", Some(&head), elsewhere);
    assert!(update_refs(&fake, std::slice::from_ref(&back)).await["errors"].is_array());
    back["force"] = true.into();
    assert!(update_refs(&fake, &[back]).await["errors"].is_null());
}

#[tokio::test]
async fn deployments_come_with_their_statuses() {
    let fake = fake();
    let id = deploy(&fake, "prod").await;
    report(&fake, id, "queued", Value::Null).await;
    report(&fake, id, "in_progress", json!({ "description": "w1" })).await;
    report(&fake, id, "success", json!({ "log_url": "https://example.com" })).await;
    let list = deployments(&fake, json!({ "names": ["prod"] })).await;
    let node = &list["nodes"][0];
    assert_eq!((&node["databaseId"], &node["state"]), (&json!(id), &json!("ACTIVE")));
    let payload: Value = serde_json::from_str(node["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload["schema"], 1);
    let statuses = node["statuses"]["nodes"].as_array().unwrap();
    assert_eq!(statuses.len(), 2);
    assert_eq!(statuses[0]["state"], "SUCCESS");
    assert_eq!(statuses[0]["description"], Value::Null);
    assert_eq!(statuses[1]["description"], "w1");
    assert_eq!(node.get("updatedAt"), None, "only what was asked for");
}

#[tokio::test]
async fn a_payload_sent_as_text_is_encoded_twice() {
    let fake = fake();
    post(&fake, "/deployments", json!({ "ref": "main", "payload": "{\"a\":1}" })).await;
    let list = deployments(&fake, json!({})).await;
    let once: String = serde_json::from_str(list["nodes"][0]["payload"].as_str().unwrap()).unwrap();
    assert_eq!(once, "{\"a\":1}");
    assert_lawful(&fake);
}

#[tokio::test]
async fn cursors_do_not_shift_when_deployments_arrive() {
    let fake = fake();
    let ids = [deploy(&fake, "prod").await, deploy(&fake, "prod").await, deploy(&fake, "prod").await];
    deploy(&fake, "other").await;
    let page = deployments(&fake, json!({ "names": ["prod"], "first": 2 })).await;
    assert_eq!(page["pageInfo"]["hasNextPage"], true);
    deploy(&fake, "prod").await;
    let after = &page["pageInfo"]["endCursor"];
    let rest = deployments(&fake, json!({ "names": ["prod"], "first": 2, "after": after })).await;
    assert_eq!(rest["nodes"][0]["databaseId"], ids[0]);
    assert_eq!(rest["pageInfo"]["hasNextPage"], false);
}

#[tokio::test]
async fn an_unanswered_deployment_is_abandoned() {
    let fake = fake();
    fake.set_clock(|| "2026-11-24T10:00:00Z".parse().unwrap());
    deploy(&fake, "prod").await;
    fake.set_clock(|| "2026-11-24T10:31:00Z".parse().unwrap());
    let list = deployments(&fake, json!({})).await;
    assert_eq!(list["nodes"][0]["state"], "ABANDONED");
}

#[tokio::test]
async fn the_repository_has_an_id_and_strangers_have_errors() {
    let fake = fake();
    let of =
        |name: &str, fields: &str| format!("{{ it: repository(owner: \"acme\", name: \"{name}\") {{ {fields} }} }}");
    let ask = async |query: String| graphql(&fake, &query, Value::Null).await;
    let id = ask(of("fleet", "id")).await;
    assert_eq!(id, json!({ "data": { "it": { "id": NODE_ID } } }));
    let unknown = ask(of("none", "id")).await;
    assert_eq!(unknown["errors"][0]["type"], "NOT_FOUND");
    let field = ask(of("fleet", "id typo")).await;
    assert_eq!(field["errors"][0]["type"], "undefinedField");
    let unbounded = ask(of("fleet", "deployments { nodes { id } }")).await;
    assert_eq!(unbounded["errors"][0]["type"], "MISSING_PAGINATION_BOUNDARIES");
    let garbage = ask("{ repository(".to_owned()).await;
    assert!(garbage["errors"].is_array());
}
