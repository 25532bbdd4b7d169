//! What of the repository itself releases depend on: its environments, their reviewers, and its labels.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::Deserialize;

use super::client::GitHub;
use crate::domain::doctor::RepositorySeen;
use crate::ports::{PortResult, RepositoryReader};

#[derive(Deserialize)]
struct Repository {
    id: u64,
    owner: Owner,
    full_name: String,
    default_branch: String,
}

#[derive(Deserialize)]
struct Owner {
    id: u64,
}

#[derive(Deserialize)]
struct Environments {
    #[serde(default)]
    environments: Vec<Environment>,
}

#[derive(Deserialize)]
struct Environment {
    name: String,
    #[serde(default)]
    protection_rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    reviewers: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

impl Environment {
    fn has_reviewers(&self) -> bool {
        self.protection_rules.iter().any(|rule| rule.kind == "required_reviewers" && !rule.reviewers.is_empty())
    }
}

#[async_trait]
impl RepositoryReader for GitHub {
    async fn repository(&self) -> PortResult<RepositorySeen> {
        let request = self.get("reading the repository", "");
        let repository: Repository = self.insist(&request).await.map_err(|failure| failure.error)?.json()?;
        let request = self.get("reading the environments", "/environments?per_page=100");
        let environments: Environments = self.insist(&request).await.map_err(|failure| failure.error)?.json()?;
        let labels: Vec<Label> = self.list("reading the labels", "/labels?").await?;
        let named = |environment: Environment| (environment.name.clone(), environment.has_reviewers());
        Ok(RepositorySeen {
            name: repository.full_name,
            id: repository.id,
            owner_id: repository.owner.id,
            default_branch: repository.default_branch,
            environments: environments.environments.into_iter().map(named).collect::<BTreeMap<_, _>>(),
            labels: labels.into_iter().map(|label| label.name).collect::<BTreeSet<_>>(),
        })
    }
}
