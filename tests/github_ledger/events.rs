//! What happened, written by one process and read by another that knows nothing else.

use reqwest::Method;
use serde_json::{Value, json};
use tidegate::domain::gate::WaveReport;
use tidegate::domain::ledger::{RolloutRecord, Standing, WaveResult};
use tidegate::domain::reason::Reason;
use tidegate::domain::rollout::Event;
use tidegate::ports::{Fault, LedgerReader, LedgerWriter};

use crate::github::{Fault as Bend, FaultKind};
use crate::harness::{World, prod, run};
use crate::plans::{baking, halted, plan, result, success};

fn events(record: &RolloutRecord) -> Vec<(u32, Event)> {
    record.entries.iter().map(|entry| (entry.seq, entry.event.clone())).collect()
}

#[tokio::test]
async fn a_process_that_has_only_the_records_reads_what_was_written() {
    let world = World::new();
    let plan = plan("1.4.0", &[1, 2, 3], 2);
    let held = Event::Held { wave: 1, reason: Reason::Interrupted };
    let mut happened = success(&plan);
    happened.insert(3, (held, Some(result(&plan, &plan.waves[1]))));
    let proof = world.carry_out(&plan, &happened).await;
    let records = world.rollouts().await.unwrap();
    let written: Vec<_> = (1..).zip(happened.iter().map(|(event, _)| event.clone())).collect();
    assert_eq!((records.len(), events(&records[0])), (1, written));
    assert_eq!((&records[0].intent, records[0].id), (&proof.record().intent, proof.id()));
    assert!(matches!(records[0].standing(), Standing::Succeeded(_)));
    let reader = world.ledger(run(99, 1));
    assert_eq!(reader.plan(&plan.hash()).await.unwrap(), plan);
    let state = reader.fleet_state(&prod()).await.unwrap();
    assert_eq!(state.services.len(), 12, "every service of every wave");
    for status in world.fake.statuses(proof.id().0) {
        assert!(status.description.chars().count() <= 140, "{}", status.description);
    }
    world.assert_lawful();
}

/// An auditor finds what a wave passed on beside the event that says so; the fleet's state has no part of it.
#[tokio::test]
async fn what_the_gates_of_a_wave_found_is_in_the_file_of_the_event_that_rests_on_it() {
    let world = World::new();
    let plan = plan("1.4.0", &[1, 1], 1);
    let mut happened = success(&plan);
    let report: WaveReport = serde_json::from_value(json!({
        "wave": 0, "name": "wave-1", "since": "2026-11-23T08:10:05Z", "at": "2026-11-23T08:25:05Z", "then": "passed",
        "gates": [{
            "gate": "smoke", "verdict": "pass", "passed": 1, "failed": 0, "unknown": 0, "without_vote": 0,
            "findings": [{
                "subject": {"service": "tenant-0/smoke"}, "verdict": "pass", "votes": true, "code": null,
                "words": "exit code 0", "evidence": {"kind": "words", "words": "exit code 0"}, "charts": [],
            }],
        }],
    }))
    .unwrap();
    happened[2].1 = Some(WaveResult { gates: Some(report.clone()), ..result(&plan, &plan.waves[0]) });
    happened.insert(2, (Event::TestsDone { wave: 0 }, None));
    let proof = world.carry_out(&plan, &happened).await;
    let file = |seq: u32| world.fake.file("tidegate-state", &format!("rollouts/{}/{seq}.json", proof.id().0));
    let read: Value = serde_json::from_slice(&file(4).unwrap()).unwrap();
    assert_eq!(serde_json::from_value::<WaveReport>(read["result"]["gates"].clone()).unwrap(), report);
    assert!(file(1).is_none() && file(3).is_none(), "nothing to keep of a beginning, and of tests that ended well");
    let record = &world.rollouts().await.unwrap()[0];
    assert_eq!(world.ledger(run(99, 1)).findings(record).await.unwrap(), [report], "and a page reads it back");
    assert_eq!(events(record)[2..4], [(3, Event::TestsDone { wave: 0 }), (4, Event::WaveStarted { wave: 1 })]);
    assert!(matches!(record.standing(), Standing::Succeeded(_)));
    assert_eq!(world.ledger(run(99, 1)).fleet_state(&prod()).await.unwrap().services.len(), 2);
    world.assert_lawful();
}

