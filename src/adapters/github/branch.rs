//! Git's branches. One that is not there yet is created at a commit that was made whole before, so a branch that is
//! there always has what belongs to it. Objects that nothing points at do no harm: making them may be repeated. One that
//! is there gets every further commit by GraphQL: files, commit and compare-and-set in one request.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::client::{GitHub, Request};
use super::failure::Failure;
use crate::ports::{Fault, PortError, PortResult};

const COMMIT: &str = include_str!("queries/commit.graphql");

/// A file and its bytes.
pub(super) struct File {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
}

impl File {
    /// A file that holds a value as JSON.
    pub(super) fn json(path: String, value: &impl serde::Serialize) -> PortResult<Self> {
        match serde_json::to_vec(value) {
            Ok(bytes) => Ok(Self { path, bytes }),
            Err(error) => Err(PortError::new(Fault::Refused, format!("writing {path}"), error)),
        }
    }
}

/// The first commit of a branch.
pub(super) struct NewCommit<'a> {
    /// Its message.
    pub(super) message: &'a str,
    /// Paths and texts of all files in it.
    pub(super) files: &'a [(&'a str, &'a str)],
}

#[derive(Deserialize)]
struct Ref {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    sha: String,
}

impl GitHub {
    /// The commit that a branch points at; none if there is no such branch. Never from a list, which may lag.
    pub(super) async fn branch_head(&self, branch: &str) -> PortResult<Option<String>> {
        let request = self.get(format!("looking where {branch} is"), &format!("/git/ref/heads/{branch}"));
        match self.insist(&request).await {
            Ok(answer) => Ok(Some(answer.json::<Ref>()?.object.sha)),
            Err(failure) if failure.is(StatusCode::NOT_FOUND) => Ok(None),
            Err(failure) => Err(failure.error),
        }
    }

    /// Makes a commit that no branch points at yet, and answers its id.
    pub(super) async fn make_commit(&self, doing: &str, commit: &NewCommit<'_>) -> PortResult<String> {
        let entry =
            |(path, text): &(&str, &str)| json!({ "path": path, "mode": "100644", "type": "blob", "content": text });
        let entries: Vec<Value> = commit.files.iter().map(entry).collect();
        let tree = self.make_object(doing, "/git/trees", json!({ "tree": entries })).await?;
        let body = json!({ "message": commit.message, "tree": tree, "parents": [] });
        self.make_object(doing, "/git/commits", body).await
    }

    /// A request to create a branch at a commit. It is refused with 422 if the branch is there.
    pub(super) fn branch_creation(&self, doing: &str, branch: &str, commit: &str) -> Request {
        let body = json!({ "ref": format!("refs/heads/{branch}"), "sha": commit });
        self.post(doing, "/git/refs", body)
    }

    /// One attempt to add a commit to a branch whose head is `head`, and the commit's id. A branch that is elsewhere by
    /// then is a conflict.
    pub(super) async fn commit_on_branch(
        &self,
        doing: &str,
        branch: &str,
        head: &str,
        headline: &str,
        files: &[File],
    ) -> Result<String, Failure> {
        let addition = |file: &File| json!({ "path": file.path, "contents": STANDARD.encode(&file.bytes) });
        let input = json!({
            "branch": { "repositoryNameWithOwner": self.environment().repository, "branchName": branch },
            "message": { "headline": headline },
            "expectedHeadOid": head,
            "fileChanges": { "additions": files.iter().map(addition).collect::<Vec<_>>() },
        });
        let data = self.graphql(doing, COMMIT, &json!({ "input": input })).await?;
        let oid = data.pointer("/createCommitOnBranch/commit/oid").and_then(Value::as_str);
        oid.map(str::to_owned).ok_or_else(|| Failure::unanswered(doing, "the answer does not name the commit"))
    }

    async fn make_object(&self, doing: &str, route: &str, body: Value) -> PortResult<String> {
        let answer = self.insist(&self.post(doing, route, body)).await.map_err(|failure| failure.error)?;
        Ok(answer.json::<Object>()?.sha)
    }
}
