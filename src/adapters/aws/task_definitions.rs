//! Task definitions, read once each: a revision never changes, and the quota for reading them is shared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_sdk_ecs::types::TaskDefinitionField;
use serde_json::Value;
use tokio::sync::{OnceCell, Semaphore};

use super::budget::Group;
use super::cells::{Cells, doing};
use super::failure::failure;
use super::whole_json::Body;
use crate::domain::ids::{CellName, TaskDefinitionArn};
use crate::ports::{Fault, PortError, PortResult};

pub(super) use crate::domain::template::Revision;

/// Reads at the same time, over all cells.
const SIDE_BY_SIDE: usize = 16;

/// A revision that is read once, whoever asks first.
type Kept = Arc<OnceCell<Arc<Revision>>>;

/// Reads task definitions and keeps them.
#[derive(Debug)]
pub(super) struct TaskDefinitions {
    cells: Arc<Cells>,
    kept: Mutex<HashMap<(CellName, TaskDefinitionArn), Kept>>,
    readers: Semaphore,
}

impl TaskDefinitions {
    /// None is read yet.
    pub(super) fn new(cells: Arc<Cells>) -> Self {
        Self { cells, kept: Mutex::default(), readers: Semaphore::new(SIDE_BY_SIDE) }
    }

    /// The revision of that ARN. Asked for twice at once, it is read once; a failure is not kept.
    pub(super) async fn read(&self, cell: &CellName, arn: &TaskDefinitionArn) -> PortResult<Arc<Revision>> {
        let place = match self.kept.lock() {
            Ok(mut kept) => Arc::clone(kept.entry((cell.clone(), arn.clone())).or_default()),
            Err(_) => Arc::default(),
        };
        place.get_or_try_init(|| self.fetch(cell, arn)).await.cloned()
    }

    async fn fetch(&self, cell: &CellName, arn: &TaskDefinitionArn) -> PortResult<Arc<Revision>> {
        let doing = doing(format!("reading task definition {}", arn.family_and_revision()), cell);
        // The semaphore is never closed, so this cannot fail.
        let _permit = self.readers.acquire().await;
        let clients = self.cells.clients(cell).await?;
        clients.pace(Group::TaskDefinitionRead).await;
        let body = Body::default();
        clients
            .ecs
            .describe_task_definition()
            .task_definition(arn.as_str())
            .include(TaskDefinitionField::Tags)
            .customize()
            .interceptor(body.clone())
            .send()
            .await
            .map_err(|error| failure(&doing, &error))?;
        let revision = body.json().and_then(of_answer);
        let revision = revision.ok_or_else(|| PortError::new(Fault::Refused, doing, "an answer without one"))?;
        Ok(Arc::new(revision))
    }
}

/// The revision that an answer describes; none if it describes none.
fn of_answer(mut answer: Value) -> Option<Revision> {
    let tag = |tag: &Value| Some((tag.get("key")?.as_str()?.to_owned(), tag.get("value")?.as_str()?.to_owned()));
    let tags = answer.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(tag).collect();
    let definition = answer.get_mut("taskDefinition")?.take();
    definition.is_object().then_some(Revision { definition, tags })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Loopback, cell_name, error};
    use serde_json::json;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn a_revision_is_read_once_and_a_failure_again() {
        let calls = AtomicUsize::new(0);
        let calls = Arc::new(calls);
        let aws = Loopback::serve(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
            0 => error(400, "ClientException", "not yet"),
            _ => (200, json!({"taskDefinition": {"aFieldOfNextYear": 1}, "tags": []}).to_string()),
        })
        .await;
        let definitions = TaskDefinitions::new(aws.cells().await);
        let arn = "arn:aws:ecs:eu-west-1:1:task-definition/f:1".parse().unwrap();
        definitions.read(&cell_name(), &arn).await.unwrap_err();
        let cell = cell_name();
        let (one, other) = tokio::join!(definitions.read(&cell, &arn), definitions.read(&cell, &arn));
        assert_eq!(one.unwrap().definition, json!({"aFieldOfNextYear": 1}));
        assert_eq!(other.unwrap().definition, json!({"aFieldOfNextYear": 1}));
        assert_eq!(aws.asked().len(), 2);
        assert_eq!(aws.asked()[1].json()["include"], json!(["TAGS"]));
    }
}
