//! A fleet's part of a report, from its records and from what was seen.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::failures::failures;
use super::waves::rollout;
use super::{FleetReport, Hold, PinReport, RolloutReport, ServiceReport, SetReport, WaveOf};
use crate::domain::condition::ServiceStatus;
use crate::domain::directive::{Decided, Directives};
use crate::domain::dora::figures;
use crate::domain::fleet::{Application, Fleet, ServiceSet};
use crate::domain::gate;
use crate::domain::history::history;
use crate::domain::ids::{ContentHash, ServiceKey, SetId};
use crate::domain::ledger::{FleetState, RolloutId, RolloutRecord, current_version};
use crate::domain::plan::{Direction, Plan};
use crate::domain::snapshot::ServiceSeen;

/// Rollouts that a report shows; older ones count in its figures and failures.
pub(super) const ROLLOUTS_MAX: usize = 50;

/// Rollouts and decisions that a report lists.
const HISTORY_MAX: usize = 200;

/// What is known of a fleet.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The file's meaning.
    pub app: &'a Application,
    /// The fleet, decisions applied.
    pub fleet: &'a Fleet,
    /// What people have decided, oldest first.
    pub decided: &'a [Decided],
    /// What runs by the records.
    pub state: &'a FleetState,
    /// The rollouts so far, newest first.
    pub rollouts: &'a [RolloutRecord],
    /// Those of the fleets that it is promoted from.
    pub before: &'a [RolloutRecord],
    /// Plans that were read, by their hash.
    pub plans: &'a BTreeMap<ContentHash, Plan>,
    /// What gates found, by rollout and oldest first, of those that it was read of.
    pub found: &'a BTreeMap<RolloutId, Vec<gate::WaveReport>>,
    /// What was seen; nothing where only the records were looked at.
    pub looked: Option<&'a Looked>,
    /// Every service as it is, one-shot tasks first.
    pub services: &'a [ServiceStatus],
    /// Now.
    pub now: Timestamp,
    /// The day, in UTC.
    pub today: Date,
    /// The time that figures are about.
    pub window: SignedDuration,
}

/// What was seen beside the records.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// Every service that serves.
    pub live: BTreeMap<ServiceKey, ServiceSeen>,
}

/// A fleet's part of a report.
pub fn fleet(of: Facts<'_>) -> FleetReport {
    let directives = Directives::fold(of.decided);
    let names = |set: &SetId| of.app.services_of(set).map(|service| service.name.clone()).collect();
    let tenant = of.fleet.sets.iter().find(|set| !set.id.is_control_plane());
    let control_plane = of.fleet.sets.iter().find(|set| set.id.is_control_plane());
    FleetReport {
        name: of.fleet.name.clone(),
        version: current_version(of.rollouts).cloned(),
        live: of.looked.is_some(),
        hold: directives.hold.map(|hold| Hold { by: hold.by, since: hold.at, why: hold.why }),
        services: tenant.map(|set| names(&set.id)).unwrap_or_default(),
        control_plane: control_plane.map(|set| names(&set.id)).unwrap_or_default(),
        sets: sets(of),
        rollouts: of.rollouts.iter().take(ROLLOUTS_MAX).map(|record| one_rollout(of, record)).collect(),
        rollouts_recorded: of.rollouts.len(),
        failures: failures(of.rollouts),
        history: history(&of.fleet.name, of.rollouts, of.decided, HISTORY_MAX),
        figures: figures(of.rollouts, of.before, of.now, of.window),
    }
}

fn one_rollout(of: Facts<'_>, record: &RolloutRecord) -> RolloutReport {
    let plan = of.plans.get(&record.intent.plan);
    let mut report = rollout(record, plan);
    for said in history(&of.fleet.name, std::slice::from_ref(record), of.decided, usize::MAX) {
        for accepted in said.rollout.into_iter().flat_map(|rollout| rollout.accepted) {
            if let Some(wave) = report.waves.get_mut(accepted.wave.saturating_sub(1)) {
                wave.accepted_by = Some(accepted.by);
            }
        }
    }
    for found in of.found.get(&record.id).into_iter().flatten() {
        if let Some(wave) = report.waves.get_mut(found.wave) {
            wave.found.clone_from(&found.gates);
        }
    }
    report
}

/// The newest release whose plan was read, which says who is in which wave.
fn newest_plan<'a>(of: Facts<'a>) -> Option<(RolloutId, &'a Plan)> {
    let forward = of.rollouts.iter().filter(|record| record.intent.direction == Direction::Deploy);
    forward.filter_map(|record| Some((record.id, of.plans.get(&record.intent.plan)?))).next()
}

fn sets(of: Facts<'_>) -> Vec<SetReport> {
    let newest = newest_plan(of);
    let mut waves: BTreeMap<&SetId, WaveOf> = BTreeMap::new();
    let mut left_out: BTreeMap<&SetId, String> = BTreeMap::new();
    if let Some((id, plan)) = newest {
        for (index, wave) in plan.waves.iter().enumerate() {
            let of_wave = WaveOf { rollout: id.0, number: index + 1, name: wave.name.clone() };
            waves.extend(wave.sets().into_iter().map(|set| (set, of_wave.clone())));
        }
        left_out.extend(plan.excluded.iter().map(|exclusion| (&exclusion.set, exclusion.reason.to_string())));
    }
    let mut services: BTreeMap<&SetId, Vec<ServiceReport>> = BTreeMap::new();
    for status in of.services {
        services.entry(&status.service.set).or_default().push(service(of, status));
    }
    let report = |set: &ServiceSet| {
        // An unchanged service and a task are as old as the release that last touched them: the newest record counts.
        let serving = of.app.services_of(&set.id).filter(|service| service.role.is_serving());
        let recorded = serving.filter_map(|s| of.state.services.get(&ServiceKey::new(&set.id, &s.name)));
        let release = recorded.max_by_key(|state| state.at).map(|state| &state.release);
        SetReport {
            id: set.id.clone(),
            control_plane: set.id.is_control_plane(),
            cell: set.cell.clone(),
            tier: set.tier.clone(),
            tags: set.tags.iter().cloned().collect(),
            state: set.state,
            pin: set.pin.as_ref().map(|pin| PinReport {
                version: pin.version.clone(),
                owner: pin.owner.clone(),
                why: pin.why.clone(),
                until: pin.until,
                expired: pin.until < of.today,
            }),
            wave: waves.get(&set.id).cloned(),
            unchanged: newest.is_some_and(|(_, plan)| plan.unchanged.contains(&set.id)),
            left_out: left_out.get(&set.id).cloned(),
            release: release.cloned(),
            services: services.get(&set.id).cloned().unwrap_or_default(),
        }
    };
    of.fleet.sets.iter().map(report).collect()
}

fn service(of: Facts<'_>, status: &ServiceStatus) -> ServiceReport {
    let live = of.looked.and_then(|looked| looked.live.get(&status.service));
    ServiceReport {
        name: status.service.service.clone(),
        condition: status.condition,
        version: status.version.clone(),
        recorded: of.state.services.get(&status.service).and_then(|state| state.runs.version.clone()),
        digest: status.digest.as_ref().map(|digest| digest.short().to_owned()),
        tasks: match live {
            Some(ServiceSeen::Live(live)) => Some((live.running, live.desired)),
            _ => None,
        },
        why: status.why.clone(),
    }
}
