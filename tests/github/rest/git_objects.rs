//! Blobs, trees and commits over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::contents::in_lines;
use super::people::account;
use super::url;
use crate::github::contract::shape::like;
use crate::github::git::edits::{Files, remove};
use crate::github::git::objects::{Commit, Entry, Signature, TREE_MODE};
use crate::github::repository::Repository;
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;

pub(super) fn create_blob(repo: &mut Repository, call: &Call) -> Handled {
    let content = call.text("content").unwrap_or_default();
    let bytes = match call.text("encoding") {
        Some("base64") => STANDARD
            .decode(content.replace('\n', ""))
            .map_err(|_| Answer::refusal(422, "content is not valid Base64"))?,
        _ => content.as_bytes().to_vec(),
    };
    let sha = repo.objects.add_blob(bytes);
    let url = url(repo, call, &format!("/git/blobs/{sha}"));
    Ok(Answer::json(201, json!({ "sha": sha, "url": url })))
}

pub(super) fn get_blob(repo: &Repository, call: &Call, sha: &str) -> Handled {
    let bytes = repo.objects.blob(sha).ok_or_else(Answer::not_found)?;
    let facts = json!({
        "sha": sha,
        "size": bytes.len(),
        "encoding": "base64",
        "content": in_lines(bytes),
        "url": url(repo, call, &format!("/git/blobs/{sha}")),
    });
    Ok(Answer::json(200, like("blob", facts)))
}

pub(super) fn create_tree(repo: &mut Repository, call: &Call) -> Handled {
    let mut files = match call.text("base_tree") {
        None => Files::new(),
        Some(base) => repo
            .objects
            .files(&tree_of(repo, base).ok_or_else(Answer::not_found)?),
    };
    let entries = call.field("tree").and_then(Value::as_array);
    let missing = || Answer::refusal(422, "Invalid tree info");
    for entry in entries.ok_or_else(missing)? {
        change(repo, &mut files, entry).ok_or_else(missing)?;
    }
    let tree = repo.objects.add_files(&files);
    Ok(Answer::json(201, shown_tree(repo, call, &tree, false)))
}

/// Applies one entry of a request: a file by its text, an object by its id, or a deletion.
fn change(repo: &mut Repository, files: &mut Files, entry: &Value) -> Option<()> {
    let path = entry["path"].as_str()?;
    remove(files, path);
    let mode = entry["mode"].as_str().unwrap_or("100644").to_owned();
    match (entry["content"].as_str(), &entry["sha"]) {
        (Some(text), _) => {
            let oid = repo.objects.add_blob(text.as_bytes().to_vec());
            files.insert(path.to_owned(), Entry { mode, oid });
        }
        (None, Value::Null) => {}
        (None, sha) if mode == "040000" => {
            repo.objects.tree(sha.as_str()?)?;
            let inside = repo.objects.files(sha.as_str()?);
            files.extend(
                inside
                    .into_iter()
                    .map(|(name, at)| (format!("{path}/{name}"), at)),
            );
        }
        (None, sha) => {
            repo.objects.blob(sha.as_str()?)?;
            let oid = sha.as_str()?.to_owned();
            files.insert(path.to_owned(), Entry { mode, oid });
        }
    }
    Some(())
}

pub(super) fn get_tree(repo: &Repository, call: &Call, sha: &str) -> Handled {
    let tree = tree_of(repo, sha).ok_or_else(Answer::not_found)?;
    let recursive = call.parameter("recursive").is_some();
    Ok(Answer::json(200, shown_tree(repo, call, &tree, recursive)))
}

/// The tree that an id or a ref stands for.
fn tree_of(repo: &Repository, name: &str) -> Option<String> {
    if repo.objects.tree(name).is_some() {
        return Some(name.to_owned());
    }
    let commit = repo.objects.commit(&repo.resolve(name)?)?;
    Some(commit.tree.clone())
}

fn shown_tree(repo: &Repository, call: &Call, tree: &str, recursive: bool) -> Value {
    let mut entries = Vec::new();
    list_tree(repo, call, tree, "", recursive, &mut entries);
    let url = url(repo, call, &format!("/git/trees/{tree}"));
    json!({ "sha": tree, "url": url, "truncated": false, "tree": entries })
}

fn list_tree(
    repo: &Repository,
    call: &Call,
    tree: &str,
    prefix: &str,
    recursive: bool,
    entries: &mut Vec<Value>,
) {
    for (name, entry) in repo.objects.tree(tree).into_iter().flatten() {
        let (path, is_tree) = (format!("{prefix}{name}"), entry.mode == TREE_MODE);
        let kind = if is_tree { "tree" } else { "blob" };
        let mut shown = json!({
            "path": path,
            "mode": format!("{:0>6}", entry.mode),
            "type": kind,
            "sha": entry.oid,
            "url": url(repo, call, &format!("/git/{kind}s/{}", entry.oid)),
        });
        if let Some(bytes) = repo.objects.blob(&entry.oid) {
            shown["size"] = bytes.len().into();
        }
        entries.push(shown);
        if is_tree && recursive {
            list_tree(
                repo,
                call,
                &entry.oid,
                &format!("{path}/"),
                recursive,
                entries,
            );
        }
    }
}

pub(super) fn create_commit(repo: &mut Repository, call: &Call) -> Handled {
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

pub(super) fn get_commit(repo: &Repository, call: &Call, sha: &str) -> Handled {
    let commit = found(repo, sha).ok_or_else(Answer::not_found)?;
    Ok(Answer::json(200, shown_commit(repo, call, sha, &commit)))
}

/// The commit as the repository shows it, with accounts: `GET commits/{ref}`.
pub(super) fn get_full_commit(repo: &Repository, call: &Call, name: &str) -> Handled {
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
