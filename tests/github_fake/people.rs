//! What other people did, as tidegate reads it: pull requests, runs, permissions, tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::client::{SHA, assert_lawful, get, http, receive, seed};
use crate::github::{GithubFake, PullRequest, Role, WorkflowRun};

pub(crate) fn pull(number: u64) -> PullRequest {
    PullRequest {
        number,
        title: "Deploy shop 1.2.3".to_owned(),
        author: "alice".to_owned(),
        merged: true,
        merge_commit_sha: Some(SHA.to_owned()),
        head_sha: "5555555555555555555555555555555555555555".to_owned(),
        labels: vec!["bug".to_owned()],
    }
}

pub(crate) fn run(status: &str, conclusion: Option<&str>) -> WorkflowRun {
    WorkflowRun {
        id: 42,
        attempt: 2,
        status: status.to_owned(),
        conclusion: conclusion.map(str::to_owned),
        head_sha: SHA.to_owned(),
        actor: "alice".to_owned(),
    }
}

#[tokio::test]
async fn a_commit_leads_to_its_pull_request() {
    let fake = GithubFake::start(seed().pull(pull(7)));
    let found = get(&fake, &format!("/commits/{SHA}/pulls")).await;
    assert_eq!(found.each("number"), [7]);
    let one = get(&fake, "/pulls/7").await.body;
    assert_eq!((&one["merged"], &one["state"]), (&json!(true), &json!("closed")));
    assert_eq!((&one["user"]["login"], &one["merge_commit_sha"]), (&json!("alice"), &json!(SHA)));
    assert_eq!(one["labels"][0]["name"], "bug");
    assert_eq!(get(&fake, "/pulls/8").await.status, 404);
    fake.set_pull(PullRequest { merged: false, ..pull(8) });
    assert_eq!(get(&fake, "/pulls/8").await.body["state"], "open");
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_role_also_has_an_older_name() {
    let fake = GithubFake::start(seed().user("alice", Role::Maintain).user("bob", Role::None));
    let alice = get(&fake, "/collaborators/alice/permission").await.body;
    assert_eq!((&alice["permission"], &alice["role_name"]), (&json!("write"), &json!("maintain")));
    let bob = get(&fake, "/collaborators/bob/permission").await.body;
    assert_eq!(bob["permission"], "none");
    assert_eq!(get(&fake, "/collaborators/carol/permission").await.status, 404);
    fake.add_user("carol", Role::Triage);
    let carol = get(&fake, "/collaborators/carol/permission").await.body;
    assert_eq!(carol["permission"], "read");
    assert_lawful(&fake);
}

#[tokio::test]
async fn runs_and_the_repository_are_read() {
    let fake = GithubFake::start(seed().run(run("in_progress", None)));
    let running = get(&fake, "/actions/runs/42").await.body;
    assert_eq!((&running["status"], &running["run_attempt"]), (&json!("in_progress"), &json!(2)));
    fake.set_run(run("completed", Some("cancelled")));
    assert_eq!(get(&fake, "/actions/runs/42").await.body["conclusion"], "cancelled");
    assert_eq!(get(&fake, "/actions/runs/43").await.status, 404);
    fake.set_run(run("in_progress", None));
    let before = get(&fake, "/actions/runs/42/attempts/1").await.body;
    assert_eq!((&before["status"], &before["run_attempt"]), (&json!("completed"), &json!(1)));
    assert_eq!(get(&fake, "/actions/runs/42/attempts/2").await.body["status"], "in_progress");
    assert_eq!(get(&fake, "/actions/runs/42/attempts/3").await.status, 404);
    assert_eq!(get(&fake, "").await.body["default_branch"], "main");
    assert_lawful(&fake);
}

#[tokio::test]
async fn commits_are_read() {
    let fake = GithubFake::start(seed());
    fake.add_commit(SHA);
    for name in ["main", SHA] {
        let commit = get(&fake, &format!("/commits/{name}")).await;
        assert_eq!(commit.body["sha"], json!(fake.head(name)));
    }
    assert_eq!(get(&fake, "/commits/none").await.status, 422);
    assert_lawful(&fake);
}

#[tokio::test]
async fn a_token_is_given_for_an_audience() {
    let fake = GithubFake::start(seed());
    let request = || http().get(format!("{}&audience=sts", fake.oidc_url()));
    let refused = receive(request(), Value::Null).await.unwrap();
    assert_eq!(refused.status, 401);
    let given = receive(request().bearer_auth("request-token"), Value::Null).await.unwrap();
    let token = given.body["value"].as_str().unwrap().to_owned();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!((&claims["aud"], &claims["repository"]), (&json!("sts"), &json!("acme/fleet")));
    assert_lawful(&fake);
}

#[tokio::test]
async fn nothing_is_served_without_a_token() {
    let fake = GithubFake::start(seed());
    let request = http().get(format!("{}/repos/acme/fleet", fake.url()));
    assert_eq!(receive(request, Value::Null).await.unwrap().status, 401);
    assert_lawful(&fake);
}
