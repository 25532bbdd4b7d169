//! The services of a fleet on ECS, behind the ports that read and change them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::cells::Cells;
use super::history::History;
use super::register::Registrar;
use super::task_definitions::TaskDefinitions;
use super::{explain, family, observe, stop, task, update};
use crate::domain::fleet::Address;
use crate::domain::ids::{CellName, DeploymentId, ServiceKey, TaskArn, TaskDefinitionArn};
use crate::domain::snapshot::{DeploymentSeen, FamilySeen, ServiceSeen, TaskSeen};
use crate::domain::template::{Rendered, Revision};
use crate::ports::{FleetReader, FleetWriter, OpenRollout, PortResult, TaskReader, TaskRun, TaskWriter};

/// ECS in all cells. Clones share what was read.
#[derive(Clone, Debug)]
pub struct EcsFleet {
    cells: Arc<Cells>,
    definitions: Arc<TaskDefinitions>,
    registrar: Arc<Registrar>,
    history: Arc<History>,
}

impl EcsFleet {
    /// The services in these cells.
    pub fn new(cells: Arc<Cells>) -> Self {
        let definitions = Arc::new(TaskDefinitions::new(Arc::clone(&cells)));
        let registrar = Arc::new(Registrar::new(Arc::clone(&cells), Arc::clone(&definitions)));
        let history = Arc::new(History::new(Arc::clone(&cells)));
        Self { cells, definitions, registrar, history }
    }
}

#[async_trait]
impl FleetReader for EcsFleet {
    async fn observe(&self, services: &[Address]) -> BTreeMap<ServiceKey, ServiceSeen> {
        observe::observe(&self.cells, (&self.definitions, &self.history), services).await
    }

    async fn history(&self, deployments: &[(Address, DeploymentId)]) -> BTreeMap<ServiceKey, DeploymentSeen> {
        self.history.read(deployments).await
    }

    async fn task_definition(&self, cell: &CellName, arn: &TaskDefinitionArn) -> PortResult<Arc<Revision>> {
        self.definitions.read(cell, arn).await
    }

    async fn stops(&self, services: &[Address]) -> BTreeMap<ServiceKey, Vec<String>> {
        explain::stops(&self.cells, services).await
    }

    async fn last_lines(&self, service: &Address) -> PortResult<Vec<String>> {
        explain::log_lines(&self.cells, &self.definitions, service).await
    }
}

#[async_trait]
impl FleetWriter for EcsFleet {
    async fn register(
        &self,
        _proof: &OpenRollout,
        service: &Address,
        rendered: &Rendered,
    ) -> PortResult<TaskDefinitionArn> {
        self.registrar.register(service, rendered).await
    }

    async fn update(
        &self,
        _proof: &OpenRollout,
        service: &Address,
        target: &TaskDefinitionArn,
        tasks: Option<u32>,
    ) -> PortResult<DeploymentId> {
        update::update(self.cells.clients(&service.cell).await?, service, target, tasks).await
    }

    async fn stop(&self, _proof: &OpenRollout, service: &Address, deployment: &DeploymentId) -> PortResult<()> {
        stop::stop(&self.cells, service, deployment, stop::FIRST_WAIT).await
    }
}

#[async_trait]
impl TaskReader for EcsFleet {
    async fn families(&self, tasks: &[Address]) -> BTreeMap<ServiceKey, FamilySeen> {
        family::families(&self.registrar, &self.definitions, tasks).await
    }

    async fn tasks(&self, runs: &[TaskRun]) -> BTreeMap<ServiceKey, TaskSeen> {
        task::look(&self.cells, runs).await
    }

    async fn last_lines(&self, run: &TaskRun) -> PortResult<Vec<String>> {
        task::lines(&self.cells, &self.definitions, run).await
    }
}

#[async_trait]
impl TaskWriter for EcsFleet {
    async fn run(
        &self,
        _proof: &OpenRollout,
        run: &TaskRun,
        definition: &TaskDefinitionArn,
        beside: &Address,
    ) -> PortResult<TaskArn> {
        task::run(&self.cells, run, definition, beside).await
    }
}
