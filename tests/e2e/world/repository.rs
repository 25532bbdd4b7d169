//! The application's repository, and a workflow run in it: a git checkout with the services' sources,
//! a fleet.yaml that names the two emulators, GitHub's events as files, and the environment that a
//! runner sets. tidegate cannot tell it from a job.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::process::Command;

use super::World;
use super::layout::{DEV, Fleet, PROD, SERVICES};
use super::problem::{Problem, Result, Trying};
use super::tidegate::{Finished, Running, Tidegate};
use crate::github::{GithubFake, Role, Seed};

/// Who merges and labels.
pub(crate) const MAINTAINER: &str = "ana";
/// Who may label, but not push: GitHub's triage role.
pub(crate) const TRIAGER: &str = "tom";
/// The label of fleet.yaml.
const LABEL: &str = "promote:prod";

/// A checkout of the application and the GitHub it belongs to.
pub(crate) struct Repository {
    pub(crate) github: GithubFake,
    folder: PathBuf,
    run_number: u64,
}

/// What a workflow run made of an event.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) finished: Finished,
    outputs: String,
}

impl Ran {
    /// An output of the step.
    pub(crate) fn output(&self, name: &str) -> Option<String> {
        let (_, rest) = self.outputs.split_once(&format!("{name}<<"))?;
        let (fence, rest) = rest.split_once('\n')?;
        rest.split_once(&format!("\n{fence}")).map(|(value, _)| value.to_owned())
    }
}

