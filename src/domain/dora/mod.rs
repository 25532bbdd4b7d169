//! DORA's four figures of a fleet, from its records alone.
//!
//! What they mean is defined at <https://dora.dev/guides/dora-metrics/> ("DORA's software delivery performance metrics":
//! change lead time, deployment frequency, change fail rate, and failed deployment recovery time, which was called
//! time to restore service until 2023). Each definition leaves open what counts in a given tool; what counts here is in
//! [`Figure::counts`], which every reader of a figure sees beside it. A figure of which nothing was counted has no
//! value: that is not zero.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::ledger::{RolloutRecord, Standing};
use super::plan::Direction;
use super::reason::Kind;

/// Where the figures are defined.
pub const SOURCE: &str = "https://dora.dev/guides/dora-metrics/";

/// The figures of a fleet over a time.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Figures {
    /// From when on rollouts count: the window's beginning, or the oldest record if that is younger.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// Until when.
    #[schemars(with = "String")]
    pub to: Timestamp,
    /// Releases that succeeded, per day.
    pub deployment_frequency: Figure,
    /// Median seconds from a commit's first record to its success here.
    pub lead_time: Figure,
    /// Share of releases that failed, 0 to 1.
    pub change_failure_rate: Figure,
    /// Median seconds from a failure's record to the next success here.
    pub time_to_restore: Figure,
    /// Failed releases after which nothing has succeeded yet; they are no part of `time_to_restore`.
    pub not_restored: usize,
    /// Every day (UTC) on which a release ended.
    pub days: Vec<Day>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Figure {
    /// The value; none where nothing was counted.
    pub value: Option<f64>,
    /// How many things went into it.
    pub of: usize,
    /// What is counted, and how.
    pub counts: &'static str,
    /// Where the figure is defined.
    pub source: &'static str,
}

/// Releases that ended on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Day {
    /// The day, in UTC.
    #[schemars(with = "String")]
    pub day: Date,
    /// Releases that succeeded and were not taken back.
    pub good: usize,
    /// Releases that failed a gate or were taken back later.
    pub failed: usize,
}

const FREQUENCY: &str = "releases that succeeded in this fleet, divided by the days of the time looked at (at least \
    one). Rollbacks, and waking tenants that slept, are no releases.";
const LEAD_TIME: &str = "median, over releases that succeeded, of the time from the first record of the commit (the \
    opening of its first rollout, in this fleet or one before it) to the success here. From the commit itself to that \
    record is the time that review and build take: the records do not have it, so the true lead time is longer.";
const FAILURE_RATE: &str = "releases that failed a gate after their first wave had begun, or succeeded and were taken \
    back, among those and all that succeeded. What a person stopped or a newer release replaced counts on neither side.";
const RESTORE: &str = "median, over failed releases, of the time from the record of the failure to the next success of \
    any rollout in this fleet, back or forward. Of a release that a person took back the records do not know when it \
    began to fail: its time begins with the rollback, so the true one is longer. Only failures that have ended count.";

/// How a release came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CameOut {
    /// It succeeded, and nobody took it back.
    Good,
    /// It failed, and this is when that was recorded.
    Failed(Timestamp),
}

/// A release that ended in the time looked at.
struct Ended<'a> {
    record: &'a RolloutRecord,
    at: Timestamp,
    came_out: CameOut,
}

/// The figures of a fleet. `rollouts` are its own, newest first; `before` those of the fleets that it is promoted from,
/// in any order.
pub fn figures(
    rollouts: &[RolloutRecord],
    before: &[RolloutRecord],
    now: Timestamp,
    window: SignedDuration,
) -> Figures {
    let begins = now.checked_sub(window).unwrap_or(Timestamp::MIN);
    let oldest = rollouts.iter().map(|record| record.opened_at).min();
    let from = oldest.map_or(begins, |oldest| oldest.clamp(begins, now.max(begins)));
    let ended: Vec<Ended<'_>> = rollouts.iter().filter_map(|r| ended(r, rollouts)).filter(|e| e.at >= from).collect();
    let succeeded: Vec<&Ended<'_>> = ended.iter().filter(|e| e.record.succeeded_at().is_some()).collect();
    let failures: Vec<Timestamp> = ended.iter().filter_map(|e| e.came_out.failed_at()).collect();

    let days = (now.duration_since(from).as_secs_f64() / 86_400.0).max(1.0);
    let frequency = (!rollouts.is_empty()).then(|| succeeded.len() as f64 / days);
    let lead_times: Vec<i64> =
        succeeded.iter().map(|e| e.at.duration_since(first_seen(e.record, rollouts, before)).as_secs()).collect();
    let restored: Vec<i64> = failures.iter().filter_map(|at| restored_after(*at, rollouts)).collect();
    let rate = (!ended.is_empty()).then(|| failures.len() as f64 / ended.len() as f64);
    let figure = |value, of, counts| Figure { value, of, counts, source: SOURCE };
    Figures {
        from,
        to: now,
        deployment_frequency: figure(frequency, succeeded.len(), FREQUENCY),
        lead_time: figure(median(&lead_times), lead_times.len(), LEAD_TIME),
        change_failure_rate: figure(rate, ended.len(), FAILURE_RATE),
        time_to_restore: figure(median(&restored), restored.len(), RESTORE),
        not_restored: failures.len() - restored.len(),
        days: by_day(&ended),
    }
}

