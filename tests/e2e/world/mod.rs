//! The world the scenarios play in: two accounts, five tenants, 25 running services.
//!
//! It stands for what exists before tidegate's first day: Terraform has built clusters, load
//! balancers and services, and everything runs a bootstrap image. Reading order: `layout` (who
//! lives here), `cell` and `tenancy` (what is built), `image` (what they run), `answer` (what
//! they say), `proxy` (what tidegate was heard to ask), `tidegate` (the tool itself).

mod answer;
mod autoscaler;
mod cell;
mod chance;
mod control_plane;
mod door;
mod faults;
mod fleet_file;
mod front;
mod image;
mod layout;
mod observe;
mod payload;
mod problem;
mod proxy;
mod repository;
mod router;
mod service_events;
mod sessions;
mod target_health;
mod tenancy;
mod tidegate;
mod workflow;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use answer::Answer;
pub(crate) use cell::Cell;
pub(crate) use chance::{Chance, seed};
pub(crate) use control_plane::{ControlPlane, ROUTING_KEY};
pub(crate) use fleet_file::Shape;
pub(crate) use image::{Image, Workshop};
use layout::SMOKE_SOURCE;
pub(crate) use layout::{CONTROL_PLANE, COORDINATORS, DEV, Fleet, PROD, Place, SERVICES, SMOKE};
pub(crate) use observe::{Observation, watch};
pub(crate) use problem::{Problem, Result, Trying};
pub(crate) use proxy::Call;
pub(crate) use repository::{MAINTAINER, Repository, TRIAGER};
pub(crate) use router::Router;
pub(crate) use tidegate::{Signal, Tidegate};
pub(crate) use workflow::{Job, Ran, expect_code};

use crate::story::Story;

/// What every service runs before the first release.
pub(crate) const BOOTSTRAP: &str = "0.0.0-bootstrap";
const ANSWER_SECONDS_MAX: u64 = 60;
const POLL: Duration = Duration::from_millis(200);

/// Both cells and the one registry, which lives in dev's.
pub(crate) struct World {
    pub(crate) dev: Cell,
    pub(crate) prod: Cell,
    pub(crate) images: Workshop,
    bootstrap: BTreeMap<&'static str, Image>,
    work: PathBuf,
}

impl World {
    /// Builds everything and returns when all 25 services answer.
    pub(crate) async fn create(story: &mut Story) -> Result<Self> {
        let work = PathBuf::from(environment("TIDEGATE_E2E_WORK")?);
        let dev = Cell::connect(&DEV, &environment("TIDEGATE_E2E_DEV_URL")?).await?;
        let prod = Cell::connect(&PROD, &environment("TIDEGATE_E2E_PROD_URL")?).await?;
        let images = Workshop::new(dev.registry(), &work)?;
        let bootstrap = publish_bootstrap(&dev, &images).await?;
        story.step("five bootstrap images pushed");
        tokio::try_join!(populate(&dev, &bootstrap), populate(&prod, &bootstrap))?;
        story.step("two clusters, two load balancers, 25 services created");
        let world = Self { dev, prod, images, bootstrap, work };
        for place in world.places() {
            world.wait_for(place, BOOTSTRAP).await?;
        }
        story.step("all 25 services answer");
        Ok(world)
    }

    pub(crate) fn cell(&self, fleet: &Fleet) -> &Cell {
        if *fleet == DEV { &self.dev } else { &self.prod }
    }

    /// All places of both fleets.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        DEV.places().chain(PROD.places())
    }

    /// What the place's customers get.
    pub(crate) async fn answer(&self, place: Place) -> Result<Answer> {
        self.cell(place.fleet).answer(place).await
    }

    /// Every place with its answer.
    pub(crate) async fn answers(&self) -> Result<Vec<(Place, Answer)>> {
        let mut answers = Vec::new();
        for place in self.places() {
            answers.push((place, self.answer(place).await?));
        }
        Ok(answers)
    }

    /// Waits until the place answers 200 with `version` and its rollout is over: while it lasts,
    /// old and new tasks answer in turn.
    pub(crate) async fn wait_for(&self, place: Place, version: &str) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(ANSWER_SECONDS_MAX);
        loop {
            let answer = self.answer(place).await;
            let there = answer.as_ref().is_ok_and(|answer| answer.is(200, version));
            if there && self.cell(place.fleet).is_settled(place).await? {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Problem::new(format!("{place} does not settle on {version}: {answer:?}")));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Puts every place that no longer answers with the bootstrap version back on it, so that a
    /// scenario need not know which ones ran before it. Returns how many there were.
    pub(crate) async fn restore(&self) -> Result<usize> {
        let mut moved = Vec::new();
        for place in self.places() {
            if !self.answer(place).await.is_ok_and(|answer| answer.is(200, BOOTSTRAP)) {
                self.cell(place.fleet).update(place, &self.bootstrap[place.service.name]).await?;
                moved.push(place);
            }
        }
        for place in &moved {
            self.wait_for(*place, BOOTSTRAP).await?;
        }
        self.dev.forget_calls();
        self.prod.forget_calls();
        Ok(moved.len())
    }

    /// A task definition for a smoke test, as Terraform would make it.
    pub(crate) async fn smoke_test_of(&self, fleet: &'static Fleet, tenant: &'static str) -> Result<()> {
        let place = Place { fleet, tenant, service: &SMOKE };
        self.cell(fleet).register(place, &self.bootstrap[SMOKE_SOURCE.name]).await.map(drop)
    }

    /// The bootstrap image of the first service.
    pub(crate) fn first_image(&self) -> &Image {
        &self.bootstrap[SERVICES[0].name]
    }

    /// A file of this run that people may want to read afterwards.
    pub(crate) fn save(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.work.join(name);
        let folder = path.parent().trying(name)?;
        std::fs::create_dir_all(folder).trying(folder.display())?;
        std::fs::write(&path, text).trying(path.display())?;
        Ok(path)
    }
}

/// The repositories and the first image in each.
async fn publish_bootstrap(dev: &Cell, workshop: &Workshop) -> Result<BTreeMap<&'static str, Image>> {
    let mut images = BTreeMap::new();
    for service in &SERVICES {
        dev.ensure_repository(&service.repository()).await?;
        images.insert(service.name, workshop.push(service, BOOTSTRAP, "").await?);
    }
    Ok(images)
}

async fn populate(cell: &Cell, images: &BTreeMap<&'static str, Image>) -> Result<()> {
    cell.create_cluster().await?;
    let mut listener = cell.create_listener().await?;
    for place in cell.fleet.places() {
        let group = match place.service.traffic {
            true => Some(cell.create_route(&mut listener, place).await?),
            false => None,
        };
        let revision = cell.register(place, &images[place.service.name]).await?;
        cell.create_service(place, &revision, group.as_deref()).await?;
    }
    Ok(())
}

fn environment(name: &str) -> Result<String> {
    std::env::var(name).trying(format!("{name} (start the tests with tests/e2e/run)"))
}
