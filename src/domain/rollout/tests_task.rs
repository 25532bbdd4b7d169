//! What the loop decides about one-shot tasks: nothing that serves is touched before their end is recorded, and
//! nothing is started again where that cannot be told.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::tests::{MINUTE, at, change, done, halted_by, key, plan, seen};
use super::*;
use crate::domain::calendar::Calendar;
use crate::domain::ids::TaskArn;
use crate::domain::service::{MigrationClass, Role};
use crate::domain::snapshot::TaskEnd;

const TASK: &str = "arn:aws:ecs:eu-west-1:1:task/c/1";

fn task(service: &str, class: MigrationClass) -> Change {
    Change { role: Role::Task { class }, probe: None, ..change(service, &[]) }
}

/// Two tenants in one wave, each with a migration before its one service, and one that may be left behind.
fn plan_of(class: MigrationClass) -> Plan {
    let changes = ["acme", "hooli"]
        .iter()
        .flat_map(|set| [task(&format!("{set}/migration"), class), change(&format!("{set}/api"), &["migration"])]);
    let waves = vec![Wave { name: "all".to_owned(), bake: MINUTE * 5, changes: changes.collect() }];
    Plan { waves, failure_budget: 1, ..plan() }
}

/// The wave was begun by this process.
fn begun(class: MigrationClass) -> Rollout {
    let mut rollout = Rollout::replay(plan_of(class), at(0), [], at(0)).unwrap();
    rollout.apply(&Event::WaveStarted { wave: 0 }, at(0)).unwrap();
    rollout
}

/// The wave was begun by another process, at minute 0, and is taken up in this minute.
fn taken_up(minute: i64) -> Rollout {
    let events = [Event::WaveStarted { wave: 0 }];
    let mut rollout = Rollout::replay(plan_of(MigrationClass::Expand), at(0), events, at(minute)).unwrap();
    rollout.note_begun(at(0));
    rollout
}

fn started(mut rollout: Rollout) -> Rollout {
    for set in ["acme", "hooli"] {
        rollout.note_started(&key(&format!("{set}/migration")), TASK.parse().unwrap(), at(0));
    }
    rollout
}

fn running() -> TaskSeen {
    TaskSeen::Running { task: TASK.parse::<TaskArn>().unwrap() }
}

fn ended(code: i32) -> TaskSeen {
    TaskSeen::Ended(TaskEnd { code: Some(code), by_itself: true, why: String::new() })
}

/// Everything that serves is as it was before; the tasks are like this.
fn before(acme: TaskSeen, hooli: TaskSeen) -> Snapshot {
    let tasks = [(key("acme/migration"), acme), (key("hooli/migration"), hooli)];
    Snapshot { tasks: tasks.into(), ..seen(&[("acme/api", done("old")), ("hooli/api", done("old"))]) }
}

fn decide(rollout: &Rollout, seen: &Snapshot, minute: i64) -> Decision {
    rollout.decide(seen, &Calendar::default(), at(minute))
}

fn keys(names: &[&str]) -> Vec<ServiceKey> {
    names.iter().map(|name| key(name)).collect()
}

#[test]
fn tasks_are_started_first_and_alone() {
    let rollout = begun(MigrationClass::Expand);
    let nothing = Snapshot { tasks: BTreeMap::new(), ..before(running(), running()) };
    let started = Decision::Deploy(keys(&["acme/migration", "hooli/migration"]));
    assert_eq!(decide(&rollout, &nothing, 0), started);
    assert_eq!(rollout.tasks_to_look_at().count(), 0, "nobody can have started one");
}

#[test]
fn what_serves_waits_for_the_record_that_all_have_ended_well() {
    let mut rollout = started(begun(MigrationClass::Expand));
    assert!(matches!(decide(&rollout, &before(ended(0), running()), 1), Decision::Wait { .. }));
    assert_eq!(decide(&rollout, &before(ended(0), ended(0)), 1), Decision::Record(Event::TasksDone { wave: 0 }));
    rollout.apply(&Event::TasksDone { wave: 0 }, at(1)).unwrap();
    let gone = before(TaskSeen::NotFound, TaskSeen::NotFound);
    assert_eq!(decide(&rollout, &gone, 1), Decision::Deploy(keys(&["acme/api", "hooli/api"])));
    assert!(rollout.apply(&Event::TasksDone { wave: 0 }, at(1)).is_err(), "once in a wave");
}

#[test]
fn another_exit_code_stops_the_wave_and_says_it() {
    let rollout = started(begun(MigrationClass::Contract));
    let decision = decide(&rollout, &before(ended(3), running()), 1);
    assert_eq!(halted_by(&decision), "task_failed");
    let Decision::Record(Event::Halted { reason, .. }) = decision else { panic!() };
    assert_eq!(reason.to_string(), "acme/migration: its task failed: exit code 3");
    let outside = TaskSeen::Ended(TaskEnd { code: Some(0), by_itself: false, why: "somebody stopped it".to_owned() });
    assert_eq!(halted_by(&decide(&rollout, &before(outside, running()), 1)), "task_failed");
    assert_eq!(halted_by(&decide(&rollout, &before(running(), running()), 16)), "task_late");
}

