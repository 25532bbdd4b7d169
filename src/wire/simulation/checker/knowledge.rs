//! What each process was told: the only ground on which it may act.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::Checker;
use crate::domain::gate::{Alarm, AlarmState, Answer, Minute, Series, TargetHealth};
use crate::domain::ids::ServiceKey;
use crate::domain::ledger::RolloutId;
use crate::domain::snapshot::{Live, RolloutState, ServiceSeen};

/// What one process was told.
pub(super) struct Knowledge {
    pub(super) services: Vec<Option<Told>>,
    pub(super) probes: Vec<Option<Probed>>,
    pub(super) targets: Vec<Option<(u32, bool)>>,
    /// Whether its metrics could be judged, in which call.
    pub(super) metrics: Vec<Option<(u32, bool)>>,
    /// By set, whether its alarms were known to be quiet, in which call.
    pub(super) alarms: Vec<Option<(u32, bool)>>,
    /// Tasks of each service, and how many went since its wave is under watch.
    pub(super) losses: Vec<Option<Tasks>>,
    /// When it last read the lease, and the delays until then.
    pub(super) lease_read: Option<(Timestamp, SignedDuration)>,
    /// Rollouts that it has held or ended.
    pub(super) done_with: BTreeSet<RolloutId>,
}

/// What it was told of a service, in which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) call: u32,
    pub(super) hash: u32,
    pub(super) settled: bool,
    pub(super) desired: u32,
    pub(super) failed_tasks: u32,
}

/// Tasks of a service that is up, as they were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tasks {
    hash: u32,
    running: u32,
    desired: u32,
    pub(super) gone: u32,
    /// Starts after this instant are of tasks in the place of others.
    from: Timestamp,
}

/// What a probe got, in which call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Probed {
    pub(super) call: u32,
    pub(super) well: bool,
    pub(super) version: Option<String>,
}

impl Knowledge {
    pub(super) fn new(services: usize, sets: usize) -> Self {
        Self {
            services: vec![None; services],
            probes: vec![None; services],
            targets: vec![None; services],
            metrics: vec![None; services],
            alarms: vec![None; sets],
            losses: vec![None; services],
            lease_read: None,
            done_with: BTreeSet::new(),
        }
    }
}

impl Checker {
    /// A process was told this of the services.
    pub(in super::super) fn told(&mut self, process: usize, seen: &BTreeMap<ServiceKey, ServiceSeen>) {
        for (key, seen) in seen {
            let Some(service) = self.services.get(key).copied() else { continue };
            let told = match seen {
                ServiceSeen::Live(live) => {
                    let hash = self.number(&live.runs.hash);
                    let (settled, desired, failed_tasks) = (live.is_settled(), live.desired, live.failed_tasks);
                    Some(Told { call: self.call, hash, settled, desired, failed_tasks })
                }
                ServiceSeen::Missing => Some(Told::nothing(self.call)),
                // Nothing new: what was told before is as old as it was.
                ServiceSeen::Unreachable { .. } => continue,
            };
            self.processes[process].services[service] = told;
            if let ServiceSeen::Live(live) = seen {
                self.lost(process, service, live);
            }
            if let Some(told) = told {
                let runs = &mut self.runs[service];
                match runs.iter_mut().find(|(hash, _)| *hash == told.hash) {
                    Some((_, call)) => *call = told.call,
                    None => runs.push((told.hash, told.call)),
                }
            }
        }
    }

    /// Counts tasks that went from one look to the next while as many were wanted, or since the first look by their
    /// successors.
    fn lost(&mut self, process: usize, service: usize, live: &Live) {
        let hash = self.number(&live.runs.hash);
        if live.rollout != RolloutState::Completed {
            return;
        }
        let (running, desired) = (live.running, live.desired);
        let known = self.processes[process].losses[service].filter(|known| known.hash == hash);
        let newest = live.starts.started.iter().map(|(at, _)| *at).max().unwrap_or(live.began);
        let from = known.map_or(newest, |known| known.from);
        let gone = known.map_or(0, |known| {
            let fell = running < known.running && running < desired && desired >= known.desired;
            let fewer = known.gone + if fell { known.running - running } else { 0 };
            if desired == known.desired { fewer.max(live.starts.after(from)) } else { fewer }
        });
        self.processes[process].losses[service] = Some(Tasks { hash, running, desired, gone, from });
    }

    /// A process was told the minutes of these services; of some it may have been told nothing.
    pub(in super::super) fn measured<'a>(
        &mut self,
        process: usize,
        asked: impl Iterator<Item = &'a ServiceKey>,
        all: &BTreeMap<ServiceKey, Series>,
    ) {
        for key in asked {
            let Some(service) = self.services.get(key).copied() else { continue };
            let fits = |minute: &Minute| minute.errors.unwrap_or(0) <= minute.requests.unwrap_or(0);
            let known = matches!(all.get(key), Some(Series::Known(minutes)) if minutes.iter().all(fits));
            self.processes[process].metrics[service] = Some((self.call, known));
        }
    }

    /// A process was told these alarms, or could not be.
    pub(in super::super) fn alarmed(&mut self, process: usize, found: Option<&[Alarm]>, only_ringing: bool) {
        for (place, set) in self.sets.iter().enumerate() {
            let prefix = format!("shop-{}-{set}-", self.fleet);
            let own = found.unwrap_or_default().iter().filter(|alarm| alarm.name.starts_with(&prefix));
            let states: Vec<&AlarmState> = own.map(|alarm| &alarm.state).collect();
            let quiet = states.contains(&&AlarmState::Quiet)
                && states.iter().all(|state| matches!(state, AlarmState::Quiet | AlarmState::NoData));
            self.processes[process].alarms[place] = Some((self.call, quiet && !only_ringing));
        }
    }

    pub(in super::super) fn probed(&mut self, process: usize, answers: &BTreeMap<ServiceKey, Answer>) {
        for (key, answer) in answers {
            let Some(service) = self.services.get(key).copied() else { continue };
            let (well, version) = match answer {
                Answer::Http { status, version } => ((200..300).contains(status), version.clone()),
                Answer::Nothing { .. } => (false, None),
            };
            self.processes[process].probes[service] = Some(Probed { call: self.call, well, version });
        }
    }

    pub(in super::super) fn balanced(&mut self, process: usize, health: &BTreeMap<ServiceKey, TargetHealth>) {
        for (key, health) in health {
            let Some(service) = self.services.get(key).copied() else { continue };
            let well = matches!(health, TargetHealth::NotBalanced | TargetHealth::Healthy(1..));
            self.processes[process].targets[service] = Some((self.call, well));
        }
    }

    pub(in super::super) fn lease_read(&mut self, process: usize, now: Timestamp) {
        self.processes[process].lease_read = Some((now, self.delays));
    }
}

impl Told {
    fn nothing(call: u32) -> Self {
        Self { call, hash: 0, settled: false, desired: 0, failed_tasks: 0 }
    }
}
