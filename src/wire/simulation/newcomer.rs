//! A release in which one tenant has its first tasks: with every fault at every call, where it goes well and where the
//! newcomer goes back to no task.

use super::explore::{Bench, SMALL, every_single, none, say};
use super::operator::Finish;
use crate::adapters::sim::FaultKind;
use crate::domain::fleet::OnFailure;
use crate::domain::mutant::{Mutant, break_rule};

#[test]
fn inv_05_first_tasks_end_the_same_after_every_single_fault() {
    let bench = Bench::with_a_newcomer(SMALL);
    assert!(matches!(bench.run(&Vec::new(), None).finish, Some(Finish::Succeeded)));
    let (number, complaints) = every_single(&bench);
    say(&format!("{number} single faults while a tenant has its first tasks"));
    none(&complaints);
}

#[test]
fn inv_16_a_newcomer_that_fails_rests_at_no_task_after_every_single_fault() {
    for (kind, budget) in [(FaultKind::CrashAtStart, 0), (FaultKind::Answers500, 1), (FaultKind::GivenUp, 0)] {
        let mut bench = Bench::with_a_newcomer(SMALL);
        bench.scene.with_flaws(&[(Some(SMALL.tenants - 1), 1, kind)]);
        bench.scene.with_policy(OnFailure::RollbackAll, budget);
        let (number, complaints) = every_single(&bench);
        say(&format!("{number} single faults while a newcomer fails by {kind:?}"));
        none(&complaints);
    }
}

#[test]
fn inv_10_an_engine_that_does_not_keep_first_tasks_up_is_caught() {
    let bench = Bench::with_a_newcomer(SMALL);
    break_rule(Some(Mutant::FirstTasksNotKept));
    let (_, complaints) = every_single(&bench);
    break_rule(None);
    assert!(complaints.iter().any(|complaint| complaint.contains("invariant 10")), "{:?}", complaints.first());
}