#[tokio::test]
async fn a_reason_longer_than_any_line_comes_back_whole() {
    let world = World::new();
    let plan = plan("1.4.0", &[1], 1);
    let happened = [(Event::WaveStarted { wave: 0 }, None), (halted(0), Some(result(&plan, &plan.waves[0])))];
    let proof = world.carry_out(&plan, &happened).await;
    let record = &world.rollouts().await.unwrap()[0];
    assert_eq!(events(record)[1], (2, halted(0)));
    let statuses = world.fake.statuses(proof.id().0);
    assert_eq!(statuses[1].state, "failure");
    assert_eq!(statuses[1].description.chars().count(), 140);
}

#[tokio::test]
async fn lists_in_any_order_and_states_of_githubs_own_change_nothing() {
    let world = World::new();
    let (first, second) = (plan("1.4.0", &[1, 1], 1), plan("1.5.0", &[1], 1));
    world.carry_out(&first, &success(&first)).await;
    world.carry_out(&second, &success(&second)[..2]).await;
    let told = world.rollouts().await.unwrap();
    assert_eq!(told.iter().map(|record| record.entries.len()).collect::<Vec<_>>(), [2, 5], "newest first");
    for kind in [FaultKind::ReversedList, FaultKind::WaitingStatus] {
        world.fault(Method::POST, "deployments(", kind);
        assert_eq!(world.rollouts().await.unwrap(), told);
    }
}

/// More lines than the list of rollouts brings along: the rest is read from the deployment.
#[tokio::test]
async fn a_rollout_with_many_lines_is_read_whole() {
    let world = World::new();
    let plan = plan("1.4.0", &[1; 51], 1);
    world.carry_out(&plan, &success(&plan)).await;
    let record = &world.rollouts().await.unwrap()[0];
    assert_eq!(record.entries.len(), 103);
    assert!(matches!(record.standing(), Standing::Succeeded(_)));
}

#[tokio::test]
async fn an_event_recorded_twice_counts_once() {
    let world = World::new();
    let plan = plan("1.4.0", &[1, 1], 1);
    let (proof, ledger) = (world.open(&plan).await.unwrap(), world.ledger(run(1, 1)));
    for (seq, (event, result)) in (1..).zip(success(&plan)) {
        ledger.append(&proof, seq, &event, result.as_ref()).await.unwrap();
        // Somebody else writes to the branch, so that the second time the file is found in another commit.
        world.write("tidegate-state", "elsewhere.json", seq.to_string().as_bytes()).await;
        world.ledger(run(1, 1)).append(&proof, seq, &event, result.as_ref()).await.unwrap();
    }
    assert_eq!(world.rollouts().await.unwrap()[0].entries.len(), 5);
    assert_eq!(world.fake.statuses(proof.id().0).len(), 4, "what is there is found, not written again");
}

#[tokio::test]
async fn trouble_neither_loses_an_event_nor_writes_it_twice() {
    for kind in [
        FaultKind::Status(500),
        FaultKind::BadGatewayAfterEffect,
        FaultKind::Reset,
        FaultKind::ResetAfterEffect,
        FaultKind::SecondaryLimit { retry_after: Some(1) },
        FaultKind::TooManyRequests { retry_after: None },
        FaultKind::PrimaryLimit { reset_in: 30 },
    ] {
        for place in ["createCommitOnBranch", "/statuses$"] {
            let world = World::new();
            let plan = plan("1.4.0", &[1, 1], 1);
            let (proof, ledger) = (world.open(&plan).await.unwrap(), world.ledger(run(1, 1)));
            for (seq, (event, result)) in (1..).zip(success(&plan)) {
                world.fault(Method::POST, place, kind.clone());
                ledger.append(&proof, seq, &event, result.as_ref()).await.unwrap();
            }
            assert_eq!(world.rollouts().await.unwrap()[0].entries.len(), 5, "{kind:?} at {place}");
            assert_eq!(world.fake.statuses(proof.id().0).len(), 4, "{kind:?} at {place}");
            world.assert_lawful();
        }
    }
}

