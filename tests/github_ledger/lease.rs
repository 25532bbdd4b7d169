//! The lease as a compare-and-set: one of two gets it, a lost answer is found again, nothing is overwritten.

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use tidegate::domain::lease::{Claim, LeaseMark, LeaseRecord, LeaseSeen, Life, Owner, Taking, release, take};
use tidegate::ports::{Fault, LeaseReader, LeaseWriter, PortError};

use crate::github::{Fault as Bend, FaultKind, WorkflowRun};
use crate::harness::{World, prod, run};

const CREATE: &str = "/git/refs$";
const MOVE: &str = "createCommitOnBranch";

fn claim(owner: &Owner) -> Claim {
    Claim::new(&prod(), owner.clone(), "promote", Timestamp::UNIX_EPOCH)
}

/// Takes the lease as an application does: look, decide, ask for the holder's life if need be, write.
async fn try_take(world: &World, owner: &Owner) -> Result<(LeaseMark, LeaseRecord), String> {
    let (github, claim) = (world.github(owner.clone()), claim(owner));
    let seen = github.lease(&prod()).await.map_err(|error| error.to_string())?;
    let mut life: Option<Life> = None;
    loop {
        match take(&prod(), &seen, &claim, life.as_ref()).map_err(|reason| reason.to_string())? {
            Taking::Ours => match seen {
                LeaseSeen::Recorded { mark, record } => return Ok((mark, record)),
                other => panic!("{other:?}"),
            },
            Taking::Ask(holder) => life = Some(github.life(&holder).await),
            Taking::Write(next) => {
                let put = github.put(seen.mark(), &next).await;
                return put.map(|mark| (mark, next)).map_err(|error| format!("{:?}", error.fault));
            }
        }
    }
}

/// Frees it, and answers the number under which it is free.
async fn try_release(world: &World, owner: &Owner) -> Result<u64, PortError> {
    let github = world.github(owner.clone());
    let seen = github.lease(&prod()).await?;
    let free = release(&seen, &claim(owner).id).unwrap();
    github.put(seen.mark(), &free).await?;
    Ok(free.number)
}

/// The number and the run of who holds it.
async fn holder(world: &World) -> (u64, Option<u64>) {
    match world.github(run(0, 1)).lease(&prod()).await.unwrap() {
        LeaseSeen::Recorded { record, mark } => {
            assert_eq!(Some(mark.0), world.fake.head("tidegate-lease-prod"));
            (record.number, record.holder.and_then(|claim| claim.owner.run))
        }
        other => panic!("{other:?}"),
    }
}

fn running(id: u64) -> WorkflowRun {
    WorkflowRun {
        id,
        attempt: 1,
        status: "in_progress".to_owned(),
        conclusion: None,
        head_sha: "1".repeat(40),
        actor: "ana".to_owned(),
    }
}

#[tokio::test]
async fn inv_12_it_is_taken_freed_and_taken_again_and_its_number_grows() {
    let world = World::new();
    assert_eq!(world.github(run(1, 1)).lease(&prod()).await.unwrap(), LeaseSeen::Never);
    assert_eq!(try_take(&world, &run(1, 1)).await.unwrap().1.number, 1);
    assert_eq!(holder(&world).await, (1, Some(1)));
    assert_eq!(try_release(&world, &run(1, 1)).await.unwrap(), 2);
    assert_eq!(holder(&world).await, (2, None));
    assert_eq!(try_take(&world, &run(2, 1)).await.unwrap().1.number, 3);
    let file = world.fake.file("tidegate-lease-prod", "lease.json").unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!((&file["schema"], &file["fleet"], &file["number"]), (&json!(1), &json!("prod"), &json!(3)));
    assert_eq!((world.count("DELETE", ""), world.count("PATCH", "")), (0, 0), "never deleted, never forced");
    world.assert_lawful();
}

#[tokio::test]
async fn inv_12_of_two_who_see_nothing_one_gets_it() {
    for _ in 0..8 {
        let world = World::new();
        world.fake.set_run(running(1));
        world.fake.set_run(running(2));
        let (one, two) = (run(1, 1), run(2, 1));
        let (one, two) = tokio::join!(try_take(&world, &one), try_take(&world, &two));
        let winner = if one.is_ok() { 1 } else { 2 };
        assert!(one.is_ok() != two.is_ok(), "{one:?} and {two:?}");
        assert_eq!(holder(&world).await, (1, Some(winner)));
        world.assert_lawful();
    }
}

