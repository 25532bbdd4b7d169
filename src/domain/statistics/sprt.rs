//! The sequential test of errors per request: after each minute, is this a good release, a bad one, or is it too
//! early to say?
//!
//! It is Wald's test of a rate against a worse one (A. Wald, "Sequential Analysis", 1947, sections 3 and 5) with
//! four changes that a watch of changing length needs:
//!
//! - It does not end at "good", because an error may begin later. The statistic is kept from sinking below the bound
//!   for good, as E. S. Page's cumulative sum is ("Continuous inspection schemes", Biometrika 41, 1954), so that a
//!   late failure is found as quickly as an early one.
//! - Its false stops are bounded for every length of the watch. Under the good rate the likelihood ratio is a
//!   supermartingale, so it reaches 1/alpha with a probability of at most alpha (J. Ville, "Étude critique de la
//!   notion de collectif", 1939), however often one looks. Each minute in which it is lifted to the lower bound
//!   is a new start from beta and adds at most alpha x beta, which the bound for "bad" pays for in advance.
//! - Errors that come in clumps are divided by how clumped they are: a quasi-likelihood (R. W. M. Wedderburn, Biometrika
//!   61, 1974; P. McCullagh and J. A. Nelder, "Generalized linear models", 1989, section 9). Without that, minutes
//!   twice as noisy as chance stop healthy rollouts far more often than alpha says.
//! - One minute alone never stops a rollout: real minutes are noisier than Poisson, and a capped step keeps the
//!   supermartingale one.

/// The chance that a rate as bad as the bad one passes before it has shown itself (Wald's beta).
pub const MISSED: f64 = 0.05;

/// The largest part of the way to "bad" that one minute may go.
const STEP_MAX: f64 = 0.5;

/// A test of one rate of errors against a worse one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sprt {
    good: f64,
    bad: f64,
    /// Log of the likelihood ratio at which it is bad.
    upper: f64,
    /// And at which it is good.
    lower: f64,
    /// How many times the variance of a minute's errors is that of chance alone; at least 1.
    noise: f64,
}

/// What a test says so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not enough requests yet.
    Undecided,
    /// The good rate, or better.
    Good,
    /// The bad rate, or worse. This is for good.
    Bad,
}

/// A test under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    sprt: Sprt,
    statistic: f64,
    state: State,
}

impl Sprt {
    /// A test of `good` against `bad`, both as parts of 1, whose chance of a false stop is at most `alpha` over
    /// `minutes` minutes. None unless 0 < good < bad < 1 and 0 < alpha < 1/2.
    pub fn new(good: f64, bad: f64, alpha: f64, minutes: u32) -> Option<Self> {
        let rates = 0.0 < good && good < bad && bad < 1.0;
        let chance = 0.0 < alpha && alpha < 0.5;
        let upper = ((1.0 + f64::from(minutes) * MISSED) / alpha).ln();
        (rates && chance).then(|| Self { good, bad, upper, lower: (MISSED / (1.0 - alpha)).ln(), noise: 1.0 })
    }

    /// The same test of errors whose variance is so many times that of chance alone. It takes as many times the requests.
    #[must_use]
    pub fn with_noise(self, noise: f64) -> Self {
        Self { noise: if noise > 1.0 { noise } else { 1.0 }, ..self }
    }

    /// The log of the likelihood ratio of a minute, for Bernoulli trials.
    fn step(&self, errors: u64, requests: u64) -> f64 {
        let (errors, good) = (count(errors), count(requests.saturating_sub(errors)));
        let raw = errors * (self.bad / self.good).ln() + good * ((1.0 - self.bad) / (1.0 - self.good)).ln();
        (raw / self.noise).min(self.upper * STEP_MAX)
    }

    /// The bounds on the statistic: good at or below the first, bad at or above the second.
    pub fn bounds(&self) -> (f64, f64) {
        (self.lower, self.upper)
    }

    /// Requests until a release at the good rate is called good, on average: the way to the bound by the drift of a
    /// request (Wald's identity; what it overshoots is left out, which makes this a little too small).
    pub fn requests_to_pass(&self) -> f64 {
        self.lower / self.drift(self.good)
    }

    /// Requests until a release at this rate of errors is stopped, on average; infinite where it never is.
    pub fn requests_to_fail(&self, rate: f64) -> f64 {
        let drift = self.drift(rate);
        if drift > 0.0 { self.upper / drift } else { f64::INFINITY }
    }

    /// The mean step of one request at this rate.
    fn drift(&self, rate: f64) -> f64 {
        let raw = rate * (self.bad / self.good).ln() + (1.0 - rate) * ((1.0 - self.bad) / (1.0 - self.good)).ln();
        raw / self.noise
    }

    /// A run of the test, at its beginning.
    pub fn begin(self) -> Run {
        Run { sprt: self, statistic: 0.0, state: State::Undecided }
    }
}

