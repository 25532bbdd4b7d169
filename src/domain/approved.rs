//! Who let a plan be carried out, as the records keep it: an auditor must not have to ask GitHub, which forgets a run
//! after ninety days.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::ContentHash;

/// Who let a plan be carried out. The plan's hash stands beside it in the intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Approved {
    /// Nobody: the fleet asks for no approval, or it was a way back or a waking, which need none.
    NotNeeded,
    /// Reviewers of an environment, who let the run's job begin.
    Reviewers {
        /// The environment.
        environment: String,
        /// Their logins. Nobody where GitHub names none: the environment has no reviewers, or it could not be read.
        by: Vec<String>,
        /// When that was read; GitHub does not tell when they did it.
        #[schemars(with = "String")]
        at: Timestamp,
    },
    /// Somebody who named the plan in a comment on a pull request.
    Comment {
        /// Number of the pull request.
        pull: u64,
        /// Their login.
        by: String,
        /// When the comment was acted on.
        #[schemars(with = "String")]
        at: Timestamp,
    },
    /// Whoever named the plan on the command line.
    CommandLine {
        /// As the terminal names them.
        by: String,
        /// When.
        #[schemars(with = "String")]
        at: Timestamp,
    },
}

/// A plan that somebody approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovedPlan {
    /// Its hash.
    pub plan: ContentHash,
    /// By whom.
    pub by: Approved,
}

impl ApprovedPlan {
    /// A plan that somebody named on the command line.
    pub fn on_the_command_line(plan: ContentHash, by: &str, at: Timestamp) -> Self {
        Self { plan, by: Approved::CommandLine { by: by.to_owned(), at } }
    }
}

/// In words, of a record that may be from before this was kept.
pub fn words(approved: Option<&Approved>) -> String {
    match approved {
        None => "approved by: unknown".to_owned(),
        Some(Approved::NotNeeded) => "no approval is asked for".to_owned(),
        Some(Approved::Reviewers { environment, by, .. }) if by.is_empty() => {
            format!("let through by the environment {environment}; approved by: unknown")
        }
        Some(Approved::Reviewers { environment, by, at }) => {
            format!("approved by {}, for the environment {environment} (read {at:.0})", by.join(", "))
        }
        Some(Approved::Comment { pull, by, at }) => format!("approved by {by}, in a comment on #{pull} ({at:.0})"),
        Some(Approved::CommandLine { by, at }) => format!("approved by {by}, on the command line ({at:.0})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_called_unknown() {
        let at: Timestamp = "2026-11-23T08:10:05.5Z".parse().unwrap();
        let of = |by: &[&str]| Approved::Reviewers {
            environment: "prod".to_owned(),
            by: by.iter().map(|login| (*login).to_owned()).collect(),
            at,
        };
        assert_eq!(words(None), "approved by: unknown");
        assert!(words(Some(&of(&[]))).ends_with("unknown"));
        let two = words(Some(&of(&["bob", "eve"])));
        assert_eq!(two, "approved by bob, eve, for the environment prod (read 2026-11-23T08:10:05Z)");
        let comment = Approved::Comment { pull: 7, by: "bob".to_owned(), at };
        let json = serde_json::to_value(&comment).unwrap();
        assert_eq!(json["how"], "comment");
        assert_eq!(serde_json::from_value::<Approved>(json).unwrap(), comment);
    }
}
