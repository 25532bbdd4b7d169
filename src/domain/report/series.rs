//! What the gates of a wave read, as charts show it: one service of all tenants of the wave in one series.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::gate::{GatePolicy, Minute, Series};
use crate::domain::ids::{ServiceKey, ServiceName};

/// One service of a wave, pooled over its tenants.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WaveSeries {
    /// Which service.
    #[schemars(with = "String")]
    pub service: ServiceName,
    /// Tenants whose minutes are in it.
    pub tenants: usize,
    /// Tenants of the wave that have the service. Of a large wave only some are read for a chart.
    pub of: usize,
    /// What could not be read, and why; their minutes are not in it.
    pub unknown: Vec<String>,
    /// The minutes, in order.
    pub minutes: Vec<PooledMinute>,
    /// Where the gate draws its lines.
    pub bounds: Bounds,
}

/// One minute over all tenants. What no tenant told is left out, and is not zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PooledMinute {
    /// When it began.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Requests of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Requests of all that were answered with 5XX.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<u64>,
    /// 99th percentile of the slowest, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<u32>,
    /// Processor time of the busiest, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<u32>,
    /// Memory of the fullest, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_percent: Option<u32>,
}

/// Where a gate draws its lines; none where it asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bounds {
    /// The error rate of a good release, in parts per million.
    pub errors_good: Option<u32>,
    /// That of a bad one.
    pub errors_bad: Option<u32>,
    /// The 99th percentile, in milliseconds.
    pub p99_ms: Option<u32>,
    /// Processor time, in percent.
    pub cpu_percent: Option<u32>,
    /// Memory, in percent.
    pub memory_percent: Option<u32>,
}

/// The series of a wave by service. `of` counts the tenants of the whole wave that have each service.
pub(super) fn pooled(
    gate: &GatePolicy,
    read: &BTreeMap<ServiceKey, Series>,
    of: &BTreeMap<ServiceName, usize>,
) -> Vec<WaveSeries> {
    let bounds = bounds(gate);
    let series = |(service, of): (&ServiceName, &usize)| {
        let (mut minutes, mut unknown, mut tenants) = (BTreeMap::new(), Vec::new(), 0);
        for (key, series) in read.iter().filter(|(key, _)| &key.service == service) {
            match series {
                Series::Unknown(why) => unknown.push(format!("{}: {why}", key.set)),
                Series::Known(of_tenant) | Series::NoTraffic(of_tenant) => {
                    tenants += 1;
                    of_tenant.iter().for_each(|minute| add(&mut minutes, minute));
                }
            }
        }
        let minutes: Vec<PooledMinute> = minutes.into_values().collect();
        let told = !minutes.is_empty() || !unknown.is_empty();
        let (service, of, bounds) = (service.clone(), *of, bounds.clone());
        told.then_some(WaveSeries { service, tenants, of, unknown, minutes, bounds })
    };
    of.iter().filter_map(series).collect()
}

fn add(minutes: &mut BTreeMap<Timestamp, PooledMinute>, minute: &Minute) {
    let pooled = minutes.entry(minute.start).or_insert_with(|| PooledMinute {
        at: minute.start,
        requests: None,
        errors: None,
        p99_ms: None,
        cpu_percent: None,
        memory_percent: None,
    });
    let sum = |all: &mut Option<u64>, one: Option<u64>| {
        if let Some(one) = one {
            *all = Some(all.unwrap_or(0).saturating_add(one));
        }
    };
    sum(&mut pooled.requests, minute.requests);
    sum(&mut pooled.errors, minute.errors);
    pooled.p99_ms = pooled.p99_ms.max(minute.p99_ms);
    pooled.cpu_percent = pooled.cpu_percent.max(minute.cpu_percent);
    pooled.memory_percent = pooled.memory_percent.max(minute.memory_percent);
}

fn bounds(gate: &GatePolicy) -> Bounds {
    Bounds {
        errors_good: gate.errors.as_ref().map(|errors| errors.good),
        errors_bad: gate.errors.as_ref().map(|errors| errors.bad),
        p99_ms: gate.latency.as_ref().map(|latency| latency.p99_max),
        cpu_percent: gate.saturation.as_ref().and_then(|saturation| saturation.cpu_max),
        memory_percent: gate.saturation.as_ref().and_then(|saturation| saturation.memory_max),
    }
}
