//! The ports to autoscaling and task counts, on the simulated world.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::Sim;
use crate::domain::directive::Scaling;
use crate::domain::fleet::Address;
use crate::domain::ids::ServiceKey;
use crate::ports::{Fault, PortError, PortResult, ScalingReader, ScalingWriter};

#[async_trait]
impl ScalingReader for Sim {
    async fn scaling(&self, services: &[Address]) -> BTreeMap<ServiceKey, PortResult<Option<Scaling>>> {
        let mut world = self.world();
        services.chunks(50).for_each(|_| world.count("AutoScaling DescribeScalableTargets"));
        services
            .iter()
            .map(|address| {
                let service = world.service(address);
                (address.service.clone(), Ok(service.and_then(|service| service.scaling)))
            })
            .collect()
    }
}

#[async_trait]
impl ScalingWriter for Sim {
    async fn set_scaling(&self, service: &Address, scaling: &Scaling) -> PortResult<()> {
        let mut world = self.world();
        world.count("AutoScaling RegisterScalableTarget");
        let known = world.service_mut(service).ok_or_else(|| missing(service))?;
        known.scaling = Some(*scaling);
        // As the real one does: the present count is moved into the range.
        known.desired = known.desired.clamp(scaling.min, scaling.max);
        Ok(())
    }

    async fn set_desired(&self, service: &Address, desired: u32) -> PortResult<()> {
        let mut world = self.world();
        world.count("ECS UpdateService");
        let known = world.service_mut(service).ok_or_else(|| missing(service))?;
        known.desired = desired;
        Ok(())
    }
}

fn missing(service: &Address) -> PortError {
    PortError::new(Fault::Refused, format!("scaling {}", service.ecs_service), "ServiceNotFoundException")
}
