//! What the loop decides about smoke tests: they begin when everything is up, only an exit code of 0 passes, and what
//! cannot be told is held and never passed.

use super::tests::{MINUTE, at, change, done, halted_by, key, plan, seen};
use super::*;
use crate::domain::calendar::Calendar;
use crate::domain::gate::{OnUnknown, SmokePolicy, TargetHealth};
use crate::domain::service::Role;
use crate::domain::snapshot::{Ahead, Availability, TaskEnd};

const TASK: &str = "arn:aws:ecs:eu-west-1:1:task/c/1";

/// Two tenants in one wave, each with one service and a smoke test, and one that may be left behind. Then a third.
fn smoke_plan(smoke: Option<SmokePolicy>) -> Plan {
    let api = |set: &str| Change { probe: None, ..change(&format!("{set}/api"), &[]) };
    let test = |set: &str| Change { role: Role::SmokeTest, probe: None, ..change(&format!("{set}/smoke"), &[]) };
    let wave = |sets: &[&str]| Wave {
        name: sets.join(" and "),
        bake: MINUTE * 5,
        changes: sets.iter().flat_map(|set| [api(set), test(set)]).collect(),
    };
    let mut plan = Plan { waves: vec![wave(&["acme", "hooli"]), wave(&["wayne"])], failure_budget: 1, ..plan() };
    (plan.gate.probe, plan.gate.smoke) = (None, smoke);
    plan
}

fn watched(smoke: Option<SmokePolicy>) -> Rollout {
    let mut rollout = Rollout::replay(smoke_plan(smoke), at(0), [], at(0)).unwrap();
    rollout.apply(&Event::WaveStarted { wave: 0 }, at(0)).unwrap();
    rollout.apply(&Event::Baking { wave: 0, since: at(0) }, at(0)).unwrap();
    rollout
}

fn started(mut rollout: Rollout) -> Rollout {
    for set in ["acme", "hooli"] {
        rollout.note_started(&key(&format!("{set}/smoke")), TASK.parse().unwrap(), at(0));
    }
    rollout
}

/// Taken up by another process in this minute, while the wave is watched.
fn taken_up(minute: i64) -> Rollout {
    let events = [Event::WaveStarted { wave: 0 }, Event::Baking { wave: 0, since: at(0) }];
    Rollout::replay(smoke_plan(None), at(0), events, at(minute)).unwrap()
}

fn running() -> TaskSeen {
    TaskSeen::Running { task: TASK.parse().unwrap() }
}

fn ended(code: Option<i32>, by_itself: bool) -> TaskSeen {
    TaskSeen::Ended(TaskEnd { code, by_itself, why: String::new() })
}

/// Everything is up; the next wave could begin.
fn up(acme: TaskSeen, hooli: TaskSeen) -> Snapshot {
    let mut snapshot = seen(&[("acme/api", done("new")), ("hooli/api", done("new"))]);
    snapshot.tasks = [(key("acme/smoke"), acme), (key("hooli/smoke"), hooli)].into();
    let healthy = |name: &str| (key(name), TargetHealth::NotBalanced);
    snapshot.health.targets = [healthy("acme/api"), healthy("hooli/api")].into();
    let (live, yes) = (ServiceSeen::Live(done("old")), Availability::Yes);
    let ahead = Ahead { live, image: yes.clone(), way_back: yes.clone() };
    snapshot.ahead = [(key("wayne/api"), ahead)].into();
    let runs = done("old").runs;
    let family = crate::domain::snapshot::FamilySeen::Active(runs);
    snapshot.tasks_ahead = [(key("wayne/smoke"), crate::domain::snapshot::TaskAhead { family, image: yes })].into();
    snapshot
}

fn decide(rollout: &Rollout, seen: &Snapshot, minute: i64) -> Decision {
    rollout.decide(seen, &Calendar::default(), at(minute))
}

