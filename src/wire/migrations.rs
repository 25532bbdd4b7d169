//! Migrations on a simulated world, through the verbs: once for each set and image, whatever is killed when, and no
//! way back where there is none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::dying::{deaf, ends_at};
use super::simulated::{app, beginning, commit, push};
use crate::adapters::sim::{Fault, FaultKind, Sim};
use crate::app::decisions::record;
use crate::app::drive::End;
use crate::app::go_on::go_on;
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
use crate::domain::directive::Directive;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{ImageDigest, ServiceKey, Version};
use crate::domain::manifest::{Source, read};
use crate::domain::plan::{Direction, Plan};
use crate::domain::release::Release;

const FLEET: &str = r#"
schema: 1
app: shop
domain: shop.example
images: { repository: "shop/{service}" }
services:
  api:       { build: api, port: 8080, health: /healthz }
  worker:    { build: worker, traffic: none, after: [api] }
  migration: { build: migration, run: before, class: CLASS }
cells:
  dev-1:  { account: "111111111111", region: eu-west-1, clusters: [dev] }
  prod-1: { account: "222222222222", region: eu-west-1, clusters: [prod] }
gates:
  default: { rollout: { deadline: 5m }, probe: { url: "https://{host}/{service}{health}" } }
fleets:
  dev:  { cells: [dev-1], domain: dev.shop.example, deploy_on: merge, waves: { plan: auto }, bake: 1m, gate: default, on_failure: rollback-wave }
  prod: { cells: [prod-1], from: dev, deploy_on: dispatch, waves: { plan: auto }, bake: 1m, gate: default, on_failure: stop }
tenants:
  entries:
    - { id: acme, fleet: dev }
    - { id: hooli, fleet: dev }
    - { id: wayne, fleet: dev }
    - { id: globex, fleet: prod }
"#;

fn application(class: &str) -> Application {
    read(&[Source { name: "fleet.yaml".to_owned(), bytes: FLEET.replace("CLASS", class).into_bytes() }]).unwrap()
}

/// When each service was updated.
#[derive(Default)]
struct Updates(Mutex<Vec<(Timestamp, ServiceKey)>>);

impl Observer for Updates {
    fn note(&self, at: Timestamp, progress: &Progress) {
        if let Progress::Updated { service, .. } = progress {
            self.0.lock().unwrap().push((at, service.clone()));
        }
    }
}

struct World {
    sim: Arc<Sim>,
    app: App,
    updates: Arc<Updates>,
}

impl World {
    fn new(class: &str) -> Self {
        let sim = Arc::new(Sim::new(&application(class), beginning()));
        let updates = Arc::new(Updates::default());
        let app = app(&sim, application(class), Arc::clone(&updates) as _);
        Self { sim, app, updates }
    }

    fn fleet(&self, name: &str) -> Fleet {
        self.app.application.fleet(&name.parse().unwrap()).unwrap().clone()
    }

    /// The release of a commit that touches these folders.
    async fn merge(&self, number: u64, touched: &[(&str, &[Fault])]) -> Release {
        self.sim.world().commit(touched);
        let (id, event) = (commit(number).parse().unwrap(), Some::<GitHubEvent>(push(number)));
        let context = Context { event, run_number: number, ..Context::default() };
        let source = Commit { commit: commit(number).parse().unwrap(), branch: "main".to_owned(), run_number: number };
        act(&Command::Build(source), &self.app, &context).await;
        self.app.readers.ledger.release_of(&id).await.unwrap().unwrap()
    }

    async fn deploy(&self, fleet: &str, release: &Release) -> Result<Outcome, Stop> {
        promote(&self.app, &self.fleet(fleet), release, None, None).await
    }

    async fn plan(&self, fleet: &str, release: &Release) -> Plan {
        let (readers, application) = (&self.app.readers, &self.app.application);
        plan::plan(readers, application, &self.fleet(fleet), release, Direction::Deploy).await.unwrap()
    }

