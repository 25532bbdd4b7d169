//! Unknown never passes: every gate, with every part of its data missing, late or malformed.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::domain::ids::ServiceKey;

const MINUTES: i64 = 10;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

fn window() -> Window {
    Window { from: at(0), to: at(MINUTES) }
}

fn key(tenant: usize) -> ServiceKey {
    ServiceKey::try_from(format!("t-{tenant}/api")).unwrap()
}

fn healthy_minute(n: i64) -> Minute {
    Minute {
        start: at(n),
        requests: Some(100),
        errors: Some(0),
        p99_ms: Some(100),
        cpu_percent: Some(20),
        memory_percent: Some(30),
    }
}

fn healthy() -> Series {
    Series::Known((0..MINUTES).map(healthy_minute).collect())
}

/// What can happen to a minute on its way.
#[derive(Clone, Copy, Debug)]
enum Harm {
    None,
    /// It is not there.
    Missing,
    /// It is there, and lies in the future or before the watch.
    Late,
    Early,
    /// Parts of it are not there.
    NoRequests,
    NoErrors,
    NoLatency,
    NoSaturation,
    /// It cannot be.
    MoreErrorsThanRequests,
    Twice,
}

const HARMS: [Harm; 10] = [
    Harm::None,
    Harm::Missing,
    Harm::Late,
    Harm::Early,
    Harm::NoRequests,
    Harm::NoErrors,
    Harm::NoLatency,
    Harm::NoSaturation,
    Harm::MoreErrorsThanRequests,
    Harm::Twice,
];

fn harmed(n: i64, harm: Harm) -> Vec<Minute> {
    let minute = healthy_minute(n);
    match harm {
        Harm::None => vec![minute],
        Harm::Missing => vec![],
        Harm::Late => vec![Minute { start: at(n + MINUTES), ..minute }],
        Harm::Early => vec![Minute { start: at(n - MINUTES), ..minute }],
        Harm::NoRequests => vec![Minute { requests: None, ..minute }],
        Harm::NoErrors => vec![Minute { errors: None, ..minute }],
        Harm::NoLatency => vec![Minute { p99_ms: None, ..minute }],
        Harm::NoSaturation => vec![Minute { cpu_percent: None, memory_percent: None, ..minute }],
        Harm::MoreErrorsThanRequests => vec![Minute { errors: Some(101), ..minute }],
        Harm::Twice => vec![minute.clone(), minute],
    }
}

fn errors() -> ErrorPolicy {
    ErrorPolicy { good: 1_000, bad: 10_000, requests_min: 443, noise: 1, observe: false }
}

fn test(policy: &ErrorPolicy) -> ErrorTest<'_> {
    ErrorTest { policy, alpha: 0.001, minutes: 60, window: window() }
}

fn ceilings() -> [Ceiling; 3] {
    [(GateName::Latency, 800), (GateName::Cpu, 80), (GateName::Memory, 90)].map(|(gate, max)| Ceiling {
        gate,
        max,
        breaches: 3,
        of: 5,
        observe: false,
    })
}

/// The findings of every gate that reads metrics, on one tenant.
fn findings(series: Option<&Series>) -> Vec<Finding> {
    let policy = errors();
    let mut all = vec![judge_errors(&test(&policy), &key(0), series, false)];
    let tenant = key(0);
    let of = [(&tenant, series)].into_iter();
    all.extend(judge_pool(&test(&policy), &"api".parse().unwrap(), of, false));
    all.extend(ceilings().iter().map(|ceiling| judge_ceiling(ceiling, &key(0), series, &window())));
    all
}

/// What the healthy minutes of a harmed series really are, gate by gate: whether the gate could know enough.
fn could_know(gate: GateName, minutes: &[Minute]) -> bool {
    let there: Vec<&Minute> = minutes.iter().filter(|minute| window().has(minute)).collect();
    let requests: u64 = there.iter().filter_map(|minute| minute.requests.filter(|_| minute.errors.is_some())).sum();
    let known = |of: fn(&Minute) -> Option<u32>| there.iter().filter(|minute| of(minute).is_some()).count() >= 5;
    match gate {
        GateName::Errors => requests >= 300,
        GateName::Latency => known(|minute| minute.p99_ms) && requests >= 100,
        GateName::Cpu => known(|minute| minute.cpu_percent),
        GateName::Memory => known(|minute| minute.memory_percent),
        _ => false,
    }
}

