//! Deployments over HTTP, with the three ways in which GitHub does not create one: 202 after an
//! automatic merge, 409 for failing contexts, 422 for a bad request.

use serde_json::{Value, json};

use super::people::account;
use super::url;
use crate::github::contract::shape::like;
use crate::github::deployments::Deployment;
use crate::github::faults::FaultKind;
use crate::github::repository::Repository;
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;
use crate::github::wire::page::page;

/// GitHub's limit for the description of a deployment and of a status.
pub(super) const LONGEST_DESCRIPTION: usize = 140;

pub(super) fn create(repo: &mut Repository, call: &Call) -> Handled {
    let missing = || invalid("ref", "missing_field", "ref is missing");
    let git_ref = call.text("ref").ok_or_else(missing)?;
    let unknown = || Answer::refusal(422, &format!("No ref found for: {git_ref}"));
    let sha = repo.resolve(git_ref).ok_or_else(unknown)?;
    check_description(call)?;
    if call.flag("auto_merge").unwrap_or(true) && repo.behind.contains(git_ref) {
        return Ok(merged_instead(repo, git_ref));
    }
    check_contexts(repo, call, git_ref)?;
    let deployment = requested(repo, call, git_ref, sha);
    let body = shown(repo, call, &deployment);
    repo.deployments.add(deployment);
    Ok(Answer::json(201, body))
}

fn requested(repo: &mut Repository, call: &Call, git_ref: &str, sha: String) -> Deployment {
    let environment = call.text("environment").unwrap_or("production").to_owned();
    let production = call.flag("production_environment");
    Deployment {
        id: repo.deployments.next_id(),
        sha,
        git_ref: git_ref.to_owned(),
        task: call.text("task").unwrap_or("deploy").to_owned(),
        payload: call.field("payload").cloned().unwrap_or_else(|| "".into()),
        description: call.text("description").map(str::to_owned),
        production: production.unwrap_or(environment == "production"),
        transient: call.flag("transient_environment").unwrap_or(false),
        original_environment: environment.clone(),
        environment,
        creator: repo.login.clone(),
        created_at: call.now,
        updated_at: call.now,
        statuses: Vec::new(),
    }
}

fn merged_instead(repo: &mut Repository, git_ref: &str) -> Answer {
    repo.behind.remove(git_ref);
    let from = &repo.default_branch;
    let message = format!("Auto-merged {from} into {git_ref} on deployment.");
    Answer::json(202, json!({ "message": message }))
}

/// Without `required_contexts` every context counts; an empty list asks for none.
fn check_contexts(repo: &Repository, call: &Call, git_ref: &str) -> Result<(), Answer> {
    let failing = repo
        .failing
        .get(git_ref)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let required = call.field("required_contexts").and_then(Value::as_array);
    let counts = |name: &String| {
        required.is_none_or(|required| required.iter().any(|wanted| wanted == name))
    };
    if !failing.iter().any(counts) {
        return Ok(());
    }
    let message = format!("Conflict: Commit status checks failed for {git_ref}.");
    Err(Answer::refusal(409, &message))
}

pub(super) fn list(repo: &Repository, call: &Call) -> Handled {
    let asks_for = |name, value: &str| call.parameter(name).is_none_or(|wanted| wanted == value);
    let hidden = usize::from(call.fault == Some(FaultKind::StaleList));
    let matching = repo
        .deployments
        .newest_first()
        .skip(hidden)
        .filter(|deployment| {
            asks_for("sha", &deployment.sha)
                && asks_for("ref", &deployment.git_ref)
                && asks_for("task", &deployment.task)
                && asks_for("environment", &deployment.environment)
        });
    let items = matching.map(|deployment| shown(repo, call, deployment));
    Ok(page(call, items.collect()))
}

pub(super) fn get(repo: &Repository, call: &Call, id: u64) -> Handled {
    let deployment = repo.deployments.get(id).ok_or_else(Answer::not_found)?;
    Ok(Answer::json(200, shown(repo, call, deployment)))
}

pub(super) fn delete(repo: &mut Repository, id: u64) -> Handled {
    repo.deployments.get(id).ok_or_else(Answer::not_found)?;
    if repo.deployments.delete(id) {
        return Ok(Answer::no_content());
    }
    let message = "We cannot delete an active deployment unless it is the only deployment in a given repository.";
    Err(Answer::refusal(422, message))
}

pub(super) fn check_description(call: &Call) -> Result<(), Answer> {
    let length = call
        .text("description")
        .map_or(0, |text| text.chars().count());
    if length <= LONGEST_DESCRIPTION {
        return Ok(());
    }
    let message = "description is too long (maximum is 140 characters)";
    Err(invalid("description", "custom", message))
}

fn invalid(field: &str, code: &str, message: &str) -> Answer {
    Answer::invalid("Deployment", field, code, message)
}

fn shown(repo: &Repository, call: &Call, deployment: &Deployment) -> Value {
    let here = format!("/deployments/{}", deployment.id);
    let facts = json!({
        "id": deployment.id,
        "node_id": format!("DE_{}", deployment.id),
        "sha": deployment.sha,
        "ref": deployment.git_ref,
        "task": deployment.task,
        "payload": deployment.payload,
        "environment": deployment.environment,
        "original_environment": deployment.original_environment,
        "description": deployment.description,
        "creator": account(&deployment.creator),
        "created_at": deployment.created_at,
        "updated_at": deployment.updated_at,
        "production_environment": deployment.production,
        "transient_environment": deployment.transient,
        "url": url(repo, call, &here),
        "statuses_url": url(repo, call, &format!("{here}/statuses")),
        "repository_url": url(repo, call, ""),
    });
    like("deployment", facts)
}
