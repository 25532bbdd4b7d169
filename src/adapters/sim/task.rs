//! The ports to one-shot tasks, on the simulated world, with ECS's two limits: a task is shown for an hour after its
//! end, and the token of a start is known for a day.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Sim;
use super::service::FaultKind;
use super::world::World;
use crate::domain::fleet::Address;
use crate::domain::ids::{ContentHash, ImageDigest, ServiceKey, TaskArn, TaskDefinitionArn};
use crate::domain::snapshot::{FamilySeen, Runs, TaskEnd, TaskSeen};
use crate::domain::template::digest_in;
use crate::ports::{Fault, OpenRollout, PortError, PortResult, TaskReader, TaskRun, TaskWriter};

/// One task that was started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SimTask {
    task: TaskArn,
    token: ContentHash,
    key: ServiceKey,
    digest: Option<ImageDigest>,
    began: Timestamp,
    done: Timestamp,
    code: i32,
}

/// A start takes a while, and the work too.
const RUN: SignedDuration = SignedDuration::from_secs(45);
/// One that hangs is stopped by somebody some day.
const HANGS: SignedDuration = SignedDuration::from_hours(24 * 365);
/// How long ECS shows a task that has ended.
const SHOWN: SignedDuration = SignedDuration::from_hours(1);
/// How long ECS knows the token of a start.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

impl World {
    /// Every start so far: whose, with which image, when and when it ends.
    pub fn task_starts(&self) -> impl Iterator<Item = (&ServiceKey, Option<&ImageDigest>, Timestamp, Timestamp)> {
        self.tasks.iter().map(|task| (&task.key, task.digest.as_ref(), task.began, task.done))
    }

    /// The exit codes of a task's runs since then; none for one that has not ended.
    #[cfg(test)]
    pub(crate) fn runs_of(&self, key: &ServiceKey, since: Timestamp) -> Vec<Option<i32>> {
        let runs = self.tasks.iter().filter(|task| &task.key == key && task.began >= since);
        runs.map(|task| (task.done <= self.now).then_some(task.code)).collect()
    }

    /// The newest revision of a family.
    pub(super) fn newest(&self, family: &str) -> Option<&TaskDefinitionArn> {
        let revision =
            |arn: &TaskDefinitionArn| arn.as_str().rsplit(':').next().and_then(|number| number.parse::<u32>().ok());
        self.task_definitions.keys().filter(|arn| arn.family() == family).max_by_key(|arn| revision(arn))
    }
}

#[async_trait]
impl TaskReader for Sim {
    async fn families(&self, tasks: &[Address]) -> BTreeMap<ServiceKey, FamilySeen> {
        let mut world = self.world();
        tasks.iter().for_each(|_| world.count("ECS ListTaskDefinitions"));
        let family = |address: &Address| {
            let Some(arn) = world.newest(&address.ecs_service) else { return FamilySeen::Missing };
            let service = &address.service.service;
            let digest = world.task_definitions.get(arn).and_then(|definition| digest_in(definition, service));
            match world.hash(arn, service) {
                Some(hash) => FamilySeen::Active(Runs { task_definition: arn.clone(), hash, digest }),
                None => FamilySeen::Unreachable { why: "its task definition cannot be read".to_owned() },
            }
        };
        tasks.iter().map(|address| (address.service.clone(), family(address))).collect()
    }

    async fn tasks(&self, runs: &[TaskRun]) -> BTreeMap<ServiceKey, TaskSeen> {
        let mut world = self.world();
        let (known, unknown): (Vec<&TaskRun>, Vec<&TaskRun>) = runs.iter().partition(|run| run.task.is_some());
        known.chunks(100).for_each(|_| world.count("ECS DescribeTasks"));
        unknown.iter().for_each(|_| world.count("ECS ListTasks"));
        let seen = |run: &TaskRun| {
            let is_it = |task: &&SimTask| match &run.task {
                Some(known) => &task.task == known,
                None => task.token == run.token,
            };
            let shown = |task: &&SimTask| world.now < task.done + SHOWN;
            world
                .tasks
                .iter()
                .rev()
                .find(is_it)
                .filter(shown)
                .map_or(TaskSeen::NotFound, |task| task.describe(world.now))
        };
        runs.iter().map(|run| (run.address.service.clone(), seen(run))).collect()
    }

    async fn last_lines(&self, run: &TaskRun) -> PortResult<Vec<String>> {
        let mut world = self.world();
        world.count("Logs GetLogEvents");
        let failed = world.tasks.iter().any(|task| run.task.as_ref() == Some(&task.task) && task.code != 0);
        Ok(if failed { vec![format!("{} | it says that it failed", run.address.service.service)] } else { Vec::new() })
    }
}

#[async_trait]
impl TaskWriter for Sim {
    async fn run(
        &self,
        _: &OpenRollout,
        run: &TaskRun,
        definition: &TaskDefinitionArn,
        beside: &Address,
    ) -> PortResult<TaskArn> {
        let mut world = self.world();
        world.count("ECS RunTask");
        let refused = |why: &str| PortError::new(Fault::Refused, format!("starting {}", run.address.ecs_service), why);
        let fleet = world.service(beside).map(|service| service.fleet.clone());
        let fleet = fleet.ok_or_else(|| refused("there is no service beside it"))?;
        let now = world.now;
        let same = |task: &&SimTask| task.token == run.token && now < task.began + REMEMBERED;
        if let Some(there) = world.tasks.iter().find(same) {
            return Ok(there.task.clone());
        }
        let key = &run.address.service;
        let described = world.task_definitions.get(definition).ok_or_else(|| refused("there is no such revision"))?;
        let digest = digest_in(described, &key.service);
        let has = |kind: FaultKind| {
            let faults = world.image(definition, &key.service).map_or(&[][..], |image| &image.faults);
            faults.iter().any(|fault| fault.kind == kind && fault.applies(&fleet, key))
        };
        let (fails, takes) = (has(FaultKind::TaskFails), if has(FaultKind::TaskHangs) { HANGS } else { RUN });
        let text = format!("arn:aws:ecs:eu-west-1:000000000000:task/{}/{:032x}", beside.cluster, world.next_number());
        let task: TaskArn = text.parse().unwrap_or_else(|bad| unreachable!("{bad}"));
        let (token, code) = (run.token.clone(), i32::from(fails));
        let started =
            SimTask { task: task.clone(), token, key: key.clone(), digest, began: now, done: now + takes, code };
        world.tasks.push(started);
        Ok(task)
    }
}

impl SimTask {
    fn describe(&self, now: Timestamp) -> TaskSeen {
        if now < self.done {
            return TaskSeen::Running { task: self.task.clone() };
        }
        let why = if self.code == 0 { "" } else { "its log says why" };
        TaskSeen::Ended(TaskEnd { code: Some(self.code), by_itself: true, why: why.to_owned() })
    }
}
