//! The end-to-end tests: real containers, real image pulls, real rollouts, on one machine.
//!
//! A plain `cargo test` cannot run them, for they need a Docker engine and two AWS emulators;
//! `tests/e2e/run` brings those up and then starts this binary. It builds a small world of two
//! accounts and 25 services (`world/`), and plays the scenarios (`scenario/`) in it one after
//! another, as one story a person can read along with. Names on the command line choose among them.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test binary: it prints its story, reads clocks and the environment, and waits"
)]

#[path = "../github/mod.rs"]
mod github;
mod scenario;
mod story;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use story::Story;
use world::World;

#[tokio::main]
async fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut story = Story::begin();
    match play(&mut story, &wanted).await {
        Ok(()) => {
            story.step("all scenarios passed");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            story.step(&format!("FAILED: {problem}"));
            ExitCode::FAILURE
        }
    }
}

async fn play(story: &mut Story, wanted: &[String]) -> world::Result<()> {
    let choice = scenario::choose(wanted)?;
    let world = World::create(story).await?;
    let mut took = Vec::new();
    for scenario in choice.scenarios {
        let began = Instant::now();
        story.chapter(scenario.name(), scenario.about());
        scenario.play(story, &world, choice.bounded).await?;
        let moved = world.restore().await?;
        story.step(&format!("{moved} services put back on the bootstrap version"));
        took.push(format!("{:10} {:6.1} s", scenario.name(), began.elapsed().as_secs_f64()));
    }
    story.chapter("done", "how long each took");
    story.rows(took);
    Ok(())
}
