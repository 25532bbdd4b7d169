//! RegisterTaskDefinition, so that the same content is registered once.
//!
//! Registrations refill at one a second for a whole account, and a registration whose answer is lost has still
//! happened. So each attempt first looks for an active revision with the same hash, the SDK does not repeat the
//! call on its own, and registrations of one family queue up, because ECS refuses two at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_ecs::config::Builder;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::types::{SortOrder, TaskDefinitionStatus};
use serde_json::{Value, json};
use tokio::sync::Mutex as AsyncMutex;

use super::budget::{Group, pause};
use super::cells::{Cells, doing};
use super::failure::failure;
use super::task_definitions::TaskDefinitions;
use super::whole_json::carrying;
use crate::domain::fleet::Address;
use crate::domain::ids::{CellName, TaskDefinitionArn};
use crate::domain::template::{HASH_TAG, PUBLISHED_TAG, Rendered, TEMPLATE_TAG, Template};
use crate::ports::{Fault, PortError, PortResult};

/// Attempts in all.
const ATTEMPTS: u32 = 6;
/// Wait before the second attempt; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Revisions that are listed.
const LISTED: i32 = 10;
/// Pages of them: families that begin with the whole name of another one stand before it.
const PAGES: u8 = 10;
/// Newest revisions whose tags are read: what is wanted again soon is the last release or the one before.
const LOOKED_AT: usize = 3;

/// Whose turn it is to register in a family.
type Turn = Arc<AsyncMutex<()>>;

/// Registers task definitions.
#[derive(Debug)]
pub(super) struct Registrar {
    cells: Arc<Cells>,
    definitions: Arc<TaskDefinitions>,
    families: Mutex<HashMap<(CellName, String), Turn>>,
}

impl Registrar {
    /// One for all cells.
    pub(super) fn new(cells: Arc<Cells>, definitions: Arc<TaskDefinitions>) -> Self {
        Self { cells, definitions, families: Mutex::default() }
    }

    /// An active revision with this content: one that is there, else a new one.
    pub(super) async fn register(&self, service: &Address, rendered: &Rendered) -> PortResult<TaskDefinitionArn> {
        let family = rendered.request.get("family").and_then(Value::as_str).unwrap_or_default();
        let doing = doing(format!("registering task definition {family}"), &service.cell);
        let template = Template::from_task_definition(&rendered.request, &service.service.service)
            .map_err(|bad| PortError::new(Fault::Refused, &doing, bad))?;
        let (template, published) = (template.hash(), rendered.published.map(|at| at.to_string()));
        let mut tags = vec![(HASH_TAG, rendered.hash.as_str()), (TEMPLATE_TAG, template.as_str())];
        tags.extend(published.as_deref().map(|at| (PUBLISHED_TAG, at)));
        let request = with_tags(&rendered.request, &tags);
        let turn = self.turn(&service.cell, family);
        let _turn = turn.lock().await;
        let mut wait = FIRST_WAIT;
        for _ in 1..ATTEMPTS {
            match self.once(&service.cell, family, rendered, &request, &doing).await {
                Err(error) if error.fault != Fault::Refused => pause(wait).await,
                settled => return settled,
            }
            wait *= 2;
        }
        self.once(&service.cell, family, rendered, &request, &doing).await
    }

    fn turn(&self, cell: &CellName, family: &str) -> Arc<AsyncMutex<()>> {
        match self.families.lock() {
            Ok(mut families) => Arc::clone(families.entry((cell.clone(), family.to_owned())).or_default()),
            Err(_) => Arc::default(),
        }
    }

