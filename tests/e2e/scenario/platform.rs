//! A release on what Terraform made: its modules are applied to the emulator from what `tenants export` wrote, tidegate
//! releases through the manifests that they publish, and Terraform sees nothing to do. Then Terraform changes a template,
//! which is taken along, shown, and again nothing to do.
//!
//! Nothing is done by hand: services are born at no task on placeholders that are never run, and the first release starts
//! their first tasks, through its gate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::stage::Stage;
use crate::story::Story;
use crate::world::{Problem, Result, Shape, Trying, World, expect_code};

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(300);
/// How infra/test/live.py ends where there is no Terraform or no provider.
const SKIPPED: i32 = 77;
const TENANT: &str = "acme";
const BUCKET: &str = "shop-dev-control-111111111111";

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let mut stage = Stage::create(story, world, Shape::platform("platform")).await?;
    let first = stage.repository.commit("iam-service", "").await?;
    let inputs = exported(&mut stage, &first).await?;
    let made = match run(&stage, &["apply", &inputs]).await? {
        (0, said) => said,
        (SKIPPED, why) => {
            stage.story.step(&format!("platform: skipped: {}", why.trim()));
            return Ok(());
        }
        (_, said) => return Err(Problem::new(said)),
    };
    stage.story.step(&format!("platform: terraform apply: {}", made.trim()));
    let quiet = plan(&stage).await?;
    stage.story.step(&format!("platform: a second plan: {}", told(&quiet)));
    born(&mut stage).await?;

    let ran = stage.repository.merged(&first).await?;
    stage.story.rows(ran.finished.stdout.lines());
    expect_code(&ran, 0)?;
    begun(&mut stage, &ran.finished.stdout).await?;
    let version = ran.output("version").trying("the release's version")?;
    everybody(&mut stage, &version, "512").await?;
    same(&mut stage, &quiet, "a release").await?;

    let next: Value = serde_json::from_str(&terraform(&stage, &["plan", "1024"]).await?).trying("Terraform's plan")?;
    let more: Vec<&String> =
        next.as_object().trying("a plan")?.keys().filter(|what| quiet.get(what).is_none()).collect();
    stage.story.step(&format!("platform: more memory for every service is one change more: {more:?}"));
    if more != ["module.tenant[\"acme\"].module.set.aws_s3_object.manifest"] {
        return Err(Problem::new("it is not the manifest alone"));
    }
    terraform(&stage, &["apply", &inputs, "1024"]).await?;
    everybody(&mut stage, &version, "512").await?;
    let planned = stage.repository.typed(&first, &["plan", "--fleet", "dev", "--version", &version]).await?;
    stage.story.rows(planned.finished.stdout.lines());
    shown(&planned.finished.stdout)?;
    let second = stage.repository.commit("audit-service", "").await?;
    let ran = stage.repository.merged(&second).await?;
    stage.story.rows(ran.finished.stdout.lines());
    expect_code(&ran, 0)?;
    shown(&ran.finished.stdout)?;
    everybody_runs(&stage, "1024").await?;
    stage.story.step("platform: the release after it took the new templates along, of the unchanged image too");
    same(&mut stage, &quiet, "a template change").await?;

    stage.forget_calls()?;
    expect_code(&stage.repository.merged(&second).await?, 0)?;
    let calls: Vec<String> = stage.world.dev.mutations().into_iter().map(|call| call.action).collect();
    stage.story.step(&format!("platform: released again: {} changing calls", calls.len()));
    if !calls.is_empty() {
        return Err(Problem::new(format!("a second run changed something: {calls:?}")));
    }
    super::actions::compare(&mut stage).await?;
    stage.contract()
}

/// The plan told which fields change, of the service whose image stays as well.
fn shown(said: &str) -> Result<()> {
    let wanted = [
        "configuration of audit-service for acme: memory 512 -> 1024",
        "configuration of iam-service for acme: memory 512 -> 1024",
    ];
    match wanted.iter().find(|line| !said.contains(*line)) {
        None => Ok(()),
        Some(missing) => Err(Problem::new(format!("nothing says `{missing}` in\n{said}"))),
    }
}

/// fleet.yaml as Terraform gets it.
async fn exported(stage: &mut Stage<'_>, commit: &str) -> Result<String> {
    let folder = stage.world.save("platform/dev/keep", "")?;
    let envs = folder.parent().and_then(Path::parent).trying("folder")?.to_owned();
    let words = ["tenants", "export", "--dir", envs.to_str().trying("path")?];
    expect_code(&stage.repository.typed(commit, &words).await?, 0)?;
    let file = envs.join("dev/fleet.auto.tfvars.json");
    stage.story.step("platform: tenants export wrote Terraform's inputs");
    Ok(file.to_str().trying("path")?.to_owned())
}

/// Terraform on the emulator itself: the proxy's record is tidegate's.
async fn terraform(stage: &Stage<'_>, words: &[&str]) -> Result<String> {
    match run(stage, words).await? {
        (0, said) => Ok(said),
        (_, said) => Err(Problem::new(said)),
    }
}

/// Its exit code and what it said.
async fn run(stage: &Stage<'_>, words: &[&str]) -> Result<(i32, String)> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("infra/test/live.py");
    let mut command = tokio::process::Command::new("python3");
    command.arg(script).args(["release", stage.world.dev.url()]).args(words);
    let done = command.output().await.trying("python3")?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let errors = String::from_utf8_lossy(&done.stderr);
    Ok((done.status.code().unwrap_or(-1), if done.status.success() { said } else { format!("{said}{errors}") }))
}

