//! What a rollout costs at GitHub, whose limits count requests and not tenants: 80 content writes a minute, 500 an
//! hour, 1,000 requests an hour. And what must fit: payloads, lines, files.

use std::time::Instant;

use tidegate::domain::ledger::Standing;
use tidegate::ports::{LedgerReader, LedgerWriter};

use crate::harness::{World, prod, run};
use crate::plans::{plan, success};

/// The waves that `plan: auto` makes of 1,000 tenants.
const THOUSAND: [usize; 9] = [1, 3, 9, 27, 81, 243, 250, 250, 136];

#[tokio::test]
async fn a_thousand_tenants_fit_and_cost_as_much_as_ten() {
    let world = World::new();
    let small = plan("1.3.0", &[1], 1);
    world.carry_out(&small, &success(&small)).await;
    let (writes, requests) = (world.fake.writes(), world.fake.requests().len());
    let plan = plan("1.4.0", &THOUSAND, 5);
    assert_eq!(plan.changes().count(), 5_000);
    let started = Instant::now();
    let proof = world.carry_out(&plan, &success(&plan)).await;
    let took = started.elapsed();
    let (writes, requests) = (world.fake.writes() - writes, world.fake.requests().len() - requests);
    let deployment = world.fake.deployments().pop().unwrap();
    let payload = deployment.payload.to_string().len();
    let file = world.fake.file("tidegate-state", &format!("plans/{}.json", plan.hash())).unwrap().len();
    let state = world.fake.file("tidegate-state", "fleets/prod.json").unwrap().len();
    println!(
        "9 waves, 5,000 services: {writes} writes, {requests} requests, payload {payload} bytes, \
         plan {file} bytes, fleet state {state} bytes, {} ms",
        took.as_millis()
    );
    // The plan and the deployment; the first beginning; of each wave that it is up and that it passed,
    // of the last one with a line; the mark on the rollout before.
    assert_eq!(writes, 2 + 1 + 9 * 2 + 1 + 1);
    assert!(requests <= 200, "{requests}");
    assert!(payload <= 16 * 1024);
    assert!(deployment.description.unwrap().chars().count() <= 140);
    assert!(world.fake.statuses(proof.id().0).iter().all(|status| status.description.chars().count() <= 140));
    assert!(world.fake.statuses(proof.id().0).len() <= 20);
    let reader = world.ledger(run(99, 1));
    assert_eq!(reader.plan(&plan.hash()).await.unwrap(), plan);
    assert!(matches!(reader.rollouts(&prod()).await.unwrap()[0].standing(), Standing::Succeeded(_)));
    world.assert_lawful();
}

/// More waves than a payload takes: it counts them, and their names come from the plan.
#[tokio::test]
async fn two_thousand_waves_fit_too() {
    let world = World::new();
    let plan = plan("1.4.0", &[1; 2_000], 1);
    let proof = world.carry_out(&plan, &success(&plan)[..2]).await;
    let payload = &world.fake.deployments()[0].payload;
    assert!(payload.to_string().len() <= 16 * 1024);
    assert_eq!(payload["waves"], 2_000);
    let record = &world.rollouts().await.unwrap()[0];
    assert_eq!(record.intent, proof.record().intent);
    assert_eq!((record.intent.waves.len(), record.entries.len()), (2_000, 2));
}

/// The list is one call for fifty rollouts, whatever happened in them.
#[tokio::test]
async fn looking_costs_little() {
    let world = World::new();
    for version in ["1.4.0", "1.5.0", "1.6.0"] {
        let plan = plan(version, &[1, 2], 1);
        world.carry_out(&plan, &success(&plan)).await;
    }
    let before = world.fake.requests().len();
    assert_eq!(world.rollouts().await.unwrap().len(), 3);
    assert_eq!(world.fake.requests().len() - before, 1);
    let before = world.fake.requests().len();
    let ledger = world.ledger(run(99, 1));
    ledger.decided(&prod()).await.unwrap();
    ledger.fleet_state(&prod()).await.unwrap();
    assert_eq!(world.fake.requests().len() - before, 2);
}

#[tokio::test]
async fn an_event_costs_two_writes_and_six_requests_at_most() {
    let world = World::new();
    let plan = plan("1.4.0", &[1], 1);
    let (proof, ledger) = (world.open(&plan).await.unwrap(), world.ledger(run(1, 1)));
    for (seq, (event, result)) in (1..).zip(success(&plan)[..2].iter().cloned()) {
        let (writes, requests) = (world.fake.writes(), world.fake.requests().len());
        ledger.append(&proof, seq, &event, result.as_ref()).await.unwrap();
        let (writes, requests) = (world.fake.writes() - writes, world.fake.requests().len() - requests);
        println!("{event:?}: {writes} writes, {requests} requests");
        assert!(writes <= 2 && requests <= 6);
    }
}
