//! The application's repository: a git checkout with the services' sources and a fleet.yaml that names the two
//! emulators, and the GitHub it belongs to. What runs in it is in `workflow`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::process::Command;

use super::World;
use super::fleet_file::Shape;
use super::layout::{SMOKE, SMOKE_SOURCE};
use super::problem::{Problem, Result, Trying};
use crate::github::{GithubFake, Role, Seed};

/// Who merges and labels.
pub(crate) const MAINTAINER: &str = "ana";
/// Who may label, but not push: GitHub's triage role.
pub(crate) const TRIAGER: &str = "tom";

/// A checkout of the application and the GitHub it belongs to.
pub(crate) struct Repository {
    pub(crate) github: Arc<GithubFake>,
    pub(crate) shape: Shape,
    pub(super) folder: PathBuf,
    pub(super) run_number: u64,
    /// Commands that were started: each has its own event file and its own outputs.
    pub(super) started: u64,
    /// Runs that did more than look.
    pub(super) deployed: BTreeSet<u64>,
}

impl Repository {
    /// A fresh checkout below the world's folder, with its services as they are in this repository.
    pub(crate) async fn create(world: &World, shape: Shape) -> Result<Self> {
        let folder = world.work.join("repository");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).trying(folder.display())?;
        }
        for service in shape.services() {
            for file in ["Dockerfile", ".dockerignore", "fault"] {
                copy(&Path::new(service.context).join(file), &folder.join(service.context))?;
            }
            world.dev.ensure_repository(&shape.repository(service)).await?;
        }
        if shape.smoke {
            for file in ["Dockerfile", ".dockerignore", "fault"] {
                copy(&Path::new(SMOKE_SOURCE.context).join(file), &folder.join(SMOKE.context))?;
            }
            world.dev.ensure_repository(&shape.repository(&SMOKE)).await?;
        }
        for service in shape.coordinators() {
            for file in ["Dockerfile", ".dockerignore"] {
                copy(&Path::new(service.context).join(file), &folder.join(service.context))?;
            }
            for file in ["program", "certificates"] {
                copy(&Path::new(service.context).join(file), &folder.join(PROGRAMS).join(service.context))?;
            }
        }
        copy(&Path::new(shape.services()[0].context).join("server"), &folder.join("bin"))?;
        let seed = Seed::new("accessos", "accessos").accept_any_sha().user(MAINTAINER, Role::Maintain);
        let github = Arc::new(GithubFake::start(seed.user(TRIAGER, Role::Triage)));
        let repository = Self { github, shape, folder, run_number: 0, started: 0, deployed: BTreeSet::new() };
        world.dev.proxy.forget_actions();
        world.prod.proxy.forget_actions();
        repository.write("fleet.yaml", &shape.fleet_yaml(world))?;
        repository.write(".gitignore", IGNORED)?;
        repository.write("prepare", PREPARE)?;
        repository.executable("prepare")?;
        repository.git(&["init", "--quiet", "--initial-branch=main"]).await?;
        Ok(repository)
    }

    /// Commits a service's fault, which changes the content of its image, and answers the commit's id.
    pub(crate) async fn commit(&self, service: &str, fault: &str) -> Result<String> {
        let mut known = self.shape.services().iter().chain([&SMOKE]);
        let context = known.find(|s| s.name == service).map(|s| s.context).trying(service)?;
        self.write(&format!("{context}/fault"), &format!("# change {}\n{fault}\n", self.run_number))?;
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--message", &format!("{service}: {fault}")]).await?;
        let head = self.git(&["rev-parse", "HEAD"]).await?;
        Ok(head.trim().to_owned())
    }

    /// Changes fleet.yaml, before it is committed.
    pub(crate) fn change_fleet_file(&self, change: impl FnOnce(String) -> Result<String>) -> Result<()> {
        let text = change(self.text("fleet.yaml")?)?;
        self.write("fleet.yaml", &text)
    }

    /// The text of a file of the checkout.
    pub(crate) fn text(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name);
        std::fs::read_to_string(&path).trying(path.display())
    }

    /// A file in the checkout that is not committed.
    pub(crate) fn keep(&self, name: &str, text: &str) -> Result<()> {
        self.write(name, text)
    }

    /// Which kind of job an AWS session was of, by the run that its name tells.
    pub(crate) fn job(&self, session: &str) -> Option<&'static str> {
        let run: u64 = session.rsplit('-').next()?.parse().ok()?;
        Some(if self.deployed.contains(&run) { "deploy" } else { "plan" })
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
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

/// What git does not see: what is built, and what is no part of the application.
const IGNORED: &str = "services/*/server\ncontrol-plane/*/program\ncontrol-plane/*/certificates\n\
                       control-plane/*/fleet.yaml\n.programs/\n.events/\nlicenses/\n*.pem\n";
/// Where the programs of the control plane lie.
const PROGRAMS: &str = ".programs";
/// What `images.prepare` of the scratch repository runs: it puts into each context what `services/prepare` would.
const PREPARE: &str = "#!/bin/sh\nset -eu\nfor context in services/*/; do cp bin/server \"$context\"; done\n\
                       if [ -d .programs ]; then cp -rlf .programs/. . && cp fleet.yaml control-plane/routing/; fi\n";

fn copy(from: &Path, folder: &Path) -> Result<()> {
    let name = from.file_name().trying(from.display())?;
    std::fs::create_dir_all(folder).trying(folder.display())?;
    std::fs::copy(from, folder.join(name)).trying(from.display())?;
    Ok(())
}
