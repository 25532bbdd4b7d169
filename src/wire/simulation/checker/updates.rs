//! Changes to services, and starts of tasks: invariants 01, 04, 06, 07, 10, 16, 17, 18, 19, 22, 24 and 37, when each takes effect.

use super::Checker;
use super::plans::{ChangeFacts, PlanFacts};
use crate::adapters::sim::World;
use crate::domain::ids::{ServiceKey, TaskDefinitionArn};
use crate::domain::ledger::{RolloutRecord, Standing};
use crate::domain::rollout::Event;
use crate::domain::template::{Rendered, digest_in};
use crate::ports::OpenRollout;

/// What an update does, in its plan's words.
struct Update {
    service: usize,
    from: u32,
    to: u32,
    /// Tasks that it asks for.
    tasks: Option<u32>,
    /// Whether it brings a tenant back that is left behind.
    leaves_behind: bool,
}

impl Checker {
    /// A task definition is registered.
    pub(in super::super) fn registering(
        &mut self,
        world: &World,
        proof: &OpenRollout,
        key: &ServiceKey,
        rendered: &Rendered,
    ) {
        self.counts.registered += 1;
        let named = digest_in(&rendered.request, &key.service).is_some();
        self.hold_true(named, 4, || format!("{key}: an image without a digest is registered"));
        let known = world.records().iter().any(|record| record.id == proof.id());
        self.hold_true(known, 7, || format!("{key}: registered without an intent"));
    }

    /// A deployment is stopped.
    pub(in super::super) fn stopping(&mut self, process: usize, world: &World, proof: &OpenRollout, key: &ServiceKey) {
        self.may_change(process, world, proof);
        self.lease_is_fresh(process, world.now);
        let Some(service) = self.services.get(key).copied() else { return };
        self.changed[service] = Some(self.call);
    }

    /// A smoke test is started: in the wave that is under watch, and by whoever may.
    pub(in super::super) fn starting(&mut self, process: usize, world: &World, proof: &OpenRollout, key: &ServiceKey) {
        self.may_change(process, world, proof);
        self.lease_is_fresh(process, world.now);
        let Some(record) = world.records().iter().find(|record| record.id == proof.id()) else {
            return self.wrong(7, format!("{key}: started without an intent"));
        };
        let Some(facts) = self.facts(world, &record.intent.plan) else {
            return self.wrong(7, format!("{key}: started without a plan"));
        };
        let wave = facts.plan.waves.iter().position(|wave| wave.changes.iter().any(|change| change.service == *key));
        let last = record.entries.iter().rev().find_map(|entry| match entry.event {
            Event::Baking { wave, .. } => Some((wave, true)),
            Event::WaveStarted { wave } => Some((wave, false)),
            _ => None,
        });
        self.hold_true(last == wave.map(|wave| (wave, true)), 1, || format!("{key}: started in {last:?}"));
        let open = matches!(record.standing(), Standing::Open(_)) && facts.is_forward();
        self.hold_true(open, 18, || format!("{key}: started after the rollout has ended, or in a rollback"));
        self.hold_true(!left_behind(record, key), 18, || format!("{key}: a tenant that is left behind is tested"));
    }

    /// A service is updated.
    pub(in super::super) fn updating(
        &mut self,
        process: usize,
        world: &World,
        proof: &OpenRollout,
        key: &ServiceKey,
        (target, tasks): (&TaskDefinitionArn, Option<u32>),
    ) {
        self.counts.updates += 1;
        let service = self.services[key];
        let to = world.hash_of(target, &key.service).map_or(0, |hash| self.number(&hash));
        let Some(record) = world.records().iter().find(|record| record.id == proof.id()) else {
            return self.wrong(7, format!("{key}: updated without an intent"));
        };
        let Some(facts) = self.facts(world, &record.intent.plan) else {
            return self.wrong(7, format!("{key}: updated without a plan"));
        };
        let Some(change) = facts.change(service).cloned() else {
            return self.wrong(7, format!("{key}: the recorded plan does not name it"));
        };
        self.may_change(process, world, proof);
        self.lease_is_fresh(process, world.now);
        let leaves_behind = left_behind(record, key);
        let (from, wanted) =
            if leaves_behind { (change.target, change.before) } else { (change.before, change.target) };
        let planned = if leaves_behind { change.tasks.0 } else { change.tasks.1 };
        self.hold_true(wanted == to && tasks == planned, 24, || format!("{key}: this is not what was planned"));
        let update = Update { service, from, to, tasks, leaves_behind };
        let back = leaves_behind || !facts.is_forward();
        self.in_its_time(process, record, &change, back);
        self.in_its_order(process, &facts, &change, leaves_behind);
        if facts.is_forward() && !leaves_behind {
            self.nobody_is_against(change.set, world.now);
            let exposed = self.exposed.entry((record.id, change.wave)).or_default();
            exposed.insert(change.set);
            let (number, cap) = (exposed.len(), self.cap);
            self.hold_true(number <= cap, 19, || format!("{number} tenants at once on an unproven release"));
        }
        self.on_what_it_was_told(process, &update);
        self.takes_effect(world, record, &update, process);
        self.changed[service] = Some(self.call);
    }

