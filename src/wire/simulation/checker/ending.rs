//! How the world is when all is over: invariants 05, 21, 22, 41 and 46.

use super::Checker;
use super::plans::ChangeFacts;
use super::updates::left_behind;
use crate::adapters::sim::World;
use crate::domain::ids::{ContentHash, ServiceKey, Version};
use crate::domain::ledger::{RolloutRecord, ServiceResult, Standing};
use crate::domain::plan::Direction;

/// What is compared between a run with faults and one without: what is live, and what the records say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Ending {
    live: Vec<Option<ContentHash>>,
    state: Vec<(ServiceKey, Version, ContentHash, Option<Version>, ServiceResult)>,
    rollouts: Vec<(Version, bool, &'static str)>,
    given: Vec<(Version, Version)>,
}

impl Ending {
    /// What another end has that this one has not.
    pub(in super::super) fn difference(&self, other: &Self) -> String {
        let live = self.live.iter().zip(&other.live).filter(|(own, other)| own != other).count();
        let mut text = format!("{live} services run something else");
        if self.state != other.state {
            let changed = other.state.iter().filter(|of| !self.state.contains(of));
            text += &format!("; state {:?}", changed.map(|of| (&of.0, &of.1, &of.3, &of.4)).collect::<Vec<_>>());
        }
        if self.rollouts != other.rollouts {
            text += &format!("; rollouts {:?}", other.rollouts);
        }
        if self.given != other.given {
            text += &format!("; final versions {:?}", other.given);
        }
        text
    }
}

impl Checker {
    /// How the world is now.
    pub(in super::super) fn ending(&self, world: &World) -> Ending {
        let live = self.keys.iter().map(|key| world.primary(&self.fleet, key)).collect();
        let mut state = Vec::new();
        for (key, of) in world.state_of(&self.fleet).into_iter().flat_map(|state| &state.services) {
            state.push((
                key.clone(),
                of.release.clone(),
                of.runs.hash.clone(),
                of.runs.version.clone(),
                of.result.clone(),
            ));
        }
        let rollouts = world.records().iter().map(|record| {
            let forward = record.intent.direction == Direction::Deploy;
            (record.intent.version.clone(), forward, word(record))
        });
        let given = world.given().iter().map(|(version, release)| (version.clone(), release.clone()));
        Ending { live, state, rollouts: rollouts.collect(), given: given.collect() }
    }

    /// It is said to have succeeded: whoever was to be changed runs it, or is left behind by name.
    pub(in super::super) fn succeeded(&mut self, world: &World, exceptions: Option<bool>) {
        let done = |r: &&RolloutRecord| {
            r.intent.direction == Direction::Deploy && matches!(r.standing(), Standing::Succeeded(_))
        };
        let Some(record) = world.records().iter().rev().find(done) else {
            return self.wrong(21, "it succeeded, and no record says so");
        };
        let newest = world.records().last().is_some_and(|newest| newest.id == record.id);
        // What a newer rollout left is that one's concern: a second process may have begun it meanwhile.
        if !newest {
            return;
        }
        let Some(facts) = self.facts(world, &record.intent.plan) else { return };
        let mut left = 0;
        for change in facts.changes() {
            let key = self.keys[change.service].clone();
            let behind = left_behind(record, &key);
            left += usize::from(behind);
            let wanted = if behind { change.before } else { change.target };
            let there = self.primary(world, change.service) == wanted || self.beside[change.service].is_some();
            self.hold_true(there, 21, || format!("{key}: it succeeded, and this does not run it"));
            self.has_its_tasks(world, change, if behind { change.tasks.0 } else { change.tasks.1 });
        }
        self.hold_true(exceptions.is_none_or(|told| told == (left > 0)), 21, || {
            format!("{left} services left behind, told: {exceptions:?}")
        });
    }

    /// Whether a service of a first release wants the tasks that it should, and autoscaling keeps them.
    fn has_its_tasks(&mut self, world: &World, change: &ChangeFacts, wanted: Option<u32>) {
        let key = self.keys[change.service].clone();
        let (Some(wanted), None) = (wanted, self.beside[change.service]) else { return };
        let has = world.tasks_of(&self.fleet, &key);
        self.hold_true(has == Some((wanted, Some(wanted))), 10, || {
            format!("{key}: it has {has:?} and not {wanted} tasks")
        });
    }

    /// It is said to be rolled back: whoever was changed runs what ran before.
    pub(in super::super) fn rolled_back(&mut self, world: &World) {
        let Some(record) = world.records().last() else { return };
        let back = record.intent.direction != Direction::Deploy && matches!(record.standing(), Standing::Succeeded(_));
        if !back {
            return;
        }
        let Some(facts) = self.facts(world, &record.intent.plan) else { return };
        for change in facts.changes() {
            let key = self.keys[change.service].clone();
            let there = self.primary(world, change.service) == change.target || self.beside[change.service].is_some();
            self.hold_true(there, 16, || format!("{key}: it was rolled back, and this does not run what it ran"));
            self.has_its_tasks(world, change, change.tasks.1);
        }
    }

    /// Nobody is left half-way without a reason in the records.
    pub(in super::super) fn nobody_half_way(&mut self, world: &World) {
        let Some(newest) = world.records().last() else { return };
        // A hold says why nothing goes on, and by whom.
        let told =
            world.is_on_hold(&self.fleet) || matches!(newest.standing(), Standing::Halted(_) | Standing::Open(Some(_)));
        let Some(facts) = self.facts(world, &newest.intent.plan) else { return };
        for set in 0..self.sets.len() {
            let of_set = facts.changes().filter(|change| change.set == set && self.beside[change.service].is_none());
            let (mut before, mut target) = (0, 0);
            for change in of_set.cloned().collect::<Vec<_>>() {
                let primary = self.primary(world, change.service);
                before += u32::from(primary == change.before);
                target += u32::from(primary == change.target);
            }
            let id = self.sets[set].clone();
            self.hold_true(before == 0 || target == 0 || told, 22, || format!("{id}: left half-way without a reason"));
        }
    }
}

fn word(record: &RolloutRecord) -> &'static str {
    match record.standing() {
        Standing::Open(_) => "open",
        Standing::Succeeded(_) => "succeeded",
        Standing::Halted(_) => "halted",
    }
}
