//! A process that dies at one of its writes, before the write takes effect or right after it, and never goes on: for
//! tests that kill a verb at each step and start it again.
//!
//! The simulation proper does this and much more to rollouts; verbs around them (pause, resume, offboard) have few
//! writes and one order, so that every one of them can be tried.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::papers::Papers;
use super::simulated::app;
use crate::adapters::sim::Sim;
use crate::app::App;
use crate::cli::progress::Silent;
use crate::domain::directive::{Decided, Holding, Scaling};
use crate::domain::fleet::{Address, Application, Routing};
use crate::domain::ids::{CellName, DeploymentId, FleetName, TaskArn, TaskDefinitionArn, Version};
use crate::domain::lease::{LeaseMark, LeaseRecord};
use crate::domain::ledger::{Intent, RolloutRecord, WaveResult};
use crate::domain::offboard::KeptObject;
use crate::domain::pause::{ClosedRule, Database};
use crate::domain::plan::Plan;
use crate::domain::release::Release;
use crate::domain::rollout::Event;
use crate::domain::template::Rendered;
use crate::ports::{
    ArchiveWriter, DataTask, DataTaskWriter, DatabaseWriter, FleetWriter, InputsReader, LeaseWriter, LedgerWriter,
    ManifestWriter, OpenRollout, PortResult, RouteWriter, ScalingWriter, SnapshotWriter,
};

/// When it dies: at which write, counted from 0, and whether that one still takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Death {
    pub(super) at: u32,
    pub(super) after: bool,
}

/// A look at the world right after a write.
pub(super) type Watch = Arc<dyn Fn(&Sim) + Send + Sync>;

/// Between an app and the simulated world.
pub(super) struct Mortal {
    pub(super) sim: Arc<Sim>,
    death: Option<Death>,
    writes: AtomicU32,
    dead: Notify,
    watch: Watch,
}

impl Mortal {
    pub(super) fn new(sim: &Arc<Sim>, death: Option<Death>, watch: &Watch) -> Arc<Self> {
        let (sim, watch) = (Arc::clone(sim), Arc::clone(watch));
        Arc::new(Self { sim, death, writes: AtomicU32::new(0), dead: Notify::new(), watch })
    }

    /// Writes so far.
    pub(super) fn writes(&self) -> u32 {
        self.writes.load(Ordering::SeqCst)
    }

    /// An app whose writes go through here.
    pub(super) fn app(self: &Arc<Self>, application: &Arc<Application>) -> App {
        let mut app = app(&self.sim, Arc::clone(application), Arc::new(Silent));
        app.writers.fleet = Arc::clone(self) as _;
        app.writers.scaling = Arc::clone(self) as _;
        app.writers.routes = Arc::clone(self) as _;
        app.writers.databases = Arc::clone(self) as _;
        app.writers.archive = Arc::clone(self) as _;
        app.writers.data_tasks = Arc::clone(self) as _;
        app.writers.snapshots = Arc::clone(self) as _;
        app.writers.ledger = Arc::clone(self) as _;
        app.writers.leases = Arc::clone(self) as _;
        app
    }

    /// Runs a verb; none if the process died in it.
    pub(super) async fn live<T>(&self, verb: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.dead.notified() => None,
            done = verb => Some(done),
        }
    }

    pub(super) async fn write<T>(&self, effect: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        let number = self.writes.fetch_add(1, Ordering::SeqCst);
        let dies = |after| self.death == Some(Death { at: number, after });
        if dies(false) {
            self.die().await;
        }
        let result = effect.await;
        (self.watch)(&self.sim);
        if dies(true) {
            self.die().await;
        }
        result
    }

    async fn die(&self) {
        self.dead.notify_one();
        std::future::pending::<()>().await;
    }
}

/// The desk of one process: the files as it may write them, as long as it lives.
pub(super) struct Desk<'a> {
    pub(super) papers: &'a Papers,
    pub(super) process: Arc<Mortal>,
}

#[async_trait]
impl ManifestWriter for Desk<'_> {
    async fn replace(&self, name: &str, was: &[u8], bytes: &[u8]) -> PortResult<()> {
        self.process.write(self.papers.replace(name, was, bytes)).await
    }
}

#[async_trait]
impl InputsReader for Desk<'_> {
    async fn committed(&self) -> PortResult<BTreeMap<String, Vec<u8>>> {
        self.papers.committed().await
    }
}

#[async_trait]
impl ScalingWriter for Mortal {
    async fn set_scaling(&self, service: &Address, scaling: &Scaling) -> PortResult<()> {
        Self::write(self, self.sim.set_scaling(service, scaling)).await
    }

