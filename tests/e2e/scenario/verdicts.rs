//! What ECS and CloudWatch can show of a release, each with its verdict, exit code and words. None passes that should
//! not: a false success is what every other tool is blamed for.
//!
//! To the emulator every target is healthy: in the one case about that, the proxy says in AWS's words that those of the
//! new version are not. Not here, because the emulator has none: service deployments (it lists none, so DescribeServices
//! judges alone), and task reasons as rich as Fargate's. Those are told apart in the tests of the adapter, on answers as
//! AWS documents them.

use std::collections::BTreeMap;

use super::stage::{Released, Stage};
use crate::story::Story;
use crate::world::{DEV, PROD, Place, Problem, Ran, Result, SERVICES, SMOKE, Shape, Trying, World, expect_code};

/// The service that is released, and the tenant that gets it.
const SERVICE: &str = "iam-service";
const TENANT: &str = "acme";
/// Long enough for a service to come up well and die more often than the gate bears, which is once.
const BAKE: &str = "7s";
const ALARM: &str = "accessos-dev-acme-errors";

/// An image that is wrong, and what is to be said of it.
struct Case {
    name: &'static str,
    fault: &'static str,
    /// Any of these may be the reason: which of two witnesses speaks first is chance.
    codes: &'static [&'static str],
    says: &'static str,
}

const CASES: [Case; 4] = [
    Case { name: "never healthy", fault: "never-healthy", codes: &["probe_failed"], says: "HTTP 500" },
    // The emulator's circuit breaker goes back by itself, and the service is stable then.
    Case { name: "crashes at start", fault: "crash-at-start", codes: &["deployment_failed"], says: "circuit breaker" },
    Case { name: "ends with 137", fault: "exit-at-start 137", codes: &["deployment_failed"], says: "137" },
    // ECS calls the deployment complete and counts nothing any more.
    Case {
        name: "crashes after its first good answers",
        fault: "crash-after 1500ms",
        codes: &["tasks_stopped", "probe_failed"],
        says: "acme/iam-service",
    },
];

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let shape = Shape { dev_bake: BAKE, ..Shape::small("verdicts") };
    let mut stage = Stage::create(story, world, shape).await?;
    let good = stage.merge(SERVICE, "").await?;
    stage.story.step("healthy: exit 0");
    for case in &CASES {
        fails(&mut stage, case, &good).await?;
    }
    unhealthy_target(&mut stage, &good).await?;
    no_tasks(&mut stage, &good).await?;
    foreign_change(&mut stage).await?;
    image_gone(&mut stage).await?;
    stage.contract()?;

    let shape = Shape { alarms: true, ..Shape { dev_bake: BAKE, ..Shape::small("alarms") } };
    let mut stage = Stage::create(stage.story, world, shape).await?;
    alarms(&mut stage).await?;

    let shape = Shape { smoke: true, ..Shape { dev_bake: BAKE, ..Shape::small("smoke") } };
    let mut stage = Stage::create(stage.story, world, shape).await?;
    smoke_tests(&mut stage).await
}

/// A broken image: the wave fails, is taken back, and the log says why.
async fn fails(stage: &mut Stage<'_>, case: &Case, good: &Released) -> Result<()> {
    let commit = stage.repository.commit(SERVICE, case.fault).await?;
    let ran = stage.repository.merged(&commit).await?;
    told(stage, case.name, &ran, 3, case.codes, case.says)?;
    stage.tenant_answers(&DEV, TENANT, &BTreeMap::from([(SERVICE, good.version.as_str())])).await
}

/// The service answers whoever asks it, and the load balancer's own health checks fail all the same.
async fn unhealthy_target(stage: &mut Stage<'_>, good: &Released) -> Result<()> {
    stage.world.dev.proxy.make_unhealthy(place());
    let commit = stage.repository.commit(SERVICE, "").await?;
    let ran = stage.repository.merged(&commit).await?;
    told(stage, "unhealthy target", &ran, 3, &["target_unhealthy"], "Health checks failed with these codes: [503]")?;
    stage.tenant_answers(&DEV, TENANT, &BTreeMap::from([(SERVICE, good.version.as_str())])).await
}

/// A service without tasks proves nothing.
async fn no_tasks(stage: &mut Stage<'_>, good: &Released) -> Result<()> {
    let place = place();
    scale(stage.world, place, 0).await?;
    let commit = stage.repository.commit(SERVICE, "").await?;
    let ran = stage.repository.merged(&commit).await?;
    told(stage, "no tasks", &ran, 4, &["unproven"], "desired count is 0")?;
    scale(stage.world, place, 1).await?;
    stage.world.wait_for(place, &good.version).await
}

/// Somebody deploys by hand in the middle: nothing is overwritten.
async fn foreign_change(stage: &mut Stage<'_>) -> Result<()> {
    let commit = stage.repository.commit(SERVICE, "").await?;
    let job = stage.repository.merging(&commit)?;
    let line = |stage: &Stage<'_>| stage.newest_deployment(&DEV, false).map(|(_, _, line)| line).unwrap_or_default();
    stage.until("dev bakes", |stage| line(stage).contains("baking")).await?;
    let theirs = stage.world.images.push(place().service, "9.9.9", "").await?;
    stage.world.cell(&DEV).update(place(), &theirs).await?;
    let ran = job.ran().await?;
    told(stage, "a change by hand", &ran, 5, &["foreign_change"], "iam-service")?;
    stage.world.wait_for(place(), "9.9.9").await
}

