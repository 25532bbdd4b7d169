//! a. A merge: images in the registry, dev's containers answer the new version, the deployment is a success.

use std::collections::BTreeMap;

use super::super::stage::{Released, Stage};
use crate::world::{DEV, Problem, Result, expect_code};

pub(super) async fn play(stage: &mut Stage<'_>) -> Result<Released> {
    stage.story.step("a. push to main");
    stage.everybody_answers(&DEV, &BTreeMap::new()).await?;
    let commit = stage.repository.commit("iam-service", "").await?;
    let ran = stage.repository.merged(&commit).await?;
    stage.story.rows(ran.finished.stdout.lines());
    expect_code(&ran, 0)?;
    let version = ran.output("version").ok_or_else(|| Problem::new("no output `version`"))?;
    let everything = stage.all_at(&version);
    stage.everybody_answers(&DEV, &everything).await?;
    stage.deployment_is(&DEV, false, "success")?;
    for service in stage.repository.shape.services() {
        stage.world.dev.digest_of(&stage.repository.shape.repository(service), &version).await?;
    }
    stage.story.step(&format!("the registry has all five images of {version}"));
    Ok(Released { commit, version })
}
