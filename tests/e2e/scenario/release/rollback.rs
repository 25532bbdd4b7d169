//! d. A second good version reaches prod, and a workflow_dispatch takes prod back to the one before.

use std::collections::BTreeMap;

use super::{Released, Stage};
use crate::world::{PROD, Problem, Result, SERVICES, expect_code};

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
    let before = SERVICES.iter().map(|service| (service.name, first.version.as_str())).collect();
    stage.everybody_answers(&PROD, &before).await?;
    stage.deployment_is(&PROD, false, "success")?;
    Ok(Released { commit, version })
}
