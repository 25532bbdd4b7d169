//! The report of a small fleet: what was seen, what is recorded, and that unknown is never shown as healthy.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::domain::condition::{ServiceStatus, of_service};
use crate::domain::gate::{self, ErrorPolicy};
use crate::domain::ids::{ContentHash, ServiceKey};
use crate::domain::ledger::{Entry, Intent, RolloutId, RolloutRecord};
use crate::domain::plan::{Direction, Plan};
use crate::domain::planner::sample::{World, key};
use crate::domain::reason::Reason;
use crate::domain::rollout::Event;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn record(id: u64, plan: &Plan, events: Vec<(i64, Event)>) -> RolloutRecord {
    let entries = events.into_iter().zip(1..).map(|((second, event), seq)| Entry { seq, at: at(second), event });
    RolloutRecord {
        id: RolloutId(id),
        opened_at: at(1_000 * i64::try_from(id).unwrap()),
        intent: Intent {
            fleet: plan.fleet.clone(),
            version: plan.release.version.clone(),
            commit: plan.release.commit.clone(),
            plan: plan.hash(),
            direction: Direction::Deploy,
            waves: plan.waves.iter().map(|wave| (wave.name.clone(), wave.sets().len())).collect(),
            run: None,
            by: Some("ana".to_owned()),
            approved: None,
        },
        entries: entries.collect(),
    }
}

/// A fleet of four tenants in waves of one and three, and its plan to 1.1.0.
fn fixture() -> (World, Plan) {
    let mut world = World::with_canary(4);
    world.fleet_mut().gate.errors =
        Some(ErrorPolicy { good: 1_000, bad: 10_000, requests_min: 443, noise: 1, observe: false });
    let plan = world.plan().unwrap();
    (world, plan)
}

fn report(world: &World, rollouts: &[RolloutRecord], plan: Option<&Plan>, looked: Option<&Looked>) -> FleetReport {
    report_with(world, rollouts, plan, looked, &BTreeMap::new())
}

fn report_with(
    world: &World,
    rollouts: &[RolloutRecord],
    plan: Option<&Plan>,
    looked: Option<&Looked>,
    found: &BTreeMap<RolloutId, Vec<gate::WaveReport>>,
) -> FleetReport {
    let statuses = |key: ServiceKey| {
        let seen = looked.and_then(|looked| looked.live.get(&key));
        let state = world.state.services.get(&key);
        of_service(key, seen, state, false)
    };
    let services: Vec<ServiceStatus> = world.keys().into_iter().map(statuses).collect();
    let plans: BTreeMap<ContentHash, Plan> = plan.iter().map(|plan| (plan.hash(), (*plan).clone())).collect();
    fleet(Facts {
        app: &world.app,
        fleet: world.fleet(),
        decided: &[],
        state: &world.state,
        rollouts,
        before: &[],
        plans: &plans,
        found,
        looked,
        services: &services,
        now: at(10_000),
        today: "1970-01-01".parse().unwrap(),
        window: SignedDuration::from_hours(24),
    })
}

#[test]
fn from_records_alone_whatever_serves_is_unknown_and_what_is_recorded_is_there() {
    let (world, plan) = fixture();
    let report = report(&world, &[record(1, &plan, vec![])], None, None);
    assert!(!report.live);
    let services: Vec<&ServiceReport> = report.sets.iter().flat_map(|set| &set.services).collect();
    assert!(!services.is_empty() && services.iter().all(|service| service.condition == Condition::Unknown));
    assert!(services.iter().all(|s| s.version.is_none() && s.recorded == Some("1.0.0".parse().unwrap())));
    assert_eq!(report.rollouts[0].waves.len(), plan.waves.len());
    assert_eq!(report.rollouts[0].waves[0].sets, None, "the plan was not read");
}

