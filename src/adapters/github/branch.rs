//! Git's objects and branches over REST. A commit is made whole before a branch points at it, so a branch that is
//! there always has what belongs to it. Objects that nothing points at do no harm: making them may be repeated.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{GitHub, Request};
use crate::ports::PortResult;

/// A commit that is to be made.
pub(super) struct NewCommit<'a> {
    /// Its message.
    pub(super) message: &'a str,
    /// Paths and texts of all files in it.
    pub(super) files: &'a [(&'a str, &'a str)],
    /// None for a root.
    pub(super) parent: Option<&'a str>,
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
        let parents: Vec<&str> = commit.parent.into_iter().collect();
        let body = json!({ "message": commit.message, "tree": tree, "parents": parents });
        self.make_object(doing, "/git/commits", body).await
    }

    /// A request to create a branch at a commit. It is refused with 422 if the branch is there.
    pub(super) fn branch_creation(&self, doing: &str, branch: &str, commit: &str) -> Request {
        let body = json!({ "ref": format!("refs/heads/{branch}"), "sha": commit });
        self.post(doing, "/git/refs", body)
    }

    async fn make_object(&self, doing: &str, route: &str, body: Value) -> PortResult<String> {
        let answer = self.insist(&self.post(doing, route, body)).await.map_err(|failure| failure.error)?;
        Ok(answer.json::<Object>()?.sha)
    }
}
