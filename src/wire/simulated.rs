//! Commands on a simulated world that is kept in a folder between them.

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::adapters::sim::Sim;
use crate::app::progress::Observer;
use crate::app::{App, Readers, Writers};
use crate::cli::args::Command;
use crate::cli::context::{Context, GitHubEvent};
use crate::cli::exit::Exit;
use crate::cli::progress::Silent;
use crate::cli::run::{Report, act, look, tell};
use crate::domain::fleet::Application;
use crate::domain::ids::ContentHash;
use crate::domain::lease::Owner;
use crate::domain::merged::PullRequest;

/// The first minute of a simulated world: a Monday, 09:00 in Berlin.
const BEGINNING: &str = "2026-11-23T08:00:00Z";

/// Runs a command on the world in `folder`. A folder without one gets a world with a little past: one release
/// that was merged, went to the first fleet and has soaked there.
pub(super) async fn run(command: &Command, application: Application, folder: &Path, context: &Context) -> Exit {
    let sim = match open(folder, &application).await {
        Ok(sim) => sim,
        Err(error) => return tell(&Report::plain(Exit::BadInput, &format!("{}: {error}", folder.display())), context),
    };
    let app = app(&sim, application, super::observer(context));
    let report = match command.only_looks() {
        true => look(command, &app.application, &app.readers, context).await,
        false => act(command, &app, context).await,
    };
    match sim.save(folder) {
        Ok(()) => tell(&report, context),
        Err(error) => tell(&Report::plain(Exit::Unavailable, &format!("{}: {error}", folder.display())), context),
    }
}

pub(super) async fn open(folder: &Path, application: &Application) -> std::io::Result<Arc<Sim>> {
    if Sim::is_in(folder) {
        let sim = Sim::load(folder)?;
        sim.take_in(application);
        return Ok(Arc::new(sim));
    }
    let sim = Arc::new(Sim::new(application, beginning()));
    let app = app(&sim, application.clone(), Arc::new(Silent));
    let merged = Context { event: Some(push(1)), run_number: 1, ..Context::default() };
    act(&Command::Ci { approved_plan: None, fleet: None }, &app, &merged).await;
    sim.world().advance(SignedDuration::from_mins(40));
    Ok(sim)
}

/// An app with the simulator behind every port.
pub fn app(sim: &Arc<Sim>, application: impl Into<Arc<Application>>, observer: Arc<dyn Observer>) -> App {
    let readers = Readers {
        source: Arc::clone(sim) as _,
        images: Arc::clone(sim) as _,
        fleet: Arc::clone(sim) as _,
        manifests: Arc::clone(sim) as _,
        tasks: Arc::clone(sim) as _,
        probes: Arc::clone(sim) as _,
        targets: Arc::clone(sim) as _,
        metrics: Arc::clone(sim) as _,
        commands: Arc::clone(sim) as _,
        way_back: Arc::clone(sim) as _,
        scaling: Arc::clone(sim) as _,
        routes: Arc::clone(sim) as _,
        snapshots: Arc::clone(sim) as _,
        databases: Arc::clone(sim) as _,
        archive: Arc::clone(sim) as _,
        data_tasks: Arc::clone(sim) as _,
        quotas: Arc::clone(sim) as _,
        ledger: Arc::clone(sim) as _,
        leases: Arc::clone(sim) as _,
        stop: Arc::clone(sim) as _,
        people: Arc::clone(sim) as _,
        pulls: Arc::clone(sim) as _,
        clock: Arc::clone(sim) as _,
        observer,
    };
    let writers = Writers {
        builder: Arc::clone(sim) as _,
        tagger: Arc::clone(sim) as _,
        fleet: Arc::clone(sim) as _,
        tasks: Arc::clone(sim) as _,
        scaling: Arc::clone(sim) as _,
        routes: Arc::clone(sim) as _,
        snapshots: Arc::clone(sim) as _,
        databases: Arc::clone(sim) as _,
        archive: Arc::clone(sim) as _,
        data_tasks: Arc::clone(sim) as _,
        ledger: Arc::clone(sim) as _,
        leases: Arc::clone(sim) as _,
        pulls: Arc::clone(sim) as _,
        releases: Arc::clone(sim) as _,
    };
    let owner = Owner { run: None, attempt: None, actor: "you".to_owned(), host: "simulated".to_owned(), process: 1 };
    App { application: application.into(), readers, writers, owner, signing_key: None, hand_over_at: None }
}

/// When simulated worlds begin.
pub(super) fn beginning() -> Timestamp {
    BEGINNING.parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

/// GitHub's event for a push of the `number`th commit to the default branch; only the fields that are read.
pub(super) fn push(number: u64) -> GitHubEvent {
    let payload = serde_json::json!({
        "ref": "refs/heads/main", "after": commit(number), "deleted": false,
        "repository": {"default_branch": "main"},
    });
    GitHubEvent { name: "push".to_owned(), payload }
}

/// The id of the `number`th commit of a simulated repository.
pub(super) fn commit(number: u64) -> String {
    sha(&format!("commit {number}"))
}

/// The head of the branch that was merged as the `number`th commit.
pub(super) fn head(number: u64) -> String {
    sha(&format!("head {number}"))
}

fn sha(of: &str) -> String {
    ContentHash::of(of.as_bytes()).as_str().chars().take(40).collect()
}

/// The pull request that was merged as the `number`th commit.
pub(super) fn pull(number: u64, labels: &[&str]) -> Option<PullRequest> {
    Some(PullRequest {
        number,
        title: format!("Change {number}"),
        author: "eve".to_owned(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        merged: true,
        merge_commit: commit(number).parse().ok(),
        head: head(number).parse().ok()?,
    })
}