fn held_by(decision: &Decision) -> String {
    match decision {
        Decision::Done(Some(reason)) => reason.code(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn they_begin_when_everything_is_up_and_not_before() {
    let mut rollout = Rollout::replay(smoke_plan(None), at(0), [], at(0)).unwrap();
    rollout.apply(&Event::WaveStarted { wave: 0 }, at(0)).unwrap();
    let services = Decision::Deploy(vec![key("acme/api"), key("hooli/api")]);
    assert_eq!(decide(&rollout, &seen(&[("acme/api", done("old")), ("hooli/api", done("old"))]), 0), services);
    let all_up = Snapshot { tasks: BTreeMap::new(), ..up(running(), running()) };
    assert_eq!(decide(&rollout, &all_up, 1), Decision::Record(Event::Baking { wave: 0, since: at(1) }));
    assert_eq!(rollout.tasks_to_look_at().count(), 0);
    let tests = Decision::Deploy(vec![key("acme/smoke"), key("hooli/smoke")]);
    assert_eq!(decide(&watched(None), &all_up, 1), tests);
}

#[test]
fn all_that_end_with_0_are_recorded_once_and_the_wave_passes_without_looking_again() {
    let mut rollout = started(watched(None));
    let both = up(ended(Some(0), true), ended(Some(0), true));
    assert!(matches!(decide(&rollout, &up(ended(Some(0), true), running()), 1), Decision::Wait { .. }));
    assert_eq!(decide(&rollout, &both, 1), Decision::Record(Event::TestsDone { wave: 0 }));
    rollout.apply(&Event::TestsDone { wave: 0 }, at(1)).unwrap();
    assert!(rollout.apply(&Event::TestsDone { wave: 0 }, at(1)).is_err(), "once in a wave");
    assert_eq!(rollout.tasks_to_look_at().count(), 0);
    let gone = up(TaskSeen::NotFound, TaskSeen::NotFound);
    assert_eq!(decide(&rollout, &gone, 6), Decision::Record(Event::WaveStarted { wave: 1 }));
    let events = [
        Event::WaveStarted { wave: 0 },
        Event::Baking { wave: 0, since: at(0) },
        Event::TestsDone { wave: 0 },
        Event::WaveStarted { wave: 1 },
    ];
    let next = Rollout::replay(smoke_plan(None), at(0), events, at(6)).unwrap();
    assert!(!next.smoke.done, "the next wave has tests of its own");
}

#[test]
fn an_end_that_was_seen_is_remembered_when_ecs_has_forgotten_it() {
    let mut rollout = started(watched(None));
    rollout.note_seen(&up(ended(Some(0), true), running()));
    let looked: Vec<ServiceKey> = rollout.tasks_to_look_at().map(|change| change.service.clone()).collect();
    assert_eq!(looked, [key("hooli/smoke")]);
    let gone = up(TaskSeen::NotFound, ended(Some(0), true));
    assert_eq!(decide(&rollout, &gone, 4), Decision::Record(Event::TestsDone { wave: 0 }));
}

#[test]
fn another_exit_code_fails_the_tenant_or_the_wave_at_once() {
    let rollout = started(watched(None));
    let decision = decide(&rollout, &up(ended(Some(3), true), running()), 1);
    let Decision::Record(Event::Quarantined { set, reason, .. }) = &decision else { panic!("{decision:?}") };
    assert_eq!((set.as_str(), reason.to_string().as_str()), ("acme", "acme/smoke: the smoke test failed: exit code 3"));
    let mut plan = smoke_plan(None);
    plan.failure_budget = 0;
    let events = [Event::WaveStarted { wave: 0 }, Event::Baking { wave: 0, since: at(0) }];
    let rollout = started(Rollout::replay(plan, at(0), events, at(0)).unwrap());
    assert_eq!(halted_by(&decide(&rollout, &up(ended(Some(3), true), running()), 1)), "smoke_test_failed");
}

#[test]
fn inv_09_what_did_not_begin_or_end_by_itself_is_held_at_the_end_of_the_watch_and_never_passes() {
    let well = || ended(Some(0), true);
    for (first, late) in [
        (ended(None, false), 5),
        (ended(Some(0), false), 5),
        (running(), 16),
        (TaskSeen::NotFound, 16),
        (TaskSeen::Unreachable { why: "throttled".to_owned() }, 16),
    ] {
        let rollout = started(watched(None));
        let seen = up(first.clone(), well());
        assert!(matches!(decide(&rollout, &seen, 1), Decision::Wait { .. }), "{first:?}");
        if late > 5 {
            assert!(matches!(decide(&rollout, &seen, 6), Decision::Wait { .. }), "{first:?}");
        }
        assert_eq!(held_by(&decide(&rollout, &seen, late)), "smoke_test_undecided", "{first:?}");
        let mut accepted = rollout;
        accepted.note_accepted([0]);
        let next = Decision::Record(Event::WaveStarted { wave: 1 });
        assert_eq!(decide(&accepted, &seen, late), next, "a person says that it is good enough: {first:?}");
    }
    let mut strict = smoke_plan(None);
    (strict.gate.unknown, strict.failure_budget) = (OnUnknown::Fail, 0);
    let events = [Event::WaveStarted { wave: 0 }, Event::Baking { wave: 0, since: at(0) }];
    let rollout = started(Rollout::replay(strict, at(0), events, at(0)).unwrap());
    assert_eq!(halted_by(&decide(&rollout, &up(running(), well()), 16)), "smoke_test_undecided");
}

#[test]
fn one_that_cannot_be_started_is_not_tried_for_ever_and_is_unknown() {
    let mut rollout = watched(None);
    rollout.note_started(&key("hooli/smoke"), TASK.parse().unwrap(), at(0));
    rollout.note_not_started(&key("acme/smoke"), "no capacity".to_owned());
    let seen = up(TaskSeen::NotFound, ended(Some(0), true));
    assert!(matches!(decide(&rollout, &seen, 1), Decision::Wait { .. }));
    assert_eq!(held_by(&decide(&rollout, &seen, 5)), "smoke_test_undecided");
}

#[test]
fn who_takes_up_a_watch_looks_for_them_and_starts_what_nobody_can_find() {
    for minute in [3, 60 * 40] {
        let rollout = taken_up(minute);
        assert_eq!(rollout.tasks_to_look_at().count(), 2);
        let seen = up(TaskSeen::NotFound, ended(Some(0), true));
        assert_eq!(decide(&rollout, &seen, minute), Decision::Deploy(vec![key("acme/smoke")]), "{minute}");
        let unread = up(TaskSeen::Unreachable { why: "throttled".to_owned() }, ended(Some(0), true));
        assert!(matches!(decide(&rollout, &unread, minute), Decision::Wait { .. }), "not twice: {minute}");
    }
}

#[test]
fn without_a_vote_they_are_run_and_told_and_change_nothing() {
    let observe = SmokePolicy { deadline: MINUTE * 2, observe: true };
    for first in [ended(Some(3), true), running(), ended(None, false)] {
        let rollout = started(watched(Some(observe)));
        let seen = up(first.clone(), ended(Some(0), true));
        assert_eq!(decide(&rollout, &seen, 6), Decision::Record(Event::WaveStarted { wave: 1 }), "{first:?}");
        let told = rollout.findings(&seen, at(6));
        assert!(told.iter().all(|finding| !finding.votes) && told.len() == 2, "{told:?}");
    }
}

#[test]
fn a_tenant_that_is_left_behind_is_not_tested() {
    let mut rollout = watched(None);
    let reason = Reason::Unproven { service: key("acme/api") };
    rollout.apply(&Event::Quarantined { wave: 0, set: "acme".parse().unwrap(), reason }, at(0)).unwrap();
    let seen = Snapshot { tasks: BTreeMap::new(), ..up(running(), running()) };
    let back = Snapshot {
        services: super::tests::seen(&[("acme/api", done("old")), ("hooli/api", done("new"))]).services,
        ..seen
    };
    assert_eq!(decide(&rollout, &back, 1), Decision::Deploy(vec![key("hooli/smoke")]));
}
