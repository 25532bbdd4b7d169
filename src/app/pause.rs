//! `pause` and `resume`: tenants put to sleep at zero tasks, and woken as they were. What will be changed is recorded
//! before the first change, so that either can be cut off anywhere and goes on when it is asked for again.
//!
//! The order: a 503 over the routes, so that no request meets a task that goes; autoscaling; tasks; databases that
//! nobody uses any more. Waking goes the other way, and the 503 is the last to go.
//!
//! Waking leads through the gate: a release that was applied at zero tasks was never proven, and what was proven
//! before may have met a changed world meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jiff::civil::Date;

use super::decisions::record;
use super::drive::End;
use super::lease::Lease;
use super::plan::make;
use super::progress::Progress;
use super::rollout::{Outcome, carry_out};
use super::routers::settle;
use super::surroundings::{at_rest, close, is_unborn, open, rest_databases, wake_databases};
use super::{App, Stop};
use crate::domain::approved::Approved;
use crate::domain::directive::{Directive, Paused, Running, Scaling};
use crate::domain::fleet::{Address, Fleet, ServiceSet, SetState};
use crate::domain::ids::{ServiceKey, SetId};
use crate::domain::ledger::{current_version, open_rollout};
use crate::domain::pause::{Sleeper, running, wake_host};
use crate::domain::plan::Direction;
use crate::domain::reason::Reason;
use crate::domain::snapshot::ServiceSeen;
use crate::ports::PortResult;

/// Time between two looks at services that fall asleep or wake, and how many there are: half an hour in all.
const LOOK: SignedDuration = SignedDuration::from_secs(10);
const LOOKS: u32 = 180;

/// Who wants something paused or resumed, and why.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// The tenants; all of the fleet's if none is named.
    pub sets: &'a BTreeSet<SetId>,
    /// Who.
    pub by: &'a str,
    /// Why.
    pub why: &'a str,
    /// When they are meant to come back.
    pub until: Option<Date>,
}

/// A service, where it is, and how it ran.
type Known = BTreeMap<ServiceKey, (Address, Running)>;

/// Puts tenants to sleep, and has the edge routers say so. Those that sleep already stay as they are, and so do those of
/// which nothing has run yet.
///
/// # Errors
/// A rollout is open, somebody else moves the fleet, or a service is in no state that could be restored: nothing
/// was changed then. Or what is changed does not answer: asked for again, it goes on. Or routers do not follow: they sleep.
pub async fn pause(app: &App, fleet: &Fleet, wish: &Wish<'_>) -> Result<usize, Stop> {
    let mut lease = Lease::take(app, &fleet.name, "pause").await?;
    let tenants = fleet.sets.iter().filter(|set| !set.id.is_control_plane() && set.state == SetState::Active);
    let result = match staying(fleet, &lease, wish.sets, tenants.map(|set| &set.id)) {
        Ok(None) => Ok(0),
        Ok(Some(sets)) => put_to_sleep(app, fleet, &mut lease, &Wish { sets: &sets, ..wish.clone() }).await,
        Err(stop) => Err(stop),
    };
    lease.release(app).await;
    let slept = result?;
    settle(app, fleet, &meant(fleet, wish)).await?;
    Ok(slept)
}

/// Those that are meant, without who is being moved: what sleeps of them, and where, is their move's business. None if
/// nobody is left.
fn staying<'a>(
    fleet: &Fleet,
    lease: &Lease,
    named: &BTreeSet<SetId>,
    all: impl Iterator<Item = &'a SetId>,
) -> Result<Option<BTreeSet<SetId>>, Stop> {
    let moving = |set: &SetId| fleet.set(set).and_then(|set| lease.directives().being_moved(set)).cloned();
    let refused = named.iter().filter_map(|set| Some(Reason::BeingMoved { set: set.clone(), to: moving(set)? }));
    let refused: Vec<Reason> = refused.collect();
    if !refused.is_empty() {
        return Err(Stop::Refused(refused));
    }
    let (away, here): (Vec<&SetId>, Vec<&SetId>) = all.partition(|set| moving(set).is_some());
    if away.is_empty() || !named.is_empty() {
        return Ok(Some(named.clone()));
    }
    Ok((!here.is_empty()).then(|| here.into_iter().cloned().collect()))
}

