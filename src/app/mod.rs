//! The verbs: one file for each thing a person can ask for, and `drive`, the loop that moves a fleet.
//!
//! This layer waits and calls out, but decides nothing: what to do comes from `domain`, how to do it from the
//! ports. It returns values and notes progress; it prints nothing and knows no exit codes.

mod bring;
pub mod build;
pub mod by_label;
pub mod clock;
pub mod decisions;
pub mod drift;
pub mod drive;
pub mod finalize;
pub mod go_on;
pub mod history;
mod keeping;
pub mod lease;
pub mod license;
pub mod metrics;
pub mod moving;
pub mod observe;
pub mod offboard;
pub mod pause;
pub mod plan;
mod preflight;
pub mod progress;
pub mod promote;
pub mod quota;
pub mod report;
mod result;
pub mod rollback;
pub mod rollout;
pub mod routers;
pub mod routing;
pub mod status;
mod surroundings;
pub mod telling;
mod templates;
pub mod tenants;
mod why;

use std::borrow::Cow;
use std::sync::Arc;

use accessos_routing::SigningKey;
use jiff::Timestamp;

use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{CellName, FleetName, SetId};
use crate::domain::lease::Owner;
use crate::domain::plan::Plan;
use crate::domain::reason::Reason;
use crate::domain::rollout::IllegalEvent;
use crate::ports::{
    ArchiveReader, ArchiveWriter, Clock, CommandRunner, DataTaskReader, DataTaskWriter, DatabaseReader, DatabaseWriter,
    FleetReader, FleetWriter, ImageBuilder, ImageReader, ImageTagger, LeaseReader, LeaseWriter, LedgerReader,
    LedgerWriter, ManifestReader, MetricsReader, PeopleReader, PortError, ProbeReader, PullReader, PullWriter,
    QuotaReader, ReleaseWriter, RouteReader, RouteWriter, ScalingReader, ScalingWriter, SnapshotReader, SnapshotWriter,
    SourceReader, StopSignal, TargetReader, TaskReader, TaskWriter, WayBackReader,
};
use progress::Observer;

/// Everything that can be looked at. Commands that only look get this and nothing else.
#[derive(Clone)]
pub struct Readers {
    /// The source tree.
    pub source: Arc<dyn SourceReader>,
    /// The registry.
    pub images: Arc<dyn ImageReader>,
    /// The services.
    pub fleet: Arc<dyn FleetReader>,
    /// What Terraform publishes of them.
    pub manifests: Arc<dyn ManifestReader>,
    /// Their one-shot tasks.
    pub tasks: Arc<dyn TaskReader>,
    /// Their own answers.
    pub probes: Arc<dyn ProbeReader>,
    /// The load balancer's view.
    pub targets: Arc<dyn TargetReader>,
    /// Their metrics and alarms.
    pub metrics: Arc<dyn MetricsReader>,
    /// The owner's executables that judge.
    pub commands: Arc<dyn CommandRunner>,
    /// Whether what ran before could run again.
    pub way_back: Arc<dyn WayBackReader>,
    /// How the services are scaled.
    pub scaling: Arc<dyn ScalingReader>,
    /// What load balancers do with their requests.
    pub routes: Arc<dyn RouteReader>,
    /// What is published for edge routers.
    pub snapshots: Arc<dyn SnapshotReader>,
    /// The databases that they use.
    pub databases: Arc<dyn DatabaseReader>,
    /// What is kept of tenants that leave.
    pub archive: Arc<dyn ArchiveReader>,
    /// Tasks on their databases.
    pub data_tasks: Arc<dyn DataTaskReader>,
    /// The quotas of their accounts.
    pub quotas: Arc<dyn QuotaReader>,
    /// The records.
    pub ledger: Arc<dyn LedgerReader>,
    /// Who may do what.
    pub people: Arc<dyn PeopleReader>,
    /// Pull requests, and what was merged.
    pub pulls: Arc<dyn PullReader>,
    /// The leases.
    pub leases: Arc<dyn LeaseReader>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether the process was asked to stop.
    pub stop: Arc<dyn StopSignal>,
    /// Who is told what happens.
    pub observer: Arc<dyn Observer>,
}

