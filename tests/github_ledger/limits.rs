//! GitHub's limits: waited for as it says and no longer, and never by doing a thing twice.

use jiff::SignedDuration;
use reqwest::Method;
use tidegate::ports::{Fault, LedgerReader, LedgerWriter};

use crate::github::{Fault as Bend, FaultKind};
use crate::harness::{World, prod, run};
use crate::plans::{plan, release, success};

/// The one wait, which must be this long up to a spread of a second.
fn assert_waited(world: &World, seconds: i64, what: &str) {
    let waits = world.waits();
    let (least, most) = (SignedDuration::from_secs(seconds), SignedDuration::from_secs(seconds + 2));
    assert!(waits.len() == 1 && waits[0] >= least && waits[0] <= most, "{what}: {waits:?}");
}

#[tokio::test]
async fn limits_are_waited_for_as_they_say() {
    for (kind, seconds) in [
        (FaultKind::SecondaryLimit { retry_after: Some(9) }, 9),
        (FaultKind::SecondaryLimit { retry_after: None }, 60),
        (FaultKind::TooManyRequests { retry_after: Some(2) }, 2),
        (FaultKind::TooManyRequests { retry_after: None }, 60),
        (FaultKind::PrimaryLimit { reset_in: 40 }, 40),
    ] {
        for (method, place) in
            [(Method::POST, "/deployments$"), (Method::POST, "/statuses$"), (Method::GET, "/git/ref/")]
        {
            let world = World::new();
            world.fault(method, place, kind.clone());
            let plan = plan("1.4.0", &[1], 1);
            world.carry_out(&plan, &success(&plan)[..1]).await;
            assert_waited(&world, seconds, &format!("{kind:?} at {place}"));
            let deployments = world.fake.deployments();
            assert_eq!((deployments.len(), deployments[0].statuses.len()), (1, 1), "{kind:?} at {place}");
        }
    }
}

#[tokio::test]
async fn graphql_tells_a_limit_inside_a_success() {
    let world = World::new();
    world.open(&plan("1.4.0", &[1], 1)).await.unwrap();
    world.waits();
    let kind =
        FaultKind::GraphqlErrors { kind: "RATE_LIMITED".to_owned(), message: "API rate limit exceeded".to_owned() };
    world.fault(Method::POST, "deployments(", kind);
    assert_eq!(world.rollouts().await.unwrap().len(), 1);
    assert_waited(&world, 60, "a query");
}

#[tokio::test]
async fn an_hour_is_not_waited_for_and_a_limit_that_stays_is_an_error() {
    let world = World::new();
    world.fault(Method::POST, "/deployments$", FaultKind::PrimaryLimit { reset_in: 3_000 });
    let error = world.open(&plan("1.4.0", &[1], 1)).await.unwrap_err();
    assert_eq!(error.fault, Fault::Unavailable);
    assert!(error.why.contains("longer than is waited here"), "{error}");
    assert_eq!((world.waits().len(), world.fake.deployments().len()), (0, 0));
    let limit = FaultKind::SecondaryLimit { retry_after: Some(30) };
    world.fake.fault(Bend::once(Method::POST, "/deployments$", limit).times(99));
    let error = world.open(&plan("1.4.0", &[1], 1)).await.unwrap_err();
    assert_eq!(error.fault, Fault::Unavailable);
    assert_eq!((world.waits().len(), world.fake.deployments().len()), (4, 0));
}

/// A server that is down for good: every operation ends, in an error that says what was being done.
#[tokio::test]
async fn trouble_that_lasts_ends_in_words() {
    let world = World::new();
    world.open(&plan("1.4.0", &[1], 1)).await.unwrap();
    world.fake.fault(Bend::once(Method::POST, "/graphql", FaultKind::Status(503)).times(999));
    world.fake.fault(Bend::once(Method::GET, "/", FaultKind::Status(503)).times(999));
    let ledger = world.ledger(run(1, 1));
    let errors = [
        world.rollouts().await.unwrap_err(),
        ledger.fleet_state(&prod()).await.unwrap_err(),
        ledger.publish(&release("1.4.0")).await.unwrap_err(),
        ledger.final_versions().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.fault, Fault::Unavailable, "{error}");
        assert!(error.why.contains("HTTP 503"), "{error}");
    }
}
