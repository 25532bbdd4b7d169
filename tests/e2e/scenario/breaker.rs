//! What ECS says while broken images are rolled out: recorded, because tidegate must read it.
//!
//! Three ways to be broken. An image that crashes at start and one that cannot be pulled are seen
//! by the circuit breaker, which goes back by itself. The third runs and answers 500, which the
//! emulator's ECS takes for success (real ECS asks the load balancer): tidegate must find it.

use std::time::Duration;

use serde_json::Value;

use crate::story::Story;
use crate::world::{BOOTSTRAP, Image, Observation, PROD, Place, Problem, Result, Trying, World, watch};

const QUIET: Duration = Duration::from_secs(4);
const LONGEST: Duration = Duration::from_secs(60);

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let place = PROD.place("globex", "iam-service");
    let crashing = world.images.push(place.service, "0.2.0", "crash-at-start fleet=prod").await?;
    roll_out(story, world, place, &crashing, "crash-at-start").await?;
    expect(world, place, 200, BOOTSTRAP).await?;

    let place = PROD.place("initech", "discovery-service");
    let (repository, _) = crashing.reference.split_once('@').trying("repository of an image")?;
    let missing = Image { reference: format!("{repository}@sha256:{}", "0".repeat(64)), ..crashing.clone() };
    roll_out(story, world, place, &missing, "cannot-pull").await?;
    expect(world, place, 200, BOOTSTRAP).await?;

    let place = PROD.place("globex", "audit-service");
    let sick = world.images.push(place.service, "0.2.0", "never-healthy fleet=prod").await?;
    roll_out(story, world, place, &sick, "never-healthy").await?;
    expect(world, place, 500, "0.2.0").await
}

async fn roll_out(story: &mut Story, world: &World, place: Place, image: &Image, name: &str) -> Result<()> {
    let before = primary(world, place).await?;
    let ours = world.cell(place.fleet).update(place, image).await?;
    story.step(&format!("{place}, {name}: PRIMARY was {before}, UpdateService answers {ours}"));
    let seen = watch(world.cell(place.fleet), place, QUIET, LONGEST).await?;
    tell(story, world, name, &seen)?;
    let stopped = world.cell(place.fleet).tasks(place, "STOPPED").await?;
    world.save(&format!("observed/{name}-stopped-tasks.json"), &format!("{:#}\n", Value::from(stopped)))?;
    let after = primary(world, place).await?;
    story.step(&format!("{place}, {name}: PRIMARY is now {after}"));
    Ok(())
}

/// Prints what was seen and keeps it whole in `observed/<name>.json`.
pub(super) fn tell(story: &mut Story, world: &World, name: &str, seen: &[Observation]) -> Result<()> {
    for observation in seen {
        story.step(&format!("  after {:.1} s", observation.at.as_secs_f64()));
        story.rows(observation.outline().iter().map(|line| format!("  {line}")));
    }
    let all: Vec<_> = seen.iter().map(Observation::to_json).collect();
    world.save(&format!("observed/{name}.json"), &format!("{:#}\n", Value::from(all)))?;
    Ok(())
}

async fn primary(world: &World, place: Place) -> Result<String> {
    let service = world.cell(place.fleet).describe(place).await?;
    let deployments = service["deployments"].as_array().into_iter().flatten();
    let primary =
        deployments.filter(|deployment| deployment["status"] == "PRIMARY").filter_map(|one| one["id"].as_str());
    Ok(primary.collect::<Vec<_>>().join(" and "))
}

async fn expect(world: &World, place: Place, status: u16, version: &str) -> Result<()> {
    let answer = world.answer(place).await?;
    if answer.is(status, version) {
        return Ok(());
    }
    Err(Problem::new(format!("{place} answers {answer}, not {status} {version}")))
}
