//! What the gates of a wave found when something was decided about it, as it is recorded and told: for people who
//! want to know what a decision rests on, and for a page that charts it.
//!
//! Its size does not grow with the fleet: of each gate all findings are counted, the ten that say most are told in
//! full, and a series has sixty values at most. That is some 60 kB a wave at the worst, with every gate in use.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Ceiling;
use super::error_rate::{ErrorTest, Pool};
use super::series::{Minute, Series, Window};
use super::verdict::{Evidence, Finding, GateName, Subject, Verdict};

/// Findings of a gate that are told in full.
const FINDINGS_MAX: usize = 10;

/// Values of a series.
const VALUES_MAX: i64 = 60;

/// What the gates of a wave found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(title = "what the gates of a wave found")]
pub struct WaveReport {
    /// Index of the wave, from 0.
    pub wave: usize,
    /// Its name.
    pub name: String,
    /// When its watch began; none if it did not come so far.
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// When this was found.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What was decided then.
    pub then: Then,
    /// Gate by gate; those that were not asked for are left out.
    pub gates: Vec<GateReport>,
}

/// What was decided about a wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It passed.
    Passed,
    /// The rollout stopped in it.
    Failed,
    /// It went on without a tenant.
    Quarantined,
    /// It waits for a person, or for another process.
    Held,
}

/// What one gate found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GateReport {
    /// Which.
    pub gate: GateName,
    /// The verdict of its findings with a vote; none if it had no vote at all.
    pub verdict: Option<Word>,
    /// Findings that pass.
    pub passed: usize,
    /// Findings that fail.
    pub failed: usize,
    /// Findings that decide nothing.
    pub unknown: usize,
    /// How many of all these have no vote.
    pub without_vote: usize,
    /// Those that say most: what has a vote, failures, what is unknown, whole waves before single tenants.
    pub findings: Vec<FindingReport>,
}

/// A verdict as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Something was shown that must not be.
    Fail,
    /// Something was not shown.
    Unknown,
    /// All that was asked for was shown.
    Pass,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FindingReport {
    /// What was judged.
    pub subject: Subject,
    /// How.
    pub verdict: Word,
    /// Whether it counted.
    pub votes: bool,
    /// Code of the reason, where it did not pass.
    pub code: Option<String>,
    /// What it rests on, in a sentence.
    pub words: String,
    /// The same in numbers.
    pub evidence: Evidence,
    /// The same minute by minute, where it is a series.
    pub charts: Vec<Chart>,
}

/// A value over time, and its bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Chart {
    /// Of what.
    pub of: String,
    /// In which unit.
    pub unit: String,
    /// When the first value begins.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// Minutes that a value stands for. Of several it is the largest.
    pub step: u32,
    /// The values, one after the other; null where nothing is known.
    pub values: Vec<Option<f64>>,
    /// What they are compared with.
    pub bounds: Vec<Bound>,
}

/// A bound of a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Bound {
    /// Which.
    pub name: String,
    /// Where it is.
    pub value: f64,
}

impl Word {
    /// The word for a verdict.
    pub fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail(_) => Self::Fail,
            Verdict::Unknown(_) => Self::Unknown,
        }
    }
}

/// Reports findings gate by gate, in the order of the gates. `charts` draws those that are told in full.
pub fn report(mut findings: Vec<Finding>, charts: impl Fn(&Finding) -> Vec<Chart>) -> Vec<GateReport> {
    let rank = |finding: &Finding| {
        let single = matches!(finding.subject, Subject::Service(_) | Subject::Set(_));
        (finding.gate, !finding.votes, Word::of(&finding.verdict), single)
    };
    findings.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.subject.cmp(&b.subject)));
    let of_gate = |found: &[Finding]| {
        let number = |word| found.iter().filter(|finding| Word::of(&finding.verdict) == word).count();
        let voting = found.iter().filter(|finding| finding.votes);
        GateReport {
            gate: found[0].gate,
            verdict: voting.map(|finding| Word::of(&finding.verdict)).min(),
            passed: number(Word::Pass),
            failed: number(Word::Fail),
            unknown: number(Word::Unknown),
            without_vote: found.iter().filter(|finding| !finding.votes).count(),
            findings: found.iter().take(FINDINGS_MAX).map(|finding| told(finding, charts(finding))).collect(),
        }
    };
    findings.chunk_by(|a, b| a.gate == b.gate).map(of_gate).collect()
}

