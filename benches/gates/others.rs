//! Two tests that others use, for the comparison: a fixed sample, and Mann-Whitney as Kayenta uses it.

/// Waits for a sample whose size was computed beforehand, and decides once.
pub(crate) struct FixedSample {
    size: u64,
    /// Errors from which on the rate is called bad.
    critical: u64,
}

impl FixedSample {
    /// The sample that tells `good` from `bad` with this chance of a false stop and 5 % missed (normal approximation),
    /// and the exact binomial bound for that size.
    pub(crate) fn new(good: f64, bad: f64, alpha: f64) -> Self {
        let z_alpha = quantile(alpha);
        let z_beta = quantile(0.05);
        let root = z_alpha * (good * (1.0 - good)).sqrt() + z_beta * (bad * (1.0 - bad)).sqrt();
        let size = (root / (bad - good)).powi(2).ceil() as u64;
        let mut tail = 1.0;
        let mut point = (1.0 - good).powi(i32::try_from(size).unwrap());
        let mut critical = 0;
        while tail > alpha && critical < size {
            tail -= point;
            point *= (size - critical) as f64 / (critical + 1) as f64 * good / (1.0 - good);
            critical += 1;
        }
        Self { size, critical }
    }

    /// The minute in which the sample is full, if it is called bad then.
    pub(crate) fn minutes_to_fail(&self, minutes: &[(u64, u64)]) -> Option<usize> {
        let (mut errors, mut requests) = (0, 0);
        for (at, (e, n)) in minutes.iter().enumerate() {
            errors += e;
            requests += n;
            if requests >= self.size {
                // A batch that is larger than the sample is judged by its rate.
                let share = errors as f64 * self.size as f64 / requests as f64;
                return (share.round() as u64 >= self.critical).then_some(at + 1);
            }
        }
        None
    }
}

/// The upper quantile of the normal distribution (Abramowitz and Stegun, 26.2.23; error below 4.5e-4).
fn quantile(alpha: f64) -> f64 {
    let t = (-2.0 * alpha.ln()).sqrt();
    t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)))
}

/// Kayenta's judge: the confidence interval of the shift between two hours of minutes must lie outside of a
/// tolerance around zero (MannWhitneyClassifier.scala: confidence 98 %, tolerance 0.25 of the estimated shift).
pub(crate) struct MannWhitney {
    /// Quantile of the confidence: 98 % on both sides.
    z: f64,
    tolerance: f64,
}

impl MannWhitney {
    pub(crate) const KAYENTA: Self = Self { z: 2.326, tolerance: 0.25 };

    /// Whether the experiment is called higher than the control. The interval is that of Hodges and Lehmann, whose ends
    /// are order statistics of all differences (Hollander and Wolfe, "Nonparametric statistical methods", 4.3).
    pub(crate) fn fails(&self, control: &[f64], experiment: &[f64]) -> bool {
        let mut differences: Vec<f64> =
            experiment.iter().flat_map(|after| control.iter().map(move |before| after - before)).collect();
        differences.sort_by(f64::total_cmp);
        let (m, n) = (control.len() as f64, experiment.len() as f64);
        let below = (m * n / 2.0 - self.z * (m * n * (m + n + 1.0) / 12.0).sqrt()).floor().max(0.0) as usize;
        let estimate = differences[differences.len() / 2];
        differences[below] > self.tolerance * estimate.abs()
    }
}
