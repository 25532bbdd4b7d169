//! Time that jumps: a wait is over at once, and the clock shows that it is.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::Sim;
use crate::ports::{Clock, StopSignal};

#[async_trait]
impl Clock for Sim {
    fn now(&self) -> Timestamp {
        self.world().now
    }

    async fn sleep(&self, time: SignedDuration) {
        // What runs beside whoever waits gets its turn, as it would outside.
        tokio::task::yield_now().await;
        self.world().advance(time);
    }
}

/// Nobody asks a simulated world to stop.
#[async_trait]
impl StopSignal for Sim {
    fn raised(&self) -> bool {
        false
    }

    async fn wait(&self) {
        std::future::pending::<()>().await;
    }
}
