//! Ceilings: latency, processor time and memory that must not stay above what is declared.

use super::series::{Minute, Series, Window};
use super::verdict::{Evidence, Finding, GateName, Subject, Verdict};
use crate::domain::ids::ServiceKey;
use crate::domain::reason::Reason;
use crate::domain::statistics::stayed_over;

/// Requests in the row of minutes from which on a 99th percentile says something: of fewer it is the slowest one.
const REQUESTS_FOR_P99: u64 = 100;

/// One ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// Of what: [`GateName::Latency`] in milliseconds, [`GateName::Cpu`] or [`GateName::Memory`] in percent.
    pub gate: GateName,
    /// The ceiling.
    pub max: u32,
    /// This many minutes above it fail ...
    pub breaches: u32,
    /// ... of so many in a row.
    pub of: u32,
    /// Whether it only watches and has no vote.
    pub observe: bool,
}

impl Ceiling {
    pub(super) fn value(&self, minute: &Minute) -> Option<u32> {
        match self.gate {
            GateName::Latency => minute.p99_ms,
            GateName::Cpu => minute.cpu_percent,
            GateName::Memory => minute.memory_percent,
            _ => None,
        }
    }

    fn word(&self) -> &'static str {
        match self.gate {
            GateName::Cpu => "processor time",
            GateName::Memory => "memory",
            _ => "latency",
        }
    }

    fn unit(&self) -> &'static str {
        if self.gate == GateName::Latency { " ms" } else { " %" }
    }
}

/// Judges one service.
pub fn judge_ceiling(ceiling: &Ceiling, service: &ServiceKey, series: Option<&Series>, window: &Window) -> Finding {
    let subject = Subject::Service(service.clone());
    let finding = |verdict, evidence| Finding::new(ceiling.gate, subject.clone(), verdict, ceiling.observe, evidence);
    let unknown =
        |why: String| Verdict::Unknown(Reason::GateUnknown { what: format!("{} of {service}", ceiling.word()), why });
    let Some(series) = series else {
        return finding(unknown("it was never read".to_owned()), Evidence::words("no metrics".to_owned()));
    };
    if series.has_no_traffic() && ceiling.gate == GateName::Latency {
        let words = "fleet.yaml says that it gets no requests".to_owned();
        return finding(unknown(words.clone()), Evidence::words(words)).without_vote();
    }
    let counted = series.counted(window);
    let values: Vec<u32> = counted.minutes.iter().filter_map(|minute| ceiling.value(minute)).collect();
    let over = stayed_over(&values, ceiling.max, usize::try_from(ceiling.of).unwrap_or(usize::MAX));
    let evidence =
        Evidence::Over { over: over.unwrap_or(0), of: ceiling.of, ceiling: ceiling.max, last: values.last().copied() };
    let breaches = usize::try_from(ceiling.breaches).unwrap_or(usize::MAX);
    let requests = counted.requests();
    let few = ceiling.gate == GateName::Latency && requests < REQUESTS_FOR_P99;
    match (over, counted.wrong) {
        // A percentile of a handful of requests condemns nobody.
        (_, None) if few => {
            finding(unknown(format!("{requests} requests make no percentile")), evidence).without_vote()
        }
        (Some(over), _) if over >= breaches && !few => {
            let (what, unit) = (ceiling.word().to_owned(), ceiling.unit());
            let ceiling = format!("{}{unit}", ceiling.max);
            let reason = Reason::AboveCeiling { service: service.clone(), what, ceiling, minutes: over };
            finding(Verdict::Fail(reason), evidence)
        }
        (_, Some(why)) => finding(unknown(why), evidence),
        (None, None) => finding(unknown(format!("{} minutes are known, of {}", values.len(), ceiling.of)), evidence),
        (Some(_), None) => finding(Verdict::Pass, evidence),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const CEILING: Ceiling = Ceiling { gate: GateName::Latency, max: 800, breaches: 3, of: 5, observe: false };

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn judge(values: &[Option<u32>], requests: u64) -> Finding {
        let minute = |(n, p99_ms): (i64, &Option<u32>)| Minute {
            requests: Some(requests),
            errors: Some(0),
            p99_ms: *p99_ms,
            ..Minute::at(at(n))
        };
        let series = Series::Known((0..).zip(values).map(minute).collect());
        let service = ServiceKey::try_from("acme/api".to_owned()).unwrap();
        judge_ceiling(&CEILING, &service, Some(&series), &Window { from: at(0), to: at(60) })
    }

    #[test]
    fn three_of_five_minutes_fail_and_two_do_not() {
        let slow = Some(900);
        assert_eq!(judge(&[slow, None, Some(100), slow, Some(100), Some(100)], 100).verdict, Verdict::Pass);
        let failed = judge(&[slow, Some(100), slow, Some(100), slow], 100);
        assert!(matches!(failed.verdict, Verdict::Fail(Reason::AboveCeiling { minutes: 3, .. })), "{failed:?}");
    }

    #[test]
    fn a_percentile_of_few_requests_condemns_nobody_and_clears_nobody() {
        let few = judge(&[Some(5_000); 6], 1);
        assert!(matches!(few.verdict, Verdict::Unknown(_)) && !few.votes);
        let missing = judge(&[None; 6], 1_000);
        assert!(matches!(missing.verdict, Verdict::Unknown(_)) && missing.votes);
    }
}
