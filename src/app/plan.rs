//! `plan`: what a release would do to a fleet. Works with readers only.

use std::collections::BTreeSet;

use super::observe::{FleetView, view};
use super::templates::drafts;
use super::{Readers, Stop};
use crate::domain::directive::Directives;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{ServiceKey, Version};
use crate::domain::plan::{Direction, Plan};
use crate::domain::planner::{self, Migration, Situation};
use crate::domain::reason::Reason;
use crate::domain::release::Release;

/// Plans a release for a fleet as it is now.
///
/// # Errors
/// Every reason why it cannot be carried out, or what could not be read.
pub async fn plan(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    release: &Release,
    direction: Direction,
) -> Result<Plan, Stop> {
    let directives = Directives::fold(&readers.ledger.decided(&fleet.name).await?);
    let fleet = &directives.apply(fleet);
    make(readers, application, fleet, release, direction, false).await
}

/// Plans for a fleet as it is given, decisions already applied.
pub(super) async fn make(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    release: &Release,
    direction: Direction,
    prove_unchanged: bool,
) -> Result<Plan, Stop> {
    let seen = view(readers, application, fleet).await?;
    let today = jiff::tz::TimeZone::UTC.to_datetime(readers.clock.now()).date();
    let migrations = migrations(readers, application, fleet, &seen).await?;
    let targeted: Vec<_> =
        fleet.sets.iter().filter(|set| fleet.leaves_out(set, &release.version, today).is_none()).collect();
    let back = matches!(direction, Direction::RollbackTo(_) | Direction::RollbackOf(_));
    let drafts = drafts(readers, application, fleet, &targeted, &seen, back).await;
    let situation = Situation {
        app: application,
        fleet,
        live: &seen.live,
        drafts: &drafts,
        families: &seen.families,
        migrations: &migrations,
        state: &seen.state,
        replaces: seen.version(),
        today,
        prove_unchanged,
    };
    let plan = planner::plan(situation, release, direction).map_err(Stop::Refused)?;
    let mut problems = gone(readers, application, &plan, release).await?;
    problems.extend(going_back(fleet, &seen, &plan));
    if problems.is_empty() { Ok(plan) } else { Err(Stop::Refused(problems)) }
}

/// The migrations of the releases that some set of the fleet has yet to take: the first fleet had them all, whatever
/// this one skips.
async fn migrations(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    seen: &FleetView,
) -> Result<Vec<Migration>, Stop> {
    let tasks: Vec<ServiceKey> = application.tasks_in(fleet).collect();
    let Some(behind) = tasks.iter().map(|task| seen.state.services.get(task).map(|state| &state.release)).min() else {
        return Ok(Vec::new());
    };
    let mut first = fleet;
    while let Some(from) = first.from.as_ref().and_then(|from| application.fleet(from)) {
        first = from;
    }
    let rollouts = match first.name == fleet.name {
        true => seen.rollouts.clone(),
        false => readers.ledger.rollouts(&first.name).await?,
    };
    let versions: BTreeSet<&Version> = rollouts.iter().map(|rollout| &rollout.intent.version).collect();
    let mut migrations = Vec::new();
    for version in versions.into_iter().filter(|version| behind.is_none_or(|behind| *version > behind)) {
        let Some(release) = readers.ledger.release(version).await? else { continue };
        let of_release = release.images.into_iter().filter_map(|(task, image)| {
            let (version, digest) = (release.version.clone(), image.digest);
            Some(Migration { version, task, digest, class: image.class? })
        });
        migrations.extend(of_release);
    }
    Ok(migrations)
}

/// Images of the plan that the registry does not have: found before the first change and not in the third wave.
async fn gone(
    readers: &Readers,
    application: &Application,
    plan: &Plan,
    release: &Release,
) -> Result<Vec<Reason>, Stop> {
    let mut gone = Vec::new();
    for service in application.all_services() {
        let Some(image) = release.images.get(&service.name) else { continue };
        if !plan.changes().any(|change| change.service.service == service.name) {
            continue;
        }
        let digests = std::slice::from_ref(&image.digest);
        if readers.images.present(&image.repository, digests).await?.is_empty() {
            gone.push(Reason::ImageGone { service: service.name.clone(), digest: image.digest.clone() });
        }
    }
    Ok(gone)
}

/// A merge that was overtaken by a newer one must not undo it; only a rollback goes back.
fn going_back(fleet: &Fleet, seen: &FleetView, plan: &Plan) -> Option<Reason> {
    let live: &Version = seen.version()?;
    let back = plan.direction == Direction::Deploy && !plan.is_empty() && &plan.release.version < live;
    back.then(|| Reason::WouldGoBack {
        fleet: fleet.name.clone(),
        live: live.clone(),
        version: plan.release.version.clone(),
        commit: plan.release.commit.clone(),
    })
}
