//! Why tasks of a service stopped lately: read at once when a service fails, because ECS forgets stopped tasks
//! within the hour.

use aws_sdk_ecs::types::{DesiredStatus, Task};

use super::budget::Group;
use super::cells::{Clients, doing};
use super::failure::failure;
use super::log_lines::{last_lines, stream};
use super::stop_reasons::{Stop, StoppedContainer, sentence};
use super::task_definitions::TaskDefinitions;
use crate::domain::fleet::Address;
use crate::domain::ids::TaskDefinitionArn;
use crate::ports::PortResult;

/// Tasks that are looked at: as many as one call describes.
const TASKS: i32 = 100;
/// Sentences that are told.
const SENTENCES: usize = 5;
/// Stopped tasks in which a failed container is looked for.
const TASKS_WITH_LOGS: usize = 10;

/// Sentences about the newest stopped tasks, each told once with the number of tasks it is true of.
/// After them come the last log lines of the newest container that failed.
pub(super) async fn explain(
    clients: &Clients,
    definitions: &TaskDefinitions,
    service: &Address,
) -> PortResult<Vec<String>> {
    let doing = doing(format!("reading stopped tasks of {}", service.ecs_service), &service.cell);
    clients.pace(Group::ClusterRead).await;
    let listed = clients
        .ecs
        .list_tasks()
        .cluster(&service.cluster)
        .service_name(&service.ecs_service)
        .desired_status(DesiredStatus::Stopped)
        .max_results(TASKS)
        .send()
        .await
        .map_err(|error| failure(&doing, &error))?;
    let Some(arns) = listed.task_arns.filter(|arns| !arns.is_empty()) else { return Ok(Vec::new()) };
    clients.pace(Group::ClusterRead).await;
    let call = clients.ecs.describe_tasks().cluster(&service.cluster).set_tasks(Some(arns));
    let mut tasks = call.send().await.map_err(|error| failure(&doing, &error))?.tasks.unwrap_or_default();
    tasks.sort_by_key(|task| std::cmp::Reverse(task.stopped_at().map(|at| at.as_nanos())));
    let lines = log_lines(clients, definitions, service, &tasks).await;
    let mut said = told(tasks.into_iter().filter_map(|task| sentence(&stop(task))));
    said.extend(lines);
    Ok(said)
}

/// What the newest failed container wrote last. That it cannot be read is said, and keeps nothing else back.
async fn log_lines(clients: &Clients, definitions: &TaskDefinitions, service: &Address, tasks: &[Task]) -> Vec<String> {
    for task in tasks.iter().take(TASKS_WITH_LOGS) {
        let Some(Ok(arn)) = task.task_definition_arn().map(str::parse::<TaskDefinitionArn>) else { continue };
        let Ok(revision) = definitions.read(&service.cell, &arn).await else { continue };
        let Some(stream) = stream(task, &revision.definition) else { continue };
        return match last_lines(clients, &service.cell, &stream).await {
            Ok(lines) => lines.into_iter().map(|line| format!("{} | {line}", stream.container)).collect(),
            Err(error) => vec![error.to_string()],
        };
    }
    Vec::new()
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
    use crate::adapters::aws::loopback::{Loopback, address, cell_name};
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
        let cells = aws.cells().await;
        let definitions = TaskDefinitions::new(std::sync::Arc::clone(&cells));
        let clients = cells.clients(&cell_name()).await.unwrap();
        let said = explain(clients, &definitions, &address("acme")).await.unwrap();
        assert_eq!(said, ["a task stopped: new", "a task stopped: old (2 tasks)"]);
        let listed =
            json!({"cluster": "c1", "serviceName": "app-prod-acme-iam", "desiredStatus": "STOPPED", "maxResults": 100});
        assert_eq!(aws.asked()[0].json(), listed);
    }
}
