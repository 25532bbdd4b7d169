//! Comments and labels over HTTP.

use serde_json::{Value, json};

use super::people::account;
use super::url;
use crate::github::contract::shape::like;
use crate::github::issues::Comment;
use crate::github::repository::Repository;
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;
use crate::github::wire::page::page;

/// GitHub refuses longer comments.
const LONGEST_BODY: usize = 65_536;

pub(super) fn comments(repo: &Repository, call: &Call, issue: u64) -> Handled {
    must_exist(repo, issue)?;
    let comments = repo.issues.comments.iter();
    let here = comments.filter(|comment| comment.issue == issue);
    Ok(page(
        call,
        here.map(|comment| shown(repo, call, comment)).collect(),
    ))
}

pub(super) fn create_comment(repo: &mut Repository, call: &Call, issue: u64) -> Handled {
    must_exist(repo, issue)?;
    let (login, body) = (repo.login.clone(), body(call)?);
    let comment = repo.issues.add_comment(issue, &login, body, call.now);
    Ok(Answer::json(201, shown(repo, call, &comment)))
}

pub(super) fn get_comment(repo: &mut Repository, call: &Call, id: u64) -> Handled {
    let comment = repo
        .issues
        .comment_mut(id)
        .ok_or_else(Answer::not_found)?
        .clone();
    Ok(Answer::json(200, shown(repo, call, &comment)))
}

pub(super) fn update_comment(repo: &mut Repository, call: &Call, id: u64) -> Handled {
    let comment = repo.issues.comment_mut(id).ok_or_else(Answer::not_found)?;
    body(call)?.clone_into(&mut comment.body);
    comment.updated_at = call.now;
    get_comment(repo, call, id)
}

pub(super) fn delete_comment(repo: &mut Repository, id: u64) -> Handled {
    repo.issues.comment_mut(id).ok_or_else(Answer::not_found)?;
    repo.issues.comments.retain(|comment| comment.id != id);
    Ok(Answer::no_content())
}

pub(super) fn labels(repo: &Repository, call: &Call, issue: u64) -> Handled {
    let labels = repo.issues.labels(issue).ok_or_else(Answer::not_found)?;
    let labels = labels.iter().map(|name| label(repo, call, name));
    Ok(Answer::json(200, labels.collect()))
}

pub(super) fn add_labels(repo: &mut Repository, call: &Call, issue: u64) -> Handled {
    must_exist(repo, issue)?;
    for name in call
        .field("labels")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let name = name.as_str().or_else(|| name["name"].as_str());
        let missing = || Answer::invalid("Label", "name", "missing_field", "name is missing");
        repo.issues.add_label(issue, name.ok_or_else(missing)?);
    }
    labels(repo, call, issue)
}

pub(super) fn remove_label(repo: &mut Repository, call: &Call, issue: u64, name: &str) -> Handled {
    must_exist(repo, issue)?;
    if !repo.issues.remove_label(issue, name) {
        return Err(Answer::refusal(404, "Label does not exist"));
    }
    labels(repo, call, issue)
}

pub(super) fn label(repo: &Repository, call: &Call, name: &str) -> Value {
    let url = url(repo, call, &format!("/labels/{name}"));
    like(
        "label",
        json!({ "id": 1, "name": name, "color": "ededed", "description": "", "url": url }),
    )
}

fn must_exist(repo: &Repository, issue: u64) -> Result<(), Answer> {
    repo.issues
        .labels(issue)
        .map(drop)
        .ok_or_else(Answer::not_found)
}

fn body(call: &Call) -> Result<&str, Answer> {
    let refusal = |message| Answer::invalid("IssueComment", "body", "unprocessable", message);
    match call.text("body") {
        None | Some("") => Err(refusal("Body cannot be blank")),
        Some(body) if body.chars().count() > LONGEST_BODY => {
            Err(refusal("Body is too long (maximum is 65536 characters)"))
        }
        Some(body) => Ok(body),
    }
}

fn shown(repo: &Repository, call: &Call, comment: &Comment) -> Value {
    let facts = json!({
        "id": comment.id,
        "body": comment.body,
        "user": account(&comment.author),
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
        "url": url(repo, call, &format!("/issues/comments/{}", comment.id)),
        "html_url": format!("{}/{}/pull/{}", call.base, repo.full_name(), comment.issue),
        "issue_url": url(repo, call, &format!("/issues/{}", comment.issue)),
    });
    like("issue-comment", facts)
}