impl CameOut {
    fn failed_at(self) -> Option<Timestamp> {
        match self {
            Self::Good => None,
            Self::Failed(at) => Some(at),
        }
    }
}

/// A release that succeeded or failed; none for everything else.
fn ended<'a>(record: &'a RolloutRecord, rollouts: &[RolloutRecord]) -> Option<Ended<'a>> {
    if record.intent.direction != Direction::Deploy {
        return None;
    }
    let at = record.entries.last()?.at;
    let came_out = match record.standing() {
        Standing::Succeeded(_) => taken_back(record, rollouts).map_or(CameOut::Good, CameOut::Failed),
        Standing::Halted(reason) if reason.kind() == Kind::GateFailed && record.wave_began(0).is_some() => {
            CameOut::Failed(at)
        }
        Standing::Halted(_) | Standing::Open(_) => return None,
    };
    Some(Ended { record, at, came_out })
}

/// When a rollback of a release that had succeeded was opened, if one succeeded: one that names it, or one to another
/// version while it was the newest.
fn taken_back(record: &RolloutRecord, rollouts: &[RolloutRecord]) -> Option<Timestamp> {
    let success = record.succeeded_at()?;
    let mut later: Vec<&RolloutRecord> =
        rollouts.iter().filter(|r| r.opened_at >= success && r.id != record.id).collect();
    later.sort_by_key(|r| (r.opened_at, r.id));
    let named = later.iter().find(|r| {
        r.intent.direction == Direction::RollbackOf(record.intent.plan.clone()) && r.succeeded_at().is_some()
    });
    let next = later.iter().find(|r| r.succeeded_at().is_some() && r.intent.direction != Direction::Wake);
    let to_another = next.filter(|r| {
        matches!(r.intent.direction, Direction::RollbackTo(_)) && r.intent.version != record.intent.version
    });
    named.or(to_another).map(|back| back.opened_at)
}

/// When the commit of a release was first recorded.
fn first_seen(record: &RolloutRecord, rollouts: &[RolloutRecord], before: &[RolloutRecord]) -> Timestamp {
    let same = |r: &&RolloutRecord| r.intent.commit == record.intent.commit && r.intent.direction == Direction::Deploy;
    rollouts.iter().chain(before).filter(same).map(|r| r.opened_at).min().unwrap_or(record.opened_at)
}

/// Seconds from a failure to the next success of anything in the fleet; none while there is none.
fn restored_after(failed: Timestamp, rollouts: &[RolloutRecord]) -> Option<i64> {
    let successes = rollouts.iter().filter_map(RolloutRecord::succeeded_at).filter(|at| *at > failed);
    successes.min().map(|at| at.duration_since(failed).as_secs())
}

/// The middle one; of an even number, the mean of the two in the middle.
fn median(values: &[i64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let upper = *sorted.get(sorted.len() / 2)? as f64;
    let lower = *sorted.get((sorted.len() - 1) / 2)? as f64;
    Some(f64::midpoint(lower, upper))
}

fn by_day(ended: &[Ended<'_>]) -> Vec<Day> {
    let mut sorted: Vec<&Ended<'_>> = ended.iter().collect();
    sorted.sort_by_key(|ended| ended.at);
    let mut days: Vec<Day> = Vec::new();
    for ended in sorted {
        let day = TimeZone::UTC.to_datetime(ended.at).date();
        if days.last().is_none_or(|last| last.day != day) {
            days.push(Day { day, good: 0, failed: 0 });
        }
        if let Some(last) = days.last_mut() {
            match ended.came_out {
                CameOut::Good => last.good += 1,
                CameOut::Failed(_) => last.failed += 1,
            }
        }
    }
    days
}

#[cfg(test)]
mod tests;
