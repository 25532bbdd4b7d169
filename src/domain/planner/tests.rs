//! What a plan forward says: who gets what in which wave, who does not and why, and when there is none.

use std::collections::BTreeSet;

use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;

use super::sample::{World, digest, key, more_memory, release, template, version};
use crate::domain::fleet::{Licence, LicencePolicy, OnFailure, Pin, SetState, Unlicensed, WavePolicy};
use crate::domain::gate::OnUnknown;
use crate::domain::ids::{ContentHash, SetId};
use crate::domain::plan::{Direction, Exclusion, Plan};
use crate::domain::reason::Reason;
use crate::domain::snapshot::ServiceSeen;

fn sets_of(plan: &Plan) -> Vec<Vec<String>> {
    plan.waves.iter().map(|wave| wave.sets().iter().map(ToString::to_string).collect()).collect()
}

fn pin(text: &str, until: &str) -> Pin {
    Pin { version: version(text), owner: "@ops".to_owned(), why: "audit".to_owned(), until: until.parse().unwrap() }
}

fn licence_until(day: &str) -> Option<Licence> {
    Some(Licence { plan: None, until: day.parse().unwrap() })
}

fn excluded(world: &World) -> Vec<(String, String)> {
    let plan = world.plan().unwrap();
    plan.excluded.iter().map(|Exclusion { set, reason }| (set.to_string(), reason.to_string())).collect()
}

#[test]
fn the_control_plane_goes_first_then_a_few_then_the_many() {
    let plan = World::with_canary(9).plan().unwrap();
    let sizes: Vec<(&str, usize, i64)> =
        plan.waves.iter().map(|wave| (wave.name.as_str(), wave.sets().len(), wave.bake.as_mins())).collect();
    assert_eq!(
        sizes,
        [("control plane", 1, 60), ("canary", 1, 60), ("rest 1", 1, 5), ("rest 2", 3, 5), ("rest 3", 4, 5)]
    );
    assert_eq!(sets_of(&plan)[..2], [["control-plane"], ["t00"]]);
}

#[test]
fn inv_22_services_of_a_set_follow_their_order() {
    let plan = World::growing(1).plan().unwrap();
    let told: Vec<(&str, Vec<&str>)> = plan.waves[1]
        .changes
        .iter()
        .map(|change| (change.service.service.as_str(), change.after.iter().map(|name| name.as_str()).collect()))
        .collect();
    assert_eq!(told, [("api", vec![]), ("search", vec!["api"]), ("worker", vec!["api", "search"])]);
}

#[test]
fn inv_40_a_target_is_the_template_with_the_image_by_digest() {
    let mut world = World::growing(1);
    let api = key("t00/api");
    world.templates.insert(api.clone(), template(&api, "512"));
    let plan = world.plan().unwrap();
    let change = plan.changes().find(|change| change.service == api).unwrap();
    let image = &world.release.images[&api.service];
    assert_eq!(change.target.hash, world.templates[&api].render(&api.service, &image.reference()).unwrap().hash);
    assert_eq!(change.target.digest.as_ref(), Some(&digest("api 1.1.0")));
    assert_eq!(change.target.version, Some(version("1.1.0")));
    assert_eq!(change.before.version, Some(version("1.0.0")));
    assert_eq!(change.ecs_service, "shop-prod-t00-api");
}

#[test]
fn inv_40_a_template_change_alone_is_rolled_out_like_a_release_and_is_shown() {
    let mut world = World::growing(5);
    let same = release(&world.app, "1.0.0");
    world.release = same;
    assert!(world.plan().unwrap().is_empty(), "everybody runs it");
    for tenant in 0..5 {
        world.changes.insert(key(&format!("t{tenant:02}/api")), more_memory());
    }
    let plan = world.plan().unwrap();
    let changed: BTreeSet<String> = plan.changes().map(|change| change.service.to_string()).collect();
    assert_eq!(
        changed,
        ["t00/api", "t01/api", "t02/api", "t03/api", "t04/api"].map(str::to_owned).into(),
        "and nobody else"
    );
    assert!(plan.waves.len() > 1 && plan.waves[0].sets().len() == 1, "one first: {:?}", sets_of(&plan));
    for change in plan.changes() {
        assert_eq!((change.configuration.clone(), change.changes_image()), (more_memory(), false));
        assert_ne!(change.before.template, change.target.template);
        assert_eq!(change.before.digest, change.target.digest);
        let back = change.reversed(&[]);
        assert_eq!(back.configuration[0].to_string(), "memory 1024 -> 512");
        assert_eq!(back.target.task_definition, change.before.task_definition, "the way back is the revision before");
    }
}

