//! The built `tidegate`, run the way a CI job runs it: as a child process, in a folder, with no
//! more environment than it was given.
//!
//! The environment is scrubbed because the tests themselves may run in CI: a stray `GITHUB_*` or
//! `AWS_*` variable would make them pass or fail for a reason nobody wrote down.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::layout::{DEV, REGION};
use super::problem::{Problem, Result, Trying};

/// Longer than any scenario needs: a hang becomes a failure that says which command hung.
const RUN_TIME_MAX: Duration = Duration::from_secs(300);

/// What the child keeps of our own environment.
const KEPT: [&str; 4] = ["PATH", "HOME", "TMPDIR", "DOCKER_HOST"];

/// How to start the binary.
#[derive(Clone, Debug)]
pub(crate) struct Tidegate {
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

/// How a process is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Int,
    Term,
}

/// A command that runs; dropping it kills it.
pub(crate) struct Running {
    child: Child,
    began: Instant,
}

impl Tidegate {
    /// In `folder`, with the credentials a runner would have got from its identity provider.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let mut environment = Vec::new();
        for name in KEPT {
            if let Ok(value) = std::env::var(name) {
                environment.push((name.to_owned(), value));
            }
        }
        Self { folder: folder.to_owned(), environment }
            .with("AWS_ACCESS_KEY_ID", DEV.account)
            .with("AWS_SECRET_ACCESS_KEY", "no-secret")
            .with("AWS_REGION", REGION)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<Finished> {
        self.start(arguments)?.finish().await
    }

    /// Starts a command, to be killed or awaited.
    pub(crate) fn start(&self, arguments: &[&str]) -> Result<Running> {
        let child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .trying(format!("tidegate {}", arguments.join(" ")))?;
        Ok(Running { child, began: Instant::now() })
    }
}

impl Running {
    /// SIGKILL: what a cancelled runner or a lost machine does. Returns what was printed so far.
    pub(crate) async fn kill(mut self) -> Result<Finished> {
        self.child.start_kill().trying("kill tidegate")?;
        self.finish().await
    }

    /// By the `kill` program: the standard library can only send SIGKILL.
    pub(crate) async fn signal(&self, signal: Signal) -> Result<()> {
        let process = self.child.id().trying("the process to signal")?.to_string();
        let name = if signal == Signal::Int { "-INT" } else { "-TERM" };
        let sent = Command::new("kill").args([name, &process]).status().await.trying("kill")?;
        if sent.success() { Ok(()) } else { Err(Problem::new(format!("kill {name} {process}: {sent}"))) }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) async fn finish(self) -> Result<Finished> {
        let output = tokio::time::timeout(RUN_TIME_MAX, self.child.wait_with_output());
        let output = output.await.trying("wait for tidegate")?.trying("wait for tidegate")?;
        Ok(Finished {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: self.began.elapsed(),
        })
    }
}
