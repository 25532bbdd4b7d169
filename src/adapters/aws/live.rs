//! One service as DescribeServices has it, as a value: no word is guessed, and whatever does not fit is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_ecs::types::{Deployment, DeploymentControllerType, DeploymentRolloutState, Service, ServiceEvent};
use jiff::Timestamp;

use super::failure::one_line;
use super::task_definitions::Revision;
use crate::domain::ids::{CellName, DeploymentId, ServiceName, TaskDefinitionArn};
use crate::domain::snapshot::{FailedDeployment, Live, RolloutState, Runs, TaskStarts};
use crate::domain::template::digest_in;
use crate::ports::PortResult;

/// Task definitions by ARN, or why they could not be read.
pub(super) type Revisions = BTreeMap<String, PortResult<Arc<Revision>>>;

/// The task definitions that have to be known to report a service.
pub(super) fn arns(cell: &CellName, service: &Service) -> Vec<(CellName, TaskDefinitionArn)> {
    let told = |deployment: &&Deployment| is_primary(deployment) || is_failed(deployment);
    let arn = |deployment: &Deployment| deployment.task_definition()?.parse().ok();
    service.deployments().iter().filter(told).filter_map(arn).map(|arn| (cell.clone(), arn)).collect()
}

/// The service as a value, or why there is none.
pub(super) fn live(service: &Service, revisions: &Revisions, name: &ServiceName) -> Result<Live, String> {
    if let Some(controller) = service.deployment_controller().map(|c| c.r#type())
        && *controller != DeploymentControllerType::Ecs
    {
        return Err(format!("its deployment controller is {}, not ECS", controller.as_str()));
    }
    let primary = primary(service.deployments()).ok_or("ECS lists no PRIMARY deployment")?;
    let failed = service.deployments().iter().filter(|d| is_failed(d));
    Ok(Live {
        runs: runs(primary, revisions, name)?,
        deployment: id(primary)?,
        began: began(primary).ok_or("ECS does not say when the PRIMARY deployment began")?,
        rollout: rollout(primary.rollout_state()),
        desired: count("desired", service.desired_count())?,
        running: count("running", primary.running_count())?,
        failed_tasks: count("failed", primary.failed_tasks())?,
        starts: starts(service.events()),
        failed: failed.map(|d| failed_deployment(d, revisions, name)).collect::<Result<_, _>>()?,
    })
}

/// The deployment that ECS calls PRIMARY.
pub(super) fn primary(deployments: &[Deployment]) -> Option<&Deployment> {
    deployments.iter().find(|d| is_primary(d))
}

fn is_primary(deployment: &Deployment) -> bool {
    deployment.status() == Some("PRIMARY")
}

fn is_failed(deployment: &Deployment) -> bool {
    deployment.rollout_state() == Some(&DeploymentRolloutState::Failed)
}

fn runs(primary: &Deployment, revisions: &Revisions, name: &ServiceName) -> Result<Runs, String> {
    let text = primary.task_definition().unwrap_or_default();
    let task_definition: TaskDefinitionArn = text.parse().map_err(|bad| format!("{bad}"))?;
    let revision = match revisions.get(text) {
        Some(Ok(revision)) => revision,
        Some(Err(error)) => return Err(error.to_string()),
        None => return Err(format!("reading task definition {} broke off", task_definition.family_and_revision())),
    };
    let hash = revision.hash(name).map_err(|bad| bad.to_string())?;
    Ok(Runs { task_definition, hash, digest: digest_in(&revision.definition, name) })
}

fn failed_deployment(
    deployment: &Deployment,
    revisions: &Revisions,
    name: &ServiceName,
) -> Result<FailedDeployment, String> {
    let revision = deployment.task_definition().and_then(|arn| revisions.get(arn)?.as_ref().ok());
    Ok(FailedDeployment {
        id: id(deployment)?,
        hash: revision.and_then(|revision| revision.hash(name).ok()),
        began: began(deployment).ok_or("ECS does not say when a failed deployment began")?,
        why: one_line(deployment.rollout_state_reason().unwrap_or_default()),
    })
}

fn id(deployment: &Deployment) -> Result<DeploymentId, String> {
    deployment.id().unwrap_or_default().parse().map_err(|bad| format!("{bad}"))
}

fn began(deployment: &Deployment) -> Option<Timestamp> {
    instant(deployment.created_at()?)
}

fn instant(at: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()
}

/// Events that ECS keeps of a service, the newest (API Reference, Service, `events`).
const EVENTS_KEPT: usize = 100;

fn starts(events: &[ServiceEvent]) -> TaskStarts {
    let timed = |event: &ServiceEvent| Some((instant(event.created_at()?)?, event.message().and_then(started)));
    let events: Vec<_> = events.iter().filter_map(timed).collect();
    TaskStarts {
        kept_since: events.iter().map(|(at, _)| *at).min().filter(|_| events.len() >= EVENTS_KEPT),
        started: events.into_iter().filter_map(|(at, tasks)| Some((at, tasks?))).collect(),
    }
}

/// Tasks that an event says were started: "(service web) has started 2 tasks: (task 1) (task 2)."; "web has started 1
/// tasks in eu-west-1a to AZ Rebalance: 3" moves one (Developer Guide, "Track Amazon ECS Availability Zone
/// rebalancing").
fn started(message: &str) -> Option<u32> {
    let (tasks, rest) = message.split_once(" has started ")?.1.split_once(" task")?;
    let moved = rest.split_once(':').is_some_and(|(how, _)| how.contains("AZ Rebalance"));
    tasks.parse().ok().filter(|_| !moved)
}

fn rollout(state: Option<&DeploymentRolloutState>) -> RolloutState {
    match state {
        Some(DeploymentRolloutState::Completed) => RolloutState::Completed,
        Some(DeploymentRolloutState::Failed) => RolloutState::Failed,
        Some(DeploymentRolloutState::InProgress) => RolloutState::InProgress,
        Some(_) => RolloutState::Unknown,
        None => RolloutState::Unsaid,
    }
}

fn count(what: &str, tasks: i32) -> Result<u32, String> {
    u32::try_from(tasks).map_err(|_| format!("ECS counts {tasks} {what} tasks"))
}