    /// How often each image of a task was started for a set.
    fn starts(&self) -> BTreeMap<(ServiceKey, ImageDigest), usize> {
        let mut starts = BTreeMap::new();
        for (key, digest, ..) in self.sim.world().task_starts() {
            *starts.entry((key.clone(), digest.unwrap().clone())).or_default() += 1;
        }
        starts
    }

    fn answers(&self, tenant: &str) -> Option<Version> {
        let dev = self.fleet("dev");
        let set = dev.sets.iter().find(|set| set.id.as_str() == tenant).unwrap();
        self.sim.world().answers(&set.host, &ServiceKey::new(&set.id, &"api".parse().unwrap()))
    }

    /// No service was touched before the task of its set had ended.
    fn tasks_came_first(&self) {
        let world = self.sim.world();
        for (at, service) in self.updates.0.lock().unwrap().iter() {
            let of_set = world.task_starts().filter(|(key, ..)| key.set == service.set);
            for (key, _, began, done) in of_set.filter(|(_, _, began, _)| began <= at) {
                assert!(done <= *at, "{service} was updated at {at}, and {key} ran from {began} to {done}");
            }
        }
    }
}

fn code(result: Result<Outcome, Stop>) -> String {
    match result {
        Err(Stop::Refused(reasons)) => reasons[0].code(),
        Ok(Outcome { end: Some(End::Held(reason) | End::Halted { reason, .. }), .. }) => reason.code(),
        other => panic!("{other:?}"),
    }
}

fn fails(kind: FaultKind, tenant: Option<&str>) -> Fault {
    Fault { kind, fleet: None, tenant: tenant.map(|name| name.parse().unwrap()) }
}

#[tokio::test]
async fn a_task_runs_once_for_each_set_and_image_and_before_what_serves() {
    let world = World::new("expand");
    let first = world.merge(1, &[("migration", &[]), ("api", &[])]).await;
    assert_eq!(world.deploy("dev", &first).await.unwrap().end, Some(End::Succeeded));
    assert_eq!(world.starts().len(), 3);
    let second = world.merge(2, &[("api", &[])]).await;
    assert_eq!(world.deploy("dev", &second).await.unwrap().end, Some(End::Succeeded));
    assert_eq!(world.starts().len(), 3, "its image is the same");
    let third = world.merge(3, &[("migration", &[])]).await;
    assert_eq!(world.deploy("dev", &third).await.unwrap().end, Some(End::Succeeded), "a migration alone");
    assert_eq!(world.starts().len(), 6);
    assert!(world.starts().values().all(|times| *times == 1), "{:?}", world.starts());
    world.tasks_came_first();
}

#[tokio::test]
async fn a_task_that_fails_leaves_its_tenant_untouched_and_the_wave_goes_back() {
    let world = World::new("expand");
    let first = world.merge(1, &[("migration", &[]), ("api", &[])]).await;
    world.deploy("dev", &first).await.unwrap();
    let fault = [fails(FaultKind::TaskFails, Some("hooli"))];
    let second = world.merge(2, &[("migration", &fault), ("api", &[])]).await;
    let outcome = world.deploy("dev", &second).await.unwrap();
    let rollback = outcome.rollback.as_deref().unwrap();
    assert_eq!((rollback.end.clone(), outcome.no_way_back.clone()), (Some(End::Succeeded), None));
    assert_eq!(code(Ok(outcome)), "task_failed");
    assert_eq!(world.answers("hooli"), Some(first.version));
    // The same release again: what has succeeded is not repeated, what has failed is.
    assert_eq!(code(world.deploy("dev", &second).await), "task_failed");
    for ((key, _), times) in world.starts() {
        assert!(times == 1 || key.set.as_str() == "hooli", "{key} ran {times} times");
    }
    world.tasks_came_first();
}

