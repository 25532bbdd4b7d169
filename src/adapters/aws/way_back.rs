//! Whether what a service ran before could be deployed again: looked at while it is only a question, because the
//! night on which a release has to be taken back is a bad time to learn that its revision was deregistered or its
//! secret deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{TaskDefinition, TaskDefinitionStatus};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::budget::Group;
use super::cells::{Cells, doing};
use super::failure::{failure, one_line};
use super::secret_names::{Parameter, SecretName, SecretVersion, secrets_in};
use super::{parameters, secrets};
use crate::domain::fleet::Address;
use crate::domain::ids::{CellName, ServiceKey, TaskDefinitionArn};
use crate::domain::snapshot::Availability;
use crate::ports::WayBackReader;

/// Calls at the same time, over all cells.
const SIDE_BY_SIDE: usize = 16;

/// What ECS answers, as a mere ClientException, about a revision that it does not have.
const NO_SUCH_REVISION: &str = "Unable to describe task definition";

/// Revisions and secrets in all cells. Unlike what a revision says, its state changes, so nothing is kept.
#[derive(Clone, Debug)]
pub struct EcsWayBack {
    cells: Arc<Cells>,
    callers: Arc<Semaphore>,
}

/// A revision in a cell, and a secret in one.
type Revision = (CellName, TaskDefinitionArn);
type Secret = (CellName, SecretName);

/// What a revision needs to run again, or why that cannot be told or will not help.
type Needs = Result<BTreeSet<SecretName>, Availability>;

impl EcsWayBack {
    /// The way back in these cells.
    pub fn new(cells: Arc<Cells>) -> Self {
        Self { cells, callers: Arc::new(Semaphore::new(SIDE_BY_SIDE)) }
    }

    /// What each of these revisions needs, each read once.
    async fn needs(&self, revisions: BTreeSet<Revision>) -> BTreeMap<Revision, Needs> {
        let mut reads = JoinSet::new();
        for (cell, arn) in revisions {
            let own = self.clone();
            reads.spawn(async move {
                // The semaphore is never closed, so this cannot fail.
                let _permit = own.callers.acquire().await;
                let needs = needs(&own.cells, &cell, &arn).await;
                ((cell, arn), needs)
            });
        }
        all(reads).await.into_iter().collect()
    }

    /// Whether each of these secrets is there, each asked for once.
    async fn secrets(&self, names: BTreeSet<Secret>) -> BTreeMap<Secret, Availability> {
        let mut reads = JoinSet::new();
        let mut parameters: BTreeMap<CellName, Vec<Parameter>> = BTreeMap::new();
        let mut found = BTreeMap::new();
        for (cell, name) in names {
            match name {
                SecretName::Secret(secret) => drop(reads.spawn(self.clone().secret(cell, secret))),
                SecretName::Parameter(parameter) => parameters.entry(cell).or_default().push(parameter),
                SecretName::Odd(text) => {
                    let why = format!("`{text}` names neither a secret nor a parameter");
                    found.insert((cell, SecretName::Odd(text)), Availability::Unknown { why });
                }
            }
        }
        for (cell, parameters) in parameters {
            for batch in parameters::batches(parameters) {
                reads.spawn(self.clone().parameters(cell.clone(), batch));
            }
        }
        found.extend(all(reads).await.into_iter().flatten());
        found
    }

    async fn secret(self, cell: CellName, secret: SecretVersion) -> Vec<(Secret, Availability)> {
        let _permit = self.callers.acquire().await;
        let usable = match self.cells.clients(&cell).await {
            Ok(clients) => secrets::usable(clients, &cell, &secret).await,
            Err(error) => Availability::Unknown { why: error.to_string() },
        };
        vec![((cell, SecretName::Secret(secret)), usable)]
    }

    async fn parameters(self, cell: CellName, batch: Vec<Parameter>) -> Vec<(Secret, Availability)> {
        let _permit = self.callers.acquire().await;
        let found = parameters::usable(&self.cells, &cell, batch).await;
        found.into_iter().map(|(name, usable)| ((cell.clone(), SecretName::Parameter(name)), usable)).collect()
    }
}

#[async_trait]
impl WayBackReader for EcsWayBack {
    async fn usable(&self, revisions: &[(Address, TaskDefinitionArn)]) -> BTreeMap<ServiceKey, Availability> {
        let wanted = revisions.iter().map(|(address, arn)| (address.cell.clone(), arn.clone()));
        let needs = self.needs(wanted.collect()).await;
        let named = needs.iter().filter_map(|((cell, _), needs)| Some((cell, needs.as_ref().ok()?)));
        let named = named.flat_map(|(cell, names)| names.iter().map(|name| (cell.clone(), name.clone())));
        let secrets = self.secrets(named.collect()).await;
        let mut usable = BTreeMap::new();
        for (address, arn) in revisions {
            let found = together(verdicts(&address.cell, needs.get(&(address.cell.clone(), arn.clone())), &secrets));
            let worst = usable.remove(&address.service).into_iter().chain([found]);
            usable.insert(address.service.clone(), together(worst));
        }
        usable
    }
}

