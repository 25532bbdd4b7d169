//! The records: which rollouts a fleet has had, what each ended as, and what every service runs by them.
//!
//! Records are hints. The live service and the digest are the judge; a record that does not check is unknown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::approved::Approved;
use super::gate::WaveReport;
use super::ids::{CommitSha, ContentHash, FleetName, ImageDigest, ServiceKey, Version};
use super::plan::{Direction, Target};
use super::reason::{Kind, Reason};
use super::rollout::Event;

/// The number of a rollout: on GitHub, its deployment's id. Such ids may pass 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RolloutId(pub u64);

/// One rollout as recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutRecord {
    /// Its number.
    pub id: RolloutId,
    /// When its intent was recorded.
    pub opened_at: Timestamp,
    /// What the intent says.
    pub intent: Intent,
    /// What happened since, oldest first.
    pub entries: Vec<Entry>,
}

/// The intent: the part of a plan that fits into a record. The plan itself lies beside it, under its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The fleet.
    pub fleet: FleetName,
    /// What is rolled out.
    pub version: Version,
    /// Its commit.
    pub commit: CommitSha,
    /// Hash of the plan.
    pub plan: ContentHash,
    /// Forward or back.
    pub direction: Direction,
    /// Names of the waves and how many service sets each has.
    pub waves: Vec<(String, usize)>,
    /// The workflow run that opened it, if one did.
    pub run: Option<u64>,
    /// Who opened it, as the workflow or the terminal names them. Records from before this was kept have nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Who approved the plan. Records from before this was kept do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
}

/// A recorded event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Position, from 1.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// How a recorded rollout stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// Not ended. With the reason it is held for, if it is.
    Open(Option<&'a Reason>),
    /// Every wave passed, at this time.
    Succeeded(Timestamp),
    /// Stopped for good.
    Halted(&'a Reason),
}

/// What each service of a fleet runs, as recorded with the last event that concerned it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetState {
    /// By service.
    pub services: BTreeMap<ServiceKey, ServiceState>,
}

/// What a service runs by the records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// The release it belongs to.
    pub release: Version,
    /// What it runs.
    pub runs: Target,
    /// How it came out.
    pub result: ServiceResult,
    /// When that was recorded.
    pub at: Timestamp,
}

/// How the deployment of one service came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceResult {
    /// Seen live on its target.
    Live,
    /// Seen on another state than its target when the rollout stopped.
    NotReached,
    /// Not readable when the rollout stopped.
    Unknown,
}

/// What is recorded of a wave with an event: how each of its services stands, and what its gates found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WaveResult {
    /// By service.
    pub services: BTreeMap<ServiceKey, ServiceState>,
    /// What the event rests on, where it decides about the wave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gates: Option<WaveReport>,
}

impl FleetState {
    /// Whether the records say that this very image of a one-shot task has run with success.
    pub fn has_run(&self, task: &ServiceKey, digest: &ImageDigest) -> bool {
        let ran =
            |state: &ServiceState| state.result == ServiceResult::Live && state.runs.digest.as_ref() == Some(digest);
        self.services.get(task).is_some_and(ran)
    }
}

impl RolloutRecord {
    /// When this wave began, if it did.
    pub fn wave_began(&self, wave: usize) -> Option<Timestamp> {
        self.entries.iter().find(|entry| entry.event == Event::WaveStarted { wave }).map(|entry| entry.at)
    }

    /// How it stands.
    pub fn standing(&self) -> Standing<'_> {
        match self.entries.last().map(|entry| (&entry.event, entry.at)) {
            Some((Event::Succeeded, at)) => Standing::Succeeded(at),
            Some((Event::Halted { reason, .. }, _)) => Standing::Halted(reason),
            Some((Event::Held { reason, .. }, _)) => Standing::Open(Some(reason)),
            _ => Standing::Open(None),
        }
    }

    /// When it succeeded, if it did.
    pub fn succeeded_at(&self) -> Option<Timestamp> {
        match self.standing() {
            Standing::Succeeded(at) => Some(at),
            _ => None,
        }
    }
}

/// The rollout of a fleet that is not ended. `rollouts` are newest first, as ledgers give them.
pub fn open_rollout(rollouts: &[RolloutRecord]) -> Option<&RolloutRecord> {
    rollouts.iter().find(|r| matches!(r.standing(), Standing::Open(_)))
}

