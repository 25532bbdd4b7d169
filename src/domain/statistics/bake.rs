//! How long a wave will be watched: as long as its traffic takes to show that it is well, between the least and the
//! longest time that its fleet allows.

use jiff::SignedDuration;

/// What is known of a watch before it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bake {
    /// The least time.
    pub least: SignedDuration,
    /// The longest.
    pub longest: SignedDuration,
    /// Time before requests count, and before a minute can be read.
    pub blind: SignedDuration,
}

/// The time a good wave takes at this many requests a minute, when it takes so many requests to be called good.
/// T = clamp(blind + requests / rate), as long as that is less than the longest time.
pub fn expected_bake(bake: Bake, requests_to_pass: f64, per_minute: f64) -> SignedDuration {
    let minutes = (requests_to_pass / per_minute).ceil();
    let time = if minutes.is_finite() && minutes < 60.0 * 24.0 * 365.0 {
        let seconds = SignedDuration::try_from_secs_f64(minutes * 60.0).unwrap_or(bake.longest);
        bake.blind.saturating_add(seconds)
    } else {
        bake.longest
    };
    time.max(bake.least).min(bake.longest.max(bake.least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_decides_between_the_least_and_the_longest_time() {
        let mins = SignedDuration::from_mins;
        let bake = Bake { least: mins(15), longest: mins(360), blind: mins(5) };
        let at = |rate: f64| expected_bake(bake, 443.0, rate);
        assert_eq!(at(1_000.0), mins(15));
        assert_eq!(at(10.0), mins(50));
        assert_eq!(at(1.0), mins(360));
        assert_eq!(at(0.0), mins(360));
        let short = Bake { longest: mins(5), ..bake };
        assert_eq!(expected_bake(short, 443.0, 0.0), mins(15), "the least time is kept whatever the longest says");
    }
}
