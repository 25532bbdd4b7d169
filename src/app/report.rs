//! `report`: everything a page about fleets shows. Works with readers only; without what is live, from the records
//! alone, and then whatever serves is unknown.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::metrics::has_traffic;
use super::observe::{recorded, view};
use super::status::services;
use super::{Readers, Stop};
use crate::domain::directive::Directives;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::gate::Series;
use crate::domain::ids::{ContentHash, FleetName, ServiceKey, SetId};
use crate::domain::ledger::{RolloutId, RolloutRecord};
use crate::domain::plan::{Direction, Plan, Wave};
use crate::domain::report::{self, Facts, FleetReport, Looked, REPORT_SCHEMA, Report};
use crate::domain::rollout::Event;
use crate::ports::MetricsQuery;

/// Plans that are read, of the newest rollouts: each is a call, and of a large fleet a file of a megabyte.
const PLANS_READ: usize = 8;

/// Tenants of a wave whose metrics are read for a chart: each service of each costs a query of GetMetricData.
const TENANTS_CHARTED: usize = 25;

/// What comes before a watch and is charted with it.
const BEFORE_WATCH: SignedDuration = SignedDuration::from_mins(15);

/// The longest time of a chart.
const CHART_MAX: SignedDuration = SignedDuration::from_hours(6);

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
    let series = match how.live {
        true => series(readers, application, fleet, &seen.rollouts, &plans).await,
        false => BTreeMap::new(),
    };
    let looked = Looked { live: seen.live, series };
    let now = readers.clock.now();
    Ok(report::fleet(Facts {
        app: application,
        fleet,
        decided: &decided,
        state: &seen.state,
        rollouts: &seen.rollouts,
        before: &before,
        plans: &plans,
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

/// What the gates of the newest release read, wave by wave: CloudWatch still has it, and the records do not.
async fn series(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    rollouts: &[RolloutRecord],
    plans: &BTreeMap<ContentHash, Plan>,
) -> BTreeMap<(RolloutId, usize), BTreeMap<ServiceKey, Series>> {
    let mut all = BTreeMap::new();
    let newest = rollouts.iter().find(|record| record.intent.direction == Direction::Deploy);
    let Some((record, plan)) = newest.and_then(|record| Some((record, plans.get(&record.intent.plan)?))) else {
        return all;
    };
    for (index, wave) in plan.waves.iter().enumerate().filter(|_| plan.gate.reads_metrics()) {
        let queries = queries(application, fleet, plan, wave, watch(record, index, readers.clock.now()));
        if !queries.is_empty() {
            all.insert((record.id, index), readers.metrics.series(&queries).await);
        }
    }
    all
}

/// When a wave was watched: from some time before to its end, or until now.
fn watch(record: &RolloutRecord, index: usize, now: jiff::Timestamp) -> Option<(jiff::Timestamp, jiff::Timestamp)> {
    let mut entries = record.entries.iter();
    let since = entries.find_map(|entry| match entry.event {
        Event::Baking { wave, since } if wave == index => Some(since),
        _ => None,
    })?;
    let over = entries
        .find(|entry| matches!(entry.event, Event::WaveStarted { .. } | Event::Halted { .. } | Event::Succeeded));
    let to = over.map_or(now, |entry| entry.at);
    let from = since.checked_sub(BEFORE_WATCH).ok()?;
    Some((from, to.min(from.checked_add(CHART_MAX).ok()?)))
}

fn queries(
    application: &Application,
    fleet: &Fleet,
    plan: &Plan,
    wave: &Wave,
    watch: Option<(jiff::Timestamp, jiff::Timestamp)>,
) -> Vec<MetricsQuery> {
    let Some((from, to)) = watch else { return Vec::new() };
    let charted: BTreeSet<&SetId> = wave.sets().into_iter().take(TENANTS_CHARTED).collect();
    let serving = wave.changes.iter().filter(|change| !change.is_task() && charted.contains(&change.service.set));
    let query = |change: &crate::domain::plan::Change| {
        let service = application.address(fleet, &change.service)?;
        let (latency, saturation) = (plan.gate.latency.is_some(), plan.gate.saturation.is_some());
        Some(MetricsQuery { service, traffic: has_traffic(application, change), latency, saturation, from, to })
    };
    serving.filter_map(query).filter(|query| query.traffic || query.saturation).collect()
}
