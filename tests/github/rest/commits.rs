//! Commits over HTTP, in two shapes: git's own, and with GitHub's accounts.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::people::account;
use super::url;
use crate::github::contract::shape::like;
use crate::github::git::objects::{Commit, Signature};
use crate::github::repository::Repository;
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;

pub(super) fn create(repo: &mut Repository, call: &Call) -> Handled {
    let tree = call.text("tree").unwrap_or_default().to_owned();
    let unknown = |what: &str| Answer::refusal(422, &format!("{what} does not exist"));
    repo.objects
        .tree(&tree)
        .ok_or_else(|| unknown("Tree SHA"))?;
    let mut parents = Vec::new();
    for parent in call
        .field("parents")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let parent = parent.as_str().filter(|sha| repo.objects.has_commit(sha));
        parents.push(parent.ok_or_else(|| unknown("Parent SHA"))?.to_owned());
    }
    let author = signature(repo, call, "author");
    let committer = match call.field("committer") {
        Some(_) => signature(repo, call, "committer"),
        None => author.clone(),
    };
    let message = call.text("message").unwrap_or_default().to_owned();
    let commit = Commit {
        tree,
        parents,
        message,
        author,
        committer,
    };
    let sha = repo.objects.add_commit(commit.clone());
    Ok(Answer::json(201, shown_commit(repo, call, &sha, &commit)))
}

fn signature(repo: &Repository, call: &Call, role: &str) -> Signature {
    let given = call.field(role);
    let text = |name: &str| given?[name].as_str().map(str::to_owned);
    let default = repo.signature(call.now);
    Signature {
        name: text("name").unwrap_or(default.name),
        email: text("email").unwrap_or(default.email),
        date: text("date")
            .and_then(|date| date.parse().ok())
            .unwrap_or(default.date),
    }
}

pub(super) fn get(repo: &Repository, call: &Call, sha: &str) -> Handled {
    let commit = found(repo, sha).ok_or_else(Answer::not_found)?;
    Ok(Answer::json(200, shown_commit(repo, call, sha, &commit)))
}

/// The commit as the repository shows it, with accounts: `GET commits/{ref}`.
pub(super) fn get_with_accounts(repo: &Repository, call: &Call, name: &str) -> Handled {
    let unknown = || Answer::refusal(422, &format!("No commit found for SHA: {name}"));
    let sha = repo.resolve(name).ok_or_else(unknown)?;
    let commit = found(repo, &sha).ok_or_else(unknown)?;
    let git = shown_commit(repo, call, &sha, &commit);
    let facts = json!({
        "sha": sha,
        "url": url(repo, call, &format!("/commits/{sha}")),
        "author": account(&repo.login),
        "committer": account(&repo.login),
        "commit": {
            "message": git["message"],
            "author": git["author"],
            "committer": git["committer"],
            "tree": git["tree"],
        },
        "parents": git["parents"],
    });
    Ok(Answer::json(200, like("commit", facts)))
}

/// A commit; one that only exists elsewhere is shown as an empty one.
fn found(repo: &Repository, sha: &str) -> Option<Commit> {
    let elsewhere = || {
        repo.objects.has_commit(sha).then(|| Commit {
            tree: "4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned(),
            parents: Vec::new(),
            message: "Made elsewhere".to_owned(),
            author: repo.signature(Timestamp::UNIX_EPOCH),
            committer: repo.signature(Timestamp::UNIX_EPOCH),
        })
    };
    repo.objects.commit(sha).cloned().or_else(elsewhere)
}

fn shown_commit(repo: &Repository, call: &Call, sha: &str, commit: &Commit) -> Value {
    let object = |kind: &str, sha: &str| {
        let url = url(repo, call, &format!("/git/{kind}/{sha}"));
        json!({ "sha": sha, "url": url, "html_url": url })
    };
    let who = |who: &Signature| json!({ "name": who.name, "email": who.email, "date": who.date });
    let parents = commit
        .parents
        .iter()
        .map(|parent| object("commits", parent));
    let facts = json!({
        "sha": sha,
        "url": url(repo, call, &format!("/git/commits/{sha}")),
        "author": who(&commit.author),
        "committer": who(&commit.committer),
        "message": commit.message,
        "tree": object("trees", &commit.tree),
        "parents": parents.collect::<Vec<_>>(),
        "verification": { "verified": false, "reason": "unsigned" },
    });
    like("git-commit", facts)
}
