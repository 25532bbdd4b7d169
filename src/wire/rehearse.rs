//! `rehearse`: the file's own fleets on a simulated world, a release with the failures somebody wants to see, and the
//! same code as a real rollout. Shows what would happen, when, and how many calls it costs; touches nothing real.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::simulated::{app, beginning, commit, push};
use crate::adapters::sim::{Fault, FaultKind, Sim};
use crate::app::drive::End;
use crate::app::go_on::go_on;
use crate::app::progress::Observer;
use crate::app::promote::promote;
use crate::app::rollout::Outcome;
use crate::app::{App, Stop, plan};
use crate::cli::args::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure_spec::{FailureSpec, Moment};
use crate::cli::progress::Silent;
use crate::cli::render;
use crate::cli::run::{Report, act, of_outcomes, of_stop};
use crate::domain::approved::ApprovedPlan;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{ContentHash, FleetName, ServiceKey, ServiceName};
use crate::domain::plan::Direction;
use crate::domain::reason::Reason;
use crate::domain::release::Release;
use crate::domain::service::Service;
use crate::domain::snapshot::ServiceSeen;

/// How far ahead a time is looked for at which the fleet may be changed.
const DAYS_AHEAD: i64 = 60;

/// How often a rollout that waits for its window is taken up again.
const WINDOWS_MAX: u32 = 30;

/// What is to be rehearsed.
pub(super) struct Rehearsal<'a> {
    pub(super) fleet: &'a FleetName,
    pub(super) failures: &'a [FailureSpec],
    pub(super) seed: u64,
    /// How many tasks each service really runs, where that was looked at.
    pub(super) live: BTreeMap<ServiceKey, ServiceSeen>,
    /// Whether Terraform has changed the task definitions, too.
    pub(super) configuration: bool,
}

/// Rehearses a release and reports it. Its exit code is that of the rollout.
pub(super) async fn rehearse(application: &Application, wanted: &Rehearsal<'_>, observer: Arc<dyn Observer>) -> Report {
    if let Some(why) = unseen_errors(application, wanted) {
        return refused(&why);
    }
    match carry_out(application, wanted, observer).await {
        Ok(report) => report,
        Err(stop) => of_stop(&stop),
    }
}

async fn carry_out(
    application: &Application,
    wanted: &Rehearsal<'_>,
    observer: Arc<dyn Observer>,
) -> Result<Report, Stop> {
    let fleet = crate::app::fleet(application, wanted.fleet)?;
    unknown_names(application, fleet, wanted.failures)?;
    let sim = Arc::new(Sim::new(application, beginning()));
    let quiet = app(&sim, application.clone(), Arc::new(Silent));
    first_release(&quiet, &sim, fleet).await?;
    for (service, seen) in &wanted.live {
        if let (ServiceSeen::Live(live), Some(address)) = (seen, application.address(fleet, service)) {
            sim.world().scale(&address, live.desired);
        }
    }
    let release = faulty_release(&quiet, &sim, fleet, wanted).await?;
    if wanted.configuration
        && sim.world().change_templates(application, fleet, |_| true, "memory", &Value::from("1024")) == 0
    {
        let none = "none of its cells names a `manifest` in fleet.yaml, so that Terraform publishes nothing";
        return Ok(refused(&format!("{}: {none}", fleet.name)));
    }
    until_open(&sim, fleet);
    let before = sim.world().calls.clone();
    let loud = app(&sim, application.clone(), observer);
    let planned = plan::plan(&loud.readers, application, fleet, &release, Direction::Deploy).await?;
    let (outcome, began) = roll_out(&loud, &sim, fleet, &release, &planned.hash()).await?;
    let report = of_outcomes(&[outcome]);
    let took = sim.world().now.duration_since(began);
    let text = format!(
        "{}\n{}\nin {} of simulated time; calls: {}\n",
        render::plan(&planned),
        report.text,
        render::duration(took),
        cost(&before, &sim.world().calls)
    );
    Ok(Report { text, ..report })
}

/// A name that the file does not have would be rehearsed as no failure at all.
fn unknown_names(application: &Application, fleet: &Fleet, failures: &[FailureSpec]) -> Result<(), Stop> {
    for failure in failures {
        if let Some(tenant) = failure.tenant.as_ref().filter(|tenant| fleet.set(tenant).is_none()) {
            return Err(Stop::NoSuchTenant { fleet: fleet.name.clone(), tenant: tenant.clone() });
        }
        let known = |name: &ServiceName| application.all_services().any(|service| &service.name == name);
        if let Some(service) = failure.service.as_ref().filter(|name| !known(name)) {
            let wanted = format!("service {service}, which fleet.yaml does not have");
            return Err(Reason::NoSuchRelease { wanted }.into());
        }
    }
    Ok(())
}

/// Errors that no gate reads would be rehearsed as no failure at all.
fn unseen_errors(application: &Application, wanted: &Rehearsal<'_>) -> Option<String> {
    let fleet = application.fleet(wanted.fleet)?;
    let unseen = fleet.gate.errors.is_none() && wanted.failures.iter().any(|failure| failure.at == Moment::Errors);
    let name = &fleet.name;
    unseen.then(|| format!("at=errors: the gate of {name} has no `errors` in fleet.yaml, so nothing would see them"))
}

