//! What `tidegate ci` does on a schedule: it brings a fleet that has hours in fleet.yaml to where the clock wants it, and
//! stops again the databases that AWS has started although nobody is awake to use them.

use std::collections::BTreeSet;

use super::lease::Lease;
use super::pause::{Wish, pause, resume};
use super::rollout::Outcome;
use super::surroundings::rest_databases;
use super::{App, Stop};
use crate::domain::directive::Directives;
use crate::domain::fleet::Fleet;
use crate::domain::ids::SetId;
use crate::domain::pause::{ByTheClock, CLOCK, by_the_clock};

/// What a run by the clock did in a fleet.
#[derive(Clone, Debug, PartialEq)]
pub enum Ticked {
    /// It put so many tenants to sleep.
    Slept(usize),
    /// It woke tenants; these are their rollouts.
    Woke(Vec<Outcome>),
    /// Everything is as it should be, after so many databases were stopped again.
    Kept(usize),
}

/// Brings a fleet to where the clock wants it.
///
/// # Errors
/// As [`pause`] and [`resume`]; the next run of the schedule goes on.
pub async fn tick(app: &App, fleet: &Fleet) -> Result<Ticked, Stop> {
    let directives = Directives::fold(&app.readers.ledger.decided(&fleet.name).await?);
    match by_the_clock(fleet, &directives, app.readers.clock.now()) {
        ByTheClock::Sleep(sets, why) => pause(app, fleet, &wish(&sets, why)).await.map(Ticked::Slept),
        ByTheClock::Wake(sets) => {
            resume(app, fleet, &wish(&sets, "by the hours and licences in fleet.yaml")).await.map(Ticked::Woke)
        }
        ByTheClock::Nothing if directives.paused.is_empty() => Ok(Ticked::Kept(0)),
        // Also whom people have paused: AWS starts their databases after seven days too.
        ByTheClock::Nothing => keep(app, fleet).await.map(Ticked::Kept),
    }
}

fn wish<'a>(sets: &'a BTreeSet<SetId>, why: &'a str) -> Wish<'a> {
    Wish { sets, by: CLOCK, why, until: None }
}

/// Whoever sleeps goes on sleeping, and so do the databases that only they use.
async fn keep(app: &App, fleet: &Fleet) -> Result<usize, Stop> {
    let lease = Lease::take(app, &fleet.name, "keep asleep").await?;
    let result = rest_databases(app, fleet, lease.directives()).await;
    lease.release(app).await;
    result
}
