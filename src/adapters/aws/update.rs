//! UpdateService, with the task definition and nothing else.
//!
//! Every other field would overrule somebody: desiredCount the autoscaler, network and load balancer Terraform.
//! And forceNewDeployment would turn a repeated call into a second deployment, where this one is a no-op.

use aws_sdk_ecs::operation::update_service::builders::UpdateServiceFluentBuilder;

use super::budget::Group;
use super::cells::{Clients, doing};
use super::failure::failure;
use super::observe::primary;
use crate::domain::fleet::Address;
use crate::domain::ids::{DeploymentId, TaskDefinitionArn};
use crate::ports::{Fault, PortError, PortResult};

/// Sends the update and answers the id of the PRIMARY deployment: the new one, or the one there was if the
/// service runs this task definition already.
pub(super) async fn update(
    clients: &Clients,
    service: &Address,
    target: &TaskDefinitionArn,
) -> PortResult<DeploymentId> {
    let doing =
        doing(format!("updating service {} to {}", service.ecs_service, target.family_and_revision()), &service.cell);
    clients.pace(Group::ServiceModify).await;
    let answer = request(clients, service, target).send().await.map_err(|error| failure(&doing, &error))?;
    let updated = answer.service.unwrap_or_else(|| aws_sdk_ecs::types::Service::builder().build());
    // Repeating the call is harmless, so an answer without the id is like no answer.
    primary(updated.deployments())
        .and_then(|deployment| deployment.id()?.parse().ok())
        .ok_or_else(|| PortError::new(Fault::Unavailable, doing, "the answer names no PRIMARY deployment"))
}

fn request(clients: &Clients, service: &Address, target: &TaskDefinitionArn) -> UpdateServiceFluentBuilder {
    clients
        .ecs
        .update_service()
        .cluster(&service.cluster)
        .service(&service.ecs_service)
        .task_definition(target.as_str())
}
