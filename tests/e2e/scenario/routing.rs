//! The shared hostname: a request to the edge router reaches its tenant's container and no other's; a pause makes it 503
//! with a page, a move sends it elsewhere, and a rollback of the snapshot brings it back. The router is a process of its
//! own with the emulator's S3; containers and load balancer are those of the other stories.

use accessos_routing::SigningKey;

use super::stage::Stage;
use crate::story::Story;
use crate::world::{DEV, Problem, Result, Router, Shape, Trying, World, expect_code};

const BUCKET: &str = "accessos-dev-routing";
const KEY: &str = "routing.pem";
const PATH: &str = "/iam-service/whoami";
/// Where the tenant that moves is served from then on.
const ELSEWHERE: &str = "hooli.eu.a3os.test";

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let key = SigningKey::generate().map_err(Problem::new)?;
    let public = SigningKey::from_pem(&key).map_err(Problem::new)?.public().to_string();
    world.dev.create_bucket(BUCKET).await?;
    let shape = Shape { dev_tenants: 2, ..Shape::small("routing") };
    let mut stage = Stage::create(story, world, shape).await?;
    stage.repository.route_by(BUCKET, &public, &world.dev)?;
    stage.repository.keep(KEY, &key)?;
    let released = stage.merge("iam-service", "").await?;
    routed(&mut stage, &released.commit, &["publish", "--fleet", "dev", "--key", KEY]).await?;

    let state = world.folder("router");
    let router = Router::start(&world.dev, BUCKET, &public, &state).await?;
    for tenant in DEV.tenants {
        serves(&mut stage, &router, tenant, &released.version).await?;
    }
    paused(&mut stage, &router, &released.commit).await?;
    routed(&mut stage, &released.commit, &["publish", "--fleet", "dev", "--key", KEY]).await?;
    serves(&mut stage, &router, "hooli", &released.version).await?;

    let why = ["--why", "a story"];
    let moved = ["set", "--fleet", "dev", "--tenant", "hooli", "--state", "moved", "--to", ELSEWHERE, "--key", KEY];
    routed(&mut stage, &released.commit, &[&moved[..], &why].concat()).await?;
    let got = router.until("hooli", PATH, |got| got.status == 308).await?;
    stage.story.step(&format!("hooli has moved: 308 to {}", got.header));
    if !got.header.starts_with(&format!("https://{ELSEWHERE}/")) {
        return Err(Problem::new(format!("it leads to {}", got.header)));
    }
    routed(&mut stage, &released.commit, &[&["rollback", "--fleet", "dev", "--key", KEY][..], &why].concat()).await?;
    for tenant in DEV.tenants {
        serves(&mut stage, &router, tenant, &released.version).await?;
    }
    stage.contract()
}

/// A tenant that sleeps gets a page, and nobody else does.
async fn paused(stage: &mut Stage<'_>, router: &Router, commit: &str) -> Result<()> {
    let words = ["pause", "--fleet", "dev", "--tenant", "hooli", "--why", "a quiet night"];
    expect_code(&stage.repository.typed(commit, &words).await?, 0)?;
    routed(stage, commit, &["publish", "--fleet", "dev", "--key", KEY]).await?;
    let got = router.until("hooli", PATH, |got| got.status == 503 && got.body.contains("<html")).await?;
    stage.story.step(&format!("hooli sleeps: 503, a page of {} bytes, Retry-After {}", got.body.len(), got.header));
    let other = router.get("acme", PATH).await?;
    if other.status != 200 || got.header.is_empty() {
        return Err(Problem::new(format!("acme gets {other:?}, hooli {got:?}")));
    }
    let words = ["resume", "--fleet", "dev", "--tenant", "hooli", "--why", "morning"];
    expect_code(&stage.repository.typed(commit, &words).await?, 0)
}

/// A command of `routing`.
async fn routed(stage: &mut Stage<'_>, commit: &str, words: &[&str]) -> Result<()> {
    let ran = stage.repository.typed(commit, &[&["routing"], words].concat()).await?;
    expect_code(&ran, 0)?;
    let last = ran.finished.stdout.lines().rfind(|line| !line.starts_with("::") && !line.is_empty());
    stage.story.step(last.unwrap_or_default());
    Ok(())
}

/// The tenant's own container answers, with this version.
async fn serves(stage: &mut Stage<'_>, router: &Router, tenant: &str, version: &str) -> Result<()> {
    let got = router.until(tenant, PATH, |got| got.status == 200).await?;
    let says: serde_json::Value = serde_json::from_str(&got.body).trying("what the container says")?;
    stage.story.rows([format!("/t/{tenant}{PATH}: {} {}", says["tenant"], says["version"])]);
    match says["tenant"] == tenant && says["version"] == version {
        true => Ok(()),
        false => Err(Problem::new(format!("{tenant} gets the answer of somebody else: {}", got.body))),
    }
}
