//! Pause and resume on a simulated world, with the process killed at every one of their writes, and the hours by which a
//! fleet sleeps. After each write the world is looked at: while a tenant sleeps, no request finds a task and nothing is
//! released to it; a task goes only behind the 503, and the 503 goes only before what was proven.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::mortal::{Death, Mortal, Watch};
use super::simulated::{app, beginning, commit, push};
use crate::adapters::sim::Sim;
use crate::app::clock::{Ticked, tick};
use crate::app::drive::End;
use crate::app::go_on::go_on;
use crate::app::pause::{Wish, pause, resume};
use crate::app::promote::promote;
use crate::app::rollout::Outcome;
use crate::app::{App, Stop, plan};
use crate::cli::args::Command;
use crate::cli::context::{Context, GitHubEvent};
use crate::cli::exit::Exit;
use crate::cli::progress::Silent;
use crate::cli::run::act;
use crate::domain::directive::Directives;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{FleetName, SetId};
use crate::domain::manifest::{Source, read};
use crate::domain::plan::Direction;
use crate::domain::reason::Reason;

const FLEET: &[u8] = include_bytes!("../../fleet.yaml");

fn application() -> Arc<Application> {
    Arc::new(read(&[Source { name: "fleet.yaml".to_owned(), bytes: FLEET.to_vec() }]).unwrap())
}

/// A world in which dev runs a first release for half an hour.
async fn world(application: &Arc<Application>) -> Arc<Sim> {
    let sim = Arc::new(Sim::new(application, beginning()));
    merge(&sim, application, 1).await;
    sim
}

async fn merge(sim: &Arc<Sim>, application: &Arc<Application>, number: u64) {
    sim.world().commit(&[("services/iam", &[])]);
    let context = Context { event: Some(push(number)), run_number: number, ..Context::default() };
    let app = app(sim, Arc::clone(application), Arc::new(Silent));
    act(&Command::Ci { approved_plan: None, fleet: None }, &app, &context).await;
    sim.world().advance(SignedDuration::from_mins(31));
}

fn dev(application: &Application) -> &Fleet {
    application.fleet(&"dev".parse().unwrap()).unwrap()
}

/// What must hold after every write.
fn watch(application: &Arc<Application>) -> Watch {
    let application = Arc::clone(application);
    Arc::new(move |sim| {
        let fleet = dev(&application);
        let world = sim.world();
        for set in fleet.sets.iter().filter(|set| !set.id.is_control_plane()) {
            let tasks: Vec<u32> = world.tasks_wanted(&fleet.name, &set.id);
            let closed = world.is_closed(&fleet.name, &set.id);
            assert!(closed || tasks.iter().all(|tasks| *tasks > 0), "{}: open, and tasks {tasks:?}", set.id);
            for service in application.services_of(&set.id) {
                let key = crate::domain::ids::ServiceKey::new(&set.id, &service.name);
                let reached = world.answers(&set.host, &key).is_some();
                assert!(!(closed && reached), "{key}: closed, and a request reaches it");
                assert!(closed || reached, "{key}: open, and nothing answers");
            }
        }
    })
}

fn nobody_looks() -> Watch {
    Arc::new(|_| {})
}

fn wish(sets: &BTreeSet<SetId>) -> Wish<'_> {
    Wish { sets, by: "ana", why: "a quiet month", until: None }
}

async fn paused(app: &App, fleet: &Fleet, sets: &BTreeSet<SetId>) -> Result<(), Stop> {
    pause(app, fleet, &wish(sets)).await.map(drop)
}

