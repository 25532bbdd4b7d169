//! b. A label: prod goes wave by wave. While the canary bakes, the others still answer the old version.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::stage::{Released, Stage};
use crate::world::{BOOTSTRAP, MAINTAINER, PROD, Problem, Result, TRIAGER, expect_code};

pub(super) async fn play(stage: &mut Stage<'_>, released: &Released) -> Result<()> {
    stage.story.step("b. the label, by somebody who may label but not push");
    let refused = stage.repository.labelled(&released.commit, TRIAGER, None)?.ran().await?;
    expect_code(&refused, 2)?;
    stage.story.rows(refused.finished.stdout.lines());

    stage.story.step("   the label, by a maintainer: the plan waits for approval");
    let plan = stage.repository.plan(&released.commit).await?;
    stage.story.rows([format!("plan {plan}")]);
    if !stage.world.prod.mutations().is_empty() {
        return Err(Problem::new("planning changed something"));
    }

    stage.story.step("   the plan is approved");
    let everything: BTreeMap<&str, &str> = stage.all_at(&released.version);
    let nothing: BTreeMap<&str, &str> = stage.all_at(BOOTSTRAP);
    let job = stage.repository.labelled(&released.commit, MAINTAINER, Some(&plan))?;
    wait_for_canary(stage).await?;
    stage.story.step("   the canary bakes");
    stage.tenant_answers(&PROD, "globex", &everything).await?;
    stage.tenant_answers(&PROD, "initech", &nothing).await?;
    stage.tenant_answers(&PROD, "umbrella", &nothing).await?;
    let ran = job.ran().await?;
    stage.story.rows(ran.finished.stdout.lines());
    expect_code(&ran, 0)?;
    stage.everybody_answers(&PROD, &everything).await?;
    stage.deployment_is(&PROD, false, "success")?;
    for service in stage.repository.shape.services() {
        stage.world.dev.digest_of(&stage.repository.shape.repository(service), "0.1.0").await?;
    }
    stage.story.step("the same images are also 0.1.0 now");
    Ok(())
}

/// Until the ledger says that the canary wave is up and watched.
async fn wait_for_canary(stage: &Stage<'_>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if let Ok((_, _, line)) = stage.newest_deployment(&PROD, false)
            && line.contains("baking")
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Problem::new("the canary does not bake"))
}