/// What is known of everything that a revision needs.
fn verdicts(cell: &CellName, needs: Option<&Needs>, secrets: &BTreeMap<Secret, Availability>) -> Vec<Availability> {
    let broke_off = || Availability::Unknown { why: "reading it broke off".to_owned() };
    match needs {
        None => vec![broke_off()],
        Some(Err(verdict)) => vec![verdict.clone()],
        Some(Ok(names)) => {
            let of = |name: &SecretName| secrets.get(&(cell.clone(), name.clone())).cloned();
            names.iter().map(|name| of(name).unwrap_or_else(broke_off)).collect()
        }
    }
}

/// The worst of these, with the reasons of all that are as bad.
fn together(verdicts: impl IntoIterator<Item = Availability>) -> Availability {
    let (mut no, mut unknown) = (Vec::new(), Vec::new());
    for verdict in verdicts {
        match verdict {
            Availability::Yes => {}
            Availability::No { why } => no.push(why),
            Availability::Unknown { why } => unknown.push(why),
        }
    }
    match (no.as_slice(), unknown.as_slice()) {
        ([], []) => Availability::Yes,
        ([], whys) => Availability::Unknown { why: one_line(&whys.join("; ")) },
        (whys, _) => Availability::No { why: one_line(&whys.join("; ")) },
    }
}

async fn needs(cells: &Cells, cell: &CellName, arn: &TaskDefinitionArn) -> Needs {
    let unknown = |why: String| Availability::Unknown { why };
    let name = arn.family_and_revision();
    let clients = cells.clients(cell).await.map_err(|error| unknown(error.to_string()))?;
    clients.pace(Group::TaskDefinitionRead).await;
    let answer = clients.ecs.describe_task_definition().task_definition(arn.as_str()).send().await;
    let described = answer.map_err(|error| match (error.code(), error.message().unwrap_or_default()) {
        (Some("ClientException"), message) if message.contains(NO_SUCH_REVISION) => {
            Availability::No { why: format!("ECS has no task definition {name}") }
        }
        (Some("AccessDeniedException"), _) => {
            unknown(format!("task definition {name} may not be looked at: grant ecs:DescribeTaskDefinition"))
        }
        _ => unknown(failure(doing(format!("reading task definition {name}"), cell), &error).to_string()),
    })?;
    let definition = described.task_definition.ok_or_else(|| unknown(format!("no answer about {name}")))?;
    active(&definition, name)?;
    Ok(secrets_in(&definition))
}

/// Only an ACTIVE revision can be deployed; there is no way from INACTIVE back to it (API Reference,
/// DeregisterTaskDefinition).
fn active(definition: &TaskDefinition, name: &str) -> Result<(), Availability> {
    match definition.status() {
        Some(TaskDefinitionStatus::Active) => Ok(()),
        Some(status @ (TaskDefinitionStatus::Inactive | TaskDefinitionStatus::DeleteInProgress)) => {
            let why =
                format!("task definition {name} is {}: it was deregistered and cannot run again", status.as_str());
            Err(Availability::No { why })
        }
        other => {
            let word = other.map_or("nothing", TaskDefinitionStatus::as_str);
            Err(Availability::Unknown { why: format!("ECS gives the status of task definition {name} as {word}") })
        }
    }
}

