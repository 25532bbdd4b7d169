//! The fake as octocrab's typed models see it: a client that knows GitHub and not this fake.

use octocrab::models::repos::DeploymentStatusState;

use crate::client::{SHA, assert_lawful, fake};

#[tokio::test]
async fn octocrab_creates_a_deployment_and_lists_its_statuses() {
    let fake = fake();
    let builder = octocrab::Octocrab::builder().base_uri(fake.url()).unwrap();
    let crab = builder.personal_token("any").build().unwrap();
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