#[test]
fn inv_09_a_manifest_that_cannot_be_used_stops_the_plan_even_where_no_image_changes() {
    let mut world = World::growing(2);
    world.release = release(&world.app, "1.0.0");
    let set: SetId = "t01".parse().unwrap();
    world.bad.insert(set.clone(), Reason::BadManifest { set, why: "it is no JSON".to_owned() });
    let told: Vec<String> = world.plan().unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(told, ["the manifest of t01: it is no JSON"], "once for all its services");
    world.set("t01").state = SetState::Paused;
    assert!(world.plan().unwrap().is_empty(), "whoever is left out is no matter");
}

#[test]
fn what_ran_before_has_a_version_only_if_the_records_fit_what_is_live() {
    let mut world = World::growing(1);
    let api = key("t00/api");
    world.state.services.get_mut(&api).unwrap().runs.digest = Some(digest("something else"));
    let plan = world.plan().unwrap();
    assert_eq!(plan.changes().find(|change| change.service == api).unwrap().before.version, None);
}

#[test]
fn unchanged_services_are_not_deployed() {
    let mut world = World::growing(2);
    world.runs(&key("t00/search"), &world.release.clone());
    for of_t01 in world.keys_of(&"t01".parse().unwrap()) {
        world.runs(&of_t01, &world.release.clone());
    }
    let plan = world.plan().unwrap();
    let changed: Vec<String> = plan.changes().map(|change| change.service.to_string()).collect();
    assert_eq!(changed, ["control-plane/registry", "t00/api", "t00/worker"]);
    assert_eq!(plan.unchanged, ["t01".parse::<SetId>().unwrap()]);
    let worker = plan.changes().last().unwrap();
    assert_eq!(worker.after, ["api".parse().unwrap()], "it waits for what changes, through what does not");
}

#[test]
fn inv_41_a_fleet_that_runs_the_release_has_an_empty_plan() {
    let mut world = World::with_canary(3);
    for key in world.keys() {
        world.runs(&key, &world.release.clone());
    }
    let plan = world.plan().unwrap();
    assert!(plan.is_empty());
    assert_eq!(plan.unchanged.len(), 4);
}

#[test]
fn inv_11_paused_pinned_and_unlicensed_tenants_are_left_out_by_name() {
    let mut world = World::growing(6);
    world.set("t01").state = SetState::Paused;
    world.set("t02").state = SetState::Offboarding;
    world.set("t03").pin = Some(pin("1.0.0", "2026-12-31"));
    world.set("t04").licence = licence_until("2026-11-23");
    let told = excluded(&world);
    let told: Vec<(&str, &str)> = told.iter().map(|(set, reason)| (set.as_str(), reason.as_str())).collect();
    assert_eq!(
        told,
        [
            ("t01", "paused"),
            ("t02", "offboarding"),
            ("t03", "pinned to 1.0.0 by @ops until 2026-12-31: audit"),
            ("t04", "licence ended on 2026-11-23"),
        ]
    );
    let touched: BTreeSet<String> = world.plan().unwrap().changes().map(|c| c.service.set.to_string()).collect();
    assert_eq!(touched, ["control-plane", "t00", "t05"].map(str::to_owned).into());
}

#[test]
fn inv_11_pins_and_licences_hold_through_their_last_day() {
    let mut world = World::growing(3);
    world.set("t01").pin = Some(pin("1.0.0", "2026-11-24"));
    world.set("t02").licence = licence_until("2026-11-24");
    let names = |world: &World| excluded(world).into_iter().map(|(set, _)| set).collect::<Vec<_>>();
    assert_eq!(names(&world), ["t01"]);
    world.today = world.today.checked_add(1.day()).unwrap();
    assert_eq!(names(&world), ["t02"]);
}

