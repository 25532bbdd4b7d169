//! Looking at a fleet: all reads that a plan or a decision needs, in batches.

use std::collections::BTreeMap;

use super::{Readers, Stop};
use crate::domain::fleet::{Address, Application, Fleet};
use crate::domain::ids::{ServiceKey, Version};
use crate::domain::ledger::{FleetState, RolloutRecord, current_version};
use crate::domain::snapshot::ServiceSeen;
use crate::domain::template::Template;

/// What is live in a fleet and what the records say about it.
#[derive(Clone, Debug)]
pub struct FleetView {
    /// Every service of the fleet.
    pub live: BTreeMap<ServiceKey, ServiceSeen>,
    /// Template of every service whose task definition could be read.
    pub templates: BTreeMap<ServiceKey, Template>,
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
    let templates = templates(readers, &addresses, &live).await;
    let state = readers.ledger.fleet_state(&fleet.name).await?;
    let rollouts = readers.ledger.rollouts(&fleet.name).await?;
    Ok(FleetView { live, templates, state, rollouts })
}

/// The templates of what is live. A service without one is missing here, and planning says so.
async fn templates(
    readers: &Readers,
    addresses: &[Address],
    live: &BTreeMap<ServiceKey, ServiceSeen>,
) -> BTreeMap<ServiceKey, Template> {
    let mut templates = BTreeMap::new();
    for address in addresses {
        let Some(ServiceSeen::Live(seen)) = live.get(&address.service) else { continue };
        // Observing read each task definition already, so these come out of the adapter's memory.
        let described = readers.fleet.task_definition(&address.cell, &seen.runs.task_definition).await;
        let template = described.ok().and_then(|d| Template::from_task_definition(&d, &address.service.service).ok());
        templates.extend(template.map(|template| (address.service.clone(), template)));
    }
    templates
}