impl Repository {
    /// A fresh checkout below the world's folder, with every service as it is in this repository.
    pub(crate) async fn create(world: &World) -> Result<Self> {
        let folder = world.work.join("repository");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).trying(folder.display())?;
        }
        for service in &SERVICES {
            copy(&Path::new(service.context).join("Dockerfile"), &folder.join(service.context))?;
            copy(&Path::new(service.context).join(".dockerignore"), &folder.join(service.context))?;
            copy(&Path::new(service.context).join("fault"), &folder.join(service.context))?;
        }
        copy(&Path::new(SERVICES[0].context).join("server"), &folder.join("bin"))?;
        let seed = Seed::new("accessos", "accessos").accept_any_sha().user(MAINTAINER, Role::Maintain);
        let github = GithubFake::start(seed.user(TRIAGER, Role::Triage));
        let repository = Self { github, folder, run_number: 0 };
        repository.write("fleet.yaml", &fleet_yaml(world))?;
        repository.write(".gitignore", "services/*/server\n.events/\n")?;
        repository.write("prepare", PREPARE)?;
        repository.executable("prepare")?;
        repository.git(&["init", "--quiet", "--initial-branch=main"]).await?;
        Ok(repository)
    }

    /// Commits a service's fault, which changes the content of its image, and answers the commit's id.
    pub(crate) async fn commit(&self, service: &str, fault: &str) -> Result<String> {
        let context = SERVICES.iter().find(|s| s.name == service).map(|s| s.context).trying(service)?;
        self.write(&format!("{context}/fault"), &format!("# change {}\n{fault}\n", self.run_number))?;
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--message", &format!("{service}: {fault}")]).await?;
        let head = self.git(&["rev-parse", "HEAD"]).await?;
        Ok(head.trim().to_owned())
    }

    /// The workflow that a merge starts.
    pub(crate) async fn merged(&mut self, commit: &str) -> Result<Ran> {
        self.run_number += 1;
        self.start(&push(commit), "push", commit, &["ci"])?.ran().await
    }

    /// The workflow that a label starts, with the plan that was approved.
    pub(crate) fn labelled(&mut self, commit: &str, by: &str, approved: Option<&str>) -> Result<Job> {
        self.run_number += 1;
        let approved = approved.map(|hash| vec!["--approved-plan", hash]).unwrap_or_default();
        self.start(&labelled(commit, by), "pull_request", commit, &[vec!["ci"], approved].concat())
    }

    /// Label, plan, approval of that plan, and the rollout.
    pub(crate) async fn promoted(&mut self, commit: &str) -> Result<Ran> {
        let plan = self.plan(commit).await?;
        self.labelled(commit, MAINTAINER, Some(&plan))?.ran().await
    }

    /// The hash that waits for approval after the label.
    pub(crate) async fn plan(&mut self, commit: &str) -> Result<String> {
        let asked = self.labelled(commit, MAINTAINER, None)?.ran().await?;
        expect_code(&asked, 4)?;
        asked.output("plan_hash").trying("the plan's hash among the outputs")
    }

    /// The workflow that somebody starts by hand.
    pub(crate) async fn dispatched(&mut self, commit: &str, command: &str, fleet: &Fleet) -> Result<Ran> {
        self.run_number += 1;
        let mut payload = example("workflow_dispatch")?;
        payload["inputs"] = json!({"command": command, "fleet": fleet.name, "version": "", "why": "the story"});
        payload["sender"]["login"] = json!(MAINTAINER);
        self.start(&payload, "workflow_dispatch", commit, &["ci"])?.ran().await
    }

    /// A command as a person types it, in the same surroundings.
    pub(crate) async fn typed(&self, commit: &str, arguments: &[&str]) -> Result<Ran> {
        self.start(&json!({}), "schedule", commit, arguments)?.ran().await
    }

    fn start(&self, payload: &Value, event: &str, commit: &str, arguments: &[&str]) -> Result<Job> {
        let number = self.run_number.to_string();
        self.write(".events/event.json", &payload.to_string())?;
        self.write(".events/output", "")?;
        let api = self.github.url();
        let tidegate = Tidegate::in_folder(&self.folder)
            .with("GITHUB_ACTIONS", "true")
            .with("CI", "true")
            .with("GITHUB_API_URL", api)
            .with("GITHUB_GRAPHQL_URL", &format!("{api}/graphql"))
            .with("GITHUB_REPOSITORY", "accessos/accessos")
            .with("GITHUB_TOKEN", "ghs_0123456789abcdefghijklmnopqrstuvwxyz")
            .with("GITHUB_SHA", commit)
            .with("GITHUB_REF_NAME", "main")
            .with("GITHUB_ACTOR", MAINTAINER)
            .with("GITHUB_RUN_ID", &format!("1000{number}"))
            .with("GITHUB_RUN_NUMBER", &number)
            .with("GITHUB_RUN_ATTEMPT", "1")
            .with("GITHUB_EVENT_NAME", event)
            .with("GITHUB_EVENT_PATH", ".events/event.json")
            .with("GITHUB_OUTPUT", ".events/output")
            .with("GITHUB_STEP_SUMMARY", ".events/summary.md")
            .with("ACTIONS_ID_TOKEN_REQUEST_URL", &self.github.oidc_url())
            .with("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-token");
        Ok(Job { running: tidegate.start(arguments)?, output: self.folder.join(".events/output") })
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().trying(name)?).trying(name)?;
        std::fs::write(&path, text).trying(path.display())
    }

    fn executable(&self, name: &str) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.folder.join(name), std::fs::Permissions::from_mode(0o755)).trying(name)
    }

    async fn git(&self, arguments: &[&str]) -> Result<String> {
        let identity = ["-c", "user.name=ana", "-c", "user.email=ana@a3os.app", "-c", "commit.gpgsign=false"];
        let output = Command::new("git").args(identity).args(arguments).current_dir(&self.folder).output();
        let output = output.await.trying("git")?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Problem::new(format!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr))))
    }
}

/// A workflow run under way.
pub(crate) struct Job {
    running: Running,
    output: PathBuf,
}

impl Job {
    /// Waits for its end.
    pub(crate) async fn ran(self) -> Result<Ran> {
        let finished = self.running.finish().await?;
        let outputs = std::fs::read_to_string(&self.output).trying("GITHUB_OUTPUT")?;
        Ok(Ran { code: finished.status.code().unwrap_or(-1), finished, outputs })
    }

    /// SIGKILL.
    pub(crate) async fn kill(self) -> Result<Finished> {
        self.running.kill().await
    }
}

/// Fails with everything that was printed unless the run ended with this code.
pub(crate) fn expect_code(ran: &Ran, code: i32) -> Result<()> {
    if ran.code == code {
        return Ok(());
    }
    let (out, err) = (&ran.finished.stdout, &ran.finished.stderr);
    Err(Problem::new(format!("exit {} where {code} should be\n{out}\n{err}", ran.code)))
}

/// What `images.prepare` of the scratch repository runs: it puts the built server into each context.
const PREPARE: &str = "#!/bin/sh\nset -eu\nfor context in services/*/; do cp bin/server \"$context\"; done\n";

