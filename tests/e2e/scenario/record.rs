//! The proxy, proved by hand: reads are no mutations, writes are, and both reach the emulator.
//!
//! Later scenarios conclude "tidegate changed nothing" from an empty list; this one makes sure
//! that the list is not empty for another reason.

use std::time::Instant;

use crate::story::Story;
use crate::world::{BOOTSTRAP, DEV, Problem, Result, Trying, World};

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let began = Instant::now();
    let place = DEV.place("hooli", "discovery-worker");
    let tidegate = world.dev.through_proxy().await?;

    tidegate.describe(place).await?;
    tidegate.elb.describe_load_balancers().send().await.trying("describe load balancers")?;
    tidegate.ecr.describe_repositories().send().await.trying("describe repositories")?;
    expect(world, 3, &[])?;

    let image = world.images.push(place.service, "0.1.0", "").await?;
    tidegate.update(place, &image).await?;
    tidegate.elb.delete_rule().rule_arn("arn:none").send().await.trying("delete a rule").err();
    expect(world, 6, &["RegisterTaskDefinition", "UpdateService", "DeleteRule"])?;

    let calls = world.dev.mutations();
    story.rows(calls.iter().map(|call| {
        let service = call.body["service"].as_str().unwrap_or("-");
        format!("{:.3} s {} {service} -> {}", (call.at - began).as_secs_f64(), call.action, call.status)
    }));
    if calls[1].body["service"] != *place.family() {
        return Err(Problem::new(format!("the body of UpdateService was not kept: {}", calls[1].body)));
    }
    world.wait_for(place, "0.1.0").await?;
    story.step(&format!("{place}: {BOOTSTRAP} -> 0.1.0, three changing calls of six written down"));
    Ok(())
}

fn expect(world: &World, calls: usize, mutations: &[&str]) -> Result<()> {
    let seen: Vec<String> = world.dev.mutations().into_iter().map(|call| call.action).collect();
    if world.dev.calls().len() == calls && seen == mutations {
        return Ok(());
    }
    Err(Problem::new(format!("{} calls, changing: {seen:?}; not {calls} and {mutations:?}", world.dev.calls().len())))
}
