//! Plans in the checker's numbers.

use std::collections::HashMap;
use std::sync::Arc;

use super::Checker;
use crate::adapters::sim::{FaultKind, World};
use crate::domain::ids::{ContentHash, ServiceKey, ServiceName};
use crate::domain::plan::{Change, Direction, Plan};

/// What a plan says.
pub(super) struct PlanFacts {
    pub(super) plan: Plan,
    /// Wave by wave.
    pub(super) waves: Vec<Vec<ChangeFacts>>,
    /// Where each service is in `waves`.
    place: HashMap<usize, (usize, usize)>,
}

/// What a change says.
#[derive(Clone, Debug)]
pub(super) struct ChangeFacts {
    pub(super) service: usize,
    pub(super) set: usize,
    pub(super) wave: usize,
    pub(super) before: u32,
    pub(super) target: u32,
    /// Tasks that it is to want before and after: of a service's first release.
    pub(super) tasks: (Option<u32>, Option<u32>),
    /// What ran when the plan was opened.
    pub(super) ran: u32,
    pub(super) after: Vec<usize>,
    pub(super) version: Option<String>,
    pub(super) probed: bool,
    /// What its image does wrong.
    pub(super) flaw: Option<FaultKind>,
}

impl PlanFacts {
    pub(super) fn change(&self, service: usize) -> Option<&ChangeFacts> {
        let (wave, place) = self.place.get(&service)?;
        self.waves.get(*wave)?.get(*place)
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = &ChangeFacts> {
        self.waves.iter().flatten()
    }

    pub(super) fn is_forward(&self) -> bool {
        self.plan.direction == Direction::Deploy
    }
}

impl Checker {
    /// The plan of this hash, as the world has it.
    pub(super) fn facts(&mut self, world: &World, hash: &ContentHash) -> Option<Arc<PlanFacts>> {
        if let Some(known) = self.plans.get(hash) {
            return Some(Arc::clone(known));
        }
        let plan = world.plans().get(hash)?.clone();
        let mut facts = self.facts_of(world, plan);
        // It was opened before the simulation began: what ran then is what its plan says.
        facts.waves.iter_mut().flatten().for_each(|change| change.ran = change.before);
        let facts = Arc::new(facts);
        self.plans.insert(hash.clone(), Arc::clone(&facts));
        Some(facts)
    }

    /// The plan that is about to be recorded.
    pub(super) fn take_in(&mut self, world: &World, hash: &ContentHash, plan: &Plan) -> Arc<PlanFacts> {
        if let Some(known) = self.plans.get(hash) {
            return Arc::clone(known);
        }
        let facts = Arc::new(self.facts_of(world, plan.clone()));
        self.plans.insert(hash.clone(), Arc::clone(&facts));
        facts
    }

    fn facts_of(&mut self, world: &World, plan: Plan) -> PlanFacts {
        let mut waves = Vec::new();
        let mut place = HashMap::new();
        for (wave, of) in plan.waves.iter().enumerate() {
            let mut changes = Vec::new();
            for change in &of.changes {
                if let Some(facts) = self.change_facts(world, &plan, wave, change) {
                    place.insert(facts.service, (wave, changes.len()));
                    changes.push(facts);
                }
            }
            waves.push(changes);
        }
        PlanFacts { plan, waves, place }
    }

    fn change_facts(&mut self, world: &World, plan: &Plan, wave: usize, change: &Change) -> Option<ChangeFacts> {
        let service = *self.services.get(&change.service)?;
        let of_set = |name: &ServiceName| ServiceKey { set: change.service.set.clone(), service: name.clone() };
        let after = change.after.iter().filter_map(|name| self.services.get(&of_set(name)).copied()).collect();
        let digest = change.target.digest.as_ref();
        Some(ChangeFacts {
            service,
            set: self.set_of[service],
            wave,
            before: self.number(&change.before.hash),
            target: self.number(&change.target.hash),
            tasks: (change.before.tasks, change.target.tasks),
            ran: self.primary(world, service),
            after,
            version: change.target.version.as_ref().map(ToString::to_string),
            probed: change.probe.is_some() && plan.gate.probe.is_some(),
            flaw: digest.and_then(|digest| world.flaw_of(&self.fleet, &change.service, digest)),
        })
    }
}
