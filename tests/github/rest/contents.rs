//! Files and directories at a commit.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::url;
use crate::github::contract::shape::like;
use crate::github::git::objects::{Entry, TREE_MODE};
use crate::github::repository::Repository;
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;

/// Above this size GitHub leaves the content out of the JSON: only the raw media type has it.
const LARGEST_INLINE: usize = 1024 * 1024;

/// GitHub breaks base64 into lines, which strict decoders refuse.
const LINE: usize = 60;

pub(super) fn get(repo: &Repository, call: &Call, path: &str) -> Handled {
    let name = call.parameter("ref").unwrap_or(&repo.default_branch);
    let no_commit = || Answer::refusal(404, &format!("No commit found for the ref {name}"));
    let commit = repo.resolve(name).ok_or_else(no_commit)?;
    let commit = repo.objects.commit(&commit).ok_or_else(no_commit)?;
    let entry = repo
        .objects
        .entry(&commit.tree, path)
        .ok_or_else(Answer::not_found)?;
    match repo.objects.blob(&entry.oid) {
        Some(bytes) if call.wants_raw => Ok(Answer::raw(bytes.clone())),
        _ => Ok(Answer::json(200, shown(repo, call, path, entry))),
    }
}

fn shown(repo: &Repository, call: &Call, path: &str, entry: &Entry) -> Value {
    if entry.mode != TREE_MODE {
        return file(repo, call, path, entry);
    }
    let inside = repo.objects.tree(&entry.oid).into_iter().flatten();
    let items = inside.map(|(name, entry)| {
        let (path, is_tree) = (format!("{path}/{name}"), entry.mode == TREE_MODE);
        let mut facts = facts(repo, call, &path, entry);
        facts["type"] = if is_tree { "dir" } else { "file" }.into();
        facts
    });
    items.collect()
}

fn file(repo: &Repository, call: &Call, path: &str, entry: &Entry) -> Value {
    let bytes = repo
        .objects
        .blob(&entry.oid)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let inline = bytes.len() <= LARGEST_INLINE;
    let mut facts = facts(repo, call, path, entry);
    facts["type"] = "file".into();
    facts["encoding"] = if inline { "base64" } else { "none" }.into();
    facts["content"] = if inline {
        in_lines(bytes)
    } else {
        String::new()
    }
    .into();
    like("content-file", facts)
}

fn facts(repo: &Repository, call: &Call, path: &str, entry: &Entry) -> Value {
    let here = url(repo, call, &format!("/contents/{path}"));
    json!({
        "name": path.rsplit('/').next(),
        "path": path,
        "sha": entry.oid,
        "size": repo.objects.blob(&entry.oid).map_or(0, Vec::len),
        "url": here,
        "git_url": url(repo, call, &format!("/git/blobs/{}", entry.oid)),
        "html_url": here,
        "download_url": here,
        "_links": { "git": here, "html": here, "self": here },
    })
}

pub(super) fn in_lines(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let lines = text.as_bytes().chunks(LINE);
    lines
        .map(|line| format!("{}\n", str::from_utf8(line).unwrap()))
        .collect()
}
