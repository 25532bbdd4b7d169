//! f. A finished rollout is run again, by merge and by label: no call changes anything, in AWS or on GitHub.

use super::super::stage::{Released, Stage};
use crate::world::{MAINTAINER, Problem, Result, expect_code};

pub(super) async fn play(stage: &mut Stage<'_>, released: &Released) -> Result<()> {
    stage.story.step(&format!("f. the runs that released {} are run again", released.version));
    stage.forget_calls()?;
    let writes = stage.repository.github.writes();
    expect_code(&stage.repository.merged(&released.commit).await?, 0)?;
    expect_code(&stage.repository.labelled(&released.commit, MAINTAINER, None)?.ran().await?, 0)?;
    let mutations: Vec<String> = [&stage.world.dev, &stage.world.prod]
        .into_iter()
        .flat_map(|cell| cell.mutations())
        .map(|call| call.action)
        .collect();
    let written = stage.repository.github.writes() - writes;
    stage.story.step(&format!("   {} mutating AWS calls, {written} writes to GitHub", mutations.len()));
    if mutations.is_empty() && written == 0 {
        return Ok(());
    }
    Err(Problem::new(format!("a second run changed something: {mutations:?}, {written} writes")))
}
