//! What a GitHub event asks for. An event that asks for nothing is told so in words and is no error.
//!
//! What an event says of rights decides nothing: who may do what, and what a pull request is now, is asked of the API.

use super::context::GitHubEvent;
use super::dispatch::{Dispatch, dispatch};
use super::payload::{BadEvent, Payload};
use crate::domain::ids::{CommitSha, ContentHash};

/// What an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A commit came onto a branch: build it and release it to the fleets that take merges.
    Merge {
        /// The commit.
        commit: CommitSha,
        /// The branch.
        branch: String,
        /// Whether it is the repository's default branch.
        default: bool,
    },
    /// A merged pull request was given a label.
    Label(Labelled),
    /// Somebody wrote `tidegate approve HASH` under a pull request.
    Approve {
        /// The pull request's number.
        pull: u64,
        /// The plan that is approved.
        plan: ContentHash,
        /// Who wrote it. Whether they may is asked elsewhere.
        by: String,
    },
    /// Somebody asks by hand.
    Dispatch(Dispatch),
    /// Time has passed: what was left to the next job goes on.
    Schedule,
    /// Nothing, and why.
    Nothing(String),
}

/// A label on a merged pull request, as the event has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// The pull request's number.
    pub pull: u64,
    /// The label.
    pub label: String,
    /// The commit that merging it made.
    pub commit: CommitSha,
    /// The newest commit of its branch.
    pub head: CommitSha,
    /// Who put the label on. Whether they may is asked elsewhere.
    pub by: String,
}

/// The type of `repository_dispatch` that is for tidegate.
const DISPATCH_TYPE: &str = "tidegate";

/// Reads an event.
///
/// # Errors
/// A field that the event always has is missing or not of its kind.
pub fn ask(event: &GitHubEvent) -> Result<Ask, BadEvent> {
    let payload = Payload { event: &event.name, value: &event.payload };
    let nothing = |why: &str| Ok(Ask::Nothing(why.to_owned()));
    match event.name.as_str() {
        "push" => push(&payload),
        "pull_request" => pull_request(&payload),
        "issue_comment" => comment(&payload),
        "workflow_dispatch" if !payload.has(&["inputs", "command"]) => nothing("the workflow has no input `command`"),
        "workflow_dispatch" => dispatch(&payload, "inputs").map(Ask::Dispatch),
        "repository_dispatch" => from_outside(&payload),
        "schedule" => Ok(Ask::Schedule),
        "merge_group" => nothing("a merge queue tries a merge that may never be; the push after it is released"),
        "deployment" | "deployment_status" => nothing("deployments are tidegate's own records, and nobody's wish"),
        other => nothing(&format!("the `{}` event asks for nothing here", other.escape_debug())),
    }
}

fn push(payload: &Payload<'_>) -> Result<Ask, BadEvent> {
    let git_ref = payload.text(&["ref"])?;
    let Some(branch) = git_ref.strip_prefix("refs/heads/") else {
        return Ok(Ask::Nothing("a tag was pushed".to_owned()));
    };
    if payload.flag(&["deleted"]) {
        return Ok(Ask::Nothing("the branch was deleted".to_owned()));
    }
    let default = branch == payload.text(&["repository", "default_branch"])?;
    Ok(Ask::Merge { commit: payload.parsed(&["after"])?, branch: branch.to_owned(), default })
}

fn pull_request(payload: &Payload<'_>) -> Result<Ask, BadEvent> {
    let action = payload.text(&["action"])?;
    let merged = payload.flag(&["pull_request", "merged"]);
    let nothing = |why: String| Ok(Ask::Nothing(why));
    match action {
        "labeled" if merged => Ok(Ask::Label(Labelled {
            pull: payload.number(&["number"])?,
            label: payload.text(&["label", "name"])?.to_owned(),
            commit: payload.parsed(&["pull_request", "merge_commit_sha"])?,
            head: payload.parsed(&["pull_request", "head", "sha"])?,
            by: payload.text(&["sender", "login"])?.to_owned(),
        })),
        "labeled" => nothing("the pull request is not merged; put the label on again when it is".to_owned()),
        "unlabeled" => nothing(
            "a label was taken off: what still waits for approval is refused from now on, and a rollout under way is \
             not stopped by it; `tidegate hold` or `tidegate rollback` does that"
                .to_owned(),
        ),
        "closed" if merged => {
            nothing("a merge is released by its push; a label that is put on from now on promotes it".to_owned())
        }
        "closed" => nothing("a pull request was closed without a merge".to_owned()),
        "synchronize" => nothing("a pull request has new commits; it counts when it is merged".to_owned()),
        other => nothing(format!("a pull request was {}", other.escape_debug())),
    }
}

/// What a comment must begin with to be meant for us.
const APPROVE: &str = "tidegate approve";

fn comment(payload: &Payload<'_>) -> Result<Ask, BadEvent> {
    let body = payload.text(&["comment", "body"])?.trim();
    let (Some(hash), "created") = (body.strip_prefix(APPROVE), payload.text(&["action"])?) else {
        return Ok(Ask::Nothing(format!("the comment does not begin with `{APPROVE}`")));
    };
    if !payload.has(&["issue", "pull_request"]) {
        return Ok(Ask::Nothing("an issue is no pull request, and has nothing to approve".to_owned()));
    }
    Ok(Ask::Approve {
        pull: payload.number(&["issue", "number"])?,
        plan: payload.parse(&["comment", "body"], hash.trim())?,
        by: payload.text(&["comment", "user", "login"])?.to_owned(),
    })
}

