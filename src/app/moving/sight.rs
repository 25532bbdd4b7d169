//! What is seen of a tenant that moves, at both of its places and in what is published for routers. Nothing is changed
//! here, and what cannot be read is unknown.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::Sites;
use crate::app::routing::Desk;
use crate::app::surroundings::{is_open, is_unborn, routes, sleeps};
use crate::app::{App, Readers, routers};
use crate::domain::directive::{Directives, Move};
use crate::domain::fleet::{Address, Application, Fleet, ServiceSet};
use crate::domain::ids::{ServiceKey, SetId};
use crate::domain::moving::{Line, Site, Standing};
use crate::domain::offboard::Known;
use crate::domain::published::{PublishedSeen, wanted};
use crate::domain::routers::Following;
use crate::domain::routing::tenants;
use crate::domain::snapshot::ServiceSeen;

/// Everything that the next step follows from.
pub(super) async fn look<'a>(
    app: &App,
    of: &Fleet,
    sites: &Sites,
    (set, record): (&'a ServiceSet, Option<&'a Move>),
    directives: &Directives,
) -> Standing<'a> {
    let (readers, fleet) = (&app.readers, &of.name);
    let (old, new) = (&sites.old.application, &sites.new.application);
    let nowhere = || Known::Unknown("fleet.yaml has no such fleet".to_owned());
    let unknown = || Site { sleeps: nowhere(), serves: nowhere(), open: nowhere() };
    let was = match old.fleet(fleet) {
        Some(fleet) => Site {
            sleeps: sleeps(readers, old, fleet, &set.id).await,
            serves: serves(readers, old, fleet, &set.id).await,
            open: is_open(readers, old, fleet, &set.id).await,
        },
        None => unknown(),
    };
    let (goes, made) = match new.fleet(fleet) {
        Some(fleet) => (
            Site {
                sleeps: sleeps_or_unborn(&sites.new, fleet, &set.id).await,
                serves: serves(readers, new, fleet, &set.id).await,
                open: is_open(readers, new, fleet, &set.id).await,
            },
            made(readers, new, fleet, &set.id).await,
        ),
        None => (unknown(), nowhere()),
    };
    Standing {
        set: &set.id,
        line: Line { cell: &set.cell, second: set.second.as_ref() },
        record,
        paused: directives.paused.contains_key(&set.id),
        made,
        old: was,
        new: goes,
        routed: routed(app, of, directives, &set.id).await,
        today: TimeZone::UTC.to_datetime(readers.clock.now()).date(),
    }
}

/// Whether all routers do with a tenant's requests what the records say.
async fn routed(app: &App, fleet: &Fleet, directives: &Directives, set: &SetId) -> Known {
    let Some(routing) = &fleet.routing else { return Known::Unknown("the fleet has no routers".to_owned()) };
    let desk = Desk { application: &app.application, fleet, snapshots: &*app.readers.snapshots };
    let force = match desk.in_force().await {
        Ok(Some(force)) => force.snapshot,
        Ok(None) => return Known::No,
        Err(stop) => return Known::Unknown(stop.to_string()),
    };
    let is = force.tenants.iter().find(|tenant| tenant.id == set.as_str());
    let wanted = tenants(fleet, routing, directives);
    if is.is_none() || is != wanted.iter().find(|tenant| tenant.id == set.as_str()) {
        return Known::No;
    }
    // Who was not heard of may serve what was before: that is waited for, and then said.
    match routers::look(&app.readers, &app.application, fleet, Some(force.generation)).await {
        Ok(seen) => Known::of(matches!(seen.following, Following::All { .. })),
        Err(stop) => Known::Unknown(stop.to_string()),
    }
}

/// Whether every service of a set has its tasks, and at least one.
async fn serves(readers: &Readers, application: &Application, fleet: &Fleet, set: &SetId) -> Known {
    let addresses = application.serving(fleet, set);
    let seen = readers.fleet.observe(&addresses).await;
    all(&addresses, &seen, |live| live.desired > 0 && live.is_settled())
}

/// Whether every service of a set that has ever run something has its tasks.
pub(super) async fn serves_or_unborn(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    set: &SetId,
) -> Known {
    let addresses = application.serving(fleet, set);
    let seen = readers.fleet.observe(&addresses).await;
    let born = |address: &&Address| !is_unborn(application, fleet, &address.service, seen.get(&address.service));
    let born: Vec<Address> = addresses.iter().filter(born).cloned().collect();
    all(&born, &seen, |live| live.desired > 0 && live.is_settled())
}

fn all(
    addresses: &[Address],
    seen: &BTreeMap<ServiceKey, ServiceSeen>,
    so: impl Fn(&crate::domain::snapshot::Live) -> bool,
) -> Known {
    let mut all = true;
    for address in addresses {
        match seen.get(&address.service) {
            Some(ServiceSeen::Live(live)) => all &= so(live),
            Some(ServiceSeen::Missing) => all = false,
            Some(ServiceSeen::Unreachable { why }) => return Known::Unknown(why.clone()),
            None => return Known::Unknown(format!("{} was not read", address.service)),
        }
    }
    Known::of(all)
}

/// Whether a set runs nothing there: put to sleep, or as Terraform makes it.
async fn sleeps_or_unborn(app: &App, fleet: &Fleet, set: &SetId) -> Known {
    let addresses = app.application.serving(fleet, set);
    let seen = app.readers.fleet.observe(&addresses).await;
    if addresses.iter().all(|address| is_unborn(&app.application, fleet, &address.service, seen.get(&address.service)))
    {
        return Known::Yes;
    }
    sleeps(&app.readers, &app.application, fleet, set).await
}

/// Whether Terraform has made the new place: every service, its routes, and what its tasks are made from.
async fn made(readers: &Readers, application: &Application, fleet: &Fleet, set: &SetId) -> Known {
    let addresses = application.serving(fleet, set);
    let seen = readers.fleet.observe(&addresses).await;
    let services = all(&addresses, &seen, |_| true);
    if services != Known::Yes {
        return services;
    }
    match routes(readers, application, fleet, [set].into_iter()).await {
        Ok(routes) if routes.values().all(|routes| routes.forwards > 0) => {}
        Ok(_) => return Known::No,
        Err(stop) => return Known::Unknown(stop.to_string()),
    }
    let Some(manifest) = wanted(application, fleet, set) else { return Known::No };
    match readers.manifests.published(std::slice::from_ref(&manifest)).await.remove(set) {
        Some(PublishedSeen::Is(_)) => Known::Yes,
        Some(PublishedSeen::Bad { .. }) => Known::No,
        Some(PublishedSeen::Unreachable { why }) => Known::Unknown(why),
        None => Known::Unknown("its manifest was not read".to_owned()),
    }
}
