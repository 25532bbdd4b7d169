//! What is live, as one value. A read that failed is a value too, because "I could not look" must reach the
//! decision and must never look like "all is well".

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::gate::{AlarmsSeen, CommandAnswer, ProbeRecord, Series, TargetHealth};
use super::ids::{ContentHash, DeploymentId, ImageDigest, ServiceKey, SetId, TaskArn, TaskDefinitionArn};
use super::routers::Following;

/// What was seen of a fleet at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Each service that was asked for has an entry.
    pub services: BTreeMap<ServiceKey, ServiceSeen>,
    /// What ECS's history says of the deployments on which a verdict was due.
    pub history: BTreeMap<ServiceKey, DeploymentSeen>,
    /// The one-shot tasks that were asked for.
    pub tasks: BTreeMap<ServiceKey, TaskSeen>,
    /// Health readings, where they were asked for.
    pub health: Health,
    /// The services of the wave that would begin next, where they were asked for.
    pub ahead: BTreeMap<ServiceKey, Ahead>,
    /// The one-shot tasks of that wave.
    pub tasks_ahead: BTreeMap<ServiceKey, TaskAhead>,
    /// Alarms of the tenants of that wave, and those of everybody else that ring.
    pub alarms_ahead: BTreeMap<SetId, AlarmsSeen>,
}

/// What a one-shot task must have before its wave begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskAhead {
    /// What it would be made from.
    pub family: FamilySeen,
    /// Whether the registry has its image.
    pub image: Availability,
}

/// The task definition family of a one-shot task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FamilySeen {
    /// Its newest active revision.
    Active(Runs),
    /// ECS has no active revision of it.
    Missing,
    /// It could not be read.
    Unreachable {
        /// Why.
        why: String,
    },
}

/// A one-shot task, as it was started for one rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskSeen {
    /// It has not ended.
    Running {
        /// Its name.
        task: TaskArn,
    },
    /// It has ended.
    Ended(TaskEnd),
    /// ECS shows none: none was started, or it ended more than an hour ago.
    NotFound,
    /// It could not be read.
    Unreachable {
        /// Why.
        why: String,
    },
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskEnd {
    /// Exit code of the container that carries the release; none if it never ran.
    pub code: Option<i32>,
    /// Whether it ended by itself. One that was stopped from outside may exit with 0 and have done half of its work.
    pub by_itself: bool,
    /// ECS's reason in words, or empty.
    pub why: String,
}

/// What a service must have before a wave begins to change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// The service.
    pub live: ServiceSeen,
    /// Whether the registry has the image that it is to get.
    pub image: Availability,
    /// Whether what it runs now could be deployed again: the way back.
    pub way_back: Availability,
}

/// Whether something is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It is.
    Yes,
    /// It is not.
    No {
        /// Why, or what is said of it.
        why: String,
    },
    /// It could not be found out.
    Unknown {
        /// Why, and what would help.
        why: String,
    },
}

/// Health readings of the services under watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Probes since the watch began.
    pub probes: BTreeMap<ServiceKey, ProbeRecord>,
    /// Load-balancer targets; read at decision points only, because the API allows 10 reads a second.
    pub targets: BTreeMap<ServiceKey, TargetHealth>,
    /// Metrics of the services under watch, from some time before their watch on.
    pub metrics: BTreeMap<ServiceKey, Series>,
    /// Metrics of services that were not updated yet, over the same time.
    pub others: BTreeMap<ServiceKey, Series>,
    /// Alarms of the tenants under watch.
    pub alarms: BTreeMap<SetId, AlarmsSeen>,
    /// How edge routers follow what is published; read at decision points only.
    pub routers: Option<Following>,
    /// What the owner's executable said; read at decision points only.
    pub command: Option<CommandAnswer>,
}

/// One service as ECS described it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceSeen {
    /// The service and what its PRIMARY deployment runs.
    Live(Live),
    /// ECS knows no such active service.
    Missing,
    /// It could not be read.
    Unreachable {
        /// Why.
        why: String,
    },
}

