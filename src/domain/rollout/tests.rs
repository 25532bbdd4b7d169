//! What the loop decides, state by state, and what it must never decide.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::domain::calendar::Calendar;
use crate::domain::fleet::OnFailure;
use crate::domain::gate::{GatePolicy, OnUnknown, Probe, ProbePolicy, ProbeRecord, TargetHealth};
use crate::domain::ids::{ContentHash, ServiceName};
use crate::domain::plan::{Direction, PLAN_SCHEMA, Target};
use crate::domain::release::Release;
use crate::domain::snapshot::{Ahead, Availability, FailedDeployment, Live, RolloutState, Runs, TaskStarts};

pub(super) const MINUTE: SignedDuration = SignedDuration::from_mins(1);

pub(super) fn at(minutes: i64) -> Timestamp {
    "2026-11-23T09:00:00Z".parse::<Timestamp>().unwrap() + MINUTE * i32::try_from(minutes).unwrap()
}

pub(super) fn key(text: &str) -> ServiceKey {
    ServiceKey::try_from(text.to_owned()).unwrap()
}

/// One service on its placeholder, whose first release wants two tasks.
fn first() -> Change {
    let api = change("acme/api", &[]);
    Change {
        before: Target { tasks: Some(0), ..api.before },
        target: Target { tasks: Some(2), ..api.target },
        after: Vec::new(),
        ..api
    }
}

fn of_first(direction: Direction) -> Plan {
    let change = if direction == Direction::Deploy { first() } else { first().reversed(&[]) };
    let wave = Wave { name: "one".to_owned(), bake: MINUTE * 5, changes: vec![change] };
    Plan { direction, waves: vec![wave], ..plan() }
}

#[test]
fn a_service_on_its_placeholder_gets_its_first_tasks() {
    let opened = Rollout::replay(of_first(Direction::Deploy), at(0), [], at(0)).unwrap();
    let none = |runs| Live { desired: 0, running: 0, ..done(runs) };
    let ahead = Ahead { way_back: Availability::Unknown { why: "no digest".to_owned() }, ..ready(none("old")) };
    let mut snapshot = Snapshot::default();
    snapshot.ahead.insert(key("acme/api"), ahead);
    assert_eq!(decide(&opened, &snapshot, 0), Decision::Record(Event::WaveStarted { wave: 0 }));
    let mut rollout =
        Rollout::replay(of_first(Direction::Deploy), at(0), [Event::WaveStarted { wave: 0 }], at(0)).unwrap();
    let standing = |rollout: &Rollout, live: Live| rollout.standing(&first(), &seen(&[("acme/api", live)]), at(1));
    assert_eq!(standing(&rollout, none("old")), Standing::AsBefore);
    rollout.note_sent(&key("acme/api"), "ecs-svc/2".parse().unwrap(), at(1));
    assert_eq!(standing(&rollout, none("old")), Standing::Moving, "a stale look");
    assert!(matches!(standing(&rollout, none("new")), Standing::Unknown(Reason::Unproven { .. })), "by somebody");
    assert_eq!(standing(&rollout, Live { running: 1, ..done("new") }), Standing::Moving);
}

#[test]
fn a_first_release_that_is_taken_back_rests_at_no_task() {
    let back = of_first(Direction::RollbackTo("1.0.0".parse().unwrap()));
    let change = back.waves[0].changes[0].clone();
    let mut rollout = Rollout::replay(back, at(0), [Event::WaveStarted { wave: 0 }], at(0)).unwrap();
    let standing = |rollout: &Rollout, live: Live| rollout.standing(&change, &seen(&[("acme/api", live)]), at(1));
    assert_eq!(standing(&rollout, done("new")), Standing::AsBefore);
    assert_eq!(standing(&rollout, done("old")), Standing::AsBefore, "ECS went back by itself, with the tasks");
    assert!(matches!(standing(&rollout, done("console")), Standing::Foreign(_)));
    rollout.note_sent(&key("acme/api"), "ecs-svc/2".parse().unwrap(), at(1));
    assert_eq!(standing(&rollout, done("old")), Standing::Moving, "a stale look");
    let rests = Live { desired: 0, running: 0, ..done("old") };
    assert_eq!(standing(&rollout, rests.clone()), Standing::OnTarget);
    let events = [Event::WaveStarted { wave: 0 }, Event::Baking { wave: 0, since: at(1) }];
    let baking = Rollout::replay(rollout.plan().clone(), at(0), events, at(1)).unwrap();
    assert_eq!(decide(&baking, &seen(&[("acme/api", rests)]), 7), Decision::Record(Event::Succeeded), "nothing to ask");
}

