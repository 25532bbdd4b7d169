//! The main job in bad weather: 5 % of all calls go wrong, at AWS and at GitHub, and the story is the same.

use std::fmt::Debug;

use super::release;
use super::stage::Stage;
use crate::github::Weather;
use crate::story::Story;
use crate::world::{Result, Shape, World, seed};

const PERCENT: u64 = 5;

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let seed = seed();
    let mut stage = Stage::create(story, world, Shape::whole("faults")).await?;
    stage.story.step(&format!("{PERCENT} % of all calls go wrong by seed {seed}"));
    let before = [world.dev.proxy.asked(), world.prod.proxy.asked(), stage.repository.github.requests().len()];
    for cell in [&world.dev, &world.prod] {
        cell.proxy.begin_faults(seed, PERCENT);
    }
    stage.repository.github.begin_weather(Weather::new(seed, PERCENT));
    let told = release::tell_shortly(&mut stage).await;
    let after = [world.dev.proxy.asked(), world.prod.proxy.asked(), stage.repository.github.requests().len()];
    let counts = [
        ("dev's AWS", kinds(world.dev.proxy.end_faults())),
        ("prod's AWS", kinds(world.prod.proxy.end_faults())),
        ("GitHub", kinds(stage.repository.github.end_weather())),
    ];
    stage.story.step("what went wrong on the way:");
    let rows = counts
        .iter()
        .zip(after.iter().zip(before))
        .map(|((whose, counts), (after, before))| format!("{whose:10} {:4} calls: {counts}", after - before));
    stage.story.rows(rows);
    if told.is_err() {
        let records = stage.records();
        stage.story.rows(records);
    }
    told?;
    let updates = stage.forget_calls()?;
    stage.story.step(&format!("{updates} updates since the last look, none repeated without a reason"));
    stage.contract()
}

fn kinds<K: Debug>(counts: impl IntoIterator<Item = (K, usize)>) -> String {
    let counts: Vec<String> =
        counts.into_iter().map(|(kind, count)| format!("{kind:?} {count}").replace('"', "")).collect();
    counts.join(", ")
}
