//! e. SIGKILL in the middle of the first wave, and `continue`: the same end, and nothing is sent twice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::stage::{Released, Stage, nothing_twice};
use crate::world::{MAINTAINER, PROD, Problem, Result, expect_code};

pub(super) async fn play(stage: &mut Stage<'_>, _: &Released) -> Result<Released> {
    stage.story.step("e. another version is promoted, and the process is killed in the middle of wave 1");
    let commit = stage.repository.commit("iam-service", "").await?;
    let merged = stage.repository.merged(&commit).await?;
    expect_code(&merged, 0)?;
    let version = merged.output("version").ok_or_else(|| Problem::new("no output `version`"))?;
    let plan = stage.repository.plan(&commit).await?;
    stage.forget_calls()?;
    let job = stage.repository.labelled(&commit, MAINTAINER, Some(&plan))?;
    wait_for_first_update(stage).await?;
    let killed = job.kill().await?;
    stage.story.step(&format!("   {} after the first UpdateService; the records say:", killed.status));
    let (id, state, line) = stage.newest_deployment(&PROD, false)?;
    stage.story.rows([format!("deployment {id}: {state}: {line}")]);

    let ran = stage.repository.typed(&commit, &["continue", "--fleet", "prod"]).await?;
    stage.story.rows(ran.finished.stdout.lines());
    expect_code(&ran, 0)?;
    stage.everybody_answers(&PROD, &BTreeMap::from([("iam-service", version.as_str())])).await?;
    stage.deployment_is(&PROD, false, "success")?;
    let updates = nothing_twice(&stage.world.prod.mutations())?;
    stage.story.step(&format!("   {updates} updates in all, none of them twice"));
    Ok(Released { commit, version })
}

async fn wait_for_first_update(stage: &Stage<'_>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if stage.world.prod.mutations().iter().any(|call| call.action == "UpdateService") {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err(Problem::new("no update was sent"))
}