fn hash(text: &str) -> ContentHash {
    ContentHash::of(text.as_bytes())
}

fn arn(text: &str) -> crate::domain::ids::TaskDefinitionArn {
    format!("arn:aws:ecs:eu-west-1:1:task-definition/{text}:1").parse().unwrap()
}

fn target(text: &str) -> Target {
    Target { hash: hash(text), task_definition: None, template: None, digest: None, version: None, tasks: None }
}

pub(super) fn change(service: &str, after: &[&str]) -> Change {
    let service = key(service);
    Change {
        role: crate::domain::service::Role::Serving,
        ecs_service: service.to_string(),
        after: after.iter().map(|name| name.parse::<ServiceName>().unwrap()).collect(),
        before: target("old"),
        target: target("new"),
        configuration: Vec::new(),
        probe: Some(Probe { service: service.clone(), url: "http://x/".to_owned(), host: "x".to_owned() }),
        service,
    }
}

/// A canary wave with two services, one after the other, and a second wave with one.
pub(super) fn plan() -> Plan {
    let wave = |name: &str, changes| Wave { name: name.to_owned(), bake: MINUTE * 5, changes };
    Plan {
        schema: PLAN_SCHEMA,
        app: "shop".parse().unwrap(),
        fleet: "prod".parse().unwrap(),
        release: Release {
            version: "1.1.0".parse().unwrap(),
            commit: "a".repeat(40).parse().unwrap(),
            images: BTreeMap::new(),
        },
        replaces: Some("1.0.0".parse().unwrap()),
        direction: Direction::Deploy,
        waves: vec![
            wave("canary", vec![change("acme/api", &[]), change("acme/worker", &["api"])]),
            wave("rest", vec![change("hooli/api", &[])]),
        ],
        unchanged: Vec::new(),
        excluded: Vec::new(),
        unlicensed: Vec::new(),
        on_failure: OnFailure::RollbackAll,
        failure_budget: 0,
        gate: GatePolicy {
            deadline: MINUTE * 15,
            poll: SignedDuration::from_secs(5),
            stopped_tasks_max: 1,
            targets_healthy: true,
            probe: Some(ProbePolicy {
                url: String::new(),
                every: SignedDuration::from_secs(10),
                failures_max: 2,
                version_must_match: true,
                observe: false,
            }),
            unknown: OnUnknown::Hold,
            ..GatePolicy::default()
        },
    }
}

pub(super) fn live(runs: &str, deployment: &str, rollout: RolloutState) -> Live {
    Live {
        runs: Runs { task_definition: arn(runs), hash: hash(runs), digest: None },
        deployment: deployment.parse().unwrap(),
        began: at(-1),
        rollout,
        desired: 2,
        running: 2,
        failed_tasks: 0,
        starts: TaskStarts { kept_since: None, started: vec![(at(-1), 2)] },
        failed: Vec::new(),
    }
}

pub(super) fn seen(services: &[(&str, Live)]) -> Snapshot {
    let services = services.iter().map(|(name, live)| (key(name), ServiceSeen::Live(live.clone())));
    Snapshot { services: services.collect(), ..Snapshot::default() }
}

