//! The ports to the services, on the simulated world.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::Sim;
use super::world::World;
use crate::domain::fleet::Address;
use crate::domain::ids::{CellName, DeploymentId, ServiceKey, TaskDefinitionArn};
use crate::domain::snapshot::{Availability, DeploymentSeen, ServiceSeen};
use crate::domain::template::{Rendered, Revision};
use crate::ports::{Fault, FleetReader, FleetWriter, OpenRollout, PortError, PortResult, WayBackReader};

#[async_trait]
impl FleetReader for Sim {
    async fn observe(&self, services: &[Address]) -> BTreeMap<ServiceKey, ServiceSeen> {
        let mut world = self.world();
        for _ in services.chunks(10) {
            world.count("ECS DescribeServices");
        }
        services.iter().map(|address| (address.service.clone(), see(&mut world, address))).collect()
    }

    async fn history(&self, deployments: &[(Address, DeploymentId)]) -> BTreeMap<ServiceKey, DeploymentSeen> {
        let mut world = self.world();
        for _ in deployments.chunks(20) {
            world.count("ECS DescribeServiceDeployments");
        }
        let recall =
            |(address, id): &(Address, DeploymentId)| (address.service.clone(), recall(&mut world, address, id));
        deployments.iter().map(recall).collect()
    }

    async fn task_definition(&self, _cell: &CellName, arn: &TaskDefinitionArn) -> PortResult<Arc<Revision>> {
        let found = self.world().revision(arn).map(Arc::new);
        found.ok_or_else(|| PortError::new(Fault::Refused, format!("reading {arn}"), "there is none"))
    }

    async fn stops(&self, services: &[Address]) -> BTreeMap<ServiceKey, Vec<String>> {
        let mut world = self.world();
        for _ in services.chunks(100) {
            world.count("ECS DescribeTasks");
        }
        let said = |address: &Address| {
            let failed = world.service(address).is_some_and(super::service::SimService::has_failed);
            if failed {
                vec!["container exited with code 1 right after its start (3 tasks)".to_owned()]
            } else {
                Vec::new()
            }
        };
        services.iter().map(|address| (address.service.clone(), said(address))).collect()
    }

    async fn last_lines(&self, _service: &Address) -> PortResult<Vec<String>> {
        self.world().count("CloudWatch Logs GetLogEvents");
        Ok(Vec::new())
    }
}

#[async_trait]
impl FleetWriter for Sim {
    async fn register(&self, _: &OpenRollout, service: &Address, rendered: &Rendered) -> PortResult<TaskDefinitionArn> {
        let mut world = self.world();
        let current = match world.service(service) {
            Some(known) => known.serving(&world),
            None => world.newest(&service.ecs_service).ok_or_else(|| missing(service))?,
        };
        let head = current.as_str().rsplit_once('/').map_or("", |(head, _)| head);
        let prefix = format!("{head}/{}", service.ecs_service);
        let same =
            |arn: &&TaskDefinitionArn| world.hash(arn, &service.service.service).as_ref() == Some(&rendered.hash);
        if let Some(there) = world.revisions_of(&prefix).find(same) {
            return Ok(there.clone());
        }
        world.count("ECS RegisterTaskDefinition");
        let arn = world.register(&prefix, rendered.request.clone());
        if let Some(published) = rendered.published {
            world.made_from.insert(arn.clone(), published);
        }
        Ok(arn)
    }

    async fn update(
        &self,
        _: &OpenRollout,
        service: &Address,
        target: &TaskDefinitionArn,
        tasks: Option<u32>,
    ) -> PortResult<DeploymentId> {
        let mut world = self.world();
        world.count("ECS UpdateService");
        advance(&mut world, service);
        let (id, now) = (world.next_deployment(), world.now);
        let known = world.service_mut(service).ok_or_else(|| missing(service))?;
        known.desired = tasks.unwrap_or(known.desired);
        Ok(known.update(target, id, now))
    }

    async fn stop(&self, _: &OpenRollout, service: &Address, deployment: &DeploymentId) -> PortResult<()> {
        let mut world = self.world();
        world.count("ECS StopServiceDeployment");
        advance(&mut world, service);
        let (next, now) = (world.next_deployment(), world.now);
        let flaw = world.service(service).ok_or_else(|| missing(service))?.flaw(&world);
        let known = world.service_mut(service).ok_or_else(|| missing(service))?;
        known.stop(deployment, flaw, next, now);
        Ok(())
    }
}

/// Nothing is ever deregistered here, and no task definition has a secret.
#[async_trait]
impl WayBackReader for Sim {
    async fn usable(&self, revisions: &[(Address, TaskDefinitionArn)]) -> BTreeMap<ServiceKey, Availability> {
        let mut world = self.world();
        let mut usable = BTreeMap::new();
        for (address, arn) in revisions {
            world.count("ECS DescribeTaskDefinition");
            if world.task_definitions.contains_key(arn) {
                usable.entry(address.service.clone()).or_insert(Availability::Yes);
            } else {
                let why = format!("ECS has no task definition {}", arn.family_and_revision());
                usable.insert(address.service.clone(), Availability::No { why });
            }
        }
        usable
    }
}

/// Brings a service to the world's time.
fn advance(world: &mut World, address: &Address) {
    let flaw = world.service(address).and_then(|service| service.flaw(world));
    let (next, now) = (world.next_deployment(), world.now);
    if let Some(service) = world.service_mut(address) {
        service.advance(flaw, next, now);
    }
}

fn see(world: &mut World, address: &Address) -> ServiceSeen {
    advance(world, address);
    match world.service(address) {
        Some(service) => service.describe(world).map_or_else(
            || ServiceSeen::Unreachable { why: "its task definition cannot be read".to_owned() },
            ServiceSeen::Live,
        ),
        None => ServiceSeen::Missing,
    }
}

fn recall(world: &mut World, address: &Address, deployment: &DeploymentId) -> DeploymentSeen {
    advance(world, address);
    let known = world.service(address).and_then(|service| service.history(world, deployment));
    known.unwrap_or_else(|| DeploymentSeen::Unreadable { why: "ECS does not list it".to_owned() })
}

fn missing(service: &Address) -> PortError {
    PortError::new(Fault::Refused, format!("looking for {}", service.ecs_service), "ServiceNotFoundException")
}
