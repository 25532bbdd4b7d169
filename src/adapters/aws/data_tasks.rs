//! One-shot tasks on a tenant's part of a database: a dump into the archive, one out of it, and taking it out. They are task
//! definitions of Terraform's, one a shard, that are told whose part it is when they are started. A dump runs under the
//! tenant's own role, so that it can save nobody else's rows, and nowhere else; and so does the way back.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::cells::Cells;
use super::task::{self, Orders};
use crate::domain::fleet::Address;
use crate::domain::ids::{ServiceKey, ServiceName, TaskArn};
use crate::domain::offboard::DUMP;
use crate::domain::snapshot::TaskSeen;
use crate::ports::{DataTask, DataTaskReader, DataTaskWriter, DataWork, Fault, PortError, PortResult, TaskRun};

/// Tasks on databases in all cells.
#[derive(Clone, Debug)]
pub struct EcsDataTasks {
    cells: Arc<Cells>,
}

impl EcsDataTasks {
    /// The tasks in these cells.
    pub fn new(cells: Arc<Cells>) -> Self {
        Self { cells }
    }
}

/// The containers of each task, which are all told the same; the last one's end is the task's
/// (`infra/stack/data/tenant_database.tf`).
const DUMPS: &[&str] = &["token", "dump", "tenant-dump"];
const DROPS: &[&str] = &["tenant-drop"];
const RESTORES: &[&str] = &["fetch", "token", "tenant-restore"];

/// Name of the container whose end counts, and the beginning of the family's.
fn name(work: DataWork) -> &'static str {
    match work {
        DataWork::Dump => "tenant-dump",
        DataWork::Drop => "tenant-drop",
        DataWork::Restore => "tenant-restore",
    }
}

fn run_of(task: &DataTask) -> PortResult<TaskRun> {
    let name = name(task.work);
    let bug = |why| PortError::new(Fault::Refused, format!("naming the task {name}"), why);
    let service: ServiceName = name.parse().map_err(bug)?;
    let address = Address {
        service: ServiceKey::new(&task.of.set, &service),
        cell: task.of.cell.clone(),
        cluster: task.of.cluster.clone(),
        ecs_service: format!("{name}-{}", task.of.tasks),
    };
    Ok(TaskRun { address, token: task.token.clone(), task: task.task.clone() })
}

/// What a task is told. Nothing of it is secret: the password comes from Secrets Manager, by way of ECS.
fn told(task: &DataTask) -> BTreeMap<&'static str, String> {
    let mut told = BTreeMap::from([("TENANT", task.of.set.to_string()), ("MODE", task.of.rds.to_string())]);
    if task.work != DataWork::Drop {
        told.insert("BUCKET", task.of.archive.clone());
        told.insert("KEY", format!("{}{DUMP}", task.folder));
    }
    told
}

#[async_trait]
impl DataTaskReader for EcsDataTasks {
    async fn seen(&self, task: &DataTask) -> TaskSeen {
        let run = match run_of(task) {
            Ok(run) => run,
            Err(error) => return TaskSeen::Unreachable { why: error.to_string() },
        };
        let mut seen = task::look(&self.cells, std::slice::from_ref(&run)).await;
        let unread = || TaskSeen::Unreachable { why: "it was not read".to_owned() };
        seen.remove(&run.address.service).unwrap_or_else(unread)
    }
}

#[async_trait]
impl DataTaskWriter for EcsDataTasks {
    async fn start(&self, task: &DataTask, beside: &Address) -> PortResult<TaskArn> {
        let run = run_of(task)?;
        // The family, whose newest active revision ECS takes: Terraform is the only one who registers any.
        let family = run.address.ecs_service.clone();
        let told = told(task);
        let orders = match task.work {
            DataWork::Dump => Orders { containers: DUMPS, told: &told, role: Some(&task.of.role) },
            DataWork::Drop => Orders { containers: DROPS, told: &told, role: None },
            DataWork::Restore => Orders { containers: RESTORES, told: &told, role: Some(&task.of.role) },
        };
        task::start(&self.cells, &run, &family, beside, Some(orders)).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::adapters::aws::loopback::{Loopback, address, cell_name};
    use crate::domain::directive::Holding;
    use crate::domain::fleet::Rds;
    use crate::domain::ids::ContentHash;

    #[tokio::test]
    async fn a_task_is_told_whose_part_and_where_to() {
        const TASK: &str = "arn:aws:ecs:eu-west-1:111111111111:task/c1/0123";
        let aws = Loopback::serve(|asked| match asked.action().as_str() {
            "DescribeServices" => {
                let service =
                    json!({"serviceName": address("acme").ecs_service, "status": "ACTIVE", "launchType": "FARGATE"});
                (200, json!({"services": [service], "failures": []}).to_string())
            }
            _ => (200, json!({"tasks": [{"taskArn": TASK}], "failures": []}).to_string()),
        })
        .await;
        let of = Holding {
            fleet: "prod".parse().unwrap(),
            set: "acme".parse().unwrap(),
            cell: cell_name(),
            cluster: "c1".to_owned(),
            bucket: "evidence".to_owned(),
            prefix: "tenants/acme/".to_owned(),
            archive: "archive".to_owned(),
            role: "arn:aws:iam::1:role/acme-archive".to_owned(),
            shard: "s1".to_owned(),
            tasks: "shop-prod-s1".to_owned(),
            rds: Rds::Database,
            user: "t_acme".to_owned(),
        };
        let token = ContentHash::of(b"token");
        let task =
            DataTask { of, work: DataWork::Dump, folder: "acme/7/".to_owned(), token: token.clone(), task: None };
        let started = EcsDataTasks::new(aws.cells().await).start(&task, &address("acme")).await.unwrap();
        assert_eq!(started.as_str(), TASK);
        let sent = aws.asked_for("RunTask")[0].json();
        assert_eq!(
            (&sent["taskDefinition"], &sent["clientToken"]),
            (&json!("tenant-dump-shop-prod-s1"), &json!(token))
        );
        let environment = json!([
            {"name": "BUCKET", "value": "archive"}, {"name": "KEY", "value": "acme/7/database.dump"},
            {"name": "MODE", "value": "database"}, {"name": "TENANT", "value": "acme"},
        ]);
        let told = |name| json!({"name": name, "environment": environment});
        let overrides = json!({
            "containerOverrides": [told("token"), told("dump"), told("tenant-dump")],
            "taskRoleArn": "arn:aws:iam::1:role/acme-archive",
        });
        assert_eq!(sent["overrides"], overrides);
    }
}
