//! Files and directories of a branch, as bytes. The raw media type is asked for because the JSON form leaves out
//! the content of files beyond 1 MiB, and a plan for a thousand tenants is larger.

use http::StatusCode;
use serde::Deserialize;

use super::client::{GitHub, encoded};
use super::failure::Failure;
use crate::ports::PortResult;

const RAW: &str = "application/vnd.github.raw+json";

#[derive(Deserialize)]
struct Tree {
    tree: Vec<TreeEntry>,
    truncated: bool,
}

#[derive(Deserialize)]
struct TreeEntry {
    path: String,
    sha: String,
}

impl GitHub {
    /// A file at a branch or commit; none if there is no such file.
    pub(super) async fn file(&self, path: &str, at: &str) -> PortResult<Option<Vec<u8>>> {
        let segments: Vec<String> = path.split('/').map(encoded).collect();
        let route = format!("/contents/{}?ref={}", segments.join("/"), encoded(at));
        let mut request = self.get(format!("reading {path} at {at}"), &route);
        request.accept = RAW;
        absent_or(self.insist(&request).await.map(|answer| answer.body))
    }

    /// Names of the files in a directory at the top of a branch; none if it is not there. By git trees, since
    /// the contents API stops at a thousand without a word.
    pub(super) async fn directory(&self, name: &str, branch: &str) -> PortResult<Vec<String>> {
        let doing = format!("listing {name}/ at {branch}");
        let root = self.tree(&doing, branch).await?.unwrap_or_default();
        let Some(entry) = root.into_iter().find(|entry| entry.path == name) else { return Ok(Vec::new()) };
        let entries = self.tree(&doing, &entry.sha).await?.unwrap_or_default();
        Ok(entries.into_iter().map(|entry| entry.path).collect())
    }

    async fn tree(&self, doing: &str, at: &str) -> PortResult<Option<Vec<TreeEntry>>> {
        let request = self.get(doing, &format!("/git/trees/{}", encoded(at)));
        let Some(answer) = absent_or(self.insist(&request).await)? else { return Ok(None) };
        let tree: Tree = answer.json()?;
        if tree.truncated {
            return Err(answer.unexpected("the listing is cut off"));
        }
        Ok(Some(tree.tree))
    }
}

/// Tells "not there" from "not known".
fn absent_or<T>(outcome: Result<T, Failure>) -> PortResult<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(failure) if failure.is(StatusCode::NOT_FOUND) => Ok(None),
        Err(failure) => Err(failure.error),
    }
}
