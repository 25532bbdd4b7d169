//! From CloudWatch's data points to minutes. Whatever is not complete, or is no number of its kind, makes the whole
//! series unknown: a gate must not see half of it.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{MetricDataResult, StatusCode};
use jiff::Timestamp;

use crate::domain::gate::{Minute, Series};

/// What a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Requests,
    Errors,
    P99,
    Cpu,
    Memory,
}

/// What was found of one metric, over all pages.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    points: Vec<(i64, f64)>,
    /// Of its last page; CloudWatch calls earlier ones partial.
    status: Option<String>,
    failed: Option<String>,
}

impl Found {
    pub(super) fn failed(why: String) -> Self {
        Self { failed: Some(why), ..Self::default() }
    }

    /// Takes in a page.
    pub(super) fn take_in(&mut self, result: &MetricDataResult) {
        if result.timestamps().len() != result.values().len() {
            self.failed = Some("CloudWatch gives more times than values, or fewer".to_owned());
        }
        let seconds = result.timestamps().iter().map(aws_smithy_types::DateTime::secs);
        self.points.extend(seconds.zip(result.values().iter().copied()));
        self.status = result.status_code().map(|code| code.as_str().to_owned());
    }

    fn complete(&self) -> Result<&[(i64, f64)], String> {
        match (&self.failed, self.status.as_deref()) {
            (Some(why), _) => Err(why.clone()),
            (None, Some(status)) if status == StatusCode::Complete.as_str() => Ok(&self.points),
            (None, status) => Err(format!("CloudWatch answers {}", status.unwrap_or("without a status"))),
        }
    }
}

/// The series of one service from all that was found of it.
pub(super) fn series<'a>(traffic: bool, found: impl Iterator<Item = (Kind, &'a Found)>) -> Series {
    let mut minutes: BTreeMap<i64, Minute> = BTreeMap::new();
    let mut any = false;
    for (kind, found) in found {
        any = true;
        let points = match found.complete() {
            Ok(points) => points,
            Err(why) => return Series::Unknown(why),
        };
        for (at, value) in points {
            let Ok(start) = Timestamp::from_second(*at) else {
                return Series::Unknown(format!("CloudWatch gives a point at {at} s"));
            };
            let minute = minutes.entry(*at).or_insert_with(|| Minute::at(start));
            if let Err(why) = put(minute, kind, *value) {
                return Series::Unknown(why);
            }
        }
    }
    if traffic && !any {
        return Series::Unknown("its metrics were not read".to_owned());
    }
    let minutes = minutes.into_values().map(|minute| match minute {
        // 5XX is not sent while it is zero; and only where there were requests does that mean zero.
        Minute { requests: Some(_), errors: None, .. } => Minute { errors: Some(0), ..minute },
        minute => minute,
    });
    if traffic { Series::Known(minutes.collect()) } else { Series::NoTraffic(minutes.collect()) }
}

/// Several target groups of one service add up; of two latencies the worse counts.
fn put(minute: &mut Minute, kind: Kind, value: f64) -> Result<(), String> {
    let odd = || format!("CloudWatch gives {value} where it counts {kind:?}");
    if !(0.0..=MOST).contains(&value) {
        return Err(odd());
    }
    match kind {
        Kind::Requests | Kind::Errors => {
            let whole = value.round();
            if (whole - value).abs() > 1e-6 {
                return Err(odd());
            }
            let place = if kind == Kind::Requests { &mut minute.requests } else { &mut minute.errors };
            *place = Some(place.unwrap_or(0).saturating_add(whole as u64));
        }
        Kind::P99 => {
            let ms = (value * 1_000.0).ceil().min(f64::from(u32::MAX)) as u32;
            minute.p99_ms = Some(minute.p99_ms.unwrap_or(0).max(ms));
        }
        Kind::Cpu => minute.cpu_percent = Some(value.ceil().min(f64::from(u32::MAX)) as u32),
        Kind::Memory => minute.memory_percent = Some(value.ceil().min(f64::from(u32::MAX)) as u32),
    }
    Ok(())
}

/// More than this nobody counts in a minute; a number above it is no number of its kind.
const MOST: f64 = 1e15;
