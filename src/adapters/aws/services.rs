//! DescribeServices for many services: ten a call, calls of all clusters side by side.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_ecs::types::Service;
use tokio::task::JoinSet;

use super::budget::Group;
use super::cells::{Cells, Clients, doing};
use super::failure::failure;
use crate::domain::fleet::Address;
use crate::domain::ids::CellName;
use crate::ports::{PortError, PortResult};

/// Services that one DescribeServices takes (API Reference).
const SERVICES_PER_CALL: usize = 10;

/// ECS's answer about one service.
#[derive(Clone, Debug)]
pub(super) enum Described {
    /// It is there.
    Active(Box<Service>),
    /// There is none, or only what is left of one.
    Missing,
    /// There is no telling.
    Unreadable(String),
}

/// Services that are asked for with one call.
#[derive(Clone, Debug)]
struct Batch {
    cell: CellName,
    cluster: String,
    services: Vec<Address>,
}

/// What ECS says of each of these; every one of them has an entry.
pub(super) async fn describe(cells: &Arc<Cells>, services: &[Address]) -> Vec<(Address, Described)> {
    let mut calls = JoinSet::new();
    let batches = batches(services);
    for batch in &batches {
        let (cells, batch) = (Arc::clone(cells), batch.clone());
        calls.spawn(async move {
            let answer = ask(&cells, &batch).await;
            batch.services.into_iter().map(|s| (s.clone(), sort(&s, &answer))).collect::<Vec<_>>()
        });
    }
    let mut seen = Vec::with_capacity(services.len());
    while let Some(batch) = calls.join_next().await {
        seen.extend(batch.unwrap_or_default());
    }
    for lost in services.iter().filter(|s| !seen.iter().any(|(of, _)| of == *s)).cloned().collect::<Vec<_>>() {
        seen.push((lost, Described::Unreadable("reading it broke off".to_owned())));
    }
    seen
}

fn batches(services: &[Address]) -> Vec<Batch> {
    let mut clusters: BTreeMap<(&CellName, &str), Vec<Address>> = BTreeMap::new();
    for service in services {
        clusters.entry((&service.cell, &service.cluster)).or_default().push(service.clone());
    }
    let split = |((cell, cluster), services): ((&CellName, &str), Vec<Address>)| {
        let batch =
            |part: &[Address]| Batch { cell: cell.clone(), cluster: cluster.to_owned(), services: part.to_vec() };
        services.chunks(SERVICES_PER_CALL).map(batch).collect::<Vec<_>>()
    };
    clusters.into_iter().flat_map(split).collect()
}

/// What one call answered: services and failures, both by the service's name.
#[derive(Debug, Default)]
struct Answer {
    services: BTreeMap<String, Service>,
    failures: BTreeMap<String, String>,
}

async fn ask(cells: &Cells, batch: &Batch) -> PortResult<Answer> {
    let clients: &Clients = cells.clients(&batch.cell).await?;
    clients.pace(Group::ServiceRead).await;
    let names = batch.services.iter().map(|s| s.ecs_service.clone()).collect();
    let answer =
        clients.ecs.describe_services().cluster(&batch.cluster).set_services(Some(names)).send().await.map_err(
            |error| failure(doing(format!("reading services of cluster {}", batch.cluster), &batch.cell), &error),
        )?;
    let named = |service: Service| Some((service.service_name.clone()?, service));
    let failed = |failure: aws_sdk_ecs::types::Failure| {
        let name = failure.arn?.rsplit('/').next()?.to_owned();
        Some((name, failure.reason.unwrap_or_default()))
    };
    Ok(Answer {
        services: answer.services.unwrap_or_default().into_iter().filter_map(named).collect(),
        failures: answer.failures.unwrap_or_default().into_iter().filter_map(failed).collect(),
    })
}

fn sort(service: &Address, answer: &Result<Answer, PortError>) -> Described {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Described::Unreadable(error.to_string()),
    };
    if let Some(found) = answer.services.get(&service.ecs_service) {
        return match found.status.as_deref() {
            Some("ACTIVE") => Described::Active(Box::new(found.clone())),
            // What DescribeServices still shows for an hour after DeleteService.
            Some("INACTIVE" | "DRAINING") => Described::Missing,
            other => Described::Unreadable(format!("ECS gives its status as {}", other.unwrap_or("nothing"))),
        };
    }
    match answer.failures.get(&service.ecs_service).map(String::as_str) {
        Some("MISSING") => Described::Missing,
        Some(reason) => Described::Unreadable(format!("ECS answers {reason}")),
        None => Described::Unreadable("not in the answer".to_owned()),
    }
}
