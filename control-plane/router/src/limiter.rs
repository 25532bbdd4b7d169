//! How often one client may ask for what is not there. The generic cell rate algorithm (ITU-T I.371) in a table of fixed
//! size: whoever sends from many addresses fills no memory, and two clients that share a place only share its rate.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

const PLACES: usize = 1 << 16;

/// Tries to note a request against others that do the same at that moment.
const TRIES: usize = 8;

/// The rates of all clients.
#[derive(Debug)]
pub struct Limiter {
    places: Box<[AtomicU64]>,
    hasher: RandomState,
    every: u64,
    burst: u64,
}

impl Limiter {
    /// One request every so many milliseconds, and this many at once.
    pub fn new(every: u64, burst: u64) -> Self {
        let places = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self { places, hasher: RandomState::new(), every, burst }
    }

    /// Whether a client may ask once more at this time, in milliseconds from any beginning. An IPv6 client is its network
    /// of 64 bits: it has all addresses in there.
    pub fn allows(&self, client: IpAddr, now: u64) -> bool {
        let key = match client {
            IpAddr::V4(address) => u128::from(u32::from(address)),
            IpAddr::V6(address) => (u128::from(address) >> 64) | (1 << 127),
        };
        let place = usize::try_from(self.hasher.hash_one(key) % PLACES as u64).unwrap_or_default();
        let Some(place) = self.places.get(place) else { return false };
        for _ in 0..TRIES {
            let due = place.load(Ordering::Relaxed);
            let next = due.max(now) + self.every;
            if next - now > self.burst * self.every {
                return false;
            }
            if place.compare_exchange_weak(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_rate_and_everybody_for_themselves() {
        let limiter = Limiter::new(1_000, 3);
        let (one, other): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let at = |client, now| limiter.allows(client, now);
        assert_eq!([at(one, 0), at(one, 0), at(one, 0), at(one, 0), at(one, 999)], [true, true, true, false, false]);
        assert!(at(one, 1_000) && !at(one, 1_000) && at(other, 1_000));
        assert!(at("2001:db8::2".parse().unwrap(), 1_000) && at("2001:db8::3".parse().unwrap(), 1_000));
        assert!(!at("2001:db8::4".parse().unwrap(), 1_000), "the same network");
    }
}