fn told(finding: &Finding, charts: Vec<Chart>) -> FindingReport {
    let reason = match &finding.verdict {
        Verdict::Pass => None,
        Verdict::Fail(reason) | Verdict::Unknown(reason) => Some(reason),
    };
    FindingReport {
        subject: finding.subject.clone(),
        verdict: Word::of(&finding.verdict),
        votes: finding.votes,
        code: reason.map(|reason| reason.code()),
        words: reason.map_or_else(|| finding.evidence.to_string(), ToString::to_string),
        evidence: finding.evidence.clone(),
        charts,
    }
}

/// The test of errors, minute by minute, and the errors that it counted.
pub fn error_charts(test: &ErrorTest<'_>, pool: &Pool) -> Vec<Chart> {
    let Some(sprt) = test.sprt() else { return Vec::new() };
    let ((good_at, bad_at), mut run) = (sprt.bounds(), sprt.begin());
    let mut statistic = Vec::new();
    let mut rate = Vec::new();
    for (start, (errors, requests)) in &pool.minutes {
        run = run.with(*errors, *requests);
        statistic.push((*start, run.statistic()));
        if *requests > 0 {
            rate.push((*start, percent(*errors as f64 / *requests as f64)));
        }
    }
    let bound = |name: &str, value| Bound { name: name.to_owned(), value: rounded(value) };
    let part = |ppm: u32| percent(f64::from(ppm) / 1e6);
    let rates = vec![bound("good", part(test.policy.good)), bound("bad", part(test.policy.bad))];
    [
        chart(("errors", "percent"), &test.window, &rate, rates),
        chart(
            ("evidence", "log-likelihood"),
            &test.window,
            &statistic,
            vec![bound("good", good_at), bound("bad", bad_at)],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is under a ceiling, minute by minute.
pub fn ceiling_chart(ceiling: &Ceiling, series: &Series, window: &Window) -> Option<Chart> {
    let value = |minute: &&Minute| Some((minute.start, f64::from(ceiling.value(minute)?)));
    let values: Vec<(Timestamp, f64)> = series.counted(window).minutes.iter().filter_map(value).collect();
    let bounds = vec![Bound { name: "ceiling".to_owned(), value: f64::from(ceiling.max) }];
    let (of, unit) = match ceiling.gate {
        GateName::Latency => ("p99", "ms"),
        GateName::Cpu => ("processor time", "percent"),
        _ => ("memory", "percent"),
    };
    chart((of, unit), window, &values, bounds)
}

/// Values of minutes, which are in order; none of none.
fn chart((of, unit): (&str, &str), window: &Window, minutes: &[(Timestamp, f64)], bounds: Vec<Bound>) -> Option<Chart> {
    let ((from, _), (last, _)) = (minutes.first()?, minutes.last()?);
    let place = |at: &Timestamp| at.duration_since(*from).as_mins();
    let wide = place(last).max(0) + 1;
    let step = wide.div_euclid(VALUES_MAX) + i64::from(wide.rem_euclid(VALUES_MAX) > 0);
    let number = usize::try_from(wide.div_euclid(step) + i64::from(wide.rem_euclid(step) > 0)).ok()?;
    let mut values: Vec<Option<f64>> = vec![None; number];
    for (at, value) in minutes.iter().filter(|(at, _)| *at < window.to) {
        if let Some(slot) = usize::try_from(place(at) / step).ok().and_then(|place| values.get_mut(place)) {
            *slot = Some(slot.map_or(*value, |known: f64| known.max(*value)));
        }
    }
    values.iter_mut().flatten().for_each(|value| *value = rounded(*value));
    let step = u32::try_from(step).unwrap_or(u32::MAX);
    Some(Chart { of: of.to_owned(), unit: unit.to_owned(), from: *from, step, values, bounds })
}

fn percent(part: f64) -> f64 {
    part * 100.0
}

/// Three places say all that can be seen.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

impl Chart {
    /// When each value begins.
    pub fn minutes(&self) -> impl Iterator<Item = (Timestamp, Option<f64>)> + '_ {
        let step = SignedDuration::from_mins(i64::from(self.step));
        (0i32..).zip(&self.values).map(move |(place, value)| (self.from + step * place, *value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::gate::ErrorPolicy;
    use crate::domain::ids::ServiceKey;
    use crate::domain::reason::Reason;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn finding(tenant: usize, verdict: Verdict) -> Finding {
        let service = ServiceKey::try_from(format!("t-{tenant:04}/api")).unwrap();
        let evidence = Evidence::Over { over: 1, of: 5, ceiling: 800, last: Some(120) };
        Finding::new(GateName::Latency, Subject::Service(service), verdict, false, evidence)
    }

    fn unknown() -> Verdict {
        Verdict::Unknown(Reason::GateUnknown { what: "latency".to_owned(), why: "throttled".to_owned() })
    }

    #[test]
    fn a_thousand_tenants_are_counted_and_the_worst_ten_are_told() {
        let mut findings: Vec<Finding> = (0..1_000).map(|tenant| finding(tenant, Verdict::Pass)).collect();
        findings[700].verdict = unknown();
        findings[900].verdict = Verdict::Fail(Reason::Paused);
        let points = |_: &Finding| {
            let minutes: Vec<(Timestamp, f64)> = (0..360).map(|minute| (at(minute), 123.456_789)).collect();
            chart(("p99", "ms"), &Window { from: at(0), to: at(360) }, &minutes, Vec::new()).into_iter().collect()
        };
        let reports = report(findings, points);
        let [gate] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!((gate.passed, gate.failed, gate.unknown, gate.without_vote), (998, 1, 1, 0));
        assert_eq!((gate.verdict, gate.findings.len()), (Some(Word::Fail), 10));
        let words: Vec<Word> = gate.findings.iter().take(3).map(|finding| finding.verdict).collect();
        assert_eq!(words, [Word::Fail, Word::Unknown, Word::Pass]);
        let bytes = serde_json::to_string(&reports).unwrap().len();
        assert!(bytes < 10_000, "{bytes}");
    }

    #[test]
    fn a_gate_without_a_vote_has_no_verdict() {
        let only_seen = report(vec![finding(0, unknown()).without_vote()], |_| Vec::new());
        assert_eq!((only_seen[0].verdict, only_seen[0].without_vote), (None, 1));
    }

    #[test]
    fn the_chart_of_a_test_ends_where_its_evidence_does_and_keeps_its_gaps() {
        let policy = ErrorPolicy { good: 1_000, bad: 10_000, requests_min: 443, noise: 1, observe: false };
        let test = ErrorTest { policy: &policy, alpha: 0.001, minutes: 60, window: Window { from: at(0), to: at(60) } };
        let pool = Pool { minutes: [(at(0), (0, 100)), (at(2), (4, 100))].into(), wrong: None, any: true };
        let charts = error_charts(&test, &pool);
        let [rate, statistic] = &charts[..] else { panic!("{charts:?}") };
        assert_eq!((rate.step, &rate.values[..]), (1, &[Some(0.0), None, Some(4.0)][..]));
        assert_eq!(rate.bounds.iter().map(|bound| bound.value).collect::<Vec<_>>(), [0.1, 1.0]);
        let run = test.sprt().unwrap().begin().with(0, 100).with(4, 100);
        assert_eq!(statistic.values.last().copied().flatten(), Some(rounded(run.statistic())));
        assert_eq!(rate.minutes().last(), Some((at(2), Some(4.0))));
    }

    #[test]
    fn a_long_watch_is_thinned_and_its_worst_minutes_stay() {
        let minutes: Vec<(Timestamp, f64)> = (0..350).map(|n| (at(n), if n == 201 { 9.0 } else { 1.0 })).collect();
        let long = chart(("p99", "ms"), &Window { from: at(0), to: at(400) }, &minutes, Vec::new()).unwrap();
        assert_eq!((long.step, long.values.len()), (6, 59));
        assert_eq!(long.values.iter().filter(|value| **value == Some(9.0)).count(), 1);
    }
}
