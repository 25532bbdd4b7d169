//! Whether a fleet's edge routers serve what is published: from what each reports of itself and from how many there are.
//! Somebody who is not heard of may serve anything, so that reports alone never tell that all do.

use std::fmt;

use accessos_routing::{REPORT_GOOD_FOR, RouterReport};
use jiff::{SignedDuration, Timestamp};

/// A report as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportSeen {
    /// The name of its object, beside the snapshots.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// When it was written, by the clock of whoever keeps it.
    pub written_at: Timestamp,
}

/// How routers follow what is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Following {
    /// All of them serve the generation, or a later one.
    All {
        /// How many there are.
        routers: u32,
    },
    /// Some do not, and why; a line each.
    Behind(Vec<String>),
    /// There is no telling.
    Unknown(String),
}

impl fmt::Display for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All { routers: 1 } => f.write_str("the one router serves it"),
            Self::All { routers } => write!(f, "all {routers} routers serve it"),
            Self::Behind(lines) => f.write_str(&lines.join("; ")),
            Self::Unknown(why) => f.write_str(why),
        }
    }
}

/// The oldest time at which a report may have been written to count now.
pub fn reports_since(now: Timestamp) -> Timestamp {
    let good_for = SignedDuration::try_from(REPORT_GOOD_FOR).unwrap_or(SignedDuration::MAX);
    now.checked_sub(good_for).unwrap_or(Timestamp::MIN)
}

/// Reports that count at this time, by router. Whoever wrote none lately is not there any more.
///
/// # Errors
/// A report that cannot be read, and why.
pub fn heard(reports: &[ReportSeen], now: Timestamp) -> Result<Vec<RouterReport>, String> {
    let fresh = reports.iter().filter(|report| report.written_at >= reports_since(now));
    let mut heard = fresh
        .map(|report| RouterReport::read(&report.name, &report.bytes).map_err(|problem| problem.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    heard.sort_by(|one, other| one.router.cmp(&other.router));
    Ok(heard)
}

/// Whether every router serves this generation, or a later one. `there` is how many there are.
pub fn following(generation: u64, there: &Result<u32, String>, heard: &Result<Vec<RouterReport>, String>) -> Following {
    let reports = match heard {
        Ok(reports) => reports,
        Err(why) => return Following::Unknown(why.clone()),
    };
    let behind = |report: &&RouterReport| report.generation.is_none_or(|serves| serves < generation);
    let line = |report: &RouterReport| {
        let serves = report.generation.map_or_else(|| "nothing".to_owned(), |serves| format!("generation {serves}"));
        let refused = report.refused.as_ref().map(|why| format!(" and refuses the one after it: {why}"));
        let refused = refused.unwrap_or_default().escape_debug().to_string();
        format!("router {} serves {serves}, not {generation}{refused}", report.router.escape_debug())
    };
    let lines: Vec<String> = reports.iter().filter(behind).map(line).collect();
    if !lines.is_empty() {
        return Following::Behind(lines);
    }
    match there {
        Err(why) => Following::Unknown(format!("how many routers there are is not known: {why}")),
        Ok(0) => Following::Unknown("no router runs".to_owned()),
        // More than run may be heard: one that has just ended.
        Ok(there) if reports.len() >= *there as usize => Following::All { routers: *there },
        Ok(there) => Following::Unknown(format!("{there} routers run, and {} are heard of", reports.len())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn report(router: &str, generation: Option<u64>, refused: Option<&str>) -> RouterReport {
        RouterReport::new(router, "1.0.0", generation, refused)
    }

    fn seen(report: &RouterReport, age: i64) -> ReportSeen {
        let written_at = Timestamp::UNIX_EPOCH - SignedDuration::from_secs(age);
        ReportSeen { name: report.name(), bytes: report.bytes().unwrap(), written_at }
    }

    #[test]
    fn it_is_told_who_lags_and_why() {
        let told = |there: Result<u32, String>, reports: &[RouterReport]| {
            following(7, &there, &Ok(reports.to_vec())).to_string()
        };
        let (new, newer) = (report("a", Some(7), None), report("b", Some(8), None));
        assert_eq!(told(Ok(2), &[new.clone(), newer.clone()]), "all 2 routers serve it");
        assert_eq!(told(Ok(1), &[new.clone(), newer.clone()]), "the one router serves it");
        assert_eq!(told(Ok(3), &[new.clone(), newer]), "3 routers run, and 2 are heard of");
        assert_eq!(told(Ok(0), &[]), "no router runs");
        assert_eq!(told(Err("x".to_owned()), std::slice::from_ref(&new)), "how many routers there are is not known: x");
        let (old, none) = (report("c", Some(6), Some("loses_tenants: 3")), report("d", None, None));
        assert_eq!(
            told(Ok(3), &[new, old, none]),
            "router c serves generation 6, not 7 and refuses the one after it: loses_tenants: 3; router d serves nothing, not 7"
        );
    }

    #[test]
    fn inv_09_what_was_said_long_ago_or_cannot_be_read_does_not_count() {
        let (one, now) = (report("a", Some(7), None), Timestamp::UNIX_EPOCH);
        assert_eq!(heard(&[seen(&one, 60)], now), Ok(vec![one.clone()]));
        assert_eq!(heard(&[seen(&one, 61)], now), Ok(Vec::new()));
        let broken = ReportSeen { bytes: b"{".to_vec(), ..seen(&one, 0) };
        assert!(matches!(following(7, &Ok(1), &heard(&[seen(&one, 0), broken], now)), Following::Unknown(_)));
    }

    proptest! {
        /// Whatever is heard: all follow only if so many as there are say so, and none says otherwise.
        #[test]
        fn inv_09_nobody_is_taken_to_follow_who_did_not_say_so(
            serves in proptest::collection::vec(proptest::option::of(5u64..9), 0..6),
            there in proptest::option::of(0u32..6),
        ) {
            let reports: Vec<RouterReport> =
                serves.iter().enumerate().map(|(at, serves)| report(&at.to_string(), *serves, None)).collect();
            let good = serves.iter().filter(|serves| serves.is_some_and(|serves| serves >= 7)).count();
            let all = matches!(following(7, &there.ok_or_else(String::new), &Ok(reports)), Following::All { .. });
            prop_assert_eq!(all, good == serves.len() && there.is_some_and(|there| there > 0 && good >= there as usize));
        }
    }
}
