//! The control plane, released by tidegate ahead of the tenants, as four containers of its own programs; and then what it is
//! for. The registry lists, licensing hands a tenant its licence, and a request for the shared hostname goes through the
//! router's container to its tenant's and to no other's: a pause makes it a 503 with a page, a move sends it to the tenant's
//! new place, which serves it, and a rollback of the snapshot brings it back. What people decide is published by the
//! publisher's container.

use serde_json::Value;

use super::stage::{Released, Stage};
use crate::story::Story;
use crate::world::{
    BOOTSTRAP, CONTROL_PLANE, COORDINATORS, ControlPlane, DEV, PROD, Place, Problem, ROUTING_KEY, Result, Router,
    SERVICES, Shape, Trying, World, expect_code,
};

const PATH: &str = "/iam-service/whoami";
/// Who moves, and where to: a container in the other account, behind the load balancer there.
const MOVES: &str = "hooli";

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let shape = Shape { dev_tenants: 2, control_plane: true, ..Shape::small("routing") };
    let mut stage = Stage::create(story, world, shape).await?;
    let plane = ControlPlane::create(world, &mut stage.repository).await?;
    let released = first_release(&mut stage, &plane).await?;
    answers(&mut stage, &plane).await?;

    waited(&mut stage, &released.commit).await?;

    let router = Router::behind(&world.dev)?;
    let root = router.at(DEV.domain, "/").await?;
    stage.story.step(&format!("{}: {}, a page of {} bytes", DEV.domain, root.status, root.body.len()));
    expect(root.status == 200 && root.body.contains("<form"), &root)?;
    for tenant in DEV.tenants {
        serves(&mut stage, &router, tenant, &released.version).await?;
    }
    paused(&mut stage, &router, &plane, &released.commit).await?;
    serves(&mut stage, &router, MOVES, &released.version).await?;

    moved(&mut stage, &router, &released.commit).await?;
    routed(&mut stage, &released.commit, &["rollback", "--fleet", "dev"]).await?;
    for tenant in DEV.tenants {
        serves(&mut stage, &router, tenant, &released.version).await?;
    }
    unchanged(&mut stage, &released).await?;
    plane.end().await?;
    stage.contract()
}

fn expect(holds: bool, found: &impl std::fmt::Debug) -> Result<()> {
    if holds { Ok(()) } else { Err(Problem::new(format!("it is {found:?}"))) }
}

/// All four run what was released, and were up before the first service of a tenant was touched.
async fn first_release(stage: &mut Stage<'_>, plane: &ControlPlane<'_>) -> Result<Released> {
    stage.forget_calls()?;
    let released = stage.merge("iam-service", "").await?;
    let updated: Vec<String> = stage
        .world
        .dev
        .mutations()
        .iter()
        .filter(|call| call.action == "UpdateService")
        .filter_map(|call| {
            call.body["service"].as_str().map(|name| name.trim_start_matches("accessos-dev-").to_owned())
        })
        .collect();
    stage.story.step(&format!("released {}: {}", released.version, updated.join(", ")));
    let ours = |name: &String| name.starts_with(CONTROL_PLANE);
    let (first, then) = updated.split_at(updated.iter().take_while(|name| ours(name)).count());
    expect(first.len() == COORDINATORS.len() && !then.is_empty() && !then.iter().any(ours), &updated)?;
    recorded(stage)?;
    for service in COORDINATORS.iter().filter(|service| service.traffic) {
        let said = plane.ask(service.name, "/healthz", None).await?;
        stage.story.rows([format!("{}: {} {}", service.name, said.status, said.json())]);
        expect(said.status == 200 && said.json()["version"] == released.version.as_str(), &said)?;
        expect(said.json()["service"] == service.name && said.json()["fleet"] == "dev", &said)?;
    }
    Ok(released)
}

/// GitHub's record of the deployment says the same: the control plane's wave was over before another began.
fn recorded(stage: &mut Stage<'_>) -> Result<()> {
    let deployments = stage.repository.github.deployments();
    let newest = deployments.iter().max_by_key(|deployment| deployment.id).trying("a deployment")?;
    let told: Vec<&str> = newest.statuses.iter().map(|status| status.description.as_str()).collect();
    stage.story.rows(told.iter().map(|line| format!("deployment {}: {line}", newest.id)));
    let first = |words: &str| told.iter().position(|line| line.contains(words));
    let (begun, next) = (first("started wave 1/3 control-plane"), first("wave 2/3"));
    expect(begun == Some(0) && next > begun, &told)
}

/// The registry and licensing give what they have to who may have it.
async fn answers(stage: &mut Stage<'_>, plane: &ControlPlane<'_>) -> Result<()> {
    let tenants = plane.tenants().await?;
    stage.story.step(&format!("the registry lists {}", tenants.join(", ")));
    expect(tenants == ["acme active", "hooli active"], &tenants)?;
    let stranger = plane.ask("tenant-registry", "/v1/tenants", Some("a stranger's")).await?;
    expect(stranger.status == 401, &stranger)?;
    let said = plane.ask("licensing", "/v1/license", Some(&plane.claim())).await?;
    expect(said.status == 200, &said)?;
    let licence = plane.licence(&said.body)?;
    stage.story.step(&format!("licensing gives {} its licence: serial {}", licence.tenant, licence.serial));
    let stranger = plane.ask("licensing", "/v1/license", None).await?;
    expect(stranger.status == 401, &stranger)
}

