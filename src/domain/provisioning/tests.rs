//! Exports of fleets made by lot, one after another, and the refusals in words.

use proptest::prelude::*;

use super::*;
use crate::domain::manifest::{Source, read};

const HEAD: &str = "schema: 1\napp: shop\ndomain: shop.example\nimages: { repository: \"shop/{service}\" }\n\
    services:\n  web: { build: web, port: 8080, health: /up }\n  mail: { build: mail, traffic: none }\n  \
    upgrade: { build: upgrade, run: before, class: expand }\n  try: { build: try, run: after }\n\
    cells:\n  one: { account: \"111111111111\", region: eu-west-1, clusters: [shop-a, shop-b] }\n\
    gates:\n  default: { rollout: { deadline: 15m } }\n\
    fleets:\n  dev: { cells: [one], deploy_on: merge, waves: { plan: auto }, gate: default, on_failure: stop }\n\
    tenants:\n  entries:\n";

fn app(entries: &[String]) -> Application {
    let bytes = format!("{HEAD}{}", entries.concat()).into_bytes();
    read(&[Source { name: "fleet.yaml".to_owned(), bytes }]).unwrap_or_else(|problems| panic!("{problems}"))
}

fn entry(number: usize) -> String {
    let state = ["active", "paused", "offboarding"][number % 3];
    format!("    - {{ id: t{number}, fleet: dev, state: {state} }}\n")
}

fn fleet_of(numbers: impl IntoIterator<Item = usize>) -> Application {
    app(&numbers.into_iter().map(entry).collect::<Vec<_>>())
}

/// The same with tombstones.
fn fleet_without(numbers: impl IntoIterator<Item = usize>, removed: impl IntoIterator<Item = usize>) -> Application {
    let mut lines: Vec<String> = numbers.into_iter().map(entry).collect();
    lines.push("  removed:\n".to_owned());
    lines.extend(removed.into_iter().map(|number| format!("    - {{ id: t{number}, fleet: dev, on: 2026-12-31 }}\n")));
    app(&lines)
}

fn committed(inputs: &Inputs) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([("dev".to_owned(), inputs.bytes())])
}

/// Exports the only fleet over what is committed.
fn over(app: &Application, committed: &BTreeMap<String, Vec<u8>>) -> Result<Inputs, Vec<Reason>> {
    export(app, committed).map(|all| all.into_values().next().unwrap())
}

fn first(app: &Application) -> Inputs {
    over(app, &BTreeMap::new()).unwrap()
}

fn words(result: Result<Inputs, Vec<Reason>>) -> String {
    result.unwrap_err().iter().map(|reason| format!("{reason} [{}]\n  {}\n", reason.code(), reason.hint())).collect()
}

