//! What a GitHub event asks for. An event that asks for nothing is told so in words and is no error.
//!
//! Payloads are foreign text: what is taken from them is checked by the types it goes into, and everything that
//! decides about rights is asked of the API and not read from here.

use serde_json::Value;

use super::context::GitHubEvent;
use crate::domain::ids::{CommitSha, FleetName, Version};

/// What an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A commit came onto the default branch: build it and release it to the fleets that take merges.
    Merge {
        /// The commit.
        commit: CommitSha,
        /// The branch.
        branch: String,
    },
    /// A merged pull request was given a label.
    Label {
        /// Its number.
        pull: u64,
        /// The label.
        label: String,
        /// The commit that merging it made.
        commit: CommitSha,
        /// Who put the label on. Whether they may is asked elsewhere.
        by: String,
    },
    /// Somebody started the workflow by hand.
    Dispatch(Dispatch),
    /// A schedule has come round: whatever is to be done by the clock.
    Clock,
    /// Nothing, and why.
    Nothing(String),
}

/// What somebody asked for by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// What to do.
    pub verb: Verb,
    /// Where.
    pub fleet: FleetName,
    /// The version, if one is named.
    pub version: Option<Version>,
    /// Why, for the records.
    pub why: String,
    /// Who.
    pub by: String,
}

/// What can be asked for by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Take back.
    Rollback,
    /// Go on.
    Continue,
    /// Release what succeeded in the fleet before.
    Promote,
    /// Let nothing go forward.
    Hold,
    /// Lift that.
    Unhold,
    /// End the open rollout.
    Abort,
}

/// Why a payload could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the `{event}` event: {why}")]
pub struct BadEvent {
    /// Name of the event.
    pub event: String,
    /// What is wrong with its payload.
    pub why: String,
}

/// Reads an event.
///
/// # Errors
/// A field that the event always has is missing or not of its kind.
pub fn ask(event: &GitHubEvent) -> Result<Ask, BadEvent> {
    let payload = Payload { event: &event.name, value: &event.payload };
    match event.name.as_str() {
        "push" => push(&payload),
        "pull_request" => pull_request(&payload),
        "workflow_dispatch" => dispatch(&payload),
        "schedule" => Ok(Ask::Clock),
        other => Ok(Ask::Nothing(format!("the `{}` event asks for nothing here", other.escape_debug()))),
    }
}

fn push(payload: &Payload<'_>) -> Result<Ask, BadEvent> {
    let git_ref = payload.text(&["ref"])?;
    let default = payload.text(&["repository", "default_branch"])?;
    let Some(branch) = git_ref.strip_prefix("refs/heads/") else {
        return Ok(Ask::Nothing("a tag was pushed".to_owned()));
    };
    if branch != default {
        return Ok(Ask::Nothing(format!("{} is not the default branch", branch.escape_debug())));
    }
    if payload.flag(&["deleted"]) {
        return Ok(Ask::Nothing("the branch was deleted".to_owned()));
    }
    Ok(Ask::Merge { commit: payload.parsed(&["after"])?, branch: branch.to_owned() })
}

fn pull_request(payload: &Payload<'_>) -> Result<Ask, BadEvent> {
    let action = payload.text(&["action"])?;
    if action != "labeled" {
        return Ok(Ask::Nothing(format!("a pull request was {}", action.escape_debug())));
    }
    if !payload.flag(&["pull_request", "merged"]) {
        return Ok(Ask::Nothing("the pull request is not merged; put the label on again when it is".to_owned()));
    }
    let number = payload.value.get("number").and_then(Value::as_u64);
    Ok(Ask::Label {
        pull: number.ok_or_else(|| payload.bad("`number` is missing"))?,
        label: payload.text(&["label", "name"])?.to_owned(),
        commit: payload.parsed(&["pull_request", "merge_commit_sha"])?,
        by: payload.text(&["sender", "login"])?.to_owned(),
    })
}

