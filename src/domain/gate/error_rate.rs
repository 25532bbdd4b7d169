//! Errors per request: a sequential test for each service of each tenant, and one for each service of the whole wave,
//! which sees first what all tenants share.
//!
//! Pooling never hides: a tenant with requests enough is judged alone as well, and one failure among them decides.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::policy::ErrorPolicy;
use super::series::{Series, Window};
use super::verdict::{Evidence, Finding, GateName, Subject, Verdict};
use crate::domain::ids::{ServiceKey, ServiceName};
use crate::domain::reason::Reason;
use crate::domain::statistics::{Run, Sprt, State};

/// One test, as a rollout uses it.
#[derive(Clone, Copy, Debug)]
pub struct ErrorTest<'a> {
    /// What is good and what is bad.
    pub policy: &'a ErrorPolicy,
    /// The chance of a false stop that this test has.
    pub alpha: f64,
    /// Minutes of the longest watch.
    pub minutes: u32,
    /// The minutes that count.
    pub window: Window,
}

impl ErrorTest<'_> {
    /// The test; none for a policy that is none, which `check` refuses.
    pub fn sprt(&self) -> Option<Sprt> {
        let part = |ppm: u32| f64::from(ppm) / 1e6;
        let sprt = Sprt::new(part(self.policy.good), part(self.policy.bad), self.alpha, self.minutes)?;
        Some(sprt.with_noise(f64::from(self.policy.noise)))
    }
}

/// Minutes of one service, of one tenant or of several together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Errors and requests by the start of the minute.
    pub minutes: BTreeMap<Timestamp, (u64, u64)>,
    /// Why they are not all of them.
    pub wrong: Option<String>,
    /// Whether anybody in it gets requests.
    pub any: bool,
}

impl Pool {
    /// The minutes that count of all these.
    pub fn of<'a>(tenants: impl IntoIterator<Item = (&'a ServiceKey, Option<&'a Series>)>, window: &Window) -> Self {
        let mut pool = Self::default();
        for (tenant, series) in tenants {
            let counted = match series {
                Some(series) if series.has_no_traffic() => continue,
                Some(series) => series.counted(window),
                None => {
                    (pool.any, pool.wrong) = (true, Some(format!("{tenant} was never read")));
                    continue;
                }
            };
            pool.any = true;
            for minute in &counted.minutes {
                let sum = pool.minutes.entry(minute.start).or_default();
                sum.0 = sum.0.saturating_add(minute.errors.unwrap_or(0));
                sum.1 = sum.1.saturating_add(minute.requests.unwrap_or(0));
            }
            pool.wrong = pool.wrong.or_else(|| counted.wrong.map(|why| format!("{tenant}: {why}")));
        }
        pool
    }
}

/// What was counted.
struct Sum {
    errors: u64,
    requests: u64,
    run: Run,
}

impl Sum {
    fn of(sprt: Sprt, minutes: impl Iterator<Item = (u64, u64)>) -> Self {
        let start = Self { errors: 0, requests: 0, run: sprt.begin() };
        minutes.fold(start, |sum, (errors, requests)| Self {
            errors: sum.errors.saturating_add(errors),
            requests: sum.requests.saturating_add(requests),
            run: sum.run.with(errors, requests),
        })
    }

    /// Whether it is good. A minute's weight is capped, so that one alone stops nothing; but as long as the whole
    /// watch is at the bad rate, healthy minutes after it do not make a pass of it.
    fn is_good(&self, policy: &ErrorPolicy) -> bool {
        let (errors, requests) = (u128::from(self.errors) * 1_000_000, u128::from(self.requests));
        self.run.state() == State::Good && errors < requests * u128::from(policy.bad)
    }

    fn evidence(&self, sprt: &Sprt) -> Evidence {
        let (good_at, bad_at) = sprt.bounds();
        let (errors, requests, statistic) = (self.errors, self.requests, self.run.statistic());
        Evidence::Rate { errors, requests, statistic, good_at, bad_at }
    }
}

/// Judges one service of one tenant. `probed` says whether it is asked over HTTP as well: only then may it go without
/// a single request.
pub fn judge_errors(test: &ErrorTest<'_>, service: &ServiceKey, series: Option<&Series>, probed: bool) -> Finding {
    let subject = Subject::Service(service.clone());
    let finding =
        |verdict, evidence| Finding::new(GateName::Errors, subject.clone(), verdict, test.policy.observe, evidence);
    let unknown = |why: String| Verdict::Unknown(Reason::GateUnknown { what: format!("errors of {service}"), why });
    let (Some(series), Some(sprt)) = (series, test.sprt()) else {
        return finding(unknown("it was never read".to_owned()), Evidence::words("no metrics".to_owned()));
    };
    if series.has_no_traffic() {
        let words = "fleet.yaml says that it gets no requests".to_owned();
        return finding(unknown(words.clone()), Evidence::words(words)).without_vote();
    }
    let counted = series.counted(&test.window);
    let minutes = counted.minutes.iter().map(|minute| (minute.errors.unwrap_or(0), minute.requests.unwrap_or(0)));
    let sum = Sum::of(sprt, minutes);
    let evidence = sum.evidence(&sprt);
    let (errors, requests) = (sum.errors, sum.requests);
    match (sum.run.state(), counted.wrong) {
        (State::Bad, _) => {
            finding(Verdict::Fail(Reason::ErrorRate { service: service.clone(), errors, requests }), evidence)
        }
        (_, Some(why)) => finding(unknown(why), evidence),
        (_, None) if sum.is_good(test.policy) && requests >= test.policy.requests_min => {
            finding(Verdict::Pass, evidence)
        }
        (_, None) if requests == 0 && !probed => finding(unknown("it has had no request".to_owned()), evidence),
        (_, None) => {
            let few = requests < test.policy.requests_min;
            let finding =
                finding(unknown(format!("{errors} errors in {requests} requests decide nothing yet")), evidence);
            // The pool counts these requests too, and has the vote.
            if few { finding.without_vote() } else { finding }
        }
    }
}

