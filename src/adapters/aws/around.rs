//! What of AWS must be there before a release: the clusters of the cells, and the repositories that builds push to.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::budget::Group;
use super::cells::{Cells, doing};
use super::failure::failure;
use crate::domain::ids::CellName;
use crate::ports::{AccountsReader, PortResult};

/// The accounts of all cells, and the one whose registry holds the images.
#[derive(Clone, Debug)]
pub struct Accounts {
    cells: Arc<Cells>,
    images: CellName,
}

impl Accounts {
    /// The accounts of these cells; images are in the registry of `images`.
    pub fn new(cells: Arc<Cells>, images: CellName) -> Self {
        Self { cells, images }
    }
}

#[async_trait]
impl AccountsReader for Accounts {
    async fn clusters(&self, cell: &CellName) -> PortResult<Vec<String>> {
        let names = self.cells.cell(cell)?.clusters.clone();
        let clients = self.cells.clients(cell).await?;
        clients.pace(Group::ClusterRead).await;
        // One call takes 100 (API Reference), and no cell has as many.
        let answer = clients.ecs.describe_clusters().set_clusters(Some(names)).send().await;
        let answer = answer.map_err(|error| failure(doing("reading the clusters", cell), &error))?;
        let active = answer.clusters().iter().filter(|cluster| cluster.status() == Some("ACTIVE"));
        Ok(active.filter_map(|cluster| cluster.cluster_arn()).map(str::to_owned).collect())
    }

    async fn repositories(&self, names: &BTreeSet<String>) -> PortResult<BTreeSet<String>> {
        let clients = self.cells.clients(&self.images).await?;
        let mut there = BTreeSet::new();
        for name in names {
            clients.pace(Group::RegistryRead).await;
            // Of several names one that is not there fails the whole call, so each is asked for by itself.
            match clients.ecr.describe_repositories().repository_names(name).send().await {
                Ok(_) => drop(there.insert(name.clone())),
                Err(error) if error.as_service_error().is_some_and(|e| e.is_repository_not_found_exception()) => {}
                Err(error) => {
                    return Err(failure(doing(format!("looking for repository {name}"), &self.images), &error));
                }
            }
        }
        Ok(there)
    }
}
