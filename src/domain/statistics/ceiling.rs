//! k of n: of n minutes in a row, k over a ceiling. It claims no probability; it is what an on-call engineer means
//! by "it stays slow" (the "M out of N" of CloudWatch alarms).

/// The most values over the ceiling among any `of` in a row; none before there are so many. Looking at all of them and
/// not at the last ones alone makes the answer the same for a process that was away meanwhile.
pub fn stayed_over(values: &[u32], ceiling: u32, of: usize) -> Option<usize> {
    values.windows(of.max(1)).map(|row| row.iter().filter(|value| **value > ceiling).count()).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_row_of_minutes_counts_and_only_a_whole_one() {
        assert_eq!(stayed_over(&[900, 900, 100, 900, 100], 800, 5), Some(3));
        assert_eq!(stayed_over(&[900, 900, 100, 100, 100], 800, 3), Some(2), "what was so is not forgotten");
        assert_eq!(stayed_over(&[900, 900], 800, 3), None);
        assert_eq!(stayed_over(&[800], 800, 1), Some(0), "the ceiling itself is borne");
        assert_eq!(stayed_over(&[], 800, 0), None);
    }
}
