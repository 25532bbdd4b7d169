//! What is recorded: invariants 01, 08, 09, 10, 15, 16, 18, 20, 25 and 42, when each record is made.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Checker;
use super::knowledge::Told;
use super::plans::{ChangeFacts, PlanFacts};
use super::updates::left_behind;
use crate::adapters::sim::{FaultKind, World};
use crate::domain::ledger::{Intent, RolloutId, RolloutRecord, Standing};
use crate::domain::plan::{Direction, Plan};
use crate::domain::reason::Kind;
use crate::domain::rollout::{Event, Phase};
use crate::ports::OpenRollout;

impl Checker {
    /// An intent is recorded.
    pub(in super::super) fn opening(&mut self, process: usize, world: &World, plan: &Plan, intent: &Intent) {
        self.counts.opened += 1;
        let holder = world.lease_of(&self.fleet).and_then(|lease| lease.holder.as_ref()).map(|c| c.owner.process);
        let ours = holder == u32::try_from(process).ok();
        self.hold_true(ours, 12, || format!("process {process} opens a rollout of what {holder:?} holds"));
        let open = world.records().iter().find(|r| matches!(r.standing(), Standing::Open(_)));
        let other = open.filter(|open| open.intent.plan != intent.plan);
        self.hold_true(other.is_none(), 12, || "a rollout is opened while another one is open".into());
        self.hold_true(plan.hash() == intent.plan, 24, || "the intent names another plan".into());
        let facts = self.take_in(world, &intent.plan, plan);
        self.everybody_once(&facts);
        if let Direction::RollbackOf(done) = &plan.direction {
            match self.facts(world, done) {
                Some(done) => self.back_to_what_ran(&facts, &done),
                None => self.wrong(16, "a rollback of a plan that nobody knows"),
            }
        }
    }

    /// Every tenant is in exactly one wave, or left out by name.
    fn everybody_once(&mut self, facts: &PlanFacts) {
        let mut all: Vec<usize> = Vec::new();
        for wave in &facts.waves {
            let sets: BTreeSet<usize> = wave.iter().map(|change| change.set).collect();
            all.extend(sets);
        }
        let number = all.len();
        all.sort_unstable();
        all.dedup();
        self.hold_true(all.len() == number, 20, || "a tenant is in two waves".into());
        let (unchanged, excluded) = (facts.plan.unchanged.len(), facts.plan.excluded.len());
        let everybody = number + unchanged + excluded == self.sets.len();
        self.hold_true(everybody || !facts.is_forward(), 46, || "not every tenant is accounted for".into());
    }

    /// A rollback goes back to what ran when the rollout was opened, newest wave first, and touches nobody else.
    fn back_to_what_ran(&mut self, back: &PlanFacts, done: &PlanFacts) {
        let mut last_wave = usize::MAX;
        for change in back.changes() {
            let key = self.keys[change.service].clone();
            let Some(of_done) = done.change(change.service) else {
                return self.wrong(16, format!("{key}: the rollout did not touch it"));
            };
            let same = change.target == of_done.before && change.before == of_done.target;
            let beside = self.beside[change.service].is_some();
            let ran = change.target == of_done.ran || beside || of_done.ran == of_done.target || !done.is_forward();
            self.hold_true(same && ran, 15, || format!("{key}: goes back to what did not run before"));
            self.hold_true(of_done.wave <= last_wave, 16, || format!("{key}: not the newest wave first"));
            last_wave = of_done.wave;
        }
    }

    /// A process wants something recorded, whether it arrives or not.
    pub(in super::super) fn about_to_append(&mut self, process: usize, proof: &OpenRollout, event: &Event) {
        if matches!(event, Event::Held { .. } | Event::Halted { .. } | Event::Succeeded) {
            self.processes[process].done_with.insert(proof.id());
        }
    }

