//! `plan`: what a release would do to a fleet. Works with readers only.

use super::observe::{FleetView, view};
use super::{Readers, Stop};
use crate::domain::directive::Directives;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::Version;
use crate::domain::plan::{Direction, Plan};
use crate::domain::planner::{self, Situation};
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
    let seen = view(readers, application, fleet).await?;
    let plan = plan_for(readers, application, fleet, &seen, release, direction)?;
    let mut problems = gone(readers, application, &plan, release).await?;
    problems.extend(going_back(fleet, &seen, &plan));
    if problems.is_empty() { Ok(plan) } else { Err(Stop::Refused(problems)) }
}

fn plan_for(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    seen: &FleetView,
    release: &Release,
    direction: Direction,
) -> Result<Plan, Stop> {
    let situation = Situation {
        app: application,
        fleet,
        live: &seen.live,
        templates: &seen.templates,
        state: &seen.state,
        replaces: seen.version(),
        today: jiff::tz::TimeZone::UTC.to_datetime(readers.clock.now()).date(),
    };
    planner::plan(situation, release, direction).map_err(Stop::Refused)
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