/// A good release in every fleet up to this one: what the rehearsed one replaces.
pub(super) async fn first_release(app: &App, sim: &Sim, fleet: &Fleet) -> Result<(), Stop> {
    let release = merged(app, 1).await?;
    for name in lineage(&app.application, fleet) {
        let Some(one) = app.application.fleet(&name) else { continue };
        sim.world().advance(one.soak);
        until_open(sim, one);
        let planned = plan::plan(&app.readers, &app.application, one, &release, Direction::Deploy).await?;
        roll_out(app, sim, one, &release, &planned.hash()).await?;
    }
    Ok(())
}

/// The fleets that a release goes through on its way to this one, and this one, but for those a merge reaches.
fn lineage(application: &Application, fleet: &Fleet) -> Vec<FleetName> {
    let mut names = Vec::new();
    let mut next = Some(fleet);
    while let Some(one) = next {
        names.push(one.name.clone());
        next = one.from.as_ref().and_then(|from| application.fleet(from));
    }
    names.reverse();
    names
}

/// The release to be rehearsed: it changes every service, and shows its failures in this fleet alone.
async fn faulty_release(app: &App, sim: &Sim, fleet: &Fleet, wanted: &Rehearsal<'_>) -> Result<Release, Stop> {
    let services: Vec<&Service> = app.application.all_services().collect();
    let touched: Vec<(String, Vec<Fault>)> = services
        .iter()
        .map(|service| (service.build.context.clone(), faults(fleet, service, wanted.failures)))
        .collect();
    let folders: Vec<(&str, &[Fault])> =
        touched.iter().map(|(folder, faults)| (folder.as_str(), faults.as_slice())).collect();
    sim.world().commit(&folders);
    // The seed chooses the commit, the commit the version, and the version who is first.
    let release = merged(app, 2 + wanted.seed).await?;
    let way = lineage(&app.application, fleet);
    for one in way.iter().filter(|name| **name != fleet.name).filter_map(|name| app.application.fleet(name)) {
        sim.world().advance(one.soak);
        until_open(sim, one);
        let planned = plan::plan(&app.readers, &app.application, one, &release, Direction::Deploy).await?;
        roll_out(app, sim, one, &release, &planned.hash()).await?;
    }
    sim.world().advance(fleet.soak);
    Ok(release)
}

fn faults(fleet: &Fleet, service: &Service, failures: &[FailureSpec]) -> Vec<Fault> {
    // A task that fails keeps everything else from being tried, so it does only where it is meant by name.
    let concerns = |failure: &&FailureSpec| match &failure.service {
        Some(name) => name == &service.name,
        None => service.role.is_serving(),
    };
    let fault = |failure: &FailureSpec| Fault {
        kind: match failure.at {
            Moment::Start | Moment::Bake | Moment::Errors if service.role.is_task() => FaultKind::TaskFails,
            Moment::Start => FaultKind::CrashAtStart,
            Moment::Bake => FaultKind::Answers500,
            Moment::Errors => FaultKind::FailsSome,
        },
        fleet: Some(fleet.name.clone()),
        tenant: failure.tenant.clone(),
    };
    failures.iter().filter(concerns).map(fault).collect()
}

/// The release of the `number`th commit; built only, since a merge would release it too.
async fn merged(app: &App, number: u64) -> Result<Release, Stop> {
    let context = Context { event: Some(push(number)), run_number: number, ..Context::default() };
    let built = Command::Build(crate::cli::args::Source {
        commit: commit(number).parse().map_err(|bad| Stop::Bug(format!("{bad}")))?,
        branch: "main".to_owned(),
        run_number: number,
    });
    act(&built, app, &context).await;
    let commit = commit(number).parse().map_err(|bad| Stop::Bug(format!("{bad}")))?;
    let release = app.readers.ledger.release_of(&commit).await?;
    release.ok_or_else(|| Stop::Bug("the simulated build recorded nothing".to_owned()))
}

/// Releases, and waits for the next window whenever the fleet's calendar says so.
async fn roll_out(
    app: &App,
    sim: &Sim,
    fleet: &Fleet,
    release: &Release,
    approved: &ContentHash,
) -> Result<(Outcome, Timestamp), Stop> {
    let began = sim.world().now;
    let approved = ApprovedPlan::on_the_command_line(approved.clone(), &app.owner.actor, began);
    let mut outcome = promote(app, fleet, release, Some(&approved), None).await?;
    for _ in 0..WINDOWS_MAX {
        match &outcome.end {
            Some(End::Held(Reason::OutsideWindow { .. } | Reason::Frozen { .. })) => {
                until_open(sim, fleet);
                outcome = go_on(app, fleet).await?;
            }
            _ => break,
        }
    }
    Ok((outcome, began))
}

/// Lets time pass until the fleet may be changed.
fn until_open(sim: &Sim, fleet: &Fleet) {
    let mut world = sim.world();
    for _ in 0..DAYS_AHEAD * 24 * 4 {
        if fleet.calendar.allows(world.now).is_ok() {
            return;
        }
        world.advance(SignedDuration::from_mins(15));
    }
}

/// What was called between two counts.
pub(super) fn cost(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> String {
    let calls = after.iter().map(|(name, count)| (name, count - before.get(name).copied().unwrap_or_default()));
    let calls: Vec<String> = calls.filter(|(_, count)| *count > 0).map(|(name, n)| format!("{n} {name}")).collect();
    calls.join(", ")
}

/// The exit code of a rehearsal that could not begin.
pub(super) fn refused(why: &str) -> Report {
    Report::plain(Exit::BadInput, why)
}
