//! d. A second good version reaches prod, and a workflow_dispatch takes prod back to the one before.

use std::collections::BTreeMap;

use super::super::stage::{Released, Stage};
use crate::world::{MAINTAINER, PROD, Problem, Result, expect_code};

/// A rollback leaves the fleet on hold: the version it took back does not return by itself.
async fn held_until_lifted(stage: &mut Stage<'_>, commit: &str) -> Result<()> {
    let plan = stage.repository.plan(commit).await?;
    let refused = stage.repository.labelled(commit, MAINTAINER, Some(&plan))?.ran().await?;
    expect_code(&refused, 4)?;
    stage.story.rows(refused.finished.stdout.lines().take(1));
    let lifted = stage.repository.dispatched(commit, "unhold", &PROD).await?;
    expect_code(&lifted, 0)?;
    stage.story.rows(lifted.finished.stdout.lines());
    Ok(())
}

pub(super) async fn play(stage: &mut Stage<'_>, first: &Released) -> Result<Released> {
    stage.story.step("d. another good version is merged and promoted");
    let commit = stage.repository.commit("iam-service", "").await?;
    let merged = stage.repository.merged(&commit).await?;
    expect_code(&merged, 0)?;
    let version = merged.output("version").ok_or_else(|| Problem::new("no output `version`"))?;
    expect_code(&stage.repository.promoted(&commit).await?, 0)?;
    stage.everybody_answers(&PROD, &BTreeMap::from([("iam-service", version.as_str())])).await?;

    stage.story.step("   workflow_dispatch: rollback prod");
    let ran = stage.repository.dispatched(&commit, "rollback", &PROD).await?;
    stage.story.rows(ran.finished.stdout.lines());
    expect_code(&ran, 0)?;
    let before = stage.all_at(&first.version);
    stage.everybody_answers(&PROD, &before).await?;
    stage.deployment_is(&PROD, false, "success")?;
    held_until_lifted(stage, &commit).await?;
    Ok(Released { commit, version })
}
