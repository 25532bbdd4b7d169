//! A tenant sleeps and wakes: no containers, no answers, left out of a rollout by name; then it comes back as it was
//! and through the gate, on what the fleet runs by then.

use serde_json::{Value, json};

use super::stage::{Released, Stage};
use crate::story::Story;
use crate::world::{MAINTAINER, PROD, Place, Problem, Result, Shape, World, expect_code};

const TENANT: &str = "umbrella";

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let mut stage = Stage::create(story, world, Shape::small("pause")).await?;
    let first = stage.merge("iam-service", "").await?;
    expect_code(&stage.repository.promoted(&first.commit).await?, 0)?;
    let targets = scale(&mut stage);
    paused(&mut stage, &first, &targets).await?;
    let second = passed_by(&mut stage).await?;
    resumed(&mut stage, &second, &targets).await?;
    stage.contract()
}

fn sleepers(stage: &Stage<'_>) -> Vec<Place> {
    stage.repository.shape.services().iter().map(|service| PROD.place(TENANT, service.name)).collect()
}

fn resource(place: Place) -> String {
    format!("service/{}/{}", place.fleet.cluster(), place.family())
}

/// Scalable targets as Terraform would have made them, each with flags of its own. The last service has none.
fn scale(stage: &mut Stage<'_>) -> Vec<(Place, Option<Value>)> {
    let places = sleepers(stage);
    for place in &places[..places.len() - 1] {
        stage.world.prod.proxy.scale(&json!({
            "ServiceNamespace": "ecs", "ResourceId": resource(*place), "ScalableDimension": "ecs:service:DesiredCount",
            "MinCapacity": 1, "MaxCapacity": 4, "SuspendedState": { "ScheduledScalingSuspended": true },
        }));
    }
    targets(stage)
}

fn targets(stage: &Stage<'_>) -> Vec<(Place, Option<Value>)> {
    let target = |place| (place, stage.world.prod.proxy.scaling(&resource(place)));
    sleepers(stage).into_iter().map(target).collect()
}

async fn paused(stage: &mut Stage<'_>, released: &Released, targets: &[(Place, Option<Value>)]) -> Result<()> {
    let words = ["pause", "--fleet", "prod", "--tenant", TENANT, "--why", "a quiet month"];
    let ran = stage.repository.typed(&released.commit, &words).await?;
    stage.story.rows(ran.finished.stdout.lines());
    expect_code(&ran, 0)?;
    for (place, target) in targets {
        let service = stage.world.prod.describe(*place).await?;
        let tasks = stage.world.prod.tasks(*place, "RUNNING").await?.len();
        let status = stage.world.answer(*place).await.map_or(0, |answer| answer.status);
        let now = stage.world.prod.proxy.scaling(&resource(*place));
        stage.story.rows([format!(
            "{place}: running {}, {tasks} tasks, HTTP {status}, scaling {}",
            service["runningCount"],
            now.as_ref().map_or("none".to_owned(), |now| now["SuspendedState"].to_string()),
        )]);
        if service["runningCount"] != 0 || tasks != 0 || status == 200 || target.is_some() != now.is_some() {
            return Err(Problem::new("it does not sleep"));
        }
        if now.is_some_and(|now| now["SuspendedState"]["DynamicScalingOutSuspended"] != true) {
            return Err(Problem::new("its autoscaling would wake it"));
        }
    }
    stage.story.step(&format!("{TENANT} sleeps"));
    Ok(())
}

/// A rollout goes by it, and says so.
async fn passed_by(stage: &mut Stage<'_>) -> Result<Released> {
    let released = stage.merge("iam-service", "").await?;
    let planned = stage.repository.labelled(&released.commit, MAINTAINER, None)?.ran().await?;
    expect_code(&planned, 4)?;
    let named: Vec<&str> = planned.finished.stdout.lines().filter(|line| line.contains(TENANT)).collect();
    stage.story.step("the plan of the next version names who is left out:");
    stage.story.rows(&named);
    if !named.iter().any(|line| line.contains("pause")) {
        return Err(Problem::new(format!("the plan does not name it\n{}", planned.finished.stdout)));
    }
    stage.forget_calls()?;
    let plan = planned.output("plan_hash").unwrap_or_default();
    let ran = stage.repository.labelled(&released.commit, MAINTAINER, Some(&plan))?.ran().await?;
    expect_code(&ran, 0)?;
    let versions = [("iam-service", released.version.as_str())].into();
    stage.tenant_answers(&PROD, "globex", &versions).await?;
    stage.tenant_answers(&PROD, "initech", &versions).await?;
    let touched = super::stage::touched(&stage.world.prod.mutations());
    stage.story.step(&format!("tenants that were touched: {}", touched.join(", ")));
    if touched.contains(&TENANT) { Err(Problem::new("it was touched")) } else { Ok(released) }
}

async fn resumed(stage: &mut Stage<'_>, released: &Released, targets_before: &[(Place, Option<Value>)]) -> Result<()> {
    let words = ["resume", "--fleet", "prod", "--tenant", TENANT, "--why", "back"];
    let ran = stage.repository.typed(&released.commit, &words).await?;
    stage.story.rows(ran.finished.stdout.lines());
    expect_code(&ran, 0)?;
    stage.tenant_answers(&PROD, TENANT, &[("iam-service", released.version.as_str())].into()).await?;
    if targets(stage) != targets_before {
        return Err(Problem::new(format!("autoscaling was {targets_before:?} and is {:?}", targets(stage))));
    }
    stage.story.step(&format!("{TENANT} is back on {}, its autoscaling exactly as before", released.version));
    stage.deployment_is(&PROD, false, "success").map(drop)
}
