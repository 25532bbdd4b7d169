//! `createCommitOnBranch`: files written and the branch moved in one step, if the branch is still
//! where the caller saw it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Failure;
use super::query::Field;
use crate::github::git::edits::{Files, remove};
use crate::github::repository::Repository;
use crate::github::wire::call::Call;

pub(super) fn answer(repo: &mut Repository, call: &Call, field: &Field) -> Result<Value, Failure> {
    let input = field.arguments.get("input").unwrap_or(&Value::Null);
    let branch = branch(repo, input)?;
    let head = head(repo, input, &branch)?;
    let mut files = match repo.objects.commit(&head) {
        Some(commit) => repo.objects.files(&commit.tree),
        None => Files::new(),
    };
    delete(&mut files, &input["fileChanges"]["deletions"])?;
    let additions = additions(&input["fileChanges"]["additions"])?;
    let additions = additions
        .iter()
        .map(|(path, bytes)| (*path, bytes.as_slice()));
    let tree = repo.tree_with(files, additions);
    let oid = repo.commit(tree, vec![head.clone()], &message(input)?, call.now);
    let moved = repo.move_ref(&branch, Some(&head), &oid, false);
    moved.map_err(|problem| Failure("UNPROCESSABLE", format!("{branch}: {problem:?}")))?;
    let url = format!("{}/{}/commit/{oid}", call.base, repo.full_name());
    Ok(json!({
        "clientMutationId": input["clientMutationId"],
        "commit": { "oid": oid, "url": url },
        "ref": { "name": branch.trim_start_matches("refs/heads/"), "target": { "oid": oid } },
    }))
}

fn branch(repo: &Repository, input: &Value) -> Result<String, Failure> {
    let branch = &input["branch"];
    if branch["repositoryNameWithOwner"] != repo.full_name() {
        let message = "Could not resolve to a Repository with that name.";
        return Err(Failure("NOT_FOUND", message.to_owned()));
    }
    let name = branch["branchName"]
        .as_str()
        .ok_or_else(|| invalid("branchName"))?;
    Ok(format!("refs/heads/{name}"))
}

fn head(repo: &Repository, input: &Value, branch: &str) -> Result<String, Failure> {
    let missing = || Failure("NOT_FOUND", format!("No such branch: {branch}"));
    let head = repo.refs.get(branch).ok_or_else(missing)?;
    let expected = input["expectedHeadOid"]
        .as_str()
        .ok_or_else(|| invalid("expectedHeadOid"))?;
    if expected == head {
        return Ok(head.clone());
    }
    let message =
        format!("Expected branch to point to \"{head}\" but it did not. Pull and try again.");
    Err(Failure("STALE_DATA", message))
}

fn delete(files: &mut Files, deletions: &Value) -> Result<(), Failure> {
    for deletion in deletions.as_array().into_iter().flatten() {
        let path = deletion["path"]
            .as_str()
            .ok_or_else(|| invalid("deletions.path"))?;
        if !remove(files, path) {
            let message = format!("A file cannot be deleted that is not there: {path}");
            return Err(Failure("UNPROCESSABLE", message));
        }
    }
    Ok(())
}

fn additions(additions: &Value) -> Result<Vec<(&str, Vec<u8>)>, Failure> {
    let additions = additions.as_array().into_iter().flatten();
    let read = |addition: &'_ Value| -> Option<Vec<u8>> {
        STANDARD.decode(addition["contents"].as_str()?).ok()
    };
    additions
        .map(|addition| {
            let path = addition["path"]
                .as_str()
                .ok_or_else(|| invalid("additions.path"))?;
            Ok((
                path,
                read(addition).ok_or_else(|| invalid("additions.contents"))?,
            ))
        })
        .collect()
}

fn message(input: &Value) -> Result<String, Failure> {
    let headline = input["message"]["headline"]
        .as_str()
        .ok_or_else(|| invalid("headline"))?;
    Ok(match input["message"]["body"].as_str() {
        Some(body) if !body.is_empty() => format!("{headline}\n\n{body}"),
        _ => headline.to_owned(),
    })
}

fn invalid(field: &str) -> Failure {
    Failure("INVALID", format!("{field} is missing or malformed"))
}
