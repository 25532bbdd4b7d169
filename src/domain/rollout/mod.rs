//! A rollout: a plan being carried out. Its state follows from the plan and the recorded events alone, so any
//! process can take it up where another was killed.

mod decide;
mod failing;
mod losses;
mod preflight;
mod quarantine;
mod report;
mod smoke;
mod standing;
mod task;
mod watch;
mod witness;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_smoke;
#[cfg(test)]
mod tests_task;
#[cfg(test)]
mod tests_witness;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{DeploymentId, ServiceKey, SetId};
use super::mutant::{Mutant, breaks};
use super::plan::{Change, Plan, Wave};
use super::reason::Reason;
use super::snapshot::{ServiceSeen, Snapshot, TaskSeen};

pub use decide::Decision;
use losses::Losses;
use smoke::SmokeTests;
pub use standing::Standing;
use task::Started;
pub use watch::Reading;
use witness::Witness;

/// Where a rollout is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The intent is recorded; no wave has begun.
    Opened,
    /// A wave's services are being brought to their target.
    Deploying {
        /// Index of the wave.
        wave: usize,
    },
    /// A wave's services are up and watched.
    Baking {
        /// Index of the wave.
        wave: usize,
        /// When the watch began.
        since: Timestamp,
    },
    /// Every wave passed.
    Succeeded,
    /// It was stopped for good; what follows is another rollout.
    Halted {
        /// Index of the wave in which it stopped.
        wave: usize,
        /// Why.
        reason: Reason,
    },
}

/// A change of phase, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A wave begins. For a wave after the first this also records that the one before it passed its gate.
    WaveStarted {
        /// Index of the wave.
        wave: usize,
    },
    /// Every migration of the wave has ended well; what serves may be changed.
    TasksDone {
        /// Index of the wave.
        wave: usize,
    },
    /// Every service of the wave was seen on its target; its watch begins.
    Baking {
        /// Index of the wave.
        wave: usize,
        /// When the watch began.
        since: Timestamp,
    },
    /// Every smoke test of the wave has ended well. ECS forgets their ends sooner than a watch may last.
    TestsDone {
        /// Index of the wave.
        wave: usize,
    },
    /// A tenant failed on its own: its services go back to what they ran before, and the wave goes on without it.
    Quarantined {
        /// Index of the wave.
        wave: usize,
        /// Whose services.
        set: SetId,
        /// How it failed.
        reason: Reason,
    },
    /// The rollout does not go on by itself, but can be continued. Its phase stays.
    Held {
        /// Index of the wave that is held.
        wave: usize,
        /// Why.
        reason: Reason,
    },
    /// It was stopped for good.
    Halted {
        /// Index of the wave in which it stopped.
        wave: usize,
        /// Why.
        reason: Reason,
    },
    /// Every wave passed its gate.
    Succeeded,
}

/// An event that does not follow from the phase a rollout is in. Such a record is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot follow {phase:?}")]
pub struct IllegalEvent {
    /// Where the rollout was.
    pub phase: Phase,
    /// What was recorded.
    pub event: Event,
}

impl Event {
    /// Whether it decides about a wave that its gates had judged, so that what they found is recorded with it.
    pub fn decides(&self) -> bool {
        match self {
            Self::WaveStarted { wave } => *wave > 0,
            Self::Quarantined { .. } | Self::Held { .. } | Self::Halted { .. } | Self::Succeeded => true,
            Self::TasksDone { .. } | Self::Baking { .. } | Self::TestsDone { .. } => false,
        }
    }
}

