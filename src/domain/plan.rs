//! A plan: a release and a fleet, frozen. It leaves the rollout no choice about what to do, only about when to
//! stop, and its hash is what an approval binds to.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use jiff::SignedDuration;

use super::fleet::OnFailure;
use super::gate::{GatePolicy, Probe};
use super::ids::{
    AppName, ContentHash, FleetName, ImageDigest, ServiceKey, ServiceName, SetId, TaskDefinitionArn, Version,
};
use super::reason::Reason;
use super::release::Release;
use super::service::Role;
use super::snapshot::Live;
use super::template_change::FieldChange;

/// Version of the form in which plans are recorded.
pub const PLAN_SCHEMA: u32 = 1;

/// A release x a fleet, frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_SCHEMA`] when it was made.
    pub schema: u32,
    /// The application.
    pub app: AppName,
    /// The fleet.
    pub fleet: FleetName,
    /// What is rolled out. For a rollback, what most of the tenants go back to.
    pub release: Release,
    /// The version the fleet had before, as recorded.
    pub replaces: Option<Version>,
    /// Forward or back.
    pub direction: Direction,
    /// In order. Every targeted set is in exactly one.
    pub waves: Vec<Wave>,
    /// Sets that already run it in full.
    pub unchanged: Vec<SetId>,
    /// Sets that are left out, and why.
    pub excluded: Vec<Exclusion>,
    /// Sets that it reaches although their licences have ended, since the fleet's policy says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlicensed: Vec<SetId>,
    /// What a failed wave leads to.
    pub on_failure: OnFailure,
    /// Tenants that may be left on their old version, each for a failure of its own.
    #[serde(default)]
    pub failure_budget: usize,
    /// What every wave must show.
    pub gate: GatePolicy,
}

/// Forward or back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A release that the fleet has not had.
    Deploy,
    /// Sets that slept are brought to the release that the fleet has.
    Wake,
    /// A rollback of what this plan did.
    RollbackOf(ContentHash),
    /// A rollback to a version the fleet had before.
    RollbackTo(Version),
}

/// A slice of the sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// Its name, for people.
    pub name: String,
    /// How long it is watched when its services are up.
    pub bake: SignedDuration,
    /// What is changed, by set and, within a set, in the order of its services.
    pub changes: Vec<Change>,
}

/// One service and what it goes from and to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Which service.
    pub service: ServiceKey,
    /// Whether it serves, or runs once.
    #[serde(default, skip_serializing_if = "Role::is_serving")]
    pub role: Role,
    /// Its name in ECS; of a task, its family.
    pub ecs_service: String,
    /// Services of the same set that must be on their target before it.
    pub after: Vec<ServiceName>,
    /// What ran when the plan was made; of a task, the newest revision of its family.
    pub before: Target,
    /// What will run.
    pub target: Target,
    /// What of its configuration changes beside the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configuration: Vec<FieldChange>,
    /// The probe that watches it, if one does.
    pub probe: Option<Probe>,
}

/// A state of a service: all of its task definition, by hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Hash of the rendered task definition.
    pub hash: ContentHash,
    /// The task definition, where it is registered already. A rollback always knows it.
    pub task_definition: Option<TaskDefinitionArn>,
    /// Hash of the template part alone: configuration, as distinct from release. None where it is not known.
    pub template: Option<ContentHash>,
    /// Digest of the service's image; none if it was named by a tag (only ever before tidegate).
    pub digest: Option<ImageDigest>,
    /// The version the service answers; none where no record knows.
    pub version: Option<Version>,
    /// Tasks that it wants; none where that is the autoscaler's, which is everywhere but in a service's first release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u32>,
}

/// A set that is left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Which.
    pub set: SetId,
    /// Why.
    pub reason: Reason,
}

impl Plan {
    /// SHA-256 over the plan's canonical JSON.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of_json(&serde_json::to_value(self).unwrap_or_default())
    }

    /// That somebody has to approve it.
    pub fn awaits_approval(&self) -> Reason {
        Reason::AwaitingApproval { plan: self.hash() }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.waves.is_empty()
    }

    /// Every set, wave by wave.
    pub fn sets(&self) -> Vec<SetId> {
        self.waves.iter().flat_map(|wave| wave.sets().into_iter().cloned()).collect()
    }

    /// Every change, wave by wave.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.waves.iter().flat_map(|wave| &wave.changes)
    }

    /// The first task that leaves no way back, of these waves and of one set if one is meant.
    pub fn in_the_way(&self, waves: Range<usize>, only: Option<&SetId>) -> Option<Reason> {
        let waves = self.waves.iter().take(waves.end).skip(waves.start);
        let changes = waves.flat_map(|wave| &wave.changes);
        changes.filter(|change| only.is_none_or(|set| &change.service.set == set)).find_map(Change::in_the_way)
    }

    /// Whether it goes back.
    pub fn is_rollback(&self) -> bool {
        matches!(self.direction, Direction::RollbackOf(_) | Direction::RollbackTo(_))
    }
}

impl Wave {
    /// The sets of the wave, each once, in order.
    pub fn sets(&self) -> Vec<&SetId> {
        let mut sets: Vec<&SetId> = self.changes.iter().map(|c| &c.service.set).collect();
        sets.dedup();
        sets
    }
}

impl Change {
    /// Whether it is a task that runs once.
    pub fn is_task(&self) -> bool {
        self.role.is_task()
    }

    /// Whether it is a task that runs once before what serves.
    pub fn is_migration(&self) -> bool {
        self.role.is_migration()
    }

    /// Whether it is a task that runs once after what serves.
    pub fn is_smoke_test(&self) -> bool {
        self.role.is_smoke_test()
    }

    /// Why nobody may go back once this has run, if it is so.
    pub fn in_the_way(&self) -> Option<Reason> {
        match self.role {
            Role::Task { class } if !class.lets_go_back() => {
                Some(Reason::MigrationInTheWay { service: self.service.clone(), class })
            }
            Role::Task { .. } | Role::SmokeTest | Role::Serving => None,
        }
    }

    /// The change back. What came after this service in `wave` before, now comes before it.
    #[must_use]
    pub fn reversed(&self, wave: &[Self]) -> Self {
        let dependents = wave
            .iter()
            .filter(|other| other.service.set == self.service.set && other.after.contains(&self.service.service))
            .map(|other| other.service.service.clone());
        Self {
            before: self.target.clone(),
            target: self.before.clone(),
            after: dependents.collect(),
            configuration: self.configuration.iter().map(FieldChange::reversed).collect(),
            probe: self.probe.clone().filter(|_| self.before.tasks != Some(0)),
            ..self.clone()
        }
    }

    /// How many tasks it starts where none has ever run but on the way back; none of any other change.
    pub fn first_tasks(&self) -> Option<u32> {
        self.target.tasks.filter(|tasks| *tasks > 0)
    }

    /// Whether it starts the first tasks of a service that is as the plan found it: at none.
    pub fn begins_on(&self, live: &Live) -> bool {
        self.first_tasks().is_some() && live.runs.hash == self.before.hash
    }

    /// Whether it goes back to where it was born: no tasks, and nothing that could be asked or watched.
    pub fn rests(&self) -> bool {
        self.target.tasks == Some(0)
    }

    /// Whether the image changes.
    pub fn changes_image(&self) -> bool {
        self.before.digest.is_none() || self.before.digest != self.target.digest
    }
}
