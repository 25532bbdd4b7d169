//! Who counts as ended: what GitHub says of runs, what this machine says of its processes, and nothing else.

use reqwest::Method;
use tidegate::domain::lease::{Life, Owner};
use tidegate::ports::LeaseReader;

use crate::github::{Fault, FaultKind, WorkflowRun};
use crate::harness::{World, run};

/// No process has this id: Linux stops at 4 million.
const NOBODY: u32 = u32::MAX;

fn seeded(status: &str, attempt: u64) -> World {
    let world = World::new();
    let (head_sha, actor) = ("1".repeat(40), "ana".to_owned());
    world.fake.set_run(WorkflowRun { id: 42, attempt, status: status.to_owned(), conclusion: None, head_sha, actor });
    world
}

fn terminal(host: &str, process: u32) -> Owner {
    Owner { run: None, attempt: None, actor: "ana".to_owned(), host: host.to_owned(), process }
}

async fn life(world: &World, own: Owner, other: &Owner) -> Life {
    let life = world.github(own).life(other).await;
    world.assert_lawful();
    life
}

fn why(life: Life) -> String {
    match life {
        Life::Unknown { why } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn inv_12_a_run_has_ended_when_github_says_completed() {
    for (status, expected) in [
        ("completed", Life::Ended),
        ("in_progress", Life::Alive),
        ("queued", Life::Alive),
        ("waiting", Life::Alive),
        ("a state of the future", Life::Alive),
    ] {
        assert_eq!(life(&seeded(status, 1), run(7, 1), &run(42, 1)).await, expected, "{status}");
        assert_eq!(life(&seeded(status, 1), terminal("laptop", 1), &run(42, 1)).await, expected, "{status}");
    }
}

#[tokio::test]
async fn inv_12_the_attempt_counts_and_not_the_run() {
    let world = seeded("in_progress", 2);
    assert_eq!(life(&world, run(7, 1), &run(42, 1)).await, Life::Ended);
    assert_eq!(life(&world, run(7, 1), &run(42, 2)).await, Life::Alive);
    assert_eq!(life(&world, run(7, 1), &Owner { attempt: None, ..run(42, 1) }).await, Life::Alive);
}

#[tokio::test]
async fn inv_12_a_second_attempt_may_take_over_from_the_first_without_asking() {
    let world = seeded("in_progress", 2);
    assert_eq!(life(&world, run(42, 2), &run(42, 1)).await, Life::Ended);
    assert_eq!(world.fake.requests().len(), 0);
    assert_eq!(life(&world, run(42, 1), &run(42, 2)).await, Life::Alive, "and never the other way round");
}

#[tokio::test]
async fn inv_12_what_github_does_not_tell_is_unknown() {
    let world = seeded("completed", 1);
    assert_eq!(why(life(&world, run(7, 1), &run(43, 1)).await), "GitHub knows no run 43/attempts/1");
    world.fault(Method::GET, "/actions/runs", FaultKind::Status(403));
    assert!(why(life(&world, run(7, 1), &run(42, 1)).await).contains("HTTP 403"));
    world.fake.fault(Fault::once(Method::GET, "/actions/runs", FaultKind::Status(502)).times(9));
    assert!(why(life(&world, run(7, 1), &run(42, 1)).await).contains("HTTP 502"));
}

#[tokio::test]
async fn inv_12_a_terminal_is_known_on_its_own_machine_only() {
    let world = World::new();
    let own = || terminal("laptop", std::process::id());
    assert_eq!(life(&world, own(), &terminal("laptop", std::process::id())).await, Life::Alive);
    assert_eq!(life(&world, own(), &terminal("laptop", NOBODY)).await, Life::Ended);
    let elsewhere = why(life(&world, own(), &terminal("desktop", NOBODY)).await);
    assert!(elsewhere.contains("at a terminal on desktop"), "{elsewhere}");
    assert_eq!(world.fake.requests().len(), 0);
}

#[tokio::test]
async fn inv_12_steps_of_one_job_follow_each_other_and_jobs_do_not() {
    let world = seeded("in_progress", 1);
    let killed = Owner { process: NOBODY, ..run(42, 1) };
    assert_eq!(life(&world, run(42, 1), &killed).await, Life::Ended);
    assert_eq!(life(&world, run(42, 1), &run(42, 1)).await, Life::Alive);
    let other_job = Owner { host: "runner-b".to_owned(), ..killed };
    assert!(why(life(&world, run(42, 1), &other_job).await).contains("another job of run 42"));
}
