//! What all gates of the present wave found, put together when something is decided about it: for the records, and
//! for whoever reads the result.

use jiff::Timestamp;

use super::{Event, Phase, Rollout, Standing};
use crate::domain::gate::{
    Chart, Evidence, Finding, GateName, Pool, Subject, Then, Verdict, WaveReport, ceiling_chart, error_charts,
    judge_probe, judge_targets, report,
};
use crate::domain::plan::Change;
use crate::domain::reason::Reason;
use crate::domain::snapshot::{ServiceSeen, Snapshot};

impl Rollout {
    /// What the gates of the wave found that this event decides about; none where it decides about none. `findings`
    /// are those that the decision rests on.
    pub fn report(&self, event: &Event, findings: &[Finding], seen: &Snapshot, now: Timestamp) -> Option<WaveReport> {
        let then = match event {
            Event::WaveStarted { wave: 1.. } | Event::Succeeded => Then::Passed,
            Event::Halted { .. } => Then::Failed,
            Event::Quarantined { .. } => Then::Quarantined,
            Event::Held { .. } => Then::Held,
            Event::WaveStarted { .. } | Event::TasksDone { .. } | Event::Baking { .. } | Event::TestsDone { .. } => {
                return None;
            }
        };
        let (index, wave) = self.wave()?;
        let since = match self.phase {
            Phase::Baking { since, .. } => Some(since),
            _ => None,
        };
        let mut all = self.of_services(seen, since, now);
        all.extend_from_slice(findings);
        let charts = |finding: &Finding| since.map(|since| self.charts(finding, seen, since, now)).unwrap_or_default();
        let gates = report(all, charts);
        Some(WaveReport { wave: index, name: wave.name.clone(), since, at: now, then, gates })
    }

    /// What ECS, the load balancer and the services themselves show; of the last two only while they are watched.
    fn of_services(&self, seen: &Snapshot, since: Option<Timestamp>, now: Timestamp) -> Vec<Finding> {
        let mut findings = Vec::new();
        let done = matches!(self.phase, Phase::Baking { wave, since } if now >= self.bake_ends(wave, since));
        for (change, standing) in self.standings(seen, now) {
            let subject = || Subject::Service(change.service.clone());
            findings.push(self.of_ecs(change, &standing, seen));
            if since.is_none() || change.is_task() {
                continue;
            }
            if let (Some(policy), Some(_)) = (&self.plan.gate.probe, &change.probe) {
                let record = seen.health.probes.get(&change.service);
                let verdict = judge_probe(policy, &change.service, record, done);
                let failing_max = policy.failures_max;
                let (passed, failing) = record.map_or((0, 0), |record| (record.passed, record.failing));
                let evidence = Evidence::Probes { passed, failing, failing_max };
                findings.push(Finding::new(GateName::Probe, subject(), verdict, policy.observe, evidence));
            }
            // They are read at the end, so that before there is nothing to tell.
            let health = seen.health.targets.get(&change.service).filter(|_| self.plan.gate.targets_healthy);
            if let Some(health) = health {
                let verdict = judge_targets(&change.service, Some(health));
                let evidence = Evidence::words(health.to_string());
                findings.push(Finding::new(GateName::Targets, subject(), verdict, false, evidence));
            }
        }
        findings
    }

    fn of_ecs(&self, change: &Change, standing: &Standing, seen: &Snapshot) -> Finding {
        let unknown = |why: &str| {
            Verdict::Unknown(Reason::GateUnknown { what: format!("state of {}", change.service), why: why.to_owned() })
        };
        let live = match seen.services.get(&change.service) {
            Some(ServiceSeen::Live(live)) => Some(live),
            Some(ServiceSeen::Missing | ServiceSeen::Unreachable { .. }) | None => None,
        };
        let verdict = match standing {
            Standing::OnTarget => self.judge_stops(change, seen.services.get(&change.service)),
            Standing::AsBefore => unknown("it runs what it ran before"),
            Standing::Moving => unknown("it is on its way"),
            Standing::Unknown(reason) => Verdict::Unknown(reason.clone()),
            Standing::Failed(reason) | Standing::Foreign(reason) => Verdict::Fail(reason.clone()),
        };
        let (stopped, stopped_max) =
            (live.map_or(0, |live| self.stopped_tasks(change, live)), self.plan.gate.stopped_tasks_max);
        let tasks = |live: &crate::domain::snapshot::Live| {
            let (running, desired) = (live.running, live.desired);
            Evidence::Tasks { running, desired, stopped, stopped_max }
        };
        let otherwise = || Evidence::words(if change.is_task() { "a task that runs once" } else { "it was not read" });
        let evidence = live.map_or_else(otherwise, tasks);
        Finding::new(GateName::Rollout, Subject::Service(change.service.clone()), verdict, false, evidence)
    }

    /// The series that a finding rests on.
    fn charts(&self, finding: &Finding, seen: &Snapshot, since: Timestamp, now: Timestamp) -> Vec<Chart> {
        let (_, window) = self.windows(since, now);
        let metrics = &seen.health.metrics;
        match (finding.gate, &finding.subject) {
            (GateName::Errors, subject) => {
                let Some((alone, pooled)) = self.error_tests(window) else { return Vec::new() };
                match subject {
                    Subject::Service(service) => {
                        error_charts(&alone, &Pool::of([(service, metrics.get(service))], &window))
                    }
                    Subject::Pool(service) => {
                        let changes = self.by_service().remove(service).unwrap_or_default();
                        let series = changes.iter().map(|change| (&change.service, metrics.get(&change.service)));
                        error_charts(&pooled, &Pool::of(series, &window))
                    }
                    Subject::Set(_) | Subject::Wave => Vec::new(),
                }
            }
            (gate, Subject::Service(service)) => {
                let ceiling = self.ceilings().into_iter().find(|ceiling| ceiling.gate == gate);
                let chart = ceiling.and_then(|ceiling| ceiling_chart(&ceiling, metrics.get(service)?, &window));
                chart.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}
