//! What to do next: all policy of a running rollout, in one pure function of rollout, snapshot, calendar and now.

use jiff::{SignedDuration, Timestamp};

use super::{Event, Phase, Rollout, Standing};
use crate::domain::calendar::Calendar;
use crate::domain::gate::{OnUnknown, Verdict, all_of, judge_probe, judge_targets};
use crate::domain::ids::ServiceKey;
use crate::domain::plan::{Change, Wave};
use crate::domain::reason::{Kind, Reason};
use crate::domain::snapshot::{ServiceSeen, Snapshot};

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Bring these services to their target.
    Deploy(Vec<ServiceKey>),
    /// Write this down; it is true.
    Record(Event),
    /// Look again at this time.
    Wait {
        /// When.
        until: Timestamp,
    },
    /// Nothing more; the phase tells how it ended, or the reason why it is held.
    Done(Option<Reason>),
}

/// Time between two looks at services on their way. A deployment takes a minute or more, and one look at ten
/// services costs one of 20 calls a second (ECS API Reference, request throttling).
const POLL: SignedDuration = SignedDuration::from_secs(5);

impl Rollout {
    /// What to do next. Total: every state has an answer, and every wait an end.
    pub fn decide(&self, seen: &Snapshot, calendar: &Calendar, now: Timestamp) -> Decision {
        match &self.phase {
            Phase::Opened if self.plan.waves.is_empty() => Decision::Record(Event::Succeeded),
            Phase::Opened => self.begin(0, calendar, now),
            Phase::Deploying { wave } => self.deploy(*wave, seen, now),
            Phase::Baking { wave, since } => self.bake(*wave, *since, seen, calendar, now),
            Phase::Succeeded => Decision::Done(None),
            Phase::Halted { reason, .. } => Decision::Done(Some(reason.clone())),
        }
    }

    /// Whether the next decision judges load-balancer targets, which are read at decision points only.
    pub fn needs_targets(&self, now: Timestamp) -> bool {
        matches!(self.phase, Phase::Baking { wave, since } if now >= self.bake_ends(wave, since))
    }

    /// Whether the next decision judges probes.
    pub fn needs_probes(&self) -> bool {
        matches!(self.phase, Phase::Baking { .. })
    }

    /// Starts a wave if the calendar lets it. A rollback is never kept waiting by a calendar.
    fn begin(&self, wave: usize, calendar: &Calendar, now: Timestamp) -> Decision {
        match calendar.allows(now) {
            Err(reason) if !self.plan.is_rollback() => Decision::Done(Some(reason)),
            _ => Decision::Record(Event::WaveStarted { wave }),
        }
    }

    fn deploy(&self, wave: usize, seen: &Snapshot, now: Timestamp) -> Decision {
        let changes = self.watched();
        let standings: Vec<(&Change, Standing)> =
            changes.iter().map(|c| (c, self.standing(c, seen.services.get(&c.service), now))).collect();
        if let Some(reason) = standings.iter().find_map(|(_, s)| stopper(s)) {
            return self.halt(wave, reason);
        }
        if let Some(reason) = standings.iter().find_map(|(_, s)| unknown(s)) {
            return self.undecided(wave, reason);
        }
        let ready: Vec<ServiceKey> = standings
            .iter()
            .filter(|(change, standing)| *standing == Standing::AsBefore && needs_met(change, &standings))
            .map(|(change, _)| change.service.clone())
            .collect();
        if !ready.is_empty() {
            return Decision::Deploy(ready);
        }
        if standings.iter().all(|(_, standing)| *standing == Standing::OnTarget) {
            return Decision::Record(Event::Baking { wave, since: now });
        }
        Decision::Wait { until: now + POLL }
    }

    fn bake(&self, index: usize, since: Timestamp, seen: &Snapshot, calendar: &Calendar, now: Timestamp) -> Decision {
        let Some(wave) = self.plan.waves.get(index) else { return Decision::Done(None) };
        let ends = self.bake_ends(index, since);
        let done = now >= ends;
        match self.judge(wave, seen, done, now) {
            Verdict::Fail(reason) => self.halt(index, reason),
            Verdict::Pass if !done => Decision::Wait { until: ends.min(now + self.round()) },
            Verdict::Unknown(_) if now < ends + self.plan.gate.deadline => Decision::Wait { until: now + self.round() },
            Verdict::Unknown(reason) => self.undecided(index, reason),
            Verdict::Pass if index + 1 == self.plan.waves.len() => Decision::Record(Event::Succeeded),
            Verdict::Pass => self.begin(index + 1, calendar, now),
        }
    }