    /// An event is recorded.
    pub(in super::super) fn appending(
        &mut self,
        process: usize,
        world: &World,
        proof: &OpenRollout,
        seq: u32,
        event: &Event,
    ) {
        let Some(record) = world.records().iter().find(|record| record.id == proof.id()) else {
            return self.wrong(7, "an event of a rollout whose intent is not recorded");
        };
        if record.entries.last().map_or(0, |entry| entry.seq) + 1 != seq {
            return;
        }
        self.counts.appended += 1;
        self.may_change(process, world, proof);
        let phase = record
            .entries
            .iter()
            .try_fold(Phase::Opened, |phase, entry| phase.after(&entry.event, record.intent.waves.len()));
        let follows = phase.is_some_and(|phase| phase.after(event, record.intent.waves.len()).is_some());
        self.hold_true(follows, 42, || format!("this event cannot follow: {event:?}"));
        let Some(facts) = self.facts(world, &record.intent.plan) else {
            return self.wrong(7, "an event of a plan that nobody knows");
        };
        match event {
            Event::WaveStarted { wave: 0 } | Event::TasksDone { .. } | Event::TestsDone { .. } | Event::Held { .. } => {
            }
            Event::WaveStarted { wave } => self.passed(process, world, record, &facts, wave - 1),
            Event::Succeeded => match facts.waves.len() {
                0 => {}
                waves => self.passed(process, world, record, &facts, waves - 1),
            },
            Event::Baking { wave, since } => self.bakes(process, *since, record, &facts, *wave),
            Event::Halted { reason, .. } if reason.kind() == Kind::RollbackFailed => self.lose(process, &facts, record),
            Event::Halted { .. } => {}
            Event::Quarantined { .. } => {
                let so_far =
                    record.entries.iter().filter(|entry| matches!(entry.event, Event::Quarantined { .. })).count();
                let budget = facts.plan.failure_budget;
                self.hold_true(so_far < budget, 46, || format!("more than {budget} tenants are left behind"));
            }
        }
    }

    /// What a failed rollback did not bring back.
    fn lose(&mut self, process: usize, facts: &PlanFacts, record: &RolloutRecord) {
        for change in facts.changes() {
            let back = !facts.is_forward() || left_behind(record, &self.keys[change.service]);
            let wanted = if facts.is_forward() { change.before } else { change.target };
            let told = self.processes[process].services[change.service];
            if back && told.is_some_and(|told| told.hash != wanted) {
                self.lost.insert(change.service);
            }
        }
    }

    /// The watch of a wave begins: everybody in it was seen on target.
    fn bakes(&mut self, process: usize, since: Timestamp, record: &RolloutRecord, facts: &PlanFacts, wave: usize) {
        for change in facts.waves.get(wave).into_iter().flatten() {
            let left = left_behind(record, &self.keys[change.service]);
            self.is_there(process, change, left, 0);
            self.processes[process].losses[change.service] = None;
        }
        let since = since - self.ahead[process];
        self.bakes.insert((record.id, wave), (since, self.call));
    }

    /// A wave is recorded as passed: everything it must show was shown since its watch began, for long enough.
    fn passed(&mut self, process: usize, world: &World, record: &RolloutRecord, facts: &PlanFacts, wave: usize) {
        let Some((since, call)) = self.bakes.get(&(record.id, wave)).copied() else {
            return self.wrong(1, format!("wave {wave} passed without a watch"));
        };
        let whole = self.long_enough(world, record.id, facts, wave, since);
        for change in facts.waves.get(wave).into_iter().flatten() {
            let left = left_behind(record, &self.keys[change.service]);
            self.is_there(process, change, left, call);
            if !left {
                self.is_well(process, change, facts, call, whole);
                // The way back is judged by ECS, targets and probes alone.
                if facts.is_forward() {
                    self.is_measured(process, change, facts, call);
                }
            }
        }
        self.is_tested(world, record, facts, wave);
    }

    /// Its metrics could be judged and its alarms were quiet, where its gate asks for that.
    fn is_measured(&mut self, process: usize, change: &ChangeFacts, facts: &PlanFacts, since: u32) {
        let (key, gate) = (self.keys[change.service].clone(), &facts.plan.gate);
        let after = |told: Option<(u32, bool)>| told.is_some_and(|(call, well)| call > since && well);
        let measured = after(self.processes[process].metrics[change.service]);
        self.hold_true(measured || gate.errors.is_none(), 9, || {
            format!("{key}: its metrics tell nothing, and it passed")
        });
        let quiet = after(self.processes[process].alarms[change.set]);
        self.hold_true(quiet || gate.alarms.is_none(), 9, || {
            format!("{key}: no alarm is known to be quiet, and it passed")
        });
    }

