//! One-shot tasks: RunTask with a token, and how such a task stands.
//!
//! A task needs what a service has and a task definition has not: a network and a place to run. Both are taken from a
//! service of the same set as it is now, so that they are written down in one place only, which is Terraform's.
//!
//! Where the task's name is not known (its process was killed), it is looked for in its family by the mark it was
//! started with. The list cannot be filtered by that mark and by state at once (API Reference, ListTasks), and its
//! family has nothing else in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_ecs::operation::run_task::builders::RunTaskFluentBuilder;
use aws_sdk_ecs::types::{ContainerOverride, DesiredStatus, KeyValuePair, Service, Task, TaskOverride, TaskStopCode};
use tokio::task::JoinSet;

use super::budget::Group;
use super::cells::{Cells, Clients, doing};
use super::explain::stop;
use super::failure::failure;
use super::log_lines::{last_lines, stream};
use super::services::{Described, describe};
use super::stop_reasons::sentence;
use super::task_definitions::TaskDefinitions;
use crate::domain::fleet::Address;
use crate::domain::ids::{CellName, ContentHash, ServiceKey, ServiceName, TaskArn, TaskDefinitionArn};
use crate::domain::snapshot::{TaskEnd, TaskSeen};
use crate::ports::{Fault, PortError, PortResult, TaskRun};

/// Tasks that one DescribeTasks takes, and one page of ListTasks holds.
const TASKS_PER_CALL: usize = 100;
/// Digits of the token in the mark: `startedBy` was limited to 36 characters for long.
const MARK_DIGITS: usize = 26;

/// What a task is started with beside its definition.
pub(super) struct Orders<'a> {
    /// Its containers.
    pub(super) containers: &'a [&'a str],
    /// What each of them finds in its environment.
    pub(super) told: &'a BTreeMap<&'static str, String>,
    /// What they run as, where the definition names no role.
    pub(super) role: Option<&'a str>,
}

/// Starts a task of a release.
pub(super) async fn run(
    cells: &Arc<Cells>,
    run: &TaskRun,
    definition: &TaskDefinitionArn,
    beside: &Address,
) -> PortResult<TaskArn> {
    start(cells, run, definition.as_str(), beside, None).await
}

/// Starts a task. With the same token it is the same task, whoever asks (Developer Guide, "Ensuring idempotency").
pub(super) async fn start(
    cells: &Arc<Cells>,
    run: &TaskRun,
    definition: &str,
    beside: &Address,
    orders: Option<Orders<'_>>,
) -> PortResult<TaskArn> {
    let address = &run.address;
    let short = definition.rsplit(":task-definition/").next().unwrap_or(definition);
    let doing = doing(format!("starting task {short}"), &address.cell);
    let service = match describe(cells, std::slice::from_ref(beside)).await.pop() {
        Some((_, Described::Active(service))) => service,
        Some((_, Described::Unreadable(why))) => return Err(PortError::new(Fault::Unavailable, doing, why)),
        Some((_, Described::Missing)) | None => {
            let why = format!("there is no service {} to run it beside", beside.ecs_service);
            return Err(PortError::new(Fault::Refused, doing, why));
        }
    };
    let clients = cells.clients(&address.cell).await?;
    clients.pace(Group::ClusterModify).await;
    let request = request(clients, run, definition, &service).set_overrides(orders.as_ref().map(overrides));
    let answer = request.send().await.map_err(|error| failure(&doing, &error))?;
    let started = answer.tasks().iter().find_map(|task| task.task_arn()?.parse().ok());
    started.ok_or_else(|| {
        let reasons = answer.failures().iter().map(|failure| failure.reason().unwrap_or("no reason given"));
        let why = format!("no task was started: {}", reasons.collect::<Vec<_>>().join(", "));
        PortError::new(Fault::Unavailable, doing, why)
    })
}

fn overrides(orders: &Orders<'_>) -> TaskOverride {
    let pair = |(name, value): (&&str, &String)| KeyValuePair::builder().name(*name).value(value).build();
    let environment: Vec<KeyValuePair> = orders.told.iter().map(pair).collect();
    let told =
        |name: &&str| ContainerOverride::builder().name(*name).set_environment(Some(environment.clone())).build();
    TaskOverride::builder()
        .set_container_overrides(Some(orders.containers.iter().map(told).collect()))
        .set_task_role_arn(orders.role.map(str::to_owned))
        .build()
}