/// Judges one service of all tenants of a wave together. Whatever is not known of one of them is not known of all.
pub fn judge_pool<'a>(
    test: &ErrorTest<'_>,
    service: &ServiceName,
    tenants: impl Iterator<Item = (&'a ServiceKey, Option<&'a Series>)>,
    probed: bool,
) -> Option<Finding> {
    let subject = Subject::Pool(service.clone());
    let finding =
        |verdict, evidence| Finding::new(GateName::Errors, subject.clone(), verdict, test.policy.observe, evidence);
    let what = format!("errors of {service} in the wave");
    let unknown = |why: String| Verdict::Unknown(Reason::GateUnknown { what: what.clone(), why });
    let Pool { minutes, wrong, any } = Pool::of(tenants, &test.window);
    let sprt = test.sprt().filter(|_| any)?;
    let sum = Sum::of(sprt, minutes.into_values());
    let evidence = sum.evidence(&sprt);
    let (errors, requests) = (sum.errors, sum.requests);
    Some(match (sum.run.state(), wrong) {
        (State::Bad, _) => {
            finding(Verdict::Fail(Reason::WaveErrorRate { service: service.clone(), errors, requests }), evidence)
        }
        (_, Some(why)) => finding(unknown(why), evidence),
        (_, None) if sum.is_good(test.policy) => finding(Verdict::Pass, evidence),
        // Where nobody comes by, the probes are what there is.
        (_, None) if requests == 0 && probed => {
            finding(unknown("no request in the whole wave".to_owned()), evidence).without_vote()
        }
        (_, None) => finding(unknown(format!("{errors} errors in {requests} requests decide nothing yet")), evidence),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::gate::series::Minute;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    const POLICY: ErrorPolicy = ErrorPolicy { good: 1_000, bad: 10_000, requests_min: 443, noise: 1, observe: false };

    fn test() -> ErrorTest<'static> {
        ErrorTest { policy: &POLICY, alpha: 0.001, minutes: 60, window: Window { from: at(0), to: at(60) } }
    }

    fn key(text: &str) -> ServiceKey {
        ServiceKey::try_from(text.to_owned()).unwrap()
    }

    fn series(minutes: i64, requests: u64, errors: u64) -> Series {
        let minute = |n| Minute { requests: Some(requests), errors: Some(errors), ..Minute::at(at(n)) };
        Series::Known((0..minutes).map(minute).collect())
    }

    fn judge(series: Option<&Series>, probed: bool) -> Finding {
        judge_errors(&test(), &key("acme/api"), series, probed)
    }

    #[test]
    fn enough_good_requests_pass_and_bad_ones_fail() {
        assert_eq!(judge(Some(&series(10, 100, 0)), false).verdict, Verdict::Pass);
        let bad = judge(Some(&series(10, 100, 5)), false);
        assert!(matches!(bad.verdict, Verdict::Fail(Reason::ErrorRate { .. })), "{bad:?}");
        assert!(bad.votes);
    }

    #[test]
    fn few_requests_leave_the_vote_to_the_pool_and_none_are_unknown() {
        let few = judge(Some(&series(10, 10, 0)), false);
        assert!(matches!(few.verdict, Verdict::Unknown(_)) && !few.votes, "{few:?}");
        let none = judge(Some(&series(0, 0, 0)), false);
        assert!(matches!(none.verdict, Verdict::Unknown(_)) && none.votes, "{none:?}");
        assert!(!judge(Some(&series(0, 0, 0)), true).votes, "probes speak for it");
    }

    #[test]
    fn a_pool_finds_what_no_tenant_shows_alone_and_waits_for_everybody() {
        let tenants: Vec<(ServiceKey, Series)> =
            (0..40).map(|n| (key(&format!("t-{n}/api")), series(5, 4, 0))).collect();
        let judge = |tenants: &[(ServiceKey, Series)]| {
            let all = tenants.iter().map(|(key, series)| (key, Some(series)));
            judge_pool(&test(), &"api".parse().unwrap(), all, false).unwrap().verdict
        };
        assert_eq!(judge(&tenants), Verdict::Pass);
        let mut sick = tenants.clone();
        sick.iter_mut().take(15).for_each(|(_, of)| *of = series(5, 4, 1));
        assert!(matches!(judge(&sick), Verdict::Fail(Reason::WaveErrorRate { .. })));
        let mut unread = tenants;
        unread[3].1 = Series::Unknown("throttled".to_owned());
        assert!(matches!(judge(&unread), Verdict::Unknown(_)));
    }

    #[test]
    fn a_service_without_traffic_is_not_counted_and_does_not_pass() {
        let worker = Series::NoTraffic(Vec::new());
        let finding = judge(Some(&worker), false);
        assert!(matches!(finding.verdict, Verdict::Unknown(_)) && !finding.votes);
        let acme = key("acme/api");
        let of = [(&acme, Some(&worker))].into_iter();
        assert!(judge_pool(&test(), &"api".parse().unwrap(), of, false).is_none());
    }
}