/// Resumes, as a person would who knows what to do about a rollout that was left open.
async fn resumed(app: &App, fleet: &Fleet, sets: &BTreeSet<SetId>) -> Result<(), Stop> {
    let directives = Directives::fold(&app.readers.ledger.decided(&fleet.name).await?);
    let left: BTreeSet<SetId> = directives.paused.keys().cloned().collect();
    if left.is_empty() {
        return Ok(());
    }
    assert!(left.is_subset(sets) || sets.is_empty());
    match resume(app, fleet, &wish(&left)).await {
        Err(Stop::Refused(reasons)) if matches!(reasons[..], [Reason::RolloutOpen { .. }]) => {
            well(&go_on(app, fleet).await?);
            resume(app, fleet, &wish(&left)).await?.iter().for_each(well);
        }
        done => done?.iter().for_each(well),
    }
    Ok(())
}

fn well(outcome: &Outcome) {
    assert!(matches!(outcome.end, None | Some(End::Succeeded)), "{:?}", outcome.end);
}

/// Whole story: everybody in dev sleeps, a release passes them by, they wake on it. The pause or the resume dies once.
async fn story(one: bool, in_pause: Option<Death>, in_resume: Option<Death>) -> (String, u32, u32) {
    let application = application();
    let (sim, fleet, watch) = (world(&application).await, dev(&application), watch(&application));
    let sets: BTreeSet<SetId> = if one { BTreeSet::from(["hooli".parse().unwrap()]) } else { BTreeSet::new() };
    let began = sim.world().surroundings(&fleet.name);

    let process = Mortal::new(&sim, in_pause, &watch);
    let ended = process.live(paused(&process.app(&application), fleet, &sets)).await;
    let writes = process.writes();
    match ended {
        Some(done) => done.unwrap(),
        None => {
            let again = Mortal::new(&sim, None, &watch);
            paused(&again.app(&application), fleet, &sets).await.unwrap();
        }
    }
    asleep(&sim, fleet, &sets);
    merge(&sim, &application, 2).await;
    asleep(&sim, fleet, &sets);

    let process = Mortal::new(&sim, in_resume, &watch);
    let ended = process.live(resumed(&process.app(&application), fleet, &sets)).await;
    let more = process.writes();
    match ended {
        Some(done) => done.unwrap(),
        None => {
            let again = Mortal::new(&sim, None, &watch);
            resumed(&again.app(&application), fleet, &sets).await.unwrap();
        }
    }
    let end = sim.world().surroundings(&fleet.name);
    assert_eq!(began, end, "tasks, autoscaling, rules and databases are as before");
    let app = app(&sim, Arc::clone(&application), Arc::new(Silent));
    let decided = app.readers.ledger.decided(&fleet.name).await.unwrap();
    assert!(Directives::fold(&decided).paused.is_empty());
    (sim.world().what_runs(&fleet.name), writes, more)
}

fn asleep(sim: &Sim, fleet: &Fleet, sets: &BTreeSet<SetId>) {
    let world = sim.world();
    for set in fleet.sets.iter().filter(|set| !set.id.is_control_plane()) {
        let sleeps = sets.is_empty() || sets.contains(&set.id);
        let none = world.tasks_wanted(&fleet.name, &set.id).iter().all(|tasks| *tasks == 0);
        assert_eq!((none, world.is_closed(&fleet.name, &set.id)), (sleeps, sleeps), "{}", set.id);
    }
    assert_eq!(world.databases_on(&fleet.name), !sets.is_empty(), "a database that somebody uses stays");
}

#[tokio::test]
async fn inv_05_killed_at_every_write_of_a_pause_it_ends_the_same() {
    for one in [true, false] {
        let (wanted, writes, _) = story(one, None, None).await;
        assert!(writes >= if one { 12 } else { 34 }, "{writes}");
        for at in 0..writes {
            for after in [false, true] {
                let (end, ..) = story(one, Some(Death { at, after }), None).await;
                assert_eq!(end, wanted, "killed at write {at}, after it: {after}");
            }
        }
    }
}

#[tokio::test]
async fn inv_05_killed_at_every_write_of_a_resume_it_ends_the_same() {
    let (wanted, _, writes) = story(true, None, None).await;
    assert!(writes >= 14, "{writes}");
    for at in 0..writes {
        for after in [false, true] {
            let (end, ..) = story(true, None, Some(Death { at, after })).await;
            assert_eq!(end, wanted, "killed at write {at}, after it: {after}");
        }
    }
}