    /// The least tasks of a service are set: some only when it runs some, or the placeholder would be started.
    pub(in super::super) fn scaling(&mut self, process: usize, world: &World, key: &ServiceKey, least: u32) {
        self.lease_is_fresh(process, world.now);
        let Some(service) = self.services.get(key).copied() else { return };
        let told = self.processes[process].services[service].is_some_and(|told| told.desired > 0);
        self.hold_true(least == 0 || told, 10, || format!("{key}: kept at {least} tasks before it has any"));
    }

    /// In the wave that is recorded as begun, in a rollout that has not ended and that the process has not left.
    fn in_its_time(&mut self, process: usize, record: &RolloutRecord, change: &ChangeFacts, back: bool) {
        let key = self.keys[change.service].clone();
        let begun = record.entries.iter().filter_map(|entry| match entry.event {
            Event::WaveStarted { wave } => Some(wave),
            _ => None,
        });
        let begun = begun.max();
        let what = if back { "brought back" } else { "updated" };
        self.hold_true(begun == Some(change.wave), 1, || format!("{key}: {what} in wave {begun:?}"));
        let open = matches!(record.standing(), Standing::Open(_));
        self.hold_true(open, 18, || format!("{key}: {what} after the rollout has ended"));
        let left = self.processes[process].done_with.contains(&record.id);
        self.hold_true(!left, 18, || format!("{key}: {what} after the process has held or ended the rollout"));
        let lost = back && self.lost.contains(&change.service) && !self.person_rolls_back;
        self.hold_true(!lost, 17, || format!("{key}: {what} after its rollback failed"));
    }

    /// After the services of its set that must be on their target before it.
    fn in_its_order(&mut self, process: usize, facts: &PlanFacts, change: &ChangeFacts, leaves_behind: bool) {
        let of_set = facts.waves[change.wave].iter().filter(|other| other.set == change.set);
        let before: Vec<(usize, u32)> = match leaves_behind {
            true => of_set.filter(|o| o.after.contains(&change.service)).map(|o| (o.service, o.before)).collect(),
            false => of_set.filter(|o| change.after.contains(&o.service)).map(|o| (o.service, o.target)).collect(),
        };
        for (service, hash) in before {
            let told = self.processes[process].services[service];
            let there = told.is_some_and(|told| told.hash == hash && told.settled);
            let (key, other) = (self.keys[change.service].clone(), self.keys[service].clone());
            self.hold_true(there, 22, || format!("{key} before {other}"));
        }
    }

    /// On what the process was told since the last change of the service: that it is as planned, with tasks.
    fn on_what_it_was_told(&mut self, process: usize, update: &Update) {
        let key = self.keys[update.service].clone();
        let Some(told) = self.processes[process].services[update.service] else {
            return self.wrong(6, format!("{key}: updated without looking"));
        };
        let since = self.changed[update.service].is_none_or(|changed| told.call > changed);
        self.hold_true(since, 6, || format!("{key}: updated again without looking"));
        // ECS may have gone back by itself to where a service was born, and only its tasks are left to go.
        let rests = update.tasks == Some(0) && told.hash == update.to;
        self.hold_true(told.hash == update.from || rests, 37, || {
            format!("{key}: updated from something that was not planned")
        });
        let counted = told.desired > 0 || update.tasks.is_some();
        self.hold_true(counted, 10, || format!("{key}: updated with zero tasks"));
    }

    /// Whether it begins a deployment, and may.
    fn takes_effect(&mut self, world: &World, record: &RolloutRecord, update: &Update, process: usize) {
        let primary = self.primary(world, update.service);
        if primary == update.to {
            return;
        }
        self.counts.effective += 1;
        let key = self.keys[update.service].clone();
        let told = self.processes[process].services[update.service].map_or(0, |told| told.call);
        let just_changed = self.beside[update.service].is_some_and(|beside| beside >= told);
        let overwritten = primary != update.from && !just_changed && !self.lied;
        self.hold_true(!overwritten, 37, || format!("{key}: somebody's change is overwritten"));
        let place = (record.id, update.service, update.to);
        if let Some(earlier) = self.updates.insert(place, self.call) {
            let differed = self.runs[update.service].iter().any(|(hash, call)| *hash != update.to && *call > earlier);
            let what = if update.leaves_behind { "brought back" } else { "deployed" };
            self.hold_true(differed, 6, || format!("{key}: {what} twice"));
        }
    }
}

/// Whether the tenant of a service is left on what it ran before.
pub(super) fn left_behind(record: &RolloutRecord, key: &ServiceKey) -> bool {
    record.entries.iter().any(|entry| matches!(&entry.event, Event::Quarantined { set, .. } if *set == key.set))
}
