//! Trees over HTTP.

use serde_json::{Value, json};

use super::url;
use crate::github::git::edits::{Files, remove};
use crate::github::git::objects::{Entry, TREE_MODE};
use crate::github::repository::Repository;
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;

pub(super) fn create(repo: &mut Repository, call: &Call) -> Handled {
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

pub(super) fn get(repo: &Repository, call: &Call, sha: &str) -> Handled {
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
