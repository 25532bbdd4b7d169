//! `finalize`: the last step of a job, whatever happened before it. It writes down that a rollout which this run
//! left half-way was interrupted, and lets go of the lease that the run still holds. It starts nothing.

use super::lease::Lease;
use super::observe::taken_up;
use super::{App, Stop};
use crate::domain::fleet::Fleet;
use crate::domain::lease::LeaseSeen;
use crate::domain::ledger::{Standing, open_rollout};
use crate::domain::reason::Reason;
use crate::domain::rollout::Event;

/// What was found of this run in one fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing: the run holds no lease there.
    Nothing,
    /// The lease was let go of; with the number of the rollout that is recorded as interrupted, if one is.
    Released(Option<u64>),
}

/// Cleans up after this run in one fleet.
///
/// # Errors
/// The lease's owner still lives, or the records do not answer.
pub async fn finalize(app: &App, fleet: &Fleet) -> Result<Left, Stop> {
    let LeaseSeen::Recorded { record, .. } = app.readers.leases.lease(&fleet.name).await? else {
        return Ok(Left::Nothing);
    };
    let of_this_run = |run: Option<u64>| run.is_some() && run == app.owner.run;
    if !record.holder.is_some_and(|claim| of_this_run(claim.owner.run)) {
        return Ok(Left::Nothing);
    }
    let lease = Lease::take(app, &fleet.name, "finalize").await?;
    let interrupted = note_interrupted(app, fleet, &lease).await;
    lease.release(app).await;
    interrupted.map(Left::Released)
}

async fn note_interrupted(app: &App, fleet: &Fleet, lease: &Lease) -> Result<Option<u64>, Stop> {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    let Some(open) = open_rollout(&rollouts).filter(|open| matches!(open.standing(), Standing::Open(None))) else {
        return Ok(None);
    };
    let (rollout, proof) = taken_up(&app.readers, open, lease.number()).await?;
    let wave = rollout.wave().map_or(0, |(index, _)| index);
    let seq = open.entries.last().map_or(0, |entry| entry.seq) + 1;
    let event = Event::Held { wave, reason: Reason::Interrupted };
    app.writers.ledger.append(&proof, seq, &event, None).await?;
    Ok(Some(open.id.0))
}
