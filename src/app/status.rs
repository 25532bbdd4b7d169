//! `status`: what runs where, by the records and live, and whether the two agree. Works with readers only.

use super::observe::{FleetView, view};
use super::{Readers, Stop};
use crate::domain::directive::Directives;
use crate::domain::fleet::{Application, Fleet, SetState};
use crate::domain::ids::{ImageDigest, ServiceKey, Version};
use crate::domain::ledger::ServiceResult;
use crate::domain::snapshot::ServiceSeen;

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

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Which.
    pub service: ServiceKey,
    /// The version it answers, as recorded for the digest that runs; none if no record has that digest.
    pub version: Option<Version>,
    /// The digest that runs.
    pub digest: Option<ImageDigest>,
    /// How it is.
    pub condition: Condition,
}

/// How a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Settled on what the records say, or on something from before there were records.
    AsRecorded,
    /// Settled on something else than the records say.
    Differs,
    /// A deployment is in progress.
    Moving,
    /// A one-shot task whose last image has run with success.
    HasRun,
    /// A one-shot task of which no success is recorded.
    NotRun,
    /// Scaled to zero; `true` if the file says so.
    AtZero(bool),
    /// Not there or not readable.
    Unknown(String),
}

/// Looks at a fleet.
///
/// # Errors
/// The records cannot be read.
pub async fn status(readers: &Readers, application: &Application, fleet: &Fleet) -> Result<FleetStatus, Stop> {
    let directives = Directives::fold(&readers.ledger.decided(&fleet.name).await?);
    let seen = view(readers, application, fleet).await?;
    let decided = directives.apply(fleet);
    let tasks = application.migrations_in(&decided).map(|key| task(&seen, key));
    let services = tasks.chain(application.services_in(&decided).map(|key| one(&decided, &seen, key))).collect();
    Ok(FleetStatus { services, view: seen, directives })
}

/// A migration runs once, so only the records say what it has done.
fn task(view: &FleetView, service: ServiceKey) -> ServiceStatus {
    let ran = view.state.services.get(&service).filter(|state| state.result == ServiceResult::Live);
    ServiceStatus {
        service,
        version: ran.and_then(|state| state.runs.version.clone()),
        digest: ran.and_then(|state| state.runs.digest.clone()),
        condition: if ran.is_some() { Condition::HasRun } else { Condition::NotRun },
    }
}

fn one(fleet: &Fleet, view: &FleetView, service: ServiceKey) -> ServiceStatus {
    let recorded = view.state.services.get(&service);
    let (digest, condition) = match view.live.get(&service) {
        Some(ServiceSeen::Live(live)) => {
            let as_recorded = recorded.is_none_or(|r| r.runs.hash == live.runs.hash);
            let paused = fleet.set(&service.set).is_some_and(|set| set.state == SetState::Paused);
            let condition = match (live.desired, live.is_settled()) {
                (0, _) => Condition::AtZero(paused),
                (_, false) => Condition::Moving,
                (_, true) if as_recorded => Condition::AsRecorded,
                (_, true) => Condition::Differs,
            };
            (live.runs.digest.clone(), condition)
        }
        Some(ServiceSeen::Missing) => (None, Condition::Unknown("ECS has no active service of that name".to_owned())),
        Some(ServiceSeen::Unreachable { why }) => (None, Condition::Unknown(why.clone())),
        None => (None, Condition::Unknown("it was not read".to_owned())),
    };
    let version = recorded.filter(|r| digest.is_some() && r.runs.digest == digest).and_then(|r| r.runs.version.clone());
    ServiceStatus { service, version, digest, condition }
}
