//! `status`: what runs where, by the records and live, and whether the two agree. Works with readers only.

use super::observe::{FleetView, view};
use super::{Readers, Stop};
use crate::domain::condition::{ServiceStatus, of_service, of_task};
use crate::domain::directive::Directives;
use crate::domain::fleet::{Application, Fleet, SetState};

/// One fleet.
#[derive(Clone, Debug)]
pub struct FleetStatus {
    /// What was seen and recorded.
    pub view: FleetView,
    /// What people have decided.
    pub directives: Directives,
    /// Every service, in the file's order.
    pub services: Vec<ServiceStatus>,
}

/// Looks at a fleet.
///
/// # Errors
/// The records cannot be read.
pub async fn status(readers: &Readers, application: &Application, fleet: &Fleet) -> Result<FleetStatus, Stop> {
    let directives = Directives::fold(&readers.ledger.decided(&fleet.name).await?);
    let seen = view(readers, application, fleet).await?;
    let services = services(application, &directives.apply(fleet), &seen);
    Ok(FleetStatus { services, view: seen, directives })
}

/// Every service of a fleet, decisions applied; its one-shot tasks first.
pub(super) fn services(application: &Application, fleet: &Fleet, view: &FleetView) -> Vec<ServiceStatus> {
    let recorded = &view.state.services;
    let tasks = application.migrations_in(fleet).map(|key| {
        let state = recorded.get(&key);
        of_task(key, state)
    });
    let serving = application.services_in(fleet).map(|key| {
        let paused = fleet.set(&key.set).is_some_and(|set| set.state == SetState::Paused);
        let (seen, state) = (view.live.get(&key), recorded.get(&key));
        of_service(key, seen, state, paused)
    });
    tasks.chain(serving).collect()
}