/// Whether an earlier job left something that the next one may go on with by itself: its process ended, its time was
/// over, or the calendar closed. What a gate or a person holds waits for a person.
pub fn left_over(rollouts: &[RolloutRecord]) -> bool {
    let goes_on = |open: &RolloutRecord| match open.standing() {
        Standing::Open(None) => true,
        Standing::Open(Some(reason)) => matches!(
            reason,
            Reason::HandedOver
                | Reason::Interrupted
                | Reason::LeaseLost { .. }
                | Reason::OutsideWindow { .. }
                | Reason::Frozen { .. }
        ),
        Standing::Succeeded(_) | Standing::Halted(_) => false,
    };
    open_rollout(rollouts).map_or(owed_rollback(rollouts).is_some(), goes_on)
}

/// The version that a fleet runs by the records: that of the newest rollout that succeeded.
pub fn current_version(rollouts: &[RolloutRecord]) -> Option<&Version> {
    rollouts.iter().find(|r| r.succeeded_at().is_some()).map(|r| &r.intent.version)
}

/// When this version first succeeded going forward, and since when that holds. A version that was taken back
/// afterwards (by a rollback to another one) has no success that counts.
pub fn green_since(rollouts: &[RolloutRecord], version: &Version) -> Option<Timestamp> {
    let newest = rollouts.iter().find(|r| r.succeeded_at().is_some() && &r.intent.version == version)?;
    let taken_back = rollouts
        .iter()
        .take_while(|r| r.id != newest.id)
        .any(|r| matches!(&r.intent.direction, Direction::RollbackOf(plan) if plan == &newest.intent.plan));
    if taken_back { None } else { newest.succeeded_at() }
}

/// How a version failed a gate in the fleet, if it did after `since`.
pub fn failed_before<'a>(
    rollouts: &'a [RolloutRecord],
    version: &Version,
    since: Option<Timestamp>,
) -> Option<&'a Reason> {
    rollouts.iter().filter(|r| r.intent.direction == Direction::Deploy && &r.intent.version == version).find_map(|r| {
        let ended = r.entries.last().filter(|entry| since.is_none_or(|since| entry.at > since))?;
        match &ended.event {
            Event::Halted { reason, .. } if reason.kind() == Kind::GateFailed => Some(reason),
            _ => None,
        }
    })
}

/// The newest rollout that brought the fleet another version and was not taken back. A rollback is not taken back
/// unless it is named, and waking a set brings nothing new.
pub fn to_take_back(rollouts: &[RolloutRecord]) -> Option<&RolloutRecord> {
    let taken_back = |record: &RolloutRecord| {
        let back = |r: &&RolloutRecord| r.intent.direction == Direction::RollbackOf(record.intent.plan.clone());
        rollouts.iter().filter(back).any(|r| matches!(r.standing(), Standing::Succeeded(_)))
    };
    let counts = |r: &RolloutRecord| !matches!(r.intent.direction, Direction::RollbackOf(_) | Direction::Wake);
    rollouts.iter().find(|r| counts(r) && !taken_back(r))
}

