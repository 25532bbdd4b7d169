//! Difference-in-differences by rank: how far updated tenants have changed against how far tenants changed that were
//! not updated, over the same time.
//!
//! Tenants differ by more than releases do, so their levels say nothing; the change of each against itself does, and
//! a common change of the world cancels out (B. D. Meyer, "Natural and quasi-experiments in economics", 1995). The
//! chance of a rank sum needs no shape of distribution (F. Wilcoxon, 1945; H. B. Mann and D. R. Whitney, "On a test of
//! whether one of two random variables is stochastically larger", 1947). The unit is the tenant, once: its minutes are
//! no sample. With one updated tenant and m others no chance is smaller than 1/(m + 1).

/// Up to this many pairs the chance is counted exactly; above, the normal approximation is off by less than 1e-3.
const EXACT_PAIRS: usize = 2_000;

/// The log of how much larger a value is after than before; none where there is no ratio.
pub fn change(before: u32, after: u32) -> Option<f64> {
    (before > 0 && after > 0).then(|| (f64::from(after) / f64::from(before)).ln())
}

/// The chance that the updated would stand as high above the others or higher, had the update done nothing. Larger
/// values are worse. None without somebody on each side.
pub fn chance_of_rank(updated: &[f64], others: &[f64]) -> Option<f64> {
    let pairs = updated.len() * others.len();
    if pairs == 0 || updated.iter().chain(others).any(|value| value.is_nan()) {
        return None;
    }
    // A tie counts against the update by a half, rounded down: when in doubt it has done nothing.
    let twice: usize = updated.iter().flat_map(|u| others.iter().map(move |o| wins(*u, *o))).sum();
    let wins = twice / 2;
    Some(if pairs <= EXACT_PAIRS {
        exact_tail(updated.len(), others.len(), wins)
    } else {
        normal_tail(updated.len(), others.len(), wins)
    })
}

/// The smallest chance that so many can show.
pub fn smallest_chance(updated: usize, others: usize) -> f64 {
    let choose = |small: usize, all: usize| (0..small).map(|k| number(all - k) / number(k + 1)).product::<f64>();
    1.0 / choose(updated.min(others), updated + others)
}

fn wins(updated: f64, other: f64) -> usize {
    match updated.total_cmp(&other) {
        std::cmp::Ordering::Greater => 2,
        std::cmp::Ordering::Equal => 1,
        std::cmp::Ordering::Less => 0,
    }
}

/// Mann and Whitney's recursion for the number of orders with so many wins, as chances so that nothing overflows:
/// the largest of all is an updated one with chance n/(n+m) and then wins against all m others.
fn exact_tail(updated: usize, others: usize, wins: usize) -> f64 {
    let pairs = updated * others;
    // rows[m][w]: chance of w wins for the present number of updated and m others.
    let mut rows = vec![vec![0.0; pairs + 1]; others + 1];
    rows.iter_mut().for_each(|row| row[0] = 1.0);
    for n in 1..=updated {
        let mut next = vec![vec![0.0; pairs + 1]; others + 1];
        next[0][0] = 1.0;
        for m in 1..=others {
            let (top, rest) = (number(n) / number(n + m), number(m) / number(n + m));
            for w in 0..=n * m {
                let won = if w >= m { rows[m][w - m] } else { 0.0 };
                next[m][w] = top * won + rest * next[m - 1][w];
            }
        }
        rows = next;
    }
    rows[others][wins..].iter().sum()
}

/// With the continuity correction.
fn normal_tail(updated: usize, others: usize, wins: usize) -> f64 {
    let (n, m) = (number(updated), number(others));
    let z = (number(wins) - 0.5 - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt();
    upper_normal(z)
}

/// Upper tail of the normal distribution (Abramowitz and Stegun, "Handbook of mathematical functions", 26.2.17; error
/// below 7.5e-8).
fn upper_normal(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let poly = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530]
        .iter()
        .fold(0.0, |sum, coefficient| (sum + coefficient) * t);
    let tail = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * poly;
    if z < 0.0 { 1.0 - tail } else { tail }
}

/// Tenants are counted in thousands.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(from: u32, factor: f64) -> Vec<f64> {
        (0..20).map(|n| change(from + n, (f64::from(from + n) * factor).round() as u32).unwrap()).collect()
    }

    #[test]
    fn a_change_that_all_have_is_no_change() {
        let others = changes(1_000, 1.35);
        assert!(chance_of_rank(&[0.29], &others).unwrap() > 0.5);
        let doubled = chance_of_rank(&[2f64.ln()], &others).unwrap();
        assert!((doubled - 1.0 / 21.0).abs() < 1e-12, "{doubled}");
    }

    /// Small cases by hand: of two against two there are six orders.
    #[test]
    fn the_chances_are_those_of_counting_orders() {
        let p = |updated: &[f64], others: &[f64]| chance_of_rank(updated, others).unwrap();
        assert!((p(&[3.0, 4.0], &[1.0, 2.0]) - 1.0 / 6.0).abs() < 1e-12);
        assert!((p(&[2.0, 4.0], &[1.0, 3.0]) - 2.0 / 6.0).abs() < 1e-12);
        assert!((p(&[1.0, 2.0], &[3.0, 4.0]) - 1.0).abs() < 1e-12);
        assert!((smallest_chance(2, 2) - 1.0 / 6.0).abs() < 1e-12);
        assert!((smallest_chance(3, 20) - 1.0 / 1_771.0).abs() < 1e-12);
    }

    #[test]
    fn many_are_approximated_as_they_would_be_counted() {
        for wins in [900, 1_000, 1_200, 1_400] {
            let (exact, normal) = (exact_tail(40, 45, wins), normal_tail(40, 45, wins));
            assert!((exact - normal).abs() < 1e-3, "{wins}: {exact} {normal}");
        }
    }

    #[test]
    fn ten_controls_never_show_five_percent() {
        assert!(smallest_chance(1, 10) > 0.05 && smallest_chance(1, 20) < 0.05);
        assert_eq!(change(0, 5), None);
        assert_eq!(chance_of_rank(&[], &[1.0]), None);
        assert_eq!(chance_of_rank(&[f64::NAN], &[1.0]), None);
        assert!(chance_of_rank(&[1.0; 3], &[1.0; 20]).unwrap() > 0.4, "all alike is nothing");
    }
}