fn request(clients: &Clients, run: &TaskRun, definition: &str, beside: &Service) -> RunTaskFluentBuilder {
    let request = clients
        .ecs
        .run_task()
        .cluster(&run.address.cluster)
        .task_definition(definition)
        .count(1)
        .client_token(run.token.as_str())
        .started_by(mark(&run.token))
        .set_network_configuration(beside.network_configuration().cloned())
        .set_platform_version(beside.platform_version().map(str::to_owned));
    // A service has the one or the other, and RunTask refuses both.
    match beside.capacity_provider_strategy() {
        [] => request.set_launch_type(beside.launch_type().cloned()),
        strategy => request.set_capacity_provider_strategy(Some(strategy.to_vec())),
    }
}

/// The last lines of the container that failed in a task.
pub(super) async fn lines(cells: &Cells, definitions: &TaskDefinitions, run: &TaskRun) -> PortResult<Vec<String>> {
    let cell = &run.address.cell;
    let tasks = read(cells, std::slice::from_ref(run)).await?;
    let task = tasks.iter().find(|task| run.task.as_ref().is_some_and(|known| task.task_arn() == Some(known.as_str())));
    let Some((task, Some(Ok(arn)))) = task.map(|task| (task, task.task_definition_arn().map(str::parse))) else {
        return Ok(Vec::new());
    };
    let revision = definitions.read(cell, &arn).await?;
    let Some(stream) = stream(task, &revision.definition) else { return Ok(Vec::new()) };
    let lines = last_lines(cells.clients(cell).await?, cell, &stream).await?;
    Ok(lines.into_iter().map(|line| format!("{} | {line}", stream.container)).collect())
}

/// What a task of this rollout is marked with.
fn mark(token: &ContentHash) -> String {
    format!("tidegate-{}", token.as_str().chars().take(MARK_DIGITS).collect::<String>())
}

/// How each of these tasks stands; every one of them has an entry.
pub(super) async fn look(cells: &Arc<Cells>, runs: &[TaskRun]) -> BTreeMap<ServiceKey, TaskSeen> {
    let mut calls = JoinSet::new();
    for batch in batches(runs) {
        let cells = Arc::clone(cells);
        calls.spawn(async move {
            let tasks = read(&cells, &batch).await;
            batch.into_iter().map(|run| (run.address.service.clone(), seen(&run, &tasks))).collect::<Vec<_>>()
        });
    }
    let mut all = BTreeMap::new();
    while let Some(batch) = calls.join_next().await {
        all.extend(batch.unwrap_or_default());
    }
    for run in runs {
        let lost = || TaskSeen::Unreachable { why: "reading it broke off".to_owned() };
        all.entry(run.address.service.clone()).or_insert_with(lost);
    }
    all
}

/// Known tasks of one cluster together; the others one by one, since each is looked for in its own family.
fn batches(runs: &[TaskRun]) -> Vec<Vec<TaskRun>> {
    let mut clusters: BTreeMap<(&CellName, &str), Vec<TaskRun>> = BTreeMap::new();
    let (known, unknown): (Vec<&TaskRun>, Vec<&TaskRun>) = runs.iter().partition(|run| run.task.is_some());
    for run in known {
        clusters.entry((&run.address.cell, &run.address.cluster)).or_default().push(run.clone());
    }
    let known = clusters.into_values().flat_map(|of| of.chunks(TASKS_PER_CALL).map(<[_]>::to_vec).collect::<Vec<_>>());
    known.chain(unknown.into_iter().map(|run| vec![run.clone()])).collect()
}

/// The tasks of a batch, as ECS describes them.
async fn read(cells: &Cells, batch: &[TaskRun]) -> PortResult<Vec<Task>> {
    let Some(TaskRun { address, task, .. }) = batch.first() else { return Ok(Vec::new()) };
    let clients = cells.clients(&address.cell).await?;
    let arns = match task {
        Some(_) => batch.iter().filter_map(|run| run.task.clone().map(String::from)).collect(),
        None => in_family(clients, address).await?,
    };
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    clients.pace(Group::ClusterRead).await;
    let call = clients.ecs.describe_tasks().cluster(&address.cluster).set_tasks(Some(arns));
    let doing = doing(format!("reading tasks of cluster {}", address.cluster), &address.cell);
    Ok(call.send().await.map_err(|error| failure(doing, &error))?.tasks.unwrap_or_default())
}

/// The tasks of a family that run, and those that ended within the hour.
async fn in_family(clients: &Clients, address: &Address) -> PortResult<Vec<String>> {
    let mut arns = Vec::new();
    for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
        clients.pace(Group::ClusterRead).await;
        let call = clients.ecs.list_tasks().cluster(&address.cluster).family(&address.ecs_service);
        let doing = doing(format!("looking for tasks of family {}", address.ecs_service), &address.cell);
        let listed = call.desired_status(status).send().await.map_err(|error| failure(doing, &error))?;
        arns.extend(listed.task_arns.unwrap_or_default());
    }
    arns.truncate(TASKS_PER_CALL);
    Ok(arns)
}

