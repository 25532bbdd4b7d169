//! The one loop that moves a fleet: observe, decide, act, record.
//!
//! It keeps nothing that cannot be found again in the records and in the world, so it may be killed after any
//! step. What it learns while it runs (probes so far, task definitions registered ahead) only saves calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::bring::{Sent, bring, least_tasks, task_definition};
use super::lease::Lease;
use super::metrics::Watch;
use super::preflight;
use super::progress::Progress;
use super::result::wave_result;
use super::routers::look;
use super::why;
use super::{App, Stop};
use crate::domain::causes::Cause;
use crate::domain::fleet::{Address, Fleet};
use crate::domain::gate::{Finding, ProbeRecord, WaveReport};
use crate::domain::ids::{DeploymentId, ServiceKey, TaskDefinitionArn};
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::plan::{Change, Direction};
use crate::domain::reason::Reason;
use crate::domain::rollout::{Decision, Event, Phase, Rollout, Standing};
use crate::domain::routers::Following;
use crate::domain::snapshot::{Ahead, ServiceSeen, Snapshot, TaskAhead};
use crate::ports::{Fault, OpenRollout, PortResult, TaskRun};

/// How driving a rollout ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every wave passed its gate.
    Succeeded,
    /// It was stopped for good, in this wave.
    Halted {
        /// Index of the wave.
        wave: usize,
        /// Why.
        reason: Reason,
    },
    /// It does not go on by itself; `continue` takes it up.
    Held(Reason),
}

/// A rollout that was driven, as far as this process did it.
pub struct Driven {
    /// How that ended.
    pub end: End,
    /// The rollout as it is now.
    pub rollout: Rollout,
    /// What the gates found, each time that something was decided about a wave.
    pub reports: Vec<WaveReport>,
}

/// Times in a row that one service's update may fail before the rollout is held. The adapters retry on their own.
const TROUBLE_MAX: u32 = 3;

/// Turns of the loop. At one look every five seconds this is more than five days.
const TURNS_MAX: u32 = 100_000;

/// A rollout in this process's hands.
pub struct Driver<'a> {
    app: &'a App,
    fleet: &'a Fleet,
    lease: &'a mut Lease,
    rollout: Rollout,
    proof: OpenRollout,
    seq: u32,
    seen: Snapshot,
    /// What the gates find in `seen`: judged once a turn.
    findings: Vec<Finding>,
    reports: Vec<WaveReport>,
    probes: BTreeMap<ServiceKey, ProbeRecord>,
    watch: Watch,
    registered: BTreeMap<ServiceKey, TaskDefinitionArn>,
    registering: JoinSet<(ServiceKey, PortResult<TaskDefinitionArn>)>,
    trouble: BTreeMap<ServiceKey, u32>,
    up: BTreeSet<ServiceKey>,
}

impl<'a> Driver<'a> {
    /// Takes a rollout in hand. The proof says that its intent is recorded, the lease that nobody else moves it.
    pub fn new(app: &'a App, fleet: &'a Fleet, lease: &'a mut Lease, rollout: Rollout, proof: OpenRollout) -> Self {
        let seq = proof.record().entries.last().map_or(0, |entry| entry.seq);
        Self {
            app,
            fleet,
            lease,
            rollout,
            proof,
            seq,
            seen: Snapshot::default(),
            findings: Vec::new(),
            reports: Vec::new(),
            probes: BTreeMap::new(),
            watch: Watch::default(),
            registered: BTreeMap::new(),
            registering: JoinSet::new(),
            trouble: BTreeMap::new(),
            up: BTreeSet::new(),
        }
    }

