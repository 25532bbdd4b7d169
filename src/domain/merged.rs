//! What was merged: the commits between two releases, with the pull requests they came by. Versions and release notes
//! follow from it.

use serde::{Deserialize, Serialize};

use super::ids::CommitSha;

/// A commit of the default branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// The commit.
    pub commit: CommitSha,
    /// Its whole message.
    pub message: String,
    /// The pull request that it came by, if it came by one.
    pub pull: Option<PullRequest>,
}

/// A pull request, as far as a release needs it. Titles and names are foreign text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Who wrote it.
    pub author: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Whether it was merged.
    pub merged: bool,
    /// The commit that merging it made.
    pub merge_commit: Option<CommitSha>,
    /// The newest commit of its branch.
    pub head: CommitSha,
}

/// What was merged since a release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The commits, newest first.
    pub merged: Vec<Merged>,
    /// Whether there are more that were not read.
    pub cut: bool,
}

impl History {
    /// The pull requests, newest first, each once.
    pub fn pulls(&self) -> Vec<&PullRequest> {
        let mut pulls: Vec<&PullRequest> = Vec::new();
        for pull in self.merged.iter().filter_map(|merged| merged.pull.as_ref()) {
            if !pulls.iter().any(|known| known.number == pull.number) {
                pulls.push(pull);
            }
        }
        pulls
    }
}
