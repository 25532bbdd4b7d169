//! The checker is checked: each engine of `domain::mutant`, broken on purpose, must be caught by what the
//! exploration does anyway, within a bounded number of schedules.

use super::explore::{Bench, SMALL, check, every_single, say};
use super::watches::{FLAWS, WATCHED};
use crate::domain::fleet::OnFailure;
use crate::domain::mutant::{Mutant, break_rule};

/// Seeds after which a broken engine must have been caught.
const SEEDS: u64 = 1_500;

const ALL: [Mutant; 24] = [
    Mutant::UnknownPasses,
    Mutant::LeaseUnconfirmed,
    Mutant::StableIsSuccess,
    Mutant::NoIntent,
    Mutant::BackToFailed,
    Mutant::SentUnread,
    Mutant::OrderIgnored,
    Mutant::ZeroIsHealthy,
    Mutant::NoBake,
    Mutant::ForeignIgnored,
    Mutant::NotBroughtBack,
    Mutant::PlanHashIgnored,
    Mutant::AppendedAgain,
    Mutant::LeaseOfOthers,
    Mutant::GoesOnAfterHold,
    Mutant::OldestFirst,
    Mutant::OldFence,
    Mutant::HoldIgnored,
    Mutant::OneReadBelieved,
    Mutant::ProbesIgnored,
    Mutant::StopsIgnored,
    Mutant::HeldAfterEnd,
    Mutant::BreakerIgnored,
    Mutant::NoRollback,
];

/// How a broken engine is caught by a complaint that counts: after how many schedules, by which one and how. None if it
/// is not.
fn caught(rule: Option<Mutant>, counts: impl Fn(&str) -> bool) -> Option<(u64, String)> {
    // The world is set up by an engine that is whole.
    let mut bench = Bench::new(SMALL);
    break_rule(rule);
    let caught = by_seeds(&mut bench, &counts).or_else(|| {
        let (number, complaints) = every_single(&bench);
        let first = complaints.iter().find(|complaint| counts(complaint));
        first.map(|complaint| (SEEDS + number as u64, first_lines(complaint)))
    });
    break_rule(None);
    caught
}

/// The same by what is tried of a watch. That a whole engine is not caught there is a test of its own.
fn caught_in_a_watch(rule: Mutant) -> Option<(u64, String)> {
    let mut bench = Bench::new(WATCHED);
    let mut tried = 0;
    break_rule(Some(rule));
    let caught = FLAWS.iter().find_map(|flaws| {
        bench.scene.with_flaws(flaws);
        if let Err(complaint) = check(&bench.run(&Vec::new(), None), &Vec::new()) {
            return Some((tried + 1, first_lines(&complaint)));
        }
        let (number, complaints) = every_single(&bench);
        tried += number as u64;
        complaints.first().map(|complaint| (tried, first_lines(complaint)))
    });
    break_rule(None);
    caught
}

fn by_seeds(bench: &mut Bench, counts: impl Fn(&str) -> bool) -> Option<(u64, String)> {
    for seed in 0..SEEDS {
        let lot = super::lot::Lot::draw(seed, SMALL.tenants, SMALL.services, 120);
        let report = lot.run(bench);
        if let Err(complaint) = check(&report, &lot.schedule)
            && counts(&complaint)
        {
            return Some((seed + 1, format!("seed {seed}: {}", first_lines(&complaint))));
        }
    }
    bench.scene.with_flaws(&[]);
    bench.scene.with_policy(OnFailure::RollbackAll, 0);
    None
}

fn first_lines(complaint: &str) -> String {
    complaint.lines().take(2).collect::<Vec<_>>().join("; ")
}

#[test]
fn every_broken_engine_is_caught_and_a_whole_one_is_not() {
    assert_eq!(caught(None, |_| true), None, "the engine is whole");
    let mut missed = Vec::new();
    for rule in ALL {
        match caught(Some(rule), |_| true) {
            Some((number, how)) => say(&format!("{rule:?} caught after {number} schedules: {how}")),
            None => missed.push(rule),
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

/// An engine that breaks this rule is caught for breaking this invariant.
fn breaks_invariant(rule: Mutant, invariant: u32) {
    let named = format!("invariant {invariant:02}");
    let caught = caught(Some(rule), |complaint| complaint.lines().take(2).any(|line| line.contains(&named)));
    assert!(caught.is_some(), "{rule:?} is not caught as {named}");
}

#[test]
fn inv_07_a_change_without_a_recorded_intent_is_seen() {
    breaks_invariant(Mutant::NoIntent, 7);
}

#[test]
fn inv_08_a_success_that_no_read_shows_is_seen() {
    breaks_invariant(Mutant::StableIsSuccess, 8);
}

#[test]
fn inv_13_a_change_under_a_lease_that_was_not_read_is_seen() {
    breaks_invariant(Mutant::LeaseUnconfirmed, 13);
}

/// What only a watch shows is caught as a wave that passed on what it did not know.
fn breaks_a_watch(rule: Mutant) {
    let (number, how) = caught_in_a_watch(rule).unwrap_or_else(|| panic!("{rule:?} is not caught"));
    say(&format!("{rule:?} caught after {number} schedules: {how}"));
    assert!(how.contains("invariant 09"), "{rule:?}: {how}");
}

#[test]
fn inv_09_metrics_that_are_missing_and_alarms_that_are_stale_are_seen_to_have_passed() {
    breaks_a_watch(Mutant::MissingMetricsPass);
    breaks_a_watch(Mutant::StaleAlarmIsQuiet);
}

#[test]
fn inv_09_a_test_that_failed_and_tasks_that_went_are_seen_to_have_passed() {
    breaks_a_watch(Mutant::SmokeIgnored);
    breaks_a_watch(Mutant::LossesUncounted);
}