    /// Drives it until it ends or is held.
    ///
    /// # Errors
    /// The records did not answer, or what they hold does not fit. The rollout stays open.
    pub async fn run(mut self) -> Result<Driven, Stop> {
        let stop = Arc::clone(&self.app.readers.stop);
        for _ in 0..TURNS_MAX {
            // Nothing is recorded after the end: whoever asks to stop now is too late, and all is well.
            match self.rollout.phase() {
                _ if breaks(Mutant::HeldAfterEnd) => {}
                Phase::Succeeded => return Ok(self.ended(End::Succeeded)),
                Phase::Halted { wave, reason } => {
                    let end = End::Halted { wave: *wave, reason: reason.clone() };
                    return Ok(self.ended(end));
                }
                Phase::Opened | Phase::Deploying { .. } | Phase::Baking { .. } => {}
            }
            if self.app.hand_over_at.is_some_and(|at| self.now() >= at) {
                return self.hold(Reason::HandedOver).await;
            }
            // What was seen is at least as new as this. A look may take minutes, and what began before the end of a
            // bake says nothing about its end.
            let since = self.now();
            // What is dropped half-way is sent again or found done by whoever goes on: its intent is recorded.
            tokio::select! {
                biased;
                () = stop.wait() => return self.hold(Reason::Interrupted).await,
                () = self.observe(since) => {}
            }
            // Looked at in every turn, so that a hold also ends a long watch within a minute.
            if let Some(reason) = self.must_stop(&[]).await {
                return self.end(reason).await;
            }
            match self.rollout.decide_on(&self.seen, &self.findings, &self.fleet.calendar, since) {
                Decision::Deploy(services) => {
                    if let Some(reason) = self.must_stop(&services).await {
                        return self.end(reason).await;
                    }
                    let held = tokio::select! {
                        biased;
                        () = stop.wait() => return self.hold(Reason::Interrupted).await,
                        held = self.deploy(&services) => held?,
                    };
                    if let Some(reason) = held {
                        if breaks(Mutant::GoesOnAfterHold) {
                            self.record(Event::Held { wave: 0, reason }).await?;
                            continue;
                        }
                        return self.hold(reason).await;
                    }
                }
                Decision::Record(event) => self.record(event).await?,
                Decision::Wait { until } => tokio::select! {
                    biased;
                    () = stop.wait() => return self.hold(Reason::Interrupted).await,
                    () = self.app.readers.clock.sleep(until.duration_since(since)) => {}
                },
                Decision::Done(None) => return Ok(self.ended(End::Succeeded)),
                Decision::Done(Some(reason)) => return self.hold(reason).await,
            }
        }
        Err(Stop::Bug(format!("the rollout did not end in {TURNS_MAX} turns")))
    }

    /// Why this process may not go on, or not with these services: the lease, or what people have decided since the
    /// rollout was opened.
    async fn must_stop(&mut self, services: &[ServiceKey]) -> Option<Reason> {
        if let Err(lost) = self.lease.confirm(self.app).await {
            return Some(lost);
        }
        let ended = matches!(self.rollout.phase(), Phase::Halted { .. } | Phase::Succeeded);
        if self.rollout.plan().is_rollback() || ended {
            return None;
        }
        let (directives, release) = (self.lease.directives(), &self.rollout.plan().release.version);
        // A deployment leaves out whoever was pinned or paused when it was planned, so whatever forbids it came later,
        // be it before the intent was recorded. Sets that are woken are paused until they run.
        let planned_at = match self.rollout.plan().direction {
            Direction::Wake => self.proof.record().opened_at,
            _ => Timestamp::MIN,
        };
        let forbidden = |service| directives.forbids(service, release, planned_at);
        directives.holds(&self.fleet.name, release).or_else(|| services.iter().find_map(forbidden))
    }

    /// Ends this process's part. Without the lease nothing is recorded either: somebody else may be doing so.
    async fn end(self, reason: Reason) -> Result<Driven, Stop> {
        match reason {
            Reason::LeaseLost { .. } => Ok(self.ended(End::Held(reason))),
            reason => self.hold(reason).await,
        }
    }

    fn ended(self, end: End) -> Driven {
        Driven { end, rollout: self.rollout, reports: self.reports }
    }

