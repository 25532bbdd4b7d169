//! What each service runs, from DescribeServices and the task definitions it names.
//!
//! ECS calls a service stable after it has rolled back, so the number of deployments and tasks tells nothing.
//! What is reported is the PRIMARY deployment by its id, with everything that ECS lists as failed; what that
//! means is for others to say. Whatever does not fit is reported as not readable, never as fine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::cells::Cells;
use super::history::History;
use super::live::{Revisions, arns, live};
use super::services::{Described, describe};
use super::task_definitions::TaskDefinitions;
use crate::domain::fleet::Address;
use crate::domain::ids::{CellName, ServiceKey, TaskDefinitionArn};
use crate::domain::snapshot::ServiceSeen;

/// What each of these services runs; every one of them has an entry.
pub(super) async fn observe(
    cells: &Arc<Cells>,
    (definitions, history): (&Arc<TaskDefinitions>, &History),
    services: &[Address],
) -> BTreeMap<ServiceKey, ServiceSeen> {
    let described = describe(cells, services).await;
    for (address, described) in &described {
        if let Described::Active(service) = described
            && let Some(arn) = service.current_service_deployment()
        {
            history.note_current(&address.service, arn);
        }
    }
    let wanted = described.iter().flat_map(|(address, described)| match described {
        Described::Active(service) => arns(&address.cell, service),
        Described::Missing | Described::Unreadable(_) => Vec::new(),
    });
    let revisions = read_all(definitions, wanted).await;
    described
        .into_iter()
        .map(|(address, described)| (address.service.clone(), seen(&address, described, &revisions)))
        .collect()
}

fn seen(address: &Address, described: Described, revisions: &Revisions) -> ServiceSeen {
    match described {
        Described::Missing => ServiceSeen::Missing,
        Described::Unreadable(why) => ServiceSeen::Unreachable { why },
        Described::Active(service) => match live(&service, revisions, &address.service.service) {
            Ok(live) => ServiceSeen::Live(live),
            Err(why) => ServiceSeen::Unreachable { why },
        },
    }
}

async fn read_all(
    definitions: &Arc<TaskDefinitions>,
    wanted: impl Iterator<Item = (CellName, TaskDefinitionArn)>,
) -> Revisions {
    let mut reads = JoinSet::new();
    for (cell, arn) in wanted.collect::<BTreeSet<_>>() {
        let definitions = Arc::clone(definitions);
        reads.spawn(async move {
            let revision = definitions.read(&cell, &arn).await;
            (String::from(arn), revision)
        });
    }
    let mut revisions = Revisions::new();
    while let Some(read) = reads.join_next().await {
        revisions.extend(read);
    }
    revisions
}
