//! The bed itself, proved by hand: a new digest reaches one service of one tenant, and the
//! difference is seen where a customer would see it.

use std::time::Duration;

use crate::story::Story;
use crate::world::{BOOTSTRAP, DEV, Problem, Result, World, watch};

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let place = DEV.place("acme", "iam-service");
    let image = world.images.push(place.service, "0.1.0", "").await?;
    story.step(&format!("pushed {}", image.reference));

    let before = world.answer(place).await?;
    let deployment = world.dev.update(place, &image).await?;
    story.step(&format!("{place}: UpdateService answers with deployment {deployment}"));
    let seen = watch(&world.dev, place, Duration::from_secs(3), Duration::from_secs(30)).await?;
    super::breaker::tell(story, world, "good", &seen)?;
    let after = world.answer(place).await?;
    story.step(&format!("{place}: {} -> {}", before.version, after.version));

    if after.version != image.version {
        return Err(Problem::new(format!("{place} still answers {after}")));
    }
    let running = world.dev.tasks(place, "RUNNING").await?;
    if !running.iter().all(|task| task["containers"][0]["imageDigest"] == *image.digest) {
        return Err(Problem::new(format!("{place} runs another digest: {running:?}")));
    }
    for (other, answer) in world.answers().await? {
        if other != place && answer.version != BOOTSTRAP {
            return Err(Problem::new(format!("{other} moved too: {answer}")));
        }
    }
    Ok(())
}
