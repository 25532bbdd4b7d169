//! `rollback`: back to what ran before the last rollout, or to a version the fleet had. A rollback is a rollout
//! with a plan and a record of its own. A person's rollback also puts the fleet on hold, so that the next merge
//! does not undo it.
//!
//! Where a migration has run after which the version before does not work, going back is refused before anything is
//! touched, the hold included: it is the next release that has to mend it.

use std::ops::Range;

use super::decisions;
use super::lease::Lease;
use super::moving::where_they_rise;
use super::observe::recorded_rollout;
use super::rollout::{Outcome, Request, carry_out, end_open, release_with, scope};
use super::{App, Stop};
use crate::domain::approved::Approved;
use crate::domain::fleet::Fleet;
use crate::domain::ids::{SetId, Version};
use crate::domain::ledger::{RolloutId, RolloutRecord, Standing, failed_before, open_rollout, to_take_back};
use crate::domain::plan::{Change, Direction, Exclusion, Plan};
use crate::domain::planner::plan_back;
use crate::domain::reason::Reason;
use crate::domain::rollout::Phase;

/// What a person wants to go back from or to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// What the newest rollout that is not taken back already has done.
    Last,
    /// What this rollout has done, which may itself be a rollback.
    Of(RolloutId),
    /// To a version the fleet had.
    To(Version),
}

/// Takes a fleet back, in the name of `by`. A rollout that is under way is stopped first: the hold makes the
/// process that moves it let go.
///
/// # Errors
/// There is nothing such, somebody else does not let go of the fleet, or the records did not answer.
pub async fn rollback(app: &App, fleet: &Fleet, back: &Back, by: &str, why: &str) -> Result<Outcome, Stop> {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    possible(app, &rollouts, &goal(fleet, &rollouts, back)?).await?;
    // What is meant is what is there now. Whoever lets go of the lease may have taken it back by itself, and the one
    // before it was good.
    let back = &match goal(fleet, &rollouts, back)? {
        Goal::TakeBack(record) => Back::Of(record.id),
        Goal::Version { .. } => back.clone(),
    };
    let mut lease = decisions::hold_and_take(app, fleet, by, why, "rollback").await?;
    let result = with(app, fleet, &mut lease, back, by).await;
    lease.release(app).await;
    result
}

async fn with(app: &App, fleet: &Fleet, lease: &mut Lease, back: &Back, by: &str) -> Result<Outcome, Stop> {
    // Read again: whoever let go of the lease may have written more.
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    let goal = goal(fleet, &rollouts, back)?;
    possible(app, &rollouts, &goal).await?;
    let mut ended = None;
    if let Some(open) = open_rollout(&rollouts) {
        let reason = Reason::TakenBack { by: by.to_owned() };
        ended = Some((open.id, end_open(app, lease, open, reason).await?));
    }
    match goal {
        Goal::TakeBack(record) => {
            let (plan, reached) = match ended {
                Some((id, ended)) if id == record.id => ended,
                _ => reached(app, record).await?,
            };
            take_back(app, fleet, lease, &plan, 0..reached, None).await
        }
        Goal::Version { version, .. } => {
            let wanted = app.readers.ledger.release(version).await?;
            let wanted = wanted.ok_or_else(|| no_such(fleet, version))?;
            let direction = Direction::RollbackTo(wanted.version.clone());
            let request = Request { release: &wanted, direction, approved: None, break_glass: None };
            release_with(app, fleet, lease, &request, None).await
        }
    }
}

