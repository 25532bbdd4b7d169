//! Creating, listing and deleting deployments.

use serde_json::{Value, json};

use crate::client::{SHA, assert_lawful, delete, deploy, fake, get, post, report, request};
use crate::github::{GithubFake, Seed};

#[tokio::test]
async fn creates_and_reads_back() {
    let fake = fake();
    fake.set_clock(|| "2026-11-24T10:00:00.987Z".parse().unwrap());
    let created = post(&fake, "/deployments", request("prod")).await;
    assert_eq!(created.status, 201);
    assert_eq!(
        created.header("content-type"),
        "application/json; charset=utf-8"
    );
    assert_eq!(created.header("x-ratelimit-resource"), "core");
    assert_eq!(created.body["created_at"], "2026-11-24T10:00:00Z");
    assert_eq!(created.body["payload"]["waves"][1], json!([3, 9]));
    assert_eq!(created.body["production_environment"], false);
    let read = get(&fake, &format!("/deployments/{}", created.body["id"])).await;
    assert_eq!(read.body, created.body);
    assert_eq!(fake.deployments()[0].sha, SHA);
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_branch_is_resolved_and_a_string_payload_stays_a_string() {
    let fake = fake();
    let body = json!({ "ref": "main", "payload": "{\"a\":1}" });
    let created = post(&fake, "/deployments", body).await.body;
    assert_eq!(created["sha"], json!(fake.head("main")));
    assert_eq!(created["payload"], "{\"a\":1}");
    assert_eq!(created["task"], "deploy");
    assert_eq!(created["environment"], "production");
    assert_eq!(created["production_environment"], true);
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_branch_that_is_behind_is_merged_once_instead() {
    let fake = fake();
    fake.ref_is_behind("main");
    let body = json!({ "ref": "main" });
    let merged = post(&fake, "/deployments", body.clone()).await;
    assert_eq!((merged.status, fake.deployments().len()), (202, 0));
    assert_eq!(post(&fake, "/deployments", body).await.status, 201);
    assert_lawful(&fake);
}

#[tokio::test]
async fn nothing_is_merged_unless_asked() {
    let fake = fake();
    fake.ref_is_behind("main");
    let body = json!({ "ref": "main", "auto_merge": false });
    assert_eq!(post(&fake, "/deployments", body).await.status, 201);
}

#[tokio::test]
async fn failing_contexts_conflict_unless_none_is_required() {
    let fake = fake();
    fake.contexts_fail("main", &["ci"]);
    for (contexts, status) in [
        (Value::Null, 409),
        (json!(["ci"]), 409),
        (json!(["lint"]), 201),
        (json!([]), 201),
    ] {
        let mut body = json!({ "ref": "main" });
        if !contexts.is_null() {
            body["required_contexts"] = contexts;
        }
        assert_eq!(post(&fake, "/deployments", body).await.status, status);
    }
    assert_lawful(&fake);
}

#[tokio::test]
async fn refuses_unknown_refs_and_long_descriptions() {
    let fake = GithubFake::start(Seed::new("acme", "fleet").commit(SHA));
    let other = "2222222222222222222222222222222222222222";
    for (body, status) in [
        (json!({ "ref": SHA }), 201),
        (json!({ "ref": other }), 422),
        (json!({ "ref": "no-such-branch" }), 422),
        (json!({ "ref": SHA, "description": "x".repeat(140) }), 201),
        (json!({ "ref": SHA, "description": "x".repeat(141) }), 422),
    ] {
        assert_eq!(post(&fake, "/deployments", body).await.status, status);
    }
    assert_eq!(fake.deployments().len(), 2);
    assert_lawful(&fake);
}

#[tokio::test]
async fn lists_newest_first_and_filters() {
    let fake = fake();
    let (a, b) = (deploy(&fake, "a").await, deploy(&fake, "b").await);
    let rollback = json!({ "ref": "main", "task": "rollback", "environment": "a" });
    let c = post(&fake, "/deployments", rollback).await.body["id"]
        .as_u64()
        .unwrap();
    for (query, expected) in [
        ("", vec![c, b, a]),
        ("?environment=a", vec![c, a]),
        ("?environment=a&task=rollback", vec![c]),
        ("?task=tidegate%3Adeploy", vec![b, a]),
        ("?ref=main", vec![c]),
        (&format!("?sha={SHA}"), vec![b, a]),
        ("?environment=none", vec![]),
    ] {
        let list = get(&fake, &format!("/deployments{query}")).await;
        assert_eq!(json!(list.each("id")), json!(expected), "{query}");
    }
    assert_lawful(&fake);
}

#[tokio::test]
async fn pages_are_linked() {
    let fake = fake();
    for _ in 0..35 {
        deploy(&fake, "prod").await;
    }
    let first = get(&fake, "/deployments").await;
    assert_eq!(first.each("id").len(), 30);
    let query = "/deployments?environment=prod&per_page=10&page=";
    let second = get(&fake, &format!("{query}2")).await;
    let base = format!("{}/repos/acme/fleet{query}", fake.url());
    let expected = [("1", "prev"), ("3", "next"), ("4", "last"), ("1", "first")];
    let links = expected.map(|(page, relation)| format!("<{base}{page}>; rel=\"{relation}\""));
    assert_eq!(second.header("link"), links.join(", "));
    let last = get(&fake, &format!("{query}4")).await;
    assert_eq!(last.each("id").len(), 5);
    assert!(!last.header("link").contains("next"));
    assert_lawful(&fake);
}

#[tokio::test]
async fn deletes_only_what_is_not_active() {
    let fake = fake();
    let old = deploy(&fake, "a").await;
    report(&fake, old, "success", Value::Null).await;
    let new = deploy(&fake, "b").await;
    let path = format!("/deployments/{old}");
    assert_eq!(delete(&fake, &path).await.status, 422);
    report(&fake, old, "inactive", Value::Null).await;
    assert_eq!(delete(&fake, &path).await.status, 204);
    assert_eq!(delete(&fake, &path).await.status, 404);
    report(&fake, new, "success", Value::Null).await;
    let only = format!("/deployments/{new}");
    assert_eq!(delete(&fake, &only).await.status, 204);
    assert_lawful(&fake);
}