#[tokio::test]
async fn a_failure_after_a_contract_takes_nothing_back_and_says_so() {
    let world = World::new("contract");
    let first = world.merge(1, &[("migration", &[]), ("api", &[])]).await;
    world.deploy("dev", &first).await.unwrap();
    let second = world.merge(2, &[("migration", &[]), ("api", &[fails(FaultKind::Answers500, None)])]).await;
    let told = render::plan(&world.plan("dev", &second).await);
    assert!(told.contains("runs once, migration class contract"), "{told}");
    assert!(told.contains("way back: NONE once wave 1/2 wave 1 has begun: 3 migrations do not allow it"), "{told}");
    let outcome = world.deploy("dev", &second).await.unwrap();
    assert_eq!(outcome.no_way_back.as_ref().map(|reason| reason.code()).as_deref(), Some("migration_in_the_way"));
    assert_eq!((Exit::of_outcome(&outcome), outcome.rollback.is_none()), (Exit::RollbackFailed, true));
    let told = render::outcome(&outcome);
    assert!(told.contains("NOTHING WAS TAKEN BACK, and a person must act"), "{told}");
    assert_eq!(code(Ok(outcome)), "probe_failed");

    let dev = world.fleet("dev");
    for back in [Back::Last, Back::To(first.version.clone())] {
        assert_eq!(code(rollback(&world.app, &dev, &back, "ana", "broken").await), "migration_in_the_way");
    }
    assert_eq!(world.app.readers.ledger.decided(&dev.name).await.unwrap(), [], "no hold: nothing was begun");
    assert_eq!(code(go_on(&world.app, &dev).await), "migration_in_the_way");
    let third = world.merge(3, &[("api", &[])]).await;
    assert_eq!(world.deploy("dev", &third).await.unwrap().end, Some(End::Succeeded), "forward is open");
    assert_eq!(world.answers("acme"), Some(third.version));
}

#[tokio::test]
async fn one_goes_back_over_expands_without_running_them_and_never_over_a_contract() {
    let mut world = World::new("expand");
    let first = world.merge(1, &[("migration", &[]), ("api", &[])]).await;
    world.deploy("dev", &first).await.unwrap();
    let second = world.merge(2, &[("migration", &[]), ("api", &[])]).await;
    world.deploy("dev", &second).await.unwrap();
    let back = rollback(&world.app, &world.fleet("dev"), &Back::To(first.version.clone()), "ana", "slow").await;
    assert_eq!(back.unwrap().end, Some(End::Succeeded));
    assert_eq!((world.answers("acme"), world.starts().len()), (Some(first.version.clone()), 6), "no task ran");

    let dev = world.fleet("dev");
    record(&world.app, &dev.name, "ana", "mended", Directive::Unhold).await.unwrap();
    world.app.application = Arc::new(application("contract"));
    let third = world.merge(3, &[("migration", &[])]).await;
    assert_eq!(world.deploy("dev", &third).await.unwrap().end, Some(End::Succeeded));
    world.app.application = Arc::new(application("expand"));
    let fourth = world.merge(4, &[("migration", &[]), ("api", &[])]).await;
    assert_eq!(world.deploy("dev", &fourth).await.unwrap().end, Some(End::Succeeded));
    assert_eq!(
        code(rollback(&world.app, &dev, &Back::To(first.version), "ana", "slow").await),
        "migration_in_the_way",
        "the contract lies between"
    );
    assert_eq!(rollback(&world.app, &dev, &Back::Last, "ana", "slow").await.unwrap().end, Some(End::Succeeded));
}

#[tokio::test]
async fn a_fleet_that_skips_a_contract_gets_it_all_the_same_and_its_plan_says_so() {
    let mut world = World::new("expand");
    let first = world.merge(1, &[("migration", &[]), ("api", &[])]).await;
    world.deploy("dev", &first).await.unwrap();
    world.deploy("prod", &first).await.unwrap();
    world.app.application = Arc::new(application("contract"));
    let second = world.merge(2, &[("migration", &[])]).await;
    world.deploy("dev", &second).await.unwrap();
    world.app.application = Arc::new(application("expand"));
    let third = world.merge(3, &[("migration", &[])]).await;
    world.deploy("dev", &third).await.unwrap();
    assert!(world.plan("dev", &third).await.is_empty());
    let told = render::plan(&world.plan("prod", &third).await);
    assert!(told.contains("migration class contract"), "{told}");
}

