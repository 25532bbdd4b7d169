//! Records that were forged or damaged: an error, or not ours, and never a success (invariant 42).

use serde_json::{Value, json};
use tidegate::domain::ids::ContentHash;
use tidegate::domain::ledger::{RolloutRecord, current_version};
use tidegate::domain::plan::Plan;
use tidegate::ports::{Fault, LedgerReader, PortResult};

use crate::github::GithubFake;
use crate::harness::{World, prod, run};
use crate::plans::{COMMIT, halted, plan, release, result, success};

const STATE: &str = "tidegate-state";

/// A rollout as it should be, and a copy of its request that can be bent.
async fn world() -> (World, Plan, Value) {
    let world = World::new();
    let plan = plan("1.4.0", &[1, 1], 1);
    world.carry_out(&plan, &success(&plan)).await;
    let payload = payload(&world.fake);
    let forged = json!({
        "ref": COMMIT, "task": "tidegate:deploy", "auto_merge": false, "required_contexts": [],
        "environment": "prod", "payload": payload,
    });
    (world, plan, forged)
}

fn payload(fake: &GithubFake) -> Value {
    let mut payload = fake.deployments()[0].payload.clone();
    payload["release"] = "6.6.6".into();
    payload["key"] = "forged".into();
    payload
}

async fn deploy(world: &World, body: Value, lines: &[(&str, &str)]) {
    let id = world.post("/deployments", body).await["id"].as_u64().unwrap();
    for (state, line) in lines {
        let body = json!({ "state": state, "description": line, "auto_inactive": false });
        world.post(&format!("/deployments/{id}/statuses"), body).await;
    }
}

/// What is read may be refused, but never names 6.6.6 as what runs.
fn assert_never_a_success(read: PortResult<Vec<RolloutRecord>>, why: &str) {
    match read {
        Err(error) => {
            assert_eq!(error.fault, Fault::Refused, "{error}");
            assert!(error.why.contains("record does not check") && error.why.contains(why), "{error}");
        }
        Ok(records) => panic!("believed: {:?}", current_version(&records)),
    }
}

#[tokio::test]
async fn inv_42_a_payload_that_was_sent_as_text_is_read_all_the_same() {
    let (world, _, mut forged) = world().await;
    let text = forged["payload"].to_string();
    forged["payload"] = text.into();
    deploy(&world, forged, &[]).await;
    let records = world.rollouts().await.unwrap();
    assert_eq!(records[0].intent.version.to_string(), "6.6.6");
    assert_eq!(current_version(&records).unwrap().to_string(), "1.4.0");
}

#[tokio::test]
async fn inv_42_payloads_that_do_not_check_are_errors() {
    let bend: [(&str, Value); 6] = [
        ("/schema", 2.into()),
        ("/schema", Value::Null),
        ("/plan", "not a hash".into()),
        ("/commit", "main".into()),
        ("/direction", "sideways".into()),
        ("", "no JSON".into()),
    ];
    for (place, value) in bend {
        let (world, _, mut forged) = world().await;
        *forged["payload"].pointer_mut(place).unwrap() = value.clone();
        deploy(&world, forged, &[("success", "#1 succeeded")]).await;
        assert_never_a_success(world.rollouts().await, "");
    }
}

#[tokio::test]
async fn inv_42_a_history_that_cannot_be_is_no_success() {
    let started = "#1 started wave 1/2 wave-1";
    let baking = "#2 baking wave 1/2 wave-1 since 2026-11-23T08:10:05Z";
    for (lines, why) in [
        (vec![("success", "#1 succeeded")], "cannot follow"),
        (vec![("in_progress", started), ("success", "#2 succeeded")], "cannot follow"),
        (vec![("in_progress", started), ("in_progress", baking), ("success", "#3 succeeded")], "cannot follow"),
        (vec![("in_progress", started), ("success", "#3 succeeded")], "number 2 is missing"),
        (vec![("in_progress", started), ("success", "#1 succeeded")], "recorded twice"),
        (vec![("success", "#1 started wave 2/2 wave-2")], "cannot follow"),
        (vec![("success", "#1 won")], "says nothing that is known"),
    ] {
        let (world, _, forged) = world().await;
        deploy(&world, forged, &lines).await;
        assert_never_a_success(world.rollouts().await, why);
    }
}

#[tokio::test]
async fn inv_42_what_is_not_ours_is_left_out() {
    let (world, _, forged) = world().await;
    for task in ["deploy", "tidegate", "tidegate:deploy ", "tidegate:hold"] {
        let foreign = json!({ "task": task, "payload": { "schema": 9 } });
        let mut body = forged.clone();
        body.as_object_mut().unwrap().extend(foreign.as_object().unwrap().clone());
        deploy(&world, body, &[("success", "#1 succeeded")]).await;
    }
    let records = world.rollouts().await.unwrap();
    assert_eq!((records.len(), current_version(&records).unwrap().to_string()), (1, "1.4.0".to_owned()));
}

#[tokio::test]
async fn inv_42_a_state_by_hand_is_no_event() {
    let world = World::new();
    let plan = plan("1.4.0", &[1], 1);
    let proof = world.carry_out(&plan, &success(&plan)[..2]).await;
    for body in [json!({ "state": "success" }), json!({ "state": "success", "description": "succeeded, says Bob" })] {
        world.post(&format!("/deployments/{}/statuses", proof.id().0), body).await;
    }
    let records = world.rollouts().await.unwrap();
    assert_eq!((records[0].entries.len(), current_version(&records)), (2, None));
    assert_eq!(world.open(&plan).await.unwrap().id(), proof.id(), "and it is still the open one");
}

