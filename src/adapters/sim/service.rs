//! One ECS service in the simulated world: deployments that take time, fail, and are rolled back by the circuit
//! breaker, with the one trap that matters: after a rollback it is stable again, on another deployment.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::world::World;
use crate::domain::directive::Scaling;
use crate::domain::ids::{ContentHash, DeploymentId, FleetName, ServiceKey, SetId, TaskDefinitionArn};
use crate::domain::snapshot::{FailedDeployment, Live, RolloutState, Runs};
use crate::domain::template::digest_in;

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
}

/// One service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SimService {
    pub(super) fleet: FleetName,
    pub(super) key: ServiceKey,
    pub(super) desired: u32,
    #[serde(default)]
    pub(super) scaling: Option<Scaling>,
    primary: Deployment,
    /// What the circuit breaker goes back to.
    last_good: TaskDefinitionArn,
    failed: Vec<Deployment>,
}

/// One of its deployments.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Deployment {
    id: DeploymentId,
    task_definition: TaskDefinitionArn,
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
    pub(super) fn stop(&mut self, deployment: &DeploymentId, next: DeploymentId, now: Timestamp) {
        if &self.primary.id == deployment && now < self.primary.done {
            self.primary.stopped = true;
            let back = begin(&self.key, &self.last_good, next, now);
            self.failed.push(std::mem::replace(&mut self.primary, back));
        }
    }

    /// What DescribeServices says at the world's time.
    pub(super) fn describe(&self, world: &World) -> Option<Live> {
        let runs = |arn: &TaskDefinitionArn| {
            let digest = digest_in(world.task_definitions.get(arn)?, &self.key.service);
            Some(Runs { task_definition: arn.clone(), hash: world.hash(arn, &self.key.service)?, digest })
        };
        let failed = self.failed.iter().map(|deployment| self.failed(world, deployment)).collect();
        let done = world.now >= self.primary.done;
        Some(Live {
            runs: runs(&self.primary.task_definition)?,
            deployment: self.primary.id.clone(),
            rollout: if done { RolloutState::Completed } else { RolloutState::InProgress },
            desired: self.desired,
            running: if done { self.desired } else { 0 },
            failed_tasks: 0,
            failed,
        })
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
        if world.now >= self.primary.done { &self.primary.task_definition } else { &self.last_good }
    }

    /// What the deployment's image is like decides how it goes on once enough time has passed.
    pub(super) fn advance(&mut self, crashes: bool, next: DeploymentId, now: Timestamp) {
        if crashes && now >= self.primary.began + BREAKER {
            let back = begin(&self.key, &self.last_good, next, self.primary.began + BREAKER);
            self.failed.push(std::mem::replace(&mut self.primary, back));
        } else if now >= self.primary.done {
            self.last_good = self.primary.task_definition.clone();
        }
    }

    /// Whether the image of the PRIMARY deployment stops at once here.
    pub(super) fn crashes(&self, world: &World) -> bool {
        world.image(&self.primary.task_definition, &self.key.service).is_some_and(|image| {
            image.faults.iter().any(|f| f.kind == FaultKind::CrashAtStart && f.applies(&self.fleet, &self.key))
        })
    }

    /// Whether ECS lists a failed deployment.
    pub(super) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }
}

/// A deployment takes its own time, the same in every run.
fn begin(key: &ServiceKey, task_definition: &TaskDefinitionArn, id: DeploymentId, now: Timestamp) -> Deployment {
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
        service.stop(&id(2), id(3), Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1));
        assert_eq!((&service.primary.id, &service.primary.task_definition), (&id(3), &definition(1)));
        assert_eq!((service.failed.len(), &service.failed[0].id, service.failed[0].stopped), (1, &id(2), true));
    }

    #[test]
    fn one_that_is_done_or_another_stays_as_it_is() {
        let mut service = moving();
        service.stop(&id(1), id(3), Timestamp::UNIX_EPOCH);
        service.stop(&id(2), id(3), service.primary.done);
        assert_eq!((&service.primary.id, service.has_failed()), (&id(2), false));
    }
}