#[test]
fn inv_11_what_a_licence_that_ended_or_is_missing_means_is_the_fleets_policy() {
    let mut world = World::growing(3);
    world.set("t00").licence = licence_until("2026-11-23");
    world.set("t01").licence = licence_until("2026-12-31");
    let mut told = |expired, missing| {
        world.app.fleets[0].licences = LicencePolicy { expired, missing };
        let plan = world.plan().unwrap();
        let touched: BTreeSet<String> = plan.changes().map(|change| change.service.set.to_string()).collect();
        (touched.into_iter().collect::<Vec<_>>(), plan.unlicensed.clone(), excluded(&world))
    };
    let (touched, without, out) = told(Unlicensed::Release, Unlicensed::Release);
    assert_eq!(touched, ["control-plane", "t00", "t01", "t02"]);
    assert_eq!((without, out.len()), (vec!["t00".parse().unwrap()], 0), "the plan tells of it");
    let (touched, without, out) = told(Unlicensed::Exclude, Unlicensed::Exclude);
    assert_eq!((touched, without), (vec!["control-plane".to_owned(), "t01".to_owned()], vec![]));
    let named = |set: &str, why: &str| (set.to_owned(), why.to_owned());
    assert_eq!(out, [named("t00", "licence ended on 2026-11-23"), named("t02", "no licence")]);
    let (_, _, out) = told(Unlicensed::Pause, Unlicensed::Pause);
    let asleep = "so it sleeps until it has one again";
    assert_eq!(
        out,
        [
            named("t00", &format!("licence ended on 2026-11-23, {asleep}")),
            named("t02", &format!("no licence, {asleep}"))
        ]
    );
}

#[test]
fn a_pin_allows_its_own_version_and_the_builds_on_the_way_to_it() {
    let mut world = World::growing(2);
    world.set("t01").pin = Some(pin("1.1.0", "2026-12-31"));
    assert_eq!(excluded(&world), []);
    world.release.version = version("1.1.0-main.7.ab12cd3");
    assert_eq!(excluded(&world), []);
    world.set("t01").pin = Some(pin("1.1.0-main.6.abcdef0", "2026-12-31"));
    assert_eq!(excluded(&world).len(), 1);
}

#[test]
fn a_plan_without_its_canary_is_refused() {
    let mut world = World::with_canary(3);
    world.set("t00").state = SetState::Paused;
    assert_eq!(world.plan(), Err(vec![Reason::NoCanary { wave: "canary".to_owned() }]));
    world.direction = Direction::RollbackTo(version("1.1.0"));
    assert!(world.plan().is_ok(), "going back needs none");
}

#[test]
fn a_canary_that_runs_the_release_already_is_not_missing() {
    let mut world = World::with_canary(3);
    for key in world.keys_of(&"t00".parse().unwrap()) {
        world.runs(&key, &world.release.clone());
    }
    let plan = world.plan().unwrap();
    assert_eq!(
        plan.waves.iter().map(|wave| wave.name.as_str()).collect::<Vec<_>>(),
        ["control plane", "rest 1", "rest 2"]
    );
}

#[test]
fn going_back_to_a_version_takes_all_tenants_at_once() {
    let mut world = World::with_canary(5);
    world.direction = Direction::RollbackTo(version("1.1.0"));
    let plan = world.plan().unwrap();
    assert_eq!(sets_of(&plan), [vec!["control-plane"], vec!["t00", "t01", "t02", "t03", "t04"]]);
    assert!(plan.waves.iter().all(|wave| wave.bake == SignedDuration::ZERO));
}

#[test]
fn inv_09_inv_10_every_problem_is_told_and_no_plan_is_made() {
    let mut world = World::with_canary(4);
    world.set("t00").state = SetState::Paused;
    if let Some(ServiceSeen::Live(live)) = world.live.get_mut(&key("t01/api")) {
        live.desired = 0;
    }
    world.live.insert(key("t01/search"), ServiceSeen::Missing);
    world.live.insert(key("t02/api"), ServiceSeen::Unreachable { why: "throttled".to_owned() });
    world.live.remove(&key("t02/search"));
    world.templates.remove(&key("t03/api"));
    world.templates.insert(key("t03/search"), template(&key("t03/api"), "256"));
    world.release.images.remove(&"registry".parse().unwrap());
    let told: Vec<String> = world.plan().unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "control-plane/registry is not ready: the release has no image for it",
            "t01/api: desired count is 0, so the release is unproven there",
            "t01/search is not ready: ECS has no active service of that name",
            "state of t02/api: no verdict: throttled",
            "state of t02/search: no verdict: it was not read",
            "t03/api is not ready: its task definition could not be read",
            "t03/search is not ready: the task definition of family `shop-prod-t03-api` has no container named `search`",
            "wave `canary` has nobody left in it, so nobody would be exposed before the many",
        ]
    );
}

