//! What stands around the services of a set that sleeps: the rule of its load balancer that answers in their place, and
//! the databases that nobody uses meanwhile. Each step looks first and changes only what is not yet as it should be, so
//! all of it may be done again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::progress::Progress;
use super::{App, Readers, Stop};
use crate::domain::directive::{Directives, Paused};
use crate::domain::fleet::{Address, Application, Fleet, ServiceSet};
use crate::domain::ids::{ServiceKey, SetId};
use crate::domain::offboard::Known;
use crate::domain::pause::{ClosedRule, Database, DatabaseState, Routes, awake, raised};
use crate::domain::snapshot::ServiceSeen;
use crate::ports::{Entrance, Fault, PortError};

/// Time between two looks at databases that start or stop, and how many there are: an hour in all. A start takes
/// minutes; one after a change of the instance's size, longer.
const LOOK: SignedDuration = SignedDuration::from_secs(20);
const LOOKS: u32 = 180;

/// What becomes of the requests of these sets.
pub(super) async fn routes<'a>(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    sets: impl Iterator<Item = &'a SetId>,
) -> Result<BTreeMap<SetId, Routes>, Stop> {
    let entrances: Vec<Entrance> = sets.filter_map(|set| entrance(application, fleet, fleet.set(set)?)).collect();
    let read = readers.routes.routes(&entrances).await;
    let known = entrances.iter().map(|entrance| {
        let unread = || PortError::new(Fault::Unavailable, looking(&entrance.set), "it was not read");
        Ok((entrance.set.clone(), read.get(&entrance.set).cloned().unwrap_or_else(|| Err(unread()))?))
    });
    known.collect()
}

/// Where the requests of a set come in; none if it has none.
fn entrance(application: &Application, fleet: &Fleet, set: &ServiceSet) -> Option<Entrance> {
    let serving = application.services_of(&set.id).filter(|service| service.http.is_some());
    let keys = serving.map(|service| ServiceKey::new(&set.id, &service.name));
    let services: Vec<Address> = keys.filter_map(|key| application.address(fleet, &key)).collect();
    (!services.is_empty()).then(|| Entrance { set: set.id.clone(), host: set.host.clone(), services })
}

/// The priority at which the 503 of each of these sets rests; a set without such a rule has no entry.
pub(super) async fn at_rest(app: &App, fleet: &Fleet, sets: &[SetId]) -> Result<BTreeMap<SetId, u32>, Stop> {
    let mut found = BTreeMap::new();
    for (set, routes) in routes(&app.readers, &app.application, fleet, sets.iter()).await? {
        if let Some(rest) = rule(&set, &routes)?.and_then(ClosedRule::rest) {
            found.insert(set, rest);
        }
    }
    Ok(found)
}

fn rule<'a>(set: &SetId, routes: &'a Routes) -> Result<Option<&'a ClosedRule>, Stop> {
    routes.rule().map_err(|why| PortError::new(Fault::Refused, looking(set), why).into())
}

/// Lays the 503 of these sets over their routes, as their pause was recorded.
pub(super) async fn close(app: &App, fleet: &Fleet, paused: &BTreeMap<SetId, Paused>) -> Result<(), Stop> {
    let wanted = |(set, paused): (&SetId, &Paused)| Some((set.clone(), raised(paused.rule?)?));
    bring(app, fleet, &paused.iter().filter_map(wanted).collect(), "answers 503 in place of its services").await
}

/// Lays the 503 of a set over its routes, or back under them, whether it is paused or not.
pub(super) async fn cover(app: &App, fleet: &Fleet, set: &SetId, over: bool) -> Result<(), Stop> {
    let rest = at_rest(app, fleet, std::slice::from_ref(set)).await?;
    let wanted = rest.into_iter().filter_map(|(set, rest)| Some((set, if over { raised(rest)? } else { rest })));
    let what = if over { "answers 503 in place of its services" } else { "gets its requests again" };
    bring(app, fleet, &wanted.collect(), what).await
}

/// Whether no 503 lies over the routes of a set.
pub(super) async fn is_open(readers: &Readers, application: &Application, fleet: &Fleet, set: &SetId) -> Known {
    let found = match routes(readers, application, fleet, [set].into_iter()).await {
        Ok(found) => found,
        Err(stop) => return Known::Unknown(stop.to_string()),
    };
    match found.get(set).map(Routes::rule).transpose() {
        Ok(rule) => Known::of(rule.flatten().is_none_or(|rule| rule.rest() == Some(rule.priority))),
        Err(why) => Known::Unknown(why),
    }
}

/// Whether nothing of a release has ever run in a service.
pub(super) fn is_unborn(
    application: &Application,
    fleet: &Fleet,
    service: &ServiceKey,
    seen: Option<&ServiceSeen>,
) -> bool {
    let placeholder = application.placeholder(&fleet.name, &service.service);
    matches!(seen, Some(ServiceSeen::Live(live)) if live.is_unborn(&placeholder))
}

