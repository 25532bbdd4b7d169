//! What a run knows of its surroundings. `wire` reads it from the environment; everything else takes it as a value.

use std::path::PathBuf;

use serde_json::Value;

use crate::domain::ids::CommitSha;

/// The surroundings of one run.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The GitHub event, if this is a workflow run.
    pub event: Option<GitHubEvent>,
    /// Number of the workflow run, for versions.
    pub run_number: u64,
    /// The commit that is checked out, as the workflow says.
    pub commit: Option<CommitSha>,
    /// Who started the run.
    pub actor: Option<String>,
    /// `GITHUB_OUTPUT`.
    pub output: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`.
    pub summary: Option<PathBuf>,
    /// Whether this runs under GitHub Actions, which reads `::error::` lines.
    pub actions: bool,
    /// Whether a person looks at standard output.
    pub terminal: bool,
    /// Whether the result is wanted as JSON.
    pub json: bool,
}

impl Context {
    /// Who acts, for records.
    pub fn actor(&self) -> &str {
        self.actor.as_deref().unwrap_or("somebody at a terminal")
    }
}

/// What started a workflow run.
#[derive(Clone, Debug)]
pub struct GitHubEvent {
    /// `GITHUB_EVENT_NAME`.
    pub name: String,
    /// The content of `GITHUB_EVENT_PATH`.
    pub payload: Value,
}