/// Waits for all of these; one that broke off is left out.
async fn all<T: 'static>(mut reads: JoinSet<T>) -> Vec<T> {
    let mut found = Vec::new();
    while let Some(read) = reads.join_next().await {
        found.extend(read);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Asked, Loopback, Reply, address, error};
    use serde_json::{Value, json};

    fn arn(name: &str) -> TaskDefinitionArn {
        format!("arn:aws:ecs:eu-west-1:111111111111:task-definition/{name}").parse().unwrap()
    }

    fn secret(name: &str) -> String {
        format!("arn:aws:secretsmanager:eu-west-1:111111111111:secret:{name}")
    }

    /// A task definition that names secrets in every place where it can.
    fn definition(status: &str, shared: &str) -> Value {
        json!({"taskDefinition": {
            "family": "f", "status": status, "aFieldOfNextYear": 1,
            "containerDefinitions": [
                {"name": "iam", "secrets": [{"name": "DB", "valueFrom": secret(&format!("{shared}:password::"))}]},
                {"name": "log", "repositoryCredentials": {"credentialsParameter": secret("hub")}, "logConfiguration": {
                    "logDriver": "awsfirelens", "secretOptions": [{"name": "key", "valueFrom": secret("log")}],
                }},
            ],
        }})
    }

    /// `f:1` and `f:2` are fine, `f:3` was deregistered, `f:4` is gone, `f:5` names a secret that is gone and one
    /// that is hidden, `f:6` only one that is hidden, and `f:9` a parameter that is there and something odd.
    fn account(asked: &Asked) -> Reply {
        if asked.action() == "DescribeSecret" {
            let name = asked.json()["SecretId"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
            return match name.as_str() {
                "gone" => error(400, "ResourceNotFoundException", "no"),
                "hidden" => error(400, "AccessDeniedException", "no"),
                _ => (200, json!({"VersionIdsToStages": {"v": ["AWSCURRENT"]}}).to_string()),
            };
        }
        if asked.action() == "DescribeParameters" {
            return (200, json!({"Parameters": [{"Name": "/acme/db"}]}).to_string());
        }
        let arn = asked.json()["taskDefinition"].as_str().unwrap().to_owned();
        let answer = match arn.rsplit('/').next().unwrap() {
            "f:3" => definition("INACTIVE", "db"),
            "f:4" => return error(400, "ClientException", "Unable to describe task definition."),
            "f:5" => {
                let mut both = definition("ACTIVE", "gone");
                both["taskDefinition"]["containerDefinitions"][1]["secrets"] =
                    json!([{"name": "H", "valueFrom": secret("hidden")}]);
                both
            }
            "f:6" => definition("ACTIVE", "hidden"),
            "f:7" => definition("ASLEEP", "db"),
            "f:9" => {
                let secrets =
                    json!([{"name": "P", "valueFrom": "/acme/db"}, {"name": "O", "valueFrom": "arn:aws:s3:::b"}]);
                let containers = json!([{"name": "iam", "secrets": secrets}]);
                json!({"taskDefinition": {"status": "ACTIVE", "containerDefinitions": containers}})
            }
            "f:8" => return error(400, "AccessDeniedException", "no"),
            _ => definition("ACTIVE", "db"),
        };
        (200, answer.to_string())
    }

    async fn seen(aws: &Loopback, revisions: &[(&str, &str)]) -> Vec<Availability> {
        let asked: Vec<_> = revisions.iter().map(|(tenant, name)| (address(tenant), arn(name))).collect();
        let usable = EcsWayBack::new(aws.cells().await).usable(&asked).await;
        asked.iter().map(|(address, _)| usable[&address.service].clone()).collect()
    }

    #[tokio::test]
    async fn active_with_its_secrets_is_usable_and_each_secret_is_asked_for_once() {
        let aws = Loopback::serve(account).await;
        assert_eq!(seen(&aws, &[("acme", "f:1"), ("bolt", "f:2")]).await, [Availability::Yes, Availability::Yes]);
        let mut names: Vec<_> =
            aws.asked_for("DescribeSecret").iter().map(|asked| asked.json()["SecretId"].clone()).collect();
        names.sort_by_key(Value::to_string);
        assert_eq!(names, [secret("db"), secret("hub"), secret("log")].map(Value::from));
        assert_eq!(aws.asked().len(), 5, "nothing else is asked, no value least of all");
    }

    #[tokio::test]
    async fn what_is_gone_is_told() {
        let aws = Loopback::serve(account).await;
        let seen = seen(&aws, &[("acme", "f:3"), ("bolt", "f:4"), ("core", "f:5")]).await;
        let no = |why: &str| Availability::No { why: why.to_owned() };
        assert_eq!(seen[0], no("task definition f:3 is INACTIVE: it was deregistered and cannot run again"));
        assert_eq!(seen[1], no("ECS has no task definition f:4"));
        assert_eq!(seen[2], no("the secret gone does not exist any more"), "what is hidden matters no more");
    }

    #[tokio::test]
    async fn inv_09_what_cannot_be_seen_is_unknown_and_says_what_would_help() {
        let aws = Loopback::serve(account).await;
        let seen = seen(&aws, &[("acme", "f:6"), ("bolt", "f:7"), ("core", "f:8")]).await;
        let unknown = |why: &str| Availability::Unknown { why: why.to_owned() };
        let hidden =
            "the secret hidden may not be looked at: grant secretsmanager:DescribeSecret, which shows no value";
        assert_eq!(seen[0], unknown(hidden));
        assert_eq!(seen[1], unknown("ECS gives the status of task definition f:7 as ASLEEP"));
        assert_eq!(seen[2], unknown("task definition f:8 may not be looked at: grant ecs:DescribeTaskDefinition"));
    }

    #[tokio::test]
    async fn parameters_are_asked_for_too_and_an_odd_name_is_unknown() {
        let aws = Loopback::serve(account).await;
        let seen = seen(&aws, &[("acme", "f:9")]).await;
        assert_eq!(
            seen[0],
            Availability::Unknown { why: "`arn:aws:s3:::b` names neither a secret nor a parameter".to_owned() }
        );
        assert_eq!(aws.asked_for("DescribeParameters").len(), 1);
    }

    #[tokio::test]
    async fn a_service_with_two_revisions_is_as_usable_as_the_worse() {
        let aws = Loopback::serve(account).await;
        let seen = seen(&aws, &[("acme", "f:3"), ("acme", "f:1")]).await;
        assert!(matches!(seen[0], Availability::No { .. }));
    }
}