/// What Terraform would change, by address.
async fn plan(stage: &Stage<'_>) -> Result<Value> {
    serde_json::from_str(&terraform(stage, &["plan"]).await?).trying("Terraform's plan")
}

fn told(plan: &Value) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for what in plan.as_object().into_iter().flatten().map(|(what, _)| what) {
        let kind = what.split('.').find(|part| part.starts_with("aws_")).unwrap_or(what);
        *kinds.entry(kind).or_default() += 1;
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
    if kinds.is_empty() { "no changes".to_owned() } else { format!("{}, which the emulator causes", kinds.join(", ")) }
}

/// Terraform would do what it would have done before, and nothing of tidegate's is in it.
async fn same(stage: &mut Stage<'_>, quiet: &Value, after: &str) -> Result<()> {
    let now = plan(stage).await?;
    stage.story.step(&format!("platform: the plan after {after}: {}", told(&now)));
    let ours = ["\"task_definition\"", "\"desired_count\"", "\"min_capacity\"", "\"suspended_state\""];
    let touched = ours.iter().find(|field| now.to_string().contains(*field));
    if &now == quiet && touched.is_none() { Ok(()) } else { Err(Problem::new(format!("it was {}", told(quiet)))) }
}

fn family(service: &str) -> String {
    format!("shop-dev-{TENANT}-{service}")
}

async fn manifest(stage: &Stage<'_>) -> Result<Value> {
    let text = stage.world.dev.get(&format!("/{BUCKET}/sets/{TENANT}/manifest.json"), "").await?.1;
    serde_json::from_str(&text).trying("the manifest")
}

/// Every service is as Terraform makes it.
async fn born(stage: &mut Stage<'_>) -> Result<()> {
    for service in stage.repository.shape.services() {
        let before = describe(stage, service.name).await?;
        if before["desiredCount"] != 0 || !before["taskDefinition"].to_string().contains("placeholder-") {
            return Err(Problem::new(format!("it is not born asleep: {before}")));
        }
    }
    stage.story.step("platform: born at 0 tasks on placeholders");
    Ok(())
}

/// The release said that it starts the first tasks of every service, and has: as many as the manifest says.
async fn begun(stage: &mut Stage<'_>, said: &str) -> Result<()> {
    let manifest = manifest(stage).await?;
    for service in stage.repository.shape.services() {
        let wanted = &manifest["services"][service.name]["scaling"]["min"];
        let has = describe(stage, service.name).await?["desiredCount"].clone();
        let line = format!("starts its first tasks ({wanted})");
        if &has != wanted || !said.contains(&line) {
            return Err(Problem::new(format!("{}: {has} tasks, and not `{line}` in\n{said}", service.name)));
        }
    }
    stage.story.step("platform: the first release started the first tasks of every service");
    Ok(())
}

async fn describe(stage: &Stage<'_>, service: &str) -> Result<Value> {
    let request = json!({ "cluster": "shop-dev", "services": [family(service)] });
    let mut answer = stage.world.dev.ecs_json("DescribeServices", &request).await?;
    Ok(answer["services"][0].take())
}

/// Waits until a service answers this version from its container.
async fn answers(stage: &Stage<'_>, service: &str, version: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, body) =
            stage.world.dev.get(&format!("/_alb/shop-dev/{service}/healthz"), "acme.dev.shop.test").await?;
        let fields: Value = serde_json::from_str(&body).unwrap_or_default();
        if status == 200 && fields["version"] == version && fields["tenant"] == TENANT {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Problem::new(format!("{service} answers {status} {body} where {version} should run")));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Every service answers this version and runs on this much memory.
async fn everybody(stage: &mut Stage<'_>, version: &str, memory: &str) -> Result<()> {
    for service in stage.repository.shape.services() {
        answers(stage, service.name, version).await?;
    }
    everybody_runs(stage, memory).await?;
    stage.story.step(&format!("platform: every service answers {version} on {memory} MiB"));
    Ok(())
}

/// What runs was made from a published template, by tidegate, and says this of the memory.
async fn everybody_runs(stage: &Stage<'_>, memory: &str) -> Result<()> {
    for service in stage.repository.shape.services() {
        let arn = describe(stage, service.name).await?["taskDefinition"].clone();
        let request = json!({ "taskDefinition": arn, "include": ["TAGS"] });
        let found = stage.world.dev.ecs_json("DescribeTaskDefinition", &request).await?;
        let tag = |name: &str| {
            let tags = found["tags"].as_array().into_iter().flatten();
            tags.filter(|tag| tag["key"] == name).find_map(|tag| tag["value"].as_str()).map(str::to_owned)
        };
        let role = found["taskDefinition"]["taskRoleArn"].as_str().unwrap_or_default();
        let made = tag("tidegate:template").is_some() && tag("tidegate:published").is_some();
        let owned = role.ends_with(&format!("role/shop/dev/sets/{}", family(service.name)));
        if found["taskDefinition"]["memory"] != memory || !made || !owned || tag("tenant").as_deref() != Some(TENANT) {
            return Err(Problem::new(format!("{} runs {found}", service.name)));
        }
    }
    Ok(())
}
