//! Time that jumps: a wait is over at once, and the clock shows that it is.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::Sim;
use crate::ports::Clock;

#[async_trait]
impl Clock for Sim {
    fn now(&self) -> Timestamp {
        self.world().now
    }

    async fn sleep(&self, time: SignedDuration) {
        let mut world = self.world();
        world.now = world.now.saturating_add(time).unwrap_or(Timestamp::MAX);
    }
}
