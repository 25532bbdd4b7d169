//! Numbers by chance, from a seed: the same table on every machine.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    pub(crate) fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Errors among so many requests. With `noise` k the variance is k times that of a binomial of a small rate: errors
    /// then come k at a time.
    pub(crate) fn errors(&mut self, requests: u64, rate: f64, noise: f64) -> u64 {
        let clumps = self.binomial(requests, rate / noise);
        ((clumps as f64 * noise).round() as u64).min(requests)
    }

    /// By the gaps between successes, which are geometric: as many draws as there are successes.
    fn binomial(&mut self, trials: u64, rate: f64) -> u64 {
        let log = (1.0 - rate).ln();
        let (mut at, mut successes) = (0.0, 0);
        for _ in 0..=trials {
            at += 1.0 + ((1.0 - self.part()).ln() / log).floor();
            if at > trials as f64 {
                break;
            }
            successes += 1;
        }
        successes
    }
}