/// The process ended after the file and before the line. What it wrote was never said, so the next one may say
/// something else under that number; what was said may not be replaced.
#[tokio::test]
async fn a_file_that_no_line_names_is_replaced_and_a_line_never() {
    let world = World::new();
    let plan = plan("1.4.0", &[1], 1);
    let happened = success(&plan);
    let proof = world.carry_out(&plan, &happened[..1]).await;
    let ledger = world.ledger(run(1, 1));
    world.fake.fault(Bend::once(Method::POST, "/statuses$", FaultKind::Status(500)).times(5));
    let (event, wave) = &happened[1];
    assert_eq!(ledger.append(&proof, 2, event, wave.as_ref()).await.unwrap_err().fault, Fault::Unavailable);
    ledger.append(&proof, 2, &halted(0), wave.as_ref()).await.unwrap();
    assert_eq!(events(&world.rollouts().await.unwrap()[0])[1], (2, halted(0)));
    let error = ledger.append(&proof, 2, &baking(0), wave.as_ref()).await.unwrap_err();
    assert_eq!(error.fault, Fault::Conflict, "{error}");
    let error = ledger.append(&proof, 1, &Event::WaveStarted { wave: 7 }, None).await.unwrap_err();
    assert_eq!(error.fault, Fault::Conflict, "{error}");
    assert_eq!(world.rollouts().await.unwrap()[0].entries.len(), 2);
}

/// A wave after the first begins with a file alone. Whoever comes next reads that it began, may not record anything else
/// under its number, and tells it with their first line.
#[tokio::test]
async fn inv_07_the_beginning_of_a_later_wave_is_recorded_without_a_line() {
    let world = World::new();
    let plan = plan("1.4.0", &[1, 1], 1);
    let happened = success(&plan);
    let proof = world.carry_out(&plan, &happened[..3]).await;
    assert_eq!(world.fake.statuses(proof.id().0).len(), 2);
    let told = world.rollouts().await.unwrap().remove(0);
    assert_eq!(events(&told)[2], (3, Event::WaveStarted { wave: 1 }));
    assert_eq!(told.standing(), Standing::Open(None));
    let ledger = world.ledger(run(2, 1));
    ledger.append(&proof, 3, &happened[2].0, happened[2].1.as_ref()).await.unwrap();
    let held = Event::Held { wave: 0, reason: Reason::Interrupted };
    assert_eq!(ledger.append(&proof, 3, &held, None).await.unwrap_err().fault, Fault::Conflict);
    // A list that lags does not make the line forget it.
    world.fake.fault(Bend::once(Method::GET, "/statuses$", FaultKind::StaleList));
    ledger.append(&proof, 4, &baking(1), None).await.unwrap();
    let line = world.fake.statuses(proof.id().0).pop().unwrap().description;
    assert!(line.starts_with("#4 baking wave 2/2 wave-2 began=20"), "{line}");
    let after = world.rollouts().await.unwrap().remove(0);
    assert_eq!(after.entries[..3], told.entries, "the same, and of the same time");
    assert_eq!(after.entries.len(), 4);
    world.assert_lawful();
}

/// GitHub would do it by itself only where the environment is not production, and for whatever has the same name.
#[tokio::test]
async fn the_rollout_before_is_marked_inactive_by_name() {
    let world = World::new();
    let (first, second) = (plan("1.4.0", &[1], 1), plan("1.5.0", &[1], 1));
    let old = world.carry_out(&first, &success(&first)).await;
    let foreign = json!({ "ref": "main", "task": "deploy", "auto_merge": false, "environment": "prod" });
    let foreign = world.post("/deployments", foreign).await["id"].as_u64().unwrap();
    let ok = json!({ "state": "success", "auto_inactive": false });
    world.post(&format!("/deployments/{foreign}/statuses"), ok).await;
    let new = world.carry_out(&second, &success(&second)).await;
    let last = |id| world.fake.statuses(id).pop().map(|status| (status.state, status.description)).unwrap();
    assert_eq!(last(old.id().0), ("inactive".to_owned(), format!("superseded by rollout {}", new.id().0)));
    assert_eq!(last(new.id().0).0, "success");
    assert_eq!(last(foreign).0, "success", "what is not ours is left alone");
    let ours = world.fake.requests().into_iter().filter(|asked| asked.request["description"].is_string());
    let statuses: Vec<Value> = ours.filter(|asked| asked.path.ends_with("/statuses")).map(|a| a.request).collect();
    assert!(statuses.len() > 6 && statuses.iter().all(|sent| sent["auto_inactive"] == false));
    let records = world.rollouts().await.unwrap();
    assert!(records.iter().all(|record| matches!(record.standing(), Standing::Succeeded(_))), "it still succeeded");
}