/// A release whose process is killed at a write, and which is taken up after a while.
async fn killed_at(write: usize, written: bool, away: SignedDuration) -> (World, Outcome) {
    let world = World::new("expand");
    let release = world.merge(1, &[("migration", &[]), ("api", &[])]).await;
    let ended = promote(&ends_at(&world.app, write, written), &world.fleet("dev"), &release, None, None).await;
    assert!(matches!(ended, Err(Stop::Port(_))), "{ended:?}");
    world.sim.world().advance(away);
    let outcome = go_on(&world.app, &world.fleet("dev")).await.unwrap();
    (world, outcome)
}

#[tokio::test]
async fn a_process_that_is_killed_between_a_tasks_end_and_its_record_repeats_nothing() {
    // The first write says that the wave begins, the second that its tasks are done.
    let (world, outcome) = killed_at(2, false, SignedDuration::from_mins(10)).await;
    assert_eq!(outcome.end, Some(End::Succeeded));
    assert!(world.starts().values().all(|times| *times == 1), "{:?}", world.starts());
    world.tasks_came_first();
}

#[tokio::test]
async fn what_nobody_can_tell_any_more_waits_for_a_person() {
    for away in [SignedDuration::from_hours(2), SignedDuration::from_hours(30)] {
        let (world, outcome) = killed_at(2, false, away).await;
        assert_eq!(code(Ok(outcome)), "gate_unknown");
        assert!(world.starts().values().all(|times| *times == 1), "{:?}", world.starts());
        assert_eq!(world.updates.0.lock().unwrap().len(), 0, "nothing that serves was touched");
    }
    let (world, outcome) = killed_at(2, true, SignedDuration::from_hours(30)).await;
    assert_eq!(outcome.end, Some(End::Succeeded), "what is on record need not be remembered");
    assert!(world.starts().values().all(|times| *times == 1));
}

#[tokio::test]
async fn a_lost_answer_starts_no_second_task() {
    let world = World::new("expand");
    let release = world.merge(1, &[("migration", &[]), ("api", &[])]).await;
    let outcome = promote(&deaf(&world.app, 1, true), &world.fleet("dev"), &release, None, None).await.unwrap();
    assert_eq!(outcome.end, Some(End::Succeeded));
    assert!(world.starts().values().all(|times| *times == 1), "{:?}", world.starts());
    assert_eq!(world.starts().len(), 3);
}

#[tokio::test]
async fn a_task_that_runs_when_the_job_ends_is_found_by_the_next_job() {
    let world = World::new("expand");
    let release = world.merge(1, &[("migration", &[]), ("api", &[])]).await;
    let mut short = world.app.clone();
    short.hand_over_at = Some(world.sim.world().now + SignedDuration::from_secs(20));
    let held = promote(&short, &world.fleet("dev"), &release, None, None).await;
    assert_eq!(code(held), "handed_over");
    assert_eq!(world.starts().len(), 1);
    assert_eq!(go_on(&world.app, &world.fleet("dev")).await.unwrap().end, Some(End::Succeeded));
    assert!(world.starts().values().all(|times| *times == 1), "{:?}", world.starts());
    world.tasks_came_first();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn wherever_a_process_is_killed_no_task_runs_twice_and_none_comes_late(
        write in 1usize..7, written in any::<bool>(), hours in 0i64..40,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (world, outcome) = killed_at(write, written, SignedDuration::from_hours(hours)).await;
            let told = match &outcome.end {
                Some(End::Succeeded) => "succeeded".to_owned(),
                _ => code(Ok(outcome)),
            };
            assert!(["succeeded", "gate_unknown"].contains(&told.as_str()), "{told}");
            assert!(world.starts().values().all(|times| *times == 1), "{:?}", world.starts());
            world.tasks_came_first();
        });
    }
}
