//! The fake as octocrab's typed models see it: a client that knows GitHub and not this fake, and
//! that is stricter than GitHub's description in places.

use octocrab::Octocrab;
use octocrab::models::repos::DeploymentStatusState;
use octocrab::params::repos::Reference;

use crate::client::{SHA, assert_lawful, fake, seed};
use crate::github::{GithubFake, Role};
use crate::people::{pull, run};

fn octocrab(fake: &GithubFake) -> Octocrab {
    let builder = Octocrab::builder().base_uri(fake.url()).unwrap();
    builder.personal_token("any").build().unwrap()
}

#[tokio::test]
async fn creates_a_deployment_and_lists_its_statuses() {
    let fake = fake();
    let crab = octocrab(&fake);
    let repos = crab.repos("acme", "fleet");
    let deployments = repos.deployments();
    let create = deployments
        .create(SHA)
        .task("tidegate:deploy")
        .environment("prod");
    let create = create
        .auto_merge(false)
        .required_contexts(Vec::<String>::new());
    let deployment = create.send().await.unwrap();
    assert_eq!(deployment.sha, SHA);
    let statuses = deployments.statuses(deployment.id);
    let status = statuses
        .create(DeploymentStatusState::InProgress)
        .description("w1/2 ok=3");
    let status = status.send().await.unwrap();
    let page = statuses.list().per_page(100).send().await.unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].id, status.id);
    assert_eq!(page.items[0].description.as_deref(), Some("w1/2 ok=3"));
    let list = deployments.list().environment("prod").send().await.unwrap();
    assert_eq!(list.items[0].id, deployment.id);
    assert_lawful(&fake);
}

#[tokio::test]
async fn reads_what_people_did() {
    let seed = seed().pull(pull(7)).run(run("completed", Some("success")));
    let fake = GithubFake::start(seed.user("alice", Role::Write));
    let crab = octocrab(&fake);
    let repos = crab.repos("acme", "fleet");
    assert_eq!(
        repos.get().await.unwrap().default_branch.as_deref(),
        Some("main")
    );
    assert_eq!(crab.pulls("acme", "fleet").get(7).await.unwrap().number, 7);
    let pulls = repos.list_pulls(SHA.to_owned()).send().await.unwrap();
    assert_eq!(pulls.items[0].number, 7);
    let workflows = crab.workflows("acme", "fleet");
    assert_eq!(workflows.get(42.into()).await.unwrap().status, "completed");
    // Not `get_contributor_permission`: it knows `push`, where GitHub says `write`.
    let route = "/repos/acme/fleet/collaborators/alice/permission";
    let alice: serde_json::Value = crab.get(route, None::<&()>).await.unwrap();
    assert_eq!(alice["permission"], "write");
    assert_lawful(&fake);
}

#[tokio::test]
async fn writes_comments_labels_and_refs() {
    let fake = GithubFake::start(seed().pull(pull(7)));
    let crab = octocrab(&fake);
    let issues = crab.issues("acme", "fleet");
    let comment = issues.create_comment(7, "Wave 1").await.unwrap();
    // Not `update_comment`: it sends POST, where GitHub describes PATCH.
    let route = format!("/repos/acme/fleet/issues/comments/{}", comment.id);
    let body = serde_json::json!({ "body": "Wave 2" });
    let _: serde_json::Value = crab.patch(route, Some(&body)).await.unwrap();
    let comments = issues.list_comments(7).send().await.unwrap();
    assert_eq!(comments.items[0].body.as_deref(), Some("Wave 2"));
    let labels = issues
        .add_labels(7, &["released".to_owned()])
        .await
        .unwrap();
    assert_eq!(labels.len(), 2);
    let repos = crab.repos("acme", "fleet");
    let lock = Reference::Branch("lock/prod".to_owned());
    repos
        .create_ref(&lock, fake.head("main").unwrap())
        .await
        .unwrap();
    repos.get_ref(&lock).await.unwrap();
    let mut file = repos
        .get_content()
        .path("README.md")
        .r#ref("lock/prod")
        .send()
        .await
        .unwrap();
    let text = file.take_items()[0].decoded_content();
    assert_eq!(text.as_deref(), Some("# Seed\n"));
    repos.delete_ref(&lock).await.unwrap();
    assert_lawful(&fake);
}
