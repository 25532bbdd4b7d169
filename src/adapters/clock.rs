//! The wall clock, asked once. After that only the monotonic clock counts, so that a step of the machine's time
//! (NTP, a migrated runner) can neither shorten a bake nor make one event older than the one before it.

use std::time::Instant;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::ports::Clock;

/// Time as it passes outside.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    started: Timestamp,
    since: Instant,
}

impl WallClock {
    /// A clock that agrees with the machine's at this moment.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for the time")]
    pub fn start() -> Self {
        Self { started: Timestamp::now(), since: Instant::now() }
    }

    /// What the clock shows when this much has passed since its start; it stands still at the end of time.
    fn after(&self, elapsed: std::time::Duration) -> Timestamp {
        SignedDuration::try_from(elapsed)
            .ok()
            .and_then(|elapsed| self.started.checked_add(elapsed).ok())
            .unwrap_or(Timestamp::MAX)
    }
}

#[async_trait]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        self.after(self.since.elapsed())
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that waits")]
    async fn sleep(&self, time: SignedDuration) {
        // A moment that has passed needs no waiting.
        if let Ok(time) = std::time::Duration::try_from(time) {
            tokio::time::sleep(time).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn inv_25_only_elapsed_time_moves_the_clock() {
        let clock = WallClock { started: "2026-03-29T00:59:59Z".parse().unwrap(), since: WallClock::start().since };
        assert_eq!(clock.after(Duration::from_secs(2)).to_string(), "2026-03-29T01:00:01Z");
        assert_eq!(clock.after(Duration::MAX), Timestamp::MAX);
    }

    #[tokio::test]
    async fn it_never_goes_back_and_a_sleep_is_seen() {
        let clock = WallClock::start();
        let before = clock.now();
        clock.sleep(SignedDuration::from_millis(20)).await;
        assert!(clock.now().duration_since(before) >= SignedDuration::from_millis(20));
        clock.sleep(SignedDuration::from_hours(-1)).await;
    }
}
