//! Reading what gates judge beside ECS and probes: metrics, alarms and the owner's executable; each no more often than
//! it can have changed. And how long waves will take to show that they are well, for whoever plans.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::Readers;
use crate::domain::fleet::{Address, Application, Fleet};
use crate::domain::gate::{Alarm, AlarmState, AlarmsSeen, CommandAnswer, ErrorTest, Series, Window};
use crate::domain::ids::{CellName, ServiceKey, ServiceName, SetId};
use crate::domain::plan::{Change, Plan};
use crate::domain::rollout::{Reading, Rollout};
use crate::domain::snapshot::{Health, Snapshot};
use crate::domain::statistics::{Bake, Shares, expected_bake};
use crate::ports::{CommandOrder, MetricsQuery};

/// Data points come once a minute, and alarms change no faster.
const EVERY: SignedDuration = SignedDuration::from_secs(60);

/// Series by service.
type AllSeries = BTreeMap<ServiceKey, Series>;

/// What was read for the present watch.
#[derive(Debug, Default)]
pub(super) struct Watch {
    metrics: Option<Read<(AllSeries, AllSeries)>>,
    alarms: Option<Read<(BTreeMap<SetId, AlarmsSeen>, bool)>>,
    command: Option<Read<CommandAnswer>>,
}

#[derive(Debug)]
struct Read<T> {
    at: Timestamp,
    what: T,
}

impl<T> Read<T> {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.at + EVERY && now >= self.at
    }
}

impl Watch {
    /// Reads what the next decision needs, where it is not known from a moment ago.
    pub(super) async fn look(
        &mut self,
        readers: &Readers,
        at: (&Application, &Fleet),
        rollout: &Rollout,
        health: &mut Health,
    ) {
        let now = readers.clock.now();
        if let Some(reading) = rollout.needs_metrics(now) {
            if !self.metrics.as_ref().is_some_and(|read| read.is_fresh(now)) {
                self.metrics = Some(Read { at: now, what: metrics(readers, at, rollout.plan(), &reading).await });
            }
            (health.metrics, health.others) = self.metrics.as_ref().map(|read| read.what.clone()).unwrap_or_default();
        }
        if let Some((sets, all)) = rollout.needs_alarms(now) {
            let known = self.alarms.as_ref().is_some_and(|read| read.is_fresh(now) && (read.what.1 || !all));
            if !known || sets.iter().any(|set| self.alarms.as_ref().is_none_or(|read| !read.what.0.contains_key(set))) {
                self.alarms =
                    Some(Read { at: now, what: (alarms(readers, at.1, rollout.plan(), &sets, all).await, all) });
            }
            health.alarms = self.alarms.as_ref().map(|read| read.what.0.clone()).unwrap_or_default();
        }
    }

    /// Has the owner's executable judge the wave, when nothing else is left to wait for.
    pub(super) async fn ask(&mut self, readers: &Readers, rollout: &Rollout, seen: &mut Snapshot) {
        let now = readers.clock.now();
        let (Some(policy), Some((_, wave))) = (&rollout.plan().gate.command, rollout.wave()) else { return };
        if !rollout.needs_command(now) {
            return;
        }
        if !self.command.as_ref().is_some_and(|read| read.is_fresh(now)) {
            let order = CommandOrder {
                policy: policy.clone(),
                fleet: rollout.plan().fleet.clone(),
                wave: wave.name.clone(),
                version: rollout.plan().release.version.clone(),
                tenants: wave.sets().iter().map(ToString::to_string).collect(),
            };
            self.command = Some(Read { at: now, what: readers.commands.ask(&order).await });
        }
        seen.health.command = self.command.as_ref().map(|read| read.what.clone());
    }

