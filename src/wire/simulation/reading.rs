//! The ports to look, with faults on the way. What a process was told is told to the checker, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::fault::{Class, Kind};
use super::process::Process;
use crate::domain::directive::{Decided, Scaling};
use crate::domain::fleet::Address;
use crate::domain::gate::{Alarm, AlarmState, Answer, Probe, Series, TargetHealth, WaveReport};
use crate::domain::ids::{
    CellName, CommitSha, ContentHash, DeploymentId, FleetName, ImageDigest, ServiceKey, ServiceName, SetId,
    TaskDefinitionArn, Version,
};
use crate::domain::lease::{LeaseSeen, Life, Owner};
use crate::domain::ledger::{FleetState, RolloutRecord};
use crate::domain::plan::Plan;
use crate::domain::published::{PublishedSeen, Wanted};
use crate::domain::release::Release;
use crate::domain::snapshot::{Availability, DeploymentSeen, FamilySeen, ServiceSeen, TaskSeen};
use crate::domain::template::{Revision, Template};
use crate::ports::{
    FleetReader, FoundImage, ImageQuery, ImageReader, LeaseReader, LedgerReader, ManifestReader, MetricsQuery,
    MetricsReader, PortResult, ProbeReader, ScalingReader, TargetReader, TaskReader, TaskRun, WayBackReader,
};

const OBSERVE: Class = Class::read("ecs.observe");
const HISTORY: Class = Class::read("ecs.history").exact();
const TASK_DEFINITION: Class = Class::read("ecs.definition").exact();
const STOPS: Class = Class::read("ecs.stops").exact();
const LAST_LINES: Class = Class::read("logs.lines").exact();
const MANIFESTS: Class = Class::read("s3.manifests").exact();
const TEMPLATE: Class = Class::read("s3.template").exact();
const PROBE: Class = Class::read("probe");
const TARGETS: Class = Class::read("elb.targets");
const SERIES: Class = Class::read("cw.series");
const ALARMS: Class = Class::read("cw.alarms");
const TASKS: Class = Class::read("ecs.tasks").exact();
const FAMILIES: Class = Class::read("ecs.families").exact();
const LINES: Class = Class::read("logs.lines").exact();
const SCALING: Class = Class::read("scaling.read").exact();
const WAY_BACK: Class = Class::read("ecs.way_back").exact();
const PRESENT: Class = Class::read("ecr.present").exact();
const ROLLOUTS: Class = Class::read("ledger.rollouts").at_github();
const PLAN: Class = Class::read("ledger.plan").at_github().exact();
const RELEASE: Class = Class::read("ledger.release").at_github().exact();
const FINALS: Class = Class::read("ledger.finals").at_github().exact();
const STATE: Class = Class::read("ledger.state").at_github();
const DECIDED: Class = Class::read("ledger.decided").at_github();
const LEASE: Class = Class::read("lease.read").at_github().exact();
const LIFE: Class = Class::read("lease.life").at_github().exact();

#[async_trait]
impl FleetReader for Process {
    async fn observe(&self, services: &[Address]) -> BTreeMap<ServiceKey, ServiceSeen> {
        let kind = self.arrive(OBSERVE).await;
        let mut seen = FleetReader::observe(&*self.sim, services).await;
        let unreachable = || ServiceSeen::Unreachable { why: "no answer".to_owned() };
        match kind {
            Some(Kind::Unavailable | Kind::Throttled) => seen.values_mut().for_each(|seen| *seen = unreachable()),
            Some(Kind::Refused) => {
                let half = seen.len().div_ceil(2);
                seen.values_mut().take(half).for_each(|seen| *seen = unreachable());
            }
            _ if self.remembers() => self.lag(kind, &mut seen),
            _ => {}
        }
        self.run().checker.lied |= kind == Some(Kind::Stale);
        self.run().checker.told(self.id, &seen);
        self.leave(kind).await;
        seen
    }

    async fn history(&self, deployments: &[(Address, DeploymentId)]) -> BTreeMap<ServiceKey, DeploymentSeen> {
        let kind = self.arrive(HISTORY).await;
        let mut seen = self.sim.history(deployments).await;
        match kind {
            Some(Kind::Unavailable | Kind::Throttled) => {
                let unreadable = || DeploymentSeen::Unreadable { why: "no answer".to_owned() };
                seen.values_mut().for_each(|seen| *seen = unreadable());
            }
            // Written down late.
            Some(Kind::Refused) => seen.values_mut().for_each(|seen| *seen = DeploymentSeen::NoHistory),
            _ => {}
        }
        self.leave(kind).await;
        seen
    }

