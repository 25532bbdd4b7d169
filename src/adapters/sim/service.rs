//! One ECS service in the simulated world: deployments that take time, fail, and are rolled back by the circuit
//! breaker, with the one trap that matters: after a rollback it is stable again, on another deployment.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::world::World;
use crate::domain::directive::Scaling;
use crate::domain::ids::{ContentHash, DeploymentId, FleetName, ServiceKey, SetId, TaskDefinitionArn};
use crate::domain::snapshot::{DeploymentSeen, FailedDeployment, Live, RolloutState, Runs, TaskStarts};

/// Something an image does wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// Only in this fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetName>,
    /// Only for this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<SetId>,
}

/// What an image does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// It stops at once; the circuit breaker takes it back.
    CrashAtStart,
    /// It runs and answers 500, which only a probe sees.
    Answers500,
    /// As a one-shot task it ends with exit code 1.
    TaskFails,
    /// As a one-shot task it does not end.
    TaskHangs,
    /// It comes up, and all its tasks die and come back again and again; ECS counts none of them.
    KeepsDying,
    /// It stops at once, and without a circuit breaker ECS tries for ever.
    CrashWithoutBreaker,
    /// It stops at once; ECS gives up and leaves it there.
    GivenUp,
    /// It comes up, and stops again and again from then on.
    CrashLater,
    /// There is no capacity for it at first: it comes up after a long time.
    NoCapacity,
    /// It answers five requests in a hundred with 500, which only metrics see.
    FailsSome,
    /// It takes four times as long to answer.
    Slower,
}

/// One service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SimService {
    pub(super) fleet: FleetName,
    pub(super) key: ServiceKey,
    pub(super) desired: u32,
    #[serde(default)]
    pub(super) scaling: Option<Scaling>,
    pub(super) primary: Deployment,
    /// What the circuit breaker goes back to.
    last_good: TaskDefinitionArn,
    failed: Vec<Deployment>,
}

/// One of its deployments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Deployment {
    pub(super) id: DeploymentId,
    pub(super) task_definition: TaskDefinitionArn,
    began: Timestamp,
    /// When it will be done, if it will.
    done: Timestamp,
    /// Whether somebody had it stopped.
    #[serde(default)]
    stopped: bool,
}

/// A rolling deployment with tuned health checks takes about this long, and up to half as much again.
const ROLLOUT: SignedDuration = SignedDuration::from_secs(60);
/// Three tasks that stop at once take about this long, after which the circuit breaker fires.
const BREAKER: SignedDuration = SignedDuration::from_secs(40);
/// A task that stops right after its start stops again after this long.
const CRASH: SignedDuration = SignedDuration::from_secs(15);
/// Tasks that keep dying live this long, and are away as long.
const LIFE: SignedDuration = SignedDuration::from_secs(90);
/// When capacity is scarce, a deployment takes this much longer.
const SCARCE: SignedDuration = SignedDuration::from_mins(8);

impl Fault {
    /// Whether it shows for this service.
    pub(super) fn applies(&self, fleet: &FleetName, key: &ServiceKey) -> bool {
        self.fleet.as_ref().is_none_or(|f| f == fleet) && self.tenant.as_ref().is_none_or(|t| t == &key.set)
    }

    /// Whether it makes this service answer badly.
    pub(super) fn breaks_answers(&self, fleet: &FleetName, key: &ServiceKey) -> bool {
        self.kind == FaultKind::Answers500 && self.applies(fleet, key)
    }
}

impl SimService {
    /// A service that has run this task definition for long.
    pub(super) fn steady(
        fleet: FleetName,
        key: ServiceKey,
        runs: TaskDefinitionArn,
        deployment: DeploymentId,
        desired: u32,
    ) -> Self {
        let (began, done) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        let primary = Deployment { id: deployment, task_definition: runs.clone(), began, done, stopped: false };
        let awake = Scaling {
            min: desired,
            max: desired * 3,
            in_suspended: false,
            out_suspended: false,
            scheduled_suspended: false,
        };
        let scaling = (desired > 0).then_some(awake);
        Self { fleet, key, desired, scaling, primary, last_good: runs, failed: Vec::new() }
    }

    /// Takes an UpdateService. The task definition that is live already starts no deployment.
    pub(super) fn update(
        &mut self,
        task_definition: &TaskDefinitionArn,
        id: DeploymentId,
        now: Timestamp,
    ) -> DeploymentId {
        if &self.primary.task_definition != task_definition {
            self.primary = begin(&self.key, task_definition, id, now);
        }
        self.primary.id.clone()
    }