#[test]
fn only_a_tenant_whose_migration_lets_it_go_back_is_left_behind() {
    let failed = before(ended(1), ended(0));
    let mut rollout = started(begun(MigrationClass::Expand));
    let decision = decide(&rollout, &failed, 1);
    let Decision::Record(Event::Quarantined { set, .. }) = &decision else { panic!("{decision:?}") };
    assert_eq!(set.as_str(), "acme");
    let Decision::Record(event) = decision else { panic!() };
    rollout.apply(&event, at(1)).unwrap();
    assert_eq!(
        rollout.watched().iter().map(|c| c.service.clone()).collect::<Vec<_>>(),
        keys(&["acme/api", "hooli/migration", "hooli/api"])
    );
    assert_eq!(decide(&rollout, &failed, 1), Decision::Record(Event::TasksDone { wave: 0 }), "the others go on");
    assert_eq!(halted_by(&decide(&started(begun(MigrationClass::Contract)), &failed, 1)), "task_failed");
}

#[test]
fn inv_09_what_cannot_be_seen_never_passes() {
    let rollout = started(begun(MigrationClass::Expand));
    for unseen in [TaskSeen::NotFound, TaskSeen::Unreachable { why: "no route".to_owned() }] {
        let seen = before(ended(0), unseen);
        assert!(matches!(decide(&rollout, &seen, 1), Decision::Wait { .. }), "{seen:?}");
        let Decision::Done(Some(reason)) = decide(&rollout, &seen, 16) else { panic!("{seen:?}") };
        assert_eq!(reason.code(), "gate_unknown");
    }
}

#[test]
fn whoever_takes_up_a_wave_looks_first_and_starts_again_only_within_the_day() {
    let rollout = taken_up(60);
    assert_eq!(rollout.tasks_to_look_at().count(), 2);
    let unseen = Snapshot { tasks: BTreeMap::new(), ..before(running(), running()) };
    assert!(matches!(decide(&rollout, &unseen, 60), Decision::Wait { .. }), "nothing is started unseen");
    let gone = before(TaskSeen::NotFound, TaskSeen::NotFound);
    assert_eq!(decide(&rollout, &gone, 60), Decision::Deploy(keys(&["acme/migration", "hooli/migration"])));
    let Decision::Done(Some(reason)) = decide(&taken_up(24 * 60), &gone, 24 * 60) else { panic!() };
    assert_eq!(reason.code(), "gate_unknown");
    let mut found = taken_up(60);
    found.note_seen(&before(running(), ended(0)));
    assert_eq!(found.started(&key("acme/migration")).unwrap().as_str(), TASK);
}

#[test]
fn a_success_on_record_is_believed_when_ecs_has_forgotten_it() {
    let mut rollout = taken_up(24 * 60 * 3);
    rollout.note_ran(BTreeSet::from([key("acme/migration"), key("hooli/migration")]));
    let gone = Snapshot { tasks: BTreeMap::new(), ..before(running(), running()) };
    assert_eq!(decide(&rollout, &gone, 24 * 60 * 3), Decision::Record(Event::TasksDone { wave: 0 }));
}

fn any_seen() -> impl Strategy<Value = Option<TaskSeen>> {
    prop_oneof![
        Just(None),
        Just(Some(TaskSeen::NotFound)),
        Just(Some(running())),
        (0..3i32).prop_map(|code| Some(ended(code))),
        Just(Some(TaskSeen::Ended(TaskEnd { code: Some(0), by_itself: false, why: String::new() }))),
        Just(Some(TaskSeen::Unreachable { why: "no route".to_owned() })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn nothing_that_serves_is_sent_before_the_tasks_are_on_record(
        acme in any_seen(), hooli in any_seen(), sent in any::<bool>(), again in any::<bool>(), minute in 0i64..3_000,
    ) {
        let rollout = if again { taken_up(minute) } else { begun(MigrationClass::Expand) };
        let rollout = if sent { started(rollout) } else { rollout };
        let tasks = [("acme/migration", acme), ("hooli/migration", hooli)];
        let tasks: BTreeMap<_, _> = tasks.into_iter().filter_map(|(name, seen)| Some((key(name), seen?))).collect();
        let both_well = tasks.len() == 2 && tasks.values().all(|seen| *seen == ended(0));
        let seen = Snapshot { tasks, ..before(running(), running()) };
        match decide(&rollout, &seen, minute) {
            Decision::Deploy(services) => prop_assert!(services.iter().all(|key| key.service.as_str() == "migration")),
            Decision::Record(Event::TasksDone { .. }) => prop_assert!(both_well, "{:?}", seen.tasks),
            Decision::Record(event) => {
                let too_early = matches!(event, Event::Baking { .. } | Event::Succeeded);
                prop_assert!(!too_early);
            }
            Decision::Wait { .. } | Decision::Done(_) => {}
        }
    }
}
