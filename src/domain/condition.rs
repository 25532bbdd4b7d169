//! How a service is: what was seen of it, held against what the records say. The words are stable: `status`, `drift`
//! and the report page have them in their JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::ids::{ImageDigest, ServiceKey, Version};
use super::ledger::{ServiceResult, ServiceState};
use super::snapshot::ServiceSeen;

/// One service: what it runs and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Which.
    pub service: ServiceKey,
    /// The version it answers, as recorded for the digest that runs; none if no record has that digest.
    pub version: Option<Version>,
    /// The digest that runs; of a one-shot task, the last that has run with success.
    pub digest: Option<ImageDigest>,
    /// How it is.
    pub condition: Condition,
    /// What more there is to say, in words.
    pub why: Option<String>,
}

/// How a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Settled on what the records say.
    AsRecorded,
    /// Settled, and the records have nothing about it: it runs something from before them.
    Unrecorded,
    /// Settled on something else than the records say.
    Differs,
    /// A deployment is in progress, or fewer tasks run than should.
    Moving,
    /// A one-shot task whose last image has run with success.
    HasRun,
    /// A one-shot task of which no success is recorded.
    NotRun,
    /// Scaled to zero on purpose: the file or a decision says so.
    Paused,
    /// Scaled to zero, and nothing says why.
    AtZero,
    /// ECS has no active service of that name.
    Missing,
    /// It could not be read, or was not looked at. Never healthy.
    Unknown,
}

impl Condition {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::AsRecorded => "as_recorded",
            Self::Unrecorded => "unrecorded",
            Self::Differs => "differs",
            Self::Moving => "moving",
            Self::HasRun => "has_run",
            Self::NotRun => "not_run",
            Self::Paused => "paused",
            Self::AtZero => "at_zero",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

/// How a service that serves is. `paused` is whether the file or a decision has its set at zero.
pub fn of_service(
    service: ServiceKey,
    seen: Option<&ServiceSeen>,
    recorded: Option<&ServiceState>,
    paused: bool,
) -> ServiceStatus {
    let (digest, condition, why) = match seen {
        Some(ServiceSeen::Live(live)) => {
            let condition = match (live.desired, live.is_settled(), recorded) {
                (0, ..) if paused => Condition::Paused,
                (0, ..) => Condition::AtZero,
                (_, false, _) => Condition::Moving,
                (_, true, None) => Condition::Unrecorded,
                (_, true, Some(recorded)) if recorded.runs.hash == live.runs.hash => Condition::AsRecorded,
                (_, true, Some(_)) => Condition::Differs,
            };
            (live.runs.digest.clone(), condition, None)
        }
        Some(ServiceSeen::Missing) => {
            (None, Condition::Missing, Some("ECS has no active service of that name".to_owned()))
        }
        Some(ServiceSeen::Unreachable { why }) => (None, Condition::Unknown, Some(why.clone())),
        None => (None, Condition::Unknown, Some("it was not read".to_owned())),
    };
    let version = recorded.filter(|r| digest.is_some() && r.runs.digest == digest).and_then(|r| r.runs.version.clone());
    ServiceStatus { service, version, digest, condition, why }
}

/// How a one-shot task is. It runs once, so only the records say what it has done.
pub fn of_task(service: ServiceKey, recorded: Option<&ServiceState>) -> ServiceStatus {
    let ran = recorded.filter(|state| state.result == ServiceResult::Live);
    ServiceStatus {
        service,
        version: ran.and_then(|state| state.runs.version.clone()),
        digest: ran.and_then(|state| state.runs.digest.clone()),
        condition: if ran.is_some() { Condition::HasRun } else { Condition::NotRun },
        why: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ContentHash;
    use crate::domain::plan::Target;
    use crate::domain::snapshot::{Live, RolloutState, Runs, TaskStarts};

    fn live(hash: &str, desired: u32, running: u32) -> ServiceSeen {
        ServiceSeen::Live(Live {
            runs: Runs {
                task_definition: "arn:aws:ecs:eu-west-1:111111111111:task-definition/acme-api:3".parse().unwrap(),
                hash: ContentHash::of(hash.as_bytes()),
                digest: None,
            },
            deployment: "ecs-svc/1".parse().unwrap(),
            rollout: RolloutState::Completed,
            began: jiff::Timestamp::UNIX_EPOCH,
            desired,
            running,
            failed_tasks: 0,
            starts: TaskStarts::default(),
            failed: Vec::new(),
        })
    }

    fn recorded(hash: &str) -> ServiceState {
        let hash = ContentHash::of(hash.as_bytes());
        let runs = Target { hash, task_definition: None, template: None, digest: None, version: None, tasks: None };
        let release = "1.0.0".parse().unwrap();
        ServiceState { release, runs, result: ServiceResult::Live, at: jiff::Timestamp::UNIX_EPOCH }
    }

    fn word(seen: Option<&ServiceSeen>, recorded: Option<&ServiceState>, paused: bool) -> &'static str {
        of_service("acme/api".to_owned().try_into().unwrap(), seen, recorded, paused).condition.word()
    }

    #[test]
    fn only_what_was_seen_on_what_is_recorded_is_called_so() {
        let a = recorded("a");
        assert_eq!(word(Some(&live("a", 2, 2)), Some(&a), false), "as_recorded");
        assert_eq!(word(Some(&live("b", 2, 2)), Some(&a), false), "differs");
        assert_eq!(word(Some(&live("a", 2, 1)), Some(&a), false), "moving");
        assert_eq!(word(Some(&live("a", 0, 0)), Some(&a), false), "at_zero");
        assert_eq!(word(Some(&live("a", 0, 0)), Some(&a), true), "paused");
        assert_eq!(word(Some(&live("a", 2, 2)), None, false), "unrecorded");
        assert_eq!(word(Some(&ServiceSeen::Missing), Some(&a), false), "missing");
        let unreachable = ServiceSeen::Unreachable { why: "throttled".to_owned() };
        assert_eq!(word(Some(&unreachable), Some(&a), false), "unknown");
        assert_eq!(word(None, Some(&a), true), "unknown", "what is meant says nothing about what is");
    }

    #[test]
    fn the_words_are_those_of_the_json() {
        use Condition as C;
        let all = [
            C::AsRecorded,
            C::Unrecorded,
            C::Differs,
            C::Moving,
            C::HasRun,
            C::NotRun,
            C::Paused,
            C::AtZero,
            C::Missing,
            C::Unknown,
        ];
        for condition in all {
            assert_eq!(serde_json::to_value(condition).unwrap(), condition.word());
        }
    }
}