/// A tenant that sleeps gets a page, and nobody else does. Nobody publishes here but the publisher.
async fn paused(stage: &mut Stage<'_>, router: &Router, plane: &ControlPlane<'_>, commit: &str) -> Result<()> {
    let words = ["pause", "--fleet", "dev", "--tenant", MOVES, "--why", "a quiet night"];
    expect_code(&stage.repository.typed(commit, &words).await?, 0)?;
    let got = router.until(MOVES, PATH, |got| got.status == 503 && got.body.contains("<html")).await?;
    stage.story.step(&format!("{MOVES} sleeps: 503, a page of {} bytes, Retry-After {}", got.body.len(), got.header));
    let other = router.get("acme", PATH).await?;
    expect(other.status == 200 && !got.header.is_empty(), &(other, got))?;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while plane.tenants().await? != ["acme active", "hooli paused"] {
        expect(std::time::Instant::now() < deadline, &plane.tenants().await?)?;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    stage.story.step("the registry lists it as paused");
    let words = ["resume", "--fleet", "dev", "--tenant", MOVES, "--why", "morning"];
    expect_code(&stage.repository.typed(commit, &words).await?, 0)
}

/// The tenant has containers in another account: the router leads there, and there it is served.
async fn moved(stage: &mut Stage<'_>, router: &Router, commit: &str) -> Result<()> {
    let prod = &stage.world.prod;
    let there = Place { fleet: &PROD, tenant: MOVES, service: &SERVICES[0] };
    let revision = prod.register(there, stage.world.first_image()).await?;
    let group = prod.create_route(&mut prod.listener().await?, there).await?;
    prod.create_service(there, &revision, Some(&group)).await?;
    stage.world.wait_for(there, BOOTSTRAP).await?;
    let host = there.host();

    let words = ["set", "--fleet", "dev", "--tenant", MOVES, "--state", "moved", "--to", host.as_str()];
    routed(stage, commit, &words).await?;
    waited(stage, commit).await?;
    let got = router.get(MOVES, PATH).await?;
    expect(got.status == 308, &got)?;
    stage.story.step(&format!("{MOVES} has moved: 308 to {}", got.header));
    let path = got.header.strip_prefix(&format!("https://{host}")).trying(format!("{host} in {}", got.header))?;
    let served = Router::behind(&stage.world.prod)?.at(&host, path).await?;
    let says: Value = serde_json::from_str(&served.body).unwrap_or_default();
    stage.story.step(&format!("{host}{path}: {} of fleet {}", says["tenant"], says["fleet"]));
    expect(served.status == 200 && says["tenant"] == MOVES && says["fleet"] == PROD.name, &served)?;
    stage.world.prod.delete_service(there).await
}

/// Every router says that it serves what is published: tidegate is told so through the bucket, by the container.
async fn waited(stage: &mut Stage<'_>, commit: &str) -> Result<()> {
    let ran = stage.repository.typed(commit, &["routing", "wait", "--fleet", "dev"]).await?;
    stage.story.step(&format!("routing wait: {}", ran.finished.stdout.trim()));
    expect_code(&ran, 0)
}

/// A command of `routing` that publishes. The publisher publishes too: where it was quicker, it is asked for again.
async fn routed(stage: &mut Stage<'_>, commit: &str, words: &[&str]) -> Result<()> {
    let words = [&["routing"], words, &["--key", ROUTING_KEY, "--why", "a story"]].concat();
    let mut ran = stage.repository.typed(commit, &words).await?;
    if ran.code != 0 && words.contains(&"set") {
        ran = stage.repository.typed(commit, &words).await?;
    }
    expect_code(&ran, 0)?;
    let last = ran.finished.stdout.lines().rfind(|line| !line.starts_with("::") && !line.is_empty());
    stage.story.step(last.unwrap_or_default());
    Ok(())
}

/// The tenant's own container answers, with this version.
async fn serves(stage: &mut Stage<'_>, router: &Router, tenant: &str, version: &str) -> Result<()> {
    let got = router.until(tenant, PATH, |got| got.status == 200).await?;
    let says: Value = serde_json::from_str(&got.body).trying("what the container says")?;
    stage.story.rows([format!("/t/{tenant}{PATH}: {} {}", says["tenant"], says["version"])]);
    match says["tenant"] == tenant && says["version"] == version {
        true => Ok(()),
        false => Err(Problem::new(format!("{tenant} gets the answer of somebody else: {}", got.body))),
    }
}

/// The same commit again: nothing is built, nothing is deployed, of the control plane neither.
async fn unchanged(stage: &mut Stage<'_>, released: &Released) -> Result<()> {
    stage.world.dev.forget_calls();
    expect_code(&stage.repository.merged(&released.commit).await?, 0)?;
    let updates = stage.forget_calls()?;
    stage.story.step(&format!("released again: {updates} updates"));
    expect(updates == 0, &updates)
}