#[test]
fn the_whole_passes_so_that_the_rest_of_this_file_means_something() {
    let healthy = healthy();
    for finding in findings(Some(&healthy)) {
        assert_eq!(finding.verdict, Verdict::Pass, "{finding:?}");
    }
    assert_eq!(verdict_of(&findings(Some(&healthy))), Verdict::Pass);
}

#[test]
fn inv_09_what_was_never_read_or_cannot_be_told_passes_no_gate() {
    for series in [None, Some(Series::Unknown("throttled".to_owned())), Some(Series::Known(Vec::new()))] {
        for finding in findings(series.as_ref()) {
            assert!(matches!(finding.verdict, Verdict::Unknown(_)), "{finding:?}");
        }
        assert!(matches!(verdict_of(&findings(series.as_ref())), Verdict::Unknown(_)), "{series:?}");
    }
}

/// Every subset of the minutes, by every kind of harm: 2^10 x 9.
#[test]
fn inv_09_unknown_never_passes_with_any_part_of_the_data_missing_late_or_malformed() {
    for harm in HARMS {
        for subset in 0u32..1 << MINUTES {
            let of = |n: i64| if subset >> n & 1 == 1 { harm } else { Harm::None };
            check((0..MINUTES).map(of).collect());
        }
    }
}

fn check(harms: Vec<Harm>) {
    let minutes: Vec<Minute> = (0..MINUTES).zip(&harms).flat_map(|(n, harm)| harmed(n, *harm)).collect();
    let malformed =
        |harm: &Harm| matches!(harm, Harm::NoRequests | Harm::NoErrors | Harm::MoreErrorsThanRequests | Harm::Twice);
    let broken = harms.iter().any(malformed);
    let series = Series::Known(minutes.clone());
    for finding in findings(Some(&series)) {
        let passes = finding.verdict == Verdict::Pass;
        assert!(!passes || (!broken && could_know(finding.gate, &minutes)), "{harms:?}: {finding:?}");
        assert!(!matches!(finding.verdict, Verdict::Fail(_)), "healthy minutes never fail: {harms:?}: {finding:?}");
    }
}

proptest! {
    /// The same with any mixture of harms.
    #[test]
    fn inv_09_unknown_never_passes_with_any_mixture(harms in proptest::collection::vec(0usize..HARMS.len(), 10)) {
        check(harms.into_iter().map(|harm| HARMS[harm]).collect());
    }

    /// A tenant that is not known is not known of the pool, however many others are well.
    #[test]
    fn inv_09_a_pool_is_as_unknown_as_its_least_known(tenants in 1usize..20, unknown in 0usize..20) {
        let policy = errors();
        let series: Vec<(ServiceKey, Option<Series>)> = (0..tenants)
            .map(|n| (key(n), (n != unknown % tenants).then(healthy)))
            .collect();
        let of = series.iter().map(|(key, series)| (key, series.as_ref()));
        let finding = judge_pool(&test(&policy), &"api".parse().unwrap(), of, false).unwrap();
        prop_assert!(matches!(finding.verdict, Verdict::Unknown(_)));
    }

    /// The order of minutes and of tenants changes nothing.
    #[test]
    fn inv_27_the_order_of_samples_changes_no_verdict(errors_at in proptest::collection::vec(0u64..30, 10), shift in 0usize..10) {
        let minutes = |errors: &[u64]| -> Vec<Minute> {
            (0..).zip(errors).map(|(n, errors)| Minute { errors: Some(*errors), ..healthy_minute(n) }).collect()
        };
        let straight = minutes(&errors_at);
        let mut turned = straight.clone();
        turned.rotate_left(shift);
        let (straight, turned) = (Series::Known(straight), Series::Known(turned));
        prop_assert_eq!(findings(Some(&straight)), findings(Some(&turned)));
    }
}

#[test]
fn a_gate_that_observes_has_no_vote() {
    let policy = ErrorPolicy { observe: true, ..errors() };
    let sick = Series::Known((0..MINUTES).map(|n| Minute { errors: Some(50), ..healthy_minute(n) }).collect());
    let finding = judge_errors(&test(&policy), &key(0), Some(&sick), false);
    assert!(matches!(finding.verdict, Verdict::Fail(_)) && !finding.votes);
    assert_eq!(verdict_of([&finding]), Verdict::Pass);
    let command = CommandPolicy { run: vec!["x".to_owned()], timeout: SignedDuration::ZERO, observe: true };
    assert!(!judge_command(&command, None).votes);
}
