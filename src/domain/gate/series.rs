//! Metrics as gates see them: one value a minute, and "not known" told from "nothing".

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What is known of a service's metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Series {
    /// These minutes, in any order. A minute that is not there had nothing to tell: no request and no data.
    Known(Vec<Minute>),
    /// They cannot be told, or not in full.
    Unknown(String),
    /// The service gets no requests, and fleet.yaml says so. What its containers use is known all the same.
    NoTraffic(Vec<Minute>),
}

/// One minute of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minute {
    /// When it began.
    pub start: Timestamp,
    /// Requests; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Requests that were answered with 5XX; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<u64>,
    /// 99th percentile of the time to answer, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<u32>,
    /// Processor time, in percent of what is reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<u32>,
    /// Memory, in percent of what is reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_percent: Option<u32>,
}

/// The minutes that count: those that began at `from` or later and had ended by `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When the first may begin.
    pub from: Timestamp,
    /// When the last has ended.
    pub to: Timestamp,
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

impl Minute {
    /// A minute of which nothing is known yet.
    pub fn at(start: Timestamp) -> Self {
        Self { start, requests: None, errors: None, p99_ms: None, cpu_percent: None, memory_percent: None }
    }

    /// Whether requests of it may be judged.
    fn fits(&self) -> bool {
        match (self.requests, self.errors) {
            (Some(requests), Some(errors)) => errors <= requests,
            (Some(requests), None) => requests == 0,
            (None, Some(_)) => false,
            (None, None) => true,
        }
    }
}

impl Window {
    /// Whether a minute counts.
    pub fn has(&self, minute: &Minute) -> bool {
        minute.start >= self.from && minute.start.checked_add(MINUTE).is_ok_and(|end| end <= self.to)
    }
}

/// The minutes of a window, and what is wrong with some of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counted<'a> {
    /// In order; what does not fit is left out.
    pub(super) minutes: Vec<&'a Minute>,
    /// Why they are not all of them.
    pub(super) wrong: Option<String>,
}

impl Series {
    /// The minutes that count, in order, each once. What is wrong with a minute is told and its numbers are not used.
    pub(super) fn counted(&self, window: &Window) -> Counted<'_> {
        let all = match self {
            Self::Known(minutes) | Self::NoTraffic(minutes) => minutes,
            Self::Unknown(why) => return Counted { minutes: Vec::new(), wrong: Some(why.clone()) },
        };
        let mut minutes: Vec<&Minute> = all.iter().filter(|minute| window.has(minute)).collect();
        minutes.sort_by_key(|minute| minute.start);
        let mut wrong = None;
        let twice = minutes.windows(2).find(|pair| pair[0].start == pair[1].start).map(|pair| pair[0].start);
        if let Some(at) = twice {
            wrong = Some(format!("the minute of {at:.0} is there twice"));
            let of: Vec<Timestamp> =
                minutes.windows(2).filter(|p| p[0].start == p[1].start).map(|p| p[0].start).collect();
            minutes.retain(|minute| !of.contains(&minute.start));
        }
        if let Some(bad) = minutes.iter().find(|minute| !minute.fits()) {
            wrong = Some(format!("requests and errors of {:.0} do not fit together, or one is missing", bad.start));
        }
        minutes.retain(|minute| minute.fits());
        Counted { minutes, wrong }
    }

    /// Whether fleet.yaml says that no requests come.
    pub fn has_no_traffic(&self) -> bool {
        matches!(self, Self::NoTraffic(_))
    }
}

impl Counted<'_> {
    /// Requests of all minutes.
    pub(super) fn requests(&self) -> u64 {
        self.minutes.iter().filter_map(|minute| minute.requests).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn minute(start: i64, requests: u64, errors: Option<u64>) -> Minute {
        Minute { requests: Some(requests), errors, ..Minute::at(at(start)) }
    }

    #[test]
    fn inv_26_no_minute_from_before_or_not_yet_over_counts() {
        let series = Series::Known((0..10).rev().map(|start| minute(start, 10, Some(0))).collect());
        let counted = series.counted(&Window { from: at(3), to: at(7) });
        let starts: Vec<Timestamp> = counted.minutes.iter().map(|minute| minute.start).collect();
        assert_eq!(starts, [at(3), at(4), at(5), at(6)]);
        let within = Timestamp::from_second(3 * 60 + 1).unwrap();
        assert_eq!(series.counted(&Window { from: within, to: at(5) }).minutes.len(), 1, "one that had begun is out");
    }

    #[test]
    fn inv_09_what_does_not_fit_is_told_and_not_used() {
        let window = Window { from: at(0), to: at(60) };
        for bad in [minute(1, 5, Some(6)), minute(1, 5, None), Minute { errors: Some(1), ..Minute::at(at(1)) }] {
            let series = Series::Known(vec![minute(0, 10, Some(0)), bad.clone()]);
            let counted = series.counted(&window);
            assert_eq!((counted.minutes.len(), counted.wrong.is_some()), (1, true), "{bad:?}");
        }
        let twice = Series::Known(vec![minute(1, 9, Some(0)), minute(1, 9, Some(9))]);
        assert!(twice.counted(&window).wrong.is_some());
        assert_eq!(twice.counted(&window).requests(), 0);
        assert!(Series::Known(vec![minute(1, 0, None)]).counted(&window).wrong.is_none(), "nothing of nothing");
    }
}