    /// Every smoke test of the wave has run once, and well.
    fn is_tested(&mut self, world: &World, record: &RolloutRecord, facts: &PlanFacts, wave: usize) {
        let changes = facts.plan.waves.get(wave).map_or(&[][..], |wave| &wave.changes);
        let tests = changes.iter().filter(|change| change.is_smoke_test()).map(|change| &change.service);
        for key in tests.filter(|key| !left_behind(record, key)) {
            let runs = world.runs_of(key, record.opened_at);
            self.hold_true(runs.len() <= 1, 6, || format!("{key}: started {} times", runs.len()));
            self.hold_true(runs.contains(&Some(0)), 9, || {
                format!("{key}: its test ended with {runs:?}, and it passed")
            });
        }
    }

    /// Whether it was watched for all of its time by the world's clock. By those of two processes it may seem so.
    fn long_enough(&mut self, world: &World, id: RolloutId, facts: &PlanFacts, wave: usize, since: Timestamp) -> bool {
        let (passed, bake) = (world.now.duration_since(since), facts.plan.waves[wave].bake);
        let what = || format!("wave {wave} of rollout {} was watched for {passed:#} of {bake:#}", id.0);
        self.hold_true(passed + self.clocks_differ >= bake, 25, what);
        passed >= bake
    }

    /// It was seen where it should be, since its last change.
    fn is_there(&mut self, process: usize, change: &ChangeFacts, left: bool, since: u32) {
        let key = self.keys[change.service].clone();
        let wanted = if left { change.before } else { change.target };
        let told = self.processes[process].services[change.service];
        let Some(Told { call, hash, settled, desired, failed_tasks }) = told else {
            return self.wrong(8, format!("{key}: recorded as live and never looked at"));
        };
        let changed = self.changed[change.service].unwrap_or(0);
        self.hold_true(call >= changed.max(since), 8, || format!("{key}: not looked at since"));
        self.hold_true(hash == wanted && settled, 8, || format!("{key}: recorded as live, and is not"));
        let rests = (if left { change.tasks.0 } else { change.tasks.1 }) == Some(0);
        self.hold_true((desired > 0) != rests, 10, || format!("{key}: {desired} tasks prove nothing"));
        let steady = failed_tasks <= self.stopped_tasks_max || since == 0 || left;
        self.hold_true(steady, 9, || format!("{key}: its tasks keep stopping"));
        let gone = self.processes[process].losses[change.service].map_or(0, |tasks| tasks.gone);
        let stays = gone <= self.stopped_tasks_max || since == 0 || left;
        self.hold_true(stays, 9, || format!("{key}: {gone} of its tasks went, and it passed"));
    }

    /// Its probes and targets were good, and its image is, if it had the time to show.
    fn is_well(&mut self, process: usize, change: &ChangeFacts, facts: &PlanFacts, since: u32, whole: bool) {
        let key = self.keys[change.service].clone();
        let knowledge = &self.processes[process];
        let probe = knowledge.probes[change.service].as_ref();
        let fits = |version: &Option<String>| change.version.is_none() || *version == change.version;
        let answered = probe.is_some_and(|probe| probe.call > since && probe.well && fits(&probe.version));
        let balanced = knowledge.targets[change.service].is_some_and(|(call, well)| call > since && well);
        self.hold_true(answered || !change.probed, 9, || format!("{key}: no good answer, and it passed"));
        let asked = facts.plan.gate.targets_healthy && change.tasks.1 != Some(0);
        self.hold_true(balanced || !asked, 9, || format!("{key}: its targets are not known to be healthy"));
        // Whether tasks that keep dying are seen to be gone is chance; how many were is counted.
        let borne = [FaultKind::NoCapacity, FaultKind::KeepsDying];
        let broken = change.flaw.is_some_and(|flaw| !borne.contains(&flaw));
        self.hold_true(!broken || self.lied || !whole, 9, || format!("{key}: it is broken, and it passed"));
    }
}
