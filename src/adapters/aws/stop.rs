//! StopServiceDeployment, for a deployment that outlived our deadline: without a circuit breaker or with a slow one
//! it would stay in progress for ever. It goes back even where the service does not ask for rollbacks (Developer
//! Guide, "Stopping Amazon ECS service deployments").
//!
//! What DescribeServices calls a deployment, `ecs-svc/N`, is stopped by another name: that of the service deployment
//! whose target is the service revision `.../N`. That name appears some seconds after the update.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ecs::types::StopServiceDeploymentStopType;
use aws_sdk_ecs::types::{DeploymentRolloutState, ServiceDeploymentBrief, ServiceDeploymentStatus as Status};

use super::budget::{Group, pause};
use super::cells::{Cells, Clients, doing};
use super::failure::failure;
use super::history::brings_up;
use super::live::primary;
use super::services::{Described, describe};
use crate::domain::fleet::Address;
use crate::domain::ids::DeploymentId;
use crate::ports::{Fault, PortError, PortResult};

/// Looks for the service deployment.
const ATTEMPTS: u32 = 6;
/// Wait before the second look; each further one is twice as long, so that the last is after half a minute.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Pages of a list that are read. A service has one or two deployments in progress, which fit the first.
const PAGES: usize = 5;
/// States of a service deployment that is not over (Developer Guide, "Service deployment states").
const ONGOING: [Status; 5] =
    [Status::Pending, Status::InProgress, Status::StopRequested, Status::RollbackRequested, Status::RollbackInProgress];

/// How a deployment stands.
enum Stands {
    /// Not in progress any more, or being taken back already.
    Over,
    /// In progress under this name.
    Ongoing(String),
    /// In progress, and without a name so far.
    Nameless,
}

/// Has ECS stop this deployment and go back, if it is still in progress.
pub(super) async fn stop(
    cells: &Arc<Cells>,
    service: &Address,
    deployment: &DeploymentId,
    first_wait: Duration,
) -> PortResult<()> {
    let doing = doing(format!("stopping deployment {deployment} of {}", service.ecs_service), &service.cell);
    let clients = cells.clients(&service.cell).await?;
    let (mut wait, mut refused) = (first_wait, None);
    for attempt in 1..=ATTEMPTS {
        match stands(cells, service, deployment, &doing).await? {
            Stands::Over => return Ok(()),
            Stands::Ongoing(arn) => match send(clients, &arn, &doing).await {
                // It may have ended meanwhile, in which words is not written anywhere: one more look.
                Err(error) if error.fault != Fault::Unavailable && refused.is_none() => refused = Some(error),
                settled => return settled,
            },
            Stands::Nameless => {}
        }
        if attempt < ATTEMPTS {
            pause(wait).await;
            wait *= 2;
        }
    }
    let nameless = || PortError::new(Fault::Unavailable, doing, "ECS does not list it as a service deployment yet");
    Err(refused.unwrap_or_else(nameless))
}

async fn stands(cells: &Arc<Cells>, service: &Address, deployment: &DeploymentId, doing: &str) -> PortResult<Stands> {
    if !is_in_progress(cells, service, deployment, doing).await? {
        return Ok(Stands::Over);
    }
    let clients = cells.clients(&service.cell).await?;
    let Some(found) = named(clients, service, deployment, doing).await? else { return Ok(Stands::Nameless) };
    // The other states are ways out that were taken already, by the circuit breaker, a person or a newer update.
    match found.status() {
        Some(Status::StopRequested | Status::RollbackRequested | Status::RollbackInProgress) => Ok(Stands::Over),
        _ => Ok(found.service_deployment_arn.map_or(Stands::Nameless, Stands::Ongoing)),
    }
}

/// Whether it is the PRIMARY deployment, and ECS has not done or given it up.
async fn is_in_progress(
    cells: &Arc<Cells>,
    service: &Address,
    deployment: &DeploymentId,
    doing: &str,
) -> PortResult<bool> {
    let found = match describe(cells, std::slice::from_ref(service)).await.pop() {
        Some((_, Described::Active(found))) => found,
        Some((_, Described::Unreadable(why))) => return Err(PortError::new(Fault::Unavailable, doing, why)),
        Some((_, Described::Missing)) | None => {
            return Err(PortError::new(Fault::Refused, doing, "ECS has no active service of that name"));
        }
    };
    let ours = primary(found.deployments()).filter(|primary| primary.id() == Some(deployment.as_str()));
    let over = [DeploymentRolloutState::Completed, DeploymentRolloutState::Failed];
    Ok(ours.is_some_and(|ours| ours.rollout_state().is_none_or(|state| !over.contains(state))))
}

