//! Looking at a fleet: all reads that a plan or a decision needs, in batches.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Readers, Stop};
use crate::domain::fleet::{Address, Application, Fleet};
use crate::domain::ids::{ServiceKey, Version};
use crate::domain::ledger::{FleetState, RolloutRecord, current_version};
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::plan::Plan;
use crate::domain::rollout::Rollout;
use crate::domain::snapshot::{FamilySeen, ServiceSeen};
use crate::ports::{Fault, OpenRollout, PortError};

/// What is live in a fleet and what the records say about it.
#[derive(Clone, Debug)]
pub struct FleetView {
    /// Every service of the fleet.
    pub live: BTreeMap<ServiceKey, ServiceSeen>,
    /// The family of every one-shot task.
    pub families: BTreeMap<ServiceKey, FamilySeen>,
    /// What runs by the records.
    pub state: FleetState,
    /// The rollouts so far, newest first.
    pub rollouts: Vec<RolloutRecord>,
}

impl FleetView {
    /// The fleet's version by the records.
    pub fn version(&self) -> Option<&Version> {
        current_version(&self.rollouts)
    }
}

/// Looks at every service of a fleet and at its records.
///
/// # Errors
/// The records cannot be read. A service that cannot be read is part of the view.
pub async fn view(readers: &Readers, application: &Application, fleet: &Fleet) -> Result<FleetView, Stop> {
    let addresses: Vec<Address> =
        application.services_in(fleet).filter_map(|key| application.address(fleet, &key)).collect();
    let live = readers.fleet.observe(&addresses).await;
    let tasks: Vec<Address> = application.tasks_in(fleet).filter_map(|key| application.address(fleet, &key)).collect();
    let families = if tasks.is_empty() { BTreeMap::new() } else { readers.tasks.families(&tasks).await };
    let state = readers.ledger.fleet_state(&fleet.name).await?;
    let rollouts = readers.ledger.rollouts(&fleet.name).await?;
    Ok(FleetView { live, families, state, rollouts })
}

/// A fleet's records, and nothing of what is live: whatever serves is unknown.
///
/// # Errors
/// The records cannot be read.
pub(super) async fn recorded(readers: &Readers, fleet: &Fleet) -> Result<FleetView, Stop> {
    let state = readers.ledger.fleet_state(&fleet.name).await?;
    let rollouts = readers.ledger.rollouts(&fleet.name).await?;
    Ok(FleetView { live: BTreeMap::new(), families: BTreeMap::new(), state, rollouts })
}

/// A rollout as its records tell it, to look at. What a ledger answers is checked once more: a plan decides what is
/// changed.
///
/// # Errors
/// Its plan cannot be read or is not the one that was recorded, or the records do not fit together.
pub(super) async fn recorded_rollout(readers: &Readers, record: &RolloutRecord) -> Result<Rollout, Stop> {
    let plan = readers.ledger.plan(&record.intent.plan).await?;
    if plan.hash() == record.intent.plan || breaks(Mutant::PlanHashIgnored) {
        return replayed(plan, record, readers.clock.now());
    }
    let doing = format!("reading the plan of rollout {}", record.id.0);
    Err(PortError::new(Fault::Refused, doing, "it is not the one that was recorded").into())
}

/// A rollout as its records tell it, and the proof that lets the holder of the lease with this fencing number move it.
///
/// # Errors
/// As [`recorded_rollout`].
pub(super) async fn taken_up(
    readers: &Readers,
    record: &RolloutRecord,
    fence: u64,
) -> Result<(Rollout, OpenRollout), Stop> {
    let plan = readers.ledger.plan(&record.intent.plan).await?;
    let proof = OpenRollout::resume(record.clone(), &plan, fence)?;
    Ok((replayed(plan, record, readers.clock.now())?, proof))
}

fn replayed(plan: Plan, record: &RolloutRecord, now: Timestamp) -> Result<Rollout, Stop> {
    let events = record.entries.iter().map(|entry| entry.event.clone());
    Ok(Rollout::replay(plan, record.opened_at, events, now)?)
}
