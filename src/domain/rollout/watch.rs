//! What metrics, alarms and the owner's executable say of a wave under watch, and what follows from it.
//!
//! A watch lasts for time and for data: at least the wave's own time, and until every gate that has a vote is
//! decided, but no longer than the longest watch. What is undecided then holds the rollout, and a person answers.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Decision, Phase, Rollout};
use crate::domain::gate::{
    Ceiling, ErrorTest, Finding, GateName, Series, Verdict, Window, judge_alarms, judge_ceiling, judge_command,
    judge_errors, judge_pool, judge_relative, judge_routers, verdict_of,
};
use crate::domain::ids::{ServiceName, SetId};
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::plan::{Change, Wave};
use crate::domain::reason::Reason;
use crate::domain::snapshot::Snapshot;
use crate::domain::statistics::Shares;

/// Minutes before the wave that are compared with those after it.
const COMPARED: SignedDuration = SignedDuration::from_mins(60);

/// What is read from metrics for the present watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<'a> {
    /// The services under watch.
    pub watched: Vec<&'a Change>,
    /// Services that were not updated yet, for the comparison.
    pub others: Vec<&'a Change>,
    /// The minutes.
    pub window: Window,
}

/// Tenants that are compared with, at most: a hundred show a chance of 1 %, and each costs calls.
const OTHERS_MAX: usize = 200;

