//! Carries a build order out: prepares, logs in, builds, pushes. What came out is not asked of the tool but read
//! back from the registry by the app: a tool's own idea of a digest is not what the registry stores.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::child::Child;
use super::command::{self, BadOrder};
use super::inside::{inside, real_root};
use super::once::Once;
use super::tool::{Programs, Tool, choose};
use super::{prepare, refused};
use crate::domain::fleet::Builder;
use crate::domain::ids::CommitSha;
use crate::ports::{BuildOrder, ImageBuilder, LineSink, PortError, PortResult, RegistryLogin};

/// A build, a push or a preparation that takes longer is stuck.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Builds with docker, buildx or buildah as a child process.
pub struct ToolBuilder {
    root: PathBuf,
    login: Arc<dyn RegistryLogin>,
    programs: Programs,
    revision: Option<CommitSha>,
    chosen: Once<Builder, Tool>,
    prepared: Once<Vec<String>, ()>,
    logged_in: Once<(PathBuf, String), ()>,
}

impl ToolBuilder {
    /// Builds from the repository at this folder. Registries are logged in to with what `login` gives for them.
    pub fn new(root: impl Into<PathBuf>, login: Arc<dyn RegistryLogin>, programs: Programs) -> Self {
        let (chosen, prepared, logged_in) = (Once::default(), Once::default(), Once::default());
        Self { root: root.into(), login, programs, revision: None, chosen, prepared, logged_in }
    }

    /// Labels images with the commit they are built from.
    #[must_use]
    pub fn of_commit(self, commit: CommitSha) -> Self {
        Self { revision: Some(commit), ..self }
    }

    async fn prepare(&self, root: &Path, words: &[String], lines: LineSink<'_>) -> PortResult<()> {
        if words.is_empty() {
            return Ok(());
        }
        let child = prepare::child(root, words, LONGEST)?;
        self.prepared.get(words.to_vec(), child.run(lines)).await
    }

    async fn log_in(&self, tool: Tool, host: &str, lines: LineSink<'_>) -> PortResult<()> {
        if command::is_loopback(host) {
            return Ok(());
        }
        let work = async {
            let Some(credentials) = self.login.login(host).await? else { return Ok(()) };
            let doing = format!("logging in to {host}");
            let arguments = command::login(host, &credentials.user).map_err(|why| refused(&doing, why))?;
            let child = self.child(tool, doing, arguments, self.root.clone());
            Child { input: Some(credentials.password), ..child }.run(lines).await
        };
        self.logged_in.get((tool.program(&self.programs).to_owned(), host.to_owned()), work).await
    }

    fn child(&self, tool: Tool, doing: String, arguments: Vec<String>, folder: PathBuf) -> Child {
        let program = tool.program(&self.programs).as_os_str().to_owned();
        Child { doing, program, arguments, folder, variables: tool.variables(), input: None, limit: LONGEST }
    }
}

#[async_trait]
impl ImageBuilder for ToolBuilder {
    async fn build(&self, order: &BuildOrder, lines: LineSink<'_>) -> PortResult<()> {
        let doing = format!("building the image of {}", order.service);
        let root = real_root(&self.root)?;
        inside(&root, &Path::new(&order.build.context).join(&order.build.dockerfile))?;
        let tool = self.chosen.get(order.builder, choose(order.builder, &self.programs)).await?;
        let as_error = |why: BadOrder| -> PortError { refused(&doing, why) };
        let commands = command::build_and_push(tool, order, self.revision.as_ref()).map_err(as_error)?;
        self.prepare(&root, &order.build.prepare, lines).await?;
        self.log_in(tool, command::registry_host(&order.repository), lines).await?;
        for arguments in commands {
            self.child(tool, doing.clone(), arguments, root.clone()).run(lines).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