    /// Forgets the wave that was under watch.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

async fn metrics(
    readers: &Readers,
    at: (&Application, &Fleet),
    plan: &Plan,
    reading: &Reading<'_>,
) -> (AllSeries, AllSeries) {
    let gate = &plan.gate;
    let query = |change: &&Change, others: bool| {
        Some(MetricsQuery {
            service: at.0.address(at.1, &change.service)?,
            traffic: has_traffic(at.0, change),
            latency: gate.latency.is_some() || gate.relative.is_some(),
            saturation: gate.saturation.is_some() && !others,
            from: reading.window.from,
            to: reading.window.to,
        })
    };
    let watched: Vec<MetricsQuery> = reading.watched.iter().filter_map(|change| query(change, false)).collect();
    let others: Vec<MetricsQuery> = reading
        .others
        .iter()
        .filter(|change| has_traffic(at.0, change))
        .filter_map(|change| query(change, true))
        .collect();
    let watched = readers.metrics.series(&watched).await;
    let others = if others.is_empty() { BTreeMap::new() } else { readers.metrics.series(&others).await };
    (watched, others)
}

/// Whether fleet.yaml says that requests come to the service. What it does not know any more is taken to have some.
fn has_traffic(application: &Application, change: &Change) -> bool {
    let service = application.services_of(&change.service.set).find(|service| service.name == change.service.service);
    service.is_none_or(|service| service.http.is_some())
}

/// The alarms of these sets. One call reads those of all tenants of a cell whose prefixes begin alike.
async fn alarms(
    readers: &Readers,
    fleet: &Fleet,
    plan: &Plan,
    sets: &[&SetId],
    all: bool,
) -> BTreeMap<SetId, AlarmsSeen> {
    let Some(policy) = &plan.gate.alarms else { return BTreeMap::new() };
    let template = policy.prefix.replace("{fleet}", plan.fleet.as_str());
    let common = template.split("{tenant}").next().unwrap_or_default().to_owned();
    let cell_of = |set: &SetId| fleet.set(set).map(|set| set.cell.clone());
    let cells: BTreeSet<CellName> = sets.iter().filter_map(|set| cell_of(set)).collect();
    let mut of_cell = BTreeMap::new();
    for cell in cells {
        let found = readers.metrics.alarms(&cell, &common, !all).await;
        of_cell.insert(cell, found);
    }
    let seen = |set: &SetId| match cell_of(set).and_then(|cell| of_cell.get(&cell)) {
        None => AlarmsSeen::Unknown("fleet.yaml no longer has it".to_owned()),
        Some(Err(error)) => AlarmsSeen::Unknown(error.to_string()),
        Some(Ok(found)) => {
            let prefix = template.replace("{tenant}", set.as_str());
            let own = |alarm: &&Alarm| alarm.name.starts_with(&prefix);
            let own: Vec<Alarm> = found.iter().filter(own).cloned().collect();
            if all { AlarmsSeen::All(own) } else { AlarmsSeen::Ringing(ringing(own)) }
        }
    };
    sets.iter().map(|set| ((*set).clone(), seen(set))).collect()
}

fn ringing(mut alarms: Vec<Alarm>) -> Vec<Alarm> {
    alarms.retain(|alarm| alarm.state == AlarmState::Ringing);
    alarms
}

/// How long a wave will be watched, by what came in during the last hour.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedBake {
    /// Requests a minute of its service with the fewest.
    pub per_minute: f64,
    /// That service; none where none has traffic or nothing could be read.
    pub slowest: Option<ServiceName>,
    /// How long it will take.
    pub time: SignedDuration,
}

/// Looks at the last hour of every service of a plan. None where the gate waits for no data.
pub async fn expected_bakes(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    plan: &Plan,
) -> Option<Vec<ExpectedBake>> {
    let policy = plan.gate.errors.as_ref().filter(|policy| !policy.observe && !plan.is_rollback())?;
    let to = readers.clock.now() - plan.gate.metrics.lag;
    let window = Window { from: to - SignedDuration::from_hours(1), to };
    let query = |change: &Change| {
        let service: Address = application.address(fleet, &change.service)?;
        let Window { from, to } = window;
        Some(MetricsQuery { service, traffic: true, latency: false, saturation: false, from, to })
    };
    let counted = plan.changes().filter(|change| !change.is_task() && has_traffic(application, change));
    let queries: Vec<MetricsQuery> = counted.filter_map(query).collect();
    let series = readers.metrics.series(&queries).await;
    let services: BTreeSet<&ServiceName> = queries.iter().map(|query| &query.service.service.service).collect();
    let shares = Shares::of(queries.len(), services.len() * plan.waves.len());
    let minutes = u32::try_from(plan.gate.metrics.bake_max.as_mins()).unwrap_or(u32::MAX);
    let sprt = ErrorTest { policy, alpha: shares.pooled, minutes, window }.sprt()?;
    let waves = plan.waves.iter().map(|wave| {
        let timing = plan.gate.metrics;
        let bake =
            Bake { least: timing.least(wave.bake), longest: timing.bake_max, blind: timing.warm_up + timing.lag };
        let mut rates: BTreeMap<&ServiceName, f64> = BTreeMap::new();
        for change in wave.changes.iter().filter(|change| series.contains_key(&change.service)) {
            let requests = series.get(&change.service).map_or(0, |series| requests(series, &window));
            *rates.entry(&change.service.service).or_default() += requests as f64 / 60.0;
        }
        let slowest = rates.into_iter().min_by(|(_, one), (_, other)| one.total_cmp(other));
        match slowest {
            Some((service, per_minute)) => {
                let time = expected_bake(bake, sprt.requests_to_pass(), per_minute);
                ExpectedBake { per_minute, slowest: Some(service.clone()), time }
            }
            None => ExpectedBake { per_minute: 0.0, slowest: None, time: timing.least(wave.bake) },
        }
    });
    Some(waves.collect())
}

fn requests(series: &Series, window: &Window) -> u64 {
    match series {
        Series::Known(minutes) => minutes.iter().filter(|m| window.has(m)).filter_map(|m| m.requests).sum(),
        Series::Unknown(_) | Series::NoTraffic(_) => 0,
    }
}
