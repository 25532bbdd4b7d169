//! What a cell holds: how many tenants, what each of them is made of, and what runs.

use super::limits::Takes;
use crate::domain::fleet::Application;
use crate::domain::ids::{CellName, FleetName, SetId};
use crate::domain::provisioning::TENANTS_IN_A_SHARD;
use crate::domain::service::ServiceGraph;

/// Of a wave of tenants that start anew, the old tasks still run: the share of a cell that may do so at a time, by the
/// default cap of a wave.
const SURGE: f64 = 0.25;

/// Services of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All, one-shot tasks among them.
    pub all: u32,
    /// Those that keep running.
    pub serving: u32,
    /// Those that a load balancer leads to.
    pub balanced: u32,
}

impl Count {
    fn of(graph: &ServiceGraph) -> Self {
        let mut count = Self::default();
        for service in graph.iter() {
            count.all += 1;
            count.serving += u32::from(!service.role.is_task());
            count.balanced += u32::from(service.http.is_some());
        }
        count
    }
}

/// What a set runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Tasks that should run.
    pub tasks: u32,
    /// Their CPU units, of which 1,024 are a vCPU.
    pub cpu_units: u64,
}

/// A set and what it runs; why not, if that could not be told.
pub type RunningSet = (FleetName, SetId, Result<Running, String>);

/// What a cell holds.
#[derive(Clone, Debug)]
pub struct Load {
    /// The cell.
    pub cell: CellName,
    /// Its tenants, those that sleep or leave among them: their things stay until they are purged.
    pub tenants: u32,
    /// Its ECS clusters.
    pub clusters: u32,
    /// How many tenants fleet.yaml lets it have.
    pub tenants_max: Option<u32>,
    /// Services of one tenant.
    pub tenant: Count,
    /// Services of the control plane.
    pub control_plane: Count,
    /// What every set runs, the control plane's among them; none if nobody was asked.
    pub running: Option<Vec<RunningSet>>,
}

impl Load {
    /// What a cell holds by fleet.yaml, with what runs there.
    pub fn of(application: &Application, cell: &CellName, running: Option<Vec<RunningSet>>) -> Self {
        let there = application.cells.get(cell);
        let sets = application
            .fleets
            .iter()
            .flat_map(|fleet| &fleet.sets)
            .filter(|set| set.cell == *cell || set.second.as_ref().is_some_and(|second| second.cell() == cell));
        let tenants = sets.filter(|set| !set.id.is_control_plane()).count();
        Self {
            cell: cell.clone(),
            tenants: u32::try_from(tenants).unwrap_or(u32::MAX),
            clusters: there.map_or(1, |cell| u32::try_from(cell.clusters.len()).unwrap_or(u32::MAX)),
            tenants_max: there.and_then(|cell| cell.tenants_max),
            tenant: Count::of(&application.services),
            control_plane: application.control_plane.as_ref().map(Count::of).unwrap_or_default(),
            running,
        }
    }

    /// Tenants of the load balancer that has most.
    pub(super) fn fullest_shard(&self) -> f64 {
        f64::from(self.tenants.min(u32::from(TENANTS_IN_A_SHARD)))
    }

    /// What is taken by services of this kind.
    pub(super) fn by_service(&self, of: fn(&Count) -> u32) -> Takes {
        Takes { fixed: f64::from(of(&self.control_plane)), each: f64::from(of(&self.tenant)) }
    }

    /// Processors of what runs.
    pub(super) fn vcpus(&self) -> Option<Takes> {
        self.taken(|running| running.cpu_units as f64 / 1_024.0)
    }

    /// Tasks that run, each with a network interface of its own.
    pub(super) fn tasks(&self) -> Option<Takes> {
        self.taken(|running| f64::from(running.tasks))
    }

    /// Of everybody's the sum, and for one more the mean. One set that cannot be told makes all of it untold.
    fn taken(&self, of: impl Fn(&Running) -> f64) -> Option<Takes> {
        let mut takes = Takes { fixed: 0.0, each: 0.0 };
        for (_, set, running) in self.running.as_ref()? {
            let running = of(running.as_ref().ok()?);
            match set.is_control_plane() {
                true => takes.fixed += running,
                false => takes.each += running,
            }
        }
        takes.each /= f64::from(self.tenants.max(1));
        Some(takes)
    }
}

impl Takes {
    /// So much of it.
    pub(super) fn at(self, tenants: f64) -> f64 {
        self.each.mul_add(tenants, self.fixed)
    }

    /// With a wave of tenants twice as large as it is.
    pub(super) fn surging(self) -> Self {
        Self { each: self.each * (1.0 + SURGE), ..self }
    }
}
