//! Two processes at once. The state branch takes both additions, one after the other; a decision is taken once.

use jiff::Timestamp;
use reqwest::Method;
use tidegate::domain::approved::Approved;
use tidegate::domain::directive::{Decided, Directive, Directives};
use tidegate::domain::ids::FleetName;
use tidegate::ports::{Fault, LedgerReader, LedgerWriter, OpenRollout};

use crate::github::FaultKind;
use crate::harness::{World, prod, run};
use crate::plans::{plan, release, success};

const WRITE: &str = "createCommitOnBranch";

fn decided(seq: u32, by: &str, directive: Directive) -> Decided {
    Decided { seq, at: Timestamp::UNIX_EPOCH, by: by.to_owned(), why: "test".to_owned(), directive }
}

#[tokio::test]
async fn both_additions_are_there_whoever_was_quicker() {
    let world = World::new();
    let releases = [release("1.4.0"), release("1.5.0"), release("1.6.0")].map(|mut release| {
        release.commit = format!("{}{}", release.version.core().1, "a".repeat(39)).parse().unwrap();
        release
    });
    let ledgers = [world.ledger(run(1, 1)), world.ledger(run(2, 1)), world.ledger(run(3, 1))];
    let (one, two, three) = tokio::join!(
        ledgers[0].publish(&releases[0]),
        ledgers[1].publish(&releases[1]),
        ledgers[2].publish(&releases[2]),
    );
    assert_eq!((one, two, three), (Ok(()), Ok(()), Ok(())));
    for release in &releases {
        assert_eq!(ledgers[0].release(&release.version).await.unwrap().as_ref(), Some(release));
        assert_eq!(ledgers[0].release_of(&release.commit).await.unwrap().as_ref(), Some(release));
    }
    world.assert_lawful();
}

/// Rollouts of two fleets write at the same time; neither loses an event or a service.
#[tokio::test]
async fn two_fleets_roll_out_side_by_side() {
    let world = World::new();
    let prod_plan = plan("1.4.0", &[1, 1], 2);
    let mut dev_plan = prod_plan.clone();
    dev_plan.fleet = "dev".parse().unwrap();
    let drive = async |n: u64, plan: &tidegate::domain::plan::Plan| {
        let ledger = world.ledger(run(n, 1));
        let proof = OpenRollout::begin(&ledger, plan, &run(n, 1), Approved::NotNeeded, n).await.unwrap();
        for (seq, (event, result)) in (1..).zip(success(plan)) {
            ledger.append(&proof, seq, &event, result.as_ref()).await.unwrap();
        }
    };
    tokio::join!(drive(1, &prod_plan), drive(2, &dev_plan));
    let reader = world.ledger(run(9, 1));
    for fleet in [&prod_plan.fleet, &dev_plan.fleet] {
        let records = reader.rollouts(fleet).await.unwrap();
        assert_eq!((records.len(), records[0].entries.len()), (1, 5));
        assert_eq!(reader.fleet_state(fleet).await.unwrap().services.len(), 4);
    }
    world.assert_lawful();
}

#[tokio::test]
async fn of_two_decisions_with_one_number_one_is_taken() {
    for _ in 0..10 {
        let world = World::new();
        let (ana, bob) = (world.ledger(run(1, 1)), world.ledger(run(2, 1)));
        let (hold, bad) = (Directive::Hold, Directive::MarkBad { version: "1.4.0".parse().unwrap() });
        let (hold, bad) = (decided(1, "ana", hold), decided(1, "bob", bad));
        let fleet: FleetName = prod();
        let (one, two) = tokio::join!(ana.decide(&fleet, &hold), bob.decide(&fleet, &bad));
        let (winner, loser) = match (one, two) {
            (Ok(()), Err(error)) => ("ana", error),
            (Err(error), Ok(())) => ("bob", error),
            other => panic!("{other:?}"),
        };
        assert_eq!(loser.fault, Fault::Conflict, "{loser}");
        let read = ana.decided(&prod()).await.unwrap();
        assert_eq!(read.iter().map(|decided| decided.by.as_str()).collect::<Vec<_>>(), [winner]);
    }
}

#[tokio::test]
async fn decisions_are_numbered_kept_and_not_taken_twice() {
    let world = World::new();
    let ledger = world.ledger(run(1, 1));
    let (hold, unhold) = (decided(1, "ana", Directive::Hold), decided(2, "bob", Directive::Unhold));
    assert_eq!(ledger.decided(&prod()).await.unwrap(), []);
    assert_eq!(ledger.decide(&prod(), &unhold).await.unwrap_err().fault, Fault::Conflict, "there is no first one");
    ledger.decide(&prod(), &hold).await.unwrap();
    ledger.decide(&prod(), &hold).await.unwrap();
    world.fault(Method::POST, WRITE, FaultKind::ResetAfterEffect);
    ledger.decide(&prod(), &unhold).await.unwrap();
    assert_eq!(world.ledger(run(2, 1)).decided(&prod()).await.unwrap(), [hold, unhold]);
    assert_eq!(Directives::fold(&ledger.decided(&prod()).await.unwrap()).hold, None);
}

/// The answer is lost, and before it can be looked for somebody decides again, on top. Ours is there all the same.
#[tokio::test]
async fn a_decision_that_others_built_on_is_found() {
    let world = World::new();
    let ledger = world.ledger(run(1, 1));
    let (hold, unhold) = (decided(1, "ana", Directive::Hold), decided(2, "bob", Directive::Unhold));
    ledger.decide(&prod(), &hold).await.unwrap();
    world.ledger(run(2, 1)).decide(&prod(), &unhold).await.unwrap();
    assert_eq!(ledger.decide(&prod(), &hold).await, Ok(()));
    assert_eq!(ledger.decided(&prod()).await.unwrap(), [hold, unhold]);
}

#[tokio::test]
async fn what_is_written_once_is_not_changed() {
    let world = World::new();
    let ledger = world.ledger(run(1, 1));
    let release = release("1.4.0-main.1.a");
    ledger.publish(&release).await.unwrap();
    let before = world.fake.head("tidegate-state");
    ledger.publish(&release).await.unwrap();
    assert_eq!(world.fake.head("tidegate-state"), before, "what is there is not written again");
    let mut other = release.clone();
    other.commit = "2".repeat(40).parse().unwrap();
    assert_eq!(ledger.publish(&other).await.unwrap_err().fault, Fault::Conflict);
    let version = "1.4.0".parse().unwrap();
    ledger.finalise(&release, &version).await.unwrap();
    ledger.finalise(&release, &version).await.unwrap();
    assert_eq!(ledger.finalise(&other, &version).await.unwrap_err().fault, Fault::Conflict);
    assert_eq!(ledger.final_versions().await.unwrap(), [version]);
}