    /// Everything the next decision needs, and nothing more: targets are read at decision points only.
    async fn observe(&mut self, since: Timestamp) {
        self.take_registered();
        let changes = Arc::clone(self.rollout.watched());
        let serving = changes.iter().filter(|change| !change.is_task());
        let addresses: Vec<Address> = serving.filter_map(|change| self.address(change)).collect();
        let runs: Vec<TaskRun> = self.rollout.tasks_to_look_at().filter_map(|change| self.task_run(change)).collect();
        let mut seen = Snapshot::default();
        if !addresses.is_empty() {
            seen.services = self.app.readers.fleet.observe(&addresses).await;
        }
        let due = self.rollout.needs_history(&seen.services).into_iter();
        let due: Vec<(Address, DeploymentId)> =
            due.filter_map(|(service, id)| Some((self.app.application.address(self.fleet, &service)?, id))).collect();
        if !due.is_empty() {
            seen.history = self.app.readers.fleet.history(&due).await;
        }
        if !runs.is_empty() {
            seen.tasks = self.app.readers.tasks.tasks(&runs).await;
        }
        self.rollout.note_seen(&seen);
        if self.rollout.needs_probes() {
            self.probe(&changes).await;
            seen.health.probes = self.probes.clone();
        }
        let at = (&*self.app.application, self.fleet);
        self.watch.look(&self.app.readers, at, &self.rollout, &mut seen.health).await;
        if self.rollout.needs_routers(since) {
            let seen_now = look(&self.app.readers, &self.app.application, self.fleet, None).await;
            seen.health.routers =
                Some(seen_now.map_or_else(|stop| Following::Unknown(stop.to_string()), |seen| seen.following));
        }
        // What is read at the end of a watch is not read again and again while it waits for data.
        let mut findings = self.rollout.findings(&seen, since);
        let waits = self.rollout.waits_for_data(&findings, since);
        if self.rollout.needs_targets(since) && !waits {
            seen.health.targets = self.app.readers.targets.targets(&addresses).await;
        }
        if !waits {
            self.watch.ask(&self.app.readers, &self.rollout, &mut seen).await;
            self.rollout.judge_command_again(&mut findings, &seen);
        }
        if let Some(wave) = self.rollout.needs_preflight(since).filter(|_| !waits) {
            seen.alarms_ahead = seen.health.alarms.clone();
            (seen.ahead, seen.tasks_ahead) = self.look_ahead(wave).await;
        }
        (self.seen, self.findings) = (seen, findings);
        self.note_up(since);
    }

    /// What the next wave needs before its first change.
    async fn look_ahead(&self, wave: usize) -> (BTreeMap<ServiceKey, Ahead>, BTreeMap<ServiceKey, TaskAhead>) {
        let changes = self.rollout.plan().waves.get(wave).map_or(&[][..], |wave| &wave.changes);
        let (readers, application) = (&self.app.readers, &self.app.application);
        let services = preflight::look(readers, application, self.fleet, changes).await;
        (services, preflight::look_at_tasks(readers, application, self.fleet, changes).await)
    }

    async fn probe(&mut self, changes: &[Change]) {
        let Some(policy) = self.rollout.plan().gate.probe.clone() else { return };
        let probes: Vec<_> = changes.iter().filter_map(|change| change.probe.clone()).collect();
        let answers = self.app.readers.probes.probe(&probes).await;
        let now = self.now();
        for change in changes.iter().filter(|change| change.probe.is_some()) {
            let result = match answers.get(&change.service) {
                Some(answer) => policy.accepts(answer, change.target.version.as_ref()),
                None => Err("it was not asked".to_owned()),
            };
            let record = self.probes.remove(&change.service).unwrap_or_default();
            self.probes.insert(change.service.clone(), record.with(result, now));
        }
    }

    /// Sends the updates side by side. Gives the reason to hold if one keeps failing.
    async fn deploy(&mut self, services: &[ServiceKey]) -> Result<Option<Reason>, Stop> {
        let changes: Vec<Change> =
            self.rollout.watched().iter().filter(|change| services.contains(&change.service)).cloned().collect();
        // The same few registrations a second serve both: waiting for those under way is no slower than asking again.
        // Smoke tests are started during a watch, which must not stand still for the next wave's.
        while !changes.iter().all(Change::is_smoke_test)
            && let Some(done) = self.registering.join_next().await
        {
            if let Ok((service, Ok(arn))) = done {
                self.registered.insert(service, arn);
            }
        }
        let mut updates = JoinSet::new();
        for change in changes {
            let Some(address) = self.address(&change) else {
                let why = "fleet.yaml no longer has it".to_owned();
                return Ok(Some(Reason::NotReady { service: change.service, why }));
            };
            let goes_forward = !self.rollout.quarantined().contains_key(&change.service.set);
            let known = self.registered.get(&change.service).filter(|_| goes_forward).cloned();
            let task = if change.is_task() { Some(self.to_start(&change)?) } else { None };
            let (app, proof) = (self.app.clone(), self.proof.clone());
            updates.spawn(bring(app, proof, address, change, known, task));
        }
        let mut hold = None;
        while let Some(update) = updates.join_next().await {
            let (change, result) = update.map_err(|panic| Stop::Bug(panic.to_string()))?;
            hold = hold.or(self.take_in(&change, result));
        }
        Ok(hold)
    }

