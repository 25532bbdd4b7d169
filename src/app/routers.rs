//! What is published, as routers serve it: waiting until all of them do, and until what was decided is published at all.

use std::collections::BTreeSet;

use accessos_routing::{RouterReport, Snapshot, Tenant};
use jiff::SignedDuration;

use super::progress::Progress;
use super::routing::{Desk, Wish};
use super::{App, Readers, Stop};
use crate::domain::directive::Directives;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{ServiceKey, SetId};
use crate::domain::offboard::Known;
use crate::domain::reason::Reason;
use crate::domain::routers::{Following, count, following, heard, reports_since};
use crate::domain::routing::tenants;
use crate::ports::Fault;

/// Time between two looks.
const LOOK: SignedDuration = SignedDuration::from_secs(5);
/// How long routers and the publisher have: some ten times what they take.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// What is in force, and who serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routers {
    /// The generation that is waited for.
    pub generation: u64,
    /// What each router that is heard of says.
    pub reports: Vec<RouterReport>,
    /// What follows from that.
    pub following: Following,
}

/// Looks once whether the routers serve this generation: the one in force, if none is named.
///
/// # Errors
/// The fleet has no routers, or what is published cannot be believed.
pub async fn look(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    generation: Option<u64>,
) -> Result<Routers, Stop> {
    let desk = Desk { application, fleet, snapshots: &*readers.snapshots };
    let (cell, routing) = desk.place()?;
    let generation = match generation {
        Some(generation) => generation,
        None => desk.in_force().await?.map_or(0, |force| force.snapshot.generation),
    };
    let now = readers.clock.now();
    let reports = readers.snapshots.reports(cell, routing, reports_since(now)).await;
    let heard = reports.map_err(|error| error.to_string()).and_then(|reports| heard(&reports, now));
    let key = ServiceKey::new(&SetId::control_plane(), &routing.router);
    let there = match application.address(fleet, &key) {
        Some(address) => count(readers.fleet.observe(&[address]).await.get(&key)),
        None => count(None),
    };
    let following = match generation {
        0 => Following::Unknown("nothing was ever published".to_owned()),
        _ => following(generation, &there, &heard),
    };
    Ok(Routers { generation, reports: heard.unwrap_or_default(), following })
}

/// Waits until all routers serve this generation: the one in force, if none is named.
///
/// # Errors
/// They do not within five minutes, with what was seen last; or as [`look`].
pub async fn wait(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    generation: Option<u64>,
) -> Result<Routers, Stop> {
    let until = readers.clock.now() + PATIENCE;
    loop {
        let seen = look(readers, application, fleet, generation).await?;
        if matches!(seen.following, Following::All { .. }) {
            return Ok(seen);
        }
        if readers.clock.now() >= until || readers.stop.raised() {
            let (fleet, generation) = (fleet.name.clone(), seen.generation);
            return Err(Reason::RoutersBehind { fleet, generation, why: seen.following.to_string() }.into());
        }
        readers.clock.sleep(LOOK).await;
    }
}

/// Has the routers serve what was decided about these tenants: publishes it where there is a key to sign with, else waits
/// for the publisher, and then for all routers. Nothing to do where the fleet has no routing.
///
/// # Errors
/// It is not published or not served within five minutes each; a person's rollback of the snapshot is in force; or what is
/// published cannot be believed.
pub async fn settle(app: &App, fleet: &Fleet, sets: &BTreeSet<SetId>) -> Result<(), Stop> {
    let Some(routing) = &fleet.routing else { return Ok(()) };
    let readers = &app.readers;
    let desk = Desk { application: &app.application, fleet, snapshots: &*readers.snapshots };
    let until = readers.clock.now() + PATIENCE;
    let generation = loop {
        let force = desk.in_force().await?.map(|force| force.snapshot);
        let directives = Directives::fold(&readers.ledger.decided(&fleet.name).await?);
        let wanted = tenants(fleet, routing, &directives);
        if let Some(force) = force.filter(|force| of(sets, &force.tenants) == of(sets, &wanted)) {
            break force.generation;
        }
        if let Some(key) = &app.signing_key {
            match desk.publish(readers, &*app.writers.snapshots, key, Wish::default()).await {
                Ok(published) => break published.generation,
                Err(Stop::Port(error)) if error.fault == Fault::Conflict => {}
                Err(stop) => return Err(stop),
            }
        }
        if readers.clock.now() >= until || readers.stop.raised() {
            return Err(Reason::NotPublished { fleet: fleet.name.clone() }.into());
        }
        readers.clock.sleep(LOOK).await;
    };
    let served = wait(readers, &app.application, fleet, Some(generation)).await?;
    let what = format!("generation {generation} for the routers of {}: {}", fleet.name, served.following);
    readers.observer.note(readers.clock.now(), &Progress::Around { what });
    Ok(())
}

fn of<'a>(sets: &BTreeSet<SetId>, tenants: &'a [Tenant]) -> Vec<&'a Tenant> {
    tenants.iter().filter(|tenant| sets.iter().any(|set| set.as_str() == tenant.id)).collect()
}

/// Whether no router passes requests on to this tenant any more; one that may is somebody who was not heard of.
pub(super) async fn nowhere(app: &App, fleet: &Fleet, set: &SetId) -> Known {
    if fleet.routing.is_none() {
        return Known::Yes;
    }
    let has = |snapshot: &Snapshot| snapshot.tenants.iter().any(|tenant| tenant.id == set.as_str());
    let desk = Desk { application: &app.application, fleet, snapshots: &*app.readers.snapshots };
    let generation = match desk.in_force().await {
        Ok(Some(force)) if has(&force.snapshot) => {
            return Known::Unknown(format!("the routers have it in generation {}", force.snapshot.generation));
        }
        Ok(Some(force)) => force.snapshot.generation,
        Ok(None) => return Known::Yes,
        Err(stop) => return Known::Unknown(stop.to_string()),
    };
    match look(&app.readers, &app.application, fleet, Some(generation)).await.map(|seen| seen.following) {
        Ok(Following::All { .. }) => Known::Yes,
        Ok(following) => Known::Unknown(following.to_string()),
        Err(stop) => Known::Unknown(stop.to_string()),
    }
}
