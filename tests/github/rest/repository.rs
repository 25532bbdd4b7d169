//! The repository itself, and the workflow runs in it.

use serde_json::{Value, json};

use super::issues::label;
use super::people::account;
use super::url;
use crate::github::contract::shape::like;
use crate::github::repository::{NODE_ID, Repository};
use crate::github::seed::WorkflowRun;
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;
use crate::github::wire::page::page;

impl Repository {
    /// GitHub does not mind the case of names.
    pub(super) fn is_called(&self, owner: &str, name: &str) -> bool {
        self.owner.eq_ignore_ascii_case(owner) && self.name.eq_ignore_ascii_case(name)
    }
}

pub(super) fn get(repo: &Repository, call: &Call) -> Handled {
    let facts = json!({
        "id": 1,
        "node_id": NODE_ID,
        "name": repo.name,
        "full_name": repo.full_name(),
        "owner": account(&repo.owner),
        "url": url(repo, call, ""),
        "default_branch": repo.default_branch,
        "private": true,
        "visibility": "private",
    });
    Ok(Answer::json(200, like("full-repository", facts)))
}

pub(super) fn run(repo: &Repository, call: &Call, id: u64) -> Handled {
    let run = repo.runs.iter().find(|run| run.id == id);
    Ok(shown_run(repo, call, run.ok_or_else(Answer::not_found)?))
}

/// One attempt of a run. Those before the newest are over: a re-run begins when the run is completed.
pub(super) fn attempt(repo: &Repository, call: &Call, id: u64, attempt: u64) -> Handled {
    let run = repo.runs.iter().find(|run| run.id == id && (1..=run.attempt).contains(&attempt));
    let run = run.ok_or_else(Answer::not_found)?;
    if attempt == run.attempt {
        return Ok(shown_run(repo, call, run));
    }
    let over =
        WorkflowRun { attempt, status: "completed".to_owned(), conclusion: Some("failure".to_owned()), ..run.clone() };
    Ok(shown_run(repo, call, &over))
}

/// The environments, with their reviewers.
pub(super) fn environments(repo: &Repository) -> Handled {
    let shown = repo.environments.iter().map(|(name, reviewers)| {
        let reviewer = |login: &String| json!({ "type": "User", "reviewer": account(login) });
        let rule = json!({ "id": 1, "node_id": "R_1", "type": "required_reviewers",
                           "reviewers": reviewers.iter().map(reviewer).collect::<Vec<_>>() });
        let rules: Vec<Value> = if reviewers.is_empty() { Vec::new() } else { vec![rule] };
        like("environment", json!({ "id": 1, "name": name, "protection_rules": rules }))
    });
    let shown: Vec<Value> = shown.collect();
    Ok(Answer::json(200, json!({ "total_count": shown.len(), "environments": shown })))
}

/// Every label of the repository.
pub(super) fn labels(repo: &Repository, call: &Call) -> Handled {
    let labels = repo.labels.iter().map(|name| label(repo, call, name));
    Ok(page(call, labels.collect()))
}

/// Who let a run go on.
pub(super) fn approvals(repo: &Repository, id: u64) -> Handled {
    let of_run = repo.approvals.iter().filter(|(run, ..)| *run == id);
    let shown = of_run.map(|(_, login, environment)| {
        let facts = json!({
            "state": "approved",
            "comment": "",
            "user": account(login),
            "environments": [{ "id": 1, "name": environment }],
        });
        like("environment-approvals", facts)
    });
    Ok(Answer::json(200, shown.collect()))
}

fn shown_run(repo: &Repository, call: &Call, run: &WorkflowRun) -> Answer {
    let facts = json!({
        "id": run.id,
        "name": "deploy",
        "run_number": run.id,
        "run_attempt": run.attempt,
        "status": run.status,
        "conclusion": run.conclusion,
        "head_sha": run.head_sha,
        "head_branch": repo.default_branch,
        "head_commit": head_commit(run),
        "actor": account(&run.actor),
        "triggering_actor": account(&run.actor),
        "url": url(repo, call, &format!("/actions/runs/{}", run.id)),
        "repository": { "name": repo.name, "full_name": repo.full_name() },
    });
    Answer::json(200, like("workflow-run", facts))
}

fn head_commit(run: &WorkflowRun) -> Value {
    let who = json!({ "name": run.actor, "email": "someone@users.noreply.github.com" });
    let facts = json!({ "id": run.head_sha, "author": who, "committer": who });
    like("nullable-simple-commit", facts)
}