#[tokio::test]
async fn inv_42_a_plan_that_is_not_what_its_hash_says_is_refused() {
    let (world, plan, _) = world().await;
    let path = format!("plans/{}.json", plan.hash());
    let reader = world.ledger(run(99, 1));
    let mut bent = plan.clone();
    bent.waves.truncate(1);
    for bytes in [serde_json::to_vec(&bent).unwrap(), b"{}".to_vec(), Vec::new()] {
        world.write(STATE, &path, &bytes).await;
        let error = reader.plan(&plan.hash()).await.unwrap_err();
        assert!(error.why.contains("record does not check"), "{error}");
    }
    let absent = reader.plan(&ContentHash::of(b"another")).await.unwrap_err();
    assert_eq!((absent.fault, absent.why.as_str()), (Fault::Refused, "no such plan is recorded"));
}

/// Right bytes for their hash, and yet not what this version would write.
#[tokio::test]
async fn inv_42_a_plan_of_another_form_is_refused() {
    let (world, plan, _) = world().await;
    let mut newer = serde_json::to_value(&plan).unwrap();
    newer["schema"] = 2.into();
    let bytes = newer.to_string().into_bytes();
    let hash = ContentHash::of(&bytes);
    world.write(STATE, &format!("plans/{hash}.json"), &bytes).await;
    let error = world.ledger(run(99, 1)).plan(&hash).await.unwrap_err();
    assert!(error.why.contains("form 2"), "{error}");
}

#[tokio::test]
async fn inv_42_a_stop_whose_file_is_bent_is_an_error() {
    let world = World::new();
    let plan = plan("1.4.0", &[1], 1);
    let stop = [(success(&plan)[0].clone()), (halted(0), Some(result(&plan, &plan.waves[0])))];
    let proof = world.carry_out(&plan, &stop).await;
    let path = format!("rollouts/{}/2.json", proof.id().0);
    let good = world.fake.file(STATE, &path).unwrap();
    let bent = |change: fn(&mut Value)| {
        let mut file: Value = serde_json::from_slice(&good).unwrap();
        change(&mut file);
        file.to_string().into_bytes()
    };
    for bytes in [
        bent(|file| file["schema"] = 9.into()),
        bent(|file| file["seq"] = 3.into()),
        bent(|file| file["event"] = json!({ "event": "succeeded" })),
        b"".to_vec(),
    ] {
        world.write(STATE, &path, &bytes).await;
        assert_never_a_success(world.rollouts().await, "");
    }
}

/// The beginning of a later wave has no line that its file must agree with, so the file has to make sense alone.
#[tokio::test]
async fn inv_42_a_beginning_whose_file_is_bent_is_an_error() {
    let world = World::new();
    let plan = plan("1.4.0", &[1, 1, 1], 1);
    let proof = world.carry_out(&plan, &success(&plan)[..2]).await;
    let path = format!("rollouts/{}/3.json", proof.id().0);
    let beginning = |wave: usize, seq: u32, schema: u32| {
        let event = json!({ "event": "wave_started", "wave": wave });
        let file =
            json!({ "schema": schema, "seq": seq, "event": event, "at": "2026-11-23T08:25:05Z", "result": null });
        file.to_string().into_bytes()
    };
    for bytes in [beginning(2, 3, 1), beginning(1, 4, 1), beginning(1, 3, 2), b"{\"half\":".to_vec()] {
        world.write(STATE, &path, &bytes).await;
        assert_never_a_success(world.rollouts().await, "");
    }
    world.write(STATE, &path, &beginning(1, 3, 1)).await;
    assert_eq!(world.rollouts().await.unwrap()[0].entries.len(), 3);
    let undone = json!({ "schema": 1, "seq": 3, "event": { "event": "succeeded" }, "result": null });
    world.write(STATE, &path, undone.to_string().as_bytes()).await;
    assert_eq!(world.rollouts().await.unwrap()[0].entries.len(), 2, "another event needs its line");
}

#[tokio::test]
async fn inv_42_damaged_files_are_errors_and_not_absent() {
    let (world, _, _) = world().await;
    let reader = world.ledger(run(99, 1));
    for path in ["fleets/prod.json", "directives/prod.json", "releases/1.4.0.json"] {
        world.write(STATE, path, b"{\"half\":").await;
    }
    world.write(STATE, &format!("commits/{COMMIT}.json"), b"{\"version\":\"1.4.0\"}").await;
    let checks = |error: tidegate::ports::PortError| assert!(error.why.contains("record does not check"), "{error}");
    checks(reader.fleet_state(&prod()).await.unwrap_err());
    checks(reader.decided(&prod()).await.unwrap_err());
    checks(reader.release(&release("1.4.0").version).await.unwrap_err());
    checks(reader.release_of(&COMMIT.parse().unwrap()).await.unwrap_err());
}

/// A release must be the one that its file is named for, and so must its commit.
#[tokio::test]
async fn inv_42_a_release_under_another_name_is_an_error() {
    let (world, _, _) = world().await;
    let reader = world.ledger(run(99, 1));
    world.write(STATE, "releases/1.4.0.json", &serde_json::to_vec(&release("6.6.6")).unwrap()).await;
    let error = reader.release(&release("1.4.0").version).await.unwrap_err();
    assert!(error.why.contains("record does not check"), "{error}");
    let other = "2".repeat(40);
    world.write(STATE, "releases/1.4.0.json", &serde_json::to_vec(&release("1.4.0")).unwrap()).await;
    world.write(STATE, &format!("commits/{other}.json"), b"{\"version\":\"1.4.0\"}").await;
    let error = reader.release_of(&other.parse().unwrap()).await.unwrap_err();
    assert!(error.why.contains("record does not check"), "{error}");
}
