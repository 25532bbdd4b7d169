//! How one service stands against its target: the place where ECS's answers get their meaning.
//!
//! The question is never "is the service stable" (it is, after ECS has rolled it back), but "is what we want the
//! PRIMARY deployment, is that deployment done, and does ECS's history (`witness`) say so too".

use jiff::{SignedDuration, Timestamp};

use super::Rollout;
use super::witness::Word;
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::plan::Change;
use crate::domain::reason::Reason;
use crate::domain::service::Role;
use crate::domain::snapshot::{DeploymentSeen, Live, RolloutState, ServiceSeen, Snapshot};

/// How one service stands against its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its target is PRIMARY, done, and every task that should run does.
    OnTarget,
    /// It is as the plan found it, and may be updated.
    AsBefore,
    /// On its way, or about to be readable.
    Moving,
    /// It cannot be told.
    Unknown(Reason),
    /// It will not reach its target.
    Failed(Reason),
    /// Somebody else changed it.
    Foreign(Reason),
}

/// Reads in which another deployment than ours must be PRIMARY before that is believed. Right after an update
/// a read can still show the state before it.
const DISPLACED_READS: u32 = 2;

impl Rollout {
    /// How `change` stands, seen at `now`.
    pub fn standing(&self, change: &Change, seen: &Snapshot, now: Timestamp) -> Standing {
        match change.role {
            Role::Task { .. } => self.task_standing(change, seen.tasks.get(&change.service), now),
            Role::SmokeTest => self.smoke_test_standing(change, seen, now),
            Role::Serving => self.service_standing(change, seen, now),
        }
    }

    fn service_standing(&self, change: &Change, seen: &Snapshot, now: Timestamp) -> Standing {
        let service = change.service.clone();
        let history = seen.history.get(&change.service);
        match seen.services.get(&change.service) {
            None => self.unreadable(change, "it was not read", now),
            Some(ServiceSeen::Unreachable { why }) => self.unreadable(change, why, now),
            Some(ServiceSeen::Missing) => {
                Standing::Failed(Reason::NotReady { service, why: "ECS has no active service of that name".to_owned() })
            }
            // ECS has gone back by itself, and gives its placeholder the tasks that were meant for the first release.
            Some(ServiceSeen::Live(live))
                if change.rests() && live.desired > 0 && live.runs.hash == change.target.hash =>
            {
                match self.sent.contains_key(&change.service) {
                    true => self.late(change, now).map_or(Standing::Moving, Standing::Failed),
                    false => Standing::AsBefore,
                }
            }
            Some(ServiceSeen::Live(live))
                if live.desired == 0
                    && !change.rests()
                    && !change.begins_on(live)
                    && !breaks(Mutant::ZeroIsHealthy) =>
            {
                Standing::Unknown(Reason::Unproven { service })
            }
            Some(ServiceSeen::Live(live)) if live.runs.hash == change.target.hash => {
                self.on_its_way(change, live, self.word(change, live, history), now)
            }
            Some(ServiceSeen::Live(live)) if live.runs.hash == change.before.hash => {
                self.as_before(change, live, history, now)
            }
            Some(ServiceSeen::Live(_)) if breaks(Mutant::ForeignIgnored) => Standing::AsBefore,
            Some(ServiceSeen::Live(live)) => foreign(change, live),
        }
    }

    /// What cannot be told may become readable until the service's time is over.
    fn unreadable(&self, change: &Change, why: &str, now: Timestamp) -> Standing {
        let reason = Reason::GateUnknown { what: format!("state of {}", change.service), why: why.to_owned() };
        self.late(change, now).map_or(Standing::Moving, |_| Standing::Unknown(reason))
    }

    /// The target is PRIMARY.
    fn on_its_way(&self, change: &Change, live: &Live, word: Word<'_>, now: Timestamp) -> Standing {
        if live.rollout == RolloutState::Failed {
            let why = live.failed.iter().find(|f| f.id == live.deployment).map_or("", |f| f.why.as_str());
            return Standing::Failed(gave_up(change, why));
        }
        match (word, live.rollout) {
            (Word::Lost(why), _) => return Standing::Failed(gave_up(change, why)),
            (_, RolloutState::Completed | RolloutState::Unsaid) if live.running < live.desired => {}
            (Word::None | Word::Done, RolloutState::Completed) => return Standing::OnTarget,
            // ECS does not judge it where it stands, so its history alone has to.
            (Word::Done, RolloutState::Unsaid) => return Standing::OnTarget,
            (Word::Unknown(why), RolloutState::Completed | RolloutState::Unsaid) => {
                return self.unreadable(change, why, now);
            }
            _ => {}
        }
        self.late(change, now).map_or(Standing::Moving, Standing::Failed)
    }

    /// What ran before is PRIMARY: not sent yet, or sent and taken back.
    fn as_before(&self, change: &Change, live: &Live, history: Option<&DeploymentSeen>, now: Timestamp) -> Standing {
        if breaks(Mutant::StableIsSuccess) && self.sent.contains_key(&change.service) && live.is_settled() {
            return Standing::OnTarget;
        }
        let ours_failed = live
            .failed
            .iter()
            .find(|failed| failed.began >= self.opened_at && failed.hash.as_ref() == Some(&change.target.hash));
        if breaks(Mutant::BreakerIgnored) && ours_failed.is_some() {
            return if live.is_settled() { Standing::AsBefore } else { Standing::Moving };
        }
        if let Some(failed) = ours_failed {
            return Standing::Failed(gave_up(change, &failed.why));
        }
        if let Word::Lost(why) = self.word(change, live, history) {
            return Standing::Failed(gave_up(change, why));
        }
        match self.sent.get(&change.service) {
            Some(sent) if sent.displaced >= DISPLACED_READS - u32::from(breaks(Mutant::OneReadBelieved)) => {
                Standing::Failed(gave_up(change, "it went back to the deployment before ours"))
            }
            Some(_) => Standing::Moving,
            // A rollback does not wait for what it takes back. Forward, an update on top of an unfinished
            // deployment would leave ECS nothing to roll back to.
            None if live.is_settled() || self.goes_back(change) => Standing::AsBefore,
            None => self.late(change, now).map_or(Standing::Moving, |_| {
                let why = "another deployment is still in progress".to_owned();
                Standing::Foreign(Reason::NotReady { service: change.service.clone(), why })
            }),
        }
    }

    /// Whether the time that the gate gives this service has passed.
    pub(super) fn late(&self, change: &Change, now: Timestamp) -> Option<Reason> {
        let started = self.started.get(&change.service).map(|started| started.at);
        let began = self.sent.get(&change.service).map(|sent| sent.at).or(started).unwrap_or(self.looking_since);
        let passed: SignedDuration = now.duration_since(began);
        (passed > self.plan.gate.deadline).then(|| Reason::DeadlinePassed {
            service: change.service.clone(),
            minutes: self.plan.gate.deadline.as_mins(),
        })
    }
}

fn foreign(change: &Change, live: &Live) -> Standing {
    let found = format!("it runs {}", live.runs.task_definition.family_and_revision());
    Standing::Foreign(Reason::ForeignChange { service: change.service.clone(), found })
}

fn gave_up(change: &Change, why: &str) -> Reason {
    let why = if why.is_empty() { "the deployment failed and ECS gave no reason" } else { why };
    Reason::DeploymentFailed { service: change.service.clone(), why: why.to_owned() }
}
