//! What a plan back says: exactly what the plan forward changed, in the opposite order.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::plan_back;
use super::sample::{World, key, release, version};
use crate::domain::fleet::OnFailure;
use crate::domain::ids::{ServiceKey, SetId};
use crate::domain::plan::{Change, Direction, Plan};

fn by_service(plan: &Plan) -> BTreeMap<ServiceKey, &Change> {
    plan.changes().map(|change| (change.service.clone(), change)).collect()
}

/// A plan in which some services change and others run the release already.
fn done(unchanged: &[bool]) -> Plan {
    let mut world = World::growing(unchanged.len().div_ceil(3).max(1));
    let keys: Vec<ServiceKey> = world.keys().into_iter().filter(|key| !key.set.is_control_plane()).collect();
    for (key, _) in keys.iter().zip(unchanged).filter(|(_, unchanged)| **unchanged) {
        world.runs(key, &world.release.clone());
    }
    world.plan().unwrap()
}

#[test]
fn inv_16_newest_wave_first_and_services_in_the_opposite_order() {
    let done = World::with_canary(3).plan().unwrap();
    let back = plan_back(&done, 0..3, None, None).unwrap();
    let names: Vec<&str> = back.waves.iter().map(|wave| wave.name.as_str()).collect();
    assert_eq!(names, ["back: rest 1", "back: canary", "back: control plane"]);
    let canary: Vec<(&str, Vec<&str>)> = back.waves[1]
        .changes
        .iter()
        .map(|change| (change.service.service.as_str(), change.after.iter().map(|name| name.as_str()).collect()))
        .collect();
    assert_eq!(canary, [("api", vec!["search", "worker"]), ("search", vec!["worker"]), ("worker", vec![])]);
    assert!(back.waves.iter().all(|wave| wave.bake == SignedDuration::ZERO));
}

#[test]
fn it_names_the_plan_it_takes_back_and_what_it_goes_back_to() {
    let world = World::growing(2);
    let done = world.plan().unwrap();
    let to = release(&world.app, "1.0.0");
    let back = plan_back(&done, 0..1, None, Some(to.clone())).unwrap();
    assert_eq!(back.direction, Direction::RollbackOf(done.hash()));
    assert_eq!((back.release, back.replaces), (to, Some(version("1.1.0"))));
    assert_eq!(back.on_failure, OnFailure::Stop, "inv_17: a rollback that fails starts no other");
    assert_eq!(plan_back(&done, 0..1, None, None).unwrap().release.version.to_string(), "0.0.0-unrecorded");
}

#[test]
fn only_one_set_goes_back_if_only_one_is_meant() {
    let done = World::growing(5).plan().unwrap();
    let only: SetId = "t03".parse().unwrap();
    let back = plan_back(&done, 0..done.waves.len(), Some(&only), None).unwrap();
    let keys: Vec<ServiceKey> = back.changes().map(|change| change.service.clone()).collect();
    assert_eq!(keys, [key("t03/api"), key("t03/search"), key("t03/worker")]);
    assert_eq!(back.waves.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn inv_16_it_touches_exactly_what_those_waves_changed(unchanged in proptest::collection::vec(any::<bool>(), 1..40), waves in 0usize..8) {
        let done = done(&unchanged);
        let waves = waves.min(done.waves.len());
        let back = plan_back(&done, 0..waves, None, None).unwrap();
        let forward: BTreeMap<ServiceKey, &Change> =
            done.waves[..waves].iter().flat_map(|wave| &wave.changes).map(|change| (change.service.clone(), change)).collect();
        let backward = by_service(&back);
        prop_assert_eq!(forward.keys().collect::<Vec<_>>(), backward.keys().collect::<Vec<_>>());
        for (service, back) in &backward {
            let there = forward[service];
            prop_assert_eq!((&back.before, &back.target), (&there.target, &there.before));
            prop_assert!(back.target.task_definition.is_some(), "what ran is registered, so it can run again");
            for (other, of_other) in backward.iter().filter(|(other, _)| other.set == service.set) {
                let before_it = there.after.contains(&other.service);
                prop_assert_eq!(before_it, of_other.after.contains(&service.service), "{} and {}", service, other);
            }
        }
    }
}
