//! What a wave must show before the next one starts, and the judgement of it: pure functions of policy and readings,
//! one file a gate. Each gives a verdict and what it rests on. Its one rule above all: unknown never passes.
//!
//! Read `policy` for what a gate can ask, `verdict` for what it answers, `series` for what metrics look like here,
//! `report` for what is recorded of it.

mod alarms;
mod ceiling;
mod command;
mod error_rate;
mod policy;
mod probe;
mod relative;
mod report;
mod routers;
mod series;
mod targets;
#[cfg(test)]
mod tests_unknown;
mod verdict;

pub use alarms::{Alarm, AlarmState, AlarmsSeen, judge_alarms};
pub use ceiling::{Ceiling, judge_ceiling};
pub use command::{CommandAnswer, judge_command};
pub use error_rate::{ErrorTest, Pool, judge_errors, judge_pool};
pub use policy::{
    AlarmPolicy, CommandPolicy, ErrorPolicy, GatePolicy, LatencyPolicy, MetricsTiming, OnUnknown, RelativePolicy,
    Saturation, SmokePolicy,
};
pub use probe::{Answer, Probe, ProbePolicy, ProbeRecord, judge_probe};
pub use relative::judge_relative;
pub use report::{
    Bound, Chart, FindingReport, GateReport, Then, WaveReport, Word, ceiling_chart, error_charts, report,
};
pub use routers::judge_routers;
pub use series::{Minute, Series, Window};
pub use targets::{TargetHealth, judge_targets};
pub use verdict::{Evidence, Finding, GateName, Subject, Verdict, all_of, verdict_of};
