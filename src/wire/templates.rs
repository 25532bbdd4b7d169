//! A change of Terraform's templates from its manifest to the fleet and back, on a simulated world with the fleets of
//! this repository.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::simulated::{app, beginning, push};
use crate::adapters::sim::Sim;
use crate::app::drive::End;
use crate::app::promote::promote;
use crate::app::rollback::{Back, rollback};
use crate::app::rollout::Outcome;
use crate::app::{App, Stop, plan};
use crate::cli::args::Command;
use crate::cli::context::Context;
use crate::cli::progress::Silent;
use crate::cli::render;
use crate::cli::run::act;
use crate::domain::approved::ApprovedPlan;
use crate::domain::fleet::Fleet;
use crate::domain::ids::{ServiceKey, SetId};
use crate::domain::manifest::{Source, read};
use crate::domain::plan::{Direction, Plan};
use crate::domain::release::Release;

const FLEET: &str = include_str!("../../fleet.yaml");

struct World {
    sim: Arc<Sim>,
    app: App,
}

impl World {
    /// Everybody runs one release, and Terraform gives iam-service of prod more memory.
    async fn changed() -> Self {
        let application = read(&[Source { name: "fleet.yaml".to_owned(), bytes: FLEET.into() }]).unwrap();
        let sim = Arc::new(Sim::new(&application, beginning()));
        let app = app(&sim, application, Arc::new(Silent));
        let world = Self { sim, app };
        world.sim.world().commit(&[("services/iam", &[])]);
        let context = Context { event: Some(push(1)), run_number: 1, ..Context::default() };
        act(&Command::Ci { approved_plan: None, fleet: None }, &world.app, &context).await;
        world.sim.world().advance(SignedDuration::from_mins(31));
        assert_eq!(world.promote().await.unwrap().end, Some(End::Succeeded));
        assert!(world.plan().await.unwrap().is_empty());
        world.sim.world().advance(SignedDuration::from_hours(24));
        world.more_memory("1024");
        world
    }

    fn more_memory(&self, memory: &str) -> usize {
        let iam = |service: &ServiceKey| service.service.as_str() == "iam-service";
        self.sim.world().change_templates(&self.app.application, self.prod(), iam, "memory", &memory.into())
    }

    fn prod(&self) -> &Fleet {
        self.app.application.fleet(&"prod".parse().unwrap()).unwrap()
    }

    async fn release(&self) -> Release {
        let rollouts = self.app.readers.ledger.rollouts(&"dev".parse().unwrap()).await.unwrap();
        self.app.readers.ledger.release(&rollouts[0].intent.version).await.unwrap().unwrap()
    }

    async fn plan(&self) -> Result<Plan, Stop> {
        let (readers, release) = (&self.app.readers, self.release().await);
        plan::plan(readers, &self.app.application, self.prod(), &release, Direction::Deploy).await
    }

    async fn promote(&self) -> Result<Outcome, Stop> {
        let (planned, release) = (self.plan().await?, self.release().await);
        promote(
            &self.app,
            self.prod(),
            &release,
            Some(&ApprovedPlan::on_the_command_line(planned.hash(), "ana", Timestamp::UNIX_EPOCH)),
            None,
        )
        .await
    }

    fn calls(&self, name: &str) -> u64 {
        self.sim.world().calls.get(name).copied().unwrap_or_default()
    }
}

#[tokio::test]
async fn a_template_change_goes_through_the_waves_of_a_release_and_then_there_is_nothing_left() {
    let world = World::changed().await;
    let reads = world.calls("S3 GetObject");
    let planned = world.plan().await.unwrap();
    let sets = world.prod().sets.len() as u64;
    assert!(world.calls("S3 GetObject") - reads <= sets, "one read a set at most");
    assert!(
        planned.waves.len() > 2 && planned.changes().all(|change| change.service.service.as_str() == "iam-service")
    );
    let said = render::plan(&planned);
    let tenants = "globex, wayne, cyberdyne, stark, tyrell, umbrella, wonka";
    let line = said.lines().find(|line| line.starts_with("configuration of iam-service for ")).unwrap();
    assert!(line.ends_with(": memory 512 -> 1024"), "{line}");
    assert!(tenants.split(", ").all(|tenant| line.contains(tenant)), "{line}");
    assert_eq!(said.matches("configuration of ").count(), 1, "one line for all: {said}");
    assert!(
        said.lines().any(|line| line.trim_start().starts_with("globex/iam-service") && line.ends_with("configuration")),
        "{said}"
    );
    assert_eq!(world.promote().await.unwrap().end, Some(End::Succeeded));
    assert!(world.plan().await.unwrap().is_empty());
    let updates = world.calls("ECS UpdateService");
    world.sim.world().advance(SignedDuration::from_mins(5));
    assert_eq!(world.promote().await.unwrap().end, None);
    assert_eq!(world.calls("ECS UpdateService"), updates);
}

#[tokio::test]
async fn inv_24_an_approval_is_of_the_templates_too() {
    let world = World::changed().await;
    let (approved, release) = (world.plan().await.unwrap().hash(), world.release().await);
    world.more_memory("2048");
    let Err(Stop::Refused(reasons)) = promote(
        &world.app,
        world.prod(),
        &release,
        Some(&ApprovedPlan::on_the_command_line(approved.clone(), "ana", Timestamp::UNIX_EPOCH)),
        None,
    )
    .await
    else {
        panic!("it went on")
    };
    assert_eq!(reasons[0].code(), "stale_plan");
}

#[tokio::test]
async fn a_template_change_is_taken_back_by_the_revision_before_and_then_planned_anew() {
    let world = World::changed().await;
    assert_eq!(world.promote().await.unwrap().end, Some(End::Succeeded));
    // The bucket is of no use any more, and nobody needs it to go back.
    world.sim.world().edit_manifest(&world.prod().name, &"globex".parse().unwrap(), |body| *body = "x".into());
    let back = rollback(&world.app, world.prod(), &Back::Last, "ben", "too dear").await.unwrap();
    assert_eq!(back.end, Some(End::Succeeded));
    let Err(Stop::Refused(reasons)) = world.plan().await else { panic!("it is no manifest") };
    assert_eq!((reasons.len(), reasons[0].code().as_str()), (1, "bad_manifest"), "{reasons:?}");
    assert!(
        reasons[0].to_string().starts_with("the manifest of globex: it does not say of which schema it is"),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn inv_09_one_manifest_that_cannot_be_used_stops_the_plan_by_name() {
    let world = World::changed().await;
    let set: SetId = "wayne".parse().unwrap();
    let spoil = |edit: fn(&mut serde_json::Value)| world.sim.world().edit_manifest(&world.prod().name, &set, edit);
    let refused = async || match world.plan().await {
        Err(Stop::Refused(reasons)) => reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        other => panic!("{other:?}"),
    };
    spoil(|body| body["services"]["iam-service"]["template"]["body"] = "{}".into());
    assert!(
        refused().await.contains("wayne: iam-service: its template does not have the SHA-256"),
        "{}",
        refused().await
    );
    spoil(|body| body["schema"] = 7.into());
    assert_eq!(refused().await, "the manifest of wayne: it is of schema 7, and this tidegate reads 1");
}