pub(super) fn done(runs: &str) -> Live {
    live(runs, "ecs-svc/1", RolloutState::Completed)
}

fn deploying(wave: usize) -> Rollout {
    let events: &[Event] =
        &[Event::WaveStarted { wave: 0 }, Event::Baking { wave: 0, since: at(1) }, Event::WaveStarted { wave: 1 }];
    Rollout::replay(plan(), at(0), events[..=wave * 2].to_vec(), at(0)).unwrap()
}

fn baking() -> Rollout {
    let events = [Event::WaveStarted { wave: 0 }, Event::Baking { wave: 0, since: at(1) }];
    Rollout::replay(plan(), at(0), events, at(1)).unwrap()
}

/// The decision on what was seen, with everything there that the next wave needs.
fn decide(rollout: &Rollout, seen: &Snapshot, minutes: i64) -> Decision {
    let mut seen = seen.clone();
    for change in rollout.plan().changes() {
        seen.ahead.entry(change.service.clone()).or_insert_with(|| ready(done("old")));
    }
    rollout.decide(&seen, &Calendar::default(), at(minutes))
}

fn ready(live: Live) -> Ahead {
    Ahead { live: ServiceSeen::Live(live), image: Availability::Yes, way_back: Availability::Yes }
}

/// Three tenants with one service in one wave, of which one may be left behind.
fn wave_of_three() -> Rollout {
    let changes = ["acme/api", "hooli/api", "wayne/api"].map(|name| change(name, &[])).to_vec();
    let waves = vec![Wave { name: "all".to_owned(), bake: MINUTE * 5, changes }];
    let plan = Plan { waves, failure_budget: 1, ..plan() };
    Rollout::replay(plan, at(0), [Event::WaveStarted { wave: 0 }], at(0)).unwrap()
}

fn gave_up(runs: &str, why: &str) -> Live {
    let id: crate::domain::ids::DeploymentId = "ecs-svc/2".parse().unwrap();
    let failed = FailedDeployment { id: id.clone(), hash: Some(hash("new")), began: at(1), why: why.to_owned() };
    Live { deployment: id, failed: vec![failed], ..live(runs, "ecs-svc/2", RolloutState::Failed) }
}

pub(super) fn halted_by(decision: &Decision) -> String {
    match decision {
        Decision::Record(Event::Halted { reason, .. }) => reason.code(),
        other => panic!("{other:?}"),
    }
}

fn healthy(mut snapshot: Snapshot) -> Snapshot {
    for service in snapshot.services.keys() {
        let record = ProbeRecord::default().with(Ok(()), at(1));
        snapshot.health.probes.insert(service.clone(), record);
        snapshot.health.targets.insert(service.clone(), TargetHealth::Healthy(2));
    }
    snapshot
}

#[test]
fn inv_22_a_service_waits_for_what_it_comes_after() {
    let rollout = deploying(0);
    let both_old = seen(&[("acme/api", done("old")), ("acme/worker", done("old"))]);
    assert_eq!(decide(&rollout, &both_old, 0), Decision::Deploy(vec![key("acme/api")]));
    let api_moves = live("new", "ecs-svc/2", RolloutState::InProgress);
    let half = seen(&[("acme/api", api_moves), ("acme/worker", done("old"))]);
    assert!(matches!(decide(&rollout, &half, 0), Decision::Wait { .. }));
    let api_done = seen(&[("acme/api", done("new")), ("acme/worker", done("old"))]);
    assert_eq!(decide(&rollout, &api_done, 0), Decision::Deploy(vec![key("acme/worker")]));
    let both_new = seen(&[("acme/api", done("new")), ("acme/worker", done("new"))]);
    assert_eq!(decide(&rollout, &both_new, 2), Decision::Record(Event::Baking { wave: 0, since: at(2) }));
}

