//! Blobs over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::contents::in_lines;
use super::url;
use crate::github::contract::shape::like;
use crate::github::repository::Repository;
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;

pub(super) fn create(repo: &mut Repository, call: &Call) -> Handled {
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

pub(super) fn get(repo: &Repository, call: &Call, sha: &str) -> Handled {
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
