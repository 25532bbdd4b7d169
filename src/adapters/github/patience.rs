//! How long to go on after failures: waits as GitHub says, else longer each time, and not for ever.
//!
//! It never repeats anything itself. A read is simply made again; before a write is made again, its caller looks
//! whether the first one happened after all.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::failure::{Failure, Outlook};
use crate::ports::PortResult;

/// Attempts after the first.
const REPEATS: u32 = 4;

/// The first pause; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Counts the failures of one operation.
#[derive(Debug, Default)]
pub(super) struct Patience {
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
        wait(pause).await;
        Ok(doubt)
    }

    /// Waits because somebody else was quicker. False if that happened too often.
    pub(super) async fn after_losing(&mut self) -> bool {
        self.failures += 1;
        if self.failures > REPEATS {
            return false;
        }
        wait(spread(self.growing())).await;
        true
    }

    /// Waits for lists to catch up with what was written.
    pub(super) async fn let_lists_catch_up() {
        wait(FIRST_PAUSE * 4).await;
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

#[expect(clippy::disallowed_methods, reason = "GitHub's limits count in its time, which no simulator can pass")]
async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_spread() {
        let pause = |failures| Patience { failures }.growing();
        for _ in 0..50 {
            assert!((FIRST_PAUSE / 2..=FIRST_PAUSE).contains(&pause(0)));
            assert!((FIRST_PAUSE * 16..=FIRST_PAUSE * 32).contains(&pause(9)));
        }
    }

    #[tokio::test]
    async fn patience_ends() {
        let mut patience = Patience { failures: REPEATS };
        assert!(patience.after(Failure::unanswered("asking", "reset")).await.is_err());
        assert!(Patience::default().after(Failure::refused("asking", "no")).await.is_err());
    }
}
