//! A GitHub inside the test's own process: one repository with its deployments, refs, files,
//! comments and workflow runs, served over plain HTTP on 127.0.0.1.
//!
//! Why not canned answers: tidegate's promises are about what happens between requests (a lost
//! answer, a lock taken by another, a list that lags). Only something with state can show them.
//! And why it can be trusted: every request and every answer is checked against GitHub's own
//! description of its API, see [`contract`]; a test ends by asserting that
//! [`GithubFake::violations`] is empty.
//!
//! Include it at the root of a test crate as `mod github;`.
#![allow(
    dead_code,
    unused_imports,
    clippy::allow_attributes,
    reason = "shared by test crates, each of which uses a part"
)]
#![expect(clippy::unwrap_used, reason = "test support: a panic is how it reports that it is broken itself")]

mod contract;
mod deployments;
mod exchange;
pub(crate) mod faults;
mod git;
mod graphql;
mod issues;
mod oidc;
mod repository;
mod rest;
pub(crate) mod seed;
mod server;
mod weather;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) use deployments::{Deployment, DeploymentStatus};
pub(crate) use exchange::Exchange;
pub(crate) use faults::{Fault, FaultKind};
pub(crate) use issues::Comment;
pub(crate) use repository::{NODE_ID, Release};
pub(crate) use seed::{PullRequest, Role, Seed, WorkflowRun};
pub(crate) use wire::connection::{CuttableListener, Scissors};

pub(crate) use weather::Weather;

use faults::Faults;
use repository::Repository;
use server::{Shared, World};

/// A running fake. It stops when this is dropped.
pub(crate) struct GithubFake {
    world: Shared,
    url: String,
    _stop: oneshot::Sender<()>,
}

impl GithubFake {
    /// Starts to serve. It runs on a thread of its own, so it is there for blocking callers and
    /// child processes too.
    pub(crate) fn start(seed: Seed) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(World {
            repository: Repository::new(seed, Timestamp::now()),
            clock: Arc::new(Timestamp::now),
            faults: Faults::default(),
            exchanges: Vec::new(),
            violations: Vec::new(),
            tampering: None,
            weather: None,
        }));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&world);
        thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                server::serve(listener, shared, stopped).await;
            });
        });
        Self { world, url, _stop: stop }
    }

    /// Where the API begins: no slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The value for `ACTIONS_ID_TOKEN_REQUEST_URL`; callers add `&audience=…`.
    pub(crate) fn oidc_url(&self) -> String {
        format!("{}/_oidc/token?api-version=2.0", self.url)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}

/// What a test arranges while the fake runs.
impl GithubFake {
    pub(crate) fn set_clock(&self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) {
        self.world().clock = Arc::new(clock);
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.world().faults.add(fault);
    }

    /// From now on a share of all requests goes wrong by chance.
    pub(crate) fn begin_weather(&self, weather: Weather) {
        self.world().weather = Some(weather);
    }