#[tokio::test]
async fn inv_12_of_two_who_see_it_free_one_gets_it() {
    for _ in 0..8 {
        let world = World::new();
        try_take(&world, &run(9, 1)).await.unwrap();
        try_release(&world, &run(9, 1)).await.unwrap();
        let github = [world.github(run(1, 1)), world.github(run(2, 1))];
        let seen = github[0].lease(&prod()).await.unwrap();
        let next = |n| match take(&prod(), &seen, &claim(&run(n, 1)), None) {
            Ok(Taking::Write(next)) => next,
            other => panic!("{other:?}"),
        };
        let (first, second) = (next(1), next(2));
        let (one, two) = tokio::join!(github[0].put(seen.mark(), &first), github[1].put(seen.mark(), &second));
        let (winner, loser) = match (one, two) {
            (Ok(_), Err(error)) => (1, error),
            (Err(error), Ok(_)) => (2, error),
            other => panic!("{other:?}"),
        };
        assert_eq!(loser.fault, Fault::Conflict, "{loser}");
        assert_eq!(holder(&world).await, (3, Some(winner)));
    }
}

/// Every way in which an answer can be lost after the effect, on the first take and on every later change.
#[tokio::test]
async fn inv_12_a_lost_answer_is_found_again() {
    for kind in [FaultKind::BadGatewayAfterEffect, FaultKind::ResetAfterEffect] {
        let world = World::new();
        world.fault(Method::POST, CREATE, kind.clone());
        assert_eq!(try_take(&world, &run(1, 1)).await.unwrap().1.number, 1);
        assert_eq!(world.count("POST", CREATE), 1, "not asked for again");
        world.fault(Method::POST, MOVE, kind.clone());
        assert_eq!(try_release(&world, &run(1, 1)).await.unwrap(), 2);
        world.fault(Method::POST, MOVE, kind);
        assert_eq!(try_take(&world, &run(2, 1)).await.unwrap().1.number, 3);
        assert_eq!(world.count("POST", MOVE), 2, "not asked for again");
        assert_eq!(holder(&world).await, (3, Some(2)));
        world.assert_lawful();
    }
}

#[tokio::test]
async fn what_had_no_effect_is_tried_again_after_a_look() {
    let limit = FaultKind::SecondaryLimit { retry_after: Some(7) };
    let mute = FaultKind::GraphqlErrors { kind: String::new(), message: "Something went wrong".to_owned() };
    for kind in
        [FaultKind::Status(502), FaultKind::Reset, limit, FaultKind::TooManyRequests { retry_after: None }, mute]
    {
        let world = World::new();
        if !matches!(kind, FaultKind::GraphqlErrors { .. }) {
            world.fault(Method::POST, CREATE, kind.clone());
        }
        try_take(&world, &run(1, 1)).await.unwrap();
        world.fault(Method::POST, MOVE, kind);
        assert_eq!(try_release(&world, &run(1, 1)).await.unwrap(), 2);
        assert_eq!(world.count("POST", MOVE), 2);
        assert_eq!(holder(&world).await, (2, None));
        world.assert_lawful();
    }
}

/// Nothing that GitHub says may make it look held when it is not.
#[tokio::test]
async fn inv_12_trouble_that_lasts_is_an_error_and_not_a_lease() {
    let world = World::new();
    world.fake.fault(Bend::once(Method::POST, CREATE, FaultKind::Status(503)).times(9));
    assert_eq!(try_take(&world, &run(1, 1)).await, Err("Unavailable".to_owned()));
    assert_eq!(world.count("POST", CREATE), 5);
    let world = World::new();
    world.fake.fault(Bend::once(Method::POST, CREATE, FaultKind::Status(403)).times(9));
    assert_eq!(try_take(&world, &run(1, 1)).await, Err("Refused".to_owned()));
    assert_eq!(world.count("POST", CREATE), 1, "a missing permission does not come by waiting");
    assert_eq!(world.github(run(1, 1)).lease(&prod()).await.unwrap(), LeaseSeen::Never);
}

#[tokio::test]
async fn inv_12_it_is_taken_over_from_a_run_that_is_completed_and_from_no_other() {
    let world = World::new();
    world.fake.set_run(running(1));
    try_take(&world, &run(1, 1)).await.unwrap();
    let refused = try_take(&world, &run(2, 1)).await.unwrap_err();
    assert!(refused.contains("ana in run 1") && refused.ends_with("(promote): it is running"), "{refused}");
    world.fault(Method::GET, "/actions/runs/1", FaultKind::Status(404));
    let unknown = try_take(&world, &run(2, 1)).await.unwrap_err();
    assert!(unknown.ends_with("GitHub knows no run 1/attempts/1"), "{unknown}");
    assert_eq!(holder(&world).await, (1, Some(1)));
    world.fake.set_run(WorkflowRun { status: "completed".to_owned(), ..running(1) });
    assert_eq!(try_take(&world, &run(2, 1)).await.unwrap().1.number, 2);
}