    /// Takes a StopServiceDeployment. Only a deployment that is in progress can be stopped.
    pub(super) fn stop(
        &mut self,
        deployment: &DeploymentId,
        flaw: Option<FaultKind>,
        next: DeploymentId,
        now: Timestamp,
    ) {
        if &self.primary.id == deployment && self.rollout(flaw, now) == RolloutState::InProgress {
            self.primary.stopped = true;
            let back = begin(&self.key, &self.last_good, next, now);
            self.failed.push(std::mem::replace(&mut self.primary, back));
        }
    }

    /// What DescribeServices says at the world's time.
    pub(super) fn describe(&self, world: &World) -> Option<Live> {
        let (arn, service, flaw) = (&self.primary.task_definition, &self.key.service, self.flaw(world));
        let runs = Runs {
            task_definition: arn.clone(),
            hash: world.hash(arn, service)?,
            digest: world.digest_of(arn, service),
        };
        let rollout = self.rollout(flaw, world.now);
        Some(Live {
            runs,
            deployment: self.primary.id.clone(),
            began: self.primary.began,
            rollout,
            desired: self.desired,
            running: if rollout == RolloutState::Completed && !self.is_dead(flaw, world.now) {
                self.desired
            } else {
                0
            },
            failed_tasks: self.failed_tasks(flaw, world.now),
            starts: self.starts(flaw, world.now),
            failed: self.failed.iter().map(|deployment| self.failed(world, deployment)).collect(),
        })
    }

    /// What ECS's history says of a deployment; none if it has none of it.
    pub(super) fn history(&self, world: &World, deployment: &DeploymentId) -> Option<DeploymentSeen> {
        if let Some(failed) = self.failed.iter().find(|failed| failed.id == *deployment) {
            return Some(DeploymentSeen::Lost { why: self.failed(world, failed).why });
        }
        (self.primary.id == *deployment).then(|| match self.rollout(self.flaw(world), world.now) {
            RolloutState::Completed => DeploymentSeen::Done,
            RolloutState::Failed => DeploymentSeen::Lost { why: "it was stopped without a rollback".to_owned() },
            RolloutState::InProgress | RolloutState::Unsaid | RolloutState::Unknown => DeploymentSeen::UnderWay,
        })
    }

    /// How far the PRIMARY deployment is, with what is wrong with its image.
    fn rollout(&self, flaw: Option<FaultKind>, now: Timestamp) -> RolloutState {
        let after = match flaw {
            Some(FaultKind::CrashAtStart | FaultKind::CrashWithoutBreaker) => return RolloutState::InProgress,
            Some(FaultKind::GivenUp) if now >= self.primary.began + BREAKER => return RolloutState::Failed,
            Some(FaultKind::GivenUp) => return RolloutState::InProgress,
            Some(FaultKind::NoCapacity) => self.primary.done + SCARCE,
            Some(
                FaultKind::Answers500
                | FaultKind::CrashLater
                | FaultKind::TaskFails
                | FaultKind::TaskHangs
                | FaultKind::KeepsDying
                | FaultKind::FailsSome
                | FaultKind::Slower,
            )
            | None => self.primary.done,
        };
        if now >= after { RolloutState::Completed } else { RolloutState::InProgress }
    }

    /// Whether its tasks have just died and are not back yet.
    fn is_dead(&self, flaw: Option<FaultKind>, now: Timestamp) -> bool {
        let half = now.duration_since(self.primary.done).as_secs().div_euclid(LIFE.as_secs());
        flaw == Some(FaultKind::KeepsDying) && half.rem_euclid(2) == 1
    }

    /// Starts of the PRIMARY deployment's tasks, as ECS's events tell them.
    fn starts(&self, flaw: Option<FaultKind>, now: Timestamp) -> TaskStarts {
        let began = self.primary.began;
        let alive = now.duration_since(self.primary.done).as_secs();
        let lives = if flaw == Some(FaultKind::KeepsDying) { alive / (2 * LIFE.as_secs()) } else { 0 };
        let back = (1..=lives).map(|life| self.primary.done + SignedDuration::from_secs(life * 2 * LIFE.as_secs()));
        let started = std::iter::once(began).chain(back).map(|at| (at, self.desired)).collect();
        TaskStarts { kept_since: None, started }
    }

