//! Git data: real ids, and refs that only move by the rules.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{assert_lawful, delete, fake, get, post, send};
use crate::github::GithubFake;

/// A commit with one file on top of `main`, not yet on any branch.
async fn commit(fake: &GithubFake, text: &str) -> Value {
    let head = fake.head("main").unwrap();
    let entry =
        json!({ "path": "locks/prod.json", "mode": "100644", "type": "blob", "content": text });
    let tree = post(
        fake,
        "/git/trees",
        json!({ "base_tree": head, "tree": [entry] }),
    )
    .await;
    assert_eq!(tree.status, 201, "{}", tree.text);
    let body = json!({ "message": text, "tree": tree.body["sha"], "parents": [head] });
    let commit = post(fake, "/git/commits", body).await;
    assert_eq!(commit.status, 201, "{}", commit.text);
    commit.body["sha"].clone()
}

/// The expected ids were computed by git 2 itself.
#[tokio::test]
async fn ids_are_those_of_git() {
    let fake = fake();
    let blob = post(&fake, "/git/blobs", json!({ "content": "hello\n" }))
        .await
        .body;
    assert_eq!(blob["sha"], "ce013625030ba8dba906f756967f9e9ca394464a");
    let encoded = json!({ "content": "aGVsbG8K", "encoding": "base64" });
    assert_eq!(
        post(&fake, "/git/blobs", encoded).await.body["sha"],
        blob["sha"]
    );
    let entry =
        |path| json!({ "path": path, "mode": "100644", "type": "blob", "sha": blob["sha"] });
    let entries = [entry("a.txt"), entry("a/b"), entry("a0")];
    let tree = post(&fake, "/git/trees", json!({ "tree": entries }))
        .await
        .body;
    assert_eq!(tree["sha"], "39a5358fb566207617a0abec08342a390f1e215a");
    let who = json!({ "name": "A", "email": "a@example.com", "date": "2026-01-02T03:04:05Z" });
    let body = json!({ "message": "m\n", "tree": tree["sha"], "parents": [], "author": who });
    let commit = post(&fake, "/git/commits", body).await.body;
    assert_eq!(commit["sha"], "a21a840b95663fc3cb41e9861bedc88dc8ba8226");
    let again = get(
        &fake,
        "/git/commits/a21a840b95663fc3cb41e9861bedc88dc8ba8226",
    )
    .await;
    assert_eq!(again.body, commit);
    assert_lawful(&fake);
}

#[tokio::test]
async fn trees_are_edited_and_listed() {
    let fake = fake();
    let sha = commit(&fake, "one").await;
    let base = get(
        &fake,
        &format!("/git/trees/{}?recursive=1", sha.as_str().unwrap()),
    )
    .await;
    let paths: Vec<_> = base.body["tree"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["path"])
        .collect();
    assert_eq!(paths, ["README.md", "locks", "locks/prod.json"]);
    let gone = json!({ "path": "locks/prod.json", "mode": "100644", "type": "blob", "sha": null });
    let body = json!({ "base_tree": base.body["sha"], "tree": [gone] });
    let tree = post(&fake, "/git/trees", body).await.body;
    assert_eq!(
        tree["tree"].as_array().unwrap().len(),
        1,
        "an empty directory goes too"
    );
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_ref_is_created_once() {
    let fake = fake();
    let (mine, theirs) = (commit(&fake, "mine").await, commit(&fake, "theirs").await);
    let claim = |sha: &Value| json!({ "ref": "refs/heads/lock/prod", "sha": sha });
    assert_eq!(post(&fake, "/git/refs", claim(&mine)).await.status, 201);
    let lost = post(&fake, "/git/refs", claim(&theirs)).await;
    assert_eq!(
        (lost.status, &lost.body["message"]),
        (422, &json!("Reference already exists"))
    );
    let read = get(&fake, "/git/ref/heads/lock/prod").await;
    assert_eq!(read.body["object"]["sha"], mine);
    assert_eq!(get(&fake, "/git/ref/heads/lock").await.status, 404);
    let matching = get(&fake, "/git/matching-refs/heads/lock").await;
    assert_eq!(matching.each("ref"), ["refs/heads/lock/prod"]);
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_ref_needs_a_full_name_and_a_commit() {
    let fake = fake();
    let head = fake.head("main").unwrap();
    let with = async |name: &str, sha: &str| {
        post(&fake, "/git/refs", json!({ "ref": name, "sha": sha }))
            .await
            .status
    };
    assert_eq!(with("main2", &head).await, 422);
    assert_eq!(with("refs/main2", &head).await, 422);
    assert_eq!(with("refs/heads/main2", "not-a-commit").await, 422);
    assert_eq!(with("refs/tidegate/lock", &head).await, 201);
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_ref_only_moves_forward_unless_forced() {
    let fake = fake();
    let (one, two) = (commit(&fake, "one").await, commit(&fake, "two").await);
    let patch = async |body: Value| send(&fake, Method::PATCH, "/git/refs/heads/main", body).await;
    assert_eq!(patch(json!({ "sha": one })).await.status, 200);
    let refused = patch(json!({ "sha": two, "force": false })).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.body["message"], "Update is not a fast forward");
    assert_eq!(
        patch(json!({ "sha": two, "force": true })).await.status,
        200
    );
    assert_eq!(fake.file("main", "locks/prod.json"), Some(b"two".to_vec()));
    let missing = send(
        &fake,
        Method::PATCH,
        "/git/refs/heads/none",
        json!({ "sha": one }),
    )
    .await;
    assert_eq!(missing.status, 422);
    assert_lawful(&fake);
}

#[tokio::test]
async fn deletion_has_no_condition() {
    let fake = fake();
    let lock = json!({ "ref": "refs/heads/lock", "sha": commit(&fake, "mine").await });
    post(&fake, "/git/refs", lock).await;
    assert_eq!(delete(&fake, "/git/refs/heads/lock").await.status, 204);
    assert_eq!(delete(&fake, "/git/refs/heads/lock").await.status, 422);
    assert_eq!(fake.head("lock"), None);
    assert_lawful(&fake);
}
