//! The intent: recorded once, before anything happens, whatever GitHub answers.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;
use tidegate::domain::approved::Approved;
use tidegate::domain::ledger::Standing;
use tidegate::ports::{Fault, OpenRollout};

use crate::github::{Fault as Bend, FaultKind};
use crate::harness::{World, run};
use crate::plans::{COMMIT, plan, success};

const CREATE: &str = "/deployments$";

#[tokio::test]
async fn the_request_leaves_github_no_choice() {
    let world = World::new();
    world.fake.ref_is_behind(COMMIT);
    world.fake.contexts_fail(COMMIT, &["ci"]);
    let proof = world.open(&plan("1.4.0", &[1, 2], 2)).await.unwrap();
    let deployments = world.fake.deployments();
    let deployment = &deployments[0];
    assert_eq!((deployments.len(), deployment.id), (1, proof.id().0));
    assert_eq!((deployment.task.as_str(), deployment.environment.as_str()), ("tidegate:deploy", "prod"));
    assert_eq!(deployment.sha, COMMIT);
    assert!(deployment.statuses.is_empty(), "its first line is its first event");
    let record = &world.rollouts().await.unwrap()[0];
    assert_eq!(record, proof.record());
    assert_eq!(record.standing(), Standing::Open(None));
    world.assert_lawful();
}

#[tokio::test]
async fn what_github_refuses_is_not_tried_again_and_opens_nothing() {
    for (status, fault) in [(202, Fault::Refused), (409, Fault::Conflict), (422, Fault::Refused), (403, Fault::Refused)]
    {
        let world = World::new();
        world.fault(Method::POST, CREATE, FaultKind::Status(status));
        let error = world.open(&plan("1.4.0", &[1], 1)).await.unwrap_err();
        assert_eq!(error.fault, fault, "{error}");
        assert_eq!((world.count("POST", CREATE), world.fake.deployments().len()), (1, 0), "{error}");
        assert_eq!(world.rollouts().await.unwrap(), []);
        assert_eq!(world.waits(), [], "{error}");
    }
}

#[tokio::test]
async fn a_refused_plan_file_means_that_no_rollout_is_opened() {
    let world = World::new();
    let kind = FaultKind::GraphqlErrors { kind: "FORBIDDEN".to_owned(), message: "no".to_owned() };
    world.fault(Method::POST, "createCommitOnBranch", kind);
    assert_eq!(world.open(&plan("1.4.0", &[1], 1)).await.unwrap_err().fault, Fault::Refused);
    assert_eq!(world.count("POST", CREATE), 0);
}

/// Each place, each way of failing, before and after the effect: one deployment, one line, the same record.
#[tokio::test]
async fn inv_42_trouble_makes_no_second_rollout() {
    let limit = FaultKind::SecondaryLimit { retry_after: Some(3) };
    for kind in [
        FaultKind::Status(502),
        FaultKind::BadGatewayAfterEffect,
        FaultKind::Reset,
        FaultKind::ResetAfterEffect,
        limit,
        FaultKind::PrimaryLimit { reset_in: 5 },
    ] {
        for place in ["createCommitOnBranch", CREATE, "/git/refs$", "/git/trees$"] {
            let world = World::new();
            world.fault(Method::POST, place, kind.clone());
            let proof = world.open(&plan("1.4.0", &[1, 1], 1)).await.unwrap();
            let deployments = world.fake.deployments();
            assert_eq!(deployments.len(), 1, "{kind:?} at {place}");
            assert_eq!(world.rollouts().await.unwrap(), [proof.record().clone()], "{kind:?} at {place}");
            assert!(!world.waits().is_empty(), "{kind:?} at {place} hit nothing");
            world.assert_lawful();
        }
    }
}

/// The answer is lost and the list does not have it yet: another look finds it.
#[tokio::test]
async fn a_list_that_lags_for_a_moment_makes_no_duplicate() {
    let world = World::new();
    world.fault(Method::POST, CREATE, FaultKind::ResetAfterEffect);
    // The first of three looks is the one before anything is sent.
    world.fake.fault(Bend::once(Method::GET, CREATE_LIST, FaultKind::StaleList).times(2));
    world.open(&plan("1.4.0", &[1], 1)).await.unwrap();
    assert_eq!(world.fake.deployments().len(), 1);
    assert!(world.waits().contains(&SignedDuration::from_secs(1)));
}

const CREATE_LIST: &str = "/deployments$";

/// A list that lags for longer leads to a second deployment. The first one has no line, was never worked on, and
/// does not count.
#[tokio::test]
async fn a_duplicate_that_nothing_was_recorded_on_is_not_a_rollout() {
    let world = World::new();
    world.fault(Method::POST, CREATE, FaultKind::ResetAfterEffect);
    world.fake.fault(Bend::once(Method::GET, CREATE_LIST, FaultKind::StaleList).times(9));
    let proof = world.open(&plan("1.4.0", &[1], 1)).await.unwrap();
    assert_eq!(world.fake.deployments().len(), 2);
    assert_eq!(world.rollouts().await.unwrap(), [proof.record().clone()]);
}

/// The process ended right after the deployment, or before it learned of it.
#[tokio::test]
async fn opening_again_finds_what_is_there() {
    let world = World::new();
    let plan = plan("1.4.0", &[1], 1);
    world.fault(Method::POST, CREATE, FaultKind::ResetAfterEffect);
    let first = world.open(&plan).await.unwrap();
    let again = world.open(&plan).await.unwrap();
    assert_eq!(first.record(), again.record());
    assert_eq!(world.fake.deployments().len(), 1);
    let other_run =
        OpenRollout::begin(&world.ledger(run(2, 1)), &plan, &run(2, 1), Approved::NotNeeded, 2).await.unwrap();
    assert_ne!(other_run.id(), first.id(), "another run is another rollout");
}

/// Of two deployments with the same key the one that was worked on is taken up, in whichever order they are listed.
#[tokio::test]
async fn the_one_that_was_worked_on_is_taken_up() {
    for reversed in [0, 9] {
        let world = World::new();
        let plan = plan("1.4.0", &[1], 1);
        let proof = world.carry_out(&plan, &success(&plan)[..1]).await;
        let first = &world.fake.deployments()[0];
        let copy = json!({
            "ref": COMMIT, "task": first.task, "auto_merge": false, "required_contexts": [],
            "environment": "prod", "payload": first.payload,
        });
        world.post("/deployments", copy).await;
        world.fake.fault(Bend::once(Method::GET, CREATE_LIST, FaultKind::ReversedList).times(reversed));
        assert_eq!(world.open(&plan).await.unwrap().id(), proof.id());
        assert_eq!(world.rollouts().await.unwrap().len(), 1);
    }
}
