//! What a cancelled run does: a signal, a few seconds to tidy up, and somebody else goes on. One rollout is
//! interrupted in every phase, killed and finalized, handed over, and still ends well.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::stage::{Released, Stage};
use crate::story::Story;
use crate::world::{Job, MAINTAINER, PROD, Problem, Ran, Result, Shape, Signal, World, expect_code};

/// No call that changes AWS may begin later than this after the signal.
const STILL: Duration = Duration::from_secs(1);
/// GitHub sends SIGTERM 7.5 s after SIGINT: by then the record must be written.
const NOTED: Duration = Duration::from_secs(7);
/// Long enough to be met by a signal.
const BAKE: &str = "4s";

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let mut stage = Stage::create(story, world, Shape { canary_bake: BAKE, ..Shape::small("signals") }).await?;
    let released = stage.merge("iam-service", "").await?;
    let plan = stage.repository.plan(&released.commit).await?;
    stage.forget_calls()?;

    let job = stage.repository.labelled(&released.commit, MAINTAINER, Some(&plan))?;
    interrupted(&mut stage, job, Signal::Int, Moment::Deploying).await?;
    let job = again(&mut stage, &released)?;
    interrupted(&mut stage, job, Signal::Term, Moment::Deploying).await?;
    let job = again(&mut stage, &released)?;
    interrupted(&mut stage, job, Signal::Term, Moment::Baking).await?;
    let job = again(&mut stage, &released)?;
    interrupted(&mut stage, job, Signal::Int, Moment::Baking).await?;
    killed_and_finalized(&mut stage, &released).await?;
    ends(&mut stage, &released).await?;

    let next = stage.merge("iam-service", "").await?;
    handed_over(&mut stage, &next).await?;
    ends(&mut stage, &next).await?;
    stage.contract()
}

/// When a signal comes.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Just after one more update was sent.
    Deploying,
    /// While a wave is watched.
    Baking,
}

fn again(stage: &mut Stage<'_>, released: &Released) -> Result<Job> {
    stage.repository.dispatch(&released.commit, "continue", &PROD)
}

async fn comes(stage: &Stage<'_>, moment: Moment, updates: usize) -> Result<()> {
    match moment {
        Moment::Deploying => stage.until("an update is sent", |stage| stage.updates() > updates).await,
        Moment::Baking => stage.until("a wave bakes", |stage| stage.line().contains("baking")).await,
    }
}

async fn interrupted(stage: &mut Stage<'_>, job: Job, signal: Signal, moment: Moment) -> Result<()> {
    let updates = stage.updates();
    comes(stage, moment, updates).await?;
    let (at, before) = (Instant::now(), stage.line());
    job.signal(signal).await?;
    let ran = job.ran();
    tokio::pin!(ran);
    // The record is looked at while the process ends, so that the time is that of the record.
    let noted = async {
        stage.until("the record says so", |stage| stage.line() != before && is_interrupted(&stage.line())).await?;
        Ok::<_, Problem>(at.elapsed())
    };
    let (ran, noted) = tokio::try_join!(ran, noted)?;
    let ended = at.elapsed();
    expect_code(&ran, 130)?;
    let last = stage.world.prod.mutations().iter().map(|call| call.at.saturating_duration_since(at)).max();
    let last = last.unwrap_or_default();
    stage.story.step(&format!(
        "{signal:?} while {moment:?}: last change sent {:.2} s after it, recorded after {:.2} s, exit {} after {:.2} s",
        last.as_secs_f64(),
        noted.as_secs_f64(),
        ran.code,
        ended.as_secs_f64(),
    ));
    stage.story.rows([stage.line()]);
    stage.lease_is_free(&PROD)?;
    if last > STILL || noted > NOTED {
        return Err(Problem::new("that is too late"));
    }
    reason_is(&ran, "interrupted")
}

fn is_interrupted(line: &str) -> bool {
    line.contains("held") && line.contains("interrupted")
}

fn reason_is(ran: &Ran, code: &str) -> Result<()> {
    match ran.output("reason_code") {
        Some(found) if found == code => Ok(()),
        found => Err(Problem::new(format!("reason_code is {found:?} and not {code}"))),
    }
}

/// SIGKILL leaves the lease taken and the record open; the job's last step writes down what happened.
async fn killed_and_finalized(stage: &mut Stage<'_>, released: &Released) -> Result<()> {
    let job = again(stage, released)?;
    let run = job.run;
    stage.until("the lease is taken", |stage| stage.lease_holder(&PROD) == Some(run)).await?;
    stage
        .until("the rollout goes on", |stage| stage.line().contains("baking") || stage.line().contains("started"))
        .await
        .ok();
    tokio::time::sleep(Duration::from_millis(300)).await;
    job.kill().await?;
    let before = stage.line();
    let ran = stage.repository.typed(&released.commit, &["finalize"]).await?;
    expect_code(&ran, 0)?;
    stage.story.step("killed, and `finalize` as the last step of its job:");
    stage.story.rows([before].into_iter().chain(ran.finished.stdout.lines().map(str::to_owned)).chain([stage.line()]));
    stage.lease_is_free(&PROD)?;
    if is_interrupted(&stage.line()) { Ok(()) } else { Err(Problem::new("the record does not say so")) }
}

/// A job that has run long enough leaves the rest to the next.
async fn handed_over(stage: &mut Stage<'_>, released: &Released) -> Result<()> {
    let plan = stage.repository.plan(&released.commit).await?;
    stage.forget_calls()?;
    let options = ["--approved-plan", &plan, "--hand-over-after", "3s"];
    let ran = stage.repository.labelled_with(&released.commit, MAINTAINER, &options)?.ran().await?;
    expect_code(&ran, 4)?;
    let took = ran.finished.took.as_secs_f64();
    stage.story.step(&format!("--hand-over-after 3s: exit 4 after {took:.1} s: {}", stage.line()));
    stage.lease_is_free(&PROD)?;
    reason_is(&ran, "handed_over")
}

async fn ends(stage: &mut Stage<'_>, released: &Released) -> Result<()> {
    let ran = again(stage, released)?.ran().await?;
    expect_code(&ran, 0)?;
    stage.everybody_answers(&PROD, &BTreeMap::from([("iam-service", released.version.as_str())])).await?;
    stage.deployment_is(&PROD, false, "success")?;
    let updates = stage.forget_calls()?;
    stage.story.step(&format!("continue finishes it; {updates} updates in all, none twice"));
    Ok(())
}