/// [`pause`], by a holder of the lease; also of a tenant on its way out, which may be at zero tasks already.
pub(super) async fn put_to_sleep(app: &App, fleet: &Fleet, lease: &mut Lease, wish: &Wish<'_>) -> Result<usize, Stop> {
    nothing_open(app, fleet).await?;
    let awake = |set: &SetId| !lease.directives().paused.contains_key(set);
    let new: Vec<SetId> = wanted(fleet, wish.sets)?.into_iter().filter(awake).collect();
    let was = how_they_run(app, fleet, &new).await?;
    if !was.is_empty() {
        let new: BTreeSet<SetId> = was.keys().map(|key| key.set.clone()).collect();
        let rules = at_rest(app, fleet, &new.into_iter().collect::<Vec<_>>()).await?;
        let directive = Directive::Pausing { was, rules, until: wish.until };
        record(app, &fleet.name, wish.by, wish.why, directive).await?;
    }
    // Read back: what is recorded is what is done, also for a pause that was cut off before.
    lease.refresh(app).await?;
    let sets = wanted(fleet, wish.sets)?;
    close(app, fleet, &recorded(lease, &sets)).await?;
    let known = known(app, fleet, lease, sets.iter());
    for (address, running) in known.values() {
        if let Some(scaling) = running.scaling {
            app.writers.scaling.set_scaling(address, &scaling.paused()).await?;
        }
    }
    for (service, (address, _)) in last_first(app, &known) {
        app.writers.scaling.set_desired(address, 0).await?;
        note(app, service, "is put to sleep");
    }
    wait(app, &known, |sleeper| sleeper.sleeps(), "still has tasks").await?;
    rest_databases(app, fleet, lease.directives()).await?;
    Ok(sets.len())
}

/// Wakes tenants as they were, and brings each to the fleet's release through the gate. Answers the rollouts.
///
/// # Errors
/// A tenant is not paused by a decision, or is not as it was left: nothing was changed then. Or what is changed does
/// not answer: asked for again, it goes on. Or routers do not follow: they are awake, by their own hosts.
pub async fn resume(app: &App, fleet: &Fleet, wish: &Wish<'_>) -> Result<Vec<Outcome>, Stop> {
    let mut lease = Lease::take(app, &fleet.name, "resume").await?;
    let paused: Vec<SetId> = lease.directives().paused.keys().cloned().collect();
    let result = match staying(fleet, &lease, wish.sets, paused.iter()) {
        Ok(None) => Ok(Vec::new()),
        Ok(Some(sets)) => wake(app, fleet, &mut lease, &Wish { sets: &sets, ..wish.clone() }).await,
        Err(stop) => Err(stop),
    };
    lease.release(app).await;
    let outcomes = result?;
    if outcomes.iter().all(|outcome| outcome.end == Some(End::Succeeded)) {
        settle(app, fleet, &meant(fleet, wish)).await?;
    }
    Ok(outcomes)
}

/// Whose routing a wish is about.
fn meant(fleet: &Fleet, wish: &Wish<'_>) -> BTreeSet<SetId> {
    match wish.sets.is_empty() {
        true => fleet.sets.iter().map(|set| set.id.clone()).collect(),
        false => wish.sets.clone(),
    }
}

/// [`resume`], by a holder of the lease.
pub(super) async fn wake(app: &App, fleet: &Fleet, lease: &mut Lease, wish: &Wish<'_>) -> Result<Vec<Outcome>, Stop> {
    nothing_open(app, fleet).await?;
    let sets = to_wake(fleet, &lease.directives().paused, wish.sets)?;
    let known = known(app, fleet, lease, sets.iter());
    as_left(app, &known).await?;
    wake_databases(app, fleet, &sets.iter().cloned().collect()).await?;
    for (address, running) in known.values() {
        app.writers.scaling.set_desired(address, running.desired).await?;
    }
    wait(app, &known, |sleeper| sleeper.is_awake(), "does not have its tasks yet").await?;
    let mut outcomes = Vec::new();
    for set in &sets {
        // Under its 503, it answers where only a resume asks.
        let covered = lease.directives().paused.get(set).is_some_and(|paused| paused.rule.is_some());
        let outcome = prove(app, fleet, lease, set, covered.then(|| wake_host(fleet, set))).await?;
        let well = outcome.end == Some(End::Succeeded);
        outcomes.push(outcome);
        if !well {
            return Ok(outcomes);
        }
        for (address, running) in known.iter().filter(|(service, _)| &service.set == set).map(|(_, known)| known) {
            if let Some(scaling) = running.scaling {
                app.writers.scaling.set_scaling(address, &scaling).await?;
            }
        }
        if let Some(paused) = lease.directives().paused.get(set) {
            open(app, fleet, set, paused).await?;
        }
        let sets = BTreeSet::from([set.clone()]);
        record(app, &fleet.name, wish.by, wish.why, Directive::Resumed { sets }).await?;
    }
    Ok(outcomes)
}

