//! Refs over HTTP. Here deletion has no condition and movement only knows fast-forward; compare
//! and set is GraphQL's.

use serde_json::{Value, json};

use super::url;
use crate::github::git::refs::{ABSENT, RefProblem};
use crate::github::repository::Repository;
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;

pub(super) fn get(repo: &Repository, call: &Call, name: &str) -> Handled {
    let name = format!("refs/{name}");
    let oid = repo.refs.get(&name).ok_or_else(Answer::not_found)?;
    Ok(Answer::json(200, shown(repo, call, &name, oid)))
}

pub(super) fn matching(repo: &Repository, call: &Call, prefix: &str) -> Handled {
    let refs = repo.refs.starting_with(&format!("refs/{prefix}"));
    let items = refs.iter().map(|(name, oid)| shown(repo, call, name, oid));
    Ok(Answer::json(200, items.collect()))
}

pub(super) fn create(repo: &mut Repository, call: &Call) -> Handled {
    let name = call.text("ref").unwrap_or_default();
    let oid = call.text("sha").unwrap_or_default();
    repo.create_ref(name, oid)
        .map_err(|problem| match problem {
            RefProblem::Moved => Answer::refusal(422, "Reference already exists"),
            other => refusal(other),
        })?;
    let location = url(repo, call, &format!("/git/{name}"));
    Ok(Answer::json(201, shown(repo, call, name, oid)).header("location", location))
}

pub(super) fn update(repo: &mut Repository, call: &Call, name: &str) -> Handled {
    let name = format!("refs/{name}");
    let oid = call.text("sha").unwrap_or_default();
    must_exist(repo, &name)?;
    let force = call.flag("force").unwrap_or(false);
    repo.move_ref(&name, None, oid, force).map_err(refusal)?;
    Ok(Answer::json(200, shown(repo, call, &name, oid)))
}

pub(super) fn delete(repo: &mut Repository, name: &str) -> Handled {
    let name = format!("refs/{name}");
    must_exist(repo, &name)?;
    repo.move_ref(&name, None, ABSENT, true).map_err(refusal)?;
    Ok(Answer::no_content())
}

fn must_exist(repo: &Repository, name: &str) -> Result<(), Answer> {
    let absent = || Answer::refusal(422, "Reference does not exist");
    repo.refs.get(name).map(drop).ok_or_else(absent)
}

fn refusal(problem: RefProblem) -> Answer {
    let message = match problem {
        RefProblem::BadName => {
            "Reference name must start with 'refs' and have at least two slashes."
        }
        RefProblem::Moved => "Reference does not exist",
        RefProblem::NoSuchObject => "Object does not exist",
        RefProblem::NotFastForward => "Update is not a fast forward",
    };
    Answer::refusal(422, message)
}

fn shown(repo: &Repository, call: &Call, name: &str, oid: &str) -> Value {
    let object = url(repo, call, &format!("/git/commits/{oid}"));
    json!({
        "ref": name,
        "node_id": format!("REF_{name}"),
        "url": url(repo, call, &format!("/git/{name}")),
        "object": { "type": "commit", "sha": oid, "url": object },
    })
}