#[test]
fn inv_38_stable_after_a_rollback_is_a_failure() {
    let mut rollout = deploying(0);
    rollout.note_sent(&key("acme/api"), "ecs-svc/2".parse().unwrap(), at(0));
    // PRIMARY is the old deployment again, COMPLETED, all tasks running: "services stable" would say yes.
    let back = seen(&[("acme/api", done("old")), ("acme/worker", done("old"))]);
    rollout.note_seen(&back);
    assert!(matches!(decide(&rollout, &back, 1), Decision::Wait { .. }), "one read may be stale");
    rollout.note_seen(&back);
    assert_eq!(halted_by(&decide(&rollout, &back, 1)), "deployment_failed");
}

#[test]
fn inv_05_a_failure_is_seen_by_a_process_that_did_not_send_the_update() {
    let mut rolled_back = done("old");
    rolled_back.failed = vec![FailedDeployment {
        id: "ecs-svc/2".parse().unwrap(),
        hash: Some(hash("new")),
        began: at(1),
        why: "circuit breaker".to_owned(),
    }];
    let snapshot = seen(&[("acme/api", rolled_back.clone()), ("acme/worker", done("old"))]);
    assert_eq!(halted_by(&decide(&deploying(0), &snapshot, 2)), "deployment_failed");
    // What failed before this rollout was opened was another try.
    rolled_back.failed[0].began = at(-1);
    let snapshot = seen(&[("acme/api", rolled_back), ("acme/worker", done("old"))]);
    assert_eq!(decide(&deploying(0), &snapshot, 2), Decision::Deploy(vec![key("acme/api")]));
}

#[test]
fn inv_06_what_is_on_its_way_is_not_sent_again() {
    let on_its_way = live("new", "ecs-svc/2", RolloutState::InProgress);
    let snapshot = seen(&[("acme/api", on_its_way.clone()), ("acme/worker", done("old"))]);
    assert!(matches!(decide(&deploying(0), &snapshot, 1), Decision::Wait { .. }));
    assert_eq!(halted_by(&decide(&deploying(0), &snapshot, 16)), "deadline_passed");
}

#[test]
fn inv_10_zero_tasks_prove_nothing() {
    for runs in ["old", "new"] {
        let asleep = Live { desired: 0, running: 0, ..done(runs) };
        let snapshot = seen(&[("acme/api", asleep), ("acme/worker", done(runs))]);
        let Decision::Done(Some(reason)) = decide(&deploying(0), &snapshot, 1) else { panic!("{runs}") };
        assert_eq!(reason.code(), "unproven");
    }
}

#[test]
fn inv_37_a_foreign_change_stops_and_is_not_overwritten() {
    let snapshot = seen(&[("acme/api", done("console")), ("acme/worker", done("old"))]);
    assert_eq!(halted_by(&decide(&deploying(0), &snapshot, 1)), "foreign_change");
    let in_bake = seen(&[("acme/api", done("console")), ("acme/worker", done("new"))]);
    assert_eq!(halted_by(&decide(&baking(), &healthy(in_bake), 2)), "foreign_change");
}

#[test]
fn inv_01_the_next_wave_waits_for_the_gate() {
    let up = seen(&[("acme/api", done("new")), ("acme/worker", done("new"))]);
    assert!(matches!(decide(&baking(), &healthy(up.clone()), 3), Decision::Wait { .. }), "not before the end");
    assert_eq!(decide(&baking(), &healthy(up.clone()), 6), Decision::Record(Event::WaveStarted { wave: 1 }));
    // Nothing was probed: it waits a while for an answer, and then holds.
    assert!(matches!(decide(&baking(), &up, 6), Decision::Wait { .. }));
    let Decision::Done(Some(reason)) = decide(&baking(), &up, 22) else { panic!() };
    assert_eq!(reason.code(), "gate_unknown");
}

