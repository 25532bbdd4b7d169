//! The tool under test is there, starts, and can be killed: what all later scenarios rest on.

use std::path::Path;

use crate::story::Story;
use crate::world::{Problem, Result, Tidegate, World};

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let tidegate = Tidegate::in_folder(Path::new(".")).with("NO_COLOR", "1");
    let version = tidegate.run(&["--version"]).await?;
    story.step(&format!("tidegate --version: {} in {:.3} s", version.status, version.took.as_secs_f64()));
    story.rows(version.stdout.lines().chain(version.stderr.lines()));
    if !version.status.success() {
        return Err(Problem::new("tidegate cannot even say its version"));
    }
    let killed = tidegate.start(&["--version"])?.kill().await?;
    story.step(&format!("the same, killed at once: {}", killed.status));
    if !(world.dev.mutations().is_empty() && world.prod.mutations().is_empty()) {
        return Err(Problem::new("asking for the version changed something in AWS"));
    }
    Ok(())
}