    /// Looks, and registers if nothing was found.
    async fn once(
        &self,
        cell: &CellName,
        family: &str,
        rendered: &Rendered,
        request: &Value,
        doing: &str,
    ) -> PortResult<TaskDefinitionArn> {
        for arn in self.newest(cell, family).await? {
            if self.definitions.read(cell, &arn).await?.tagged_hash().as_ref() == Some(&rendered.hash) {
                return Ok(arn);
            }
        }
        let clients = self.cells.clients(cell).await?;
        clients.pace(Group::TaskDefinitionModify).await;
        let answer = clients
            .ecs
            .register_task_definition()
            .family(family)
            .customize()
            .config_override(Builder::new().retry_config(RetryConfig::disabled()))
            .mutate_request(carrying(request))
            .send()
            .await
            .map_err(|error| failure(doing, &error))?;
        let arn = answer.task_definition().and_then(|definition| definition.task_definition_arn()?.parse().ok());
        arn.ok_or_else(|| PortError::new(Fault::Unavailable, doing, "the answer names no task definition"))
    }

    /// The newest active revisions of exactly this family: ECS lists by prefix.
    pub(super) async fn newest(&self, cell: &CellName, family: &str) -> PortResult<Vec<TaskDefinitionArn>> {
        let clients = self.cells.clients(cell).await?;
        let mut page = None;
        for _ in 0..PAGES {
            clients.pace(Group::TaskDefinitionRead).await;
            let answer = clients
                .ecs
                .list_task_definitions()
                .family_prefix(family)
                .status(TaskDefinitionStatus::Active)
                .sort(SortOrder::Desc)
                .max_results(LISTED)
                .set_next_token(page)
                .send()
                .await
                .map_err(|error| failure(doing(format!("listing task definitions {family}"), cell), &error))?;
            let arns = answer.task_definition_arns().iter().filter_map(|arn| arn.parse::<TaskDefinitionArn>().ok());
            let own: Vec<_> = arns.filter(|arn| arn.family() == family).take(LOOKED_AT).collect();
            page = answer.next_token;
            if !own.is_empty() || page.is_none() {
                return Ok(own);
            }
        }
        let why = format!("its first {} task definitions are all of other families", i32::from(PAGES) * LISTED);
        Err(PortError::new(Fault::Refused, doing(format!("listing task definitions {family}"), cell), why))
    }
}

