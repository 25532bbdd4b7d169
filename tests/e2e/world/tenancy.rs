//! What stands in for the tenants' Terraform: task definitions and ECS services.

use aws_sdk_ecs::types::{
    AwsVpcConfiguration, Compatibility, ContainerDefinition, DeploymentCircuitBreaker, DeploymentConfiguration,
    KeyValuePair, LaunchType, LoadBalancer, NetworkConfiguration, NetworkMode, PortMapping, Tag,
};

use super::cell::Cell;
use super::image::Image;
use super::layout::{DESIRED, PORT, Place};
use super::problem::{Result, Trying};

/// ECS waits this long between SIGTERM and SIGKILL. The server leaves at once; a second is spare.
const STOP_SECONDS: i32 = 2;

/// What a container is told beside who it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Instead of what its image says after its program.
    pub(crate) command: Vec<&'static str>,
}

impl Cell {
    /// Registers the place's task definition with `image`; returns the revision's ARN.
    pub(crate) async fn register(&self, place: Place, image: &Image) -> Result<String> {
        self.register_told(place, image, &Told::default()).await
    }

    /// The same, for a container that is told more.
    pub(crate) async fn register_told(&self, place: Place, image: &Image, told: &Told) -> Result<String> {
        let what = format!("register task definition {}", place.family());
        let registered = self
            .ecs
            .register_task_definition()
            .family(place.family())
            .requires_compatibilities(Compatibility::Fargate)
            .network_mode(NetworkMode::Awsvpc)
            .cpu("256")
            .memory("512")
            .container_definitions(container(place, image, told))
            .set_tags(Some(tags(place)))
            .send()
            .await
            .trying(&what)?;
        let arn = registered.task_definition().and_then(|definition| definition.task_definition_arn());
        Ok(arn.trying(&what)?.to_owned())
    }

    pub(crate) async fn create_service(&self, place: Place, revision: &str, target_group: Option<&str>) -> Result<()> {
        let breaker = DeploymentCircuitBreaker::builder().enable(true).rollback(true).build();
        let rollout = DeploymentConfiguration::builder()
            .minimum_healthy_percent(100)
            .maximum_percent(200)
            .deployment_circuit_breaker(breaker)
            .build();
        let subnet = AwsVpcConfiguration::builder().subnets("subnet-e2e").build().trying("network")?;
        let load_balancer = target_group.map(|group| {
            LoadBalancer::builder()
                .target_group_arn(group)
                .container_name(place.service.name)
                .container_port(i32::from(PORT))
                .build()
        });
        self.ecs
            .create_service()
            .cluster(place.fleet.cluster())
            .service_name(place.family())
            .task_definition(revision)
            .desired_count(DESIRED)
            .launch_type(LaunchType::Fargate)
            .deployment_configuration(rollout)
            .network_configuration(NetworkConfiguration::builder().awsvpc_configuration(subnet).build())
            .set_load_balancers(load_balancer.map(|one| vec![one]))
            .set_tags(Some(tags(place)))
            .send()
            .await
            .trying(format!("create service {place}"))?;
        Ok(())
    }

    /// Takes a service away with its tasks.
    pub(crate) async fn delete_service(&self, place: Place) -> Result<()> {
        let delete = self.ecs.delete_service().cluster(place.fleet.cluster()).service(place.family()).force(true);
        delete.send().await.trying(format!("delete service {place}"))?;
        Ok(())
    }

    /// Moves the place to `image` as an operator with the AWS CLI would; returns the id of the deployment.
    pub(crate) async fn update(&self, place: Place, image: &Image) -> Result<String> {
        let revision = self.register(place, image).await?;
        let what = format!("update service {place}");
        let updated = self
            .ecs
            .update_service()
            .cluster(place.fleet.cluster())
            .service(place.family())
            .task_definition(revision)
            .send()
            .await
            .trying(&what)?;
        let service = updated.service().trying(&what)?;
        let primary = service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"));
        Ok(primary.and_then(|deployment| deployment.id()).trying(&what)?.to_owned())
    }
}

fn container(place: Place, image: &Image, told: &Told) -> ContainerDefinition {
    let variable = |name: &str, value: &str| KeyValuePair::builder().name(name).value(value).build();
    let container = ContainerDefinition::builder()
        .name(place.service.name)
        .image(&image.reference)
        .essential(true)
        .port_mappings(PortMapping::builder().container_port(i32::from(PORT)).build())
        .stop_timeout(STOP_SECONDS)
        .environment(variable("FLEET", place.fleet.name))
        .environment(variable("TENANT", place.tenant))
        .environment(variable("SERVICE", place.service.name))
        .environment(variable("PORT", &PORT.to_string()));
    let container = told
        .environment
        .iter()
        .fold(container, |container, (name, value)| container.environment(variable(name, value)));
    told.command.iter().fold(container, |container, word| container.command(*word)).build()
}

fn tags(place: Place) -> Vec<Tag> {
    [("tidegate:fleet", place.fleet.name), ("tidegate:tenant", place.tenant)]
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .to_vec()
}