    /// Notes how an update went.
    fn take_in(&mut self, change: &Change, result: PortResult<Sent>) -> Option<Reason> {
        let (service, now) = (change.service.clone(), self.now());
        match result {
            Ok(Sent::Task(task)) => {
                self.trouble.remove(&service);
                self.rollout.note_started(&service, task, now);
                let version = change.target.version.clone();
                self.note(now, Progress::TaskStarted { service, version });
                None
            }
            Ok(Sent::Update(deployment)) => {
                self.trouble.remove(&service);
                self.rollout.note_sent(&service, deployment, now);
                let (from, to) = (change.before.version.clone(), change.target.version.clone());
                self.note(now, Progress::Updated { service, from, to, first_tasks: change.first_tasks() });
                None
            }
            Err(error) => {
                let times = self.trouble.entry(service.clone()).or_default();
                *times += 1;
                let over = *times >= TROUBLE_MAX || error.fault == Fault::Refused;
                let why = error.to_string();
                self.note(now, Progress::Trouble { service: service.clone(), why: why.clone() });
                if over && change.is_smoke_test() {
                    // For its gate to judge: it may have no vote.
                    self.rollout.note_not_started(&service, why);
                    return None;
                }
                over.then_some(Reason::NotReady { service, why })
            }
        }
    }

    /// Writes an event down, with what was seen of its wave, and goes on from there.
    async fn record(&mut self, event: Event) -> Result<(), Stop> {
        self.keep_first_tasks(&event).await?;
        let now = self.now();
        let report = self.rollout.report(&event, &self.findings, &self.seen, now);
        let result = wave_result(&self.rollout, &self.seen, &event, report.clone(), now);
        self.seq += 1;
        let recorded = self.app.writers.ledger.append(&self.proof, self.seq, &event, result.as_ref()).await;
        if breaks(Mutant::AppendedAgain) && recorded.is_err() {
            self.seq += 1;
            self.app.writers.ledger.append(&self.proof, self.seq, &event, result.as_ref()).await?;
        } else {
            recorded?;
        }
        self.note_report(report, now);
        self.explain(&event).await;
        self.stop_late(&event).await;
        self.rollout.apply(&event, now)?;
        self.note_phase(&event, now);
        match event {
            Event::WaveStarted { wave } => {
                self.register_ahead(wave, Change::is_smoke_test);
                self.findings.clear();
                self.probes.clear();
                self.watch.forget();
                self.up.clear();
            }
            Event::Baking { wave, .. } => self.register_ahead(wave + 1, |_| true),
            Event::TasksDone { .. }
            | Event::TestsDone { .. }
            | Event::Quarantined { .. }
            | Event::Held { .. }
            | Event::Halted { .. }
            | Event::Succeeded => {}
        }
        Ok(())
    }

    /// First tasks that are up are kept up: before it is recorded that they are, so that whoever takes this up does it.
    async fn keep_first_tasks(&self, event: &Event) -> Result<(), Stop> {
        let Event::Baking { .. } = event else { return Ok(()) };
        for change in self.rollout.watched().iter().filter(|_| !breaks(Mutant::FirstTasksNotKept)) {
            if let (Some(tasks), Some(address)) = (change.first_tasks(), self.address(change)) {
                least_tasks(self.app, &address, tasks).await?;
            }
        }
        Ok(())
    }

    async fn hold(mut self, reason: Reason) -> Result<Driven, Stop> {
        let wave = self.rollout.wave().map_or(0, |(index, _)| index);
        self.record(Event::Held { wave, reason: reason.clone() }).await?;
        Ok(self.ended(End::Held(reason)))
    }

    /// Registers the next wave's task definitions while this one bakes, and the first wave's smoke tests while it is
    /// brought up: the API gives one a second, and that must not be on the critical path. What fails here is done
    /// again when its turn comes.
    fn register_ahead(&mut self, wave: usize, which: fn(&Change) -> bool) {
        self.take_registered();
        let Some(next) = self.rollout.plan().waves.get(wave) else { return };
        let missing = |change: &&Change| which(change) && !self.registered.contains_key(&change.service);
        let missing: Vec<Change> = next.changes.iter().filter(missing).cloned().collect();
        for change in missing {
            let Some(address) = self.address(&change) else { continue };
            let (app, proof) = (self.app.clone(), self.proof.clone());
            self.registering.spawn(async move {
                let registered = task_definition(&app, &proof, &address, &change).await;
                (change.service, registered)
            });
        }
    }

    /// Takes in what was registered meanwhile, without waiting.
    fn take_registered(&mut self) {
        while let Some(done) = self.registering.try_join_next() {
            if let Ok((service, Ok(arn))) = done {
                self.registered.insert(service, arn);
            }
        }
    }

