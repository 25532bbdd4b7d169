//! Tasks that go while a wave is watched. ECS counts the failed tasks of a deployment until it is steady and no longer
//! (API Reference, Deployment, `failedTasks`), so a service that comes up well and keeps dying is counted here, twice:
//!
//! - by what was started in its place. ECS tells of each start (Developer Guide, "Amazon ECS service event messages"),
//!   and once a service is up it starts tasks only to scale out, which wants more of them, and for others that went;
//! - by what runs: fewer tasks than at the look before, though as many are wanted. This is there before the next start
//!   is, but what comes and goes between two looks is not seen by it.
//!
//! The larger number counts. A scale-in wants fewer tasks, and a task that is moved to another zone is only stopped when
//! its successor runs, which is told in other words: neither is counted. A process that takes a watch over counts from
//! its own first look on, because it cannot tell what was wanted before.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Phase, Rollout};
use crate::domain::gate::{Evidence, Finding, GateName, Subject, Verdict};
use crate::domain::ids::ServiceKey;
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::plan::Change;
use crate::domain::reason::Reason;
use crate::domain::snapshot::{Live, RolloutState, ServiceSeen, Snapshot};

/// What was seen of the tasks of one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Losses {
    running: u32,
    desired: u32,
    /// Fewer from look to look.
    gone: u32,
    /// Starts after this instant, by ECS's clock, count: our own may be another.
    from: Timestamp,
    /// Tasks that were wanted in addition.
    added: u32,
    /// Tasks that were started.
    started: u32,
}

impl Losses {
    fn first(live: &Live) -> Self {
        let from = live.starts.started.iter().map(|(at, _)| *at).max().unwrap_or(live.began);
        Self { running: live.running, desired: live.desired, gone: 0, from, added: 0, started: 0 }
    }

    fn with(self, live: &Live) -> Self {
        let fell = live.running < self.running && live.running < live.desired && live.desired >= self.desired;
        let gone = if fell { self.running - live.running } else { 0 };
        Self {
            running: live.running,
            desired: live.desired,
            gone: self.gone + gone,
            from: self.from,
            added: self.added + live.desired.saturating_sub(self.desired),
            // Of the oldest ones ECS may tell no longer.
            started: self.started.max(live.starts.after(self.from)),
        }
    }

    fn count(self) -> u32 {
        self.gone.max(self.started.saturating_sub(self.added))
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
                let losses = self.losses.get(&change.service);
                let losses = losses.map_or_else(|| Losses::first(live), |losses| losses.with(live));
                self.losses.insert(change.service.clone(), losses);
            }
        }
    }

    /// Tasks of a service that went since its watch began: as ECS counts them, or as they were seen.
    pub(super) fn stopped_tasks(&self, change: &Change, live: &Live) -> u32 {
        let gone = self.losses.get(&change.service).map_or(0, |losses| losses.count());
        live.failed_tasks.max(if breaks(Mutant::LossesUncounted) { 0 } else { gone })
    }

    /// The services of which ECS does not tell whether tasks were started in the place of others since this instant.
    pub(super) fn of_untold_starts(&self, seen: &Snapshot, since: Timestamp) -> Vec<Finding> {
        let untold = |change: &&Change| match seen.services.get(&change.service) {
            Some(ServiceSeen::Live(live)) => {
                let from = self.losses.get(&change.service).map_or(since, |losses| losses.from);
                !live.starts.are_told_since(from, live.began)
            }
            _ => false, // That it is not there, or could not be read, is judged elsewhere.
        };
        let finding = |change: &Change| {
            let why = "ECS does not tell of the starts of its tasks since the watch began".to_owned();
            let what = format!("whether tasks of {} were started in the place of others", change.service);
            let evidence = Evidence::words(why.clone());
            let verdict = Verdict::Unknown(Reason::GateUnknown { what, why });
            Finding::new(GateName::Rollout, Subject::Service(change.service.clone()), verdict, false, evidence)
        };
        self.judged().filter(untold).map(finding).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ContentHash;
    use crate::domain::snapshot::{Runs, TaskStarts};

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
            starts: TaskStarts::default(),
            failed: Vec::new(),
        }
    }

    fn gone(looks: &[(u32, u32)]) -> u32 {
        let mut looks = looks.iter().map(|(running, desired)| live(*running, *desired));
        let first = Losses::first(&looks.next().unwrap());
        looks.fold(first, |losses, look| losses.with(&look)).count()
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

    /// What is counted of looks at a service with so many tasks wanted and starts told, by seconds.
    fn replaced(looks: &[(u32, &[(i64, u32)])]) -> u32 {
        let at = |second: &i64| Timestamp::from_second(*second).unwrap();
        let mut looks = looks.iter().map(|(desired, started)| {
            let started = started.iter().map(|(second, tasks)| (at(second), *tasks)).collect();
            Live { starts: TaskStarts { kept_since: None, started }, ..live(*desired, *desired) }
        });
        let first = Losses::first(&looks.next().unwrap());
        looks.fold(first, |losses, look| losses.with(&look)).count()
    }

    #[test]
    fn what_comes_and_goes_between_two_looks_is_told_by_its_successors() {
        assert_eq!(replaced(&[(1, &[]), (1, &[(5, 1), (9, 1)])]), 2);
        assert_eq!(replaced(&[(2, &[(-3, 2)]), (2, &[(-3, 2), (5, 2)])]), 2, "those of the deployment came before");
        assert_eq!(replaced(&[(1, &[]), (1, &[(5, 1), (9, 1)]), (1, &[(9, 1)])]), 2, "ECS forgets");
    }

    #[test]
    fn tasks_that_are_wanted_in_addition_replace_nothing() {
        assert_eq!(replaced(&[(2, &[]), (4, &[(5, 2)])]), 0);
        assert_eq!(replaced(&[(2, &[]), (4, &[(5, 2)]), (2, &[(5, 2)]), (3, &[(5, 2), (9, 1)])]), 0, "out, in, out");
        assert_eq!(replaced(&[(2, &[]), (4, &[(5, 2), (7, 1)])]), 1);
    }

    #[test]
    fn starts_are_told_where_those_of_the_deployment_are_or_are_long_forgotten() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let told = |kept_since: Option<i64>, started: &[i64]| {
            let started = started.iter().map(|second| (at(*second), 1)).collect();
            TaskStarts { kept_since: kept_since.map(at), started }.are_told_since(at(100), at(10))
        };
        assert!(told(None, &[11]));
        assert!(told(Some(50), &[]), "it came up long before the watch");
        assert!(!told(None, &[]), "nobody tells of starts");
        assert!(!told(None, &[9]), "but those of the deployment before");
        assert!(!told(Some(101), &[150]), "so much has happened that ECS has forgotten the start of the watch");
    }
}
