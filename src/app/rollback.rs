//! `rollback`: back to what ran before the last rollout, or to a version the fleet had. A rollback is a rollout
//! with a plan and a record of its own.

use std::ops::Range;

use super::rollout::{Outcome, carry_out, release};
use super::{App, Stop};
use crate::domain::fleet::Fleet;
use crate::domain::ids::{SetId, Version};
use crate::domain::ledger::{RolloutRecord, Standing, open_rollout};
use crate::domain::plan::{Direction, Plan};
use crate::domain::planner::plan_back;
use crate::domain::reason::Reason;
use crate::domain::rollout::{Event, Phase, Rollout};
use crate::ports::OpenRollout;

/// Takes back the newest rollout of a fleet that is not taken back already. One that is still open is ended
/// first, in the name of `by`.
///
/// # Errors
/// There is none, or the records did not answer.
pub async fn rollback(app: &App, fleet: &Fleet, by: &str) -> Result<Outcome, Stop> {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    let last = to_take_back(&rollouts).ok_or_else(|| Reason::NothingToRollBack { fleet: fleet.name.clone() })?;
    let plan = app.readers.ledger.plan(&last.intent.plan).await?;
    let reached = end_if_open(app, last, &plan, by).await?;
    take_back(app, fleet, &plan, 0..reached, None).await
}

/// Takes a fleet to a version that it had before.
///
/// # Errors
/// The version is not recorded as a success of this fleet, or as [`release`].
pub async fn rollback_to(app: &App, fleet: &Fleet, version: &Version, by: &str) -> Result<Outcome, Stop> {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    let had = rollouts.iter().any(|r| r.succeeded_at().is_some() && &r.intent.version == version);
    let wanted = app.readers.ledger.release(version).await?.filter(|_| had);
    let wanted = wanted.ok_or_else(|| Reason::NoSuchRelease { wanted: format!("{version} in {}", fleet.name) })?;
    if let Some(open) = open_rollout(&rollouts) {
        let plan = app.readers.ledger.plan(&open.intent.plan).await?;
        end_if_open(app, open, &plan, by).await?;
    }
    release(app, fleet, &wanted, Direction::RollbackTo(version.clone()), None).await
}

/// Carries out the way back from some waves of a plan.
///
/// # Errors
/// As [`carry_out`].
pub async fn take_back(
    app: &App,
    fleet: &Fleet,
    done: &Plan,
    waves: Range<usize>,
    only: Option<&SetId>,
) -> Result<Outcome, Stop> {
    let to = match &done.replaces {
        Some(version) => app.readers.ledger.release(version).await?,
        None => None,
    };
    let plan = plan_back(done, waves, only, to);
    carry_out(app, fleet, plan).await
}

/// The newest rollout forward that changed something and was not taken back.
fn to_take_back(rollouts: &[RolloutRecord]) -> Option<&RolloutRecord> {
    let taken_back = |record: &RolloutRecord| {
        let back = |r: &&RolloutRecord| r.intent.direction == Direction::RollbackOf(record.intent.plan.clone());
        rollouts.iter().filter(back).any(|r| matches!(r.standing(), Standing::Succeeded(_)))
    };
    rollouts.iter().find(|r| !matches!(r.intent.direction, Direction::RollbackOf(_)) && !taken_back(r))
}

/// Ends a rollout that is still open, and tells how many of its waves had begun.
async fn end_if_open(app: &App, record: &RolloutRecord, plan: &Plan, by: &str) -> Result<usize, Stop> {
    let events = record.entries.iter().map(|entry| entry.event.clone());
    let mut rollout = Rollout::replay(plan.clone(), record.opened_at, events, app.readers.clock.now())?;
    let wave = rollout.wave().map_or(0, |(index, _)| index);
    match rollout.phase() {
        Phase::Succeeded => Ok(plan.waves.len()),
        Phase::Halted { .. } => Ok(wave + 1),
        Phase::Opened | Phase::Deploying { .. } | Phase::Baking { .. } => {
            let event = Event::Halted { wave, reason: Reason::TakenBack { by: by.to_owned() } };
            let proof = OpenRollout::resume(record.clone(), plan)?;
            let seq = record.entries.last().map_or(0, |entry| entry.seq) + 1;
            app.writers.ledger.append(&proof, seq, &event, None).await?;
            rollout.apply(&event, app.readers.clock.now())?;
            Ok(wave + 1)
        }
    }
}
