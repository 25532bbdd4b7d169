//! SIGKILL at moments spread by chance over a whole rollout of prod, again and again: what a lost runner does. Each
//! time another command takes it from there, and each time it ends as if nothing had happened.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::http::Method;

use super::stage::{Released, Stage};
use crate::github::{Fault, FaultKind};
use crate::story::Story;
use crate::world::{Chance, Job, MAINTAINER, PROD, Problem, Result, Shape, World, expect_code, seed};

/// How many moments: in a full run, and in a bounded one.
const MOMENTS: u64 = 10;
const MOMENTS_BOUNDED: u64 = 2;
/// How long GitHub takes to make a deployment while a process is killed that waits for it.
const SLOW: Duration = Duration::from_secs(1);

pub(super) async fn play(story: &mut Story, world: &World, bounded: bool) -> Result<()> {
    let mut stage = Stage::create(story, world, Shape::small("kills")).await?;
    let first = stage.merge("iam-service", "").await?;
    expect_code(&stage.repository.promoted(&first.commit).await?, 0)?;
    let whole = whole(&mut stage).await?;
    let moments = if bounded { MOMENTS_BOUNDED } else { MOMENTS };
    let (seed, mut chance) = (seed(), Chance::of(seed(), "kills"));
    stage.story.step(&format!("a rollout takes {:.1} s; {moments} kills by seed {seed}", whole.as_secs_f64()));
    for number in 0..moments {
        // One in each equal part of the time, so that chance leaves none of them out.
        let part = u32::try_from(number * 1_000 + chance.below(1_000)).unwrap_or_default();
        let after = whole * part / u32::try_from(moments * 1_000).unwrap_or(u32::MAX);
        killed(&mut stage, When::After(after), number).await?;
    }
    killed(&mut stage, When::Opening, moments).await?;
    killed(&mut stage, When::Succeeded, moments + 1).await?;
    stage.contract()
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
enum When {
    /// So long after its start.
    After(Duration),
    /// It has asked for the deployment to be made, and there is no answer yet.
    Opening,
    /// The success is recorded, and nothing after that may have been done.
    Succeeded,
}

impl When {
    async fn comes(self, stage: &Stage<'_>, commit: &str, run: u64) -> Result<()> {
        match self {
            Self::After(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Self::Opening => {
                stage.until("the lease is taken", |stage| stage.lease_holder(&PROD) == Some(run)).await?;
                tokio::time::sleep(SLOW / 2).await;
                Ok(())
            }
            Self::Succeeded => {
                let done =
                    |stage: &Stage<'_>| stage.prod_deployments_of(commit) > 0 && stage.line().contains("succeeded");
                stage.until("it succeeds", done).await
            }
        }
    }
}

/// How long the same rollout takes when it is left alone.
async fn whole(stage: &mut Stage<'_>) -> Result<Duration> {
    let released = stage.merge("iam-service", "").await?;
    let plan = stage.repository.plan(&released.commit).await?;
    let ran = stage.repository.labelled(&released.commit, MAINTAINER, Some(&plan))?.ran().await?;
    expect_code(&ran, 0)?;
    Ok(ran.finished.took)
}

async fn killed(stage: &mut Stage<'_>, when: When, number: u64) -> Result<()> {
    let released = stage.merge("iam-service", "").await?;
    let plan = stage.repository.plan(&released.commit).await?;
    stage.forget_calls()?;
    if matches!(when, When::Opening) {
        stage.repository.github.fault(Fault::once(Method::POST, "/deployments$", FaultKind::Delay(SLOW)));
    }
    let began = Instant::now();
    let job = stage.repository.labelled(&released.commit, MAINTAINER, Some(&plan))?;
    when.comes(stage, &released.commit, job.run).await?;
    let (after, killed) = (began.elapsed(), Instant::now());
    let how = take_up(stage, &released, &plan, job, number).await?;
    let took = killed.elapsed().as_secs_f64();
    stage.everybody_is_at(&PROD, &BTreeMap::from([("iam-service", released.version.as_str())])).await?;
    let (id, state, line) = stage.newest_deployment(&PROD, false)?;
    if state != "success" {
        return Err(Problem::new(format!("deployment {id} is {state}: {line}")));
    }
    stage.is_final(&released.version).await?;
    stage.lease_is_free(&PROD)?;
    let (updates, deployments) = (stage.forget_calls()?, stage.prod_deployments_of(&released.commit));
    stage.story.step(&format!(
        "killed after {:5.2} s, {how}: success {took:4.1} s later, {updates} updates, none twice, {deployments} deployment",
        after.as_secs_f64(),
    ));
    if deployments == 1 { Ok(()) } else { Err(Problem::new("more than one deployment was opened")) }
}

/// Kills the job and lets another command go on. Answers in words where it was and which command that was.
async fn take_up(stage: &mut Stage<'_>, released: &Released, plan: &str, mut job: Job, number: u64) -> Result<String> {
    let (run, ended) = (job.run, job.has_ended());
    job.kill().await?;
    let opened = stage.prod_deployments_of(&released.commit) > 0;
    let (_, state, line) = stage.newest_deployment(&PROD, false).unwrap_or_default();
    let line = line.split(" state=").next().unwrap_or_default().to_owned();
    if ended || !opened || state == "success" {
        // A run that finds nothing to do writes nothing: the lease is let go of by the job's own last step.
        if opened {
            expect_code(&stage.repository.typed(&released.commit, &["finalize"]).await?, 0)?;
        }
        stage.repository.run_is_over(run);
        let again = stage.repository.labelled(&released.commit, MAINTAINER, Some(plan))?.ran().await?;
        expect_code(&again, 0)?;
        let at = if opened { "when all was recorded" } else { "before anything was opened" };
        return Ok(format!("{at}; the same workflow again"));
    }
    // A later step of the same job knows that the process is gone; another run asks GitHub.
    let (ran, who) = if number.is_multiple_of(2) {
        (stage.repository.typed(&released.commit, &["continue", "--fleet", "prod"]).await?, "a step of the same run")
    } else {
        stage.repository.run_is_over(run);
        (stage.repository.dispatched(&released.commit, "continue", &PROD).await?, "another run")
    };
    expect_code(&ran, 0)?;
    Ok(format!("at `{line}`; continue in {who}"))
}
