//! The ports to load balancers, on the simulated world: every tenant has a rule that answers 503, and where it lies
//! decides whether a request reaches a task.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::Sim;
use super::databases::SimDatabase;
use super::world::World;
use crate::domain::fleet::{Fleet, SetState};
use crate::domain::ids::{CellName, FleetName, ServiceKey, SetId};
use crate::domain::pause::{ClosedRule, Routes, wake_host};
use crate::ports::{Entrance, Fault, PortError, PortResult, RouteReader, RouteWriter};

/// Where the rules of routes lie: any 503 with a lower number is over them.
const ROUTES: u32 = 1_000;
/// Where Terraform leaves the 503 of the first slot of a shard of 20.
const AT_REST: u32 = 40_001;

impl World {
    /// What stands around the services of a fleet: a rule of 503 for each tenant, and a database for all of them.
    pub(super) fn surround(&mut self, fleet: &Fleet) {
        for set in fleet.sets.iter().filter(|set| !set.id.is_control_plane()) {
            self.surround_set(fleet, &set.id);
        }
        for cell in &fleet.cells {
            let shared = SimDatabase::new(fleet.name.clone(), Some(cell.clone()), None);
            let name = if fleet.cells.first() == Some(cell) {
                format!("{}-s1", fleet.name)
            } else {
                format!("{}-{cell}-s1", fleet.name)
            };
            self.databases.entry(name).or_insert(shared);
        }
    }

    /// A tenant's rule of 503 where the fleet has it, and the host at which a resume asks there.
    pub(super) fn surround_set(&mut self, fleet: &Fleet, id: &SetId) {
        let mut tenants = fleet.sets.iter().filter(|set| !set.id.is_control_plane());
        let Some(slot) = tenants.position(|set| &set.id == id) else { return };
        let Some(set) = fleet.set(id) else { return };
        let slot = u32::try_from(slot % 20).unwrap_or_default();
        let rule = self.rule_in(&fleet.name, id, &set.cell);
        // As Terraform does when such a line is applied.
        match set.state {
            SetState::Offboarding => drop(self.rules.remove(&rule)),
            SetState::Active | SetState::Paused => drop(self.rules.entry(rule).or_insert(AT_REST + slot)),
        }
        self.hosts.insert(wake_host(fleet, id), fleet.name.clone());
    }

    /// Whether a request for this host reaches a service in this cell.
    pub(super) fn is_reached_at(&self, host: &str, (fleet, cell): (&FleetName, &CellName), key: &ServiceKey) -> bool {
        host.starts_with(&format!("{}--wake", key.set)) || !self.is_closed_in(fleet, &key.set, cell)
    }

    /// Whether a set's 503 lies over its routes where the set was first.
    pub fn is_closed(&self, fleet: &FleetName, set: &SetId) -> bool {
        self.rules.get(&rule_of(fleet, set)).is_some_and(|priority| *priority < ROUTES)
    }

    /// Whether a set's 503 lies over its routes in this cell.
    pub fn is_closed_in(&self, fleet: &FleetName, set: &SetId, cell: &CellName) -> bool {
        self.rules.get(&self.rule_in(fleet, set, cell)).is_some_and(|priority| *priority < ROUTES)
    }

    /// Name of a set's rule of 503 in a cell.
    fn rule_in(&self, fleet: &FleetName, set: &SetId, cell: &CellName) -> String {
        match self.first_cells.get(&rule_of(fleet, set)) {
            Some(first) if first != cell => format!("{}@{cell}", rule_of(fleet, set)),
            Some(_) | None => rule_of(fleet, set),
        }
    }
}

/// Name of a set's rule of 503.
fn rule_of(fleet: &FleetName, set: &SetId) -> String {
    format!("{fleet}/{set}")
}

#[async_trait]
impl RouteReader for Sim {
    async fn routes(&self, entrances: &[Entrance]) -> BTreeMap<SetId, PortResult<Routes>> {
        let mut world = self.world();
        world.count("ELB DescribeRules");
        let routes = |entrance: &Entrance| {
            let fleet = world.hosts.get(&entrance.host);
            let cell = entrance.services.first().map(|service| &service.cell);
            let arn = fleet.zip(cell).map(|(fleet, cell)| world.rule_in(fleet, &entrance.set, cell));
            let closed = arn.and_then(|arn| Some(ClosedRule { priority: *world.rules.get(&arn)?, arn }));
            let forwards = if closed.is_some() { entrance.services.len() } else { 0 };
            Routes { closed: closed.into_iter().collect(), forwards }
        };
        entrances.iter().map(|entrance| (entrance.set.clone(), Ok(routes(entrance)))).collect()
    }
}

#[async_trait]
impl RouteWriter for Sim {
    async fn set_priority(&self, _: &CellName, rule: &ClosedRule, priority: u32) -> PortResult<()> {
        let mut world = self.world();
        world.count("ELB SetRulePriorities");
        let missing = || PortError::new(Fault::Refused, format!("moving {}", rule.arn), "RuleNotFound");
        *world.rules.get_mut(&rule.arn).ok_or_else(missing)? = priority;
        Ok(())
    }
}
