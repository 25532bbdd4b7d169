//! Why tasks of services stopped lately, and what their containers wrote last: read at once when services fail, because
//! ECS forgets stopped tasks within the hour.
//!
//! Of a few services of a cluster, the stopped tasks of each are listed; of many, those of the whole cluster, a hundred
//! a call, because a call for each would take longer than ECS remembers.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{DesiredStatus, Task};

use super::budget::Group;
use super::cells::{Cells, doing};
use super::failure::failure;
use super::log_lines::{last_lines, stream};
use super::stop_reasons::{Stop, StoppedContainer, sentence};
use super::task_definitions::TaskDefinitions;
use crate::domain::fleet::Address;
use crate::domain::ids::{CellName, ServiceKey, TaskDefinitionArn};
use crate::ports::PortResult;

/// Tasks that one call lists or describes (API Reference).
const TASKS: i32 = 100;
/// Pages of a cluster's stopped tasks that are read: two thousand tasks.
const PAGES_MAX: usize = 20;
/// From this many services of a cluster on, the whole cluster is listed.
const MANY: usize = 4;
/// Sentences that are told.
const SENTENCES: usize = 5;
/// Stopped tasks in which a failed container is looked for.
const TASKS_WITH_LOGS: usize = 10;

/// Sentences about each service's stopped tasks, the newest first, each told once with the number of tasks it is true of.
pub(super) async fn stops(cells: &Cells, services: &[Address]) -> BTreeMap<ServiceKey, Vec<String>> {
    let mut clusters: BTreeMap<(&CellName, &str), Vec<&Address>> = BTreeMap::new();
    for service in services {
        clusters.entry((&service.cell, &service.cluster)).or_default().push(service);
    }
    let mut said = BTreeMap::new();
    for ((cell, cluster), services) in clusters {
        let whole = services.len() >= MANY;
        let of_cluster = if whole { Some(stopped(cells, (cell, cluster), None).await) } else { None };
        for service in services {
            let tasks = match &of_cluster {
                Some(tasks) => tasks.clone(),
                None => stopped(cells, (cell, cluster), Some(service)).await,
            };
            let group = format!("service:{}", service.ecs_service);
            let sentences = |mut tasks: Vec<Task>| {
                tasks.retain(|task| !whole || task.group() == Some(group.as_str()));
                told(tasks.into_iter().filter_map(|task| sentence(&stop(task))))
            };
            said.insert(service.service.clone(), tasks.map_or_else(|error| vec![error.to_string()], sentences));
        }
    }
    said
}

/// The stopped tasks of a service, or of a whole cluster; the newest first.
async fn stopped(
    cells: &Cells,
    (cell, cluster): (&CellName, &str),
    service: Option<&Address>,
) -> PortResult<Vec<Task>> {
    let whose = service.map_or_else(|| format!("cluster {cluster}"), |service| service.ecs_service.clone());
    let doing = doing(format!("reading stopped tasks of {whose}"), cell);
    let clients = cells.clients(cell).await?;
    let (mut tasks, mut next) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        clients.pace(Group::ClusterRead).await;
        let list = clients.ecs.list_tasks().cluster(cluster).desired_status(DesiredStatus::Stopped).max_results(TASKS);
        let list = list.set_service_name(service.map(|service| service.ecs_service.clone())).set_next_token(next);
        let page = list.send().await.map_err(|error| failure(&doing, &error))?;
        next = page.next_token;
        if let Some(arns) = page.task_arns.filter(|arns| !arns.is_empty()) {
            clients.pace(Group::ClusterRead).await;
            let call = clients.ecs.describe_tasks().cluster(cluster).set_tasks(Some(arns));
            tasks.extend(call.send().await.map_err(|error| failure(&doing, &error))?.tasks.unwrap_or_default());
        }
        if next.is_none() {
            break;
        }
    }
    tasks.sort_by_key(|task| std::cmp::Reverse(task.stopped_at().map(|at| at.as_nanos())));
    Ok(tasks)
}

/// What the newest failed container wrote last. That it cannot be read is said, and keeps nothing else back.
pub(super) async fn log_lines(
    cells: &Cells,
    definitions: &TaskDefinitions,
    service: &Address,
) -> PortResult<Vec<String>> {
    let tasks = stopped(cells, (&service.cell, &service.cluster), Some(service)).await?;
    for task in tasks.iter().take(TASKS_WITH_LOGS) {
        let Some(Ok(arn)) = task.task_definition_arn().map(str::parse::<TaskDefinitionArn>) else { continue };
        let Ok(revision) = definitions.read(&service.cell, &arn).await else { continue };
        let Some(stream) = stream(task, &revision.definition) else { continue };
        let lines = last_lines(cells.clients(&service.cell).await?, &service.cell, &stream).await?;
        return Ok(lines.into_iter().map(|line| format!("{} | {line}", stream.container)).collect());
    }
    Ok(Vec::new())
}

