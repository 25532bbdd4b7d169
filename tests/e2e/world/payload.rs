//! The payloads of GitHub's events: its own examples, with what matters filled in.

use serde_json::{Value, json};

use super::fleet_file::LABEL;
use super::problem::{Result, Trying};
use crate::github::PullRequest;

/// A push of the commit to the default branch.
pub(super) fn push(commit: &str) -> Result<Value> {
    let mut payload = example(include_str!("../events/push.json"))?;
    payload["ref"] = json!("refs/heads/main");
    payload["repository"]["default_branch"] = json!("main");
    payload["after"] = json!(commit);
    payload["deleted"] = json!(false);
    Ok(payload)
}

/// The label on a pull request that was merged as this commit.
pub(super) fn labelled(pull: &PullRequest, commit: &str, by: &str) -> Result<Value> {
    let mut payload = example(include_str!("../events/pull_request.labeled.json"))?;
    payload["label"]["name"] = json!(LABEL);
    payload["number"] = json!(pull.number);
    payload["pull_request"]["merged"] = json!(pull.merged);
    payload["pull_request"]["head"]["sha"] = json!(pull.head_sha);
    payload["pull_request"]["merge_commit_sha"] = json!(commit);
    payload["sender"]["login"] = json!(by);
    Ok(payload)
}

/// A workflow that somebody starts by hand.
pub(super) fn dispatched(command: &str, fleet: &str, by: &str) -> Result<Value> {
    let mut payload = example(include_str!("../events/workflow_dispatch.json"))?;
    payload["inputs"] = json!({"command": command, "fleet": fleet, "version": "", "why": "the story"});
    payload["sender"]["login"] = json!(by);
    Ok(payload)
}

fn example(text: &str) -> Result<Value> {
    serde_json::from_str(text).trying("an example of a payload")
}
