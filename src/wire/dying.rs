//! Processes that die or go deaf at a chosen place, for tests of what the next one makes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::app::App;
use crate::domain::directive::Decided;
use crate::domain::fleet::Address;
use crate::domain::ids::{FleetName, TaskArn, TaskDefinitionArn, Version};
use crate::domain::ledger::{Intent, RolloutRecord, WaveResult};
use crate::domain::plan::Plan;
use crate::domain::release::Release;
use crate::domain::rollout::Event;
use crate::ports::{Fault, LedgerWriter, OpenRollout, PortError, PortResult, TaskRun, TaskWriter};

/// A process that ends when it records its `write`th event: just before it, or just after.
pub(super) fn ends_at(app: &App, write: usize, written: bool) -> App {
    let mut dying = app.clone();
    let inner = Arc::clone(&app.writers.ledger);
    dying.writers.ledger = Arc::new(EndsAt { inner, left: AtomicUsize::new(write), written });
    dying
}

/// A process that hears nothing of so many starts of tasks, or whose starts do not even arrive.
pub(super) fn deaf(app: &App, times: usize, starts: bool) -> App {
    let mut deaf = app.clone();
    let inner = Arc::clone(&app.writers.tasks);
    deaf.writers.tasks = Arc::new(Deaf { inner, left: AtomicUsize::new(times), starts });
    deaf
}

/// A ledger whose process ends at one of its writes, just before or just after it.
struct EndsAt {
    inner: Arc<dyn LedgerWriter>,
    left: AtomicUsize,
    written: bool,
}

fn gone(doing: &str) -> PortError {
    PortError::new(Fault::Unavailable, doing, "the process was killed")
}

#[async_trait]
impl LedgerWriter for EndsAt {
    async fn publish(&self, release: &Release) -> PortResult<()> {
        self.inner.publish(release).await
    }

    async fn finalise(&self, release: &Release, version: &Version) -> PortResult<()> {
        self.inner.finalise(release, version).await
    }

    async fn open(&self, plan: &Plan, intent: &Intent) -> PortResult<RolloutRecord> {
        self.inner.open(plan, intent).await
    }

    async fn decide(&self, fleet: &FleetName, decided: &Decided) -> PortResult<()> {
        self.inner.decide(fleet, decided).await
    }

    async fn append(
        &self,
        proof: &OpenRollout,
        seq: u32,
        event: &Event,
        result: Option<&WaveResult>,
    ) -> PortResult<()> {
        let last = self.left.fetch_sub(1, Ordering::SeqCst) == 1;
        if !last || self.written {
            self.inner.append(proof, seq, event, result).await?;
        }
        if last { Err(gone("recording an event")) } else { Ok(()) }
    }
}

/// Whoever starts a task hears of so many starts nothing, or is told that there is no capacity.
struct Deaf {
    inner: Arc<dyn TaskWriter>,
    left: AtomicUsize,
    starts: bool,
}

#[async_trait]
impl TaskWriter for Deaf {
    async fn run(
        &self,
        proof: &OpenRollout,
        run: &TaskRun,
        definition: &TaskDefinitionArn,
        beside: &Address,
    ) -> PortResult<TaskArn> {
        let deaf = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if deaf && !self.starts {
            return Err(gone("starting a task"));
        }
        let started = self.inner.run(proof, run, definition, beside).await;
        if deaf { Err(gone("starting a task")) } else { started }
    }
}