/// Everything that can be changed.
#[derive(Clone)]
pub struct Writers {
    /// What builds images.
    pub builder: Arc<dyn ImageBuilder>,
    /// The registry.
    pub tagger: Arc<dyn ImageTagger>,
    /// The services.
    pub fleet: Arc<dyn FleetWriter>,
    /// Their one-shot tasks.
    pub tasks: Arc<dyn TaskWriter>,
    /// How the services are scaled.
    pub scaling: Arc<dyn ScalingWriter>,
    /// What load balancers do with their requests.
    pub routes: Arc<dyn RouteWriter>,
    /// What is published for edge routers.
    pub snapshots: Arc<dyn SnapshotWriter>,
    /// The databases that they use.
    pub databases: Arc<dyn DatabaseWriter>,
    /// What is kept of tenants that leave.
    pub archive: Arc<dyn ArchiveWriter>,
    /// Tasks on their databases.
    pub data_tasks: Arc<dyn DataTaskWriter>,
    /// The records.
    pub ledger: Arc<dyn LedgerWriter>,
    /// The leases.
    pub leases: Arc<dyn LeaseWriter>,
    /// What people are told on pull requests.
    pub pulls: Arc<dyn PullWriter>,
    /// What everybody is told about versions that were given for good.
    pub releases: Arc<dyn ReleaseWriter>,
}

/// What a verb that changes something works with.
#[derive(Clone)]
pub struct App {
    /// The file's meaning.
    pub application: Arc<Application>,
    /// To look.
    pub readers: Readers,
    /// To change.
    pub writers: Writers,
    /// Who this process is, to others who want the same fleet.
    pub owner: Owner,
    /// What routing snapshots are signed with, where this process may publish them.
    pub signing_key: Option<Arc<SigningKey>>,
    /// When a running rollout is to be left to the next job; none without a limit.
    pub hand_over_at: Option<Timestamp>,
}

/// Why a verb did not do its work. A rollout that was halted or held is no error but an outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The request, the records or the world say no; every reason at once.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Reason>),
    /// The plan waits for somebody to approve it.
    #[error("{}", .0.awaits_approval())]
    AwaitsApproval(Box<Plan>),
    /// The file has no such fleet.
    #[error("fleet.yaml has no fleet `{0}`")]
    NoSuchFleet(FleetName),
    /// The file has no such cell.
    #[error("fleet.yaml has no cell `{0}`")]
    NoSuchCell(CellName),
    /// The fleet has no such tenant.
    #[error("fleet.yaml has no tenant `{tenant}` in {fleet}")]
    NoSuchTenant {
        /// Where.
        fleet: FleetName,
        /// Who.
        tenant: SetId,
    },
    /// No fleet has such a tenant.
    #[error("fleet.yaml has no tenant `{0}`")]
    NoSuchTenantAnywhere(SetId),
    /// Something outside did not do what it was asked.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The records tell a history that cannot be.
    #[error("the records of this rollout do not fit together: {0}")]
    Record(#[from] IllegalEvent),
    /// tidegate itself went wrong.
    #[error("this is a bug of tidegate: {0}")]
    Bug(String),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Refused(vec![reason])
    }
}

impl Stop {
    /// Why the request is refused; nothing where it was not.
    pub fn reasons(&self) -> Cow<'_, [Reason]> {
        match self {
            Self::Refused(reasons) => Cow::Borrowed(reasons),
            Self::AwaitsApproval(plan) => Cow::Owned(vec![plan.awaits_approval()]),
            _ => Cow::Borrowed(&[]),
        }
    }
}

/// The fleet of that name.
///
/// # Errors
/// There is none.
pub fn fleet<'a>(application: &'a Application, name: &FleetName) -> Result<&'a Fleet, Stop> {
    application.fleet(name).ok_or_else(|| Stop::NoSuchFleet(name.clone()))
}
