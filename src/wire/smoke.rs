//! Smoke tests on a simulated world, through the verbs: once for each tenant and rollout whoever is killed when, never
//! on the way back, and what each of their ends leads to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use proptest::prelude::*;

use super::dying::{deaf, ends_at};
use super::simulated::{app, beginning, commit, push};
use crate::adapters::sim::{Fault, FaultKind, Sim};
use crate::app::drive::End;
use crate::app::go_on::{Accept, accept, go_on};
use crate::app::progress::{Observer, Progress};
use crate::app::promote::promote;
use crate::app::rollback::{Back, rollback};
use crate::app::rollout::Outcome;
use crate::app::{App, Stop, plan};
use crate::cli::args::{Command, Source as Commit};
use crate::cli::context::{Context, GitHubEvent};
use crate::cli::exit::Exit;
use crate::cli::render;
use crate::cli::run::act;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::gate::{GateName, Then, Word};
use crate::domain::ids::{ServiceKey, Version};
use crate::domain::manifest::{Source, read};
use crate::domain::plan::Direction;
use crate::domain::release::Release;

const FLEET: &str = r#"
schema: 1
app: shop
domain: shop.example
images: { repository: "shop/{service}" }
services:
  api:    { build: api, port: 8080, health: /healthz }
  worker: { build: worker, traffic: none, after: [api] }
  smoke:  { build: smoke, run: after }
control_plane:
  services:
    registry:       { build: registry, port: 8080, health: /healthz }
    registry-smoke: { build: registry-smoke, run: after }
cells:
  dev-1: { account: "111111111111", region: eu-west-1, clusters: [dev] }
gates:
  default: { rollout: { deadline: 5m }, smoke: SMOKE }
fleets:
  dev: { cells: [dev-1], deploy_on: merge, waves: { plan: auto }, bake: 90m, gate: default, on_failure: rollback-all }
tenants:
  entries:
    - { id: acme, fleet: dev }
    - { id: hooli, fleet: dev }
"#;

fn application(smoke: &str) -> Application {
    read(&[Source { name: "fleet.yaml".to_owned(), bytes: FLEET.replace("SMOKE", smoke).into_bytes() }]).unwrap()
}

/// What was said.
#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Observer for Said {
    fn note(&self, _: jiff::Timestamp, progress: &Progress) {
        self.0.lock().unwrap().extend(render::progress(progress));
    }
}

struct World {
    sim: Arc<Sim>,
    app: App,
    said: Arc<Said>,
}

impl World {
    fn new(smoke: &str) -> Self {
        let sim = Arc::new(Sim::new(&application(smoke), beginning()));
        let said = Arc::new(Said::default());
        let app = app(&sim, application(smoke), Arc::clone(&said) as _);
        Self { sim, app, said }
    }

    fn dev(&self) -> Fleet {
        self.app.application.fleets[0].clone()
    }

    /// The release of a commit that touches these folders.
    async fn merge(&self, number: u64, touched: &[(&str, &[Fault])]) -> Release {
        self.sim.world().commit(touched);
        let id = commit(number).parse().unwrap();
        let context = Context { event: Some::<GitHubEvent>(push(number)), run_number: number, ..Context::default() };
        let source = Commit { commit: commit(number).parse().unwrap(), branch: "main".to_owned(), run_number: number };
        act(&Command::Build(source), &self.app, &context).await;
        self.app.readers.ledger.release_of(&id).await.unwrap().unwrap()
    }

    async fn deploy(&self, release: &Release) -> Result<Outcome, Stop> {
        promote(&self.app, &self.dev(), release, None, None).await
    }

    /// How often a test was started for each set.
    fn starts(&self) -> BTreeMap<ServiceKey, usize> {
        let mut starts = BTreeMap::new();
        self.sim.world().task_starts().for_each(|(key, ..)| *starts.entry(key.clone()).or_default() += 1);
        starts
    }

    fn answers(&self, tenant: &str) -> Option<Version> {
        let dev = self.dev();
        let set = dev.sets.iter().find(|set| set.id.as_str() == tenant).unwrap();
        self.sim.world().answers(&set.host, &ServiceKey::new(&set.id, &"api".parse().unwrap()))
    }
}