#[tokio::test]
async fn inv_11_nothing_is_released_to_whom_a_pause_has_begun_to_put_to_sleep() {
    let application = application();
    let (sim, fleet) = (world(&application).await, dev(&application));
    let before = sim.world().what_runs(&fleet.name);
    let process = Mortal::new(&sim, Some(Death { at: 2, after: true }), &nobody_looks());
    let sets = BTreeSet::new();
    assert!(process.live(paused(&process.app(&application), fleet, &sets)).await.is_none());
    merge(&sim, &application, 2).await;
    let app = app(&sim, Arc::clone(&application), Arc::new(Silent));
    let release = app.readers.ledger.release_of(&commit(2).parse().unwrap()).await.unwrap().unwrap();
    let planned = plan::plan(&app.readers, &application, fleet, &release, Direction::Deploy).await.unwrap();
    assert!(planned.changes().all(|change| change.service.set.is_control_plane()));
    well(&promote(&app, fleet, &release, None, None).await.unwrap());
    assert_eq!(sim.world().what_runs(&fleet.name), before);
}

/// A fleet sleeps by its hours, a database that AWS starts after a week is stopped again, and only whom the clock put
/// to sleep does the clock wake.
#[tokio::test]
async fn a_fleet_sleeps_while_a_tenant_of_it_waits_for_its_first_release() {
    let application = application();
    let (sim, fleet) = (world(&application).await, dev(&application));
    let new: SetId = "hooli".parse().unwrap();
    sim.world().bear(&application, fleet, std::slice::from_ref(&new));
    let app = app(&sim, Arc::clone(&application), Arc::new(Silent));
    let everybody = BTreeSet::new();
    paused(&app, fleet, &everybody).await.unwrap();
    let directives = Directives::fold(&app.readers.ledger.decided(&fleet.name).await.unwrap());
    assert!(!directives.paused.is_empty() && !directives.paused.contains_key(&new));
    for key in application.services_in(fleet).filter(|key| !key.set.is_control_plane()) {
        assert_eq!(sim.world().tasks_of(&fleet.name, &key).unwrap().0, 0, "{key}");
    }
    let outcomes = resume(&app, fleet, &wish(&everybody)).await.unwrap();
    assert!(!outcomes.is_empty() && outcomes.iter().all(|outcome| outcome.end == Some(End::Succeeded)));
}

#[tokio::test]
async fn a_fleet_sleeps_and_wakes_by_its_hours() {
    let application = application();
    let (sim, fleet) = (world(&application).await, dev(&application));
    let began = sim.world().surroundings(&fleet.name);
    let app = app(&sim, Arc::clone(&application), Arc::new(Silent));
    let at = |time: &str| sim.world().now = time.parse::<Timestamp>().unwrap();
    let by_hand = BTreeSet::from(["acme".parse().unwrap()]);

    at("2026-11-23T18:59:00Z");
    assert_eq!(tick(&app, fleet).await.unwrap(), Ticked::Kept(0), "a minute before eight in Berlin");
    paused(&app, fleet, &by_hand).await.unwrap();
    at("2026-11-23T19:17:00Z");
    assert_eq!(tick(&app, fleet).await.unwrap(), Ticked::Slept(2));
    assert_eq!(tick(&app, fleet).await.unwrap(), Ticked::Kept(0), "twice is once");
    asleep(&sim, fleet, &BTreeSet::new());

    at("2026-11-24T06:17:00Z");
    let Ticked::Woke(outcomes) = tick(&app, fleet).await.unwrap() else { panic!("it is seven in Berlin") };
    outcomes.iter().for_each(well);
    assert_eq!(outcomes.len(), 2);
    assert!(sim.world().is_closed(&fleet.name, &"acme".parse().unwrap()), "a person paused it");
    assert!(sim.world().databases_on(&fleet.name));

    at("2026-11-27T19:17:00Z");
    assert_eq!(tick(&app, fleet).await.unwrap(), Ticked::Slept(2));
    // Nothing runs by the schedule for more than a week, and AWS starts the database.
    at("2026-12-05T18:17:00Z");
    assert!(sim.world().databases_on(&fleet.name));
    assert_eq!(tick(&app, fleet).await.unwrap(), Ticked::Kept(1));
    assert!(!sim.world().databases_on(&fleet.name));

    at("2026-12-07T06:17:00Z");
    assert!(matches!(tick(&app, fleet).await.unwrap(), Ticked::Woke(_)));
    resumed(&app, fleet, &by_hand).await.unwrap();
    assert_eq!(sim.world().surroundings(&fleet.name), began);
}