/// The newest rollout, if it failed a gate and nothing was recorded after it: whatever its policy asks for was
/// not begun.
pub fn owed_rollback(rollouts: &[RolloutRecord]) -> Option<&RolloutRecord> {
    let newest = rollouts.first()?;
    match newest.standing() {
        Standing::Halted(reason) if newest.intent.direction == Direction::Deploy => {
            (reason.kind() == Kind::GateFailed).then_some(newest)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u64, version: &str, direction: Direction, events: Vec<Event>) -> RolloutRecord {
        let entry =
            |(i, event)| Entry { seq: i as u32 + 1, at: Timestamp::from_second(id as i64 * 100).unwrap(), event };
        RolloutRecord {
            id: RolloutId(id),
            opened_at: Timestamp::from_second(id as i64 * 100).unwrap(),
            intent: Intent {
                fleet: "dev".parse().unwrap(),
                version: version.parse().unwrap(),
                commit: "a".repeat(40).parse().unwrap(),
                plan: ContentHash::of(version.as_bytes()),
                direction,
                waves: vec![("wave 1".to_owned(), 1)],
                run: None,
                by: None,
                approved: None,
            },
            entries: events.into_iter().enumerate().map(entry).collect(),
        }
    }

    #[test]
    fn inv_29_a_halted_release_is_never_green() {
        let reason = Reason::Paused;
        let rollouts = [
            record(2, "1.1.0", Direction::Deploy, vec![Event::Halted { wave: 0, reason }]),
            record(1, "1.0.0", Direction::Deploy, vec![Event::Succeeded]),
        ];
        assert_eq!(green_since(&rollouts, &"1.1.0".parse().unwrap()), None);
        assert_eq!(current_version(&rollouts), Some(&"1.0.0".parse().unwrap()));
        assert_eq!(open_rollout(&rollouts), None);
    }

    #[test]
    fn inv_29_a_release_that_was_taken_back_is_green_no_more() {
        let good = record(1, "1.0.0", Direction::Deploy, vec![Event::Succeeded]);
        let back = record(2, "0.9.0", Direction::RollbackOf(good.intent.plan.clone()), vec![Event::Succeeded]);
        assert!(green_since(std::slice::from_ref(&good), &"1.0.0".parse().unwrap()).is_some());
        assert_eq!(green_since(&[back, good], &"1.0.0".parse().unwrap()), None);
    }

    #[test]
    fn inv_15_a_version_that_failed_is_remembered_until_it_is_cleared() {
        let service = ServiceKey::try_from("acme/api".to_owned()).unwrap();
        let failed = Reason::TasksStopped { service, stopped: 3 };
        let version: Version = "1.1.0".parse().unwrap();
        let rollouts = [
            record(3, "1.2.0", Direction::Deploy, vec![Event::Succeeded]),
            record(2, "1.1.0", Direction::Deploy, vec![Event::Halted { wave: 0, reason: failed.clone() }]),
            record(1, "1.1.0", Direction::Deploy, vec![Event::Succeeded]),
        ];
        assert_eq!(failed_before(&rollouts, &version, None), Some(&failed));
        let later = Timestamp::from_second(300).unwrap();
        assert_eq!(failed_before(&rollouts, &version, Some(later)), None, "cleared after it failed");
        assert_eq!(failed_before(&rollouts, &"1.2.0".parse().unwrap(), None), None);
        let aborted = Reason::Aborted { by: "ana".to_owned(), why: "lunch".to_owned() };
        let stopped = [record(2, "1.1.0", Direction::Deploy, vec![Event::Halted { wave: 0, reason: aborted }])];
        assert_eq!(failed_before(&stopped, &version, None), None, "a person's stop says nothing about the version");
    }

    #[test]
    fn a_rollback_takes_back_the_newest_release_and_not_a_rollback_or_a_waking() {
        let done = || vec![Event::Succeeded];
        let good = record(2, "1.1.0", Direction::Deploy, done());
        let woken = record(3, "1.1.0", Direction::Wake, done());
        let rollouts = [woken, good.clone(), record(1, "1.0.0", Direction::Deploy, done())];
        assert_eq!(to_take_back(&rollouts).map(|r| r.id), Some(RolloutId(2)));
        let back = record(4, "1.0.0", Direction::RollbackOf(good.intent.plan.clone()), done());
        let rollouts = [back, good, record(1, "1.0.0", Direction::Deploy, done())];
        assert_eq!(to_take_back(&rollouts).map(|r| r.id), Some(RolloutId(1)), "not the same one twice");
    }

    #[test]
    fn a_rollback_that_was_never_begun_is_owed() {
        let service = ServiceKey::try_from("acme/api".to_owned()).unwrap();
        let failed = vec![Event::Halted { wave: 0, reason: Reason::TasksStopped { service, stopped: 3 } }];
        let halted = record(2, "1.1.0", Direction::Deploy, failed);
        assert_eq!(owed_rollback(std::slice::from_ref(&halted)), Some(&halted));
        let back = record(3, "1.0.0", Direction::RollbackOf(halted.intent.plan.clone()), vec![]);
        assert_eq!(owed_rollback(&[back, halted]), None);
    }

    #[test]
    fn only_what_ended_for_no_reason_of_its_own_goes_on_by_itself() {
        let held = |reason| record(1, "1.0.0", Direction::Deploy, vec![Event::Held { wave: 0, reason }]);
        let unknown = Reason::GateUnknown { what: "a".to_owned(), why: "b".to_owned() };
        assert!(left_over(&[record(1, "1.0.0", Direction::Deploy, vec![])]), "killed");
        assert!(left_over(&[held(Reason::HandedOver)]));
        assert!(left_over(&[held(Reason::OutsideWindow { opens: "tomorrow".to_owned() })]));
        assert!(!left_over(&[held(unknown)]), "a person must look");
        assert!(!left_over(&[record(1, "1.0.0", Direction::Deploy, vec![Event::Succeeded])]));
        assert!(!left_over(&[]));
    }

    #[test]
    fn a_held_rollout_is_open() {
        let held = record(1, "1.0.0", Direction::Deploy, vec![Event::Held { wave: 0, reason: Reason::Interrupted }]);
        assert_eq!(open_rollout(std::slice::from_ref(&held)), Some(&held));
        let json = serde_json::to_string(&held).unwrap();
        assert_eq!(serde_json::from_str::<RolloutRecord>(&json).unwrap(), held);
    }
}
