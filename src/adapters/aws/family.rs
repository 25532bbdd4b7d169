//! What one-shot tasks are made from: no service names their task definition, so the newest active revision of their
//! family counts, which is Terraform's, or one made from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::register::Registrar;
use super::task_definitions::TaskDefinitions;
use crate::domain::fleet::Address;
use crate::domain::ids::ServiceKey;
use crate::domain::snapshot::{FamilySeen, Runs};
use crate::domain::template::digest_in;
use crate::ports::PortResult;

/// The newest active revision of each family; every one has an entry.
pub(super) async fn families(
    registrar: &Arc<Registrar>,
    definitions: &Arc<TaskDefinitions>,
    tasks: &[Address],
) -> BTreeMap<ServiceKey, FamilySeen> {
    let mut reads = JoinSet::new();
    for address in tasks.iter().cloned() {
        let (registrar, definitions) = (Arc::clone(registrar), Arc::clone(definitions));
        reads.spawn(async move {
            let seen = newest(&registrar, &definitions, &address).await;
            (address.service, seen.unwrap_or_else(|error| FamilySeen::Unreachable { why: error.to_string() }))
        });
    }
    let mut families = BTreeMap::new();
    while let Some(read) = reads.join_next().await {
        families.extend(read);
    }
    for address in tasks {
        let lost = || FamilySeen::Unreachable { why: "reading it broke off".to_owned() };
        families.entry(address.service.clone()).or_insert_with(lost);
    }
    families
}

async fn newest(registrar: &Registrar, definitions: &TaskDefinitions, address: &Address) -> PortResult<FamilySeen> {
    let service = &address.service.service;
    let Some(arn) = registrar.newest(&address.cell, &address.ecs_service).await?.into_iter().next() else {
        return Ok(FamilySeen::Missing);
    };
    let revision = definitions.read(&address.cell, &arn).await?;
    Ok(match revision.hash(service) {
        Ok(hash) => {
            let digest = digest_in(&revision.definition, service);
            FamilySeen::Active(Runs { task_definition: arn, hash, digest })
        }
        Err(bad) => FamilySeen::Unreachable { why: bad.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Loopback, address};
    use serde_json::json;

    #[tokio::test]
    async fn the_newest_revision_of_exactly_that_family_counts() {
        let aws = Loopback::serve(|asked| match asked.action().as_str() {
            "ListTaskDefinitions" if asked.json()["familyPrefix"] == "app-prod-acme-iam" => {
                let arn =
                    |name: &str| format!("arn:aws:ecs:eu-west-1:111111111111:task-definition/app-prod-acme-iam{name}");
                (200, json!({"taskDefinitionArns": [arn("-2:9"), arn(":7"), arn(":6")]}).to_string())
            }
            "ListTaskDefinitions" => (200, json!({"taskDefinitionArns": []}).to_string()),
            _ => {
                let image = format!("r/iam@sha256:{}", "a".repeat(64));
                let definition = json!({"family": "f", "containerDefinitions": [{"name": "iam", "image": image}]});
                (200, json!({"taskDefinition": definition}).to_string())
            }
        })
        .await;
        let cells = aws.cells().await;
        let definitions = Arc::new(TaskDefinitions::new(Arc::clone(&cells)));
        let registrar = Arc::new(Registrar::new(cells, Arc::clone(&definitions)));
        let seen = families(&registrar, &definitions, &[address("acme"), address("bolt")]).await;
        let FamilySeen::Active(runs) = &seen[&address("acme").service] else { panic!("{seen:?}") };
        assert_eq!(runs.task_definition.family_and_revision(), "app-prod-acme-iam:7");
        assert_eq!(runs.digest.as_ref().unwrap().as_str(), format!("sha256:{}", "a".repeat(64)));
        assert_eq!(seen[&address("bolt").service], FamilySeen::Missing);
    }
}