    /// The verdict on a wave under watch. At its end everything must have been shown; before, nothing bad.
    fn judge(&self, wave: &Wave, seen: &Snapshot, done: bool, now: Timestamp) -> Verdict {
        all_of(wave.changes.iter().flat_map(|change| {
            let live = seen.services.get(&change.service);
            let ecs = match self.standing(change, live, now) {
                Standing::OnTarget => self.judge_stops(change, live),
                Standing::Failed(reason) | Standing::Foreign(reason) => Verdict::Fail(reason),
                Standing::AsBefore => Verdict::Fail(displaced(change)),
                Standing::Unknown(reason) => Verdict::Unknown(reason),
                Standing::Moving if done => Verdict::Unknown(not_steady(change)),
                Standing::Moving => Verdict::Pass,
            };
            let probe = self.plan.gate.probe.as_ref().filter(|_| change.probe.is_some());
            let probe =
                probe.map(|policy| judge_probe(policy, &change.service, seen.health.probes.get(&change.service), done));
            let targets = (done && self.plan.gate.targets_healthy)
                .then(|| judge_targets(&change.service, seen.health.targets.get(&change.service)));
            [Some(ecs), probe, targets].into_iter().flatten()
        }))
    }

    fn judge_stops(&self, change: &Change, live: Option<&ServiceSeen>) -> Verdict {
        match live {
            Some(ServiceSeen::Live(live)) if live.failed_tasks > self.plan.gate.stopped_tasks_max => {
                Verdict::Fail(Reason::TasksStopped { service: change.service.clone(), stopped: live.failed_tasks })
            }
            _ => Verdict::Pass,
        }
    }

    fn bake_ends(&self, wave: usize, since: Timestamp) -> Timestamp {
        since + self.plan.waves.get(wave).map_or(SignedDuration::ZERO, |wave| wave.bake)
    }

    /// Time between two looks at services under watch.
    fn round(&self) -> SignedDuration {
        self.plan.gate.probe.as_ref().map_or(POLL, |probe| probe.every)
    }

    fn halt(&self, wave: usize, reason: Reason) -> Decision {
        let reason = match reason {
            reason if self.plan.is_rollback() && reason.kind() != Kind::RollbackFailed => {
                Reason::RollbackFailed { why: reason.to_string() }
            }
            reason => reason,
        };
        Decision::Record(Event::Halted { wave, reason })
    }

    fn undecided(&self, wave: usize, reason: Reason) -> Decision {
        match self.plan.gate.unknown {
            OnUnknown::Fail => self.halt(wave, reason),
            OnUnknown::Hold => Decision::Done(Some(reason)),
        }
    }
}

/// Whether everything that must be on its target before this service is.
fn needs_met(change: &Change, standings: &[(&Change, Standing)]) -> bool {
    let same_set = |other: &&(&Change, Standing)| other.0.service.set == change.service.set;
    standings
        .iter()
        .filter(same_set)
        .filter(|(other, _)| change.after.contains(&other.service.service))
        .all(|(_, standing)| *standing == Standing::OnTarget)
}

fn stopper(standing: &Standing) -> Option<Reason> {
    match standing {
        Standing::Failed(reason) | Standing::Foreign(reason) => Some(reason.clone()),
        _ => None,
    }
}

fn unknown(standing: &Standing) -> Option<Reason> {
    match standing {
        Standing::Unknown(reason) => Some(reason.clone()),
        _ => None,
    }
}

fn displaced(change: &Change) -> Reason {
    let why = "what ran before is running again".to_owned();
    Reason::DeploymentFailed { service: change.service.clone(), why }
}

fn not_steady(change: &Change) -> Reason {
    let what = format!("tasks of {}", change.service);
    Reason::GateUnknown { what, why: "not all of them are running at the end of the watch".to_owned() }
}
