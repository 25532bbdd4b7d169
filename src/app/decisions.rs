//! What people decide about a fleet beside its rollouts: `hold`, `unhold`, `bad`, `pin`, `unpin`; and `abort`, which
//! ends a rollout and leaves everything as it is.

use jiff::SignedDuration;

use super::lease::Lease;
use super::rollout::end_open;
use super::{App, Stop};
use crate::domain::directive::{Decided, Directive, Directives};
use crate::domain::fleet::Fleet;
use crate::domain::ids::FleetName;
use crate::domain::ledger::{RolloutId, open_rollout};
use crate::domain::reason::Reason;
use crate::ports::Fault;

/// Rounds of look and write before somebody else is left to win.
const ROUNDS: u32 = 5;

/// How often, and how many times, a lease is asked for again while its holder takes in that the fleet is on hold.
/// A driver looks at decisions once a minute.
const WAIT: SignedDuration = SignedDuration::from_secs(10);
const WAITS: u32 = 18;

/// Records a decision, in the name of `by`.
///
/// # Errors
/// The records do not answer, or others decide faster than this can be written.
pub async fn record(app: &App, fleet: &FleetName, by: &str, why: &str, directive: Directive) -> Result<Decided, Stop> {
    let at = app.readers.clock.now();
    let mut last = None;
    for _ in 0..ROUNDS {
        let known = app.readers.ledger.decided(fleet).await?;
        let seq = known.last().map_or(0, |decided| decided.seq) + 1;
        let decided = Decided { seq, at, by: by.to_owned(), why: why.to_owned(), directive: directive.clone() };
        // An answer that was lost: it is there already.
        if let Some(there) = known.last().filter(|there| **there == (Decided { seq: there.seq, ..decided.clone() })) {
            return Ok(there.clone());
        }
        match app.writers.ledger.decide(fleet, &decided).await {
            Ok(()) => return Ok(decided),
            Err(error) if error.fault == Fault::Refused => return Err(error.into()),
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(|| Stop::Bug("no round was made".to_owned()), Stop::Port))
}

/// Puts a fleet on hold, unless it is, and takes its lease as soon as whoever moves it has let go.
///
/// # Errors
/// It is not let go of in time, or the records do not answer.
pub(super) async fn hold_and_take(app: &App, fleet: &Fleet, by: &str, why: &str, purpose: &str) -> Result<Lease, Stop> {
    let known = Directives::fold(&app.readers.ledger.decided(&fleet.name).await?);
    if known.hold.is_none() {
        record(app, &fleet.name, by, why, Directive::Hold).await?;
    }
    for _ in 0..WAITS {
        match Lease::take(app, &fleet.name, purpose).await {
            Err(Stop::Refused(reasons)) if reasons.iter().any(|r| matches!(r, Reason::LeaseHeld { .. })) => {
                app.readers.clock.sleep(WAIT).await;
            }
            taken => return taken,
        }
    }
    Lease::take(app, &fleet.name, purpose).await
}

/// Ends the open rollout of a fleet and leaves everything as it is. The fleet stays on hold.
///
/// # Errors
/// There is none, or as [`hold_and_take`].
pub async fn abort(app: &App, fleet: &Fleet, by: &str, why: &str) -> Result<RolloutId, Stop> {
    let nothing = || Stop::from(Reason::NothingToContinue { fleet: fleet.name.clone() });
    open_rollout(&app.readers.ledger.rollouts(&fleet.name).await?).ok_or_else(nothing)?;
    let lease = hold_and_take(app, fleet, by, why, "abort").await?;
    let result = async {
        let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
        let open = open_rollout(&rollouts).ok_or_else(nothing)?;
        let reason = Reason::Aborted { by: by.to_owned(), why: why.to_owned() };
        end_open(app, &lease, open, reason).await?;
        Ok(open.id)
    };
    let result = result.await;
    lease.release(app).await;
    result
}