    /// From now on nothing goes wrong by chance; answers what did.
    pub(crate) fn end_weather(&self) -> BTreeMap<&'static str, usize> {
        self.world().weather.take().map(|weather| weather.counts()).unwrap_or_default()
    }

    /// The ref lacks commits of the default branch, until an automatic merge.
    pub(crate) fn ref_is_behind(&self, git_ref: &str) {
        let mut world = self.world();
        world.repository.behind.insert(git_ref.to_owned());
    }

    /// These commit status contexts of the ref fail.
    pub(crate) fn contexts_fail(&self, git_ref: &str, contexts: &[&str]) {
        let contexts = contexts.iter().map(|&name| name.to_owned()).collect();
        let mut world = self.world();
        world.repository.failing.insert(git_ref.to_owned(), contexts);
    }

    pub(crate) fn add_user(&self, login: &str, role: Role) {
        self.world().repository.users.insert(login.to_owned(), role);
    }

    /// Adds a pull request, or replaces the one of the same number.
    pub(crate) fn set_pull(&self, pull: PullRequest) {
        let repository = &mut self.world().repository;
        repository.issues.open(&pull);
        repository.pulls.retain(|known| known.number != pull.number);
        repository.pulls.push(pull);
    }

    /// Adds a workflow run, or replaces the one of the same id.
    pub(crate) fn set_run(&self, run: WorkflowRun) {
        let runs = &mut self.world().repository.runs;
        runs.retain(|known| known.id != run.id);
        runs.push(run);
    }

    /// Lets a run that waits for an environment go on.
    pub(crate) fn approve(&self, run: u64, login: &str, environment: &str) {
        self.world().repository.approvals.push((run, login.to_owned(), environment.to_owned()));
    }

    pub(crate) fn set_environment(&self, name: &str, reviewers: &[&str]) {
        let reviewers = reviewers.iter().map(|&login| login.to_owned()).collect();
        self.world().repository.environments.insert(name.to_owned(), reviewers);
    }

    pub(crate) fn make_label(&self, name: &str) {
        self.world().repository.labels.push(name.to_owned());
    }

    pub(crate) fn add_label(&self, issue: u64, label: &str) {
        self.world().repository.issues.add_label(issue, label);
    }

    /// A comment by somebody else.
    pub(crate) fn add_comment(&self, issue: u64, login: &str, body: &str) {
        let mut world = self.world();
        world.repository.issues.add_comment(issue, login, body, Timestamp::now());
    }

    /// Makes a commit exist that was pushed by somebody else.
    pub(crate) fn add_commit(&self, sha: &str) {
        self.world().repository.objects.add_elsewhere(sha);
    }

    /// Changes every JSON answer from now on: for tests of the check itself.
    pub(crate) fn tamper(&self, change: fn(&mut Value)) {
        self.world().tampering = Some(change);
    }
}

/// What a test looks at afterwards.
impl GithubFake {
    /// Every exchange so far, in the order in which they took effect.
    pub(crate) fn requests(&self) -> Vec<Exchange> {
        self.world().exchanges.clone()
    }

    /// How many writes were asked for, whatever came of them: that is what GitHub limits.
    pub(crate) fn writes(&self) -> usize {
        let world = self.world();
        let writes = world.exchanges.iter().filter(|exchange| exchange.is_write);
        writes.count()
    }

    /// Where requests or answers did not agree with GitHub's description.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.world().violations.clone()
    }

    /// Oldest first.
    pub(crate) fn deployments(&self) -> Vec<Deployment> {
        self.world().repository.deployments.all().to_vec()
    }

    /// Oldest first; empty when there is no such deployment.
    pub(crate) fn statuses(&self, deployment: u64) -> Vec<DeploymentStatus> {
        let world = self.world();
        let deployment = world.repository.deployments.get(deployment);
        deployment.map(|known| known.statuses.clone()).unwrap_or_default()
    }

    /// The id that a branch, a tag or a full ref name points at.
    pub(crate) fn head(&self, git_ref: &str) -> Option<String> {
        self.world().repository.resolve(git_ref)
    }

    /// The bytes of a file on a branch.
    pub(crate) fn file(&self, branch: &str, path: &str) -> Option<Vec<u8>> {
        let repository = &self.world().repository;
        let commit = repository.resolve(branch)?;
        repository.file(&commit, path).cloned()
    }

    /// Oldest first.
    pub(crate) fn comments(&self, issue: u64) -> Vec<Comment> {
        let world = self.world();
        let comments = world.repository.issues.comments.iter();
        comments.filter(|comment| comment.issue == issue).cloned().collect()
    }

    /// Oldest first.
    pub(crate) fn releases(&self) -> Vec<Release> {
        self.world().repository.releases.clone()
    }

    pub(crate) fn labels(&self, issue: u64) -> Vec<String> {
        let world = self.world();
        let labels = world.repository.issues.labels(issue);
        labels.unwrap_or_default().to_vec()
    }
}
