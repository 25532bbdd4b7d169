//! `repository.deployments`: what REST needs one call per deployment for. Names of states are upper
//! case here, and the payload is JSON text, so one that was sent as a string is encoded twice.

use serde_json::{Value, json};

use super::Failure;
use super::query::Field;
use crate::github::deployments::{Deployment, DeploymentStatus};
use crate::github::faults::FaultKind;
use crate::github::repository::Repository;
use crate::github::wire::call::Call;

const LARGEST_PAGE: u64 = 100;

pub(super) fn list(repo: &Repository, call: &Call, field: &Field) -> Result<Value, Failure> {
    let first = first(field)?;
    let statuses = field.child("nodes").and_then(|nodes| nodes.child("statuses"));
    let most = statuses.map(self::first).transpose()?.unwrap_or(0);
    let chosen = chosen(repo, call, field);
    let start = after(field, &chosen);
    let rest = &chosen[start..];
    let page = &rest[..first.min(rest.len())];
    let mut nodes: Vec<Value> = page.iter().map(|deployment| shown(call, deployment, most)).collect();
    if call.fault == Some(FaultKind::ReversedList) {
        nodes.reverse();
    }
    Ok(json!({
        "totalCount": chosen.len(),
        "nodes": nodes,
        "pageInfo": {
            "hasNextPage": rest.len() > page.len(),
            "endCursor": page.last().map(|last| cursor(last)),
        },
    }))
}

/// GitHub refuses a list without a bound, and one beyond 100.
fn first(field: &Field) -> Result<usize, Failure> {
    let first = field.arguments.get("first").and_then(Value::as_u64);
    let unbounded = || {
        let message =
            format!("You must provide a `first` or `last` value to properly paginate the `{}` connection.", field.name);
        Failure("MISSING_PAGINATION_BOUNDARIES", message)
    };
    match first.ok_or_else(unbounded)? {
        many if many > LARGEST_PAGE => {
            let message = format!(
                "Requesting {many} records on the `{}` connection exceeds the `first` limit of 100 records.",
                field.name
            );
            Err(Failure("EXCESSIVE_PAGINATION", message))
        }
        few => Ok(usize::try_from(few).unwrap()),
    }
}

/// The deployments of the wanted environments, in the wanted order: oldest first unless told.
fn chosen<'a>(repo: &'a Repository, call: &Call, field: &Field) -> Vec<&'a Deployment> {
    let environments = field.arguments.get("environments").and_then(Value::as_array);
    let wanted = |deployment: &&Deployment| {
        environments.is_none_or(|names| names.iter().any(|name| *name == deployment.environment))
    };
    let hidden = usize::from(call.fault == Some(FaultKind::StaleList));
    let mut chosen: Vec<_> = repo.deployments.newest_first().skip(hidden).filter(wanted).collect();
    let order = field.arguments.get("orderBy").map(|order| &order["direction"]);
    if order.is_none_or(|direction| direction != "DESC") {
        chosen.reverse();
    }
    chosen
}

fn cursor(deployment: &Deployment) -> String {
    format!("cursor:{}", deployment.id)
}

/// Where the page begins. A cursor names a deployment, so that new ones do not shift the pages.
fn after(field: &Field, chosen: &[&Deployment]) -> usize {
    let after = field.text("after");
    let position = chosen.iter().position(|known| Some(cursor(known).as_str()) == after);
    position.map_or(0, |position| position + 1)
}

fn shown(call: &Call, deployment: &Deployment, statuses: usize) -> Value {
    let newest_first = deployment.statuses.iter().rev();
    let mut nodes: Vec<_> = newest_first.map(shown_status).collect();
    if let (Some(FaultKind::WaitingStatus), Some(newest)) = (&call.fault, nodes.first_mut()) {
        newest["state"] = "WAITING".into();
    }
    let latest = nodes.first().cloned();
    let has_more = nodes.len() > statuses;
    let total = nodes.len();
    nodes.truncate(statuses);
    if call.fault == Some(FaultKind::ReversedList) {
        nodes.reverse();
    }
    json!({
        "id": format!("DE_{}", deployment.id),
        "databaseId": deployment.id,
        "commitOid": deployment.sha,
        "task": deployment.task,
        "payload": deployment.payload.to_string(),
        "environment": deployment.environment,
        "originalEnvironment": deployment.original_environment,
        "description": deployment.description,
        "state": deployment.overall_state(call.now),
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "latestStatus": latest,
        "statuses": { "totalCount": total, "nodes": nodes, "pageInfo": { "hasNextPage": has_more } },
    })
}

fn shown_status(status: &DeploymentStatus) -> Value {
    let or_null = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "id": format!("DES_{}", status.id),
        "state": status.state.to_uppercase(),
        "description": or_null(&status.description),
        "environment": status.environment,
        "environmentUrl": or_null(&status.environment_url),
        "logUrl": or_null(&status.log_url),
        "createdAt": status.created_at,
        "updatedAt": status.created_at,
    })
}
