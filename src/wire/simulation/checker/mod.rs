//! The invariants of INVARIANTS, asserted at every change and at the end. The checker knows two things: the truth
//! of the world, and what each process was told of it. It never stops a run; it notes the first wrong that it sees.

mod ending;
mod knowledge;
mod leases;
mod plans;
mod records;
mod updates;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::fault::Beside;
use crate::adapters::sim::World;
use crate::domain::directive::{Decided, Directive};
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{ContentHash, FleetName, ServiceKey, SetId};
use crate::domain::ledger::RolloutId;
use knowledge::Knowledge;
use plans::PlanFacts;

pub(super) use ending::Ending;

/// What is wrong, and which invariant says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) invariant: u32,
    pub(super) call: u32,
    pub(super) what: String,
}

/// Everything the checker knows.
pub(super) struct Checker {
    fleet: FleetName,
    /// Tenants that may be on an unproven release at once.
    cap: usize,
    stopped_tasks_max: u32,
    services: HashMap<ServiceKey, usize>,
    pub(super) keys: Vec<ServiceKey>,
    sets: Vec<SetId>,
    set_of: Vec<usize>,
    hashes: HashMap<ContentHash, u32>,
    plans: HashMap<ContentHash, Arc<PlanFacts>>,
    processes: Vec<Knowledge>,
    /// How far each process's clock is ahead, and how far they differ at most.
    ahead: Vec<SignedDuration>,
    clocks_differ: SignedDuration,
    /// The number of the present call.
    pub(super) call: u32,
    pub(super) wrong: Option<Wrong>,
    /// Time that calls were held up, in all.
    delays: SignedDuration,
    /// The largest fencing number under which a change was sent.
    fence: u64,
    /// Calls in which a service was changed, by us.
    changed: Vec<Option<u32>>,
    /// Calls in which a service was changed beside us.
    beside: Vec<Option<u32>>,
    /// Whether Terraform published something.
    published: bool,
    /// Updates that began a deployment, by rollout, service and target.
    updates: BTreeMap<(RolloutId, usize, u32), u32>,
    /// For each service what anybody was told that it runs, each with the last call in which.
    runs: Vec<Vec<(u32, u32)>>,
    /// Tenants that a wave of a rollout has touched.
    exposed: BTreeMap<(RolloutId, usize), BTreeSet<usize>>,
    /// Whether anybody was told what was true once and is not now.
    pub(super) lied: bool,
    /// Whether a person had something rolled back.
    pub(super) person_rolls_back: bool,
    /// Services that a failed rollback left behind.
    lost: BTreeSet<usize>,
    /// When the record says that a wave's watch began, in true time.
    bakes: BTreeMap<(RolloutId, usize), (Timestamp, u32)>,
    /// Decisions of people, with the true time and the delays until then.
    held_at: Option<(Timestamp, SignedDuration)>,
    pinned_at: BTreeMap<usize, (Timestamp, SignedDuration)>,
    pub(super) counts: Counts,
}

/// Changes so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) updates: u32,
    pub(super) effective: u32,
    pub(super) registered: u32,
    pub(super) opened: u32,
    pub(super) appended: u32,
}