#[test]
fn a_bad_probe_stops_the_wave_before_the_bake_is_over() {
    let mut snapshot = healthy(seen(&[("acme/api", done("new")), ("acme/worker", done("new"))]));
    let mut record = ProbeRecord::default();
    for _ in 0..3 {
        record = record.with(Err("HTTP 500".to_owned()), at(2));
    }
    snapshot.health.probes.insert(key("acme/api"), record);
    assert_eq!(halted_by(&decide(&baking(), &snapshot, 2)), "probe_failed");
}

#[test]
fn a_closed_calendar_holds_a_release_and_not_a_rollback() {
    use crate::domain::calendar::Freeze;
    let freeze = Freeze {
        from: "2026-11-01".parse().unwrap(),
        to: "2026-11-30".parse().unwrap(),
        zone: "UTC".to_owned(),
        reason: "test".to_owned(),
    };
    let frozen = Calendar { windows: Vec::new(), freezes: vec![freeze] };
    let opened = |plan: Plan| Rollout::replay(plan, at(0), [], at(0)).unwrap();
    let decided = opened(plan()).decide(&Snapshot::default(), &frozen, at(0));
    assert!(matches!(decided, Decision::Done(Some(Reason::Frozen { .. }))));
    let back = Plan { direction: Direction::RollbackTo("1.0.0".parse().unwrap()), ..plan() };
    let decided = opened(back).decide(&Snapshot::default(), &frozen, at(0));
    assert_eq!(decided, Decision::Record(Event::WaveStarted { wave: 0 }));
}

#[test]
fn a_tenant_that_fails_alone_goes_back_and_the_wave_goes_on_without_it() {
    let mut rollout = wave_of_three();
    let snapshot =
        seen(&[("acme/api", gave_up("new", "breaker")), ("hooli/api", done("new")), ("wayne/api", done("new"))]);
    let Decision::Record(event) = decide(&rollout, &snapshot, 2) else { panic!() };
    assert!(matches!(&event, Event::Quarantined { wave: 0, set, .. } if set.as_str() == "acme"), "{event:?}");
    rollout.apply(&event, at(2)).unwrap();
    assert_eq!(decide(&rollout, &snapshot, 2), Decision::Deploy(vec![key("acme/api")]), "it goes back");
    let back = seen(&[("acme/api", done("old")), ("hooli/api", done("new")), ("wayne/api", done("new"))]);
    assert_eq!(decide(&rollout, &back, 3), Decision::Record(Event::Baking { wave: 0, since: at(3) }));
    rollout.apply(&Event::Baking { wave: 0, since: at(3) }, at(3)).unwrap();
    assert_eq!(decide(&rollout, &healthy(back), 9), Decision::Record(Event::Succeeded));
}

#[test]
fn the_same_failure_twice_is_the_releases_and_stops_the_wave() {
    let mut rollout = wave_of_three();
    let both = seen(&[
        ("acme/api", gave_up("new", "task 1 exited")),
        ("hooli/api", gave_up("new", "task 22 exited")),
        ("wayne/api", done("new")),
    ]);
    let Decision::Record(event) = decide(&rollout, &both, 2) else { panic!() };
    rollout.apply(&event, at(2)).unwrap();
    assert_eq!(halted_by(&decide(&rollout, &both, 2)), "deployment_failed");
}

#[test]
fn another_failure_beyond_the_budget_stops_the_wave() {
    let mut rollout = wave_of_three();
    let two = seen(&[
        ("acme/api", gave_up("new", "out of memory")),
        ("hooli/api", gave_up("new", "exited")),
        ("wayne/api", done("new")),
    ]);
    let Decision::Record(event) = decide(&rollout, &two, 2) else { panic!() };
    rollout.apply(&event, at(2)).unwrap();
    assert_eq!(halted_by(&decide(&rollout, &two, 2)), "deployment_failed");
}