/// Whether no task of a set runs and nothing can start one.
pub(super) async fn sleeps(readers: &Readers, application: &Application, fleet: &Fleet, set: &SetId) -> Known {
    let addresses = application.serving(fleet, set);
    let seen = readers.fleet.observe(&addresses).await;
    let scaling = readers.scaling.scaling(&addresses).await;
    let mut all = Known::Yes;
    for key in addresses.iter().map(|address| &address.service) {
        let tasks = match seen.get(key) {
            Some(ServiceSeen::Live(live)) => live.desired == 0 && live.running == 0,
            Some(ServiceSeen::Missing) => true,
            Some(ServiceSeen::Unreachable { why }) => return Known::Unknown(why.clone()),
            None => return Known::Unknown(format!("{key} was not read")),
        };
        let quiet = match scaling.get(key) {
            Some(Ok(scaling)) => scaling.is_none_or(|scaling| scaling == scaling.paused()),
            Some(Err(error)) => return Known::Unknown(error.to_string()),
            None => return Known::Unknown(format!("the scaling of {key} was not read")),
        };
        if !(tasks && quiet) {
            all = Known::No;
        }
    }
    all
}

/// Lays the 503 of a set back under its routes.
pub(super) async fn open(app: &App, fleet: &Fleet, set: &SetId, paused: &Paused) -> Result<(), Stop> {
    let wanted = paused.rule.map(|rest| (set.clone(), rest)).into_iter().collect();
    bring(app, fleet, &wanted, "gets its requests again").await
}

async fn bring(app: &App, fleet: &Fleet, wanted: &BTreeMap<SetId, u32>, what: &str) -> Result<(), Stop> {
    let found = routes(&app.readers, &app.application, fleet, wanted.keys()).await?;
    for (set, priority) in wanted {
        let gone =
            || PortError::new(Fault::Refused, looking(set), "its rule of 503 is gone, or is at another priority");
        let rule = match found.get(set).map(|routes| rule(set, routes)).transpose()?.flatten() {
            Some(rule) => rule,
            // Terraform takes a tenant's routes and its 503 away together.
            None if found.get(set).is_some_and(|routes| routes.forwards == 0) => continue,
            None => return Err(gone().into()),
        };
        let Some(of) = fleet.set(set).filter(|_| rule.priority != *priority) else { continue };
        app.writers.routes.set_priority(&of.cell, rule, *priority).await?;
        note(app, format!("{set} {what}"));
    }
    Ok(())
}

fn looking(set: &SetId) -> String {
    format!("reading the routes of {set}")
}

/// Stops the databases that nobody uses who is awake, and waits until they are. One that AWS started after its seven
/// days is stopped again. Answers how many were.
pub(super) async fn rest_databases(app: &App, fleet: &Fleet, directives: &Directives) -> Result<usize, Stop> {
    let awake = awake(fleet, directives);
    turn(app, fleet, |database| !database.is_used_by(&awake), Turn::Off).await
}

/// Starts the databases that one of these sets uses, and waits until they answer.
pub(super) async fn wake_databases(app: &App, fleet: &Fleet, sets: &BTreeSet<SetId>) -> Result<usize, Stop> {
    turn(app, fleet, |database| database.is_used_by(sets), Turn::On).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    On,
    Off,
}

/// Turns every database that is meant on or off. One on its way is waited for and looked at again: what it was on its
/// way to may be the wrong way.
async fn turn(app: &App, fleet: &Fleet, meant: impl Fn(&Database) -> bool, turn: Turn) -> Result<usize, Stop> {
    let (from, to, what) = match turn {
        Turn::On => (DatabaseState::Stopped, DatabaseState::Available, "started"),
        Turn::Off => (DatabaseState::Available, DatabaseState::Stopped, "stopped"),
    };
    let (mut turned, mut late) = (BTreeSet::new(), None);
    for _ in 0..LOOKS {
        let all = app.readers.databases.databases(&fleet.name, &fleet.cells).await?;
        let not_yet: Vec<Database> =
            all.into_iter().filter(|database| meant(database) && database.state != to).collect();
        for database in not_yet.iter().filter(|database| database.state == from) {
            let asked = match turn {
                Turn::On => app.writers.databases.start(database).await,
                Turn::Off => app.writers.databases.stop(database).await,
            };
            match asked {
                // It has moved since it was looked at.
                Err(error) if error.fault == Fault::Conflict => {}
                asked => asked?,
            }
            if turned.insert(database.id.clone()) {
                note(app, format!("database {} is {what}", database.id));
            }
        }
        late = not_yet.into_iter().next();
        if late.is_none() {
            return Ok(turned.len());
        }
        app.readers.clock.sleep(LOOK).await;
    }
    let (id, state) = late.map(|database| (database.id, database.state)).unwrap_or((String::new(), from));
    let why = format!("it is {state}, and should be {to}; asked for again, this goes on");
    Err(PortError::new(Fault::Unavailable, format!("waiting for database {id}"), why).into())
}

fn note(app: &App, what: String) {
    app.readers.observer.note(app.readers.clock.now(), &Progress::Around { what });
}