    async fn set_desired(&self, service: &Address, desired: u32) -> PortResult<()> {
        Self::write(self, self.sim.set_desired(service, desired)).await
    }
}

#[async_trait]
impl RouteWriter for Mortal {
    async fn set_priority(&self, cell: &CellName, rule: &ClosedRule, priority: u32) -> PortResult<()> {
        Self::write(self, self.sim.set_priority(cell, rule, priority)).await
    }
}

#[async_trait]
impl DatabaseWriter for Mortal {
    async fn start(&self, database: &Database) -> PortResult<()> {
        Self::write(self, DatabaseWriter::start(&*self.sim, database)).await
    }

    async fn stop(&self, database: &Database) -> PortResult<()> {
        Self::write(self, DatabaseWriter::stop(&*self.sim, database)).await
    }
}

#[async_trait]
impl ArchiveWriter for Mortal {
    async fn copy(&self, of: &Holding, key: &str, folder: &str, name: &str) -> PortResult<KeptObject> {
        Self::write(self, self.sim.copy(of, key, folder, name)).await
    }

    async fn write(&self, of: &Holding, folder: &str, name: &str, bytes: &[u8]) -> PortResult<()> {
        Self::write(self, ArchiveWriter::write(&*self.sim, of, folder, name, bytes)).await
    }

    async fn carry(&self, from: &Holding, to: &Holding, folder: &str, name: &str) -> PortResult<KeptObject> {
        Self::write(self, self.sim.carry(from, to, folder, name)).await
    }

    async fn purge(&self, of: &Holding) -> PortResult<()> {
        Self::write(self, self.sim.purge(of)).await
    }
}

#[async_trait]
impl SnapshotWriter for Mortal {
    async fn create(&self, cell: &CellName, at: &Routing, name: &str, bytes: &[u8]) -> PortResult<()> {
        Self::write(self, self.sim.create(cell, at, name, bytes)).await
    }

    async fn point(&self, cell: &CellName, at: &Routing, seen: Option<&str>, bytes: &[u8]) -> PortResult<()> {
        Self::write(self, self.sim.point(cell, at, seen, bytes)).await
    }
}

#[async_trait]
impl DataTaskWriter for Mortal {
    async fn start(&self, task: &DataTask, beside: &Address) -> PortResult<TaskArn> {
        Self::write(self, DataTaskWriter::start(&*self.sim, task, beside)).await
    }
}

#[async_trait]
impl FleetWriter for Mortal {
    async fn register(&self, proof: &OpenRollout, of: &Address, with: &Rendered) -> PortResult<TaskDefinitionArn> {
        Self::write(self, FleetWriter::register(&*self.sim, proof, of, with)).await
    }

    async fn update(
        &self,
        proof: &OpenRollout,
        of: &Address,
        to: &TaskDefinitionArn,
        tasks: Option<u32>,
    ) -> PortResult<DeploymentId> {
        Self::write(self, FleetWriter::update(&*self.sim, proof, of, to, tasks)).await
    }

    async fn stop(&self, proof: &OpenRollout, of: &Address, deployment: &DeploymentId) -> PortResult<()> {
        Self::write(self, FleetWriter::stop(&*self.sim, proof, of, deployment)).await
    }
}

#[async_trait]
impl LeaseWriter for Mortal {
    async fn put(&self, seen: Option<&LeaseMark>, next: &LeaseRecord) -> PortResult<LeaseMark> {
        Self::write(self, LeaseWriter::put(&*self.sim, seen, next)).await
    }
}

#[async_trait]
impl LedgerWriter for Mortal {
    async fn publish(&self, release: &Release) -> PortResult<()> {
        Self::write(self, self.sim.publish(release)).await
    }

    async fn finalise(&self, release: &Release, version: &Version) -> PortResult<()> {
        Self::write(self, self.sim.finalise(release, version)).await
    }

    async fn open(&self, plan: &Plan, intent: &Intent) -> PortResult<RolloutRecord> {
        Self::write(self, LedgerWriter::open(&*self.sim, plan, intent)).await
    }

    async fn decide(&self, fleet: &FleetName, decided: &Decided) -> PortResult<()> {
        Self::write(self, self.sim.decide(fleet, decided)).await
    }

    async fn append(&self, proof: &OpenRollout, seq: u32, event: &Event, of: Option<&WaveResult>) -> PortResult<()> {
        Self::write(self, LedgerWriter::append(&*self.sim, proof, seq, event, of)).await
    }
}
