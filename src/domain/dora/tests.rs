//! The four figures on histories that can be counted by hand.

use super::*;
use crate::domain::ids::{ContentHash, ServiceKey, Version};
use crate::domain::ledger::{Entry, Intent, RolloutId};
use crate::domain::reason::Reason;
use crate::domain::rollout::Event;

const HOUR: i64 = 3_600;
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(hour * HOUR).unwrap()
}

fn gate_failed() -> Event {
    let service = ServiceKey::try_from("acme/api".to_owned()).unwrap();
    Event::Halted { wave: 0, reason: Reason::TasksStopped { service, stopped: 3 } }
}

/// A rollout of a commit that opened at an hour, began its first wave then, and ended so many hours later as said.
fn rollout(commit: char, direction: Direction, opened: i64, ended: Option<(i64, Event)>) -> RolloutRecord {
    let mut entries = vec![Entry { seq: 1, at: at(opened), event: Event::WaveStarted { wave: 0 } }];
    entries.extend(ended.map(|(after, event)| Entry { seq: 2, at: at(opened + after), event }));
    let version: Version = format!("1.{}.0", u32::from(commit) - u32::from('a')).parse().unwrap();
    RolloutRecord {
        id: RolloutId(u64::try_from(opened).unwrap()),
        opened_at: at(opened),
        intent: Intent {
            fleet: "prod".parse().unwrap(),
            version,
            commit: commit.to_string().repeat(40).parse().unwrap(),
            plan: plan(commit),
            direction,
            waves: Vec::new(),
            run: None,
            by: None,
            approved: None,
        },
        entries,
    }
}

fn plan(commit: char) -> ContentHash {
    ContentHash::of(commit.to_string().as_bytes())
}

fn good(commit: char, opened: i64, after: i64) -> RolloutRecord {
    rollout(commit, Direction::Deploy, opened, Some((after, Event::Succeeded)))
}

fn of(rollouts: &[RolloutRecord], before: &[RolloutRecord], now: i64) -> Figures {
    figures(rollouts, before, at(now), MONTH)
}

#[test]
fn nothing_counted_is_no_value_and_not_zero() {
    let none = of(&[], &[], 1_000);
    let values = [&none.deployment_frequency, &none.lead_time, &none.change_failure_rate, &none.time_to_restore];
    assert!(values.iter().all(|figure| figure.value.is_none() && figure.of == 0), "{none:?}");
    let open = of(&[rollout('a', Direction::Deploy, 10, None)], &[], 1_000);
    assert_eq!((open.deployment_frequency.value, open.change_failure_rate.value), (Some(0.0), None));
}

#[test]
fn frequency_is_releases_a_day_since_the_window_or_the_oldest_record_began() {
    // Four in the ten days since the oldest one was opened.
    let rollouts = [good('d', 200, 1), good('c', 150, 1), good('b', 50, 1), good('a', 0, 1)];
    assert_eq!(of(&rollouts, &[], 240).deployment_frequency.value, Some(0.4));
    // Of a longer past only the window counts: two of them in thirty days.
    let now = 30 * 24 + 100;
    let figures = of(&rollouts, &[], now);
    assert_eq!((figures.from, figures.deployment_frequency.of), (at(100), 2));
    assert_eq!(figures.deployment_frequency.value, Some(2.0 / 30.0));
    // Nobody releases a hundred times a day because there is one minute of records.
    assert_eq!(of(&[good('a', 0, 1)], &[], 1).deployment_frequency.value, Some(1.0));
}

#[test]
fn lead_time_is_the_median_from_the_first_record_of_the_commit_in_any_fleet() {
    let in_dev = [good('a', 0, 1), good('b', 90, 1), good('c', 195, 1)];
    let rollouts = [good('c', 200, 5), good('b', 98, 2), good('a', 10, 10)];
    // 20, 10 and 10 hours.
    let lead_time = of(&rollouts, &in_dev, 300).lead_time;
    assert_eq!((lead_time.value, lead_time.of), (Some(10.0 * 3_600.0), 3));
    // Of two, the mean of both.
    assert_eq!(of(&rollouts[1..], &in_dev, 300).lead_time.value, Some(15.0 * 3_600.0));
}

#[test]
fn a_release_fails_by_a_gate_or_by_being_taken_back() {
    let by_name = Direction::RollbackOf(plan('c'));
    let rollouts = [
        rollout('b', by_name, 300, Some((2, Event::Succeeded))),
        good('c', 200, 1),
        rollout('a', Direction::RollbackOf(plan('b')), 102, Some((1, Event::Succeeded))),
        rollout('b', Direction::Deploy, 100, Some((2, gate_failed()))),
        good('a', 0, 1),
    ];
    let figures = of(&rollouts, &[], 400);
    let rate = figures.change_failure_rate;
    assert_eq!((rate.value, rate.of), (Some(2.0 / 3.0), 3));
    // One hour from the gate's failure to the end of its rollback, two from the person's rollback to its end.
    let restore = figures.time_to_restore;
    assert_eq!((restore.value, restore.of, figures.not_restored), (Some(1.5 * 3_600.0), 2, 0));
    let days: Vec<(usize, usize)> = figures.days.iter().map(|day| (day.good, day.failed)).collect();
    assert_eq!(days, [(1, 0), (0, 1), (0, 1)]);
}

#[test]
fn a_rollback_to_a_version_takes_back_the_release_before_it_and_no_older_one() {
    let back = rollout('a', Direction::RollbackTo("1.0.0".parse().unwrap()), 300, Some((1, Event::Succeeded)));
    let rollouts = [back, good('c', 200, 1), good('b', 100, 1), good('a', 0, 1)];
    let rate = of(&rollouts, &[], 400).change_failure_rate;
    assert_eq!((rate.value, rate.of), (Some(1.0 / 3.0), 3));
}

#[test]
fn what_a_person_stopped_and_what_never_began_are_no_failures() {
    let stopped = |reason| Some((1, Event::Halted { wave: 0, reason }));
    let aborted = Reason::Aborted { by: "ana".to_owned(), why: "lunch".to_owned() };
    let mut never_began = rollout('c', Direction::Deploy, 30, Some((1, gate_failed())));
    never_began.entries.remove(0);
    let rollouts = [never_began, rollout('b', Direction::Deploy, 20, stopped(aborted)), good('a', 0, 1)];
    let figures = of(&rollouts, &[], 100);
    assert_eq!((figures.change_failure_rate.value, figures.change_failure_rate.of), (Some(0.0), 1));
}

#[test]
fn what_is_not_restored_yet_is_counted_apart() {
    let rollouts = [rollout('b', Direction::Deploy, 20, Some((1, gate_failed()))), good('a', 0, 1)];
    let figures = of(&rollouts, &[], 100);
    assert_eq!((figures.time_to_restore.value, figures.not_restored), (None, 1));
    // A fix restores as a rollback does.
    let fixed = [good('c', 25, 2), rollouts[0].clone(), rollouts[1].clone()];
    let figures = of(&fixed, &[], 100);
    assert_eq!((figures.time_to_restore.value, figures.not_restored), (Some(6.0 * 3_600.0), 0));
}
