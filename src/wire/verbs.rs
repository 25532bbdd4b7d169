//! The verbs against each other on a simulated world: what one leaves open, held or taken back, the next one meets.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::simulated::{app, beginning, commit, push};
use crate::adapters::sim::{Fault, FaultKind, Sim};
use crate::app::App;
use crate::app::decisions::{abort, record};
use crate::app::drive::End;
use crate::app::finalize::{Left, finalize};
use crate::app::go_on::go_on;
use crate::app::lease::Lease;
use crate::app::pause::{Wish, pause, resume};
use crate::app::promote::promote;
use crate::app::rollback::{Back, rollback};
use crate::app::rollout::Outcome;
use crate::app::{Stop, plan};
use crate::cli::args::Command;
use crate::cli::context::Context;
use crate::cli::progress::Silent;
use crate::cli::run::act;
use crate::domain::approved::ApprovedPlan;
use crate::domain::directive::Directive;
use crate::domain::fleet::Fleet;
use crate::domain::ids::{ServiceKey, Version};
use crate::domain::ledger::RolloutId;
use crate::domain::manifest::{Source, read};
use crate::domain::plan::Direction;
use crate::domain::release::Release;

const FLEET: &[u8] = include_bytes!("../../fleet.yaml");

/// A simulated AccessOS at nine in the morning, with one release soaked in dev.
struct World {
    sim: Arc<Sim>,
    app: App,
}

impl World {
    async fn new() -> Self {
        let file = Source { name: "fleet.yaml".to_owned(), bytes: FLEET.to_vec() };
        let application = read(&[file]).unwrap();
        let sim = Arc::new(Sim::new(&application, beginning()));
        let app = app(&sim, application, Arc::new(Silent));
        let world = Self { sim, app };
        world.merge(1, &[]).await;
        world
    }

    fn prod(&self) -> &Fleet {
        self.app.application.fleet(&"prod".parse().unwrap()).unwrap()
    }

    /// A commit that changes iam-service, merged, and soaked in dev.
    async fn merge(&self, number: u64, faults: &[Fault]) {
        self.sim.world().commit(&[("services/iam", faults)]);
        let context = Context { event: Some(push(number)), run_number: number, ..Context::default() };
        act(&Command::Ci { approved_plan: None, fleet: None }, &self.app, &context).await;
        self.wait(SignedDuration::from_mins(31));
    }

    fn wait(&self, time: SignedDuration) {
        self.sim.world().advance(time);
    }

    async fn release(&self, number: u64) -> Release {
        let commit = commit(number).parse().unwrap();
        self.app.readers.ledger.release_of(&commit).await.unwrap().unwrap()
    }

    /// Promotes the release of a commit to prod, with the approval of whatever the plan is now.
    async fn promote(&self, number: u64) -> Result<Outcome, Stop> {
        let release = self.release(number).await;
        let planned =
            plan::plan(&self.app.readers, &self.app.application, self.prod(), &release, Direction::Deploy).await?;
        promote(
            &self.app,
            self.prod(),
            &release,
            Some(&ApprovedPlan::on_the_command_line(planned.hash(), "ana", Timestamp::UNIX_EPOCH)),
            None,
        )
        .await
    }

    /// The version that a tenant of prod answers.
    fn answers(&self, tenant: &str) -> Option<Version> {
        let set = self.prod().sets.iter().find(|set| set.id.as_str() == tenant).unwrap();
        let service = ServiceKey::new(&set.id, &"iam-service".parse().unwrap());
        self.sim.world().answers(&set.host, &service)
    }

    async fn newest(&self) -> RolloutId {
        self.app.readers.ledger.rollouts(&self.prod().name).await.unwrap()[0].id
    }
}

fn code(result: Result<Outcome, Stop>) -> String {
    match result {
        Err(Stop::Refused(reasons)) => reasons[0].code(),
        Ok(Outcome { end: Some(End::Held(reason) | End::Halted { reason, .. }), .. }) => reason.code(),
        other => panic!("{other:?}"),
    }
}

/// Prod with a rollout of commit 1 that is held after its canary, because the window has closed.
async fn held_at_the_window() -> World {
    let world = World::new().await;
    world.wait(SignedDuration::from_hours(5));
    assert_eq!(code(world.promote(1).await), "outside_window");
    world.wait(SignedDuration::from_hours(18));
    world
}

#[tokio::test]
async fn the_same_wish_goes_on_with_what_is_open() {
    let world = held_at_the_window().await;
    let open = world.newest().await;
    let release = world.release(1).await;
    let approved = world.app.readers.ledger.rollouts(&world.prod().name).await.unwrap()[0].intent.plan.clone();
    let outcome = promote(
        &world.app,
        world.prod(),
        &release,
        Some(&ApprovedPlan::on_the_command_line(approved.clone(), "ana", Timestamp::UNIX_EPOCH)),
        None,
    )
    .await
    .unwrap();
    assert_eq!((outcome.end, world.newest().await), (Some(End::Succeeded), open), "no second rollout");
}

#[tokio::test]
async fn a_newer_release_takes_the_place_of_one_that_waits() {
    let world = held_at_the_window().await;
    let open = world.newest().await;
    world.merge(2, &[]).await;
    assert_eq!(world.promote(2).await.unwrap().end, Some(End::Succeeded));
    let rollouts = world.app.readers.ledger.rollouts(&world.prod().name).await.unwrap();
    let old = rollouts.iter().find(|record| record.id == open).unwrap();
    assert!(format!("{:?}", old.standing()).contains("Superseded"), "{:?}", old.standing());
    let newer = world.release(2).await;
    assert_eq!(world.answers("globex"), Some(newer.version));
}

