//! `continue`: takes up a rollout that was interrupted, killed or held, where the records and the world say it is.

use std::collections::BTreeSet;

use super::decisions::record;
use super::drive::End;
use super::lease::Lease;
use super::moving::where_they_rise;
use super::observe::{recorded_rollout, taken_up};
use super::progress::Progress;
use super::promote::finalise;
use super::rollback::take_back_after;
use super::rollout::{Outcome, finish};
use super::{App, Stop};
use crate::domain::directive::Directive;
use crate::domain::fleet::Fleet;
use crate::domain::ids::ServiceKey;
use crate::domain::ledger::{self, RolloutRecord, open_rollout, owed_rollback};
use crate::domain::plan::{Change, Direction, Plan};
use crate::domain::reason::Reason;
use crate::domain::rollout::Phase;

/// Goes on with the open rollout of a fleet; or with the rollback of a failed one that was never begun.
///
/// # Errors
/// There is none, somebody else moves the fleet, its records do not fit together, or what it reads did not answer.
pub async fn go_on(app: &App, fleet: &Fleet) -> Result<Outcome, Stop> {
    let mut lease = Lease::take(app, &fleet.name, "continue").await?;
    let result = with(app, fleet, &mut lease).await;
    lease.release(app).await;
    result
}

/// Whether an earlier job left something in this fleet that may go on now, without a person.
///
/// # Errors
/// The records do not answer.
pub async fn left_over(app: &App, fleet: &Fleet) -> Result<bool, Stop> {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    let back = open_rollout(&rollouts).is_none_or(|open| open.intent.direction != Direction::Deploy);
    let open = back || fleet.calendar.allows(app.readers.clock.now()).is_ok();
    Ok(open && ledger::left_over(&rollouts))
}

/// A person's answer to gates that could not decide.
#[derive(Clone, Copy, Debug)]
pub struct Accept<'a> {
    /// Who.
    pub by: &'a str,
    /// Why it is good enough.
    pub why: &'a str,
}

/// Records that what the gates of the wave under watch could not decide is good enough, and goes on. What a gate has
/// failed, or what ECS, the load balancer or the services themselves do not show, is not for a person to accept.
///
/// # Errors
/// No wave is under watch, or as [`go_on`].
pub async fn accept(app: &App, fleet: &Fleet, accept: Accept<'_>) -> Result<Outcome, Stop> {
    let nothing = || Stop::from(Reason::NothingToAccept { fleet: fleet.name.clone() });
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    let open = open_rollout(&rollouts).ok_or_else(nothing)?;
    let rollout = recorded_rollout(&app.readers, open).await?;
    let Phase::Baking { wave, .. } = *rollout.phase() else { return Err(nothing()) };
    let directive = Directive::Accept { rollout: open.id.0, wave };
    record(app, &fleet.name, accept.by, accept.why, directive).await?;
    go_on(app, fleet).await
}

async fn with(app: &App, fleet: &Fleet, lease: &mut Lease) -> Result<Outcome, Stop> {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    if let Some(open) = open_rollout(&rollouts) {
        return take_up(app, fleet, lease, open).await;
    }
    let owed = match owed_rollback(&rollouts) {
        Some(failed) => take_back_after(app, fleet, lease, failed).await?,
        None => None,
    };
    if owed.is_none() {
        give_version(app, fleet, &rollouts).await?;
    }
    owed.ok_or_else(|| Reason::NothingToContinue { fleet: fleet.name.clone() }.into())
}

/// The migrations of a plan that the records know to have run with its images. A smoke test says nothing for ever.
async fn ran(app: &App, fleet: &Fleet, plan: &Plan) -> Result<BTreeSet<ServiceKey>, Stop> {
    if !plan.changes().any(Change::is_migration) {
        return Ok(BTreeSet::new());
    }
    let state = app.readers.ledger.fleet_state(&fleet.name).await?;
    let has_run = |change: &&Change| {
        change.is_migration()
            && change.target.digest.as_ref().is_some_and(|digest| state.has_run(&change.service, digest))
    };
    Ok(plan.changes().filter(has_run).map(|change| change.service.clone()).collect())
}

/// Gives the newest rollout's release its final version, where the process that brought it to its end did not live
/// to do so.
async fn give_version(app: &App, fleet: &Fleet, rollouts: &[RolloutRecord]) -> Result<(), Stop> {
    let newest = rollouts.first().filter(|newest| newest.intent.direction == Direction::Deploy);
    let Some(done) = newest.filter(|newest| newest.succeeded_at().is_some() && app.application.is_last(fleet)) else {
        return Ok(());
    };
    match app.readers.ledger.release(&done.intent.version).await? {
        Some(release) => finalise(app, &release, Some(recorded_rollout(&app.readers, done).await?.plan())).await,
        None => Ok(()),
    }
}

/// Takes up this rollout.
pub(super) async fn take_up(
    app: &App,
    fleet: &Fleet,
    lease: &mut Lease,
    open: &RolloutRecord,
) -> Result<Outcome, Stop> {
    let (app, fleet) = &where_they_rise(app, fleet, lease.directives());
    let (mut rollout, proof) = taken_up(&app.readers, open, lease.number()).await?;
    let plan = rollout.plan().clone();
    if !plan.is_rollback()
        && let Some(hold) = lease.directives().holds(&fleet.name, &open.intent.version)
    {
        return Err(hold.into());
    }
    let progress = Progress::Opened { id: open.id, plan: Box::new(plan.clone()), resumed: true };
    app.readers.observer.note(app.readers.clock.now(), &progress);
    rollout.note_ran(ran(app, fleet, &plan).await?);
    let accepted = lease.directives().accepted.iter().filter(|(rollout, _)| *rollout == open.id.0);
    rollout.note_accepted(accepted.map(|(_, wave)| *wave));
    if let Some(began) = rollout.wave().and_then(|(wave, _)| open.wave_began(wave)) {
        rollout.note_begun(began);
    }
    let outcome = finish(app, fleet, lease, rollout, proof).await?;
    if outcome.end == Some(End::Succeeded) && !plan.is_rollback() && app.application.is_last(fleet) {
        finalise(app, &plan.release, Some(&plan)).await?;
    }
    Ok(outcome)
}