impl Phase {
    /// The phase after an event, in a rollout of so many waves; none if the event cannot follow.
    pub fn after(&self, event: &Event, waves: usize) -> Option<Self> {
        match (self, event) {
            (Self::Opened, Event::WaveStarted { wave: 0 }) if waves > 0 => Some(Self::Deploying { wave: 0 }),
            (Self::Opened, Event::Succeeded) if waves == 0 => Some(Self::Succeeded),
            (Self::Deploying { wave }, Event::TasksDone { wave: same }) if wave == same => Some(self.clone()),
            (Self::Deploying { wave }, Event::Baking { wave: same, since }) if wave == same => {
                Some(Self::Baking { wave: *wave, since: *since })
            }
            (Self::Baking { wave, .. }, Event::TestsDone { wave: same }) if wave == same => Some(self.clone()),
            (Self::Baking { wave, .. }, Event::WaveStarted { wave: next }) if wave + 1 == *next && *next < waves => {
                Some(Self::Deploying { wave: *next })
            }
            (Self::Baking { wave, .. }, Event::Succeeded) if wave + 1 == waves => Some(Self::Succeeded),
            (Self::Opened | Self::Deploying { .. } | Self::Baking { .. }, Event::Halted { wave, reason }) => {
                Some(Self::Halted { wave: *wave, reason: reason.clone() })
            }
            (Self::Opened | Self::Deploying { .. } | Self::Baking { .. }, Event::Held { .. }) => Some(self.clone()),
            (Self::Deploying { wave } | Self::Baking { wave, .. }, Event::Quarantined { wave: same, .. })
                if wave == same =>
            {
                Some(self.clone())
            }
            _ => None,
        }
    }
}

/// A plan being carried out.
#[derive(Clone, Debug)]
pub struct Rollout {
    plan: Plan,
    phase: Phase,
    /// When its intent was recorded: what ECS lists as failed from before is not ours.
    opened_at: Timestamp,
    /// When this process began to look at the current wave. Deadlines count from here, because a rollout may
    /// have been nobody's for hours.
    looking_since: Timestamp,
    /// What this process sent. After a restart it is empty, and the world is asked instead.
    sent: BTreeMap<ServiceKey, Sent>,
    /// One-shot tasks of the present wave that this process started or found.
    started: BTreeMap<ServiceKey, Started>,
    /// Migrations that are recorded to have run already.
    ran: BTreeSet<ServiceKey>,
    /// Whether the migrations of the present wave are recorded as done.
    tasks_done: bool,
    /// When another process began the present wave, at the earliest; none if this one did. Its tasks may be running.
    begun_before: Option<Timestamp>,
    /// Sets that are left on what they ran before, each with its failure.
    quarantined: BTreeMap<SetId, Reason>,
    /// The changes of the present wave; those of a quarantined set turned round.
    watched: Arc<[Change]>,
    /// Waves of which a person has accepted what was undecided.
    accepted: BTreeSet<usize>,
    /// Tasks that went while the present wave was watched.
    losses: BTreeMap<ServiceKey, Losses>,
    /// What ECS's history said of the deployments of the present wave.
    witnesses: BTreeMap<ServiceKey, Witness>,
    /// The smoke tests of the present wave.
    smoke: SmokeTests,
}

/// An update this process sent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    deployment: DeploymentId,
    at: Timestamp,
    /// Reads in a row in which another deployment was PRIMARY. One alone may be stale.
    displaced: u32,
}

impl Rollout {
    /// A rollout whose intent was recorded at `opened_at` and whose events are these, taken up at `now`.
    ///
    /// # Errors
    /// The events are not a history a rollout can have.
    pub fn replay(
        plan: Plan,
        opened_at: Timestamp,
        events: impl IntoIterator<Item = Event>,
        now: Timestamp,
    ) -> Result<Self, IllegalEvent> {
        let mut rollout = Self {
            plan,
            phase: Phase::Opened,
            opened_at,
            looking_since: now,
            sent: BTreeMap::new(),
            started: BTreeMap::new(),
            ran: BTreeSet::new(),
            tasks_done: false,
            begun_before: None,
            quarantined: BTreeMap::new(),
            watched: Arc::default(),
            accepted: BTreeSet::new(),
            losses: BTreeMap::new(),
            witnesses: BTreeMap::new(),
            smoke: SmokeTests::default(),
        };
        for event in events {
            rollout.apply(&event, now)?;
        }
        rollout.begun_before = rollout.wave().map(|_| opened_at);
        rollout.smoke.of_others = matches!(rollout.phase, Phase::Baking { .. });
        Ok(rollout)
    }

