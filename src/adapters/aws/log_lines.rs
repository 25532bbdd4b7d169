//! The last lines that a failed container wrote, from CloudWatch Logs. Where they are is in the task definition's
//! `awslogs` options; a container that logs elsewhere has none here, and that is no failure.

use aws_sdk_ecs::types::Task;
use serde_json::Value;

use super::budget::Group;
use super::cells::{Clients, doing};
use super::failure::{failure, one_line};
use crate::domain::ids::CellName;
use crate::domain::redact::redacted;
use crate::ports::PortResult;

/// Lines that are shown.
const LINES: i32 = 20;

/// A stream of a container's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) container: String,
    group: String,
    name: String,
}

/// Where the first container of a task that failed has written; of several, one with an exit code.
pub(super) fn stream(task: &Task, definition: &Value) -> Option<Stream> {
    let failed = |container: &&aws_sdk_ecs::types::Container| container.exit_code().is_some_and(|code| code != 0);
    let container = task.containers().iter().find(failed)?.name()?;
    let definitions = definition.get("containerDefinitions")?.as_array()?;
    let logs = definitions.iter().find(|of| of.get("name").and_then(Value::as_str) == Some(container))?;
    let logs = logs.get("logConfiguration").filter(|logs| logs.get("logDriver") == Some(&Value::from("awslogs")))?;
    let option = |name: &str| logs.get("options")?.get(name)?.as_str().map(str::to_owned);
    let id = task.task_arn()?.rsplit('/').next()?;
    let name = format!("{}/{container}/{id}", option("awslogs-stream-prefix")?);
    Some(Stream { container: container.to_owned(), group: option("awslogs-group")?, name })
}

/// Its last lines, oldest first, without what looks like a secret.
pub(super) async fn last_lines(clients: &Clients, cell: &CellName, stream: &Stream) -> PortResult<Vec<String>> {
    clients.pace(Group::LogsRead).await;
    let call = clients.logs.get_log_events().log_group_name(&stream.group).log_stream_name(&stream.name);
    let answer = call.limit(LINES).start_from_head(false).send().await;
    let answer =
        answer.map_err(|error| failure(doing(format!("reading the log of {}", stream.container), cell), &error))?;
    let lines = answer.events().iter().filter_map(|event| event.message());
    Ok(lines.map(|line| one_line(&redacted(line))).filter(|line| !line.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::adapters::aws::loopback::{Loopback, cell_name};

    fn task(exit_code: i32) -> Task {
        let container = |name: &str, code| aws_sdk_ecs::types::Container::builder().name(name).exit_code(code).build();
        let arn = "arn:aws:ecs:eu-west-1:1:task/c1/0123456789abcdef";
        Task::builder().task_arn(arn).containers(container("proxy", 0)).containers(container("iam", exit_code)).build()
    }

    fn definition(driver: &str) -> Value {
        let options = json!({"awslogs-group": "/accessos/acme", "awslogs-stream-prefix": "ecs"});
        let logs = json!({"logDriver": driver, "options": options});
        json!({"containerDefinitions": [{"name": "proxy"}, {"name": "iam", "logConfiguration": logs}]})
    }

    #[test]
    fn the_stream_is_that_of_the_container_that_failed() {
        let found = stream(&task(1), &definition("awslogs")).unwrap();
        assert_eq!((found.group.as_str(), found.name.as_str()), ("/accessos/acme", "ecs/iam/0123456789abcdef"));
        assert_eq!(stream(&task(0), &definition("awslogs")), None, "none failed");
        assert_eq!(stream(&task(1), &definition("splunk")), None, "it logs elsewhere");
        assert_eq!(stream(&task(1), &json!({})), None);
    }

    #[tokio::test]
    async fn inv_32_the_last_lines_come_without_secrets() {
        let events =
            json!({"events": [{"message": "starting\n"}, {"message": "cannot log in with password=hunter2\n"}]});
        let aws = Loopback::serve(move |_| (200, events.to_string())).await;
        let cells = aws.cells().await;
        let stream = stream(&task(1), &definition("awslogs")).unwrap();
        let lines = last_lines(cells.clients(&cell_name()).await.unwrap(), &cell_name(), &stream).await.unwrap();
        assert_eq!(lines, ["starting", "cannot log in with password=[redacted]"]);
        let asked = aws.asked()[0].json();
        assert_eq!((&asked["limit"], &asked["logStreamName"]), (&json!(20), &json!("ecs/iam/0123456789abcdef")));
    }
}