fn seen(run: &TaskRun, tasks: &PortResult<Vec<Task>>) -> TaskSeen {
    let tasks = match tasks {
        Ok(tasks) => tasks,
        Err(error) => return TaskSeen::Unreachable { why: error.to_string() },
    };
    let is_it = |task: &&Task| match &run.task {
        Some(known) => task.task_arn() == Some(known.as_str()),
        None => task.started_by() == Some(mark(&run.token).as_str()),
    };
    let Some(task) = tasks.iter().find(is_it) else { return TaskSeen::NotFound };
    let Some(Ok(name)) = task.task_arn().map(str::parse) else {
        return TaskSeen::Unreachable { why: "ECS gives a task no name".to_owned() };
    };
    match task.last_status() {
        Some("STOPPED") => TaskSeen::Ended(end(task, &run.address.service.service)),
        Some(_) => TaskSeen::Running { task: name },
        None => TaskSeen::Unreachable { why: "ECS gives no status of a task".to_owned() },
    }
}

/// How a task ended. The exit code that counts is that of the container which carries the release.
fn end(task: &Task, service: &ServiceName) -> TaskEnd {
    let own = task.containers().iter().find(|container| container.name() == Some(service.as_str()));
    let code = own.and_then(|container| container.exit_code());
    let by_itself = match task.stop_code() {
        Some(TaskStopCode::EssentialContainerExited) | None => true,
        Some(_) => false,
    };
    TaskEnd { code, by_itself, why: sentence(&stop(task.clone())).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Asked, Loopback, Reply, address};
    use serde_json::{Value, json};

    const TASK: &str = "arn:aws:ecs:eu-west-1:111111111111:task/c1/0123";
    const DEFINITION: &str = "arn:aws:ecs:eu-west-1:111111111111:task-definition/app-prod-acme-iam:7";

    fn token() -> ContentHash {
        ContentHash::of(b"plan, rollout, service")
    }

    fn wanted(task: Option<&str>) -> TaskRun {
        TaskRun { address: address("acme"), token: token(), task: task.map(|arn| arn.parse().unwrap()) }
    }

    fn service(more: &Value) -> Reply {
        let mut service = json!({"serviceName": address("acme").ecs_service, "status": "ACTIVE"});
        service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (200, json!({"services": [service], "failures": []}).to_string())
    }

    fn network() -> Value {
        json!({"awsvpcConfiguration": {"subnets": ["s-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}})
    }

    async fn started(beside: Value, answer: Value) -> (PortResult<TaskArn>, Option<Asked>) {
        let aws = Loopback::serve(move |asked| match asked.action().as_str() {
            "DescribeServices" => service(&beside),
            _ => (200, answer.to_string()),
        })
        .await;
        let result = run(&aws.cells().await, &wanted(None), &DEFINITION.parse().unwrap(), &address("acme")).await;
        (result, aws.asked_for("RunTask").pop())
    }

    #[tokio::test]
    async fn a_task_runs_where_the_service_beside_it_does_and_with_its_token() {
        let beside = json!({"launchType": "FARGATE", "platformVersion": "1.4.0", "networkConfiguration": network()});
        let (result, asked) = started(beside, json!({"tasks": [{"taskArn": TASK}], "failures": []})).await;
        assert_eq!(result.unwrap().as_str(), TASK);
        let sent = json!({
            "cluster": "c1", "taskDefinition": DEFINITION, "count": 1, "launchType": "FARGATE",
            "platformVersion": "1.4.0", "networkConfiguration": network(), "clientToken": token(),
            "startedBy": format!("tidegate-{}", &token().as_str()[..26]),
        });
        assert_eq!(asked.unwrap().json(), sent);
    }

    #[tokio::test]
    async fn a_capacity_provider_takes_the_place_of_a_launch_type() {
        let strategy = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]);
        let (result, asked) =
            started(json!({"capacityProviderStrategy": strategy}), json!({"tasks": [{"taskArn": TASK}]})).await;
        result.unwrap();
        let sent = asked.unwrap().json();
        assert_eq!((&sent["capacityProviderStrategy"], &sent["launchType"]), (&strategy, &Value::Null));
    }

    #[tokio::test]
    async fn an_answer_without_a_task_says_why() {
        let answer = json!({"tasks": [], "failures": [{"reason": "Capacity is unavailable at this time"}]});
        let (result, _) = started(json!({"launchType": "FARGATE"}), answer).await;
        let error = result.unwrap_err();
        assert_eq!(error.fault, Fault::Unavailable);
        assert_eq!(error.why, "no task was started: Capacity is unavailable at this time");
    }

    fn described(status: &str, stop_code: Option<&str>, exit: Option<i32>) -> Value {
        json!({
            "taskArn": TASK, "lastStatus": status, "stopCode": stop_code, "stoppedReason": "in ECS's words",
            "startedBy": mark(&token()),
            "containers": [{"name": "proxy", "exitCode": 143}, {"name": "iam", "exitCode": exit}],
        })
    }

    async fn seen_of(wanted: TaskRun, task: Value) -> (TaskSeen, Vec<Asked>) {
        let aws = Loopback::serve(move |asked| match asked.action().as_str() {
            "ListTasks" if asked.json()["desiredStatus"] == "STOPPED" => (200, json!({"taskArns": [TASK]}).to_string()),
            "ListTasks" => (200, json!({"taskArns": []}).to_string()),
            _ => (200, json!({"tasks": [task], "failures": []}).to_string()),
        })
        .await;
        let mut seen = look(&aws.cells().await, std::slice::from_ref(&wanted)).await;
        (seen.remove(&wanted.address.service).unwrap(), aws.asked())
    }

    #[tokio::test]
    async fn a_known_task_is_described_and_its_own_container_counts() {
        let (seen, asked) =
            seen_of(wanted(Some(TASK)), described("STOPPED", Some("EssentialContainerExited"), Some(0))).await;
        let TaskSeen::Ended(end) = seen else { panic!("{seen:?}") };
        assert_eq!((end.code, end.by_itself), (Some(0), true));
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].json(), json!({"cluster": "c1", "tasks": [TASK]}));
    }

    #[tokio::test]
    async fn inv_32_the_last_lines_of_a_task_that_failed_come_without_secrets() {
        let options = json!({"awslogs-group": "/shop/acme", "awslogs-stream-prefix": "ecs"});
        let logs = json!({"name": "iam", "logConfiguration": {"logDriver": "awslogs", "options": options}});
        let definition = json!({"taskDefinition": {"taskDefinitionArn": DEFINITION, "containerDefinitions": [logs]}});
        let mut task = described("STOPPED", Some("EssentialContainerExited"), Some(1));
        task["containers"] = json!([{"name": "iam", "exitCode": 1}]);
        task["taskDefinitionArn"] = json!(DEFINITION);
        let aws = Loopback::serve(move |asked| match asked.action().as_str() {
            "DescribeTasks" => (200, json!({"tasks": [task], "failures": []}).to_string()),
            "DescribeTaskDefinition" => (200, definition.to_string()),
            _ => (200, json!({"events": [{"message": "login: 401, password=hunter2\n"}]}).to_string()),
        })
        .await;
        let cells = aws.cells().await;
        let definitions = TaskDefinitions::new(Arc::clone(&cells));
        let lines = lines(&cells, &definitions, &wanted(Some(TASK))).await.unwrap();
        assert_eq!(lines, ["iam | login: 401, password=[redacted]"]);
    }

    #[tokio::test]
    async fn one_that_was_stopped_from_outside_did_not_end_by_itself() {
        let (seen, _) = seen_of(wanted(Some(TASK)), described("STOPPED", Some("UserInitiated"), Some(0))).await;
        assert!(matches!(seen, TaskSeen::Ended(TaskEnd { code: Some(0), by_itself: false, .. })), "{seen:?}");
        let (seen, _) = seen_of(wanted(Some(TASK)), described("STOPPED", Some("TaskFailedToStart"), None)).await;
        assert!(matches!(seen, TaskSeen::Ended(TaskEnd { code: None, by_itself: false, .. })), "{seen:?}");
    }

    #[tokio::test]
    async fn a_task_whose_name_was_lost_is_found_in_its_family_by_its_mark() {
        let (seen, asked) = seen_of(wanted(None), described("DEPROVISIONING", None, Some(0))).await;
        assert_eq!(seen, TaskSeen::Running { task: TASK.parse().unwrap() }, "it is not over before it is STOPPED");
        let listed = json!({"cluster": "c1", "family": "app-prod-acme-iam", "desiredStatus": "RUNNING"});
        assert_eq!((asked.len(), asked[0].json()), (3, listed));
    }

    #[tokio::test]
    async fn inv_09_a_task_of_another_rollout_or_none_is_not_found_and_an_error_is_no_answer() {
        let mut other = described("STOPPED", Some("EssentialContainerExited"), Some(0));
        other["startedBy"] = json!("tidegate-of-another");
        assert_eq!(seen_of(wanted(None), other).await.0, TaskSeen::NotFound);
        let aws = Loopback::serve(|_| super::super::loopback::error(400, "ClusterNotFoundException", "no")).await;
        let seen = look(&aws.cells().await, &[wanted(Some(TASK))]).await;
        assert!(matches!(seen[&address("acme").service], TaskSeen::Unreachable { .. }));
    }
}