#[test]
fn what_was_seen_is_held_against_the_records() {
    let (world, plan) = fixture();
    let mut looked = Looked { live: world.live.clone() };
    looked.live.remove(&key("t01/api"));
    let report = report(&world, &[record(1, &plan, vec![])], Some(&plan), Some(&looked));
    let of = |set: &str| report.sets.iter().find(|s| s.id.as_str() == set).unwrap();
    assert_eq!(of("t00").services[0].condition, Condition::AsRecorded);
    assert_eq!(of("t00").services[0].tasks, Some((2, 2)));
    assert_eq!(of("t01").services[0].condition, Condition::Unknown);
    assert_eq!(of("t00").wave, Some(WaveOf { rollout: 1, number: 2, name: "canary".to_owned() }));
    assert!(of("control-plane").control_plane);
}

#[test]
fn waves_are_told_by_their_events() {
    let (world, plan) = fixture();
    let reason = Reason::ProbeFailed { service: key("t00/api"), failures: 3, last: "HTTP 500".to_owned() };
    let events = vec![
        (1_000, Event::WaveStarted { wave: 0 }),
        (1_060, Event::Baking { wave: 0, since: at(1_060) }),
        (1_400, Event::WaveStarted { wave: 1 }),
        (1_450, Event::Baking { wave: 1, since: at(1_450) }),
        (1_500, Event::Held { wave: 1, reason: Reason::Interrupted }),
        (1_900, Event::Halted { wave: 1, reason }),
    ];
    let report = report(&world, &[record(1, &plan, events.clone())], Some(&plan), None);
    let [first, second, third, ..] = &report.rollouts[0].waves[..] else { panic!("{:?}", report.rollouts[0].waves) };
    assert_eq!((first.standing, first.up, first.ended), (WaveStanding::Passed, Some(at(1_060)), Some(at(1_400))));
    assert_eq!((second.standing, second.ended), (WaveStanding::Stopped, Some(at(1_900))));
    assert_eq!((second.held.len(), second.bake), (1, Some(3_600)));
    assert_eq!((third.standing, third.began), (WaveStanding::Waiting, None));
    assert_eq!(report.rollouts[0].reason.as_ref().map(|told| told.code.as_str()), Some("probe_failed"));

    let held = record(1, &plan, events[..5].to_vec());
    let report = self::report(&world, &[held], Some(&plan), None);
    assert_eq!(report.rollouts[0].waves[1].standing, WaveStanding::Held);
}

#[test]
fn one_cause_is_one_line_whoever_it_met() {
    let (world, plan) = fixture();
    let failed = |of: &str, failures| {
        let reason = Reason::ProbeFailed { service: key(of), failures, last: "HTTP 500".to_owned() };
        Event::Halted { wave: 0, reason }
    };
    let rollouts =
        [record(2, &plan, vec![(2_100, failed("t01/api", 4))]), record(1, &plan, vec![(1_100, failed("t00/api", 3))])];
    let report = report(&world, &rollouts, None, None);
    let [group] = &report.failures[..] else { panic!("{:?}", report.failures) };
    assert_eq!((group.times, group.gate_failed, group.first, group.last), (2, true, at(1_100), at(2_100)));
    assert_eq!(group.sets.iter().map(SetId::as_str).collect::<Vec<_>>(), ["t00", "t01"]);
    assert!(group.example.starts_with("t01/api: 4 probes"), "{}", group.example);
}

#[test]
fn a_wave_shows_what_its_gates_found_last() {
    let (world, plan) = fixture();
    let found = |at: &str, then: &str, verdict: &str| -> gate::WaveReport {
        serde_json::from_value(serde_json::json!({
            "wave": 1, "name": "canary", "since": null, "at": at, "then": then,
            "gates": [{ "gate": "probe", "verdict": verdict, "passed": 0, "failed": 0, "unknown": 0, "without_vote": 0,
                        "findings": [] }],
        }))
        .unwrap()
    };
    let found = vec![found("2026-11-23T08:10:05Z", "held", "unknown"), found("2026-11-23T08:25:05Z", "passed", "pass")];
    let found = BTreeMap::from([(RolloutId(1), found)]);
    let report = report_with(&world, &[record(1, &plan, vec![])], Some(&plan), None, &found);
    let waves = &report.rollouts[0].waves;
    assert!(waves[0].found.is_empty() && waves[1].found.len() == 1);
    assert_eq!(waves[1].found[0].verdict, Some(gate::Word::Pass));
}
