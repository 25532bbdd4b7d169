//! Verdicts, what they rest on, and how many become one. The one rule above all: unknown never passes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{ServiceKey, ServiceName, SetId};
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::reason::Reason;

/// A judgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "reason", rename_all = "snake_case")]
pub enum Verdict {
    /// All that was asked for was shown.
    Pass,
    /// Something was shown that must not be.
    Fail(Reason),
    /// Something was not shown.
    Unknown(Reason),
}

/// Which gate, in the words of fleet.yaml.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateName {
    /// What ECS shows of a service and its tasks.
    Rollout,
    /// Load-balancer targets.
    Targets,
    /// The services' own answers.
    Probe,
    /// Alarms of CloudWatch.
    Alarms,
    /// Errors per request.
    Errors,
    /// Latency below its ceiling.
    Latency,
    /// Processor time below its ceiling.
    Cpu,
    /// Memory below its ceiling.
    Memory,
    /// Latency against tenants that were not updated.
    Relative,
    /// One-shot tasks that try what was deployed.
    Smoke,
    /// Edge routers that serve what is published.
    Routers,
    /// An executable of the owner's.
    Command,
}

/// What a gate judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// One service of one tenant.
    Service(#[schemars(with = "String")] ServiceKey),
    /// One service of every tenant in the wave.
    Pool(#[schemars(with = "String")] ServiceName),
    /// A tenant.
    Set(#[schemars(with = "String")] SetId),
    /// The wave.
    Wave,
}

/// What a verdict rests on: what a chart or a replay shows beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// Errors among requests. At `good_at` the statistic is good, at `bad_at` bad.
    Rate {
        /// Errors.
        errors: u64,
        /// Requests.
        requests: u64,
        /// Log of the likelihood ratio.
        statistic: f64,
        /// The bound for good.
        good_at: f64,
        /// The bound for bad.
        bad_at: f64,
    },
    /// Minutes over a ceiling.
    Over {
        /// The most minutes over it in any row of `of`.
        over: usize,
        /// Minutes in a row.
        of: u32,
        /// The ceiling, in the gate's unit: milliseconds or percent.
        ceiling: u32,
        /// The newest value.
        last: Option<u32>,
    },
    /// A rank among tenants that were not updated.
    Rank {
        /// Tenants that were updated.
        updated: usize,
        /// Tenants that were not.
        others: usize,
        /// The chance of standing so high, had the update done nothing.
        chance: f64,
    },
    /// Alarms.
    Alarms {
        /// How many there are.
        there: usize,
        /// Names of those that ring.
        ringing: Vec<String>,
    },
    /// Tasks of a service.
    Tasks {
        /// How many run.
        running: u32,
        /// How many should.
        desired: u32,
        /// How many stopped during the watch, at the least.
        stopped: u32,
        /// How many of those are borne.
        stopped_max: u32,
    },
    /// Answers over HTTP.
    Probes {
        /// How many were good.
        passed: u32,
        /// How many in a row were not, up to now.
        failing: u32,
        /// How many of those are borne.
        failing_max: u32,
    },
    /// Something else, in words.
    Words {
        /// They.
        words: String,
    },
}

impl Evidence {
    /// Evidence in words.
    pub fn words(words: impl Into<String>) -> Self {
        Self::Words { words: words.into() }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate { errors, requests, statistic, good_at, bad_at } => write!(
                f,
                "{errors} errors in {requests} requests; the test stands at {statistic:.1}, good is {good_at:.1}, bad {bad_at:.1}"
            ),
            Self::Over { over, of, ceiling, last } => {
                let last = last.map(|last| format!(", {last} at the end")).unwrap_or_default();
                write!(f, "{over} of {of} minutes above {ceiling}{last}")
            }
            Self::Rank { updated, others, chance } => {
                let percent = chance * 100.0;
                write!(f, "{updated} updated tenants among {others} others stand so high by a chance of {percent:.1} %")
            }
            Self::Alarms { there, ringing } if ringing.is_empty() => write!(f, "none of {there} alarms rings"),
            Self::Alarms { there, ringing } => write!(f, "of {there} alarms {} rings", ringing.join(", ")),
            Self::Tasks { running, desired, stopped, stopped_max } => {
                write!(f, "{running} of {desired} tasks run, {stopped} stopped where {stopped_max} may")
            }
            Self::Probes { passed, failing, failing_max } => {
                write!(f, "good answers: {passed}; bad ones in a row: {failing}, where {failing_max} may be")
            }
            Self::Words { words } => f.write_str(words),
        }
    }
}

/// A verdict with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Which gate.
    pub gate: GateName,
    /// What it judged.
    pub subject: Subject,
    /// How.
    pub verdict: Verdict,
    /// Whether it counts. A gate that only observes has no vote, nor has one that does not apply.
    pub votes: bool,
    /// What it rests on.
    pub evidence: Evidence,
}

impl Finding {
    /// A finding that counts unless its gate only observes.
    pub fn new(gate: GateName, subject: Subject, verdict: Verdict, observe: bool, evidence: Evidence) -> Self {
        Self { gate, subject, verdict, votes: !observe, evidence }
    }

    /// The same without a vote: there is too little to judge it by itself, and something else judges it too.
    #[must_use]
    pub fn without_vote(self) -> Self {
        Self { votes: false, ..self }
    }

    /// The tenant it is about, if it is about one.
    pub fn set(&self) -> Option<&SetId> {
        match &self.subject {
            Subject::Service(service) => Some(&service.set),
            Subject::Set(set) => Some(set),
            Subject::Pool(_) | Subject::Wave => None,
        }
    }
}

/// The verdict of those findings that have a vote.
pub fn verdict_of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Verdict {
    all_of(findings.into_iter().filter(|finding| finding.votes).map(|finding| finding.verdict.clone()))
}

/// One verdict of many: a failure if any failed, else unknown if any is unknown. None is averaged away.
pub fn all_of(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let mut worst = Verdict::Pass;
    for verdict in verdicts {
        match verdict {
            Verdict::Fail(_) => return verdict,
            Verdict::Unknown(_) if worst == Verdict::Pass && !breaks(Mutant::UnknownPasses) => worst = verdict,
            Verdict::Unknown(_) | Verdict::Pass => {}
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn service() -> ServiceKey {
        ServiceKey::try_from("acme/iam-service".to_owned()).unwrap()
    }

    proptest! {
        /// The verdict is a function of what was shown, not of who stands where.
        #[test]
        fn inv_27_the_order_of_tenants_changes_no_verdict(kinds in proptest::collection::vec(0u8..3, 0..12), shift in 0usize..12) {
            let verdict = |kind: &u8| match kind {
                0 => Verdict::Pass,
                1 => Verdict::Unknown(Reason::Unproven { service: service() }),
                _ => Verdict::Fail(Reason::Unproven { service: service() }),
            };
            let mut moved = kinds.clone();
            moved.rotate_left(shift.min(kinds.len()));
            prop_assert_eq!(all_of(kinds.iter().map(verdict)), all_of(moved.iter().map(verdict)));
        }
    }

    #[test]
    fn inv_02_one_failure_among_many_passes_decides() {
        let fail = Verdict::Fail(Reason::Unproven { service: service() });
        let unknown = Verdict::Unknown(Reason::Unproven { service: service() });
        assert_eq!(all_of([Verdict::Pass, unknown.clone(), fail.clone(), Verdict::Pass]), fail);
        assert_eq!(all_of([Verdict::Pass, unknown.clone(), Verdict::Pass]), unknown);
        assert_eq!(all_of([]), Verdict::Pass);
    }
}
