//! How a paused service stands: what is still to be done to put it to sleep, or to wake it, and whether it is as it
//! was left. Pure, so that a pause or a resume that was cut off goes on from what is seen.

use super::directive::{Running, Scaling};
use super::ids::ServiceKey;
use super::reason::Reason;
use super::snapshot::{Live, ServiceSeen};

/// What is live of a service that is to sleep or to wake.
#[derive(Clone, Debug)]
pub struct Sleeper<'a> {
    /// Which.
    pub service: &'a ServiceKey,
    /// How it ran before.
    pub was: &'a Running,
    /// As ECS describes it.
    pub seen: &'a ServiceSeen,
    /// Its autoscaling now.
    pub scaling: Option<Scaling>,
}

/// How a service runs now, to be recorded before it is changed.
///
/// # Errors
/// It is not in a state that could be restored.
pub fn running(service: &ServiceKey, seen: &ServiceSeen, scaling: Option<Scaling>) -> Result<Running, Reason> {
    let not_ready = |why: &str| Reason::NotReady { service: service.clone(), why: why.to_owned() };
    match seen {
        ServiceSeen::Live(live) if live.desired == 0 => Err(not_ready("it is at zero tasks already")),
        ServiceSeen::Live(live) if !live.is_settled() => Err(not_ready("a deployment is in progress")),
        ServiceSeen::Live(live) => {
            Ok(Running { desired: live.desired, task_definition: live.runs.task_definition.clone(), scaling })
        }
        ServiceSeen::Missing => Err(not_ready("ECS has no active service of that name")),
        ServiceSeen::Unreachable { why } => Err(not_ready(why)),
    }
}

impl Sleeper<'_> {
    fn live(&self) -> Result<&Live, Reason> {
        match self.seen {
            ServiceSeen::Live(live) => Ok(live),
            ServiceSeen::Missing => Err(self.differs("ECS has no active service of that name".to_owned())),
            ServiceSeen::Unreachable { why } => Err(self.differs(why.clone())),
        }
    }

    fn differs(&self, why: String) -> Reason {
        Reason::NotAsPaused { service: self.service.clone(), why }
    }

    /// Whether all its tasks are gone and nothing can start one.
    pub fn sleeps(&self) -> bool {
        let scaling = self.scaling == self.was.scaling.map(Scaling::paused);
        scaling && self.live().is_ok_and(|live| live.desired == 0 && live.running == 0)
    }

    /// Whether nobody has changed it since it was put to sleep, but for a resume that was cut off.
    ///
    /// # Errors
    /// What differs.
    pub fn is_as_left(&self) -> Result<(), Reason> {
        let live = self.live()?;
        if live.desired != 0 && live.desired != self.was.desired {
            let why = format!("{} tasks are wanted, where 0 or {} should be", live.desired, self.was.desired);
            return Err(self.differs(why));
        }
        if self.scaling != self.was.scaling && self.scaling != self.was.scaling.map(Scaling::paused) {
            return Err(self.differs("its autoscaling was changed".to_owned()));
        }
        // Awake again, a resume that was cut off may have brought it to the fleet's release.
        if live.desired == 0 && live.runs.task_definition != self.was.task_definition {
            let runs = live.runs.task_definition.family_and_revision();
            return Err(self.differs(format!("it would run {runs}")));
        }
        Ok(())
    }

    /// Whether its tasks run again.
    pub fn is_awake(&self) -> bool {
        self.live().is_ok_and(|live| live.desired == self.was.desired && live.is_settled())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ContentHash;
    use crate::domain::snapshot::{RolloutState, Runs};

    fn live(desired: u32, running: u32, revision: u32) -> ServiceSeen {
        let arn = format!("arn:aws:ecs:eu-west-1:1:task-definition/f:{revision}");
        let runs = Runs { task_definition: arn.parse().unwrap(), hash: ContentHash::of(b"x"), digest: None };
        let (deployment, rollout) = ("ecs-svc/1".parse().unwrap(), RolloutState::Completed);
        let (began, failed) = (jiff::Timestamp::UNIX_EPOCH, Vec::new());
        ServiceSeen::Live(Live { runs, deployment, began, rollout, desired, running, failed_tasks: 0, failed })
    }

    fn scaling() -> Option<Scaling> {
        Some(Scaling { min: 2, max: 6, in_suspended: false, out_suspended: false, scheduled_suspended: false })
    }

    fn check(seen: &ServiceSeen, scaling_now: Option<Scaling>) -> (bool, Result<(), String>, bool) {
        let service = ServiceKey::try_from("acme/iam-service".to_owned()).unwrap();
        let was = running(&service, &live(2, 2, 1), scaling()).unwrap();
        let sleeper = Sleeper { service: &service, was: &was, seen, scaling: scaling_now };
        (sleeper.sleeps(), sleeper.is_as_left().map_err(|reason| reason.to_string()), sleeper.is_awake())
    }

    #[test]
    fn asleep_means_no_tasks_and_nothing_that_starts_one() {
        let paused = scaling().map(Scaling::paused);
        assert_eq!(check(&live(0, 0, 1), paused), (true, Ok(()), false));
        assert!(!check(&live(0, 1, 1), paused).0, "a task still runs");
        assert!(!check(&live(0, 0, 1), scaling()).0, "an alarm could wake it");
    }

    #[test]
    fn what_somebody_changed_meanwhile_is_named() {
        let paused = scaling().map(Scaling::paused);
        assert!(check(&live(5, 5, 1), paused).1.unwrap_err().contains("5 tasks are wanted"));
        assert!(check(&live(0, 0, 9), paused).1.unwrap_err().contains("it would run f:9"));
        let other = paused.map(|scaling| Scaling { max: 99, ..scaling });
        assert!(check(&live(0, 0, 1), other).1.unwrap_err().contains("autoscaling was changed"));
        assert_eq!(check(&live(2, 2, 9), paused), (false, Ok(()), true), "a resume that was cut off");
    }

    #[test]
    fn what_could_not_be_restored_is_not_paused() {
        let service = ServiceKey::try_from("acme/iam-service".to_owned()).unwrap();
        for seen in [live(0, 0, 1), live(2, 1, 1), ServiceSeen::Missing] {
            assert!(running(&service, &seen, None).is_err());
        }
    }
}
