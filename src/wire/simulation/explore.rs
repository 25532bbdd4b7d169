//! Schedules of faults, tried out: every single fault and every pair of them in a small fleet, and many drawn by
//! lot in larger ones. A schedule that breaks an invariant is printed with every call that was made.

use std::io::Write;

use super::fault::{Fault, Kind, Schedule};
use super::operator::{Finish, Report, Second, simulate};
use super::scene::{Scene, Size};

pub(super) const SMALL: Size = Size { tenants: 3, services: 2, cap: 2 };

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
        self.runtime.block_on(simulate(&self.scene, schedule.clone(), second))
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
    let same = report.finish == plain.finish && report.ending == plain.ending;
    if same || !same_end_expected(&report.happened) {
        return Ok(());
    }
    let difference = plain.ending.difference(&report.ending);
    let what = format!("invariant 05: it ends with {:?}: {difference}", report.finish);
    Err(complaint(report, schedule, &what))
}

#[test]
fn inv_05_every_single_fault_at_every_call_ends_as_without_it() {
    let bench = Bench::new(SMALL);
    let plain = bench.run(&Vec::new(), None);
    assert_eq!(check(&plain, &Vec::new()), Ok(()));
    assert_eq!(plain.finish, Some(Finish::Succeeded));
    let singles = faults(&plain, 0);
    let mut complaints = Vec::new();
    for fault in &singles {
        let schedule = vec![*fault];
        let report = bench.run(&schedule, None);
        complaints.extend(compare(&report, &schedule, &plain).err());
    }
    say(&format!("{} single faults over {} calls", singles.len(), plain.history.len()));
    none(&complaints);
}

/// There are no complaints; else they are listed, and the first one is told in full.
pub(super) fn none(complaints: &[String]) {
    let heads = complaints.iter().map(|complaint| complaint.lines().take(2).collect::<Vec<_>>().join("; "));
    let heads: Vec<String> = heads.take(100).collect();
    let first = complaints.first().cloned().unwrap_or_default();
    assert!(complaints.is_empty(), "{} schedules are wrong\n{}\n{first}", complaints.len(), heads.join("\n"));
}