/// The service deployment that is not over and brings up this deployment's revision.
async fn named(
    clients: &Clients,
    service: &Address,
    deployment: &DeploymentId,
    doing: &str,
) -> PortResult<Option<ServiceDeploymentBrief>> {
    let mut next = None;
    for _ in 0..PAGES {
        clients.pace(Group::ServiceDeploymentRead).await;
        let page = clients
            .ecs
            .list_service_deployments()
            .cluster(&service.cluster)
            .service(&service.ecs_service)
            .set_status(Some(ONGOING.to_vec()))
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| failure(doing, &error))?;
        let mut briefs = page.service_deployments.unwrap_or_default().into_iter();
        let found = briefs.find(|brief| brings_up(brief.target_service_revision_arn(), deployment));
        next = page.next_token;
        if found.is_some() || next.is_none() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Sends the stop. Sent twice it is once: a deployment that is on its way back goes on with that.
async fn send(clients: &Clients, arn: &str, doing: &str) -> PortResult<()> {
    clients.pace(Group::ServiceModify).await;
    let call = clients.ecs.stop_service_deployment().service_deployment_arn(arn);
    let call = call.stop_type(StopServiceDeploymentStopType::Rollback);
    call.send().await.map(drop).map_err(|error| failure(doing, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Asked, Loopback, Reply, address, error};
    use serde_json::{Value, json};
    use std::sync::atomic::{AtomicUsize, Ordering};

    const ARN: &str = "arn:aws:ecs:eu-west-1:111111111111:service-deployment/c1/app-prod-acme-iam/AbC";

    /// DescribeServices with this PRIMARY deployment.
    fn service(id: &str, rollout: &str) -> Reply {
        let deployment = json!({"id": id, "status": "PRIMARY", "rolloutState": rollout});
        let old = json!({"id": "ecs-svc/1", "status": "ACTIVE", "rolloutState": "COMPLETED"});
        let name = address("acme").ecs_service;
        let service = json!({"serviceName": name, "status": "ACTIVE", "deployments": [old, deployment]});
        (200, json!({"services": [service]}).to_string())
    }

    /// ListServiceDeployments with one that brings up revision N.
    fn listed(number: &str, status: &str) -> Reply {
        let revision = format!("arn:aws:ecs:eu-west-1:1:service-revision/c1/app-prod-acme-iam/{number}");
        let brief = json!({
            "serviceDeploymentArn": ARN, "targetServiceRevisionArn": revision, "status": status, "aFieldOfNextYear": 1,
        });
        (200, json!({"serviceDeployments": [brief]}).to_string())
    }

    /// Stops `ecs-svc/22` where this is answered.
    async fn stopped(answer: impl Fn(&Asked) -> Reply + Clone + Send + Sync + 'static) -> (PortResult<()>, Loopback) {
        let aws = Loopback::serve(answer).await;
        let ours = "ecs-svc/22".parse().unwrap();
        (stop(&aws.cells().await, &address("acme"), &ours, Duration::from_millis(1)).await, aws)
    }

    fn sent(aws: &Loopback) -> Vec<Value> {
        aws.asked_for("StopServiceDeployment").iter().map(Asked::json).collect()
    }

    #[tokio::test]
    async fn the_service_deployment_of_our_revision_is_rolled_back() {
        let (result, aws) = stopped(|asked| match asked.action().as_str() {
            "DescribeServices" => service("ecs-svc/22", "IN_PROGRESS"),
            "ListServiceDeployments" => listed("22", "IN_PROGRESS"),
            _ => (200, json!({"serviceDeploymentArn": ARN}).to_string()),
        })
        .await;
        result.unwrap();
        assert_eq!(sent(&aws), [json!({"serviceDeploymentArn": ARN, "stopType": "ROLLBACK"})]);
        let ongoing = ["PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"];
        let list = json!({"cluster": "c1", "service": "app-prod-acme-iam", "status": ongoing});
        assert_eq!(aws.asked_for("ListServiceDeployments")[0].json(), list);
    }

    #[tokio::test]
    async fn what_is_over_or_on_its_way_back_is_left_alone() {
        for (primary, rollout) in [("ecs-svc/23", "IN_PROGRESS"), ("ecs-svc/22", "COMPLETED"), ("ecs-svc/22", "FAILED")]
        {
            let (result, aws) = stopped(move |_| service(primary, rollout)).await;
            assert_eq!((result, aws.asked().len()), (Ok(()), 1), "{primary} {rollout}");
        }
        for status in ["STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"] {
            let (result, aws) = stopped(move |asked| match asked.action().as_str() {
                "DescribeServices" => service("ecs-svc/22", "IN_PROGRESS"),
                _ => listed("22", status),
            })
            .await;
            assert_eq!((result, sent(&aws)), (Ok(()), vec![]), "{status}");
        }
    }

    #[tokio::test]
    async fn a_name_that_comes_late_is_waited_for_and_another_revisions_is_not_taken() {
        let looks = Arc::new(AtomicUsize::new(0));
        let (result, aws) = stopped(move |asked| match asked.action().as_str() {
            "DescribeServices" => service("ecs-svc/22", "IN_PROGRESS"),
            "ListServiceDeployments" => match looks.fetch_add(1, Ordering::SeqCst) {
                0 => (200, r#"{"serviceDeployments":[]}"#.to_owned()),
                1 => listed("122", "IN_PROGRESS"),
                _ => listed("22", "PENDING"),
            },
            _ => (200, "{}".to_owned()),
        })
        .await;
        result.unwrap();
        assert_eq!((aws.asked_for("ListServiceDeployments").len(), sent(&aws).len()), (3, 1));
    }

    #[tokio::test]
    async fn a_name_that_never_comes_is_an_error_that_may_pass() {
        let (result, aws) = stopped(|asked| match asked.action().as_str() {
            "DescribeServices" => service("ecs-svc/22", "IN_PROGRESS"),
            _ => (200, r#"{"serviceDeployments":[]}"#.to_owned()),
        })
        .await;
        let error = result.unwrap_err();
        let why = "stopping deployment ecs-svc/22 of app-prod-acme-iam in prod-1: \
                   ECS does not list it as a service deployment yet";
        assert_eq!((error.fault, error.to_string().as_str()), (Fault::Unavailable, why));
        assert_eq!(aws.asked_for("ListServiceDeployments").len(), 6);
    }

    #[tokio::test]
    async fn one_that_ends_while_it_is_being_stopped_is_well() {
        let stops = Arc::new(AtomicUsize::new(0));
        let (result, aws) = stopped(move |asked| match asked.action().as_str() {
            "DescribeServices" if stops.load(Ordering::SeqCst) == 0 => service("ecs-svc/22", "IN_PROGRESS"),
            "DescribeServices" => service("ecs-svc/22", "COMPLETED"),
            "ListServiceDeployments" => listed("22", "IN_PROGRESS"),
            _ => {
                stops.fetch_add(1, Ordering::SeqCst);
                error(400, "ConflictException", "it is over")
            }
        })
        .await;
        assert_eq!((result, sent(&aws).len()), (Ok(()), 1));
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_ecs_words() {
        let (result, aws) = stopped(|asked| match asked.action().as_str() {
            "DescribeServices" => service("ecs-svc/22", "IN_PROGRESS"),
            "ListServiceDeployments" => listed("22", "IN_PROGRESS"),
            _ => error(400, "AccessDeniedException", "not authorized"),
        })
        .await;
        let refused = result.unwrap_err();
        assert_eq!((refused.fault, sent(&aws).len()), (Fault::Refused, 2));
        assert!(refused.why.starts_with("AccessDeniedException: not authorized"), "{refused}");
    }

    #[tokio::test]
    async fn a_service_that_is_gone_or_cannot_be_read_is_no_success() {
        let (gone, _) = stopped(|_| (200, r#"{"services":[]}"#.to_owned())).await;
        assert_eq!(gone.unwrap_err().fault, Fault::Unavailable);
        let (denied, _) = stopped(|_| error(400, "AccessDeniedException", "no")).await;
        assert!(denied.unwrap_err().why.contains("AccessDeniedException"));
    }
}