/// Whether no migration is in the way. Everything that was begun since is looked at, the goal's own rollout included
/// where that is what is taken back.
async fn possible(app: &App, rollouts: &[RolloutRecord], goal: &Goal<'_>) -> Result<(), Stop> {
    let undone = match goal {
        Goal::TakeBack(record) => rollouts.iter().take_while(|r| r.id != record.id).chain([*record]).collect(),
        Goal::Version { had, .. } => rollouts.iter().take_while(|r| r.id != had.id).collect::<Vec<_>>(),
    };
    let forward = |r: &&RolloutRecord| matches!(r.intent.direction, Direction::Deploy | Direction::Wake);
    for record in undone.into_iter().filter(forward) {
        let (plan, reached) = reached(app, record).await?;
        plan.in_the_way(0..reached, None).map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// What a wish to go back means for these records.
enum Goal<'a> {
    TakeBack(&'a RolloutRecord),
    Version { version: &'a Version, had: &'a RolloutRecord },
}

fn goal<'a>(fleet: &Fleet, rollouts: &'a [RolloutRecord], back: &'a Back) -> Result<Goal<'a>, Reason> {
    let nothing = || Reason::NothingToRollBack { fleet: fleet.name.clone() };
    match back {
        Back::Last => to_take_back(rollouts).map(Goal::TakeBack).ok_or_else(nothing),
        Back::Of(id) => rollouts.iter().find(|record| record.id == *id).map(Goal::TakeBack).ok_or_else(nothing),
        Back::To(version) => {
            let had = |r: &RolloutRecord| r.succeeded_at().is_some() && version.names(&r.intent.version);
            let had = rollouts.iter().find(|record| had(record)).ok_or_else(|| no_such(fleet, version))?;
            match failed_before(rollouts, &had.intent.version, had.succeeded_at()) {
                Some(why) => Err(Reason::FailedBefore {
                    fleet: fleet.name.clone(),
                    version: version.clone(),
                    why: why.to_string(),
                }),
                None => Ok(Goal::Version { version: &had.intent.version, had }),
            }
        }
    }
}

fn no_such(fleet: &Fleet, version: &Version) -> Reason {
    Reason::NoSuchRelease { wanted: format!("{version} in {}", fleet.name) }
}

/// Carries out the way back from some waves of a plan.
///
/// # Errors
/// A migration is in the way, or as [`carry_out`].
pub(super) async fn take_back(
    app: &App,
    fleet: &Fleet,
    lease: &mut Lease,
    done: &Plan,
    waves: Range<usize>,
    only: Option<&SetId>,
) -> Result<Outcome, Stop> {
    let to = match &done.replaces {
        Some(version) => app.readers.ledger.release(version).await?,
        None => None,
    };
    let mut plan = plan_back(done, waves, only, to)?;
    if !lease.directives().moves.is_empty() {
        leave_out_moved(app, fleet, lease, done, &mut plan).await?;
    }
    carry_out(app, fleet, lease, plan, Approved::NotNeeded).await
}

/// Takes those out of a way back who were moved since: what they ran before ran in another cell.
async fn leave_out_moved(app: &App, fleet: &Fleet, lease: &Lease, done: &Plan, plan: &mut Plan) -> Result<(), Stop> {
    let (rollouts, hash) = (app.readers.ledger.rollouts(&fleet.name).await?, done.hash());
    let Some(done) = rollouts.iter().find(|record| record.intent.plan == hash) else { return Ok(()) };
    let moved = |set: &SetId| lease.directives().moved_since(set, done.opened_at).cloned();
    for wave in &mut plan.waves {
        let (away, here) = wave.changes.drain(..).partition(|change| moved(&change.service.set).is_some());
        wave.changes = here;
        let away: Vec<Change> = away;
        for set in away.into_iter().map(|change| change.service.set) {
            let reason = moved(&set).map(|to| Reason::BeingMoved { set: set.clone(), to });
            let known = plan.excluded.iter().any(|exclusion| exclusion.set == set);
            plan.excluded.extend(reason.filter(|_| !known).map(|reason| Exclusion { set, reason }));
        }
    }
    plan.waves.retain(|wave| !wave.changes.is_empty());
    let nothing = || Reason::NothingToRollBack { fleet: fleet.name.clone() };
    if plan.waves.is_empty() { Err(nothing().into()) } else { Ok(()) }
}

/// Carries out the way back that the policy of a failed rollout asks for: its process ended before it began. None
/// if the policy asks for none.
///
/// # Errors
/// As [`take_back`].
pub(super) async fn take_back_after(
    app: &App,
    fleet: &Fleet,
    lease: &mut Lease,
    failed: &RolloutRecord,
) -> Result<Option<Outcome>, Stop> {
    let (app, fleet) = &where_they_rise(app, fleet, lease.directives());
    let Standing::Halted(reason) = failed.standing() else { return Ok(None) };
    let (plan, reached) = reached(app, failed).await?;
    match scope(plan.on_failure, reached.saturating_sub(1), reason) {
        None => Ok(None),
        Some((first, only)) => take_back(app, fleet, lease, &plan, first..reached, only).await.map(Some),
    }
}

/// The plan of a rollout that has ended, and how many of its waves had begun.
async fn reached(app: &App, record: &RolloutRecord) -> Result<(Plan, usize), Stop> {
    let rollout = recorded_rollout(&app.readers, record).await?;
    let reached = match rollout.phase() {
        Phase::Succeeded => rollout.plan().waves.len(),
        Phase::Opened => 0,
        Phase::Deploying { wave } | Phase::Baking { wave, .. } | Phase::Halted { wave, .. } => wave + 1,
    };
    Ok((rollout.plan().clone(), reached))
}
