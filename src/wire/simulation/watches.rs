//! Faults in what a watch reads: metrics and alarms that do not come, come late, are malformed or throttled, and smoke
//! tests whose starts and ends get lost. Whatever happens to one call, the rollout ends as without it.

use super::explore::{Bench, every_single, none, say};
use super::operator::Finish;
use super::scene::{Flaw, Size};
use crate::adapters::sim::FaultKind;

/// One service a tenant, so that every call can be tried in no time, and everything that a watch can read.
pub(super) const WATCHED: Size = Size { tenants: 3, services: 1, factor: 2, cap: 2, bake: "90s", watched: true };

/// What the release does wrong, that only these gates see: nothing, errors in a few requests, tasks that die and come
/// back, a test that fails and one that does not end.
pub(super) const FLAWS: [&[Flaw]; 5] = [
    &[],
    &[(Some(1), 0, FaultKind::FailsSome)],
    &[(Some(1), 0, FaultKind::KeepsDying)],
    &[(Some(1), 1, FaultKind::TaskFails)],
    &[(Some(1), 1, FaultKind::TaskHangs)],
];

#[test]
fn inv_09_every_single_fault_of_what_a_watch_reads_ends_as_without_it() {
    let mut number = 0;
    for flaws in FLAWS {
        let mut bench = Bench::new(WATCHED);
        bench.scene.with_flaws(flaws);
        let (tried, complaints) = every_single(&bench);
        say(&format!("{tried} single faults in a watch with {flaws:?}"));
        none(&complaints);
        number += tried;
    }
    assert!(number > 1_000, "{number}");
}

#[test]
fn each_of_these_flaws_is_seen_by_a_gate_of_its_own() {
    let mut bench = Bench::new(WATCHED);
    let mut finish = |flaws: &[Flaw]| {
        bench.scene.with_flaws(flaws);
        bench.run(&Vec::new(), None).finish.unwrap()
    };
    assert_eq!(finish(FLAWS[0]), Finish::Succeeded);
    for flaws in &FLAWS[1..4] {
        assert_eq!(finish(flaws), Finish::RolledBack, "{flaws:?}");
    }
    assert!(matches!(finish(FLAWS[4]), Finish::Waiting(_)));
}
