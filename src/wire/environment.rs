//! The environment, read once. Everything after this takes values.

use std::path::PathBuf;

use serde_json::Value;

use super::machine;
use crate::cli::args::Common;
use crate::cli::context::{Context, GitHubEvent};
use crate::domain::lease::Owner;

/// An event payload is refused above this. GitHub's own are below 25 MB for webhooks, and those that a workflow
/// gets for the events used here are a few kilobytes.
const EVENT_MAX: u64 = 10 * 1024 * 1024;

/// A variable that is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The id of the workflow run this is, if it is one.
pub(super) fn workflow_run() -> Option<u64> {
    variable("GITHUB_RUN_ID").and_then(|id| id.parse().ok())
}

/// Who we are, for the lease. A process that nobody has a name for is still a process.
pub(super) fn owner() -> Owner {
    let user = || variable("USER").or_else(|| variable("USERNAME"));
    Owner {
        run: workflow_run(),
        attempt: variable("GITHUB_RUN_ATTEMPT").and_then(|n| n.parse().ok()),
        actor: variable("GITHUB_ACTOR").or_else(user).unwrap_or_else(|| "somebody".to_owned()),
        host: machine::name(variable("HOSTNAME").or_else(|| variable("COMPUTERNAME"))),
        process: std::process::id(),
    }
}

/// What a run knows of its surroundings.
///
/// # Errors
/// The event's payload cannot be read or is no JSON; in words for a person.
pub(super) fn context(common: &Common) -> Result<Context, String> {
    Ok(Context {
        event: event()?,
        run_number: variable("GITHUB_RUN_NUMBER").and_then(|n| n.parse().ok()).unwrap_or_default(),
        commit: variable("GITHUB_SHA").and_then(|sha| sha.parse().ok()),
        actor: variable("GITHUB_ACTOR"),
        output: variable("GITHUB_OUTPUT").map(PathBuf::from),
        summary: variable("GITHUB_STEP_SUMMARY").map(PathBuf::from),
        actions: variable("GITHUB_ACTIONS").is_some(),
        terminal: std::io::IsTerminal::is_terminal(&std::io::stdout()) && variable("CI").is_none(),
        json: common.json,
    })
}

fn event() -> Result<Option<GitHubEvent>, String> {
    let (Some(name), Some(path)) = (variable("GITHUB_EVENT_NAME"), variable("GITHUB_EVENT_PATH")) else {
        return Ok(None);
    };
    let unreadable = |why: String| format!("the event's payload {path}: {why}");
    let size = std::fs::metadata(&path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > EVENT_MAX {
        return Err(unreadable(format!("{size} bytes, more than the {EVENT_MAX} that are read")));
    }
    #[expect(clippy::disallowed_methods, reason = "GitHub hands the event over in a file")]
    let text = std::fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
    let payload: Value = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    Ok(Some(GitHubEvent { name, payload }))
}
