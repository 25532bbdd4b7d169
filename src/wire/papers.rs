//! Copies of the repository's files, in memory: what a rehearsal and tests write instead of the files. What is written can
//! be merged, which exports it and has Terraform apply it to a simulated world.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::adapters::sim::Sim;
use crate::domain::fleet::Application;
use crate::domain::manifest::{Problems, Source, read};
use crate::domain::provisioning::export;
use crate::domain::reason::Reason;
use crate::ports::{Fault, InputsReader, ManifestWriter, PortError, PortResult};

/// fleet.yaml with what it includes, and Terraform's inputs.
pub(super) struct Papers {
    sources: Mutex<Vec<Source>>,
    inputs: Mutex<BTreeMap<String, Vec<u8>>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Papers {
    /// These, never exported yet.
    pub(super) fn new(sources: Vec<Source>) -> Self {
        Self { sources: Mutex::new(sources), inputs: Mutex::default() }
    }

    pub(super) fn sources(&self) -> Vec<Source> {
        held(&self.sources).clone()
    }

    /// What fleet.yaml means as it is.
    pub(super) fn application(&self) -> Result<Application, Problems> {
        read(&held(&self.sources))
    }

    /// What is written is merged, exported and applied by Terraform.
    pub(super) fn merge(&self, application: &Application, sim: &Sim) -> Result<(), Vec<Reason>> {
        let mut inputs = held(&self.inputs);
        let exported = export(application, &inputs)?;
        *inputs = exported.into_iter().map(|(folder, inputs)| (folder, inputs.bytes())).collect();
        sim.take_in(application);
        Ok(())
    }
}

#[async_trait]
impl ManifestWriter for Papers {
    async fn replace(&self, name: &str, was: &[u8], bytes: &[u8]) -> PortResult<()> {
        let mut sources = held(&self.sources);
        let another = || PortError::new(Fault::Conflict, name, "it is not there, or not as it was read");
        let there = sources.iter_mut().find(|source| source.name == name && source.bytes == was);
        bytes.clone_into(&mut there.ok_or_else(another)?.bytes);
        Ok(())
    }
}

#[async_trait]
impl InputsReader for Papers {
    async fn committed(&self) -> PortResult<BTreeMap<String, Vec<u8>>> {
        Ok(held(&self.inputs).clone())
    }
}
