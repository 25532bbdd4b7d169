//! Faults by chance: a share of all requests goes wrong, and the same requests do for the same seed. Where a test of
//! one fault asks "what happens then", a story under weather asks whether it holds at all.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::faults::FaultKind;
use super::wire::call::Call;

/// Lists lag by seconds: a deployment that is older than this is in them.
const LAG_SECONDS: i64 = 4;

/// How much goes wrong, and what has.
pub(crate) struct Weather {
    percent: u64,
    /// The state of a SplitMix64.
    state: u64,
    counts: BTreeMap<&'static str, usize>,
}

impl Weather {
    pub(crate) fn new(seed: u64, percent: u64) -> Self {
        Self { percent, state: seed, counts: BTreeMap::new() }
    }

    /// How many faults of which kind there were.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, usize> {
        self.counts.clone()
    }

    /// What happens to this call, if anything does. `newest` is when the newest deployment was made.
    pub(crate) fn strike(&mut self, call: &Call, newest: Option<Timestamp>) -> Option<FaultKind> {
        let (hit, which) = (self.next() % 100, self.next() % 4);
        if hit >= self.percent {
            return None;
        }
        let (name, kind) = match which {
            0 => ("5xx before the effect", FaultKind::Status(502)),
            1 => ("5xx after the effect", FaultKind::BadGatewayAfterEffect),
            2 => ("secondary limit", FaultKind::SecondaryLimit { retry_after: Some(1) }),
            _ => ("stale list", FaultKind::StaleList),
        };
        let lags = newest.is_some_and(|at| call.now.as_second() - at.as_second() <= LAG_SECONDS);
        let fits = match kind {
            FaultKind::StaleList => lags && kind.can_bend(call),
            // Identity tokens are not given by the API, and its limits do not hold for them.
            FaultKind::SecondaryLimit { .. } => !call.path.starts_with("/_oidc"),
            _ => true,
        };
        if !fits {
            return None;
        }
        *self.counts.entry(name).or_default() += 1;
        Some(kind)
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
