//! Chance that can be had again: the same seed, the same luck. SplitMix64, which needs no crate.

/// The seed of a run: what the environment says, or always the same.
pub(crate) fn seed() -> u64 {
    std::env::var("TIDEGATE_E2E_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_124)
}

/// Numbers by chance.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The luck of one name: what others draw does not change it.
    pub(crate) fn of(seed: u64, name: &str) -> Self {
        let mix = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, mix))
    }

    /// The next number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
