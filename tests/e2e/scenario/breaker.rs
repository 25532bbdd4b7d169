//! What ECS says while broken images are rolled out: recorded, because tidegate must read it.
//!
//! Two ways to be broken that ECS tells apart: one crashes at start, which the circuit breaker
//! sees; the other runs and answers 500, which the emulator's ECS takes for success (real ECS
//! asks the load balancer). So the first goes back by itself and the second is tidegate's to find.

use std::time::Duration;

use serde_json::Value;

use crate::story::Story;
use crate::world::{BOOTSTRAP, Observation, PROD, Place, Problem, Result, World, watch};

const QUIET: Duration = Duration::from_secs(4);
const LONGEST: Duration = Duration::from_secs(60);

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let crashing = PROD.place("globex", "iam-service");
    let image = world.images.push(crashing.service, "0.2.0", "crash-at-start fleet=prod").await?;
    let before = primary(world, crashing).await?;
    let ours = world.prod.update(crashing, &image).await?;
    story.step(&format!("{crashing} crashes at start: PRIMARY was {before}, UpdateService answers {ours}"));
    let seen = watch(&world.prod, crashing, QUIET, LONGEST).await?;
    tell(story, world, "crash-at-start", &seen)?;
    let stopped = world.prod.tasks(crashing, "STOPPED").await?;
    world.save("observed/crash-at-start-tasks.json", &format!("{:#}\n", Value::from(stopped)))?;
    let after = primary(world, crashing).await?;
    story.step(&format!("PRIMARY is now {after}"));
    expect_version(world, crashing, 200, BOOTSTRAP).await?;

    let sick = PROD.place("globex", "audit-service");
    let image = world.images.push(sick.service, "0.2.0", "never-healthy fleet=prod").await?;
    let ours = world.prod.update(sick, &image).await?;
    story.step(&format!("{sick} is never healthy: UpdateService answers {ours}"));
    let seen = watch(&world.prod, sick, QUIET, LONGEST).await?;
    tell(story, world, "never-healthy", &seen)?;
    expect_version(world, sick, 500, "0.2.0").await
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
    let primary = deployments.filter(|deployment| deployment["status"] == "PRIMARY").map(|one| one["id"].to_string());
    Ok(primary.collect::<Vec<_>>().join(" and "))
}

async fn expect_version(world: &World, place: Place, status: u16, version: &str) -> Result<()> {
    let answer = world.answer(place).await?;
    if answer.is(status, version) {
        return Ok(());
    }
    Err(Problem::new(format!("{place} answers {answer}, not {status} {version}")))
}
