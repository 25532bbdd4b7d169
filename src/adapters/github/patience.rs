//! How long to go on after failures: waits as GitHub says, else longer each time, and not for ever.
//!
//! It never repeats anything itself. A read is simply made again; before a write is made again, its caller looks
//! whether the first one happened after all.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::failure::{Failure, Outlook};
use crate::ports::{Clock, PortResult};

/// Attempts after the first.
const REPEATS: u32 = 4;

/// The first pause; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Counts the failures of one operation.
pub(super) struct Patience {
    clock: Arc<dyn Clock>,
    failures: u32,
}

/// What is known of an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It had no effect.
    None,
    /// It may have had its effect: look before it is made again.
    Effect,
}

impl Patience {
    /// The patience of an operation that has not failed yet.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, failures: 0 }
    }

    /// Waits until the next attempt may be made.
    ///
    /// # Errors
    /// The failure itself, if another attempt would not help or there were enough.
    pub(super) async fn after(&mut self, failure: Failure) -> PortResult<Doubt> {
        let (pause, doubt) = match failure.outlook {
            Outlook::Same => return Err(failure.error),
            Outlook::After(wait) => (wait + spread(FIRST_PAUSE), Doubt::None),
            Outlook::Unknown => (self.growing(), Doubt::Effect),
        };
        self.failures += 1;
        if self.failures > REPEATS {
            return Err(failure.error);
        }
        self.wait(pause).await;
        Ok(doubt)
    }

    /// Waits because somebody else was quicker. False if that happened too often.
    pub(super) async fn after_losing(&mut self) -> bool {
        self.failures += 1;
        if self.failures > REPEATS {
            return false;
        }
        self.wait(spread(self.growing())).await;
        true
    }

    /// Waits for lists to catch up with what was written.
    pub(super) async fn let_lists_catch_up(&self) {
        self.wait(FIRST_PAUSE * 4).await;
    }

    async fn wait(&self, time: Duration) {
        self.clock.sleep(SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)).await;
    }

    fn growing(&self) -> Duration {
        let longest = FIRST_PAUSE * 2u32.pow(self.failures.min(5));
        longest / 2 + spread(longest / 2)
    }
}

/// A part of this time by chance, so that two runners do not come back at the same moment.
fn spread(longest: Duration) -> Duration {
    // Every RandomState has keys of its own: the standard library's one source of chance.
    let chance = RandomState::new().hash_one(0) % 1_000;
    longest * u32::try_from(chance).unwrap_or(0) / 1_000
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use jiff::Timestamp;

    use super::*;

    /// Time in which nothing happens.
    pub(in crate::adapters::github) struct NoClock;

    #[async_trait]
    impl Clock for NoClock {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        async fn sleep(&self, _: SignedDuration) {}
    }

    /// Notes what it is asked to wait.
    #[derive(Default)]
    struct Waits(Mutex<Vec<SignedDuration>>);

    #[async_trait]
    impl Clock for Waits {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        async fn sleep(&self, time: SignedDuration) {
            self.0.lock().unwrap().push(time);
        }
    }

    #[test]
    fn pauses_grow_and_are_spread() {
        let pause = |failures| Patience { failures, ..Patience::new(Arc::new(NoClock)) }.growing();
        for _ in 0..50 {
            assert!((FIRST_PAUSE / 2..=FIRST_PAUSE).contains(&pause(0)));
            assert!((FIRST_PAUSE * 16..=FIRST_PAUSE * 32).contains(&pause(9)));
        }
    }

    #[tokio::test]
    async fn patience_ends() {
        let waits = Arc::new(Waits::default());
        let mut patience = Patience::new(Arc::clone(&waits) as _);
        for _ in 0..REPEATS {
            assert_eq!(patience.after(Failure::unanswered("asking", "reset")).await, Ok(Doubt::Effect));
        }
        assert!(patience.after(Failure::unanswered("asking", "reset")).await.is_err());
        assert_eq!(waits.0.lock().unwrap().len(), REPEATS as usize, "nobody waits before giving up");
        let refused = Failure::refused("asking", "no");
        assert!(Patience::new(Arc::new(NoClock)).after(refused).await.is_err());
    }
}
