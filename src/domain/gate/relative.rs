//! Updated tenants against those that were not updated: did their latency change by more than the others' over the
//! same time? It only ever pauses, because tenants differ in ways that no test knows of.

use super::policy::RelativePolicy;
use super::series::{Series, Window};
use super::verdict::{Evidence, Finding, GateName, Subject, Verdict};
use crate::domain::ids::ServiceName;
use crate::domain::reason::Reason;
use crate::domain::statistics::{chance_of_rank, change, smallest_chance};

/// Minutes that a median takes, before and after.
const MINUTES: usize = 5;

/// Judges one service of a wave. `before` and `after` are the same for all tenants.
pub fn judge_relative<'a>(
    policy: &RelativePolicy,
    service: &ServiceName,
    updated: impl Iterator<Item = Option<&'a Series>>,
    others: impl Iterator<Item = &'a Series>,
    (before, after): (&Window, &Window),
) -> Finding {
    let finding = |verdict, evidence| {
        Finding::new(GateName::Relative, Subject::Pool(service.clone()), verdict, policy.observe, evidence)
    };
    let unknown = |why: String| {
        let what = format!("latency of {service} against tenants not updated");
        Verdict::Unknown(Reason::GateUnknown { what, why })
    };
    let changed = |series: &Series| change(median(series, before)?, median(series, after)?);
    // Who has no traffic to compare is left out here; whether that is fit to pass is for the other gates to say.
    let changes: Vec<f64> = updated.flatten().filter_map(changed).collect();
    let controls: Vec<f64> = others.filter_map(changed).collect();
    let threshold = f64::from(policy.chance) / 1e6;
    let enough = controls.len() >= usize::try_from(policy.controls_min).unwrap_or(usize::MAX)
        && smallest_chance(changes.len(), controls.len()) <= threshold;
    match chance_of_rank(&changes, &controls) {
        Some(chance) if enough => {
            let evidence = Evidence::Rank { updated: changes.len(), others: controls.len(), chance };
            if chance <= threshold {
                let reason = Reason::SlowerThanOthers { service: service.clone(), others: controls.len() };
                finding(Verdict::Unknown(reason), evidence)
            } else {
                finding(Verdict::Pass, evidence)
            }
        }
        chance => {
            let why = format!("{} updated and {} other tenants can be compared", changes.len(), controls.len());
            let rank = |chance| Evidence::Rank { updated: changes.len(), others: controls.len(), chance };
            let evidence = chance.map_or_else(|| Evidence::words(why.clone()), rank);
            finding(unknown(why.clone()), evidence).without_vote()
        }
    }
}

/// The median of the minutes' latencies; none where too few are known.
fn median(series: &Series, window: &Window) -> Option<u32> {
    let counted = series.counted(window);
    if counted.wrong.is_some() {
        return None;
    }
    let mut values: Vec<u32> = counted.minutes.iter().filter_map(|minute| minute.p99_ms).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().filter(|_| values.len() >= MINUTES)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::gate::series::Minute;

    const POLICY: RelativePolicy = RelativePolicy { controls_min: 20, chance: 50_000, observe: false };

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    /// Ten minutes at the one latency, ten at the other.
    fn series(before: u32, after: u32) -> Series {
        let minute = |n| Minute {
            requests: Some(50),
            errors: Some(0),
            p99_ms: Some(if n < 10 { before } else { after }),
            ..Minute::at(at(n))
        };
        Series::Known((0..20).map(minute).collect())
    }

    fn judge(updated: &[Series], others: &[Series]) -> Finding {
        let windows = (&Window { from: at(0), to: at(10) }, &Window { from: at(10), to: at(20) });
        judge_relative(&POLICY, &"api".parse().unwrap(), updated.iter().map(Some), others.iter(), windows)
    }

    #[test]
    fn twice_as_slow_as_everybody_pauses_and_slow_like_everybody_passes() {
        let others: Vec<Series> = (0..25).map(|n| series(100 + n, 130 + n)).collect();
        let worse = judge(&[series(100, 200)], &others);
        assert!(matches!(worse.verdict, Verdict::Unknown(Reason::SlowerThanOthers { .. })), "{worse:?}");
        assert_eq!(judge(&[series(100, 130)], &others).verdict, Verdict::Pass);
    }

    #[test]
    fn with_few_others_it_does_not_judge() {
        let others: Vec<Series> = (0..10).map(|_| series(100, 100)).collect();
        let finding = judge(&[series(100, 900)], &others);
        assert!(matches!(finding.verdict, Verdict::Unknown(_)) && !finding.votes, "{finding:?}");
    }
}