#[test]
fn a_wave_in_which_nobody_runs_the_release_has_shown_nothing() {
    let plan = Plan { failure_budget: 5, ..plan() };
    let rollout = Rollout::replay(plan, at(0), [Event::WaveStarted { wave: 0 }], at(0)).unwrap();
    let snapshot = seen(&[("acme/api", gave_up("new", "exited")), ("acme/worker", done("old"))]);
    assert_eq!(halted_by(&decide(&rollout, &snapshot, 2)), "deployment_failed", "the only canary");
}

#[test]
fn a_quarantined_tenant_that_does_not_come_back_is_a_failed_rollback() {
    let mut rollout = wave_of_three();
    let reason = Reason::TasksStopped { service: key("acme/api"), stopped: 3 };
    rollout.apply(&Event::Quarantined { wave: 0, set: "acme".parse().unwrap(), reason }, at(2)).unwrap();
    let snapshot = seen(&[
        ("acme/api", live("old", "ecs-svc/3", RolloutState::Failed)),
        ("hooli/api", done("new")),
        ("wayne/api", done("new")),
    ]);
    assert_eq!(halted_by(&decide(&rollout, &snapshot, 3)), "rollback_failed");
}

#[test]
fn a_wave_does_not_begin_without_images_a_way_back_and_the_base_of_the_plan() {
    let opened = Rollout::replay(plan(), at(0), [], at(0)).unwrap();
    let decided = |ahead: Ahead, minutes| {
        let mut snapshot = Snapshot::default();
        snapshot.ahead.insert(key("acme/api"), ahead);
        decide(&opened, &snapshot, minutes)
    };
    let code = |ahead| match decided(ahead, 0) {
        Decision::Done(Some(reason)) => reason.code(),
        other => panic!("{other:?}"),
    };
    assert_eq!(decided(ready(done("old")), 0), Decision::Record(Event::WaveStarted { wave: 0 }));
    assert_eq!(decided(ready(done("new")), 0), Decision::Record(Event::WaveStarted { wave: 0 }), "there already");
    assert_eq!(code(ready(done("console"))), "foreign_change");
    assert_eq!(code(ready(Live { desired: 0, running: 0, ..done("old") })), "unproven");
    let no_way = Ahead { way_back: Availability::No { why: "its secret is gone".to_owned() }, ..ready(done("old")) };
    assert_eq!(code(no_way), "no_way_back");
    let unknown = Ahead { way_back: Availability::Unknown { why: "AccessDenied".to_owned() }, ..ready(done("old")) };
    assert!(matches!(decided(unknown.clone(), 1), Decision::Wait { .. }), "it may become readable");
    assert!(matches!(decided(unknown, 16), Decision::Done(Some(Reason::GateUnknown { .. }))), "it never passes");
    let in_flight = ready(live("old", "ecs-svc/7", RolloutState::InProgress));
    assert!(matches!(decided(in_flight, 1), Decision::Wait { .. }));
}

#[test]
fn inv_11_what_is_frozen_in_the_middle_of_a_wave_is_not_updated() {
    use crate::domain::calendar::Freeze;
    let freeze = Freeze {
        from: "2026-11-23".parse().unwrap(),
        to: "2026-11-30".parse().unwrap(),
        zone: "UTC".to_owned(),
        reason: "incident".to_owned(),
    };
    let frozen = Calendar { windows: Vec::new(), freezes: vec![freeze] };
    let both_old = seen(&[("acme/api", done("old")), ("acme/worker", done("old"))]);
    let decided = deploying(0).decide(&both_old, &frozen, at(0));
    assert!(matches!(decided, Decision::Done(Some(Reason::Frozen { .. }))), "{decided:?}");
}

#[test]
fn inv_17_a_rollback_that_fails_says_so() {
    let back = Plan { direction: Direction::RollbackOf(hash("x")), ..plan() };
    let rollout = Rollout::replay(back, at(0), [Event::WaveStarted { wave: 0 }], at(0)).unwrap();
    let failed = live("new", "ecs-svc/2", RolloutState::Failed);
    let snapshot = seen(&[("acme/api", failed), ("acme/worker", done("old"))]);
    assert_eq!(halted_by(&decide(&rollout, &snapshot, 1)), "rollback_failed");
}

