//! The REST endpoints: one function for each, found by the shape of the path.

mod blobs;
mod commits;
mod contents;
mod deployments;
mod issues;
mod people;
mod pulls;
mod releases;
mod refs;
mod repository;
mod statuses;
mod trees;

use super::repository::Repository;
use super::wire::answer::{Answer, Handled};
use super::wire::call::Call;

/// Answers a call below `/repos/{owner}/{repo}`.
pub(crate) fn answer(repo: &mut Repository, call: &Call) -> Handled {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["repos", owner, name, rest @ ..] if repo.is_called(owner, name) => route(repo, call, rest),
        _ => Err(Answer::not_found()),
    }
}

fn route(repo: &mut Repository, call: &Call, rest: &[&str]) -> Handled {
    match rest {
        ["deployments", ..] => route_deployments(repo, call, rest),
        ["git", rest @ ..] => route_git(repo, call, rest),
        ["issues", ..] => route_issues(repo, call, rest),
        ["releases"] if call.method == "POST" => releases::create(repo, call),
        _ => route_reads(repo, call, rest),
    }
}

fn route_deployments(repo: &mut Repository, call: &Call, rest: &[&str]) -> Handled {
    match (call.method.as_str(), rest) {
        ("POST", ["deployments"]) => deployments::create(repo, call),
        ("GET", ["deployments"]) => deployments::list(repo, call),
        ("GET", ["deployments", id]) => deployments::get(repo, call, number(id)?),
        ("DELETE", ["deployments", id]) => deployments::delete(repo, number(id)?),
        ("POST", ["deployments", id, "statuses"]) => statuses::create(repo, call, number(id)?),
        ("GET", ["deployments", id, "statuses"]) => statuses::list(repo, call, number(id)?),
        ("GET", ["deployments", id, "statuses", status]) => statuses::get(repo, call, number(id)?, number(status)?),
        _ => Err(Answer::not_found()),
    }
}

fn route_git(repo: &mut Repository, call: &Call, rest: &[&str]) -> Handled {
    match (call.method.as_str(), rest) {
        ("POST", ["blobs"]) => blobs::create(repo, call),
        ("GET", ["blobs", sha]) => blobs::get(repo, call, sha),
        ("POST", ["trees"]) => trees::create(repo, call),
        ("GET", ["trees", sha]) => trees::get(repo, call, sha),
        ("POST", ["commits"]) => commits::create(repo, call),
        ("GET", ["commits", sha]) => commits::get(repo, call, sha),
        ("GET", ["ref", name @ ..]) => refs::get(repo, call, &name.join("/")),
        ("GET", ["matching-refs", name @ ..]) => refs::matching(repo, call, &name.join("/")),
        ("POST", ["refs"]) => refs::create(repo, call),
        ("PATCH", ["refs", name @ ..]) => refs::update(repo, call, &name.join("/")),
        ("DELETE", ["refs", name @ ..]) => refs::delete(repo, &name.join("/")),
        _ => Err(Answer::not_found()),
    }
}

fn route_issues(repo: &mut Repository, call: &Call, rest: &[&str]) -> Handled {
    match (call.method.as_str(), rest) {
        ("GET", ["issues", "comments", id]) => issues::get_comment(repo, call, number(id)?),
        ("PATCH", ["issues", "comments", id]) => issues::update_comment(repo, call, number(id)?),
        ("DELETE", ["issues", "comments", id]) => issues::delete_comment(repo, number(id)?),
        ("GET", ["issues", issue, "comments"]) => issues::comments(repo, call, number(issue)?),
        ("POST", ["issues", issue, "comments"]) => issues::create_comment(repo, call, number(issue)?),
        ("GET", ["issues", issue, "labels"]) => issues::labels(repo, call, number(issue)?),
        ("POST", ["issues", issue, "labels"]) => issues::add_labels(repo, call, number(issue)?),
        ("DELETE", ["issues", issue, "labels", label]) => issues::remove_label(repo, call, number(issue)?, label),
        _ => Err(Answer::not_found()),
    }
}

fn route_reads(repo: &mut Repository, call: &Call, rest: &[&str]) -> Handled {
    match (call.method.as_str(), rest) {
        ("GET", []) => repository::get(repo, call),
        ("GET", ["contents", path @ ..]) => contents::get(repo, call, &path.join("/")),
        ("GET", ["commits", sha, "pulls"]) => pulls::of_commit(repo, call, sha),
        ("GET", ["commits", name @ ..]) => commits::get_with_accounts(repo, call, &name.join("/")),
        ("GET", ["pulls", pull]) => pulls::get(repo, call, number(pull)?),
        ("GET", ["collaborators", login, "permission"]) => people::permission(repo, call, login),
        ("GET", ["environments"]) => repository::environments(repo),
        ("GET", ["labels"]) => repository::labels(repo, call),
        ("GET", ["releases", "tags", tag]) => releases::by_tag(repo, call, tag),
        ("GET", ["actions", "runs", id, "approvals"]) => repository::approvals(repo, number(id)?),
        ("GET", ["actions", "runs", id]) => repository::run(repo, call, number(id)?),
        ("GET", ["actions", "runs", id, "attempts", attempt]) => {
            repository::attempt(repo, call, number(id)?, number(attempt)?)
        }
        _ => Err(Answer::not_found()),
    }
}

fn number(text: &str) -> Result<u64, Answer> {
    text.parse().map_err(|_| Answer::not_found())
}

/// A URL in the API of this repository.
fn url(repo: &Repository, call: &Call, rest: &str) -> String {
    format!("{}/repos/{}{rest}", call.base, repo.full_name())
}