    /// Says why, when a rollout stops or leaves a tenant behind.
    async fn explain(&self, event: &Event) {
        let now = self.now();
        let (reason, only) = match event {
            Event::Halted { reason, .. } => (reason, None),
            Event::Quarantined { set, reason, .. } => (reason, Some(set)),
            _ => return,
        };
        let failed = why::failed(&self.rollout, &self.seen, reason, only, now);
        let address = |service: &ServiceKey| self.app.application.address(self.fleet, service);
        let causes = why::causes_of(self.app.readers.fleet.as_ref(), failed, address).await;
        // What the event itself says is not said again.
        let new = |cause: &Cause| cause.services.len() > 1 || cause.lines != [reason.to_string()];
        causes.into_iter().filter(new).for_each(|cause| self.note(self.now(), Progress::Explained(cause)));
        let task =
            self.rollout.watched().iter().find(|change| change.is_task() && reason.service() == Some(&change.service));
        let Some((service, run)) = task.and_then(|task| Some((task.service.clone(), self.task_run(task)?))) else {
            return;
        };
        if let Ok(lines) = self.app.readers.tasks.last_lines(&run).await
            && !lines.is_empty()
        {
            self.note(self.now(), Progress::Explained(Cause::of_one(service, lines)));
        }
    }

    /// A deployment that has passed our own deadline would try for ever where ECS has no circuit breaker. It is
    /// stopped whatever the fleet's policy says about the wave.
    async fn stop_late(&self, event: &Event) {
        let (Event::Halted { reason, .. } | Event::Quarantined { reason, .. }) = event else { return };
        let Reason::DeadlinePassed { service, .. } = reason else { return };
        let address = self.app.application.address(self.fleet, service);
        let (Some(address), Some(ServiceSeen::Live(live))) = (address, self.seen.services.get(service)) else { return };
        if let Err(error) = self.app.writers.fleet.stop(&self.proof, &address, &live.deployment).await {
            let (service, why) = (service.clone(), error.to_string());
            self.note(self.now(), Progress::Trouble { service, why });
        }
    }

    fn address(&self, change: &Change) -> Option<Address> {
        self.app.application.address(self.fleet, &change.service)
    }

    /// The task of a change, as this rollout runs it.
    fn task_run(&self, change: &Change) -> Option<TaskRun> {
        let (token, task) = (self.proof.token(&change.service), self.rollout.started(&change.service).cloned());
        Some(TaskRun { address: self.address(change)?, token, task })
    }

    /// The task of a change, and the service in whose network it runs.
    fn to_start(&self, change: &Change) -> Result<(TaskRun, Address), Stop> {
        let beside = self.app.application.beside(self.fleet, &change.service.set);
        let task = self.task_run(change).zip(beside);
        task.ok_or_else(|| Stop::Bug(format!("{} has no place to run", change.service)))
    }

    fn now(&self) -> Timestamp {
        self.app.readers.clock.now()
    }

    fn note(&self, now: Timestamp, progress: Progress) {
        self.app.readers.observer.note(now, &progress);
    }

    fn note_report(&mut self, report: Option<WaveReport>, now: Timestamp) {
        let Some(report) = report else { return };
        for gate in &report.gates {
            self.note(now, Progress::Judged { wave: report.name.clone(), gate: Box::new(gate.clone()) });
        }
        self.reports.push(report);
    }

    fn note_up(&mut self, now: Timestamp) {
        let watches = matches!(self.rollout.phase(), Phase::Baking { .. });
        for change in Arc::clone(self.rollout.watched()).iter().filter(|change| change.is_smoke_test() == watches) {
            let on_target = self.rollout.standing(change, &self.seen, now) == Standing::OnTarget;
            if on_target && self.up.insert(change.service.clone()) {
                let task = change.is_task();
                let service = change.service.clone();
                self.note(now, if task { Progress::TaskDone { service } } else { Progress::Up { service } });
            }
        }
    }

    fn note_phase(&self, event: &Event, now: Timestamp) {
        let plan = self.rollout.plan();
        let wave = self.rollout.wave().map(|(_, wave)| wave);
        let until = match event {
            Event::Baking { wave, since } => Some(self.rollout.watch_ends(*wave, *since)),
            _ => None,
        };
        let wave = wave.map(|wave| wave.name.clone()).unwrap_or_default();
        let (fleet, event, waves) = (plan.fleet.clone(), event.clone(), plan.waves.len());
        self.note(now, Progress::Phase { fleet, event, wave, waves, until });
    }
}