fn dispatch(payload: &Payload<'_>) -> Result<Ask, BadEvent> {
    let verb = match payload.text(&["inputs", "command"])? {
        "rollback" => Verb::Rollback,
        "continue" => Verb::Continue,
        "promote" => Verb::Promote,
        "hold" => Verb::Hold,
        "unhold" => Verb::Unhold,
        "abort" => Verb::Abort,
        other => {
            let known = "rollback, continue, promote, hold, unhold or abort";
            let why = format!("`command` is `{}`; it can be {known}", other.escape_debug());
            return Err(payload.bad(&why));
        }
    };
    let version = payload.text(&["inputs", "version"]).unwrap_or_default();
    let why = payload.text(&["inputs", "why"]).ok().filter(|why| !why.trim().is_empty());
    Ok(Ask::Dispatch(Dispatch {
        verb,
        fleet: payload.parsed(&["inputs", "fleet"])?,
        version: if version.is_empty() { None } else { Some(payload.parsed(&["inputs", "version"])?) },
        why: why.unwrap_or("no reason given").to_owned(),
        by: payload.text(&["sender", "login"])?.to_owned(),
    }))
}

/// A payload and the way to its fields.
struct Payload<'a> {
    event: &'a str,
    value: &'a Value,
}

impl<'a> Payload<'a> {
    fn text(&self, path: &[&str]) -> Result<&'a str, BadEvent> {
        let found = path.iter().try_fold(self.value, |value, key| value.get(key));
        found.and_then(Value::as_str).ok_or_else(|| self.bad(&format!("`{}` is missing or no text", path.join("."))))
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, path: &[&str]) -> Result<T, BadEvent> {
        self.text(path)?.parse().map_err(|error| self.bad(&format!("`{}`: {error}", path.join("."))))
    }

    fn flag(&self, path: &[&str]) -> bool {
        path.iter().try_fold(self.value, |value, key| value.get(key)).and_then(Value::as_bool).unwrap_or(false)
    }

    fn bad(&self, why: &str) -> BadEvent {
        BadEvent { event: self.event.escape_debug().to_string(), why: why.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(name: &str, payload: Value) -> Result<Ask, BadEvent> {
        ask(&GitHubEvent { name: name.to_owned(), payload })
    }

    fn push_of(git_ref: &str) -> Value {
        json!({"ref": git_ref, "after": "a".repeat(40), "repository": {"default_branch": "main"}})
    }

    #[test]
    fn only_the_default_branch_is_a_merge() {
        let commit: CommitSha = "a".repeat(40).parse().unwrap();
        assert_eq!(read("push", push_of("refs/heads/main")), Ok(Ask::Merge { commit, branch: "main".to_owned() }));
        for other in ["refs/heads/feature", "refs/tags/v1", "refs/heads/main2"] {
            assert!(matches!(read("push", push_of(other)), Ok(Ask::Nothing(_))), "{other}");
        }
    }

    #[test]
    fn inv_30_a_label_counts_only_on_what_is_merged() {
        let labelled = |merged: bool| {
            json!({"action": "labeled", "number": 7, "label": {"name": "promote:prod"}, "sender": {"login": "ana"},
                   "pull_request": {"merged": merged, "merge_commit_sha": "b".repeat(40)}})
        };
        assert!(matches!(read("pull_request", labelled(true)), Ok(Ask::Label { pull: 7, .. })));
        assert!(matches!(read("pull_request", labelled(false)), Ok(Ask::Nothing(_))));
    }

    #[test]
    fn a_strange_payload_is_an_error_and_a_strange_event_is_nothing() {
        assert!(read("push", json!({})).is_err());
        assert!(read("push", json!([1, 2])).is_err());
        assert!(matches!(read("gollum", json!(null)), Ok(Ask::Nothing(_))));
        assert_eq!(read("schedule", json!({"schedule": "17 5 * * *"})), Ok(Ask::Clock));
        let bad = read("workflow_dispatch", json!({"inputs": {"command": "explode", "fleet": "prod"}})).unwrap_err();
        assert_eq!(
            bad.to_string(),
            "the `workflow_dispatch` event: `command` is `explode`; it can be rollback, continue, promote, \
             hold, unhold or abort"
        );
    }
}
