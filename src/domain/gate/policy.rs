//! What a gate asks for, as a plan freezes it. Rates are parts per million and times whole milliseconds, so that a
//! plan has the same bytes on every machine.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::probe::ProbePolicy;

/// What a wave's services must show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePolicy {
    /// How long ECS has to bring up a service.
    pub deadline: SignedDuration,
    /// Time between two looks at services on their way.
    #[serde(default = "five_seconds")]
    pub poll: SignedDuration,
    /// Tasks of the new version that may stop while it is watched.
    pub stopped_tasks_max: u32,
    /// Whether every load-balancer target must be healthy at the end of the bake.
    pub targets_healthy: bool,
    /// Whether all edge routers must serve what is published, at the end of the control plane's bake.
    #[serde(default, skip_serializing_if = "is_false")]
    pub routers: bool,
    /// How the services are asked over HTTP; none if they are not.
    pub probe: Option<ProbePolicy>,
    /// What a missing answer does.
    pub unknown: OnUnknown,
    /// Alarms that must not ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarms: Option<AlarmPolicy>,
    /// How many requests may fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<ErrorPolicy>,
    /// How long answers may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyPolicy>,
    /// How much of their processor time and memory services may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturation: Option<Saturation>,
    /// How updated tenants may stand against those that were not updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<RelativePolicy>,
    /// An executable that judges the wave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandPolicy>,
    /// What is asked of smoke tests, where the set has some and something else than usual is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smoke: Option<SmokePolicy>,
    /// When metrics count, and how long a wave may wait for them.
    #[serde(default, skip_serializing_if = "MetricsTiming::is_usual")]
    pub metrics: MetricsTiming,
}

/// A deployment takes a minute or more, and one look at ten services costs one of 20 calls a second (ECS API
/// Reference, request throttling).
fn five_seconds() -> SignedDuration {
    SignedDuration::from_secs(5)
}

/// What to do without an answer. There is no third choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// Hold and ask a person.
    Hold,
    /// Treat it as a failure.
    Fail,
}

/// Alarms that must not ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmPolicy {
    /// What their names begin with, with `{fleet}` and `{tenant}` to fill in.
    pub prefix: String,
    /// Whether it only watches and has no vote.
    #[serde(default, skip_serializing_if = "is_false")]
    pub observe: bool,
}

/// Errors per request: a sequential test of a good rate against a bad one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorPolicy {
    /// The rate of a good release, in parts per million.
    pub good: u32,
    /// The rate of a bad one.
    pub bad: u32,
    /// Requests from which on a tenant is judged alone, too.
    pub requests_min: u64,
    /// How many times noisier than by chance alone the errors of a minute are.
    #[serde(default = "by_chance", skip_serializing_if = "is_by_chance")]
    pub noise: u32,
    /// Whether it only watches and has no vote.
    #[serde(default, skip_serializing_if = "is_false")]
    pub observe: bool,
}

/// How long answers may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyPolicy {
    /// The 99th percentile of a minute, in milliseconds.
    pub p99_max: u32,
    /// This many minutes above it fail ...
    pub breaches: u32,
    /// ... of so many in a row.
    pub of: u32,
    /// Whether it only watches and has no vote.
    #[serde(default, skip_serializing_if = "is_false")]
    pub observe: bool,
}

/// How much of what they have services may use, in percent of what is reserved for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saturation {
    /// Processor time; none without a ceiling.
    pub cpu_max: Option<u32>,
    /// Memory; none without a ceiling.
    pub memory_max: Option<u32>,
    /// This many minutes above it fail ...
    pub breaches: u32,
    /// ... of so many in a row.
    pub of: u32,
    /// Whether it only watches and has no vote.
    #[serde(default, skip_serializing_if = "is_false")]
    pub observe: bool,
}

/// How updated tenants may stand against the others. It only ever pauses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelativePolicy {
    /// Tenants that were not updated and have traffic, at least; with fewer it does not judge.
    pub controls_min: u32,
    /// The chance below which standing so high is no accident, in parts per million.
    pub chance: u32,
    /// Whether it only watches and has no vote.
    #[serde(default, skip_serializing_if = "is_false")]
    pub observe: bool,
}

/// An executable of the owner's that judges a wave at the end of its watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandPolicy {
    /// The program and its arguments; no shell is between.
    pub run: Vec<String>,
    /// How long it may take.
    pub timeout: SignedDuration,
    /// Whether it only watches and has no vote.
    #[serde(default, skip_serializing_if = "is_false")]
    pub observe: bool,
}

/// Smoke tests: one-shot tasks that run when everything else of their set is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmokePolicy {
    /// How long one may take.
    pub deadline: SignedDuration,
    /// Whether they only tell and have no vote.
    #[serde(default, skip_serializing_if = "is_false")]
    pub observe: bool,
}

/// When metrics count, and how long a wave may wait for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsTiming {
    /// Time after the start of the watch whose minutes do not count: caches fill and connections are made.
    pub warm_up: SignedDuration,
    /// How old a minute must be before it is believed to be complete. CloudWatch's points come late.
    pub lag: SignedDuration,
    /// The longest watch. What is undecided then holds the rollout.
    pub bake_max: SignedDuration,
}

/// Minutes that count in the shortest watch.
const COUNTED_MIN: SignedDuration = SignedDuration::from_mins(5);

impl MetricsTiming {
    /// 2 min, 3 min and 6 h.
    pub const USUAL: Self = Self {
        warm_up: SignedDuration::from_mins(2),
        lag: SignedDuration::from_mins(3),
        bake_max: SignedDuration::from_hours(6),
    };

    /// The least time of a watch of which this was asked: its last minute must be readable, and of a short one some
    /// minutes must be left after the warm-up. Without them a gate would pass on nothing.
    pub fn least(&self, bake: SignedDuration) -> SignedDuration {
        bake.max(self.warm_up.saturating_add(COUNTED_MIN)).saturating_add(self.lag)
    }

    fn is_usual(&self) -> bool {
        *self == Self::USUAL
    }
}

impl Default for MetricsTiming {
    fn default() -> Self {
        Self::USUAL
    }
}

impl Default for GatePolicy {
    /// ECS and the load balancer are looked at, and nothing else.
    fn default() -> Self {
        Self {
            deadline: SignedDuration::from_mins(15),
            poll: five_seconds(),
            stopped_tasks_max: 1,
            targets_healthy: true,
            routers: false,
            probe: None,
            unknown: OnUnknown::Hold,
            alarms: None,
            errors: None,
            latency: None,
            saturation: None,
            relative: None,
            command: None,
            smoke: None,
            metrics: MetricsTiming::USUAL,
        }
    }
}

impl GatePolicy {
    /// Whether anything of it is read from metrics.
    pub fn reads_metrics(&self) -> bool {
        self.errors.is_some() || self.latency.is_some() || self.saturation.is_some() || self.relative.is_some()
    }
}

fn by_chance() -> u32 {
    1
}

fn is_by_chance(noise: &u32) -> bool {
    *noise == 1
}

/// For `serde`, which leaves out what nearly every gate says: plans from before keep their hash.
pub(super) fn is_false(value: &bool) -> bool {
    !*value
}