    /// The one way a phase changes.
    ///
    /// # Errors
    /// The event does not follow from the phase.
    pub fn apply(&mut self, event: &Event, now: Timestamp) -> Result<(), IllegalEvent> {
        let illegal = || IllegalEvent { phase: self.phase.clone(), event: event.clone() };
        let next = self.phase.after(event, self.plan.waves.len()).ok_or_else(illegal)?;
        if let Event::Quarantined { set, reason, .. } = event {
            if self.quarantined.contains_key(set) {
                return Err(illegal());
            }
            self.quarantined.insert(set.clone(), reason.clone());
            // What was sent there went forward and is no concern of the way back.
            self.sent.retain(|service, _| &service.set != set);
        }
        match event {
            Event::WaveStarted { .. } => {
                self.looking_since = now;
                (self.tasks_done, self.begun_before) = (false, None);
                self.started.clear();
                self.losses.clear();
                self.witnesses.clear();
                self.smoke = SmokeTests::default();
            }
            Event::TestsDone { .. } if self.smoke.done => return Err(illegal()),
            Event::TestsDone { .. } => self.smoke.done = true,
            Event::TasksDone { .. } if self.tasks_done => return Err(illegal()),
            Event::TasksDone { .. } => {
                self.looking_since = now;
                self.tasks_done = true;
            }
            // A way back that begins now has its own time: the one forward may have used up all of it.
            Event::Quarantined { .. } => self.looking_since = now,
            Event::Baking { .. } | Event::Held { .. } | Event::Halted { .. } | Event::Succeeded => {}
        }
        self.phase = next;
        self.watched = self.present_changes().into();
        Ok(())
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where it is.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The wave it is in, with its index; none before the first and after the last.
    pub fn wave(&self) -> Option<(usize, &Wave)> {
        let index = match self.phase {
            Phase::Deploying { wave } | Phase::Baking { wave, .. } | Phase::Halted { wave, .. } => wave,
            Phase::Opened | Phase::Succeeded => return None,
        };
        self.plan.waves.get(index).map(|wave| (index, wave))
    }

    /// The changes whose live state the next decision needs; those of a quarantined set turned round.
    pub fn watched(&self) -> &Arc<[Change]> {
        &self.watched
    }

    /// Sets that are left on what they ran before, each with its failure.
    pub fn quarantined(&self) -> &BTreeMap<SetId, Reason> {
        &self.quarantined
    }

    fn present_changes(&self) -> Vec<Change> {
        let changes = self.wave().map_or(&[][..], |(_, wave)| &wave.changes);
        let turned = |change: &Change| match self.quarantined.contains_key(&change.service.set) {
            // What has run once cannot be turned round.
            true => (!change.is_task()).then(|| change.reversed(changes)),
            false => Some(change.clone()),
        };
        let behind = |change: &&Change| self.quarantined.contains_key(&change.service.set);
        changes.iter().filter(|change| !breaks(Mutant::NotBroughtBack) || !behind(change)).filter_map(turned).collect()
    }

    /// Whether this change brings a service back to what it ran before.
    fn goes_back(&self, change: &Change) -> bool {
        self.plan.is_rollback() || self.quarantined.contains_key(&change.service.set)
    }

    /// Notes that this process sent an update.
    pub fn note_sent(&mut self, service: &ServiceKey, deployment: DeploymentId, now: Timestamp) {
        self.sent.insert(service.clone(), Sent { deployment, at: now, displaced: 0 });
    }

    /// Takes in what was seen, so that two reads that agree can be told from one that was stale.
    pub fn note_seen(&mut self, seen: &Snapshot) {
        for (service, sent) in &mut self.sent {
            if let Some(ServiceSeen::Live(live)) = seen.services.get(service) {
                sent.displaced = if live.deployment == sent.deployment { 0 } else { sent.displaced + 1 };
            }
        }
        self.note_tasks(&seen.services);
        self.note_history(seen);
        self.note_smoke_tests(&seen.tasks);
        for (service, task) in &seen.tasks {
            if let TaskSeen::Running { task } = task {
                let found = Started { task: task.clone(), at: self.looking_since };
                self.started.entry(service.clone()).or_insert(found);
            }
        }
    }
}