impl Checker {
    pub(super) fn new(application: &Application, fleet: &Fleet) -> Self {
        let keys: Vec<ServiceKey> = application.services_in(fleet).collect();
        let mut sets: Vec<SetId> = keys.iter().map(|key| key.set.clone()).collect();
        sets.dedup();
        let place: HashMap<SetId, usize> = sets.iter().cloned().enumerate().map(|(i, set)| (set, i)).collect();
        let set_of = keys.iter().map(|key| place[&key.set]).collect();
        let number = keys.len();
        Self {
            fleet: fleet.name.clone(),
            cap: cap(fleet),
            stopped_tasks_max: fleet.gate.stopped_tasks_max,
            services: keys.iter().cloned().enumerate().map(|(i, key)| (key, i)).collect(),
            keys,
            sets,
            set_of,
            hashes: HashMap::new(),
            plans: HashMap::new(),
            processes: Vec::new(),
            ahead: Vec::new(),
            clocks_differ: SignedDuration::ZERO,
            call: 0,
            wrong: None,
            delays: SignedDuration::ZERO,
            fence: 0,
            changed: vec![None; number],
            beside: vec![None; number],
            published: false,
            updates: BTreeMap::new(),
            runs: vec![Vec::new(); number],
            exposed: BTreeMap::new(),
            lied: false,
            person_rolls_back: false,
            lost: BTreeSet::new(),
            bakes: BTreeMap::new(),
            held_at: None,
            pinned_at: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// Another process begins.
    pub(super) fn process(&mut self, ahead: SignedDuration) {
        self.ahead.push(ahead);
        self.clocks_differ = self.clocks_differ.max(ahead);
        self.processes.push(Knowledge::new(self.keys.len(), self.sets.len()));
    }

    /// Notes what is wrong, if it is the first.
    pub(super) fn wrong(&mut self, invariant: u32, what: impl Into<String>) {
        let call = self.call;
        self.wrong.get_or_insert_with(|| Wrong { invariant, call, what: what.into() });
    }

    fn hold_true(&mut self, holds: bool, invariant: u32, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong(invariant, what());
        }
    }

    /// A call was held up for this long.
    pub(super) fn delayed(&mut self, time: SignedDuration) {
        self.delays += time;
    }

    /// A number for a hash, which compares faster.
    fn number(&mut self, hash: &ContentHash) -> u32 {
        if let Some(number) = self.hashes.get(hash) {
            return *number;
        }
        let next = u32::try_from(self.hashes.len()).unwrap() + 1;
        self.hashes.insert(hash.clone(), next);
        next
    }

    fn primary(&mut self, world: &World, service: usize) -> u32 {
        let hash = world.primary(&self.fleet, &self.keys[service]);
        hash.map_or(0, |hash| self.number(&hash))
    }

    /// Whether somebody changed a service beside us.
    pub(super) fn anything_beside(&self) -> bool {
        let changed = self.published || self.beside.iter().any(Option::is_some);
        changed || self.held_at.is_some() || !self.pinned_at.is_empty()
    }

    /// Changes the world beside us.
    pub(super) fn beside(&mut self, world: &mut World, what: Beside) {
        let (fleet, number) = (self.fleet.clone(), self.keys.len());
        let key = |service: usize| self.keys[service % number].clone();
        let service = match what {
            Beside::Hold => return self.hold(world),
            Beside::Pin(service) => return self.pin(world, service % number),
            Beside::Publish(service) => {
                self.published = true;
                return world.publish_by_hand(&fleet, &key(service));
            }
            Beside::Foreign(service) | Beside::Redeploy(service) | Beside::Zero(service) | Beside::Delete(service) => {
                service
            }
        };
        match what {
            Beside::Foreign(_) => world.change_by_hand(&fleet, &key(service)),
            Beside::Redeploy(_) => world.redeploy_by_hand(&fleet, &key(service)),
            Beside::Zero(_) => world.scale_by_hand(&fleet, &key(service), 0),
            Beside::Delete(_) => world.delete_by_hand(&fleet, &key(service)),
            Beside::Hold | Beside::Pin(_) | Beside::Publish(_) => {}
        }
        self.beside[service % number] = Some(self.call);
    }

    fn hold(&mut self, world: &mut World) {
        self.held_at = Some((world.now, self.delays));
        self.decide(world, Directive::Hold);
    }

    fn pin(&mut self, world: &mut World, service: usize) {
        let set = self.set_of[service];
        self.pinned_at.insert(set, (world.now, self.delays));
        let until = jiff::civil::date(2027, 12, 31);
        let version = "0.0.1".parse().unwrap();
        self.decide(world, Directive::Pin { set: self.sets[set].clone(), version, until });
    }

    fn decide(&self, world: &mut World, directive: Directive) {
        let (by, why) = ("ben".to_owned(), "simulated".to_owned());
        let decided = |seq| Decided { seq, at: world.now, by, why, directive };
        let decided = decided(world.decisions(&self.fleet) + 1);
        world.decide_by_hand(&self.fleet, decided);
    }
}

/// Tenants that may be on an unproven release at once.
fn cap(fleet: &Fleet) -> usize {
    use crate::domain::fleet::WavePolicy;
    match &fleet.waves {
        WavePolicy::Auto { growth, .. } => growth.cap_count.max(fleet.sets.len() * growth.cap_percent / 100).max(1),
        WavePolicy::Explicit(_) => usize::MAX,
    }
}