impl Rollout {
    /// Which metrics the next decision takes, if it takes any.
    pub fn needs_metrics(&self, now: Timestamp) -> Option<Reading<'_>> {
        let Phase::Baking { wave, since } = self.phase else { return None };
        if !self.plan.gate.reads_metrics() || self.plan.is_rollback() {
            return None;
        }
        let compares = self.plan.gate.relative.is_some();
        let later = self.plan.waves.iter().skip(wave + 1).filter(|_| compares).flat_map(|wave| &wave.changes);
        let (before, after) = self.windows(since, now);
        Some(Reading {
            watched: self.judged().collect(),
            others: later.filter(|change| !change.is_task()).take(OTHERS_MAX).collect(),
            window: if compares { Window { from: before.from, to: after.to } } else { after },
        })
    }

    /// Whose alarms the next decision takes; with `true` all of them, else those that ring.
    pub fn needs_alarms(&self, now: Timestamp) -> Option<(Vec<&SetId>, bool)> {
        self.plan.gate.alarms.as_ref().filter(|_| !self.plan.is_rollback())?;
        let later = |from: usize| self.plan.waves.iter().skip(from).flat_map(Wave::sets);
        // Before anything is changed, everybody's count: who starts into a fire cannot tell whose it is.
        let next = self.needs_preflight(now);
        let Phase::Baking { wave, since } = self.phase else { return Some((later(next?).collect(), true)) };
        let mut sets: Vec<&SetId> = self.judged().map(|change| &change.service.set).collect();
        sets.dedup();
        sets.extend(next.into_iter().flat_map(later));
        Some((sets, now >= self.bake_ends(wave, since)))
    }

    /// Whether the next decision takes the executable's word.
    pub fn needs_command(&self, now: Timestamp) -> bool {
        let at_end = matches!(self.phase, Phase::Baking { wave, since } if now >= self.bake_ends(wave, since));
        at_end && self.plan.gate.command.is_some() && !self.plan.is_rollback()
    }

    /// Whether the next decision takes what edge routers say of themselves.
    pub fn needs_routers(&self, now: Timestamp) -> bool {
        let at_end = matches!(self.phase, Phase::Baking { wave, since } if now >= self.bake_ends(wave, since));
        at_end && self.has_routers() && !self.plan.is_rollback()
    }

    /// Whether the wave under watch has the control plane's services, and routers are judged.
    fn has_routers(&self) -> bool {
        self.plan.gate.routers && self.judged().any(|change| change.service.set.is_control_plane())
    }

    /// Notes that a person has accepted what was undecided of a wave.
    pub fn note_accepted(&mut self, waves: impl IntoIterator<Item = usize>) {
        self.accepted.extend(waves);
    }

    /// Whether the wave's own time is over and gates wait for more data.
    pub fn waits_for_data(&self, findings: &[Finding], now: Timestamp) -> bool {
        let Phase::Baking { wave, since } = self.phase else { return false };
        // The executable is asked when everything else is decided.
        let findings = match findings.split_last() {
            Some((last, others)) if last.gate == GateName::Command => others,
            _ => findings,
        };
        now >= self.bake_ends(wave, since)
            && matches!(self.undecided_gate(wave, since, findings, now), Some(Decision::Wait { .. }))
    }

    /// The services that are judged: those that go forward and serve.
    pub(super) fn judged(&self) -> impl Iterator<Item = &Change> {
        self.watched.iter().filter(|change| !change.is_task() && !self.quarantined.contains_key(&change.service.set))
    }

    /// The minutes before the wave that are compared, and those after it that count.
    pub(super) fn windows(&self, since: Timestamp, now: Timestamp) -> (Window, Window) {
        let timing = self.plan.gate.metrics;
        let early = |from: Timestamp, time| from.checked_sub(time).unwrap_or(Timestamp::MIN);
        let late = |from: Timestamp, time| from.checked_add(time).unwrap_or(Timestamp::MAX);
        // Bringing the wave up took up to its deadline, and is neither before nor after.
        let to = early(since, self.plan.gate.deadline);
        let after = Window { from: late(since, timing.warm_up), to: early(now, timing.lag) };
        (Window { from: early(to, COMPARED), to }, after)
    }

    /// What every gate found, before the end or at it; that of the executable is the last.
    pub fn findings(&self, seen: &Snapshot, now: Timestamp) -> Vec<Finding> {
        let Phase::Baking { wave, since } = self.phase else { return Vec::new() };
        if self.plan.is_rollback() {
            return Vec::new();
        }
        let (before, after) = self.windows(since, now);
        let done = now >= self.bake_ends(wave, since);
        let mut findings = self.of_errors(seen, after);
        findings.extend(self.of_ceilings(seen, &after));
        findings.extend(self.of_alarms(seen));
        findings.extend(self.of_smoke_tests(seen, now));
        if done {
            findings.extend(self.of_untold_starts(seen, since));
            findings.extend(self.of_others(seen, (&before, &after)));
            findings.extend(self.has_routers().then(|| judge_routers(seen.health.routers.as_ref())));
            let command = self.plan.gate.command.as_ref();
            findings.extend(command.map(|policy| judge_command(policy, seen.health.command.as_ref())));
        }
        findings
    }

    /// Puts what the executable said by now in the place of its finding.
    pub fn judge_command_again(&self, findings: &mut [Finding], seen: &Snapshot) {
        if let (Some(policy), Some(last)) = (&self.plan.gate.command, findings.last_mut())
            && last.gate == GateName::Command
        {
            *last = judge_command(policy, seen.health.command.as_ref());
        }
    }

    fn of_errors(&self, seen: &Snapshot, window: Window) -> Vec<Finding> {
        let Some((alone, pooled)) = self.error_tests(window) else { return Vec::new() };
        let of = |change: &Change| seen.health.metrics.get(&change.service);
        let left_out =
            |change: &Change| breaks(Mutant::MissingMetricsPass) && matches!(of(change), Some(Series::Unknown(_)));
        let judged = self.judged().filter(|change| !left_out(change));
        let judge = |change: &Change| judge_errors(&alone, &change.service, of(change), is_probed(change));
        let mut findings: Vec<Finding> = judged.map(judge).collect();
        for (service, mut changes) in self.by_service() {
            changes.retain(|change| !left_out(change));
            let probed = changes.iter().all(|change| is_probed(change));
            let series = changes.iter().map(|change| (&change.service, of(change)));
            findings.extend(judge_pool(&pooled, service, series, probed));
        }
        findings
    }

    /// The test of a single service and that of a pool, if errors are judged.
    pub(super) fn error_tests(&self, window: Window) -> Option<(ErrorTest<'_>, ErrorTest<'_>)> {
        let policy = self.plan.gate.errors.as_ref()?;
        let (single, pooled) = self.tests();
        let shares = Shares::of(single, pooled);
        let minutes = u32::try_from(self.plan.gate.metrics.bake_max.as_mins()).unwrap_or(u32::MAX);
        let test = |alpha| ErrorTest { policy, alpha, minutes, window };
        Some((test(shares.single), test(shares.pooled)))
    }

    /// Tests of single services and pooled ones in the whole rollout, which share the budget of false stops.
    fn tests(&self) -> (usize, usize) {
        let serving = |change: &&Change| !change.is_task();
        let pooled = self.plan.waves.iter().map(|wave| {
            let mut services: Vec<&ServiceName> =
                wave.changes.iter().filter(serving).map(|change| &change.service.service).collect();
            services.sort();
            services.dedup();
            services.len()
        });
        (self.plan.changes().filter(serving).count(), pooled.sum())
    }

    pub(super) fn by_service(&self) -> BTreeMap<&ServiceName, Vec<&Change>> {
        let mut services: BTreeMap<&ServiceName, Vec<&Change>> = BTreeMap::new();
        self.judged().for_each(|change| services.entry(&change.service.service).or_default().push(change));
        services
    }

    /// The ceilings that are watched.
    pub(super) fn ceilings(&self) -> Vec<Ceiling> {
        let gate = &self.plan.gate;
        let latency = gate.latency.as_ref().map(|policy| Ceiling {
            gate: GateName::Latency,
            max: policy.p99_max,
            breaches: policy.breaches,
            of: policy.of,
            observe: policy.observe,
        });
        let of_saturation = |name, max: Option<u32>| {
            let policy = gate.saturation.as_ref()?;
            let (breaches, of, observe) = (policy.breaches, policy.of, policy.observe);
            Some(Ceiling { gate: name, max: max?, breaches, of, observe })
        };
        let cpu = of_saturation(GateName::Cpu, gate.saturation.as_ref().and_then(|policy| policy.cpu_max));
        let memory = of_saturation(GateName::Memory, gate.saturation.as_ref().and_then(|policy| policy.memory_max));
        [latency, cpu, memory].into_iter().flatten().collect()
    }

    fn of_ceilings(&self, seen: &Snapshot, window: &Window) -> Vec<Finding> {
        let ceilings = self.ceilings();
        let of = |change: &Change| seen.health.metrics.get(&change.service).cloned();
        let judge = |change: &Change| {
            let series = of(change);
            let each = |ceiling: &Ceiling| judge_ceiling(ceiling, &change.service, series.as_ref(), window);
            ceilings.iter().map(each).collect::<Vec<_>>()
        };
        self.judged().flat_map(judge).collect()
    }

    fn of_alarms(&self, seen: &Snapshot) -> Vec<Finding> {
        let Some(policy) = &self.plan.gate.alarms else { return Vec::new() };
        let mut sets: Vec<&SetId> = self.judged().map(|change| &change.service.set).collect();
        sets.dedup();
        sets.into_iter().map(|set| judge_alarms(policy, set, seen.health.alarms.get(set))).collect()
    }

    fn of_others(&self, seen: &Snapshot, windows: (&Window, &Window)) -> Vec<Finding> {
        let Some(policy) = &self.plan.gate.relative else { return Vec::new() };
        let judge = |(service, changes): (&ServiceName, Vec<&Change>)| {
            let updated = changes.iter().map(|change| seen.health.metrics.get(&change.service));
            let others = seen.health.others.iter().filter(|(key, _)| key.service == *service).map(|(_, series)| series);
            judge_relative(policy, service, updated, others, windows)
        };
        self.by_service().into_iter().map(judge).collect()
    }

    /// What a finding that fails leads to, at any time of the watch.
    pub(super) fn failed_gate(&self, index: usize, findings: &[Finding]) -> Option<Decision> {
        let failed = findings.iter().filter(|finding| finding.votes).find_map(|finding| match &finding.verdict {
            Verdict::Fail(reason) => Some((finding.set(), reason)),
            Verdict::Pass | Verdict::Unknown(_) => None,
        });
        failed.map(|(set, reason)| match set {
            Some(set) => self.after_failure(index, set, reason.clone()),
            None => self.halt(index, reason.clone()),
        })
    }

    /// What findings that are undecided at the end of the wave's own time lead to; none if all that have a vote pass,
    /// or a person has accepted it.
    pub(super) fn undecided_gate(
        &self,
        index: usize,
        since: Timestamp,
        findings: &[Finding],
        now: Timestamp,
    ) -> Option<Decision> {
        let Verdict::Unknown(reason) = verdict_of(findings) else { return None };
        if self.accepted.contains(&index) {
            return None;
        }
        // Waiting does not make it any faster, nor does it end a test that hangs.
        let for_good = findings.iter().filter(|finding| finding.votes).find_map(|finding| match &finding.verdict {
            Verdict::Unknown(reason @ Reason::SlowerThanOthers { .. }) => Some(Decision::Done(Some(reason.clone()))),
            Verdict::Unknown(reason @ Reason::SmokeTestUndecided { .. }) => Some(self.undecided(index, reason.clone())),
            _ => None,
        });
        if for_good.is_some() {
            return for_good;
        }
        let latest = self.bake_ends(index, since).max(since + self.plan.gate.metrics.bake_max);
        // A test that runs has a deadline of its own, also where a watch is taken up after its longest time.
        let runs = |finding: &Finding| {
            finding.votes
                && finding.gate == GateName::Smoke
                && matches!(finding.verdict, Verdict::Unknown(Reason::GateUnknown { .. }))
        };
        Some(match now < latest || findings.iter().any(runs) {
            true => Decision::Wait { until: now + self.round() },
            false => self.undecided(index, reason),
        })
    }

    /// An alarm that rings before a wave begins: its own tenants' and everybody else's of the plan.
    pub(super) fn alarms_ahead(&self, wave: usize, seen: &Snapshot) -> Verdict {
        let (Some(policy), Some(wave)) = (&self.plan.gate.alarms, self.plan.waves.get(wave)) else {
            return Verdict::Pass;
        };
        if self.plan.is_rollback() {
            return Verdict::Pass;
        }
        let rings =
            seen.alarms_ahead.iter().find_map(|(set, seen)| match judge_alarms(policy, set, Some(seen)).verdict {
                Verdict::Fail(Reason::AlarmRings { set, alarm, why }) => {
                    Some(Reason::AlarmBeforeStart { set, alarm, why })
                }
                _ => None,
            });
        if policy.observe {
            return Verdict::Pass;
        }
        if let Some(reason) = rings {
            return Verdict::Fail(reason);
        }
        let of_wave = wave.sets().into_iter().map(|set| judge_alarms(policy, set, seen.alarms_ahead.get(set)));
        verdict_of(&of_wave.collect::<Vec<_>>())
    }
}

/// Whether a service is asked over HTTP as well.
fn is_probed(change: &Change) -> bool {
    change.probe.is_some()
}
