//! Schedules that broke the engine once, each with what was wrong then.

use super::explore::{Bench, MEDIUM, SMALL, by_lot, check, none};
use super::fault::{Fault, Kind};
use super::operator::Finish;
use crate::adapters::sim::FaultKind;
use crate::domain::fleet::OnFailure;

fn pair(first: (u32, Kind), second: (u32, Kind)) {
    let bench = Bench::new(SMALL);
    let plain = bench.run(&Vec::new(), None);
    let schedule = vec![(first.0, Fault::Exactly(first.1)), (second.0, Fault::Exactly(second.1))];
    let report = bench.run(&schedule, None);
    assert_eq!(check(&report, &schedule), Ok(()));
    assert!(report.is_done());
    assert_eq!(report.ending, plain.ending);
}

/// A process that was stopped before its first look recorded that everybody ran what they had run before.
#[test]
fn inv_05_a_hold_before_the_first_look_changes_no_state() {
    for call in 38..52 {
        pair((call, Kind::CrashBefore), (call + 1, Kind::Stop));
        pair((call, Kind::Stop), (call + 7, Kind::Stop));
    }
}

/// A stop that came while the end was being recorded put a hold behind it, and the records made no sense any more.
#[test]
fn inv_42_a_stop_at_the_end_records_nothing_more() {
    let bench = Bench::new(SMALL);
    let calls = u32::try_from(bench.run(&Vec::new(), None).history.len()).unwrap();
    for call in calls.saturating_sub(45)..calls {
        let schedule = vec![(call, Fault::Exactly(Kind::Stop))];
        assert_eq!(check(&bench.run(&schedule, None), &schedule), Ok(()));
    }
}

/// A tenant that was pinned between planning and the record of the intent was updated all the same.
#[test]
fn inv_11_a_pin_while_the_intent_is_being_recorded_holds() {
    none(&by_lot(MEDIUM, 300, [552, 565, 584, 699, 780, 937, 1073].into_iter()).2);
}

/// A hold that came while the intent was being recorded was not heeded.
#[test]
fn inv_11_a_hold_while_the_intent_is_being_recorded_stops_it() {
    none(&by_lot(MEDIUM, 300, [226, 362, 1015, 1155, 1580, 1673, 2294, 2875, 3254, 3693].into_iter()).2);
}

/// A person's rollback waited for the lease, the failed rollout took itself back meanwhile, and the rollback then
/// took back the good one before it.
#[test]
fn inv_15_a_rollback_that_waited_takes_back_what_it_was_asked_for() {
    none(&by_lot(MEDIUM, 300, [703, 1086, 1632].into_iter()).2);
}

/// One of two processes was stopped half-way, and nobody went on.
#[test]
fn inv_22_what_a_second_process_leaves_is_taken_up() {
    none(&by_lot(MEDIUM, 300, [27, 263, 302, 492, 1789, 3237, 3632].into_iter()).2);
}

/// The way back of a tenant that had missed its deadline was late from its first moment, and so it had failed.
#[test]
fn inv_17_the_way_back_of_a_tenant_has_time_of_its_own() {
    let mut bench = Bench::new(SMALL);
    bench.scene.with_flaws(&[(Some(1), 0, FaultKind::CrashWithoutBreaker)]);
    bench.scene.with_policy(OnFailure::RollbackAll, 1);
    let report = bench.run(&Vec::new(), None);
    assert_eq!(check(&report, &Vec::new()), Ok(()));
    assert_eq!(report.finish, Some(Finish::Exceptions));
}

/// A clock jumped and its process ended: the next one took the watch for over. The checker wanted what had had no time to
/// show.
#[test]
fn inv_25_what_a_watch_cut_short_by_a_clock_did_not_show_is_not_asked_of_it() {
    none(&by_lot(MEDIUM, 300, [9505].into_iter()).2);
}