#[tokio::test]
async fn an_abort_leaves_everything_and_its_rollout_can_still_be_taken_back() {
    let world = held_at_the_window().await;
    let release = world.release(1).await;
    let ended = abort(&world.app, world.prod(), "ana", "enough").await.unwrap();
    assert_eq!(world.answers("globex"), Some(release.version), "the canary stays");
    assert_eq!(code(world.promote(1).await), "on_hold");
    let back = rollback(&world.app, world.prod(), &Back::Of(ended), "ana", "after all").await.unwrap();
    assert_eq!(back.end, Some(End::Succeeded));
    assert_eq!(world.answers("globex"), Some(Version::unrecorded()));
}

#[tokio::test]
async fn a_rollback_is_taken_back_by_its_number_only() {
    let world = World::new().await;
    assert_eq!(world.promote(1).await.unwrap().end, Some(End::Succeeded));
    world.wait(SignedDuration::from_hours(20));
    world.merge(2, &[]).await;
    assert_eq!(world.promote(2).await.unwrap().end, Some(End::Succeeded));
    let (first, second) = (world.release(1).await.version, world.release(2).await.version);
    rollback(&world.app, world.prod(), &Back::Last, "ana", "slow").await.unwrap();
    assert_eq!(world.answers("stark"), Some(first.clone()));
    let wrong = world.newest().await;
    rollback(&world.app, world.prod(), &Back::Of(wrong), "ana", "it was the network").await.unwrap();
    assert_eq!(world.answers("stark"), Some(second));
    rollback(&world.app, world.prod(), &Back::To(first.clone()), "ana", "no, it was not").await.unwrap();
    assert_eq!(world.answers("stark"), Some(first));
}

#[tokio::test]
async fn inv_15_a_version_that_failed_is_no_way_back() {
    let world = World::new().await;
    assert_eq!(world.promote(1).await.unwrap().end, Some(End::Succeeded));
    world.wait(SignedDuration::from_hours(20));
    let broken = Fault { kind: FaultKind::Answers500, fleet: "prod".parse().ok(), tenant: None };
    world.merge(2, &[broken]).await;
    assert_eq!(code(world.promote(2).await), "probe_failed");
    let failed = world.release(2).await.version;
    let back = rollback(&world.app, world.prod(), &Back::To(failed), "ana", "try").await;
    assert_eq!(code(back), "no_such_release", "it never succeeded there");
    assert_eq!(code(world.promote(2).await), "failed_before");
    let version = world.release(2).await.version;
    let clear = Directive::ClearBad { version };
    record(&world.app, &world.prod().name, "ana", "the probe was wrong", clear).await.unwrap();
    world.wait(SignedDuration::from_mins(1));
    assert_eq!(code(world.promote(2).await), "probe_failed", "it may be tried again");
}

#[tokio::test]
async fn what_is_paused_meanwhile_gets_no_change_and_what_was_paused_comes_back_as_it_was() {
    let world = World::new().await;
    let sets = BTreeSet::from(["stark".parse().unwrap()]);
    let wish = Wish { sets: &sets, by: "ana", why: "trial ended", until: None };
    assert_eq!(pause(&world.app, world.prod(), &wish).await.unwrap(), 1);
    assert_eq!(world.answers("stark"), None);
    assert_eq!(pause(&world.app, world.prod(), &wish).await.unwrap(), 1, "twice is once");
    assert_eq!(world.promote(1).await.unwrap().end, Some(End::Succeeded));
    let outcomes = resume(&world.app, world.prod(), &wish).await.unwrap();
    assert_eq!(outcomes[0].end, Some(End::Succeeded));
    assert_eq!(world.answers("stark"), Some(world.release(1).await.version), "at the fleet's release");
}

#[tokio::test]
async fn somebody_elses_change_of_a_sleeping_service_stops_its_waking() {
    let world = World::new().await;
    let sets = BTreeSet::from(["stark".parse().unwrap()]);
    let wish = Wish { sets: &sets, by: "ana", why: "trial ended", until: None };
    pause(&world.app, world.prod(), &wish).await.unwrap();
    let key = "stark/iam-service".to_owned().try_into().unwrap();
    world.sim.world().scale_by_hand(&world.prod().name, &key, 7);
    match resume(&world.app, world.prod(), &wish).await {
        Err(Stop::Refused(reasons)) => assert_eq!(reasons[0].code(), "not_as_paused"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn finalize_lets_go_of_its_own_runs_lease_and_of_no_other() {
    let mut world = World::new().await;
    let fleet = world.prod().clone();
    world.app.owner.run = Some(7);
    let held = Lease::take(&world.app, &fleet.name, "promote").await.unwrap();
    drop(held);
    world.app.owner.run = Some(8);
    assert_eq!(finalize(&world.app, &fleet).await.unwrap(), Left::Nothing);
    world.app.owner.run = Some(7);
    assert_eq!(finalize(&world.app, &fleet).await.unwrap(), Left::Released(None));
    assert_eq!(finalize(&world.app, &fleet).await.unwrap(), Left::Nothing);
}

#[tokio::test]
async fn nothing_open_is_nothing_to_go_on_with() {
    let world = World::new().await;
    assert_eq!(code(go_on(&world.app, world.prod()).await), "nothing_to_continue");
}
