//! How the false stops that a rollout may make are shared among its tests.
//!
//! Splitting the chance evenly over all tests and adding it up again is Bonferroni's inequality: whatever the tests
//! have to do with each other, together they are wrong no more often than the sum says. Pooled tests see a defect
//! that all tenants share first and are few, so half of the budget is theirs.

/// Healthy rollouts that may be stopped all the same, as a part of 1.
pub const FALSE_STOPS_PER_ROLLOUT: f64 = 0.02;

/// The chance of a false stop that each test has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Of a test of one service of one tenant.
    pub single: f64,
    /// Of a test of one service of all tenants of a wave.
    pub pooled: f64,
}

impl Shares {
    /// The shares in a rollout of so many single and pooled tests. None there is, none needs one.
    pub fn of(single: usize, pooled: usize) -> Self {
        let half = FALSE_STOPS_PER_ROLLOUT / 2.0;
        let each = |tests: usize| half / f64::from(u32::try_from(tests.max(1)).unwrap_or(u32::MAX));
        Self { single: each(single), pooled: each(pooled) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tests_together_spend_the_budget_and_no_more() {
        for (single, pooled) in [(1, 1), (4, 4), (4_000, 36), (40_000, 9)] {
            let shares = Shares::of(single, pooled);
            let sum = shares.single * f64::from(u32::try_from(single).unwrap())
                + shares.pooled * f64::from(u32::try_from(pooled).unwrap());
            assert!((sum - FALSE_STOPS_PER_ROLLOUT).abs() < 1e-12, "{sum}");
        }
        assert!(Shares::of(0, 0).single <= FALSE_STOPS_PER_ROLLOUT);
    }
}
