//! Schedules of faults, tried out: every single fault and every pair of them in a small fleet, and many drawn by
//! lot in larger ones. A schedule that breaks an invariant is printed with every call that was made.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Mutex;

use super::fault::{Fault, Kind, Schedule};
use super::lot::Lot;
use super::operator::{Finish, Report, Second, simulate};
use super::scene::{Scene, Size};
use crate::adapters::sim::FaultKind;
use crate::domain::fleet::OnFailure;

/// Pairs of faults are so many that a plain test run tries out one part of them.
const PARTS: usize = 60;

/// Seeds that a plain test run tries out in a fleet of medium size.
const SEEDS: u64 = 4_000;

pub(super) const SMALL: Size = Size { tenants: 3, services: 2, factor: 2, cap: 2 };
pub(super) const MEDIUM: Size = Size { tenants: 6, services: 3, factor: 2, cap: 2 };
pub(super) const LARGE: Size = Size { tenants: 1_000, services: 5, factor: 4, cap: 250 };

/// A scene and what it takes to run in it.
pub(super) struct Bench {
    pub(super) scene: Scene,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub(super) fn new(size: Size) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { scene: runtime.block_on(Scene::new(size)), runtime }
    }

    pub(super) fn run(&self, schedule: &Schedule, second: Option<Second>) -> Report {
        self.runtime.block_on(simulate(&self.scene, schedule.clone(), second, true))
    }

    /// Without running what has succeeded once more.
    fn run_once(&self, schedule: &Schedule) -> Report {
        self.runtime.block_on(simulate(&self.scene, schedule.clone(), None, false))
    }
}

/// Every fault that can happen to the calls after the first `from` ones.
pub(super) fn faults(report: &Report, from: u32) -> Vec<(u32, Fault)> {
    let calls = report.history.iter().filter(|call| call.number >= from);
    let all = calls.flat_map(|call| call.class.kinds().iter().map(|kind| (call.number, Fault::Exactly(*kind))));
    all.collect()
}

/// What is wrong with a report, in words; with every call.
pub(super) fn complaint(report: &Report, schedule: &Schedule, what: &str) -> String {
    let mut text = format!("{what}\nschedule: {schedule:?}\nfinish: {:?}\n", report.finish);
    for call in &report.history {
        text += &format!("{call}\n");
    }
    text
}

pub(super) fn check(report: &Report, schedule: &Schedule) -> Result<(), String> {
    match &report.wrong {
        Some(wrong) => {
            let what = format!("invariant {:02}, call {}: {}", wrong.invariant, wrong.call, wrong.what);
            Err(complaint(report, schedule, &what))
        }
        None => Ok(()),
    }
}

/// Says a number where it is seen, whatever becomes of the test's output.
pub(super) fn say(what: &str) {
    drop(writeln!(std::io::stderr(), "simulation: {what}"));
}

/// Whether a person would expect the same end as without these faults.
fn same_end_expected(happened: &[Kind]) -> bool {
    happened.iter().filter(|kind| **kind == Kind::Stale).count() < 2
}

/// Compares with the end of the run without faults.
fn compare(report: &Report, schedule: &Schedule, plain: &Report) -> Result<(), String> {
    check(report, schedule)?;
    // Whoever does not hear of the end hears later that there is nothing to do.
    let same =
        (report.finish == plain.finish || report.finish == Some(Finish::NothingToDo)) && report.ending == plain.ending;
    if same || !same_end_expected(&report.happened) {
        return Ok(());
    }
    let difference = plain.ending.difference(&report.ending);
    let (end, wanted) = (&report.finish, &plain.finish);
    let what = format!("invariant 05: it ends with {end:?} instead of {wanted:?}: {difference}");
    Err(complaint(report, schedule, &what))
}

/// Tries out every single fault in a scene, and compares each end with that of the run without faults.
pub(super) fn every_single(bench: &Bench) -> (usize, Vec<String>) {
    let plain = bench.run(&Vec::new(), None);
    let mut complaints: Vec<String> = check(&plain, &Vec::new()).err().into_iter().collect();
    let singles = faults(&plain, 0);
    for fault in &singles {
        let schedule = vec![*fault];
        complaints.extend(compare(&bench.run(&schedule, None), &schedule, &plain).err());
    }
    (singles.len(), complaints)
}

#[test]
fn inv_05_every_single_fault_at_every_call_ends_as_without_it() {
    let (number, complaints) = every_single(&Bench::new(SMALL));
    say(&format!("{number} single faults"));
    none(&complaints);
}

#[test]
fn inv_18_every_single_fault_in_a_rollout_that_fails_ends_as_without_it() {
    let mut number = 0;
    for (flaw, budget) in [
        ((Some(1), 1, FaultKind::CrashAtStart), 0),
        ((Some(1), 1, FaultKind::Answers500), 1),
        ((Some(1), 0, FaultKind::CrashWithoutBreaker), 1),
    ] {
        let mut bench = Bench::new(SMALL);
        bench.scene.with_flaws(&[flaw]);
        bench.scene.with_policy(OnFailure::RollbackAll, budget);
        let (tried, complaints) = every_single(&bench);
        number += tried;
        say(&format!("{tried} single faults with {flaw:?}"));
        none(&complaints);
    }
    assert!(number > 1000);
}

