//! A version that is broken for one tenant alone, in a fleet that can bear it: that tenant stays on what it ran, the
//! others get the new version, and nobody can overlook it.

use std::collections::BTreeMap;

use super::stage::Stage;
use crate::story::Story;
use crate::world::{PROD, Problem, Result, Shape, World, expect_code};

const TENANT: &str = "umbrella";

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let shape = Shape { failure_budget: 1, rest_first: 2, ..Shape::small("quarantine") };
    let mut stage = Stage::create(story, world, shape).await?;
    let good = stage.merge("iam-service", "").await?;
    expect_code(&stage.repository.promoted(&good.commit).await?, 0)?;

    let fault = format!("never-healthy fleet=prod tenant={TENANT}");
    stage.story.step(&format!("iam-service with `{fault}` is merged and promoted"));
    let partly = stage.merge("iam-service", &fault).await?;
    stage.forget_calls()?;
    let ran = stage.repository.promoted(&partly.commit).await?;
    stage.story.rows(ran.finished.stdout.lines());
    expect_code(&ran, 6)?;
    let (old, new) = (good.version.as_str(), partly.version.as_str());
    stage.tenant_answers(&PROD, "globex", &BTreeMap::from([("iam-service", new)])).await?;
    stage.tenant_answers(&PROD, "initech", &BTreeMap::from([("iam-service", new)])).await?;
    stage.tenant_answers(&PROD, TENANT, &BTreeMap::from([("iam-service", old)])).await?;
    stage.deployment_is(&PROD, false, "success")?;
    if ran.output("decision").as_deref() != Some("succeeded_with_exceptions") {
        return Err(Problem::new(format!("decision is {:?}", ran.output("decision"))));
    }
    let told = ran
        .finished
        .stdout
        .lines()
        .filter(|line| !line.starts_with("::"))
        .any(|line| line.contains(TENANT) && line.contains("probe"));
    if !told {
        return Err(Problem::new(format!("{TENANT} is not named as left behind")));
    }
    stage.forget_calls()?;
    stage.contract()
}