#[test]
fn a_rollback_does_not_wait_for_what_it_takes_back() {
    let back = Plan { direction: Direction::RollbackOf(hash("x")), ..plan() };
    let rollout = Rollout::replay(back, at(0), [Event::WaveStarted { wave: 0 }], at(0)).unwrap();
    let stuck = live("old", "ecs-svc/2", RolloutState::InProgress);
    let snapshot = seen(&[("acme/api", stuck.clone()), ("acme/worker", done("new"))]);
    assert_eq!(decide(&rollout, &snapshot, 1), Decision::Deploy(vec![key("acme/api")]));
    assert!(matches!(decide(&deploying(0), &snapshot, 1), Decision::Wait { .. }), "forward it does wait");
}

#[test]
fn inv_42_events_that_cannot_follow_are_not_believed() {
    let impossible = [
        vec![Event::Succeeded],
        vec![Event::WaveStarted { wave: 1 }],
        vec![Event::WaveStarted { wave: 0 }, Event::WaveStarted { wave: 1 }],
        vec![Event::WaveStarted { wave: 0 }, Event::Baking { wave: 1, since: at(1) }],
        vec![Event::Halted { wave: 0, reason: Reason::Interrupted }, Event::WaveStarted { wave: 0 }],
    ];
    for events in impossible {
        assert!(Rollout::replay(plan(), at(0), events.clone(), at(0)).is_err(), "{events:?}");
    }
}

fn any_service() -> impl Strategy<Value = Option<ServiceSeen>> {
    let state = prop_oneof![
        Just(RolloutState::InProgress),
        Just(RolloutState::Completed),
        Just(RolloutState::Failed),
        Just(RolloutState::Unsaid),
        Just(RolloutState::Unknown)
    ];
    let runs = prop_oneof![Just("old"), Just("new"), Just("other")];
    let live = (runs, state, 0u32..3, 0u32..3, any::<bool>()).prop_map(|(runs, state, desired, running, told)| {
        let known = live(runs, "ecs-svc/9", state);
        let starts = if told { known.starts.clone() } else { TaskStarts::default() };
        Some(ServiceSeen::Live(Live { desired, running, starts, ..known }))
    });
    prop_oneof![
        6 => live,
        1 => Just(None),
        1 => Just(Some(ServiceSeen::Missing)),
        1 => Just(Some(ServiceSeen::Unreachable { why: "throttled".to_owned() })),
    ]
}

