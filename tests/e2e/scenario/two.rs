//! Two processes want to move the same fleet: one does, the other says who has it. And a run that is over, however
//! it ended, holds nobody up, while one that GitHub still calls running does.

use std::collections::BTreeMap;

use super::stage::{Released, Stage};
use crate::story::Story;
use crate::world::{MAINTAINER, PROD, Problem, Ran, Result, Shape, World, expect_code};

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let mut stage = Stage::create(story, world, Shape::small("two")).await?;
    let first = stage.merge("iam-service", "").await?;
    side_by_side(&mut stage, &first).await?;
    let second = stage.merge("iam-service", "").await?;
    taken_over(&mut stage, &second).await?;
    stage.contract()
}

async fn side_by_side(stage: &mut Stage<'_>, released: &Released) -> Result<()> {
    let plan = stage.repository.plan(&released.commit).await?;
    stage.forget_calls()?;
    let winner = stage.repository.labelled(&released.commit, MAINTAINER, Some(&plan))?;
    let run = winner.run;
    stage.until("the first holds the lease", |stage| stage.lease_holder(&PROD) == Some(run)).await?;
    let loser = stage.repository.labelled(&released.commit, MAINTAINER, Some(&plan))?.ran().await?;
    held(stage, &loser, "the second, started when the first held the lease")?;
    let winner = winner.ran().await?;
    expect_code(&winner, 0)?;
    stage.everybody_answers(&PROD, &stage.all_at(&released.version)).await?;
    if stage.prod_deployments_of(&released.commit) != 1 {
        return Err(Problem::new("there is more than one deployment"));
    }
    let updates = stage.forget_calls()?;
    stage.story.step(&format!("the first: exit 0, {updates} updates, none twice, one deployment"));
    Ok(())
}

/// A killed run holds the lease for as long as GitHub calls it running, and no longer.
async fn taken_over(stage: &mut Stage<'_>, released: &Released) -> Result<()> {
    let plan = stage.repository.plan(&released.commit).await?;
    stage.forget_calls()?;
    let job = stage.repository.labelled(&released.commit, MAINTAINER, Some(&plan))?;
    let run = job.run;
    stage.until("an update is sent", |stage| stage.updates() > 0).await?;
    job.kill().await?;
    let refused = stage.repository.dispatched(&released.commit, "continue", &PROD).await?;
    held(stage, &refused, "a run was killed and GitHub calls it in_progress: continue")?;
    stage.repository.run_is_over(run);
    let ran = stage.repository.dispatched(&released.commit, "continue", &PROD).await?;
    expect_code(&ran, 0)?;
    stage.everybody_answers(&PROD, &BTreeMap::from([("iam-service", released.version.as_str())])).await?;
    stage.deployment_is(&PROD, false, "success")?;
    stage.lease_is_free(&PROD)?;
    let updates = stage.forget_calls()?;
    stage.story.step(&format!("GitHub calls it completed: continue takes over, exit 0, {updates} updates, none twice"));
    Ok(())
}

fn held(stage: &mut Stage<'_>, ran: &Ran, what: &str) -> Result<()> {
    expect_code(ran, 5)?;
    let reason = ran.output("reason_code");
    stage.story.step(&format!("{what}: exit {} {}", ran.code, reason.as_deref().unwrap_or("without a reason")));
    stage.story.rows(ran.finished.stdout.lines().filter(|line| line.contains("lease_held")).take(1));
    if reason.as_deref() == Some("lease_held") { Ok(()) } else { Err(Problem::new("the reason is another one")) }
}
