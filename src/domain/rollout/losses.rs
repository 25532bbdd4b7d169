//! Tasks that go while a wave is watched. ECS counts the failed tasks of a deployment until it is steady and no longer
//! (API Reference, Deployment, `failedTasks`), so a service that comes up well and keeps dying is counted here: each
//! time fewer of its tasks run than at the look before, though as many are wanted.
//!
//! What comes and goes between two looks is not seen, so this is the least that can have gone. A scale-in wants fewer
//! tasks, and a task that is moved to another zone is only stopped when its successor runs: neither is counted.

use std::collections::BTreeMap;

use super::{Phase, Rollout};
use crate::domain::ids::ServiceKey;
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::plan::Change;
use crate::domain::snapshot::{Live, RolloutState, ServiceSeen};

/// What was seen of the tasks of one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Losses {
    running: u32,
    desired: u32,
    gone: u32,
}

impl Losses {
    fn first(live: &Live) -> Self {
        Self { running: live.running, desired: live.desired, gone: 0 }
    }

    fn with(self, live: &Live) -> Self {
        let fell = live.running < self.running && live.running < live.desired && live.desired >= self.desired;
        let gone = if fell { self.running - live.running } else { 0 };
        Self { running: live.running, desired: live.desired, gone: self.gone + gone }
    }
}

impl Rollout {
    /// Takes in the tasks of one look. A deployment that is still on its way (or a stale look at one) has fewer on
    /// purpose.
    pub(super) fn note_tasks(&mut self, services: &BTreeMap<ServiceKey, ServiceSeen>) {
        if !matches!(self.phase, Phase::Baking { .. }) {
            return;
        }
        for change in self.watched.iter().filter(|change| !change.is_task()) {
            if let Some(ServiceSeen::Live(live)) = services.get(&change.service)
                && live.runs.hash == change.target.hash
                && live.rollout == RolloutState::Completed
            {
                let losses = self.losses.get(&change.service).map_or_else(|| Losses::first(live), |l| l.with(live));
                self.losses.insert(change.service.clone(), losses);
            }
        }
    }

    /// Tasks of a service that went since its watch began, at the least: as ECS counts them, or as they were seen.
    pub(super) fn stopped_tasks(&self, change: &Change, live: &Live) -> u32 {
        let gone = self.losses.get(&change.service).map_or(0, |losses| losses.gone);
        live.failed_tasks.max(if breaks(Mutant::LossesUncounted) { 0 } else { gone })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ContentHash;
    use crate::domain::snapshot::Runs;

    fn live(running: u32, desired: u32) -> Live {
        Live {
            runs: Runs {
                task_definition: "arn:aws:ecs:eu-west-1:111111111111:task-definition/acme-api:3".parse().unwrap(),
                hash: ContentHash::of(b"new"),
                digest: None,
            },
            deployment: "ecs-svc/1".parse().unwrap(),
            began: jiff::Timestamp::UNIX_EPOCH,
            rollout: RolloutState::Completed,
            desired,
            running,
            failed_tasks: 0,
            failed: Vec::new(),
        }
    }

    fn gone(looks: &[(u32, u32)]) -> u32 {
        let mut looks = looks.iter().map(|(running, desired)| live(*running, *desired));
        let first = Losses::first(&looks.next().unwrap());
        looks.fold(first, |losses, look| losses.with(&look)).gone
    }

    #[test]
    fn a_task_that_keeps_dying_is_counted_each_time() {
        assert_eq!(gone(&[(1, 1), (0, 1), (1, 1), (0, 1), (1, 1), (1, 1)]), 2);
        assert_eq!(gone(&[(4, 4), (2, 4), (1, 4)]), 3);
    }

    #[test]
    fn scaling_and_moving_a_task_is_no_loss() {
        assert_eq!(gone(&[(4, 4), (4, 2), (2, 2)]), 0, "in");
        assert_eq!(gone(&[(2, 2), (2, 4), (4, 4)]), 0, "out");
        assert_eq!(gone(&[(1, 1), (2, 1), (1, 1)]), 0, "to another zone");
    }
}