fn code(result: Result<Outcome, Stop>) -> String {
    match result {
        Err(Stop::Refused(reasons)) => reasons[0].code(),
        Ok(Outcome { end: Some(End::Held(reason) | End::Halted { reason, .. }), .. }) => reason.code(),
        other => panic!("{other:?}"),
    }
}

fn of(kind: FaultKind, tenant: Option<&str>) -> Fault {
    Fault { kind, fleet: None, tenant: tenant.map(|name| name.parse().unwrap()) }
}

#[tokio::test]
async fn they_run_in_every_rollout_that_changes_something_and_never_on_the_way_back() {
    let world = World::new("{}");
    let first = world.merge(1, &[("api", &[]), ("smoke", &[])]).await;
    let (readers, application) = (&world.app.readers, &world.app.application);
    let planned = plan::plan(readers, application, &world.dev(), &first, Direction::Deploy).await.unwrap();
    let told = render::plan(&planned);
    assert!(told.contains("1 tenant, 2 services, then 1 smoke test, watched for 1h 30m"), "{told}");
    assert!(told.contains("runs once when the others are up, smoke test") && !told.contains("way back"), "{told}");
    let outcome = world.deploy(&first).await.unwrap();
    assert_eq!(outcome.end, Some(End::Succeeded));
    assert!(world.starts().len() == 3 && world.starts().values().all(|times| *times == 1), "{:?}", world.starts());
    let of_smoke = |outcome: &Outcome| {
        let gates = outcome.gates.iter().flat_map(|report| &report.gates);
        gates.filter(|gate| gate.gate == GateName::Smoke).map(|gate| gate.verdict).collect::<Vec<_>>()
    };
    assert_eq!(of_smoke(&outcome), [Some(Word::Pass); 3], "the control plane has one, too");
    assert!(outcome.gates.iter().all(|report| report.then == Then::Passed));

    let again = world.deploy(&first).await.unwrap();
    assert_eq!((again.end, world.starts().values().sum::<usize>()), (None, 3), "nothing changes, nothing is tested");
    let second = world.merge(2, &[("api", &[])]).await;
    assert_eq!(world.deploy(&second).await.unwrap().end, Some(End::Succeeded));
    assert_eq!(world.starts().values().sum::<usize>(), 5, "its own image is the same; the control plane is, too");
    let third = world.merge(3, &[("smoke", &[])]).await;
    assert_eq!(world.deploy(&third).await.unwrap().end, None, "a new test of what runs already waits for the next one");
    rollback(&world.app, &world.dev(), &Back::Last, "ana", "slow").await.unwrap();
    assert_eq!((world.answers("acme"), world.starts().values().sum::<usize>()), (Some(first.version), 5));
}

#[tokio::test]
async fn one_that_fails_takes_the_release_back_and_its_last_lines_are_told() {
    let world = World::new("{}");
    let first = world.merge(1, &[("api", &[]), ("smoke", &[])]).await;
    world.deploy(&first).await.unwrap();
    let second = world.merge(2, &[("api", &[]), ("smoke", &[of(FaultKind::TaskFails, Some("hooli"))])]).await;
    let outcome = world.deploy(&second).await.unwrap();
    assert_eq!(Exit::of_outcome(&outcome), Exit::GateFailed);
    assert_eq!(outcome.rollback.as_ref().unwrap().end, Some(End::Succeeded));
    let report = outcome.gates.last().unwrap();
    let gate = report.gates.iter().find(|gate| gate.gate == GateName::Smoke).unwrap();
    assert_eq!((report.then, gate.verdict, gate.failed), (Then::Failed, Some(Word::Fail), 1));
    assert_eq!(code(Ok(outcome)), "smoke_test_failed");
    assert_eq!((world.answers("hooli"), world.answers("acme")), (Some(first.version.clone()), Some(first.version)));
    let said = world.said.0.lock().unwrap().join("\n");
    assert!(said.contains("why     hooli/smoke: smoke | it says that it failed"), "{said}");
    assert!(
        said.contains("smoke: FAIL, 0 of 1 well, 1 failed, 0 unknown; hooli/smoke: the smoke test failed"),
        "{said}"
    );
}