/// The image that was approved is not in the registry any more: nothing is touched.
async fn image_gone(stage: &mut Stage<'_>) -> Result<()> {
    // Dev holds somebody else's version: a service that nobody touched is released instead.
    let other = SERVICES[1].name;
    let released = stage.merge(other, "").await?;
    let plan = stage.repository.plan(&released.commit).await?;
    let repository = stage.repository.shape.repository(&SERVICES[1]);
    let digest = stage.world.dev.digest_of(&repository, &released.version).await?;
    let id = aws_sdk_ecr::types::ImageIdentifier::builder().image_digest(digest).build();
    let delete = stage.world.dev.ecr.batch_delete_image().repository_name(&repository).image_ids(id);
    delete.send().await.trying("delete the image")?;
    stage.world.prod.forget_calls();
    let ran = stage.repository.labelled(&released.commit, crate::world::MAINTAINER, Some(&plan))?.ran().await?;
    told(stage, "the image is gone", &ran, 2, &["image_gone"], other)?;
    if stage.updates() > 0 {
        return Err(Problem::new("prod was updated without an image"));
    }
    stage.everybody_answers(&PROD, &BTreeMap::new()).await
}

/// An alarm that rings already, and one that begins to ring.
async fn alarms(stage: &mut Stage<'_>) -> Result<()> {
    let cell = stage.world.cell(&DEV);
    cell.alarm(ALARM, "ALARM").await?;
    cell.forget_calls();
    let commit = stage.repository.commit(SERVICE, "").await?;
    let ran = stage.repository.merged(&commit).await?;
    told(stage, "an alarm rings before the start", &ran, 4, &["alarm_before_start"], ALARM)?;
    if !stage.world.dev.mutations().iter().all(|call| call.action != "UpdateService") {
        return Err(Problem::new("dev was updated while an alarm rang"));
    }
    cell.alarm(ALARM, "OK").await?;
    let quiet = stage.repository.typed(&commit, &["continue", "--fleet", "dev"]).await?;
    expect_code(&quiet, 0)?;
    stage.story.step("the alarm is quiet: exit 0");

    let commit = stage.repository.commit(SERVICE, "").await?;
    let job = stage.repository.merging(&commit)?;
    let line = |stage: &Stage<'_>| stage.newest_deployment(&DEV, false).map(|(_, _, line)| line).unwrap_or_default();
    stage.until("dev bakes", |stage| line(stage).contains("baking")).await?;
    cell.alarm(ALARM, "ALARM").await?;
    let ran = job.ran().await?;
    told(stage, "an alarm begins to ring", &ran, 3, &["alarm_rings"], ALARM)
}

/// A smoke test that passes, one that fails and one that never ends.
async fn smoke_tests(stage: &mut Stage<'_>) -> Result<()> {
    stage.world.smoke_test_of(&DEV, TENANT).await?;
    stage.repository.commit(SMOKE.name, "exit-at-start 0").await?;
    let good = stage.merge(SERVICE, "").await?;
    let started = |stage: &Stage<'_>| stage.world.dev.calls().iter().filter(|call| call.action == "RunTask").count();
    stage.story.step("the smoke test ends with 0: exit 0");
    if started(stage) != 1 {
        return Err(Problem::new(format!("{} smoke tests were started", started(stage))));
    }
    stage.repository.commit(SMOKE.name, "exit-at-start 3").await?;
    let commit = stage.repository.commit(SERVICE, "").await?;
    let ran = stage.repository.merged(&commit).await?;
    told(stage, "the smoke test ends with 3", &ran, 3, &["smoke_test_failed"], "exit code 3")?;
    stage.tenant_answers(&DEV, TENANT, &BTreeMap::from([(SERVICE, good.version.as_str())])).await?;

    stage.repository.commit(SMOKE.name, "").await?;
    let commit = stage.repository.commit(SERVICE, "").await?;
    let ran = stage.repository.merged(&commit).await?;
    told(stage, "the smoke test never ends", &ran, 4, &["smoke_test_undecided"], "it has not ended")?;
    let accept = ["continue", "--fleet", "dev", "--accept", "--why", "the test hangs, everything else is well"];
    let accepted = stage.repository.typed(&commit, &accept).await?;
    expect_code(&accepted, 0)?;
    stage.story.step("a person accepts it: exit 0");
    if started(stage) != 3 {
        return Err(Problem::new(format!("{} smoke tests were started by three rollouts", started(stage))));
    }
    Ok(())
}

/// The run came out so, and says so.
fn told(stage: &mut Stage<'_>, name: &str, ran: &Ran, code: i32, codes: &[&str], says: &str) -> Result<()> {
    expect_code(ran, code)?;
    let reason = ran.output("reason_code").unwrap_or_default();
    let why = ran.finished.stdout.lines().find(|line| line.contains(says) && !line.starts_with("::"));
    stage.story.step(&format!("{name}: exit {code}, {reason}"));
    stage.story.rows(why);
    if !codes.contains(&reason.as_str()) {
        return Err(Problem::new(format!("the reason is {reason} and not {codes:?}\n{}", ran.finished.stdout)));
    }
    why.map(drop).ok_or_else(|| Problem::new(format!("nothing says {says:?}\n{}", ran.finished.stdout)))
}

async fn scale(world: &World, place: Place, desired: i32) -> Result<()> {
    let update = world.dev.ecs.update_service().cluster(DEV.cluster()).service(place.family()).desired_count(desired);
    update.send().await.trying("scale by hand")?;
    Ok(())
}

fn place() -> Place {
    DEV.place(TENANT, SERVICE)
}