/// Brings one set that is awake again, or has its first tasks by this, to the fleet's release, and watches it whole; at
/// this host, if its own does not lead to it.
pub(super) async fn prove(
    app: &App,
    fleet: &Fleet,
    lease: &mut Lease,
    set: &SetId,
    host: Option<String>,
) -> Result<Outcome, Stop> {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    let no_such = || Reason::NoSuchRelease { wanted: format!("{}, which has had none yet", fleet.name) };
    let version = current_version(&rollouts).ok_or_else(no_such)?;
    let release = app.readers.ledger.release(version).await?.ok_or_else(no_such)?;
    let mut alone = fleet.alone(set);
    if let Some(host) = host {
        alone.sets.iter_mut().for_each(|set| set.host.clone_from(&host));
    }
    let plan = make(&app.readers, &app.application, &alone, &release, Direction::Wake, true).await?;
    carry_out(app, &alone, lease, plan, Approved::NotNeeded).await
}

async fn nothing_open(app: &App, fleet: &Fleet) -> Result<(), Stop> {
    match open_rollout(&app.readers.ledger.rollouts(&fleet.name).await?) {
        None => Ok(()),
        Some(open) => {
            let (version, rollout) = (open.intent.version.clone(), open.id.0);
            Err(Reason::RolloutOpen { fleet: fleet.name.clone(), version, rollout }.into())
        }
    }
}

/// The tenants that are meant, those that the file keeps asleep left out unless they are named.
fn wanted(fleet: &Fleet, named: &BTreeSet<SetId>) -> Result<Vec<SetId>, Stop> {
    if let Some(tenant) = named.iter().find(|set| fleet.set(set).is_none()) {
        return Err(Stop::NoSuchTenant { fleet: fleet.name.clone(), tenant: tenant.clone() });
    }
    let leaves = |set: &ServiceSet| set.state == SetState::Offboarding && named.contains(&set.id);
    let meant = |set: &&ServiceSet| !set.id.is_control_plane() && (set.state == SetState::Active || leaves(set));
    let tenants = fleet.sets.iter().filter(meant);
    Ok(tenants.map(|set| set.id.clone()).filter(|set| named.is_empty() || named.contains(set)).collect())
}

fn to_wake(fleet: &Fleet, paused: &BTreeMap<SetId, Paused>, named: &BTreeSet<SetId>) -> Result<Vec<SetId>, Stop> {
    if named.is_empty() {
        return Ok(paused.keys().cloned().collect());
    }
    let not_paused = |set: &&SetId| !paused.contains_key(*set);
    let reasons: Vec<Reason> = named
        .iter()
        .filter(not_paused)
        .map(|set| Reason::NotPaused { fleet: fleet.name.clone(), set: set.clone() })
        .collect();
    if reasons.is_empty() { Ok(named.iter().cloned().collect()) } else { Err(Stop::Refused(reasons)) }
}

/// How every service of these sets runs now.
async fn how_they_run(app: &App, fleet: &Fleet, sets: &[SetId]) -> Result<BTreeMap<ServiceKey, Running>, Stop> {
    let keys = app.application.services_in(fleet).filter(|key| sets.contains(&key.set));
    let addresses: Vec<Address> = keys.filter_map(|key| app.application.address(fleet, &key)).collect();
    let seen = app.readers.fleet.observe(&addresses).await;
    let mut scaling = app.readers.scaling.scaling(&addresses).await;
    let (mut was, mut problems) = (BTreeMap::new(), Vec::new());
    let unborn = unborn(app, fleet, &seen);
    for address in addresses {
        let key = address.service;
        let leaves = fleet.set(&key.set).is_some_and(|set| set.state == SetState::Offboarding);
        if unborn.contains(&key.set) && !leaves {
            continue;
        }
        let scaling = scaling_of(&key, scaling.remove(&key));
        let live = seen.get(&key).cloned().unwrap_or_else(not_read);
        match scaling.and_then(|scaling| running(&key, &live, scaling, leaves)) {
            Ok(running) => drop(was.insert(key, running)),
            Err(reason) => problems.push(reason),
        }
    }
    if problems.is_empty() { Ok(was) } else { Err(Stop::Refused(problems)) }
}