/// Every pair of faults whose first one is the `part`th of so many. Where the first one ends its process in a world
/// that another first one has led to as well, what follows is the same and is tried out once.
fn every_pair(part: usize, parts: usize, known: &Mutex<HashSet<u64>>) -> (usize, Vec<String>) {
    let bench = Bench::new(SMALL);
    let plain = bench.run_once(&Vec::new());
    let (mut number, mut complaints) = (0, Vec::new());
    for first in faults(&plain, 0).into_iter().skip(part).step_by(parts) {
        let single = bench.run_once(&vec![first]);
        let next = single.beginnings.first().copied();
        let same = next.filter(|(_, world)| !known.lock().unwrap().insert(*world)).map_or(u32::MAX, |(call, _)| call);
        for second in faults(&single, first.0 + 1).into_iter().filter(|(call, _)| *call < same) {
            let schedule = vec![first, second];
            complaints.extend(compare(&bench.run_once(&schedule), &schedule, &plain).err());
            number += 1;
        }
    }
    (number, complaints)
}

/// On two threads, one part of so many.
fn pairs_on_two_threads(part: usize, parts: usize) {
    let known = Mutex::new(HashSet::new());
    let run = |of| every_pair(2 * part + of, 2 * parts, &known);
    let halves = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(1));
        [run(0), other.join().unwrap()]
    });
    let number: usize = halves.iter().map(|(number, _)| number).sum();
    say(&format!("{number} pairs of faults, part {part} of {parts}"));
    none(&halves.into_iter().flat_map(|(_, complaints)| complaints).collect::<Vec<_>>());
}

#[test]
fn inv_05_a_part_of_all_pairs_of_faults_ends_as_without_them() {
    pairs_on_two_threads(0, PARTS);
}

#[test]
#[ignore = "many minutes: run it with an optimised profile"]
fn inv_05_every_pair_of_faults_ends_as_without_them() {
    pairs_on_two_threads(0, 1);
}

/// Tries out these seeds.
pub(super) fn by_lot(size: Size, calls: usize, seeds: impl Iterator<Item = u64>) -> (usize, usize, Vec<String>) {
    let mut bench = Bench::new(size);
    let (mut number, mut happened, mut complaints) = (0, 0, Vec::new());
    for seed in seeds {
        let lot = Lot::draw(seed, size.tenants, size.services, calls);
        let report = lot.run(&mut bench);
        number += 1;
        happened += report.happened.len();
        if let Err(complaint) = check(&report, &lot.schedule) {
            let head = complaint.lines().next().unwrap_or_default();
            complaints.push(format!("{head}; seed {seed}: {lot:?}\n{complaint}"));
        }
    }
    (number, happened, complaints)
}

/// Tries out so many seeds on two threads.
fn lots_on_two_threads(size: Size, calls: usize, seeds: u64) {
    let run = |of| by_lot(size, calls, (of..seeds).step_by(2));
    let halves = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(1));
        [run(0), other.join().unwrap()]
    });
    let number: usize = halves.iter().map(|half| half.0).sum();
    let happened: usize = halves.iter().map(|half| half.1).sum();
    say(&format!("{number} seeds with {happened} faults in a fleet of {} x {}", size.tenants, size.services));
    none(&halves.into_iter().flat_map(|half| half.2).collect::<Vec<_>>());
}

#[test]
fn inv_12_faults_by_lot_with_a_second_process() {
    lots_on_two_threads(MEDIUM, 300, SEEDS);
}

#[test]
fn inv_19_faults_by_lot_in_a_large_fleet() {
    lots_on_two_threads(LARGE, 400, 2);
}

#[test]
#[ignore = "minutes: the many seeds of a nightly run"]
fn inv_12_twenty_thousand_seeds() {
    lots_on_two_threads(MEDIUM, 300, 20_000);
}

#[test]
#[ignore = "many minutes: the large fleets of a nightly run"]
fn inv_19_fifty_seeds_in_a_large_fleet() {
    lots_on_two_threads(LARGE, 400, 50);
}

#[test]
#[ignore = "hours"]
fn inv_12_a_million_seeds() {
    lots_on_two_threads(MEDIUM, 300, 1_000_000);
}

/// There are no complaints; else they are listed, and the first one is told in full.
pub(super) fn none(complaints: &[String]) {
    let heads = complaints.iter().map(|complaint| complaint.lines().take(2).collect::<Vec<_>>().join("; "));
    let heads: Vec<String> = heads.take(100).collect();
    let first = complaints.first().cloned().unwrap_or_default();
    assert!(complaints.is_empty(), "{} schedules are wrong\n{}\n{first}", complaints.len(), heads.join("\n"));
}
