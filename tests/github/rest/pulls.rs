//! Pull requests, read only: people merge them, tidegate asks who and what.

use serde_json::{Value, json};

use super::issues::label;
use super::people::account;
use super::url;
use crate::github::contract::shape::like;
use crate::github::repository::Repository;
use crate::github::seed::PullRequest;
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;
use crate::github::wire::page::page;

pub(super) fn get(repo: &Repository, call: &Call, number: u64) -> Handled {
    let pull = repo.pull(number).ok_or_else(Answer::not_found)?;
    let mut body = like("pull-request", facts(repo, call, pull));
    body["merged"] = pull.merged.into();
    body["mergeable_state"] = "unknown".into();
    Ok(Answer::json(200, body))
}

pub(super) fn of_commit(repo: &Repository, call: &Call, sha: &str) -> Handled {
    let sha = repo.resolve(sha).unwrap_or_else(|| sha.to_owned());
    let about =
        |pull: &&PullRequest| pull.head_sha == sha || pull.merge_commit_sha.as_ref() == Some(&sha);
    let pulls = repo.pulls.iter().filter(about);
    let items = pulls.map(|pull| like("pull-request-simple", facts(repo, call, pull)));
    Ok(page(call, items.collect()))
}

fn facts(repo: &Repository, call: &Call, pull: &PullRequest) -> Value {
    let labels = repo.issues.labels(pull.number).unwrap_or_default();
    json!({
        "id": pull.number,
        "number": pull.number,
        "title": pull.title,
        "state": if pull.merged { "closed" } else { "open" },
        "user": account(&pull.author),
        "merge_commit_sha": pull.merge_commit_sha,
        "merged_at": pull.merged.then_some("2020-01-01T00:00:00Z"),
        "url": url(repo, call, &format!("/pulls/{}", pull.number)),
        "head": { "ref": "topic", "sha": pull.head_sha },
        "base": { "ref": repo.default_branch },
        "labels": labels.iter().map(|name| label(repo, call, name)).collect::<Vec<_>>(),
    })
}