#[test]
fn the_first_release_of_a_service_starts_its_first_tasks() {
    let mut world = World::with_canary(3);
    for service in ["t01/api", "t01/search", "t01/worker"] {
        world.unborn(&key(service), 3);
    }
    let plan = world.plan().unwrap();
    let first: Vec<(String, Option<u32>)> =
        plan.changes().map(|change| (change.service.to_string(), change.first_tasks())).collect();
    let expected = |(service, tasks): &(String, Option<u32>)| *tasks == service.starts_with("t01/").then_some(3);
    assert!(first.iter().all(expected) && first.len() == 10, "{first:?}");
    let change = plan.changes().find(|change| change.service == key("t01/api")).unwrap();
    assert!(change.configuration.is_empty(), "a placeholder is nobody's configuration");
    let back = change.reversed(&[]);
    assert_eq!((back.rests(), back.target.tasks, back.first_tasks(), &back.probe), (true, Some(0), None, &None));
}

#[test]
fn inv_10_zero_tasks_for_any_other_reason_prove_nothing() {
    let refused = |world: &World| {
        let told: Vec<String> = world.plan().unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(told, ["t01/api: desired count is 0, so the release is unproven there"]);
    };
    let mut by_hand = World::with_canary(3);
    let Some(ServiceSeen::Live(live)) = by_hand.live.get_mut(&key("t01/api")) else { panic!() };
    (live.desired, live.running) = (0, 0);
    by_hand.tasks.insert(key("t01/api"), 3);
    refused(&by_hand);
    let mut untold = World::with_canary(3);
    untold.unborn(&key("t01/api"), 3);
    untold.tasks.clear();
    refused(&untold);
    untold.tasks.insert(key("t01/api"), 0);
    refused(&untold);
}

#[test]
fn nobody_goes_back_to_where_it_never_was() {
    let mut world = World::with_canary(3);
    for service in ["t01/api", "t01/search", "t01/worker", "t02/search"] {
        world.unborn(&key(service), 3);
    }
    world.direction = Direction::RollbackTo(version("1.1.0"));
    let plan = world.plan().unwrap();
    assert_eq!(sets_of(&plan), [vec!["control-plane"], vec!["t00", "t02"]]);
    assert_eq!(plan.excluded[0].set.as_str(), "t01");
    assert!(plan.changes().all(|change| change.service != key("t02/search") && change.target.tasks.is_none()));
}

