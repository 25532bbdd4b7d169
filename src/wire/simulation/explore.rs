//! Schedules of faults, tried out: every single fault and every pair of them in a small fleet, and many drawn by
//! lot in larger ones. A schedule that breaks an invariant is printed with every call that was made.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Mutex;

use jiff::SignedDuration;

use super::fault::{Fault, Kind, Schedule};
use super::history::Call;
use super::lot::Lot;
use super::operator::{Finish, Purpose, Report, Second, Worlds, simulate};
use super::scene::{Scene, Size};
use crate::adapters::sim::FaultKind;
use crate::domain::fleet::OnFailure;

/// Seeds that a plain test run tries out in a fleet of medium size.
const SEEDS: u64 = 20_000;

/// Seeds that a plain test run tries out in a large fleet.
const LARGE_SEEDS: u64 = 50;

pub(super) const SMALL: Size = Size { tenants: 3, services: 2, factor: 2, cap: 2, bake: "90s", watched: false };
pub(super) const MEDIUM: Size = Size { tenants: 6, services: 3, factor: 2, cap: 2, bake: "3m", watched: false };
pub(super) const LARGE: Size = Size { tenants: 1_000, services: 5, factor: 4, cap: 250, bake: "3m", watched: false };

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

    /// The same where Terraform publishes templates, and has changed them.
    pub(super) fn with_manifests(size: Size) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { scene: runtime.block_on(Scene::with_manifests(size)), runtime }
    }

    /// The same where one tenant has never run a release.
    pub(super) fn with_a_newcomer(size: Size) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { scene: runtime.block_on(Scene::with_a_newcomer(size)), runtime }
    }

    pub(super) fn run(&self, schedule: &Schedule, second: Option<Second>) -> Report {
        self.runtime.block_on(simulate(&self.scene, schedule.clone(), second, Purpose::Twice))
    }

    /// Without running what has succeeded once more.
    fn run_once(&self, schedule: &Schedule, purpose: Purpose<'_>) -> Report {
        self.runtime.block_on(simulate(&self.scene, schedule.clone(), None, purpose))
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
    if report.finish == Some(Finish::AsKnown) {
        return Ok(());
    }
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

/// A stop at any call: no service is touched more than a second later, and the record is there within seven.
#[test]
fn inv_44_after_a_stop_nothing_is_changed_and_it_is_recorded() {
    let bench = Bench::new(SMALL);
    let calls = bench.run_once(&Vec::new(), Purpose::Once).history;
    let last_record = calls.iter().rposition(|call| call.class.name == "ledger.append").unwrap();
    let first_record = calls.iter().position(|call| call.class.name == "ledger.append").unwrap();
    for stopped in &calls[..=last_record] {
        let report = bench.run_once(&vec![(stopped.number, Fault::Exactly(Kind::Stop))], Purpose::Once);
        let after: Vec<_> =
            report.history.iter().filter(|call| call.number > stopped.number && call.process == 0).collect();
        let within = |call: &Call, seconds| call.at <= stopped.at + SignedDuration::from_secs(seconds);
        let touches = |call: &&&Call| call.class.writes && !call.class.github;
        let late = after.iter().find(|call| touches(call) && !within(call, 1));
        assert!(late.is_none(), "stopped at {stopped}: {}", late.unwrap());
        let opened = stopped.number as usize > first_record && (stopped.number as usize) < last_record;
        let recorded = after.iter().any(|call| call.class.name == "ledger.append" && within(call, 7));
        assert!(recorded || !opened, "stopped at {stopped}: nothing is recorded");
    }
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

/// Every pair of faults whose first one is in this half of them. Where the first one ends its process in a world
/// that another first one has led to as well, what follows is the same and is tried out once.
fn every_pair(half: usize, known: &Mutex<HashSet<u64>>, worlds: &Worlds) -> (usize, Vec<String>) {
    let bench = Bench::new(SMALL);
    let plain = bench.run_once(&Vec::new(), Purpose::Once);
    let (mut number, mut complaints) = (0, Vec::new());
    for first in faults(&plain, 0).into_iter().skip(half).step_by(2) {
        let single = bench.run_once(&vec![first], Purpose::Once);
        let next = single.beginnings.first().copied();
        let same = next.filter(|(_, world)| !known.lock().unwrap().insert(*world)).map_or(u32::MAX, |(call, _)| call);
        for second in faults(&single, first.0 + 1).into_iter().filter(|(call, _)| *call < same) {
            let schedule = vec![first, second];
            let report = bench.run_once(&schedule, Purpose::Shared(worlds));
            match compare(&report, &schedule, &plain) {
                Ok(()) => worlds.take_in(&schedule, &report),
                Err(complaint) => complaints.push(complaint),
            }
            number += 1;
        }
    }
    (number, complaints)
}

#[test]
fn inv_05_every_pair_of_faults_ends_as_without_them() {
    let (known, worlds) = (Mutex::new(HashSet::new()), Worlds::default());
    let run = |half| every_pair(half, &known, &worlds);
    let halves = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(1));
        [run(0), other.join().unwrap()]
    });
    let number: usize = halves.iter().map(|(number, _)| number).sum();
    say(&format!("{number} pairs of faults"));
    none(&halves.into_iter().flat_map(|(_, complaints)| complaints).collect::<Vec<_>>());
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
    lots_on_two_threads(LARGE, 400, LARGE_SEEDS);
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