/// The request with these tags beside those that it has.
fn with_tags(request: &Value, tags: &[(&str, &str)]) -> Value {
    let mut request = request.clone();
    let ours = |tag: &Value| tags.iter().any(|(key, _)| tag.get("key").and_then(Value::as_str) == Some(key));
    let theirs = request.get("tags").and_then(Value::as_array).into_iter().flatten().filter(|tag| !ours(tag)).cloned();
    let all: Vec<Value> = theirs.chain(tags.iter().map(|(key, value)| json!({"key": key, "value": value}))).collect();
    if let Some(fields) = request.as_object_mut() {
        fields.insert("tags".to_owned(), Value::from(all));
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Asked, Loopback, Reply, address, error};
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn arn(revision: &str) -> String {
        format!("arn:aws:ecs:eu-west-1:111111111111:task-definition/{revision}")
    }

    fn rendered() -> Rendered {
        let request = json!({
            "family": "f", "aFieldOfNextYear": true, "tags": [{"key": "team", "value": "core"}],
            "containerDefinitions": [{"name": "iam", "image": "r/iam@sha256:1"}],
        });
        Rendered { hash: crate::domain::ids::ContentHash::of_json(&request), request, published: None }
    }

    /// An account where `f:1` and `f:2` are active, and a longer name that begins with `f`; only `f:1` has our hash.
    fn account(asked: &Asked) -> Reply {
        let answer = match asked.action().as_str() {
            "ListTaskDefinitions" => json!({"taskDefinitionArns": [arn("f-other:9"), arn("f:2"), arn("f:1")]}),
            "DescribeTaskDefinition" => {
                let ours = asked.json()["taskDefinition"] == json!(arn("f:1"));
                let hash = if ours { rendered().hash.to_string() } else { "c".repeat(64) };
                json!({"taskDefinition": {}, "tags": [{"key": HASH_TAG, "value": hash}]})
            }
            _ => json!({"taskDefinition": {"taskDefinitionArn": arn("f:3")}}),
        };
        (200, answer.to_string())
    }

    async fn registrar(aws: &Loopback) -> Registrar {
        let cells = aws.cells().await;
        Registrar::new(Arc::clone(&cells), Arc::new(TaskDefinitions::new(cells)))
    }

    #[tokio::test]
    async fn an_active_revision_with_the_same_content_is_used_again() {
        let aws = Loopback::serve(account).await;
        let found = registrar(&aws).await.register(&address("acme"), &rendered()).await.unwrap();
        assert_eq!(found.as_str(), arn("f:1"));
        assert!(aws.asked_for("RegisterTaskDefinition").is_empty());
        let list = json!({"familyPrefix": "f", "status": "ACTIVE", "sort": "DESC", "maxResults": 10});
        assert_eq!(aws.asked_for("ListTaskDefinitions")[0].json(), list);
        assert_eq!(aws.asked_for("DescribeTaskDefinition").len(), 2, "none of the other family");
    }

    #[tokio::test]
    async fn new_content_is_registered_whole_with_its_hashes_as_tags() {
        let aws = Loopback::serve(account).await;
        let mut rendered = rendered();
        rendered.hash = "d".repeat(64).parse().unwrap();
        rendered.published = Some("2026-11-23T08:00:00Z".parse().unwrap());
        let made = registrar(&aws).await.register(&address("acme"), &rendered).await.unwrap();
        assert_eq!(made.as_str(), arn("f:3"));
        let iam = "iam".parse().unwrap();
        let template = Template::from_task_definition(&rendered.request, &iam).unwrap().hash();
        let mut expected = rendered.request.clone();
        expected["tags"] = json!([
            {"key": "team", "value": "core"},
            {"key": "tidegate:hash", "value": "d".repeat(64)},
            {"key": "tidegate:template", "value": template},
            {"key": "tidegate:published", "value": "2026-11-23T08:00:00Z"},
        ]);
        assert_eq!(aws.asked_for("RegisterTaskDefinition")[0].json(), expected);
    }

    #[tokio::test]
    async fn a_lost_answer_is_found_by_looking_again() {
        let made = Arc::new(AtomicUsize::new(0));
        let aws = Loopback::serve(move |asked| match asked.action().as_str() {
            "RegisterTaskDefinition" => {
                made.fetch_add(1, Ordering::SeqCst);
                error(500, "ServerException", "it was registered all the same")
            }
            "ListTaskDefinitions" if made.load(Ordering::SeqCst) == 0 => (200, "{}".to_owned()),
            _ => account(asked),
        })
        .await;
        let found = registrar(&aws).await.register(&address("acme"), &rendered()).await.unwrap();
        assert_eq!(found.as_str(), arn("f:1"));
        assert_eq!(aws.asked_for("RegisterTaskDefinition").len(), 1);
    }

    #[tokio::test]
    async fn a_family_that_is_busy_is_tried_again_and_a_refusal_is_not() {
        let tries = Arc::new(AtomicUsize::new(0));
        let aws = Loopback::serve(move |asked| match asked.action().as_str() {
            "ListTaskDefinitions" => (200, "{}".to_owned()),
            _ => match tries.fetch_add(1, Ordering::SeqCst) {
                0 => error(400, "ClientException", "Too many concurrent attempts to create a new revision"),
                1 => account(asked),
                _ => error(400, "ClientException", "Role is not valid"),
            },
        })
        .await;
        let registrar = registrar(&aws).await;
        assert_eq!(registrar.register(&address("acme"), &rendered()).await.unwrap().as_str(), arn("f:3"));
        let refused = registrar.register(&address("acme"), &rendered()).await.unwrap_err();
        assert_eq!(refused.fault, Fault::Refused);
        assert_eq!(
            refused.to_string(),
            "registering task definition f in prod-1: ClientException: Role is not valid (request req-1)"
        );
        assert_eq!(aws.asked_for("RegisterTaskDefinition").len(), 3);
    }
}
