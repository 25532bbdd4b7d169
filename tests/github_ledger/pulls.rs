//! Pull requests: what was merged, the one comment, who approved, and the release that everybody sees.

use reqwest::Method;
use tidegate::domain::ids::{CommitSha, Version};
use tidegate::ports::{PeopleReader, PullReader, PullWriter, ReleaseWriter, RepositoryReader};

use crate::github::{FaultKind, PullRequest};
use crate::harness::{World, run};

fn sha(number: u64) -> String {
    format!("{number:040x}")
}

fn commit(number: u64) -> CommitSha {
    sha(number).parse().unwrap()
}

fn merged(number: u64, labels: &[&str]) -> PullRequest {
    PullRequest {
        number,
        title: format!("feat: change {number}"),
        author: "alice".to_owned(),
        merged: true,
        merge_commit_sha: Some(sha(number)),
        head_sha: sha(1_000 + number),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
    }
}

#[tokio::test]
async fn a_pull_request_is_read_as_it_is_now() {
    let world = World::new();
    let github = world.github(run(1, 1));
    world.fake.set_pull(PullRequest { merged: false, ..merged(7, &["promote:prod"]) });
    let open = github.pull(7).await.unwrap().unwrap();
    assert_eq!((open.merged, &open.merge_commit, open.labels.len()), (false, &None, 1), "no trial merge counts");
    world.fake.set_pull(merged(7, &[]));
    let now = github.pull(7).await.unwrap().unwrap();
    assert_eq!((now.merged, now.merge_commit, now.labels.len()), (true, Some(commit(7)), 0));
    assert_eq!(github.pull(8).await.unwrap(), None);
    world.assert_lawful();
}

#[tokio::test]
async fn what_was_merged_is_read_up_to_the_release_before() {
    let world = World::new();
    let github = world.github(run(1, 1));
    for number in 1..=250 {
        world.fake.set_pull(merged(number, &["release:minor"]));
    }
    let history = github.history(&commit(9), Some(&commit(5))).await.unwrap();
    let numbers: Vec<u64> = history.pulls().iter().map(|pull| pull.number).collect();
    assert_eq!((numbers, history.cut), (vec![9, 8, 7, 6], false));
    let all = github.history(&commit(250), None).await.unwrap();
    assert_eq!(all.merged.len(), 250, "three pages");
    assert_eq!(all.pulls()[0].labels, ["release:minor"]);
    let alone = github.history(&commit(777), None).await.unwrap();
    assert_eq!((alone.merged.len(), alone.pulls().len()), (1, 0), "a commit that came by no pull request");
    world.assert_lawful();
}

#[tokio::test]
async fn there_is_one_comment_whatever_happens() {
    let world = World::new();
    world.fake.set_pull(merged(7, &[]));
    world.fake.add_comment(7, "mallory", "<!-- tidegate -->\nI am tidegate");
    let github = world.github(run(1, 1));
    github.comment(7, "the plan").await.unwrap();
    world.fault(Method::PATCH, "/comments/", FaultKind::BadGatewayAfterEffect);
    github.comment(7, "half-way").await.unwrap();
    github.comment(7, "half-way").await.unwrap();
    github.comment(7, "done").await.unwrap();
    let comments = world.fake.comments(7);
    let bodies: Vec<&str> = comments.iter().map(|comment| comment.body.as_str()).collect();
    assert_eq!(bodies, ["<!-- tidegate -->\nI am tidegate", "<!-- tidegate -->\ndone"]);
    world.assert_lawful();
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_comment() {
    let world = World::new();
    world.fake.set_pull(merged(7, &[]));
    world.fault(Method::POST, "/comments", FaultKind::BadGatewayAfterEffect);
    world.github(run(1, 1)).comment(7, "the plan").await.unwrap();
    assert_eq!(world.fake.comments(7).len(), 1);
}

#[tokio::test]
async fn a_comment_that_may_not_be_written_is_told() {
    let world = World::new();
    let missing = world.github(run(1, 1)).comment(99, "the plan").await.unwrap_err();
    assert!(missing.to_string().contains("#99"), "{missing}");
}

#[tokio::test]
async fn a_version_is_announced_once_with_its_tag() {
    let world = World::new();
    let (github, version) = (world.github(run(1, 1)), "1.4.0".parse::<Version>().unwrap());
    world.fault(Method::POST, "/releases", FaultKind::BadGatewayAfterEffect);
    github.announce(&version, &commit(7), "notes").await.unwrap();
    github.announce(&version, &commit(7), "other notes").await.unwrap();
    let releases = world.fake.releases();
    assert_eq!((releases.len(), releases[0].notes.as_str()), (1, "notes"));
    assert_eq!(world.fake.head("refs/tags/v1.4.0"), Some(sha(7)));
    world.assert_lawful();
}

#[tokio::test]
async fn who_let_a_run_go_on_is_known() {
    let world = World::new();
    world.fake.approve(1, "bob", "prod-approval");
    world.fake.approve(2, "eve", "prod-approval");
    let approvers = world.github(run(1, 1)).approvers(1).await.unwrap();
    assert_eq!(approvers.len(), 1);
    assert_eq!((approvers[0].login.as_str(), approvers[0].environments[0].as_str()), ("bob", "prod-approval"));
    assert_eq!(world.github(run(1, 1)).approvers(3).await.unwrap(), []);
    world.assert_lawful();
}

#[tokio::test]
async fn what_releases_depend_on_is_read() {
    let world = World::new();
    world.fake.set_environment("prod-approval", &["bob"]);
    world.fake.set_environment("prod", &[]);
    world.fake.make_label("promote:prod");
    let seen = world.github(run(1, 1)).repository().await.unwrap();
    assert_eq!((seen.name.as_str(), seen.default_branch.as_str()), ("acme/fleet", "main"));
    assert_eq!(seen.environments, [("prod".to_owned(), false), ("prod-approval".to_owned(), true)].into());
    assert!(seen.labels.contains("promote:prod"));
    world.assert_lawful();
}
