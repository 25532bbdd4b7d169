//! A release that takes a change of Terraform's templates along: with every fault at every call, and with Terraform
//! publishing something else meanwhile.

use super::explore::{Bench, SMALL, check, every_single, none, say};
use super::fault::{Beside, Fault, Kind};
use crate::domain::mutant::{Mutant, break_rule};

#[test]
fn inv_05_a_template_change_ends_the_same_after_every_single_fault() {
    let (number, complaints) = every_single(&Bench::with_manifests(SMALL));
    say(&format!("{number} single faults while templates change"));
    none(&complaints);
}

#[test]
fn inv_40_what_terraform_publishes_meanwhile_is_never_slipped_in() {
    let bench = Bench::with_manifests(SMALL);
    let calls = u32::try_from(bench.run(&Vec::new(), None).history.len()).unwrap();
    let mut complaints = Vec::new();
    for call in 0..calls {
        for service in 0..SMALL.tenants * SMALL.services {
            let schedule = vec![(call, Fault::Exactly(Kind::Beside(Beside::Publish(service))))];
            complaints.extend(check(&bench.run(&schedule, None), &schedule).err());
        }
    }
    say(&format!("a template published beside any of {calls} calls"));
    none(&complaints);
}

#[test]
fn inv_40_an_engine_that_does_not_look_at_what_it_rendered_is_caught() {
    let bench = Bench::with_manifests(SMALL);
    break_rule(Some(Mutant::RenderUnchecked));
    let (_, complaints) = every_single(&bench);
    break_rule(None);
    assert!(complaints.iter().any(|complaint| complaint.contains("invariant 24")), "{:?}", complaints.first());
}