impl Run {
    /// Takes in a minute. Without requests it says nothing.
    #[must_use]
    pub fn with(mut self, errors: u64, requests: u64) -> Self {
        if self.state == State::Bad || requests == 0 {
            return self;
        }
        let Sprt { lower, upper, .. } = self.sprt;
        self.statistic += self.sprt.step(errors.min(requests), requests);
        if self.statistic >= upper {
            self.state = State::Bad;
        } else if self.statistic <= lower {
            (self.statistic, self.state) = (lower, State::Good);
        } else if self.statistic > 0.0 {
            // What has been called good and now leans to the bad is open again.
            self.state = State::Undecided;
        }
        self
    }

    /// What it says so far.
    pub fn state(&self) -> State {
        self.state
    }

    /// Log of the likelihood ratio so far: towards the upper bound is bad.
    pub fn statistic(&self) -> f64 {
        self.statistic
    }
}

/// Requests are counted exactly up to 2^53.
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sprt(alpha: f64) -> Sprt {
        Sprt::new(0.001, 0.01, alpha, 0).unwrap()
    }

    /// The table of the reference: 0.1 % -> 1 % takes 443 requests to accept Wald's way, and 631 to detect at
    /// alpha 0.0133 %.
    #[test]
    fn it_takes_as_many_requests_as_the_formula_says() {
        assert!((sprt(0.000_133).requests_to_pass() - 443.0).abs() < 25.0, "{}", sprt(0.000_133).requests_to_pass());
        let to_fail = sprt(0.000_133).requests_to_fail(0.01);
        assert!((to_fail - 631.0).abs() < 15.0, "{to_fail}");
        assert_eq!(sprt(0.01).requests_to_fail(0.001), f64::INFINITY);
    }

    #[test]
    fn a_tighter_alpha_does_not_slow_a_good_release() {
        let slower = sprt(0.000_001).requests_to_pass() / sprt(0.01).requests_to_pass();
        assert!((0.99..1.02).contains(&slower), "{slower}");
    }

    #[test]
    fn twice_the_noise_takes_twice_the_requests() {
        let (plain, noisy) = (sprt(0.001), sprt(0.001).with_noise(2.0));
        assert!((noisy.requests_to_pass() / plain.requests_to_pass() - 2.0).abs() < 1e-9);
        assert!((noisy.requests_to_fail(0.05) / plain.requests_to_fail(0.05) - 2.0).abs() < 1e-9);
        assert_eq!(sprt(0.001).with_noise(f64::NAN), plain);
    }

    #[test]
    fn rates_that_are_no_rates_make_no_test() {
        for (good, bad, alpha) in
            [(0.0, 0.01, 0.01), (0.01, 0.01, 0.01), (0.02, 0.01, 0.01), (0.1, 1.0, 0.01), (0.1, 0.2, 0.0)]
        {
            assert_eq!(Sprt::new(good, bad, alpha, 60), None);
        }
        assert_eq!(Sprt::new(f64::NAN, 0.1, 0.01, 60), None);
    }

    #[test]
    fn one_minute_alone_never_stops_a_rollout() {
        let run = sprt(0.0001).begin().with(1_000, 1_000);
        assert_eq!(run.state(), State::Undecided);
        assert_eq!(run.with(1_000, 1_000).state(), State::Bad);
    }

    #[test]
    fn a_failure_that_begins_after_hours_of_health_is_found_as_quickly() {
        let mut late = sprt(0.0001).begin();
        for _ in 0..10_000 {
            late = late.with(0, 100);
        }
        assert_eq!(late.state(), State::Good);
        let minutes = (1..100).find(|_| {
            late = late.with(5, 100);
            late.state() == State::Bad
        });
        assert!(minutes.unwrap() <= 3, "{minutes:?}");
    }

    proptest! {
        /// Worse minutes never make a better verdict.
        #[test]
        fn more_errors_are_never_better(minutes in proptest::collection::vec((0u64..50, 1u64..500), 1..60), at in 0usize..60) {
            let run = |minutes: &[(u64, u64)]| minutes.iter().fold(sprt(0.001).begin(), |run, (e, n)| run.with(*e, *n));
            let mut worse = minutes.clone();
            let at = at % worse.len();
            worse[at].0 = worse[at].1;
            if run(&minutes).state() == State::Bad {
                prop_assert_eq!(run(&worse).state(), State::Bad);
            }
        }

        #[test]
        fn bad_stays_bad(minutes in proptest::collection::vec((0u64..500, 0u64..500), 1..60)) {
            let mut run = sprt(0.001).begin();
            let mut was_bad = false;
            for (errors, requests) in minutes {
                run = run.with(errors, requests);
                prop_assert!(!was_bad || run.state() == State::Bad);
                was_bad = run.state() == State::Bad;
            }
        }
    }
}