/// Only the failed job is run again: same run, next attempt, while the run as a whole is in progress.
#[tokio::test]
async fn inv_12_the_next_attempt_takes_over() {
    let world = World::new();
    try_take(&world, &run(1, 1)).await.unwrap();
    world.fake.set_run(WorkflowRun { attempt: 2, ..running(1) });
    assert_eq!(try_take(&world, &run(1, 2)).await.unwrap().1.number, 2);
    let late = try_take(&world, &run(1, 1)).await.unwrap_err();
    assert!(late.ends_with("it is running"), "{late}");
}

/// What was asked for twice by the same claim is held once, under one number.
#[tokio::test]
async fn a_claim_that_holds_it_already_is_recognised() {
    let world = World::new();
    let first = try_take(&world, &run(1, 1)).await.unwrap();
    assert_eq!(try_take(&world, &run(1, 1)).await.unwrap(), first);
    assert_eq!(world.fake.writes(), 3);
}

#[tokio::test]
async fn inv_12_a_lease_that_was_taken_over_cannot_be_freed_or_written() {
    let world = World::new();
    let (mark, held) = try_take(&world, &run(1, 1)).await.unwrap();
    world.fake.set_run(WorkflowRun { status: "completed".to_owned(), ..running(1) });
    try_take(&world, &run(2, 1)).await.unwrap();
    let (github, claim) = (world.github(run(1, 1)), claim(&run(1, 1)));
    let seen = LeaseSeen::Recorded { mark, record: held };
    let stale = github.put(seen.mark(), &release(&seen, &claim.id).unwrap()).await.unwrap_err();
    assert_eq!((stale.fault, stale.why.as_str()), (Fault::Conflict, "somebody else has written it"));
    assert_eq!(release(&github.lease(&prod()).await.unwrap(), &claim.id), None);
    assert_eq!(holder(&world).await, (2, Some(2)));
}

#[tokio::test]
async fn inv_12_what_cannot_be_read_blocks() {
    let world = World::new();
    try_take(&world, &run(1, 1)).await.unwrap();
    world.write("tidegate-lease-prod", "lease.json", b"{}").await;
    let seen = world.github(run(2, 1)).lease(&prod()).await.unwrap();
    assert!(
        matches!(&seen, LeaseSeen::Unreadable { why } if why.contains("lease.json on tidegate-lease-prod")),
        "{seen:?}"
    );
    let refused = try_take(&world, &run(2, 1)).await.unwrap_err();
    assert!(refused.contains("cannot be read"), "{refused}");
    let next = LeaseRecord { schema: 1, fleet: prod(), number: 1, holder: Some(claim(&run(2, 1))) };
    let error = world.github(run(2, 1)).put(None, &next).await.unwrap_err();
    assert_eq!(error.fault, Fault::Conflict, "{error}");
}

#[tokio::test]
async fn a_branch_without_the_file_blocks_too() {
    let world = World::new();
    let head = world.fake.head("main").unwrap();
    world.post("/git/refs", json!({ "ref": "refs/heads/tidegate-lease-prod", "sha": head })).await;
    let refused = try_take(&world, &run(2, 1)).await.unwrap_err();
    assert!(refused.contains("the file is missing"), "{refused}");
}

#[tokio::test]
async fn reading_trouble_is_an_error_and_never_a_free_lease() {
    let world = World::new();
    world.fake.fault(Bend::once(Method::GET, "/git/ref/", FaultKind::Status(500)).times(9));
    let error = world.github(run(1, 1)).lease(&prod()).await.unwrap_err();
    assert_eq!(error.fault, Fault::Unavailable);
}

#[tokio::test]
async fn each_fleet_has_its_own() {
    let world = World::new();
    try_take(&world, &run(1, 1)).await.unwrap();
    let dev = "dev".parse().unwrap();
    assert_eq!(world.github(run(1, 1)).lease(&dev).await.unwrap(), LeaseSeen::Never);
}

/// What holding a fleet costs: a write to take it and one to free it, and two more when its branch is made.
#[tokio::test]
async fn a_lease_costs_two_writes() {
    let world = World::new();
    try_take(&world, &run(1, 1)).await.unwrap();
    assert_eq!(world.fake.writes(), 3);
    try_release(&world, &run(1, 1)).await.unwrap();
    assert_eq!(world.fake.writes(), 4);
    try_take(&world, &run(2, 1)).await.unwrap();
    assert_eq!(world.fake.writes(), 5);
}