    /// Tasks of the PRIMARY deployment that have stopped.
    fn failed_tasks(&self, flaw: Option<FaultKind>, now: Timestamp) -> u32 {
        let since = match flaw {
            Some(FaultKind::CrashAtStart | FaultKind::CrashWithoutBreaker | FaultKind::GivenUp) => self.primary.began,
            Some(FaultKind::CrashLater) => self.primary.done,
            Some(
                FaultKind::Answers500
                | FaultKind::NoCapacity
                | FaultKind::TaskFails
                | FaultKind::TaskHangs
                | FaultKind::KeepsDying
                | FaultKind::FailsSome
                | FaultKind::Slower,
            )
            | None => return 0,
        };
        let times = now.duration_since(since).as_secs() / CRASH.as_secs();
        u32::try_from(times.max(0)).unwrap_or(u32::MAX)
    }

    fn failed(&self, world: &World, deployment: &Deployment) -> FailedDeployment {
        let hash: Option<ContentHash> = world.hash(&deployment.task_definition, &self.key.service);
        let why = match deployment.stopped {
            true => "Service deployment rolled back because it was stopped.",
            false => "ECS deployment circuit breaker: tasks failed to start.",
        };
        FailedDeployment { id: deployment.id.clone(), hash, began: deployment.began, why: why.to_owned() }
    }

    /// The task definition whose tasks answer: the old ones until a deployment is done.
    pub(super) fn serving(&self, world: &World) -> &TaskDefinitionArn {
        let done = self.rollout(self.flaw(world), world.now) == RolloutState::Completed;
        if done { &self.primary.task_definition } else { &self.last_good }
    }

    /// What the deployment's image is like decides how it goes on once enough time has passed.
    pub(super) fn advance(&mut self, flaw: Option<FaultKind>, next: DeploymentId, now: Timestamp) {
        if flaw == Some(FaultKind::CrashAtStart) && now >= self.primary.began + BREAKER {
            let back = begin(&self.key, &self.last_good, next, self.primary.began + BREAKER);
            self.failed.push(std::mem::replace(&mut self.primary, back));
        } else if self.rollout(flaw, now) == RolloutState::Completed {
            self.last_good = self.primary.task_definition.clone();
        }
    }

    /// What the image of the PRIMARY deployment does wrong here.
    pub(super) fn flaw(&self, world: &World) -> Option<FaultKind> {
        let image = world.image(&self.primary.task_definition, &self.key.service)?;
        image.faults.iter().find(|fault| fault.applies(&self.fleet, &self.key)).map(|fault| fault.kind)
    }

    /// When the PRIMARY deployment is or will be done.
    pub(super) fn done_at(&self) -> Timestamp {
        self.primary.done
    }

    /// Whether it is.
    pub(super) fn is_done(&self, now: Timestamp) -> bool {
        now >= self.primary.done
    }

    /// Whether ECS lists a failed deployment.
    pub(super) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }
}

/// A deployment takes its own time, the same in every run.
pub(super) fn begin(
    key: &ServiceKey,
    task_definition: &TaskDefinitionArn,
    id: DeploymentId,
    now: Timestamp,
) -> Deployment {
    let spread: i64 = format!("{key}{task_definition}").bytes().map(i64::from).sum::<i64>() % 30;
    let done = now + ROLLOUT + SignedDuration::from_secs(spread);
    Deployment { id, task_definition: task_definition.clone(), began: now, done, stopped: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> DeploymentId {
        format!("ecs-svc/{n}").parse().unwrap()
    }

    fn definition(revision: u32) -> TaskDefinitionArn {
        format!("arn:aws:ecs:eu-west-1:1:task-definition/f:{revision}").parse().unwrap()
    }

    /// A service on `f:1` that is being moved to `f:2` since the epoch.
    fn moving() -> SimService {
        let key = ServiceKey::try_from("acme/iam".to_owned()).unwrap();
        let mut service = SimService::steady("prod".parse().unwrap(), key, definition(1), id(1), 2);
        assert_eq!(service.update(&definition(2), id(2), Timestamp::UNIX_EPOCH), id(2));
        service
    }

    #[test]
    fn a_stopped_deployment_goes_back_to_what_ran_before_under_a_new_id() {
        let mut service = moving();
        service.stop(&id(2), None, id(3), Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1));
        assert_eq!((&service.primary.id, &service.primary.task_definition), (&id(3), &definition(1)));
        assert_eq!((service.failed.len(), &service.failed[0].id, service.failed[0].stopped), (1, &id(2), true));
    }

    #[test]
    fn one_that_is_done_or_another_stays_as_it_is() {
        let mut service = moving();
        service.stop(&id(1), None, id(3), Timestamp::UNIX_EPOCH);
        service.stop(&id(2), None, id(3), service.primary.done);
        assert_eq!((&service.primary.id, service.has_failed()), (&id(2), false));
    }
}