fn from_outside(payload: &Payload<'_>) -> Result<Ask, BadEvent> {
    match payload.text(&["action"])? {
        DISPATCH_TYPE => dispatch(payload, "client_payload").map(Ask::Dispatch),
        other => Ok(Ask::Nothing(format!("a dispatch of type `{}` is not for tidegate", other.escape_debug()))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::dispatch::Verb;
    use super::*;

    fn read(name: &str, payload: Value) -> Result<Ask, BadEvent> {
        ask(&GitHubEvent { name: name.to_owned(), payload })
    }

    fn push_of(git_ref: &str) -> Value {
        json!({"ref": git_ref, "after": "a".repeat(40), "repository": {"default_branch": "main"}})
    }

    fn pull(action: &str, merged: bool) -> Value {
        json!({"action": action, "number": 7, "label": {"name": "promote:prod"}, "sender": {"login": "ana"},
               "pull_request": {"merged": merged, "merge_commit_sha": "b".repeat(40), "head": {"sha": "c".repeat(40)}}})
    }

    #[test]
    fn a_push_to_a_branch_is_a_merge_and_says_to_which() {
        let commit: CommitSha = "a".repeat(40).parse().unwrap();
        let branch = |name: &str, default| Ok(Ask::Merge { commit: commit.clone(), branch: name.to_owned(), default });
        assert_eq!(read("push", push_of("refs/heads/main")), branch("main", true));
        assert_eq!(read("push", push_of("refs/heads/main2")), branch("main2", false));
        assert!(matches!(read("push", push_of("refs/tags/v1")), Ok(Ask::Nothing(_))));
    }

    #[test]
    fn inv_30_a_label_counts_only_on_what_is_merged() {
        assert!(matches!(read("pull_request", pull("labeled", true)), Ok(Ask::Label(Labelled { pull: 7, .. }))));
        for (action, merged) in [
            ("labeled", false),
            ("unlabeled", true),
            ("synchronize", false),
            ("closed", true),
            ("closed", false),
            ("opened", false),
        ] {
            assert!(matches!(read("pull_request", pull(action, merged)), Ok(Ask::Nothing(_))), "{action} {merged}");
        }
    }

    #[test]
    fn an_approval_is_the_whole_of_a_new_comment_on_a_pull_request() {
        let hash = ContentHash::of(b"plan");
        let comment = |action: &str, body: &str, pull: Value| {
            read(
                "issue_comment",
                json!({"action": action, "issue": {"number": 7, "pull_request": pull},
                       "comment": {"body": body, "user": {"login": "bob"}}, "sender": {"login": "bob"}}),
            )
        };
        let approval = format!("tidegate approve {hash}");
        let asked = comment("created", &approval, json!({}));
        assert_eq!(asked, Ok(Ask::Approve { pull: 7, plan: hash, by: "bob".to_owned() }));
        assert!(matches!(comment("edited", &approval, json!({})), Ok(Ask::Nothing(_))), "an edit is nobody's word");
        assert!(matches!(comment("created", &approval, Value::Null), Ok(Ask::Nothing(_))));
        assert!(matches!(comment("created", &format!("> {approval}"), json!({})), Ok(Ask::Nothing(_))));
        for short in ["tidegate approve", "tidegate approve abc", &format!("{approval} please")] {
            assert!(comment("created", short, json!({})).is_err(), "{short}");
        }
    }

    #[test]
    fn the_same_can_be_asked_for_from_another_repository() {
        let inputs = json!({"command": "pause", "fleet": "dev", "tenants": "acme, hooli initrode", "why": "night"});
        let sender = json!({"login": "ana"});
        let inside = read("workflow_dispatch", json!({"inputs": inputs, "sender": sender}));
        let outside =
            read("repository_dispatch", json!({"action": "tidegate", "client_payload": inputs, "sender": sender}));
        assert_eq!(inside, outside);
        let Ok(Ask::Dispatch(asked)) = inside else { panic!("{inside:?}") };
        assert_eq!((asked.verb, asked.tenants.len(), asked.why.as_str()), (Verb::Pause, 3, "night"));
        let other = read("repository_dispatch", json!({"action": "rebuild", "client_payload": {}, "sender": sender}));
        assert!(matches!(other, Ok(Ask::Nothing(_))));
    }

    #[test]
    fn what_is_undecided_is_accepted_with_a_reason_only() {
        let dispatch = |why: &str| {
            let inputs = json!({"command": "continue --accept", "fleet": "prod", "version": "", "why": why});
            read("workflow_dispatch", json!({"inputs": inputs, "sender": {"login": "ana"}}))
        };
        let Ok(Ask::Dispatch(asked)) = dispatch("night, nobody is there") else { panic!() };
        assert_eq!(
            (asked.verb, asked.by.as_str(), asked.why.as_str()),
            (Verb::Accept, "ana", "night, nobody is there")
        );
        assert!(dispatch(" ").unwrap_err().why.contains("without `why`"));
    }

    #[test]
    fn a_strange_payload_is_an_error_and_a_strange_event_is_nothing() {
        assert!(read("push", json!({})).is_err());
        assert!(read("push", json!([1, 2])).is_err());
        assert!(matches!(read("gollum", json!(null)), Ok(Ask::Nothing(_))));
        assert_eq!(read("schedule", json!({"schedule": "17 5 * * *"})), Ok(Ask::Schedule));
        let bad = read("workflow_dispatch", json!({"inputs": {"command": "explode", "fleet": "prod"}})).unwrap_err();
        assert_eq!(
            bad.to_string(),
            "the `workflow_dispatch` event: `command` is `explode`; it can be rollback, continue, continue --accept, \
             promote, hold, unhold, abort, pause, resume"
        );
    }
}