impl ServiceSeen {
    /// How many tasks run of a service that is not changing at the moment.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub fn steady_tasks(&self) -> Result<u32, String> {
        match self {
            Self::Live(live) if live.rollout == RolloutState::Completed && live.running == live.desired => {
                Ok(live.running)
            }
            Self::Live(live) => Err(format!("it is changing, {} of {} tasks run", live.running, live.desired)),
            Self::Missing => Err("ECS has no such service".to_owned()),
            Self::Unreachable { why } => Err(why.clone()),
        }
    }
}

/// A service that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// What the PRIMARY deployment runs.
    pub runs: Runs,
    /// Its id. After a rollback by ECS it is another one than that of our update.
    pub deployment: DeploymentId,
    /// When it began.
    pub began: Timestamp,
    /// How far it is.
    pub rollout: RolloutState,
    /// Tasks that should run.
    pub desired: u32,
    /// Tasks that do.
    pub running: u32,
    /// Tasks of this deployment that failed to start or to stay, as ECS counts them.
    pub failed_tasks: u32,
    /// Starts of its tasks that ECS still tells of.
    pub starts: TaskStarts,
    /// Deployments that ECS lists as failed: what they tried to run, when, and why it gave up.
    pub failed: Vec<FailedDeployment>,
}

/// What a deployment runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// The task definition.
    pub task_definition: TaskDefinitionArn,
    /// Hash of the task definition as rendered; equal hash, equal everything.
    pub hash: ContentHash,
    /// Digest of the service's own container; none if it is named by a tag.
    pub digest: Option<ImageDigest>,
}

/// ECS's `rolloutState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RolloutState {
    /// Not done.
    InProgress,
    /// Done.
    Completed,
    /// Given up.
    Failed,
    /// None. ECS gives it for rolling updates only, and for none behind a Classic Load Balancer (API Reference,
    /// Deployment, `rolloutState`).
    Unsaid,
    /// A word this program does not know.
    Unknown,
}

/// What ECS's own history says of one deployment: its service deployment. It is the only place where a deployment
/// that was taken back is never called done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeploymentSeen {
    /// It did what it was to do.
    Done,
    /// It is neither done nor lost.
    UnderWay,
    /// It was stopped or taken back, or is about to be: it will never be done.
    Lost {
        /// In ECS's words.
        why: String,
    },
    /// ECS has no history of this service at all.
    NoHistory,
    /// There is no telling, or it is not written down yet.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// Starts of a service's tasks, by the events that ECS keeps of it: the 100 newest (API Reference, Service, `events`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskStarts {
    /// Events from before this instant are forgotten; none if all are kept.
    pub kept_since: Option<Timestamp>,
    /// When tasks were started, and how many. A task that is moved to another zone is not among them.
    pub started: Vec<(Timestamp, u32)>,
}

impl TaskStarts {
    /// Whether every start after this instant is among them, for a service whose deployment began then: where events
    /// are kept, those of its first tasks are there.
    pub fn are_told_since(&self, at: Timestamp, began: Timestamp) -> bool {
        let kept = |instant| self.kept_since.is_none_or(|since| since <= instant);
        kept(at) && (!kept(began) || self.started.iter().any(|(started, _)| *started >= began))
    }

    /// Tasks that were started after this instant.
    pub fn after(&self, at: Timestamp) -> u32 {
        self.started.iter().filter(|(started, _)| *started > at).fold(0, |sum, (_, tasks)| sum.saturating_add(*tasks))
    }
}

/// A deployment that ECS gave up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedDeployment {
    /// Its id.
    pub id: DeploymentId,
    /// Hash of what it tried to run; none if that could not be read.
    pub hash: Option<ContentHash>,
    /// When it began.
    pub began: Timestamp,
    /// ECS's reason, or empty.
    pub why: String,
}

impl Live {
    /// Whether it is as Terraform makes it, at no task on this family, its placeholder: nothing of a release has run
    /// there. One that somebody has scaled to zero is not.
    pub fn is_unborn(&self, placeholder: &str) -> bool {
        self.desired == 0 && self.running == 0 && self.runs.task_definition.family() == placeholder
    }

    /// Whether the PRIMARY deployment is done and every task that should run does. Says nothing about zero tasks.
    pub fn is_settled(&self) -> bool {
        self.rollout == RolloutState::Completed && self.running >= self.desired
    }
}
