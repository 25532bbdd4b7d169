//! What to do next: all policy of a running rollout, in one pure function of rollout, snapshot, calendar and now.

use jiff::{SignedDuration, Timestamp};

use super::{Event, Phase, Rollout, Standing};
use crate::domain::calendar::Calendar;
use crate::domain::gate::{Finding, OnUnknown, ProbePolicy, Verdict, all_of, judge_probe, judge_targets};
use crate::domain::ids::{ServiceKey, SetId};
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::plan::Change;
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

/// How the changes of a wave stand.
pub(super) type Standings<'a> = Vec<(&'a Change, Standing)>;

impl Rollout {
    /// What to do next. Total: every state has an answer, and every wait an end.
    pub fn decide(&self, seen: &Snapshot, calendar: &Calendar, now: Timestamp) -> Decision {
        self.decide_on(seen, &self.findings(seen, now), calendar, now)
    }

    /// The same, for whoever knows already what the gates find in `seen`.
    pub fn decide_on(&self, seen: &Snapshot, findings: &[Finding], calendar: &Calendar, now: Timestamp) -> Decision {
        match &self.phase {
            Phase::Opened if self.plan.waves.is_empty() => Decision::Record(Event::Succeeded),
            Phase::Opened => self.begin(0, self.looking_since, seen, calendar, now),
            Phase::Deploying { wave } => self.deploy(*wave, seen, calendar, now),
            Phase::Baking { wave, since } => self.bake((*wave, *since), seen, findings, calendar, now),
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

    /// The wave that may begin with the next decision, if it must be looked at before.
    pub fn needs_preflight(&self, now: Timestamp) -> Option<usize> {
        let next = match self.phase {
            Phase::Opened => 0,
            Phase::Baking { wave, since } if now >= self.bake_ends(wave, since) => wave + 1,
            _ => return None,
        };
        (next < self.plan.waves.len() && !self.plan.is_rollback()).then_some(next)
    }

    /// Starts a wave if the calendar lets it and everything it needs is there. A rollback is never kept waiting.
    /// What cannot be told may become readable until the gate's deadline after `since`.
    fn begin(&self, wave: usize, since: Timestamp, seen: &Snapshot, calendar: &Calendar, now: Timestamp) -> Decision {
        if let (Err(reason), false) = (calendar.allows(now), self.plan.is_rollback()) {
            return Decision::Done(Some(reason));
        }
        match all_of([self.alarms_ahead(wave, seen), self.preflight(wave, seen)]) {
            Verdict::Pass => Decision::Record(Event::WaveStarted { wave }),
            Verdict::Unknown(_) if now < since + self.plan.gate.deadline => self.look_again(now),
            Verdict::Fail(reason) | Verdict::Unknown(reason) => Decision::Done(Some(reason)),
        }
    }

    fn deploy(&self, wave: usize, seen: &Snapshot, calendar: &Calendar, now: Timestamp) -> Decision {
        let standings = self.standings(seen, now);
        if let Some(decision) = self.trouble(wave, &standings) {
            return decision;
        }
        if let Some(event) = self.tasks_ended(wave, &standings) {
            return Decision::Record(event);
        }
        if let Some(decision) = self.send(&standings, calendar, now) {
            return decision;
        }
        if standings.iter().all(|(_, standing)| *standing == Standing::OnTarget) {
            return Decision::Record(Event::Baking { wave, since: now });
        }
        self.look_again(now)
    }

    fn bake(
        &self,
        (index, since): (usize, Timestamp),
        seen: &Snapshot,
        findings: &[Finding],
        calendar: &Calendar,
        now: Timestamp,
    ) -> Decision {
        let standings = self.standings(seen, now);
        let (back, forward): (Standings<'_>, Standings<'_>) =
            standings.into_iter().partition(|(change, _)| self.quarantined.contains_key(&change.service.set));
        if let Some(decision) = self.trouble(index, &back).or_else(|| self.send(&back, calendar, now)) {
            return decision;
        }
        let all_back = back.iter().all(|(_, standing)| *standing == Standing::OnTarget);
        let ends = self.bake_ends(index, since);
        let done = now >= ends;
        if let Some((set, reason)) = self.first_failure(&forward, seen, done) {
            return self.after_failure(index, &set, reason);
        }
        let of_tests = || self.next_of_smoke_tests(index, seen, now);
        if let Some(decision) = self.failed_gate(index, findings).or_else(of_tests) {
            return decision;
        }
        if self.waits_for_data(findings, now) {
            return Decision::Wait { until: now + self.round() };
        }
        match self.verdict(&forward, seen, done) {
            Verdict::Fail(reason) => self.halt(index, reason),
            Verdict::Pass if !done => Decision::Wait { until: ends.min(now + self.round()) },
            Verdict::Pass if !all_back => self.look_again(now),
            Verdict::Unknown(_) if now < ends + self.plan.gate.deadline => Decision::Wait { until: now + self.round() },
            Verdict::Unknown(reason) => self.undecided(index, reason),
            Verdict::Pass => self.passed((index, since), findings, seen, calendar, now),
        }
    }

    /// What follows when everything that ECS, the load balancer and the services themselves show is well.
    fn passed(
        &self,
        (index, since): (usize, Timestamp),
        findings: &[Finding],
        seen: &Snapshot,
        calendar: &Calendar,
        now: Timestamp,
    ) -> Decision {
        if let Some(decision) = self.undecided_gate(index, since, findings, now) {
            return decision;
        }
        if index + 1 == self.plan.waves.len() {
            return Decision::Record(Event::Succeeded);
        }
        // What the next wave needs may become readable for a while after this one has passed.
        self.begin(index + 1, self.bake_ends(index, since), seen, calendar, now)
    }

    /// How everything stands that must be up before the watch begins.
    pub(super) fn standings(&self, seen: &Snapshot, now: Timestamp) -> Standings<'_> {
        let changes = self.watched.iter().filter(|change| !change.is_smoke_test());
        changes.map(|change| (change, self.standing(change, seen, now))).collect()
    }

    /// What services that will not reach their target, or cannot be read, lead to.
    fn trouble(&self, wave: usize, standings: &Standings<'_>) -> Option<Decision> {
        let stopper = |(change, standing): &(&Change, Standing)| match standing {
            Standing::Failed(reason) | Standing::Foreign(reason) => Some((change.service.set.clone(), reason.clone())),
            _ => None,
        };
        if let Some((set, reason)) = standings.iter().find_map(stopper) {
            return Some(self.after_failure(wave, &set, reason));
        }
        let unknown = standings.iter().find_map(|(_, standing)| match standing {
            Standing::Unknown(reason) => Some(reason.clone()),
            _ => None,
        });
        unknown.map(|reason| self.undecided(wave, reason))
    }

    /// The services that may be updated now. Those that go back do not wait for a freeze to end.
    fn send(&self, standings: &Standings<'_>, calendar: &Calendar, now: Timestamp) -> Option<Decision> {
        let ready = standings
            .iter()
            .filter(|(change, standing)| may_be_sent(standing) && needs_met(change, standings))
            .map(|(change, _)| *change)
            .filter(|change| change.is_migration() || !self.waits_for_tasks() || self.goes_back(change));
        let (back, forward): (Vec<&Change>, Vec<&Change>) = ready.partition(|change| self.goes_back(change));
        let keys = |changes: Vec<&Change>| changes.into_iter().map(|change| change.service.clone()).collect();
        match (back.is_empty(), forward.is_empty()) {
            (true, true) => None,
            (false, _) => Some(Decision::Deploy(keys(back))),
            (true, false) => Some(match calendar.frozen(now) {
                Some(reason) => Decision::Done(Some(reason)),
                None => Decision::Deploy(keys(forward)),
            }),
        }
    }

    /// The first set under watch that has shown something it must not.
    fn first_failure(&self, standings: &Standings<'_>, seen: &Snapshot, done: bool) -> Option<(SetId, Reason)> {
        standings.iter().find_map(|(change, standing)| match self.judge(change, standing, seen, done) {
            Verdict::Fail(reason) => Some((change.service.set.clone(), reason)),
            Verdict::Pass | Verdict::Unknown(_) => None,
        })
    }

    /// The verdict on what is under watch. At its end everything must have been shown; before, nothing bad.
    fn verdict(&self, standings: &Standings<'_>, seen: &Snapshot, done: bool) -> Verdict {
        all_of(standings.iter().map(|(change, standing)| self.judge(change, standing, seen, done)))
    }

    /// The verdict on one service under watch.
    pub(super) fn judge(&self, change: &Change, standing: &Standing, seen: &Snapshot, done: bool) -> Verdict {
        let ecs = match standing {
            Standing::OnTarget => self.judge_stops(change, seen.services.get(&change.service)),
            Standing::Failed(reason) | Standing::Foreign(reason) => Verdict::Fail(reason.clone()),
            Standing::AsBefore => Verdict::Fail(displaced(change)),
            Standing::Unknown(reason) => Verdict::Unknown(reason.clone()),
            Standing::Moving => {
                let steady = if done { Verdict::Unknown(not_steady(change)) } else { Verdict::Pass };
                all_of([self.judge_stops(change, seen.services.get(&change.service)), steady])
            }
        };
        let votes = |probe: &&ProbePolicy| change.probe.is_some() && !probe.observe && !breaks(Mutant::ProbesIgnored);
        let probe = self.plan.gate.probe.as_ref().filter(votes);
        let probe =
            probe.map(|policy| judge_probe(policy, &change.service, seen.health.probes.get(&change.service), done));
        let targets = (done && self.plan.gate.targets_healthy && !change.is_task() && !change.rests())
            .then(|| judge_targets(&change.service, seen.health.targets.get(&change.service)));
        all_of([Some(ecs), probe, targets].into_iter().flatten())
    }

    pub(super) fn judge_stops(&self, change: &Change, live: Option<&ServiceSeen>) -> Verdict {
        match live {
            _ if breaks(Mutant::StopsIgnored) => Verdict::Pass,
            Some(ServiceSeen::Live(live)) => match self.stopped_tasks(change, live) {
                stopped if stopped > self.plan.gate.stopped_tasks_max => {
                    Verdict::Fail(Reason::TasksStopped { service: change.service.clone(), stopped })
                }
                _ => Verdict::Pass,
            },
            _ => Verdict::Pass,
        }
    }

    /// A watch lasts at least from one look to the next, so that two of them agree before anything is called good.
    /// Where metrics are read, every minute of it is waited for, and at least a few of them count.
    pub(super) fn bake_ends(&self, wave: usize, since: Timestamp) -> Timestamp {
        let bake = self.plan.waves.get(wave).map_or(SignedDuration::ZERO, |wave| wave.bake);
        let bake = bake.max(self.plan.gate.poll);
        let metrics = self.plan.gate.reads_metrics() && !self.plan.is_rollback();
        let bake = if metrics { self.plan.gate.metrics.least(bake) } else { bake };
        if breaks(Mutant::NoBake) { since } else { since + bake }
    }

    /// When the watch of a wave may end at the earliest.
    pub fn watch_ends(&self, wave: usize, since: Timestamp) -> Timestamp {
        self.bake_ends(wave, since)
    }

    /// Time between two looks at services under watch.
    pub(super) fn round(&self) -> SignedDuration {
        self.plan.gate.probe.as_ref().map_or(self.plan.gate.poll, |probe| probe.every)
    }

    fn look_again(&self, now: Timestamp) -> Decision {
        Decision::Wait { until: now + self.plan.gate.poll }
    }

    /// Stops for good.
    pub(super) fn halt(&self, wave: usize, reason: Reason) -> Decision {
        let reason = match reason {
            reason if self.plan.is_rollback() && reason.kind() != Kind::RollbackFailed => {
                Reason::RollbackFailed { why: reason.to_string() }
            }
            reason => reason,
        };
        Decision::Record(Event::Halted { wave, reason })
    }

    pub(super) fn undecided(&self, wave: usize, reason: Reason) -> Decision {
        match self.plan.gate.unknown {
            OnUnknown::Fail => self.halt(wave, reason),
            OnUnknown::Hold => Decision::Done(Some(reason)),
        }
    }
}

/// Whether a service waits for its update.
fn may_be_sent(standing: &Standing) -> bool {
    *standing == Standing::AsBefore || *standing == Standing::Moving && breaks(Mutant::SentUnread)
}

/// Whether everything that must be on its target before this service is.
fn needs_met(change: &Change, standings: &Standings<'_>) -> bool {
    let same_set = |other: &&(&Change, Standing)| other.0.service.set == change.service.set;
    standings
        .iter()
        .filter(same_set)
        .filter(|(other, _)| change.after.contains(&other.service.service))
        .all(|(_, standing)| *standing == Standing::OnTarget || breaks(Mutant::OrderIgnored))
}

fn displaced(change: &Change) -> Reason {
    let why = "what ran before is running again".to_owned();
    Reason::DeploymentFailed { service: change.service.clone(), why }
}

fn not_steady(change: &Change) -> Reason {
    let what = format!("tasks of {}", change.service);
    Reason::GateUnknown { what, why: "not all of them are running at the end of the watch".to_owned() }
}
