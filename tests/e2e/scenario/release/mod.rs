//! The main job from merge to rollback, as one story: each part stands on what the part before it left.

mod again;
mod broken;
mod killed;
mod promote;
mod push;
mod rollback;

use super::stage::Stage;
use crate::story::Story;
use crate::world::{Result, Shape, World};

/// The parts that any weather must let happen: merge, label and approval, a broken version taken back, rollback.
pub(super) async fn tell_shortly(stage: &mut Stage<'_>) -> Result<()> {
    let first = push::play(stage).await?;
    promote::play(stage, &first).await?;
    broken::stopped_in_prod(stage, &first, "never-healthy fleet=prod", "probe_failed").await?;
    rollback::play(stage, &first).await.map(drop)
}

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let mut stage = Stage::create(story, world, Shape::whole("release")).await?;
    let first = push::play(&mut stage).await?;
    promote::play(&mut stage, &first).await?;
    broken::play(&mut stage, &first).await?;
    let second = rollback::play(&mut stage, &first).await?;
    let third = killed::play(&mut stage, &second).await?;
    again::play(&mut stage, &third).await?;
    super::actions::compare(&mut stage).await?;
    stage.contract()
}