/// dev in which `acme` has a licence until this day, and sleeps without one; without hours.
fn licensed(until: &str) -> Arc<Application> {
    let text = String::from_utf8(FLEET.to_vec()).unwrap();
    let hours = text.lines().find(|line| line.trim_start().starts_with("awake:")).unwrap().to_owned();
    let acme = format!("{{ id: acme, fleet: dev, license: {{ plan: trial, until: {until} }} }}");
    let text = text.replacen(&hours, "    license: { expired: pause }", 1);
    let text = text.replacen("{ id: acme,      fleet: dev }", &acme, 1);
    assert!(text.contains(&acme));
    Arc::new(read(&[Source { name: "fleet.yaml".to_owned(), bytes: text.into_bytes() }]).unwrap())
}

/// The clock puts a tenant to sleep when its licence has ended, and wakes it through the gate when it has one again.
#[tokio::test]
async fn a_tenant_without_a_licence_sleeps_until_it_has_one_if_the_policy_says_so() {
    let (before, after) = (licensed("2026-11-24"), licensed("2027-11-24"));
    let sim = world(&before).await;
    let began = sim.world().surroundings(&dev(&before).name);
    let at = |time: &str| sim.world().now = time.parse::<Timestamp>().unwrap();
    let own = app(&sim, Arc::clone(&before), Arc::new(Silent));
    at("2026-11-24T23:59:00Z");
    assert_eq!(tick(&own, dev(&before)).await.unwrap(), Ticked::Kept(0), "its last day");
    at("2026-11-25T00:00:00Z");
    assert_eq!(tick(&own, dev(&before)).await.unwrap(), Ticked::Slept(1));
    assert_eq!(tick(&own, dev(&before)).await.unwrap(), Ticked::Kept(0), "twice is once");
    asleep(&sim, dev(&before), &BTreeSet::from(["acme".parse().unwrap()]));
    let own = app(&sim, Arc::clone(&after), Arc::new(Silent));
    let Ticked::Woke(outcomes) = tick(&own, dev(&after)).await.unwrap() else { panic!("it has a licence again") };
    assert_eq!(outcomes.len(), 1);
    outcomes.iter().for_each(well);
    assert_eq!(sim.world().surroundings(&dev(&after).name), began);
}

#[tokio::test]
async fn ci_on_a_schedule_touches_only_fleets_with_hours() {
    let application = application();
    let sim = world(&application).await;
    sim.world().now = "2026-11-23T19:17:00Z".parse().unwrap();
    let app = app(&sim, Arc::clone(&application), Arc::new(Silent));
    let payload = serde_json::json!({"schedule": "17 5,6,18,19,20 * * *"});
    let context = Context { event: Some(GitHubEvent { name: "schedule".to_owned(), payload }), ..Context::default() };
    let report = act(&Command::Ci { approved_plan: None, fleet: None }, &app, &context).await;
    assert_eq!((report.exit, report.text.as_str()), (Exit::Done, "dev: 3 tenants at zero tasks\n"));
    let prod: FleetName = "prod".parse().unwrap();
    assert!(sim.world().databases_on(&prod));
    assert!(app.readers.ledger.decided(&prod).await.unwrap().is_empty());
}