    async fn task_definition(&self, cell: &CellName, arn: &TaskDefinitionArn) -> PortResult<Arc<Revision>> {
        self.ask(TASK_DEFINITION, arn.as_str(), || self.sim.task_definition(cell, arn)).await
    }

    async fn stops(&self, services: &[Address]) -> BTreeMap<ServiceKey, Vec<String>> {
        let kind = self.arrive(STOPS).await;
        let mut said = self.sim.stops(services).await;
        if matches!(kind, Some(Kind::Unavailable | Kind::Throttled | Kind::Refused)) {
            said.values_mut().for_each(|said| *said = vec!["no answer".to_owned()]);
        }
        self.leave(kind).await;
        said
    }

    async fn last_lines(&self, service: &Address) -> PortResult<Vec<String>> {
        self.ask(LAST_LINES, &service.ecs_service, || FleetReader::last_lines(&*self.sim, service)).await
    }
}

#[async_trait]
impl ScalingReader for Process {
    async fn scaling(&self, services: &[Address]) -> BTreeMap<ServiceKey, PortResult<Option<Scaling>>> {
        let kind = self.arrive(SCALING).await;
        let mut seen = self.sim.scaling(services).await;
        match kind {
            Some(Kind::Unavailable | Kind::Throttled) => {
                seen.values_mut().for_each(|seen| *seen = Err(super::process::unavailable(SCALING)));
            }
            Some(Kind::Refused) => {
                seen.values_mut().for_each(|seen| *seen = Err(super::process::refused(SCALING)));
            }
            _ => {}
        }
        self.leave(kind).await;
        seen
    }
}

#[async_trait]
impl ManifestReader for Process {
    async fn published(&self, sets: &[Wanted]) -> BTreeMap<SetId, PublishedSeen> {
        let kind = self.arrive(MANIFESTS).await;
        let mut seen = self.sim.published(sets).await;
        match kind {
            Some(Kind::Unavailable | Kind::Throttled) => {
                seen.values_mut().for_each(|seen| *seen = PublishedSeen::Unreachable { why: "no answer".to_owned() });
            }
            Some(Kind::Refused) => {
                seen.values_mut().for_each(|seen| *seen = PublishedSeen::Bad { why: "it is no JSON".to_owned() });
            }
            _ => {}
        }
        self.leave(kind).await;
        seen
    }

    async fn template(
        &self,
        set: &Wanted,
        service: &ServiceName,
        hash: &ContentHash,
    ) -> PortResult<Option<(Template, Timestamp)>> {
        let kind = self.arrive(TEMPLATE).await;
        match kind {
            Some(Kind::Unavailable | Kind::Throttled) => return Err(super::process::unavailable(TEMPLATE)),
            Some(Kind::Refused) => return Err(super::process::refused(TEMPLATE)),
            _ => {}
        }
        let mut found = self.sim.template(set, service, hash).await?;
        if let Some((template, _)) = found.as_mut().filter(|_| kind == Some(Kind::Tampered)) {
            let mut fields = template.fields().clone();
            fields["taskRoleArn"] = "arn:aws:iam::111111111111:role/somebody-elses".into();
            *template = Template::from_task_definition(&fields, service).unwrap();
        }
        self.leave(kind).await;
        Ok(found)
    }
}

impl Process {
    /// Puts what was answered before in the place of what is, or keeps what is for later.
    fn lag(&self, kind: Option<Kind>, seen: &mut BTreeMap<ServiceKey, ServiceSeen>) {
        for (service, seen) in seen {
            let key = service.to_string();
            let before = self.recall::<ServiceSeen>(OBSERVE.name, &key).filter(|_| kind == Some(Kind::Stale));
            match before {
                Some(before) => *seen = before,
                None => self.remember(OBSERVE.name, &key, seen),
            }
        }
    }
}

