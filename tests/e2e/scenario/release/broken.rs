//! c. Broken versions: one answers 500 in prod only, one crashes at start in prod only, one is broken in dev
//! already. The first two stop in the canary wave and are taken back; the third never becomes promotable.

use std::collections::BTreeMap;

use super::super::stage::{Released, Stage, touched};
use crate::world::{DEV, PROD, Problem, Result, expect_code};

pub(super) async fn play(stage: &mut Stage<'_>, good: &Released) -> Result<()> {
    stopped_in_prod(stage, good, "never-healthy fleet=prod", "probe_failed").await?;
    stopped_in_prod(stage, good, "crash-at-start fleet=prod", "deployment_failed").await?;
    stopped_in_dev(stage).await
}

pub(super) async fn stopped_in_prod(stage: &mut Stage<'_>, good: &Released, fault: &str, reason: &str) -> Result<()> {
    stage.story.step(&format!("c. iam-service with `{fault}` is merged: dev is green"));
    let commit = stage.repository.commit("iam-service", fault).await?;
    expect_code(&stage.repository.merged(&commit).await?, 0)?;
    stage.everybody_answers(&DEV, &BTreeMap::new()).await?;
    stage.forget_calls()?;

    stage.story.step("   and promoted");
    let ran = stage.repository.promoted(&commit).await?;
    stage.story.rows(ran.finished.stdout.lines());
    expect_code(&ran, 3)?;
    if ran.output("reason_code").as_deref() != Some(reason) {
        return Err(Problem::new(format!("reason_code is {:?} and not {reason}", ran.output("reason_code"))));
    }
    let touched = touched(&stage.world.prod.mutations());
    stage.story.step(&format!("   tenants that were touched: {}", touched.join(", ")));
    if touched != ["globex"] {
        return Err(Problem::new("others than the canary were touched"));
    }
    let before = stage.all_at(&good.version);
    stage.everybody_answers(&PROD, &before).await?;
    let line = stage.deployment_is(&PROD, true, "failure")?;
    if line.contains(reason) { Ok(()) } else { Err(Problem::new(format!("the deployment does not say {reason}"))) }
}

async fn stopped_in_dev(stage: &mut Stage<'_>) -> Result<()> {
    stage.story.step("c. audit-service that crashes at start everywhere is merged: it stops in dev");
    let commit = stage.repository.commit("audit-service", "crash-at-start").await?;
    let ran = stage.repository.merged(&commit).await?;
    stage.story.rows(ran.finished.stdout.lines());
    expect_code(&ran, 3)?;
    stage.forget_calls()?;
    let refused = stage.repository.labelled(&commit, crate::world::MAINTAINER, None)?.ran().await?;
    expect_code(&refused, 2)?;
    stage.story.step(&format!("   the label: {}", refused.finished.stdout.lines().next().unwrap_or_default()));
    if refused.output("reason_code").as_deref() == Some("not_promotable") && stage.world.prod.mutations().is_empty() {
        stage.repository.commit("audit-service", "").await?;
        return Ok(());
    }
    Err(Problem::new("what failed in dev could be promoted"))
}