/// Sets of which nothing has run yet: they have no task to lose, and their first release is what wakes them.
fn unborn(app: &App, fleet: &Fleet, seen: &BTreeMap<ServiceKey, ServiceSeen>) -> BTreeSet<SetId> {
    let (unborn, born): (Vec<_>, Vec<_>) =
        seen.iter().partition(|(key, seen)| is_unborn(&app.application, fleet, key, Some(seen)));
    let born: BTreeSet<&SetId> = born.into_iter().map(|(key, _)| &key.set).collect();
    unborn.into_iter().map(|(key, _)| key.set.clone()).filter(|set| !born.contains(set)).collect()
}

fn scaling_of(key: &ServiceKey, read: Option<PortResult<Option<Scaling>>>) -> Result<Option<Scaling>, Reason> {
    let unreadable = |why: String| Reason::NotReady { service: key.clone(), why: format!("its autoscaling: {why}") };
    match read {
        Some(Ok(scaling)) => Ok(scaling),
        Some(Err(error)) => Err(unreadable(error.to_string())),
        None => Err(unreadable("it was not read".to_owned())),
    }
}

fn not_read() -> ServiceSeen {
    ServiceSeen::Unreachable { why: "it was not read".to_owned() }
}

/// How the pause of these sets was recorded.
fn recorded(lease: &Lease, sets: &[SetId]) -> BTreeMap<SetId, Paused> {
    let paused = &lease.directives().paused;
    sets.iter().filter_map(|set| Some((set.clone(), paused.get(set)?.clone()))).collect()
}

/// The services of these sets as their pause was recorded.
fn known<'a>(app: &App, fleet: &Fleet, lease: &Lease, sets: impl Iterator<Item = &'a SetId>) -> Known {
    let paused = &lease.directives().paused;
    let services = sets.filter_map(|set| paused.get(set)).flat_map(|paused| paused.was.clone());
    services
        .filter_map(|(key, running)| Some((key.clone(), (app.application.address(fleet, &key)?, running))))
        .collect()
}

/// Services in the opposite order of their sets': a worker sleeps before what it calls.
fn last_first<'a>(app: &App, known: &'a Known) -> Vec<(&'a ServiceKey, &'a (Address, Running))> {
    let place = |key: &ServiceKey| app.application.services_of(&key.set).position(|s| s.name == key.service);
    let mut services: Vec<_> = known.iter().collect();
    services.sort_by_key(|(key, _)| (key.set.clone(), std::cmp::Reverse(place(key))));
    services
}

/// Every service is as it was left, or nothing is touched.
async fn as_left(app: &App, known: &Known) -> Result<(), Stop> {
    let mut problems = Vec::new();
    each(app, known, |sleeper| problems.extend(sleeper.is_as_left().err())).await?;
    if problems.is_empty() { Ok(()) } else { Err(Stop::Refused(problems)) }
}

/// Waits until all services are as they should be.
async fn wait(app: &App, known: &Known, done: impl Fn(&Sleeper<'_>) -> bool, otherwise: &str) -> Result<(), Stop> {
    let mut late = Vec::new();
    for _ in 0..LOOKS {
        late.clear();
        each(app, known, |sleeper| {
            if !done(sleeper) {
                let why = format!("it {otherwise}");
                late.push(Reason::NotReady { service: sleeper.service.clone(), why });
            }
        })
        .await?;
        if late.is_empty() {
            return Ok(());
        }
        app.readers.clock.sleep(LOOK).await;
    }
    Err(Stop::Refused(late))
}

/// Looks at every service once.
async fn each(app: &App, known: &Known, mut look: impl FnMut(&Sleeper<'_>)) -> Result<(), Stop> {
    let addresses: Vec<Address> = known.values().map(|(address, _)| address.clone()).collect();
    let seen = app.readers.fleet.observe(&addresses).await;
    let mut scaling = app.readers.scaling.scaling(&addresses).await;
    for (service, (_, was)) in known {
        let scaling = scaling_of(service, scaling.remove(service))?;
        let live = seen.get(service).cloned().unwrap_or_else(not_read);
        look(&Sleeper { service, was, seen: &live, scaling });
    }
    Ok(())
}

fn note(app: &App, service: &ServiceKey, what: &str) {
    let progress = Progress::Scaled { service: service.clone(), what: what.to_owned() };
    app.readers.observer.note(app.readers.clock.now(), &progress);
}