#[test]
fn inv_24_the_hash_changes_with_everything_a_plan_is_made_of() {
    type Change = (&'static str, fn(&mut World));
    let changes: [Change; 16] = [
        ("the release's version", |w| w.release.version = version("1.1.1")),
        ("its commit", |w| w.release.commit = "b".repeat(40).parse().unwrap()),
        ("an image's digest", |w| w.release.images.values_mut().next().unwrap().digest = digest("other")),
        ("an image's repository", |w| w.release.images.values_mut().next().unwrap().repository += "-other"),
        ("the version an image was built as", |w| {
            w.release.images.values_mut().next().unwrap().built_as = version("1.0.9")
        }),
        ("what a template says", |w| drop(w.templates.insert(key("t01/api"), template(&key("t01/api"), "512")))),
        ("what a template changes", |w| drop(w.changes.insert(key("t01/api"), more_memory()))),
        ("what is live", |w| {
            let old = release(&w.app, "0.9.0");
            w.runs(&key("t01/api"), &old);
        }),
        ("what the records say", |w| w.state.services.clear()),
        ("the version before", |w| w.replaces = None),
        ("who is left out", |w| w.set("t01").state = SetState::Paused),
        ("a tenant's host", |w| w.set("t01").host = "other.example".to_owned()),
        ("the policy for failures", |w| w.fleet_mut().on_failure = OnFailure::Stop),
        ("how long waves are watched", |w| {
            if let WavePolicy::Auto { bake, .. } = &mut w.fleet_mut().waves {
                *bake = SignedDuration::from_mins(6);
            }
        }),
        ("the gate", |w| w.fleet_mut().gate.unknown = OnUnknown::Fail),
        ("the direction", |w| w.direction = Direction::RollbackTo(version("1.1.0"))),
    ];
    let mut hashes: BTreeSet<ContentHash> = BTreeSet::from([World::growing(3).plan().unwrap().hash()]);
    for (what, change) in changes {
        let mut world = World::growing(3);
        change(&mut world);
        assert!(hashes.insert(world.plan().unwrap().hash()), "{what} changes nothing");
    }
}

/// No field of a plan is left out of its hash, nor of its record.
#[test]
fn inv_24_every_value_in_a_plan_is_part_of_its_hash() {
    let mut world = World::growing(2);
    world.set("t01").state = SetState::Paused;
    let plan = world.plan().unwrap();
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(serde_json::from_value::<Plan>(json.clone()).unwrap(), plan);
    for path in leaves(&json, String::new()) {
        let mut other = json.clone();
        *other.pointer_mut(&path).unwrap() = "another".into();
        assert_ne!(ContentHash::of_json(&other), plan.hash(), "{path}");
    }
}

/// Paths to every value that holds no others.
fn leaves(value: &serde_json::Value, path: String) -> Vec<String> {
    match value {
        serde_json::Value::Object(map) => {
            map.iter().flat_map(|(k, v)| leaves(v, format!("{path}/{}", k.replace('/', "~1")))).collect()
        }
        serde_json::Value::Array(list) => {
            list.iter().enumerate().flat_map(|(i, v)| leaves(v, format!("{path}/{i}"))).collect()
        }
        _ => vec![path],
    }
}

/// What can be the matter with a tenant.
fn matters(world: &mut World, matters: &[u8]) {
    for (n, matter) in matters.iter().enumerate() {
        let id = format!("t{n:02}");
        match matter {
            1 => world.set(&id).state = SetState::Paused,
            2 => world.set(&id).pin = Some(pin("1.0.0", "2026-12-31")),
            3 => {
                for key in world.keys_of(&id.parse().unwrap()) {
                    world.runs(&key, &world.release.clone());
                }
            }
            4 => world.runs(&key(&format!("{id}/api")), &world.release.clone()),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn inv_20_inv_46_each_set_is_in_one_wave_or_unchanged_or_left_out_by_name(of_tenants in proptest::collection::vec(0u8..6, 1..40)) {
        let mut world = World::growing(of_tenants.len());
        matters(&mut world, &of_tenants);
        let plan = world.plan().unwrap();
        let in_waves = plan.waves.iter().flat_map(|wave| wave.sets().into_iter().cloned());
        let mut all: Vec<SetId> = in_waves.chain(plan.unchanged.clone()).chain(plan.excluded.iter().map(|e| e.set.clone())).collect();
        all.sort();
        let mut wanted: Vec<SetId> = world.fleet().sets.iter().map(|set| set.id.clone()).collect();
        wanted.sort();
        prop_assert_eq!(all, wanted);
        let cap = 6.max(of_tenants.len() / 4);
        prop_assert!(plan.waves.iter().all(|wave| wave.sets().len() <= cap), "inv_19");
    }

    #[test]
    fn inv_23_the_order_of_sets_changes_no_byte(of_tenants in proptest::collection::vec(0u8..6, 1..20), seed in any::<u64>()) {
        let mut world = World::growing(of_tenants.len());
        matters(&mut world, &of_tenants);
        let mut moved = world.clone();
        moved.fleet_mut().sets.sort_by_key(|set| ContentHash::of(format!("{seed} {}", set.id).as_bytes()));
        let bytes = |world: &World| serde_json::to_string(&world.plan().unwrap()).unwrap();
        prop_assert!(bytes(&world) == bytes(&moved));
    }
}
