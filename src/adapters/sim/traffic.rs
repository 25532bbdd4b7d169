//! The port to metrics and alarms, on the simulated world: requests, errors and latency by chance from a seed, so
//! that the same minute is the same however often it is asked for.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Sim;
use super::service::FaultKind;
use super::world::World;
use crate::domain::fleet::Address;
use crate::domain::gate::{Alarm, AlarmState, CommandAnswer, Minute, Series};
use crate::domain::ids::{CellName, ContentHash, ServiceKey};
use crate::ports::{CommandOrder, CommandRunner, MetricsQuery, MetricsReader, PortResult};

/// What comes in at a service, and how it answers while it is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// Requests a minute.
    pub requests: u64,
    /// Errors among a million of them.
    pub errors_ppm: u64,
    /// 99th percentile of the time to answer.
    pub p99_ms: u32,
}

impl Default for Traffic {
    /// Five requests a second, of which one in five thousand fails.
    fn default() -> Self {
        Self { requests: 300, errors_ppm: 200, p99_ms: 120 }
    }
}

/// What an image that fails some of its requests adds.
const FAILS_SOME_PPM: u64 = 50_000;
/// How much longer one that is slower takes.
const SLOWER: u32 = 4;
const MINUTE: i64 = 60;
const MILLION: u64 = 1_000_000;

#[async_trait]
impl MetricsReader for Sim {
    async fn series(&self, queries: &[MetricsQuery]) -> BTreeMap<ServiceKey, Series> {
        let mut world = self.world();
        world.count("CloudWatch GetMetricData");
        queries.iter().map(|query| (query.service.service.clone(), series(&world, query))).collect()
    }

    async fn alarms(&self, _cell: &CellName, prefix: &str, only_ringing: bool) -> PortResult<Vec<Alarm>> {
        let mut world = self.world();
        world.count("CloudWatch DescribeAlarms");
        let alarm = |name: String| {
            let rings = world.ringing.contains(&name) || (world.alarm_on_errors && fails_some(&world, &name));
            let state = if rings { AlarmState::Ringing } else { AlarmState::Quiet };
            Alarm { name, state, why: if rings { "Threshold Crossed".to_owned() } else { String::new() } }
        };
        // Each service has one alarm, named as it is.
        let named = world
            .services
            .keys()
            .filter_map(|key| key.rsplit('/').next())
            .map(|service| format!("{service}-5xx"))
            .filter(|name| name.starts_with(prefix));
        let alarms = named.map(alarm).filter(|alarm| !only_ringing || alarm.state == AlarmState::Ringing);
        Ok(alarms.collect())
    }
}

/// There is no executable in a simulated world: whoever asks is told so, which is unknown.
#[async_trait]
impl CommandRunner for Sim {
    async fn ask(&self, _order: &CommandOrder) -> CommandAnswer {
        CommandAnswer::Nothing("commands do not run in a simulated world".to_owned())
    }
}

/// Whether the service of this alarm runs an image that fails some of its requests.
fn fails_some(world: &World, alarm: &str) -> bool {
    let service = alarm.strip_suffix("-5xx").and_then(|name| world.services.get(name));
    service.is_some_and(|service| service.is_done(world.now) && service.flaw(world) == Some(FaultKind::FailsSome))
}

fn series(world: &World, query: &MetricsQuery) -> Series {
    let Some(service) = world.service(&query.service) else { return Series::Known(Vec::new()) };
    let traffic = world.traffic_of.get(&query.service.ecs_service).copied().unwrap_or(world.traffic);
    let flaw = service.flaw(world).filter(|_| service.is_done(world.now));
    let first = query.from.as_second().div_euclid(MINUTE) + i64::from(query.from.as_second().rem_euclid(MINUTE) > 0);
    let last = query.to.min(world.now).as_second().div_euclid(MINUTE);
    let minutes = (first..last).filter_map(|minute| {
        let start = Timestamp::from_second(minute * MINUTE).ok()?;
        let flaw = flaw.filter(|_| start >= service.done_at());
        Some(at(&query.service, traffic, flaw, start, query.traffic && service.desired > 0))
    });
    let minutes = minutes.collect();
    if query.traffic { Series::Known(minutes) } else { Series::NoTraffic(minutes) }
}

fn at(address: &Address, traffic: Traffic, flaw: Option<FaultKind>, start: Timestamp, comes: bool) -> Minute {
    let mut chance = Chance::of(address, start);
    let ppm = match flaw {
        Some(FaultKind::FailsSome) => FAILS_SOME_PPM,
        Some(FaultKind::Answers500) => MILLION,
        _ => traffic.errors_ppm,
    };
    let slower = if flaw == Some(FaultKind::Slower) { SLOWER } else { 1 };
    let requests = if comes { traffic.requests * (90 + chance.below(21)) / 100 } else { 0 };
    let errors = (0..requests).filter(|_| chance.below(MILLION) < ppm).count();
    let p99 = traffic.p99_ms * slower * u32::try_from(95 + chance.below(11)).unwrap_or(100) / 100;
    Minute {
        start,
        requests: (requests > 0).then_some(requests),
        errors: (requests > 0).then(|| u64::try_from(errors).unwrap_or(requests)),
        p99_ms: (requests > 0).then_some(p99),
        cpu_percent: Some(20),
        memory_percent: Some(40),
    }
}

/// Numbers by chance that follow from a service and a minute (SplitMix64).
struct Chance(u64);

impl Chance {
    fn of(address: &Address, start: Timestamp) -> Self {
        let hash = ContentHash::of(format!("{} {}", address.ecs_service, start.as_second()).as_bytes());
        let seed = hash.as_str().get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        Self(seed.unwrap_or_default())
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_minute_is_the_same_however_often_it_is_asked_for_and_a_flaw_shows() {
        let address = Address {
            service: ServiceKey::try_from("acme/iam".to_owned()).unwrap(),
            cell: "prod-1".parse().unwrap(),
            cluster: "c".to_owned(),
            ecs_service: "shop-prod-acme-iam".to_owned(),
        };
        let of = |flaw, start| at(&address, Traffic::default(), flaw, start, true);
        let start = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        assert_eq!(of(None, start), of(None, start));
        let errors =
            |flaw| (0..60).map(|n| of(flaw, start + SignedDuration::from_mins(n)).errors.unwrap()).sum::<u64>();
        assert!(errors(None) < 20 && errors(Some(FaultKind::FailsSome)) > 500);
        assert!(of(Some(FaultKind::Slower), start).p99_ms.unwrap() > 400);
        assert_eq!(at(&address, Traffic::default(), None, start, false).requests, None);
    }
}
