//! SIGINT and SIGTERM, which is how a cancelled workflow run tells its step to end: the first at once, the second
//! 7.5 s later, and after 2.5 s more the process is killed (actions/runner, `ProcessInvoker.cs`).

use async_trait::async_trait;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::ports::StopSignal;

/// Whether the process was asked to stop.
#[derive(Clone, Debug)]
pub struct Signals {
    raised: watch::Receiver<bool>,
}

impl Signals {
    /// Listens from now on; the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// The operating system does not let us.
    pub fn listen() -> std::io::Result<Self> {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (raise, raised) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            raise.send_replace(true);
            // The sender stays, so that whoever waits later is told too.
            std::future::pending::<()>().await;
        });
        Ok(Self { raised })
    }
}

/// For a process that only looks: a signal may end it as signals do.
#[derive(Clone, Copy, Debug)]
pub struct NoSignals;

#[async_trait]
impl StopSignal for NoSignals {
    fn raised(&self) -> bool {
        false
    }

    async fn wait(&self) {
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl StopSignal for Signals {
    fn raised(&self) -> bool {
        *self.raised.borrow()
    }

    async fn wait(&self) {
        let mut raised = self.raised.clone();
        if raised.wait_for(|raised| *raised).await.is_err() {
            // Nobody can raise it any more.
            std::future::pending::<()>().await;
        }
    }
}
