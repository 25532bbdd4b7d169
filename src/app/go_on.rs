//! `continue`: takes up a rollout that was interrupted, killed or held, where the records and the world say it is.

use super::drive::End;
use super::progress::Progress;
use super::promote::finalise;
use super::rollout::{Outcome, finish};
use super::{App, Stop};
use crate::domain::fleet::Fleet;
use crate::domain::ledger::open_rollout;
use crate::domain::reason::Reason;
use crate::domain::rollout::Rollout;
use crate::ports::OpenRollout;

/// Goes on with the open rollout of a fleet.
///
/// # Errors
/// There is none, its records do not fit together, or what it reads did not answer.
pub async fn go_on(app: &App, fleet: &Fleet) -> Result<Outcome, Stop> {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    let open = open_rollout(&rollouts).ok_or_else(|| Reason::NothingToContinue { fleet: fleet.name.clone() })?;
    let plan = app.readers.ledger.plan(&open.intent.plan).await?;
    let proof = OpenRollout::resume(open.clone(), &plan)?;
    let now = app.readers.clock.now();
    let progress = Progress::Opened { id: open.id, plan: Box::new(plan.clone()), resumed: true };
    app.readers.observer.note(now, &progress);
    let events = open.entries.iter().map(|entry| entry.event.clone());
    let (release, back) = (plan.release.clone(), plan.is_rollback());
    let rollout = Rollout::replay(plan, open.opened_at, events, now)?;
    let outcome = finish(app, fleet, rollout, proof).await?;
    if outcome.end == Some(End::Succeeded) && !back && app.application.is_last(fleet) {
        finalise(app, &release).await?;
    }
    Ok(outcome)
}
