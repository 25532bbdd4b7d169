//! `updateRefs`: several refs, each with the value it must have before, all or none.

use serde_json::{Value, json};

use super::Failure;
use super::query::Field;
use crate::github::git::refs::{RefProblem, RefUpdate};
use crate::github::repository::{NODE_ID, Repository};

pub(super) fn answer(repo: &mut Repository, field: &Field) -> Result<Value, Failure> {
    let input = field.arguments.get("input").unwrap_or(&Value::Null);
    if input["repositoryId"] != NODE_ID {
        let message = format!(
            "Could not resolve to a node with the global id of '{}'",
            input["repositoryId"]
        );
        return Err(Failure("NOT_FOUND", message));
    }
    let updates = input["refUpdates"].as_array().and_then(|updates| {
        let updates = updates.iter().map(read);
        updates.collect::<Option<Vec<_>>>()
    });
    let incomplete = || {
        Failure(
            "INVALID",
            "refUpdates: name and afterOid are required".to_owned(),
        )
    };
    let done = repo
        .refs
        .update(&repo.objects, &updates.ok_or_else(incomplete)?);
    done.map_err(|(name, problem)| refusal(&name, problem))?;
    Ok(json!({ "clientMutationId": input["clientMutationId"] }))
}

fn read(update: &Value) -> Option<RefUpdate> {
    Some(RefUpdate {
        name: update["name"].as_str()?.to_owned(),
        before: update["beforeOid"].as_str().map(str::to_owned),
        after: update["afterOid"].as_str()?.to_owned(),
        force: update["force"].as_bool().unwrap_or(false),
    })
}

fn refusal(name: &str, problem: RefProblem) -> Failure {
    let reason = match problem {
        RefProblem::BadName => "is not a fully qualified name",
        RefProblem::Moved => "is not at its expected value",
        RefProblem::NoSuchObject => "cannot point at an object that does not exist",
        RefProblem::NotFastForward => "cannot be updated: not a fast forward",
    };
    Failure("UNPROCESSABLE", format!("Reference {name} {reason}"))
}
