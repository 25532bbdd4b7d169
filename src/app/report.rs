//! `report`: everything a page about fleets shows. Works with readers only; without what is live, from the records
//! alone, and then whatever serves is unknown.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::observe::{recorded, view};
use super::status::services;
use super::{Readers, Stop};
use crate::domain::directive::Directives;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::gate::WaveReport;
use crate::domain::ids::{ContentHash, FleetName};
use crate::domain::ledger::{RolloutId, RolloutRecord};
use crate::domain::plan::{Direction, Plan};
use crate::domain::report::{self, Facts, FleetReport, Looked, REPORT_SCHEMA, Report};

/// Plans that are read, of the newest rollouts: each is a call, and of a large fleet a file of a megabyte.
const PLANS_READ: usize = 8;

/// How to look.
#[derive(Clone, Copy, Debug)]
pub struct Looking {
    /// Whether to look at what is live, or only at the records.
    pub live: bool,
    /// The time that figures are about.
    pub window: SignedDuration,
}

/// Makes a report about these fleets.
///
/// # Errors
/// The records cannot be read.
pub async fn report(
    readers: &Readers,
    application: &Application,
    fleets: &[&Fleet],
    how: Looking,
) -> Result<Report, Stop> {
    let mut reports = Vec::new();
    for fleet in fleets {
        reports.push(one(readers, application, fleet, how).await?);
    }
    let (app, made_at) = (application.name.clone(), readers.clock.now());
    Ok(Report { schema: REPORT_SCHEMA, app, made_at, fleets: reports })
}

async fn one(readers: &Readers, application: &Application, fleet: &Fleet, how: Looking) -> Result<FleetReport, Stop> {
    let decided = readers.ledger.decided(&fleet.name).await?;
    let fleet = &Directives::fold(&decided).apply(fleet);
    let seen = if how.live { view(readers, application, fleet).await? } else { recorded(readers, fleet).await? };
    let before = rollouts_before(readers, application, fleet).await?;
    let plans = plans(readers, &seen.rollouts).await;
    let services = services(application, fleet, &seen);
    let found = findings(readers, &seen.rollouts).await;
    let looked = Looked { live: seen.live };
    let now = readers.clock.now();
    Ok(report::fleet(Facts {
        app: application,
        fleet,
        decided: &decided,
        state: &seen.state,
        rollouts: &seen.rollouts,
        before: &before,
        plans: &plans,
        found: &found,
        looked: how.live.then_some(&looked),
        services: &services,
        now,
        today: jiff::tz::TimeZone::UTC.to_datetime(now).date(),
        window: how.window,
    }))
}

/// The rollouts of every fleet that a release goes through before this one.
async fn rollouts_before(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
) -> Result<Vec<RolloutRecord>, Stop> {
    let mut rollouts = Vec::new();
    let mut seen: BTreeSet<&FleetName> = BTreeSet::from([&fleet.name]);
    let mut next = fleet.from.as_ref();
    while let Some(from) = next.and_then(|name| application.fleet(name)).filter(|from| seen.insert(&from.name)) {
        rollouts.extend(readers.ledger.rollouts(&from.name).await?);
        next = from.from.as_ref();
    }
    Ok(rollouts)
}

/// The plans of the newest rollouts, and of the newest release. One that cannot be read is missing, and what only it
/// could tell is told as not known.
async fn plans(readers: &Readers, rollouts: &[RolloutRecord]) -> BTreeMap<ContentHash, Plan> {
    let release = rollouts.iter().find(|record| record.intent.direction == Direction::Deploy);
    let mut plans = BTreeMap::new();
    for record in rollouts.iter().take(PLANS_READ).chain(release) {
        let hash = &record.intent.plan;
        if !plans.contains_key(hash)
            && let Ok(plan) = readers.ledger.plan(hash).await
        {
            plans.insert(hash.clone(), plan);
        }
    }
    plans
}

/// What the gates of the newest release found. What cannot be read is missing, as it is with plans.
async fn findings(readers: &Readers, rollouts: &[RolloutRecord]) -> BTreeMap<RolloutId, Vec<WaveReport>> {
    let newest = rollouts.iter().find(|record| record.intent.direction == Direction::Deploy);
    let mut found = BTreeMap::new();
    if let Some(record) = newest
        && let Ok(of_rollout) = readers.ledger.findings(record).await
    {
        found.insert(record.id, of_rollout);
    }
    found
}