fn told(sentences: impl Iterator<Item = String>) -> Vec<String> {
    let mut told: Vec<(String, usize)> = Vec::new();
    for sentence in sentences {
        match told.iter_mut().find(|(said, _)| *said == sentence) {
            Some((_, times)) => *times += 1,
            None => told.push((sentence, 1)),
        }
    }
    let words = |(sentence, times)| if times == 1 { sentence } else { format!("{sentence} ({times} tasks)") };
    told.into_iter().take(SENTENCES).map(words).collect()
}

/// A task's stop as it explains itself.
pub(super) fn stop(task: Task) -> Stop {
    let container = |container: aws_sdk_ecs::types::Container| StoppedContainer {
        name: container.name.unwrap_or_default(),
        exit_code: container.exit_code,
        reason: container.reason.unwrap_or_default(),
        image: container.image.unwrap_or_default(),
    };
    Stop {
        code: task.stop_code.as_ref().map(|code| code.as_str().to_owned()).unwrap_or_default(),
        reason: task.stopped_reason.unwrap_or_default(),
        containers: task.containers.unwrap_or_default().into_iter().map(container).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Loopback, address};
    use serde_json::json;

    #[test]
    fn the_same_sentence_is_told_once_with_its_count() {
        let said = ["a", "b", "a", "c", "d", "e", "f"].map(str::to_owned);
        assert_eq!(told(said.into_iter()), ["a (2 tasks)", "b", "c", "d", "e"]);
    }

    #[tokio::test]
    async fn stopped_tasks_explain_themselves_the_newest_first() {
        let task = |at: f64, reason: &str| json!({"stoppedAt": at, "stopCode": "SomeCode", "stoppedReason": reason});
        let tasks = json!({"tasks": [task(1.0, "old"), task(3.0, "new"), task(2.0, "old")]}).to_string();
        let aws = Loopback::serve(move |asked| match asked.action().as_str() {
            "ListTasks" => (200, r#"{"taskArns":["a","b","c"]}"#.to_owned()),
            _ => (200, tasks.clone()),
        })
        .await;
        let said = stops(&*aws.cells().await, &[address("acme")]).await.remove(&address("acme").service).unwrap();
        assert_eq!(said, ["a task stopped: new", "a task stopped: old (2 tasks)"]);
        let listed =
            json!({"cluster": "c1", "serviceName": "app-prod-acme-iam", "desiredStatus": "STOPPED", "maxResults": 100});
        assert_eq!(aws.asked()[0].json(), listed);
    }

    /// Two hundred services of one cluster, three stopped tasks each, among those of a service that is well.
    #[tokio::test]
    async fn many_services_are_read_by_their_cluster_a_hundred_tasks_a_call() {
        let aws = Loopback::serve(|asked| {
            let body = asked.json();
            match asked.action().as_str() {
                "ListTasks" => {
                    let page: usize = body["nextToken"].as_str().map_or(0, |page| page.parse().unwrap());
                    let arns: Vec<String> = (page * 100..page * 100 + 100).map(|n| n.to_string()).collect();
                    let next = (page < 6).then(|| (page + 1).to_string());
                    (200, json!({"taskArns": arns, "nextToken": next}).to_string())
                }
                _ => {
                    let one = |arn: &serde_json::Value| {
                        let n: usize = arn.as_str().unwrap().parse().unwrap();
                        json!({"group": format!("service:app-prod-t{}-iam", n % 201), "stopCode": "SomeCode",
                               "stoppedAt": 1.0, "stoppedReason": format!("reason {}", n % 201)})
                    };
                    let tasks: Vec<_> = body["tasks"].as_array().unwrap().iter().map(one).collect();
                    (200, json!({"tasks": tasks}).to_string())
                }
            }
        })
        .await;
        let addresses: Vec<Address> = (0..200).map(|n| address(&format!("t{n}"))).collect();
        let said = stops(&*aws.cells().await, &addresses).await;
        assert_eq!(said.len(), 200);
        assert_eq!(said[&address("t7").service], ["a task stopped: reason 7 (4 tasks)"]);
        assert_eq!((aws.asked().len(), aws.asked_for("ListTasks").len()), (14, 7));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_said_of_each() {
        let aws = Loopback::serve(|_| crate::adapters::aws::loopback::error(400, "AccessDeniedException", "no")).await;
        let said = stops(&*aws.cells().await, &[address("acme"), address("globex")]).await;
        assert!(said.values().all(|said| said.len() == 1 && said[0].contains("AccessDeniedException")), "{said:?}");
        assert_eq!(said.len(), 2);
    }
}