/// Short times, so that the whole story takes a minute, and the emulators for cells.
fn fleet_yaml(world: &World) -> String {
    let cell = |fleet: &Fleet, endpoint: &str| {
        let (name, account) = (fleet.name, fleet.account);
        format!(
            "  {name}-1: {{ account: \"{account}\", region: eu-west-1, clusters: [{}], endpoint: \"{endpoint}\", \
             registry: \"{}\", role: \"arn:aws:iam::{account}:role/tidegate-{name}\" }}\n",
            fleet.cluster(),
            world.cell(fleet).registry(),
        )
    };
    let services = SERVICES.iter().map(|service| {
        let after = match service.name {
            "iam-service" => "",
            "discovery-worker" => ", after: [discovery-service]",
            _ => ", after: [iam-service]",
        };
        let way = if service.traffic { "port: 8080, health: /healthz" } else { "traffic: none" };
        format!("  {}: {{ build: {}, {way}{after} }}\n", service.name, service.context)
    });
    let tenants = [&DEV, &PROD].into_iter().flat_map(|fleet| {
        fleet.tenants.iter().enumerate().map(move |(index, tenant)| {
            let tags = if index == 0 { ", tags: [canary]" } else { "" };
            format!("    - {{ id: {tenant}, fleet: {}, host: {tenant}.{}{tags} }}\n", fleet.name, fleet.domain)
        })
    });
    let gate = |fleet: &Fleet| {
        let base = world.cell(fleet).registry();
        format!(
            "  {}:\n    rollout: {{ deadline: 1m, poll: 500ms, stopped_tasks_max: 1 }}\n    targets: {{ healthy: all }}\n    \
             probe: {{ url: \"http://{base}/_alb/{}/{{service}}{{health}}\", every: 500ms, failures_max: 2, version: match }}\n    \
             unknown: hold\n",
            fleet.name,
            fleet.load_balancer(),
        )
    };
    format!(
        "schema: 1\napp: accessos\ndomain: a3os.app\nversioning: {{ bump: patch, prerelease: main }}\n\
         images: {{ repository: \"accessos/{{service}}\", cell: dev-1, platforms: [linux/amd64], builder: auto, \
         attest: off, prepare: [./prepare], inputs: [bin] }}\n\
         services:\n{}cells:\n{}{}gates:\n{}{}fleets:\n\
         \x20 dev:\n    cells: [dev-1]\n    deploy_on: merge\n    waves: {{ plan: auto, first: 1, factor: 3, cap: \"max(25%, 6)\" }}\n    \
         bake: 1s\n    gate: dev\n    on_failure: rollback-wave\n\
         \x20 prod:\n    cells: [prod-1]\n    from: dev\n    soak: 0s\n    deploy_on: label\n    label: {LABEL}\n    \
         approval: {{ environment: prod-approval, binds: plan-hash, not_author: true }}\n    waves:\n      \
         - {{ name: canary, select: {{ tag: canary }}, bake: 4s }}\n      \
         - {{ name: rest, plan: auto, factor: 3, cap: \"max(25%, 6)\", bake: 1s }}\n    \
         gate: prod\n    on_failure: rollback-all\n\
         tenants:\n  entries:\n{}",
        services.collect::<String>(),
        cell(&DEV, world.dev.endpoint()),
        cell(&PROD, world.prod.endpoint()),
        gate(&DEV),
        gate(&PROD),
        tenants.collect::<String>(),
    )
}

fn example(event: &str) -> Result<Value> {
    let text = match event {
        "push" => include_str!("../events/push.json"),
        "pull_request" => include_str!("../events/pull_request.labeled.json"),
        _ => include_str!("../events/workflow_dispatch.json"),
    };
    serde_json::from_str(text).trying(event)
}

fn push(commit: &str) -> Value {
    let mut payload = example("push").unwrap_or_default();
    payload["ref"] = json!("refs/heads/main");
    payload["repository"]["default_branch"] = json!("main");
    payload["after"] = json!(commit);
    payload["deleted"] = json!(false);
    payload
}

fn labelled(commit: &str, by: &str) -> Value {
    let mut payload = example("pull_request").unwrap_or_default();
    payload["label"]["name"] = json!(LABEL);
    payload["pull_request"]["merged"] = json!(true);
    payload["pull_request"]["merge_commit_sha"] = json!(commit);
    payload["sender"]["login"] = json!(by);
    payload
}

fn copy(from: &Path, folder: &Path) -> Result<()> {
    let name = from.file_name().trying(from.display())?;
    std::fs::create_dir_all(folder).trying(folder.display())?;
    std::fs::copy(from, folder.join(name)).trying(from.display())?;
    Ok(())
}
