//! Carrying out a plan from its first record to its end, and, when it fails, what the fleet's policy says then.

use super::drive::{Driver, End};
use super::plan::plan;
use super::progress::Progress;
use super::rollback::take_back;
use super::{App, Stop};
use crate::domain::fleet::{Fleet, OnFailure};
use crate::domain::ids::ContentHash;
use crate::domain::ledger::open_rollout;
use crate::domain::plan::{Direction, Plan};
use crate::domain::reason::{Kind, Reason};
use crate::domain::release::Release;
use crate::domain::rollout::Rollout;
use crate::ports::OpenRollout;

/// How a rollout came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was to be done.
    pub plan: Plan,
    /// How that ended; none if there was nothing to do.
    pub end: Option<End>,
    /// The rollback that followed, if one did.
    pub rollback: Option<Box<Outcome>>,
}

/// Releases to a fleet: plan, check the approval, and carry it out.
///
/// `approved` is the hash of the plan that somebody approved.
///
/// # Errors
/// The plan is refused, not approved or stale, or another rollout is open. Nothing was changed then.
pub async fn release(
    app: &App,
    fleet: &Fleet,
    release: &Release,
    direction: Direction,
    approved: Option<&ContentHash>,
) -> Result<Outcome, Stop> {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    if let Some(open) = open_rollout(&rollouts) {
        let (version, rollout) = (open.intent.version.clone(), open.id.0);
        return Err(Reason::RolloutOpen { fleet: fleet.name.clone(), version, rollout }.into());
    }
    let plan = plan(&app.readers, &app.application, fleet, release, direction).await?;
    if plan.is_empty() {
        return Ok(Outcome { plan, end: None, rollback: None });
    }
    if !plan.is_rollback() {
        fleet.calendar.allows(app.readers.clock.now())?;
        check_approval(fleet, &plan, approved)?;
    }
    carry_out(app, fleet, plan).await
}

/// What was approved is what runs: any difference is a stop.
fn check_approval(fleet: &Fleet, plan: &Plan, approved: Option<&ContentHash>) -> Result<(), Reason> {
    let now = plan.hash();
    match approved {
        Some(approved) if *approved != now => Err(Reason::StalePlan { approved: approved.clone(), now }),
        None if fleet.needs_approval => Err(Reason::AwaitingApproval { plan: now }),
        Some(_) | None => Ok(()),
    }
}

/// Records the intent and carries out a plan.
///
/// # Errors
/// What it reads or records did not answer. The rollout stays open and `continue` goes on with it.
pub async fn carry_out(app: &App, fleet: &Fleet, plan: Plan) -> Result<Outcome, Stop> {
    let proof = OpenRollout::begin(app.writers.ledger.as_ref(), &plan, app.run).await?;
    let (id, now) = (proof.id(), app.readers.clock.now());
    app.readers.observer.note(now, &Progress::Opened { id, plan: Box::new(plan.clone()), resumed: false });
    let rollout = Rollout::replay(plan, proof.record().opened_at, [], now)?;
    finish(app, fleet, rollout, proof).await
}

/// Drives an open rollout to its end, and does what the policy says if that is a failure.
///
/// # Errors
/// As [`carry_out`].
pub async fn finish(app: &App, fleet: &Fleet, rollout: Rollout, proof: OpenRollout) -> Result<Outcome, Stop> {
    let (end, rollout) = Driver::new(app, fleet, rollout, proof).run().await?;
    let rollback = match &end {
        End::Halted { wave, reason } if reason.kind() == Kind::GateFailed => {
            react(app, fleet, rollout.plan(), *wave, reason).await?
        }
        End::Halted { .. } | End::Held(_) | End::Succeeded => None,
    };
    Ok(Outcome { plan: rollout.plan().clone(), end: Some(end), rollback: rollback.map(Box::new) })
}

/// The fleet's policy for a failed wave.
async fn react(app: &App, fleet: &Fleet, plan: &Plan, wave: usize, reason: &Reason) -> Result<Option<Outcome>, Stop> {
    let policy = plan.on_failure;
    let noted = Progress::Reacting { fleet: fleet.name.clone(), reason: reason.clone(), policy };
    app.readers.observer.note(app.readers.clock.now(), &noted);
    let whole = |first: usize| Some((first, None));
    let scope = match policy {
        OnFailure::Stop => None,
        OnFailure::RollbackAll => whole(0),
        OnFailure::RollbackWave => whole(wave),
        OnFailure::RollbackTenant => Some((wave, reason.set())),
    };
    match scope {
        None => Ok(None),
        Some((first, only)) => Box::pin(take_back(app, fleet, plan, first..wave + 1, only)).await.map(Some),
    }
}
