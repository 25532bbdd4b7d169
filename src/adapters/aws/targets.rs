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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Loopback, address};
    use serde_json::json;

    fn target(state: &str, reason: &str) -> String {
        format!(
            "<member><Target><Id>10.0.0.1</Id><Port>80</Port></Target><TargetHealth><State>{state}</State>\
             <Reason>{reason}</Reason></TargetHealth></member>"
        )
    }

    fn answer(targets: &[String]) -> String {
        format!(
            "<DescribeTargetHealthResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
             <DescribeTargetHealthResult><TargetHealthDescriptions>{}</TargetHealthDescriptions>\
             </DescribeTargetHealthResult></DescribeTargetHealthResponse>",
            targets.concat()
        )
    }

    /// Health of a service whose target groups have these targets.
    async fn health(groups: &[&[String]]) -> TargetHealth {
        let arn = |n: usize| format!("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/g{n}/0{n}");
        let balancers: Vec<_> = (0..groups.len()).map(|n| json!({"targetGroupArn": arn(n)})).collect();
        let service =
            json!({"serviceName": address("acme").ecs_service, "status": "ACTIVE", "loadBalancers": balancers});
        let services = json!({"services": [service]}).to_string();
        let answers: Vec<_> = groups.iter().map(|targets| answer(targets)).collect();
        let aws = Loopback::serve(move |asked| match asked.action().as_str() {
            "DescribeServices" => (200, services.clone()),
            _ => {
                let body = String::from_utf8_lossy(&asked.body).into_owned();
                (
                    200,
                    (0..answers.len())
                        .find(|n| body.contains(&format!("%2Fg{n}%2F")))
                        .map(|n| answers[n].clone())
                        .unwrap(),
                )
            }
        })
        .await;
        let targets = ElbTargets::new(aws.cells().await);
        targets.targets(&[address("acme")]).await.remove(&address("acme").service).unwrap()
    }

    #[tokio::test]
    async fn all_healthy_is_healthy_and_old_targets_on_their_way_out_do_not_count() {
        let healthy = || target("healthy", "");
        assert_eq!(health(&[&[healthy(), healthy()]]).await, TargetHealth::Healthy(2));
        let leaving = target("draining", "Target.DeregistrationInProgress");
        assert_eq!(health(&[&[healthy(), leaving.clone()]]).await, TargetHealth::Healthy(1));
        let why = "all 1 targets are draining".to_owned();
        assert_eq!(health(&[&[leaving]]).await, TargetHealth::Unknown(why));
    }

    #[tokio::test]
    async fn one_unhealthy_target_is_told_in_elbs_words() {
        let targets = [target("healthy", ""), target("initial", "x"), target("unhealthy", "Target.FailedHealthChecks")];
        let why = "1 of 3 targets unhealthy: Target.FailedHealthChecks".to_owned();
        assert_eq!(health(&[&targets]).await, TargetHealth::Unhealthy(why));
    }

    #[tokio::test]
    async fn inv_09_what_is_not_known_to_be_healthy_is_unknown() {
        for state in ["initial", "unused", "unavailable", "a word of next year"] {
            let seen = health(&[&[target("healthy", ""), target(state, "Some.Reason")]]).await;
            let why = "1 of 2 targets not known to be healthy: Some.Reason".to_owned();
            assert_eq!(seen, TargetHealth::Unknown(why), "{state}");
        }
    }

    #[tokio::test]
    async fn no_targets_and_no_target_group_are_two_things() {
        assert_eq!(health(&[&[]]).await, TargetHealth::Healthy(0));
        assert_eq!(health(&[]).await, TargetHealth::NotBalanced);
    }

    #[tokio::test]
    async fn two_groups_are_as_good_as_the_worse() {
        let healthy = || target("healthy", "");
        assert_eq!(health(&[&[healthy()], &[healthy(), healthy()]]).await, TargetHealth::Healthy(3));
        assert_eq!(health(&[&[healthy()], &[]]).await, TargetHealth::Healthy(0));
        let sick = target("unhealthy", "Target.Timeout");
        let why = "1 of 1 targets unhealthy: Target.Timeout".to_owned();
        assert_eq!(health(&[&[healthy()], &[sick]]).await, TargetHealth::Unhealthy(why));
    }

    #[tokio::test]
    async fn a_read_that_fails_is_unknown() {
        let aws = Loopback::serve(|_| (400, r#"{"__type":"AccessDeniedException"}"#.to_owned())).await;
        let targets = ElbTargets::new(aws.cells().await);
        let seen = targets.targets(&[address("acme")]).await;
        assert!(matches!(&seen[&address("acme").service], TargetHealth::Unknown(why) if why.contains("AccessDenied")));
    }
}