#[async_trait]
impl ProbeReader for Process {
    async fn probe(&self, probes: &[Probe]) -> BTreeMap<ServiceKey, Answer> {
        let kind = self.arrive(PROBE).await;
        let mut answers = self.sim.probe(probes).await;
        match kind {
            Some(Kind::Unavailable | Kind::Throttled) => {
                answers.values_mut().for_each(|answer| *answer = Answer::Nothing { why: "no answer".to_owned() });
            }
            Some(Kind::Refused) => {
                answers.values_mut().for_each(|answer| *answer = Answer::Http { status: 200, version: None });
            }
            Some(Kind::Stale) => answers = self.recall(PROBE.name, "").unwrap_or(answers),
            _ => self.remember(PROBE.name, "", &answers),
        }
        self.run().checker.lied |= kind == Some(Kind::Stale);
        self.run().checker.probed(self.id, &answers);
        self.leave(kind).await;
        answers
    }
}

#[async_trait]
impl TargetReader for Process {
    async fn targets(&self, services: &[Address]) -> BTreeMap<ServiceKey, TargetHealth> {
        let kind = self.arrive(TARGETS).await;
        let mut health = self.sim.targets(services).await;
        match kind {
            Some(Kind::Unavailable | Kind::Throttled) => {
                health.values_mut().for_each(|health| *health = TargetHealth::Unknown("no answer".to_owned()));
            }
            Some(Kind::Refused) => health.clear(),
            Some(Kind::Stale) => health = self.recall(TARGETS.name, "").unwrap_or(health),
            _ => self.remember(TARGETS.name, "", &health),
        }
        self.run().checker.lied |= kind == Some(Kind::Stale);
        self.run().checker.balanced(self.id, &health);
        self.leave(kind).await;
        health
    }
}

#[async_trait]
impl MetricsReader for Process {
    async fn series(&self, queries: &[MetricsQuery]) -> BTreeMap<ServiceKey, Series> {
        let kind = self.arrive(SERIES).await;
        let mut all = self.sim.series(queries).await;
        match kind {
            Some(Kind::Unavailable | Kind::Throttled) => {
                all.values_mut().for_each(|series| *series = Series::Unknown("no answer".to_owned()));
            }
            // Of some services nothing comes, and of the others what cannot be.
            Some(Kind::Refused) => {
                let half = all.len().div_euclid(2);
                all = all.into_iter().skip(half).collect();
                all.values_mut().for_each(malformed);
            }
            // As when points come late.
            Some(Kind::Stale) => all = self.recall(SERIES.name, "").unwrap_or(all),
            _ => self.remember(SERIES.name, "", &all),
        }
        self.run().checker.lied |= kind == Some(Kind::Stale);
        let asked = queries.iter().map(|query| &query.service.service);
        self.run().checker.measured(self.id, asked, &all);
        self.leave(kind).await;
        all
    }

    async fn alarms(&self, cell: &CellName, prefix: &str, only_ringing: bool) -> PortResult<Vec<Alarm>> {
        let kind = self.arrive(ALARMS).await;
        let mut found = self.sim.alarms(cell, prefix, only_ringing).await;
        match (kind, &mut found) {
            (Some(Kind::Unavailable | Kind::Throttled), _) => found = Err(super::process::unavailable(ALARMS)),
            (Some(Kind::Refused), Ok(alarms)) => {
                alarms.iter_mut().for_each(|alarm| alarm.state = AlarmState::Other("MUTED".to_owned()));
            }
            (Some(Kind::Stale), _) => {
                let known = self.recall(ALARMS.name, &format!("{only_ringing}"));
                found = known.map_or(found, Ok);
            }
            (_, Ok(alarms)) => self.remember(ALARMS.name, &format!("{only_ringing}"), &*alarms),
            (_, Err(_)) => {}
        }
        self.run().checker.lied |= kind == Some(Kind::Stale);
        self.run().checker.alarmed(self.id, found.as_deref().ok(), only_ringing);
        self.leave(kind).await;
        found
    }
}

/// More errors than requests.
fn malformed(series: &mut Series) {
    if let Series::Known(minutes) = series {
        minutes.iter_mut().for_each(|minute| minute.errors = minute.requests.map(|requests| requests + 1));
    }
}

#[async_trait]
impl TaskReader for Process {
    async fn families(&self, tasks: &[Address]) -> BTreeMap<ServiceKey, FamilySeen> {
        let kind = self.arrive(FAMILIES).await;
        let mut seen = self.sim.families(tasks).await;
        if matches!(kind, Some(Kind::Unavailable | Kind::Throttled | Kind::Refused)) {
            seen.values_mut().for_each(|seen| *seen = FamilySeen::Unreachable { why: "no answer".to_owned() });
        }
        self.leave(kind).await;
        seen
    }

