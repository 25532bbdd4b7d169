//! Health of the services' load-balancer targets, as Elastic Load Balancing tells it.
//!
//! ECS counts a task as running when its process runs; whether requests reach it is only known here.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ecs::types::Service;
use aws_sdk_elasticloadbalancingv2::types::{TargetHealth as ElbHealth, TargetHealthStateEnum as State};
use tokio::task::JoinSet;

use super::budget::Group;
use super::cells::{Cells, doing};
use super::failure::{failure, one_line};
use super::services::{Described, describe};
use crate::domain::fleet::Address;
use crate::domain::gate::TargetHealth;
use crate::domain::ids::{CellName, ServiceKey};
use crate::ports::{PortResult, TargetReader};

/// Elastic Load Balancing in all cells.
#[derive(Clone, Debug)]
pub struct ElbTargets {
    cells: Arc<Cells>,
}

impl ElbTargets {
    /// The targets in these cells.
    pub fn new(cells: Arc<Cells>) -> Self {
        Self { cells }
    }
}

#[async_trait]
impl TargetReader for ElbTargets {
    async fn targets(&self, services: &[Address]) -> BTreeMap<ServiceKey, TargetHealth> {
        let mut reads = JoinSet::new();
        let mut health: BTreeMap<_, _> = services
            .iter()
            .map(|s| (s.service.clone(), TargetHealth::Unknown("reading it broke off".to_owned())))
            .collect();
        for (address, described) in describe(&self.cells, services).await {
            let cells = Arc::clone(&self.cells);
            reads.spawn(async move {
                let health = of_service(&cells, &address.cell, described).await;
                (address.service, health)
            });
        }
        while let Some(read) = reads.join_next().await {
            health.extend(read);
        }
        health
    }
}

async fn of_service(cells: &Cells, cell: &CellName, described: Described) -> TargetHealth {
    let service = match described {
        Described::Active(service) => service,
        Described::Missing => return TargetHealth::Unknown("ECS knows no such active service".to_owned()),
        Described::Unreadable(why) => return TargetHealth::Unknown(why),
    };
    let mut of_groups = Vec::new();
    for group in groups(&service) {
        of_groups.push(match group {
            Some(arn) => of_group(cells, cell, &arn).await.unwrap_or_else(|e| TargetHealth::Unknown(e.to_string())),
            None => TargetHealth::Unknown("a load balancer without a target group".to_owned()),
        });
    }
    of_groups.into_iter().fold(TargetHealth::NotBalanced, together)
}

/// The target groups of a service; none for a load balancer of the first generation.
fn groups(service: &Service) -> Vec<Option<String>> {
    service.load_balancers().iter().map(|balancer| balancer.target_group_arn().map(str::to_owned)).collect()
}

async fn of_group(cells: &Cells, cell: &CellName, arn: &str) -> PortResult<TargetHealth> {
    let clients = cells.clients(cell).await?;
    clients.pace(Group::LoadBalancerRead).await;
    let name = arn.rsplit(":targetgroup/").next().unwrap_or(arn);
    let answer = clients
        .elb
        .describe_target_health()
        .target_group_arn(arn)
        .send()
        .await
        .map_err(|error| failure(doing(format!("reading target health of {name}"), cell), &error))?;
    let unsaid = || ElbHealth::builder().build();
    let targets = answer.target_health_descriptions().iter();
    Ok(of_targets(&targets.map(|target| target.target_health().cloned().unwrap_or_else(unsaid)).collect::<Vec<_>>()))
}

/// What the targets of one group amount to. Targets on their way out count only when there are no others.
fn of_targets(targets: &[ElbHealth]) -> TargetHealth {
    let leaving = |target: &ElbHealth| matches!(target.state(), Some(State::Draining | State::UnhealthyDraining));
    let (leaving, staying): (Vec<_>, Vec<_>) = targets.iter().partition(|target| leaving(target));
    let unhealthy: Vec<_> = staying.iter().filter(|target| target.state() == Some(&State::Unhealthy)).collect();
    let unsure: Vec<_> = staying.iter().filter(|target| target.state() != Some(&State::Healthy)).collect();
    let all = staying.len();
    if let Some(first) = unhealthy.first() {
        TargetHealth::Unhealthy(format!("{} of {all} targets unhealthy: {}", unhealthy.len(), words(first)))
    } else if let Some(first) = unsure.first() {
        TargetHealth::Unknown(format!("{} of {all} targets not known to be healthy: {}", unsure.len(), words(first)))
    } else if all == 0 && !leaving.is_empty() {
        TargetHealth::Unknown(format!("all {} targets are draining", leaving.len()))
    } else {
        TargetHealth::Healthy(u32::try_from(all).unwrap_or(u32::MAX))
    }
}

/// ELB's words: reason, else state; then its description.
fn words(health: &ElbHealth) -> String {
    let reason = health.reason().map(|reason| reason.as_str());
    let state = health.state().map_or("no state", State::as_str);
    let description = health.description().map(|text| format!(" ({text})")).unwrap_or_default();
    one_line(&format!("{}{description}", reason.unwrap_or(state)))
}

/// Two groups of one service: the worse of them, and healthy ones add up. A group without targets stays visible.
fn together(one: TargetHealth, other: TargetHealth) -> TargetHealth {
    use TargetHealth::{Healthy, NotBalanced, Unhealthy, Unknown};
    match (one, other) {
        (NotBalanced, other) | (other, NotBalanced) => other,
        (Unhealthy(why), _) | (_, Unhealthy(why)) => Unhealthy(why),
        (Unknown(why), _) | (_, Unknown(why)) => Unknown(why),
        (Healthy(0), _) | (_, Healthy(0)) => Healthy(0),
        (Healthy(one), Healthy(other)) => Healthy(one.saturating_add(other)),
    }
}
