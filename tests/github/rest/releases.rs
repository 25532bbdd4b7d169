//! Releases. Making one makes its tag.

use serde_json::{Value, json};

use super::people::account;
use super::url;
use crate::github::contract::shape::like;
use crate::github::repository::{Release, Repository};
use crate::github::wire::answer::{Answer, Handled};
use crate::github::wire::call::Call;

/// GitHub refuses longer notes.
const LONGEST_BODY: usize = 125_000;

pub(super) fn create(repo: &mut Repository, call: &Call) -> Handled {
    let text = |name: &str| call.text(name).unwrap_or_default().to_owned();
    let release = Release { tag: text("tag_name"), target: text("target_commitish"), notes: text("body") };
    if repo.releases.iter().any(|known| known.tag == release.tag) {
        return Err(Answer::invalid("Release", "tag_name", "already_exists", "tag_name already exists"));
    }
    if release.notes.chars().count() > LONGEST_BODY {
        return Err(Answer::invalid("Release", "body", "custom", "body is too long (maximum is 125000 characters)"));
    }
    let invalid = || Answer::invalid("Release", "target_commitish", "invalid", "target_commitish is invalid");
    let commit = repo.resolve(&release.target).ok_or_else(invalid)?;
    let name = format!("refs/tags/{}", release.tag);
    if repo.resolve(&name).is_none() {
        repo.create_ref(&name, &commit).map_err(|_| invalid())?;
    }
    repo.releases.push(release.clone());
    Ok(Answer::json(201, shown(repo, call, &release)))
}

pub(super) fn by_tag(repo: &Repository, call: &Call, tag: &str) -> Handled {
    let release = repo.releases.iter().find(|release| release.tag == tag).ok_or_else(Answer::not_found)?;
    Ok(Answer::json(200, shown(repo, call, release)))
}

fn shown(repo: &Repository, call: &Call, release: &Release) -> Value {
    let facts = json!({
        "id": 1,
        "tag_name": release.tag,
        "target_commitish": release.target,
        "name": release.tag,
        "body": release.notes,
        "author": account(&repo.login),
        "created_at": call.now,
        "published_at": call.now,
        "url": url(repo, call, "/releases/1"),
    });
    like("release", facts)
}