/// The keys that routers trust are written once, in fleet.yaml: they reach them by these inputs.
#[test]
fn the_keys_of_routers_are_those_of_the_file() {
    const KEY: &str = "0VNyvocMoYNzpyFc4PdSrI2y/q+fMqff+kt3Sc6zMaw=";
    let routed = format!("dev: {{ routing: {{ snapshot: \"s3://bucket/routing\", keys: [\"{KEY}\"] }},");
    let text = format!("{HEAD}{}", entry(0)).replacen("dev: {", &routed, 1);
    let app = read(&[Source { name: "fleet.yaml".to_owned(), bytes: text.into_bytes() }]).unwrap();
    let inputs = first(&app);
    assert_eq!(inputs.routing_keys, [KEY]);
    assert_eq!(Inputs::read("dev", &inputs.bytes()).unwrap(), inputs);
    let without = first(&fleet_of([0]));
    assert!(!String::from_utf8(without.bytes()).unwrap().contains("routing_keys"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn exporting_twice_changes_nothing(numbers in proptest::collection::btree_set(0..200_usize, 1..90)) {
        let app = fleet_of(numbers);
        let once = first(&app);
        prop_assert_eq!(once.bytes(), over(&app, &committed(&once)).unwrap().bytes());
    }

    #[test]
    fn the_order_of_tenants_changes_no_byte(
        numbers in proptest::collection::btree_set(0..200_usize, 1..60).prop_flat_map(|set| {
            Just(set.into_iter().collect::<Vec<_>>()).prop_shuffle()
        }),
        known in 0..40_usize,
    ) {
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        let before = committed(&first(&fleet_of(numbers.iter().copied().take(known.clamp(1, numbers.len())))));
        prop_assert_eq!(
            over(&fleet_of(numbers), &before).unwrap().bytes(),
            over(&fleet_of(sorted), &before).unwrap().bytes()
        );
    }

    /// Tenants come and go for several exports. Whoever stays keeps the place, no two have one, no shard has more
    /// than 20, and none is taken out.
    #[test]
    fn slots_never_move(
        rounds in proptest::collection::vec(
            (proptest::collection::btree_set(0..150_usize, 1..40), proptest::collection::btree_set(0..150_usize, 0..30)),
            1..6,
        ),
    ) {
        let (mut there, mut gone) = (rounds[0].0.clone(), std::collections::BTreeSet::new());
        // One that never goes: a file without any tenant is none.
        there.insert(150);
        let mut now = first(&fleet_of(there.clone()));
        for (come, go) in rounds {
            // Only those that are offboarding may go, and none comes back.
            let goes = |number: &usize| number % 3 == 2 && go.contains(number);
            gone.extend(there.iter().copied().filter(goes));
            there.extend(come);
            there.retain(|number| !gone.contains(number));
            let before = now;
            let app = if gone.is_empty() { fleet_of(there.clone()) } else { fleet_without(there.clone(), gone.clone()) };
            now = over(&app, &committed(&before)).unwrap();
            for (id, tenant) in &now.tenants {
                if let Some(was) = before.tenants.get(id) {
                    prop_assert_eq!(was.place(), tenant.place());
                }
                let leaving = before.tenants.iter().filter(|(other, _)| !now.tenants.contains_key(*other));
                for (_, left) in leaving {
                    prop_assert_ne!(left.place(), tenant.place());
                }
                prop_assert!(tenant.place().is_within(&now.shards));
            }
            let places: std::collections::BTreeSet<Place> = now.tenants.values().map(TenantInput::place).collect();
            prop_assert_eq!(places.len(), now.tenants.len());
            for shard in &now.shards {
                let of_shard = now.tenants.values().filter(|tenant| &tenant.shard == shard).count();
                prop_assert!(of_shard <= usize::from(TENANTS_IN_A_SHARD));
            }
            prop_assert!(now.shards.starts_with(&before.shards));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Inputs::read("dev", &bytes).is_err());
    }
}

#[test]
fn the_lowest_free_slot_and_a_new_shard_when_none_has_room() {
    let full = first(&fleet_of((0..20).map(|n| n * 3)));
    assert_eq!(full.shards, ["s1"]);
    let more = over(&fleet_of((0..21).map(|n| n * 3)), &committed(&full)).unwrap();
    assert_eq!(more.shards, ["s1", "s2"]);
    assert_eq!(more.tenants[&"t60".parse().unwrap()].place().to_string(), "s2/1");

    let mut gap = more.clone();
    gap.tenants.remove(&"t9".parse().unwrap());
    let freed = gap.tenants.clone();
    let filled = over(&fleet_of((0..22).filter(|n| *n != 3).map(|n| n * 3)), &committed(&gap)).unwrap();
    let new = &filled.tenants[&"t63".parse().unwrap()];
    assert_eq!(new.shard, "s1");
    assert!(freed.values().all(|tenant| tenant.place() != new.place()));
}

#[test]
fn what_a_service_is_for_and_what_nobody_says() {
    let inputs = first(&fleet_of([0]));
    let kinds: Vec<(&str, Kind)> = inputs.services.iter().map(|(name, s)| (name.as_str(), s.kind)).collect();
    assert_eq!(kinds, [("mail", Kind::Worker), ("try", Kind::Task), ("upgrade", Kind::Task), ("web", Kind::Service)]);
    assert!(inputs.control_plane.is_empty());
    let text = String::from_utf8(inputs.bytes()).unwrap();
    let tenant = text.split_once("\"tenants\": ").unwrap().1;
    insta::assert_snapshot!(tenant, @r#"
    {
          "t0": {
            "cluster": "shop-a",
            "evidence": "prefix",
            "host": "t0.shop.example",
            "rds": "schema",
            "shard": "s1",
            "slot": 1,
            "state": "active",
            "tier": "standard"
          }
        }
      }
    }
    "#);
}

#[test]
fn a_tenant_whose_line_vanished_is_refused_unless_it_was_offboarding_and_left_a_tombstone() {
    let before = committed(&first(&fleet_of([0, 1, 2, 3])));
    insta::assert_snapshot!(words(over(&fleet_without([3], [1]), &before)), @"
    tenant `t0` is in the inputs of dev as active, and fleet.yaml does not have it any more [tenant_vanished]
      put its line back and let `tidegate tenants offboard` take it out: after it was `state: offboarding`, with a tombstone
    tenant `t1` is in the inputs of dev as paused, and fleet.yaml does not have it any more [tenant_vanished]
      put its line back and let `tidegate tenants offboard` take it out: after it was `state: offboarding`, with a tombstone
    tenant `t2` is in the inputs of dev as offboarding, and fleet.yaml does not have it any more [tenant_vanished]
      put its line back and let `tidegate tenants offboard` take it out: after it was `state: offboarding`, with a tombstone
    ");
    let left = over(&fleet_without([0, 1, 3], [2]), &before).unwrap();
    assert!(!left.tenants.contains_key(&"t2".parse().unwrap()));
}

#[test]
fn every_problem_is_told_at_once() {
    let before = committed(&first(&fleet_of([0])));
    let gone = BTreeMap::from([("old".to_owned(), Vec::new()), ("dev".to_owned(), before["dev"].clone())]);
    let mut app = app(&[format!("    - {{ id: t1, fleet: dev, host: {}.example }}\n", vec!["a"; 65].join("."))]);
    let cell = app.cells.values_mut().next().unwrap();
    cell.region = "Frankfurt".to_owned();
    cell.clusters.push("shop-a".to_owned());
    insta::assert_snapshot!(words(over(&app, &gone)), @"
    the inputs of a fleet `old` are there, and fleet.yaml has no such fleet [fleet_vanished]
      put the fleet back and let its tenants go one by one; take its folder away when nothing is left there
    tenant `t0` is in the inputs of dev as active, and fleet.yaml does not have it any more [tenant_vanished]
      put its line back and let `tidegate tenants offboard` take it out: after it was `state: offboarding`, with a tombstone
    the committed inputs of dev are those of shop/dev/one/111111111111/eu-west-1, and this would be shop/dev/one/111111111111/Frankfurt [inputs_of_something_else]
      a fleet that moves is a new fleet: give it another name, or take its folder away when nothing is left there
    dev: cells.region: `Frankfurt` is no Region such as eu-west-1 [outside_the_contract]
      change it in fleet.yaml; the contract is schema/tenant-inputs.schema.json
    dev: the registry's cell: `Frankfurt` is no Region such as eu-west-1 [outside_the_contract]
      change it in fleet.yaml; the contract is schema/tenant-inputs.schema.json
    dev: cells.clusters: a cluster stands twice [outside_the_contract]
      change it in fleet.yaml; the contract is schema/tenant-inputs.schema.json
    dev: t1: its host has 137 characters, and a load balancer takes 128 [outside_the_contract]
      change it in fleet.yaml; the contract is schema/tenant-inputs.schema.json
    ");
}

#[test]
fn a_file_that_lost_its_sense_is_refused() {
    let good = String::from_utf8(first(&fleet_of([0, 1])).bytes()).unwrap();
    let twice = good.replacen("\"t0\"", "\"t1\"", 1);
    let same = good.replacen("\"slot\": 2", "\"slot\": 1", 1);
    let nowhere = good.replacen("\"slot\": 2", "\"slot\": 21", 1);
    let unknown = good.replacen("\"slot\": 2", "\"slot\": 2, \"slotted\": true", 1);
    let newer = good.replacen("\"schema\": 1", "\"schema\": 2", 1);
    let told: String = [twice.as_str(), &same, &nowhere, &unknown, &newer, "{}", ""]
        .iter()
        .map(|text| Inputs::read("dev", text.as_bytes()).unwrap_err().to_string() + "\n")
        .collect();
    insta::assert_snapshot!(told, @"
    the committed inputs of `dev` cannot be read: `t1` stands twice at line 63 column 5
    the committed inputs of `dev` cannot be read: `t0` and `t1` are both at s1/1
    the committed inputs of `dev` cannot be read: `t1` is at s1/21, and there is no such place
    the committed inputs of `dev` cannot be read: unknown field `slotted`, expected one of `shard`, `slot`, `cluster`, `state`, `tier`, `host`, `rds`, `evidence` at line 59 column 28
    the committed inputs of `dev` cannot be read: schema 2 is not known; this version reads 1
    the committed inputs of `dev` cannot be read: missing field `fleet` at line 1 column 2
    the committed inputs of `dev` cannot be read: EOF while parsing a value at line 1 column 0
    ");
    let app = fleet_of([0]);
    let elsewhere = good.replacen("111111111111", "222222222222", 1);
    let told = words(over(&app, &BTreeMap::from([("dev".to_owned(), elsewhere.into_bytes())])));
    assert!(told.contains("[inputs_of_something_else]"), "{told}");
}

/// Two cells, and these entries.
fn two_cells(entries: &[&str]) -> Application {
    let head = HEAD
        .replace("cells: [one]", "cells: [one, two]")
        .replace("gates:\n", "  two: { account: \"222222222222\", region: eu-west-1, clusters: [shop-c] }\ngates:\n");
    let lines: String = entries.iter().map(|entry| format!("    - {{ fleet: dev, {entry} }}\n")).collect();
    let bytes = format!("{head}{lines}").into_bytes();
    read(&[Source { name: "fleet.yaml".to_owned(), bytes }]).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What the files say after that: for each, its cell and its tenants with their states.
fn exported(committed: &mut BTreeMap<String, Vec<u8>>, app: &Application) -> Vec<String> {
    let exported = export(app, committed).unwrap_or_else(|reasons| panic!("{reasons:?}"));
    let said = exported.iter().map(|(folder, inputs)| {
        let tenants = inputs.tenants.iter().map(|(id, of)| format!("{id} {} {}", of.place(), of.state));
        format!("{folder}: {} {}", inputs.cell, tenants.collect::<Vec<_>>().join(", "))
    });
    let said = said.collect();
    *committed = exported.iter().map(|(folder, inputs)| (folder.clone(), inputs.bytes())).collect();
    said
}

#[test]
fn a_fleet_of_several_cells_has_a_file_for_each_and_who_moves_is_in_two() {
    let mut files = BTreeMap::new();
    let other = "id: bolt, cell: two";
    let mut say = |entry: &str| exported(&mut files, &two_cells(&["id: zed, cell: one", other, entry]));
    assert_eq!(
        say("id: acme, cell: one"),
        ["dev: one acme s1/1 active, zed s1/2 active", "dev.two: two bolt s1/1 active"]
    );
    let both = ["dev: one acme s1/1 active, zed s1/2 active", "dev.two: two acme s1/2 active, bolt s1/1 active"];
    assert_eq!(say("id: acme, cell: one, also_in: two"), both);
    assert_eq!(say("id: acme, cell: two, also_in: one"), both, "the switch changes no file");
    assert_eq!(
        say("id: acme, cell: two, leaves: one"),
        ["dev: one acme s1/1 offboarding, zed s1/2 active", "dev.two: two acme s1/2 active, bolt s1/1 active"]
    );
    assert_eq!(
        say("id: acme, cell: two"),
        ["dev: one zed s1/2 active", "dev.two: two acme s1/2 active, bolt s1/1 active"]
    );
    let early = two_cells(&["id: zed, cell: two", other, "id: acme, cell: two"]);
    let told: Vec<String> = export(&early, &files).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(told, ["tenant `zed` is in the inputs of dev as active, and fleet.yaml does not have it any more"]);
}

#[test]
fn differences_are_told_by_place() {
    let (is, should) = (first(&fleet_of([0, 1])), first(&fleet_of([1, 4])));
    insta::assert_snapshot!(difference(Some(&is.bytes()), &should.bytes()).join("\n"), @"
    tenants.t0: is there and should not be
    tenants.t1.slot: 2, should be 1
    tenants.t4: is missing
    ");
    assert_eq!(difference(Some(&is.bytes()), &is.bytes()), Vec::<String>::new());
    let compact = serde_json::from_slice::<serde_json::Value>(&is.bytes()).unwrap().to_string();
    assert_eq!(difference(Some(compact.as_bytes()), &is.bytes()), ["it says the same and is written differently"]);
    assert_eq!(difference(None, &is.bytes()), ["there is no file yet"]);
}