proptest! {
    /// Whatever is seen: the next wave begins only if every service of this one was seen whole on its target,
    /// probed well and with healthy targets, after the whole bake.
    #[test]
    fn inv_09_unknown_never_passes(
        api in any_service(), worker in any_service(), minutes in 0i64..40,
        probed in any::<[bool; 2]>(), balanced in any::<[bool; 2]>(),
    ) {
        let mut snapshot = Snapshot::default();
        for (index, (name, service)) in [("acme/api", api), ("acme/worker", worker)].into_iter().enumerate() {
            snapshot.services.extend(service.map(|service| (key(name), service)));
            if probed[index] {
                snapshot.health.probes.insert(key(name), ProbeRecord::default().with(Ok(()), at(2)));
            }
            if balanced[index] {
                snapshot.health.targets.insert(key(name), TargetHealth::Healthy(2));
            }
        }
        let decision = decide(&baking(), &snapshot, minutes);
        if decision == Decision::Record(Event::WaveStarted { wave: 1 }) {
            prop_assert!(minutes >= 6 && probed == [true; 2] && balanced == [true; 2]);
            for name in ["acme/api", "acme/worker"] {
                let Some(ServiceSeen::Live(live)) = snapshot.services.get(&key(name)) else { panic!("{name} unseen") };
                prop_assert!(live.is_settled() && live.desired > 0 && live.runs.hash == hash("new"));
                prop_assert!(live.starts.are_told_since(at(1), live.began));
            }
        }
        // Whatever is seen, nothing is deployed during a bake.
        prop_assert!(!matches!(decision, Decision::Deploy(_)), "inv_18");
    }

    /// Once a service under watch has shown something it must not, whatever else is seen: no update, no next wave.
    #[test]
    fn inv_18_after_a_failure_nothing_goes_forward(worker in any_service(), minutes in 0i64..40) {
        let mut snapshot = seen(&[("acme/api", gave_up("new", "exited"))]);
        snapshot.services.extend(worker.map(|service| (key("acme/worker"), service)));
        for rollout in [deploying(0), baking()] {
            let decision = decide(&rollout, &snapshot, minutes);
            prop_assert!(
                matches!(decision, Decision::Record(Event::Halted { .. })),
                "{:?}", decision
            );
        }
    }

    /// An update is sent only to a service that runs what the plan found there.
    #[test]
    fn inv_06_only_what_is_as_before_is_updated(api in any_service(), worker in any_service(), minutes in 0i64..40) {
        let mut snapshot = Snapshot::default();
        for (name, service) in [("acme/api", api), ("acme/worker", worker)] {
            snapshot.services.extend(service.map(|service| (key(name), service)));
        }
        if let Decision::Deploy(services) = decide(&deploying(0), &snapshot, minutes) {
            prop_assert!(!services.is_empty());
            for service in services {
                let Some(ServiceSeen::Live(live)) = snapshot.services.get(&service) else { panic!("{service} unseen") };
                prop_assert!(live.runs.hash == hash("old") && live.is_settled() && live.desired > 0);
            }
        }
    }
}

/// ECS says COMPLETED and counts no failed task: a service that came up well and keeps dying stops the wave all the same.
#[test]
fn a_service_that_keeps_dying_after_it_was_complete_stops_the_wave() {
    let mut rollout = baking();
    let looked = |rollout: &mut Rollout, running| {
        let snapshot = seen(&[("acme/api", Live { running, ..done("new") }), ("acme/worker", done("new"))]);
        rollout.note_seen(&snapshot);
        decide(rollout, &snapshot, 2)
    };
    for running in [2, 1, 2] {
        assert!(matches!(looked(&mut rollout, running), Decision::Wait { .. }), "one may go");
    }
    assert_eq!(halted_by(&looked(&mut rollout, 0)), "tasks_stopped");
}

/// Two looks that show everything well, and events that tell of what was between them.
#[test]
fn inv_09_tasks_replaced_between_two_looks_stop_the_wave_and_untold_starts_never_pass() {
    let looked = |starts: TaskStarts| {
        let mut rollout = baking();
        rollout.note_seen(&seen(&[("acme/api", done("new")), ("acme/worker", done("new"))]));
        let snapshot = healthy(seen(&[("acme/api", Live { starts, ..done("new") }), ("acme/worker", done("new"))]));
        rollout.note_seen(&snapshot);
        decide(&rollout, &snapshot, 6)
    };
    let started = |minutes: &[i64]| minutes.iter().map(|minute| (at(*minute), 1)).collect();
    let all = |minutes: &[i64]| TaskStarts { kept_since: None, started: started(minutes) };
    assert_eq!(halted_by(&looked(all(&[-1, 2, 3]))), "tasks_stopped");
    assert_eq!(looked(all(&[-1, 2])), Decision::Record(Event::WaveStarted { wave: 1 }), "one may go");
    let forgotten = TaskStarts { kept_since: Some(at(3)), started: Vec::new() };
    for (untold, why) in [(all(&[]), "nobody tells of starts"), (forgotten, "its first minutes are forgotten")] {
        let decision = looked(untold);
        assert!(matches!(decision, Decision::Wait { .. }), "{why}: {decision:?}");
    }
}
