//! UpdateService, with the task definition and nothing else.
//!
//! Every other field would overrule somebody: desiredCount the autoscaler, network and load balancer Terraform. A service
//! that has its first tasks has no autoscaler yet, and both fields in one call make one deployment, which ECS's circuit
//! breaker watches.
//! And forceNewDeployment would turn a repeated call into a second deployment, where this one is a no-op.

use aws_sdk_ecs::operation::update_service::builders::UpdateServiceFluentBuilder;

use super::budget::Group;
use super::cells::{Clients, doing};
use super::failure::failure;
use super::live::primary;
use crate::domain::fleet::Address;
use crate::domain::ids::{DeploymentId, TaskDefinitionArn};
use crate::ports::{Fault, PortError, PortResult};

/// Sends the update and answers the id of the PRIMARY deployment: the new one, or the one there was if the
/// service runs this task definition already.
pub(super) async fn update(
    clients: &Clients,
    service: &Address,
    target: &TaskDefinitionArn,
    tasks: Option<u32>,
) -> PortResult<DeploymentId> {
    let doing =
        doing(format!("updating service {} to {}", service.ecs_service, target.family_and_revision()), &service.cell);
    clients.pace(Group::ServiceModify).await;
    let tasks = tasks.map(i32::try_from).transpose();
    let tasks = tasks.map_err(|error| PortError::new(Fault::Refused, &doing, error))?;
    let answer = request(clients, service, target, tasks).send().await.map_err(|error| failure(&doing, &error))?;
    let updated = answer.service.unwrap_or_else(|| aws_sdk_ecs::types::Service::builder().build());
    // Repeating the call is harmless, so an answer without the id is like no answer.
    primary(updated.deployments())
        .and_then(|deployment| deployment.id()?.parse().ok())
        .ok_or_else(|| PortError::new(Fault::Unavailable, doing, "the answer names no PRIMARY deployment"))
}

fn request(
    clients: &Clients,
    service: &Address,
    target: &TaskDefinitionArn,
    tasks: Option<i32>,
) -> UpdateServiceFluentBuilder {
    clients
        .ecs
        .update_service()
        .cluster(&service.cluster)
        .service(&service.ecs_service)
        .task_definition(target.as_str())
        .set_desired_count(tasks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Loopback, address, cell_name};
    use serde_json::json;

    #[tokio::test]
    async fn inv_39_the_task_definition_is_sent_and_nothing_else() {
        let answer = json!({"service": {"deployments": [
            {"id": "ecs-svc/1", "status": "ACTIVE"}, {"id": "ecs-svc/2", "status": "PRIMARY"},
        ]}});
        let aws = Loopback::serve(move |_| (200, answer.to_string())).await;
        let cells = aws.cells().await;
        let arn = "arn:aws:ecs:eu-west-1:111111111111:task-definition/f:2";
        let clients = cells.clients(&cell_name()).await.unwrap();
        let primary = update(clients, &address("acme"), &arn.parse().unwrap(), None).await.unwrap();
        assert_eq!(primary.as_str(), "ecs-svc/2");
        let service = "app-prod-acme-iam";
        assert_eq!(aws.asked()[0].json(), json!({"cluster": "c1", "service": service, "taskDefinition": arn}));
        update(clients, &address("acme"), &arn.parse().unwrap(), Some(2)).await.unwrap();
        let first = json!({"cluster": "c1", "service": service, "taskDefinition": arn, "desiredCount": 2});
        assert_eq!(aws.asked()[1].json(), first);
    }
}
