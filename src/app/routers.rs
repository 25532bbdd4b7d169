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
use crate::domain::routers::{Following, following, heard, reports_since};
use crate::domain::routing::tenants;
use crate::ports::Fault;

/// Time between two looks, and how many there are: five minutes in all, some ten times what routers and the publisher take.
const LOOK: SignedDuration = SignedDuration::from_secs(5);
const LOOKS: u32 = 60;

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
    let seen = match application.address(fleet, &key) {
        Some(address) => readers.fleet.observe(&[address]).await.remove(&key),
        None => None,
    };
    let there = seen.map_or_else(|| Err(format!("the fleet has no {}", routing.router)), |seen| seen.steady_tasks());
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
    let mut seen = look(readers, application, fleet, generation).await?;
    for _ in 0..LOOKS {
        if matches!(seen.following, Following::All { .. }) || readers.stop.raised() {
            break;
        }
        readers.clock.sleep(LOOK).await;
        seen = look(readers, application, fleet, generation).await?;
    }
    let Routers { generation, following, .. } = &seen;
    match following {
        Following::All { .. } => Ok(seen),
        Following::Behind(_) | Following::Unknown(_) => {
            let (fleet, why) = (fleet.name.clone(), following.to_string());
            Err(Reason::RoutersBehind { fleet, generation: *generation, why }.into())
        }
    }
}

/// Has the routers serve what was decided about these tenants: publishes it where there is a key to sign with, else waits
/// for the publisher, and then for all routers. Nothing to do where the fleet has no routing.
///
/// # Errors
/// It is not published or not served within five minutes each; a person's rollback of the snapshot is in force; or what is
/// published cannot be believed.
pub async fn settle(app: &App, fleet: &Fleet, sets: &BTreeSet<SetId>) -> Result<(), Stop> {
    if fleet.routing.is_none() {
        return Ok(());
    }
    for _ in 0..LOOKS {
        if let Some(generation) = published(app, fleet, sets).await? {
            let served = wait(&app.readers, &app.application, fleet, Some(generation)).await?;
            let what = format!("generation {generation} for the routers of {}: {}", fleet.name, served.following);
            app.readers.observer.note(app.readers.clock.now(), &Progress::Around { what });
            return Ok(());
        }
        if app.readers.stop.raised() {
            break;
        }
        app.readers.clock.sleep(LOOK).await;
    }
    Err(Reason::NotPublished { fleet: fleet.name.clone() }.into())
}

/// The generation in force, if these tenants are in it as was decided. Publishes that where there is a key.
async fn published(app: &App, fleet: &Fleet, sets: &BTreeSet<SetId>) -> Result<Option<u64>, Stop> {
    let readers = &app.readers;
    let desk = Desk { application: &app.application, fleet, snapshots: &*readers.snapshots };
    let (_, routing) = desk.place()?;
    let force = desk.in_force().await?.map(|force| force.snapshot);
    let directives = Directives::fold(&readers.ledger.decided(&fleet.name).await?);
    let wanted = tenants(fleet, routing, &directives);
    if let Some(force) = force.filter(|force| of(sets, &force.tenants) == of(sets, &wanted)) {
        return Ok(Some(force.generation));
    }
    let Some(key) = &app.signing_key else { return Ok(None) };
    match desk.publish(readers, &*app.writers.snapshots, key, Wish::default()).await {
        Ok(published) => Ok(Some(published.generation)),
        // The publisher was quicker: what it has published is looked at next.
        Err(Stop::Port(error)) if error.fault == Fault::Conflict => Ok(None),
        Err(stop) => Err(stop),
    }
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