    async fn tasks(&self, runs: &[TaskRun]) -> BTreeMap<ServiceKey, TaskSeen> {
        let kind = self.arrive(TASKS).await;
        let mut seen = self.sim.tasks(runs).await;
        if matches!(kind, Some(Kind::Unavailable | Kind::Throttled | Kind::Refused)) {
            seen.values_mut().for_each(|seen| *seen = TaskSeen::Unreachable { why: "no answer".to_owned() });
        }
        self.leave(kind).await;
        seen
    }

    async fn last_lines(&self, run: &TaskRun) -> PortResult<Vec<String>> {
        self.ask(LINES, &run.address.ecs_service, || TaskReader::last_lines(&*self.sim, run)).await
    }
}

#[async_trait]
impl WayBackReader for Process {
    async fn usable(&self, revisions: &[(Address, TaskDefinitionArn)]) -> BTreeMap<ServiceKey, Availability> {
        let kind = self.arrive(WAY_BACK).await;
        let mut usable = self.sim.usable(revisions).await;
        let unknown = || Availability::Unknown { why: "no answer".to_owned() };
        match kind {
            Some(Kind::Unavailable | Kind::Throttled) => usable.values_mut().for_each(|of| *of = unknown()),
            Some(Kind::Refused) => usable.clear(),
            _ => {}
        }
        self.leave(kind).await;
        usable
    }
}

#[async_trait]
impl ImageReader for Process {
    async fn find(&self, queries: &[ImageQuery]) -> PortResult<BTreeMap<ServiceName, FoundImage>> {
        self.sim.find(queries).await
    }

    async fn present(&self, repository: &str, digests: &[ImageDigest]) -> PortResult<Vec<ImageDigest>> {
        self.ask(PRESENT, repository, || self.sim.present(repository, digests)).await
    }
}

#[async_trait]
impl LedgerReader for Process {
    async fn rollouts(&self, fleet: &FleetName) -> PortResult<Vec<RolloutRecord>> {
        self.ask(ROLLOUTS, "", || self.sim.rollouts(fleet)).await
    }

    async fn plan(&self, hash: &ContentHash) -> PortResult<Plan> {
        let kind = self.arrive(PLAN).await;
        match kind {
            Some(Kind::Unavailable | Kind::Throttled) => return Err(super::process::unavailable(PLAN)),
            Some(Kind::Refused) => return Err(super::process::refused(PLAN)),
            _ => {}
        }
        let mut plan = LedgerReader::plan(&*self.sim, hash).await?;
        if kind == Some(Kind::Tampered) {
            plan.waves.reverse();
        }
        self.leave(kind).await;
        Ok(plan)
    }

    async fn release_of(&self, commit: &CommitSha) -> PortResult<Option<Release>> {
        self.ask(RELEASE, commit.as_str(), || self.sim.release_of(commit)).await
    }

    async fn release(&self, version: &Version) -> PortResult<Option<Release>> {
        self.ask(RELEASE, "", || self.sim.release(version)).await
    }

    async fn final_versions(&self) -> PortResult<Vec<Version>> {
        self.ask(FINALS, "", || self.sim.final_versions()).await
    }

    async fn fleet_state(&self, fleet: &FleetName) -> PortResult<FleetState> {
        self.ask(STATE, "", || self.sim.fleet_state(fleet)).await
    }

    async fn findings(&self, rollout: &RolloutRecord) -> PortResult<Vec<WaveReport>> {
        self.sim.findings(rollout).await
    }

    async fn decided(&self, fleet: &FleetName) -> PortResult<Vec<Decided>> {
        self.ask(DECIDED, "", || self.sim.decided(fleet)).await
    }
}

#[async_trait]
impl LeaseReader for Process {
    async fn lease(&self, fleet: &FleetName) -> PortResult<LeaseSeen> {
        let seen = self.ask(LEASE, "", || self.sim.lease(fleet)).await;
        if seen.is_ok() {
            let now = self.sim.world().now;
            self.run().checker.lease_read(self.id, now);
        }
        seen
    }

    async fn life(&self, owner: &Owner) -> Life {
        let kind = self.arrive(LIFE).await;
        if matches!(kind, Some(Kind::Unavailable | Kind::Refused | Kind::Throttled)) {
            return Life::Unknown { why: "no answer".to_owned() };
        }
        let life = self.sim.life(owner).await;
        self.leave(kind).await;
        life
    }
}
