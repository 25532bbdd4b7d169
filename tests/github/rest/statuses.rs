//! Statuses of a deployment over HTTP: they can be added and read, and nothing else.

use serde_json::{Value, json};

use super::deployments::check_description;
use super::people::account;
use super::url;
use crate::github::contract::shape::like;
use crate::github::deployments::DeploymentStatus;
use crate::github::faults::FaultKind;
use crate::github::repository::Repository;
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;
use crate::github::wire::page::page;

/// What may be written. Reading also yields `waiting`.
const STATES: [&str; 7] = [
    "error",
    "failure",
    "inactive",
    "in_progress",
    "queued",
    "pending",
    "success",
];

pub(super) fn create(repo: &mut Repository, call: &Call, id: u64) -> Handled {
    let deployment = repo.deployments.get(id).ok_or_else(Answer::not_found)?;
    let before = deployment.environment.clone();
    let state = call.text("state").filter(|state| STATES.contains(state));
    let unknown = || Answer::invalid("DeploymentStatus", "state", "custom", "state is not known");
    let state = state.ok_or_else(unknown)?.to_owned();
    check_description(call)?;
    let own = |name| call.text(name).unwrap_or_default().to_owned();
    let status = DeploymentStatus {
        id: repo.deployments.next_id(),
        state,
        description: own("description"),
        log_url: call
            .text("log_url")
            .or(call.text("target_url"))
            .unwrap_or_default()
            .to_owned(),
        environment_url: own("environment_url"),
        environment: call.text("environment").map_or(before, str::to_owned),
        creator: repo.login.clone(),
        created_at: call.now,
    };
    let body = shown(repo, call, id, &status);
    let auto_inactive = call.flag("auto_inactive").unwrap_or(true);
    repo.deployments.add_status(id, status, auto_inactive);
    Ok(Answer::json(201, body))
}

pub(super) fn list(repo: &Repository, call: &Call, id: u64) -> Handled {
    let deployment = repo.deployments.get(id).ok_or_else(Answer::not_found)?;
    let newest_first = deployment.statuses.iter().rev();
    let mut items: Vec<_> = newest_first
        .map(|status| shown(repo, call, id, status))
        .collect();
    if let (Some(FaultKind::WaitingStatus), Some(newest)) = (&call.fault, items.first_mut()) {
        newest["state"] = "waiting".into();
    }
    Ok(page(call, items))
}

pub(super) fn get(repo: &Repository, call: &Call, id: u64, status: u64) -> Handled {
    let deployment = repo.deployments.get(id).ok_or_else(Answer::not_found)?;
    let status = deployment.statuses.iter().find(|known| known.id == status);
    let status = status.ok_or_else(Answer::not_found)?;
    Ok(Answer::json(200, shown(repo, call, id, status)))
}

fn shown(repo: &Repository, call: &Call, id: u64, status: &DeploymentStatus) -> Value {
    let deployment = url(repo, call, &format!("/deployments/{id}"));
    let facts = json!({
        "id": status.id,
        "node_id": format!("DES_{}", status.id),
        "state": status.state,
        "description": status.description,
        "environment": status.environment,
        "environment_url": status.environment_url,
        "log_url": status.log_url,
        "target_url": status.log_url,
        "creator": account(&status.creator),
        "created_at": status.created_at,
        "updated_at": status.created_at,
        "url": format!("{deployment}/statuses/{}", status.id),
        "deployment_url": deployment,
        "repository_url": url(repo, call, ""),
    });
    like("deployment-status", facts)
}
