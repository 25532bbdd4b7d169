//! Which load balancer counts the requests of a service: its target groups as ECS names them, and their load
//! balancers as Elastic Load Balancing does. Both hardly ever change, so each is asked for once in a process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::budget::Group;
use super::cells::{Cells, doing};
use super::failure::failure;
use super::services::{Described, describe};
use crate::domain::fleet::Address;
use crate::domain::ids::{CellName, ServiceKey};
use crate::ports::PortResult;

/// Target groups that are asked for with one call.
const GROUPS_PER_CALL: usize = 20;

/// A target group behind its load balancer, in the words of CloudWatch's dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Balancer {
    /// `targetgroup/name/id`.
    target_group: String,
    /// `app/name/id`.
    load_balancer: String,
}

impl Balancer {
    pub(super) fn dimensions(&self) -> [(&'static str, &str); 2] {
        [("TargetGroup", &self.target_group), ("LoadBalancer", &self.load_balancer)]
    }
}

/// What was found out so far.
#[derive(Debug)]
pub(super) struct Balancers {
    cells: Arc<Cells>,
    known: Mutex<BTreeMap<Address, Vec<Balancer>>>,
}

impl Balancers {
    pub(super) fn new(cells: Arc<Cells>) -> Self {
        Self { cells, known: Mutex::default() }
    }

    /// The load balancers of each service, or why they cannot be told.
    pub(super) async fn of(&self, services: &[Address]) -> BTreeMap<ServiceKey, Result<Vec<Balancer>, String>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let missing: Vec<Address> = services.iter().filter(|service| !known.contains_key(*service)).cloned().collect();
        let mut all: BTreeMap<_, _> = services
            .iter()
            .filter_map(|service| Some((service.service.clone(), Ok(known.get(service)?.clone()))))
            .collect();
        for (address, found) in self.look(missing).await {
            if let Ok(found) = &found {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(address.clone(), found.clone());
            }
            all.insert(address.service, found);
        }
        all
    }

    async fn look(&self, services: Vec<Address>) -> Vec<(Address, Result<Vec<Balancer>, String>)> {
        if services.is_empty() {
            return Vec::new();
        }
        let mut groups: Vec<(Address, Result<Vec<String>, String>)> = Vec::new();
        for (address, described) in describe(&self.cells, &services).await {
            let of = match described {
                Described::Active(service) => Ok(target_groups(&service)),
                Described::Missing => Err("ECS knows no such active service".to_owned()),
                Described::Unreadable(why) => Err(why),
            };
            groups.push((address, of));
        }
        let mut wanted: BTreeMap<&CellName, Vec<String>> = BTreeMap::new();
        for (address, of) in &groups {
            wanted.entry(&address.cell).or_default().extend(of.iter().flatten().cloned());
        }
        let mut balancers = BTreeMap::new();
        for (cell, arns) in wanted {
            for batch in arns.chunks(GROUPS_PER_CALL) {
                let found = self.ask(cell, batch).await;
                balancers.extend(batch.iter().map(|arn| {
                    let found = found.as_ref().map_err(ToString::to_string);
                    (arn.clone(), found.and_then(|found| found.get(arn).cloned().ok_or_else(|| unattached(arn))))
                }));
            }
        }
        let of = |arns: Vec<String>| arns.iter().filter_map(|arn| balancers.get(arn).cloned()).collect();
        groups.into_iter().map(|(address, arns)| (address, arns.and_then(of))).collect()
    }

    /// The load balancer of each of these target groups that has one.
    async fn ask(&self, cell: &CellName, arns: &[String]) -> PortResult<BTreeMap<String, Balancer>> {
        let clients = self.cells.clients(cell).await?;
        clients.pace(Group::LoadBalancerRead).await;
        let call = clients.elb.describe_target_groups().set_target_group_arns(Some(arns.to_vec()));
        let answer = call.send().await.map_err(|error| failure(doing("reading target groups", cell), &error))?;
        let balancer = |group: &aws_sdk_elasticloadbalancingv2::types::TargetGroup| {
            let arn = group.target_group_arn()?;
            let load_balancer = group.load_balancer_arns().first()?.split_once(":loadbalancer/")?.1.to_owned();
            let target_group = format!("targetgroup/{}", arn.split_once(":targetgroup/")?.1);
            Some((arn.to_owned(), Balancer { target_group, load_balancer }))
        };
        Ok(answer.target_groups().iter().filter_map(balancer).collect())
    }
}

fn target_groups(service: &aws_sdk_ecs::types::Service) -> Vec<String> {
    service.load_balancers().iter().filter_map(|balancer| balancer.target_group_arn().map(str::to_owned)).collect()
}

fn unattached(arn: &str) -> String {
    let name = arn.rsplit(":targetgroup/").next().unwrap_or(arn);
    format!("no load balancer is in front of target group {name}")
}