#[tokio::test]
async fn one_that_never_ends_is_held_and_a_person_may_accept_it() {
    let world = World::new("{ deadline: 10m }");
    let release = world.merge(1, &[("api", &[]), ("smoke", &[of(FaultKind::TaskHangs, Some("acme"))])]).await;
    let outcome = world.deploy(&release).await.unwrap();
    assert_eq!((Exit::of_outcome(&outcome), code(Ok(outcome))), (Exit::Held, "smoke_test_undecided".to_owned()));
    assert_eq!(code(go_on(&world.app, &world.dev()).await), "smoke_test_undecided", "it is looked for again");
    let starts = world.starts();
    assert!(starts.values().all(|times| *times == 1), "{starts:?}");
    let answer = Accept { by: "ana", why: "the test hangs on its own database" };
    assert_eq!(accept(&world.app, &world.dev(), answer).await.unwrap().end, Some(End::Succeeded));
}

#[tokio::test]
async fn without_a_vote_a_failing_test_is_told_and_stops_nothing() {
    let world = World::new("{ observe: true }");
    let release = world.merge(1, &[("api", &[]), ("smoke", &[of(FaultKind::TaskFails, None)])]).await;
    let outcome = world.deploy(&release).await.unwrap();
    assert_eq!(outcome.end, Some(End::Succeeded));
    let gates = outcome.gates.iter().flat_map(|report| &report.gates);
    let failed = gates.filter(|gate| gate.gate == GateName::Smoke && gate.failed == 1 && gate.verdict.is_none());
    assert_eq!(failed.count(), 2);
}

#[tokio::test]
async fn a_lost_answer_starts_no_second_test_and_none_at_all_is_unknown() {
    let world = World::new("{}");
    let release = world.merge(1, &[("api", &[]), ("smoke", &[])]).await;
    let outcome = promote(&deaf(&world.app, 1, true), &world.dev(), &release, None, None).await.unwrap();
    assert_eq!(outcome.end, Some(End::Succeeded));
    assert!(world.starts().values().all(|times| *times == 1), "{:?}", world.starts());

    let world = World::new("{}");
    let release = world.merge(1, &[("api", &[]), ("smoke", &[])]).await;
    let held = promote(&deaf(&world.app, 3, false), &world.dev(), &release, None, None).await;
    assert_eq!(code(held), "smoke_test_undecided");
    assert_eq!(go_on(&world.app, &world.dev()).await.unwrap().end, Some(End::Succeeded), "who goes on tries again");
    assert!(world.starts().values().all(|times| *times == 1), "{:?}", world.starts());
}

/// A release whose process is killed at a write, and which is taken up after a while.
async fn killed_at(write: usize, written: bool, away: SignedDuration) -> (World, Outcome) {
    let world = World::new("{}");
    let release = world.merge(1, &[("api", &[]), ("smoke", &[])]).await;
    let ended = promote(&ends_at(&world.app, write, written), &world.dev(), &release, None, None).await;
    assert!(matches!(ended, Err(Stop::Port(_))), "{ended:?}");
    world.sim.world().advance(away);
    let outcome = go_on(&world.app, &world.dev()).await.unwrap();
    (world, outcome)
}

#[tokio::test]
async fn a_job_that_ends_in_the_middle_of_a_long_watch_leaves_tests_that_need_not_run_again() {
    let world = World::new("{}");
    let release = world.merge(1, &[("api", &[]), ("smoke", &[])]).await;
    let mut short = world.app.clone();
    short.hand_over_at = Some(world.sim.world().now + SignedDuration::from_mins(80));
    assert_eq!(code(promote(&short, &world.dev(), &release, None, None).await), "handed_over");
    world.sim.world().advance(SignedDuration::from_hours(3));
    assert_eq!(go_on(&world.app, &world.dev()).await.unwrap().end, Some(End::Succeeded));
    assert!(world.starts().values().all(|times| *times == 1), "{:?}", world.starts());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn wherever_a_process_is_killed_no_test_runs_twice_within_the_day(
        write in 1usize..10, written in any::<bool>(), minutes in 0i64..24 * 60,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (world, outcome) = killed_at(write, written, SignedDuration::from_mins(minutes)).await;
            let told = match &outcome.end {
                Some(End::Succeeded) => "succeeded".to_owned(),
                _ => code(Ok(outcome)),
            };
            // A test that ended unseen and that ECS has forgotten is for a person to answer.
            assert!(["succeeded", "smoke_test_undecided"].contains(&told.as_str()), "{told}");
            assert!(told == "succeeded" || minutes > 55, "{told}");
            assert!(world.starts().values().all(|times| *times == 1), "{:?}", world.starts());
        });
    }
}
