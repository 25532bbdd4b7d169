//! The real outside: AWS in every cell, GitHub, a build tool, HTTP, the wall clock.

use std::sync::Arc;

use accessos_routing::SigningKey;
use jiff::SignedDuration;

use super::environment::{owner, variable, workflow_run};
use crate::adapters::aws::{
    Accounts, AwsEnvironment, Cells, CloudWatch, EcrRegistry, EcsDataTasks, EcsFleet, EcsScaling, EcsWayBack,
    ElbRoutes, ElbTargets, Quotas, RdsDatabases, S3Archive, S3Manifests, S3Snapshots,
};
use crate::adapters::builder::{Programs, SourceTree, ToolBuilder};
use crate::adapters::clock::WallClock;
use crate::adapters::command::Commands;
use crate::adapters::github::{GitHub, GitHubEnvironment, GitHubLedger};
use crate::adapters::probe::Prober;
use crate::adapters::signals::{NoSignals, Signals};
use crate::app::progress::Observer;
use crate::app::{App, Readers, Writers};
use crate::domain::fleet::Application;
use crate::ports::{Clock, Secret, StopSignal};

/// A job on GitHub's runners ends after six hours; a rollout is left to the next one before that.
const HAND_OVER_AFTER: SignedDuration = SignedDuration::from_mins(5 * 60 + 30);

/// Everything that can be looked at.
///
/// # Errors
/// The environment lacks something; in words for a person.
pub(super) fn readers(application: &Application, observer: Arc<dyn Observer>) -> Result<Readers, String> {
    Ok(Outside::reach(application, Arc::new(NoSignals))?.readers(observer))
}

/// What is to be looked at before there is a release: the repository, or why it cannot be asked, and the accounts.
pub(super) fn around(application: &Application) -> (Result<GitHub, String>, Accounts) {
    let clock: Arc<dyn Clock> = Arc::new(WallClock::start());
    let github = github_environment()
        .and_then(|environment| GitHub::connect(environment, clock).map_err(|error| error.to_string()));
    let cells = Arc::new(Cells::connect(&application.cells, &aws_environment()));
    (github, Accounts::new(cells, application.images.cell.clone()))
}

/// The routing snapshots of all cells.
pub(super) fn snapshots(application: &Application) -> S3Snapshots {
    S3Snapshots::new(Arc::new(Cells::connect(&application.cells, &aws_environment())))
}

/// Everything, also to change.
///
/// # Errors
/// As [`readers`].
pub(super) fn app(
    application: Application,
    observer: Arc<dyn Observer>,
    hand_over_after: Option<SignedDuration>,
) -> Result<App, String> {
    let signals = Signals::listen().map_err(|error| error.to_string())?;
    let outside = Outside::reach(&application, Arc::new(signals))?;
    let mut builder = ToolBuilder::new(".", Arc::clone(&outside.registry) as _, Programs::default());
    if let Some(commit) = variable("GITHUB_SHA").and_then(|sha| sha.parse().ok()) {
        builder = builder.of_commit(commit);
    }
    let writers = Writers {
        builder: Arc::new(builder),
        tagger: Arc::clone(&outside.registry) as _,
        fleet: Arc::clone(&outside.fleet) as _,
        tasks: Arc::clone(&outside.fleet) as _,
        scaling: Arc::clone(&outside.scaling) as _,
        routes: Arc::clone(&outside.routes) as _,
        snapshots: Arc::clone(&outside.snapshots) as _,
        databases: Arc::clone(&outside.databases) as _,
        archive: Arc::clone(&outside.archive) as _,
        data_tasks: Arc::clone(&outside.data_tasks) as _,
        ledger: Arc::clone(&outside.ledger) as _,
        leases: Arc::new(outside.github.clone()),
        pulls: Arc::new(outside.github.clone()),
        releases: Arc::new(outside.github.clone()),
    };
    let readers = outside.readers(observer);
    let after = hand_over_after.or_else(|| workflow_run().map(|_| HAND_OVER_AFTER));
    let hand_over_at = after.and_then(|after| readers.clock.now().checked_add(after).ok());
    let key = variable("TIDEGATE_ROUTING_KEY").map(|text| SigningKey::from_pem(&text).map(Arc::new)).transpose();
    let signing_key = key.map_err(|why| format!("TIDEGATE_ROUTING_KEY: {why}"))?;
    Ok(App { readers, writers, application: Arc::new(application), owner: owner(), signing_key, hand_over_at })
}

/// The adapters that are there.
struct Outside {
    registry: Arc<EcrRegistry>,
    fleet: Arc<EcsFleet>,
    manifests: Arc<S3Manifests>,
    way_back: Arc<EcsWayBack>,
    scaling: Arc<EcsScaling>,
    routes: Arc<ElbRoutes>,
    snapshots: Arc<S3Snapshots>,
    databases: Arc<RdsDatabases>,
    archive: Arc<S3Archive>,
    data_tasks: Arc<EcsDataTasks>,
    quotas: Arc<Quotas>,
    targets: Arc<ElbTargets>,
    metrics: Arc<CloudWatch>,
    prober: Arc<Prober>,
    github: GitHub,
    ledger: Arc<GitHubLedger>,
    clock: Arc<dyn Clock>,
    stop: Arc<dyn StopSignal>,
}

impl Outside {
    fn reach(application: &Application, stop: Arc<dyn StopSignal>) -> Result<Self, String> {
        let cells = Arc::new(Cells::connect(&application.cells, &aws_environment()));
        let clock: Arc<dyn Clock> = Arc::new(WallClock::start());
        let github = GitHub::connect(github_environment()?, Arc::clone(&clock)).map_err(|error| error.to_string())?;
        Ok(Self {
            registry: Arc::new(EcrRegistry::new(Arc::clone(&cells), application.images.cell.clone())),
            fleet: Arc::new(EcsFleet::new(Arc::clone(&cells))),
            manifests: Arc::new(S3Manifests::new(Arc::clone(&cells))),
            way_back: Arc::new(EcsWayBack::new(Arc::clone(&cells))),
            scaling: Arc::new(EcsScaling::new(Arc::clone(&cells))),
            routes: Arc::new(ElbRoutes::new(Arc::clone(&cells))),
            snapshots: Arc::new(S3Snapshots::new(Arc::clone(&cells))),
            databases: Arc::new(RdsDatabases::new(Arc::clone(&cells))),
            archive: Arc::new(S3Archive::new(Arc::clone(&cells))),
            data_tasks: Arc::new(EcsDataTasks::new(Arc::clone(&cells))),
            quotas: Arc::new(Quotas::new(Arc::clone(&cells))),
            targets: Arc::new(ElbTargets::new(Arc::clone(&cells))),
            metrics: Arc::new(CloudWatch::new(cells)),
            prober: Arc::new(Prober::new().map_err(|error| error.to_string())?),
            ledger: Arc::new(GitHubLedger::new(github.clone())),
            github,
            clock,
            stop,
        })
    }

    fn readers(&self, observer: Arc<dyn Observer>) -> Readers {
        Readers {
            source: Arc::new(SourceTree::at(".")),
            images: Arc::clone(&self.registry) as _,
            fleet: Arc::clone(&self.fleet) as _,
            manifests: Arc::clone(&self.manifests) as _,
            tasks: Arc::clone(&self.fleet) as _,
            probes: Arc::clone(&self.prober) as _,
            targets: Arc::clone(&self.targets) as _,
            metrics: Arc::clone(&self.metrics) as _,
            commands: Arc::new(Commands::in_folder(".")),
            way_back: Arc::clone(&self.way_back) as _,
            scaling: Arc::clone(&self.scaling) as _,
            routes: Arc::clone(&self.routes) as _,
            snapshots: Arc::clone(&self.snapshots) as _,
            databases: Arc::clone(&self.databases) as _,
            archive: Arc::clone(&self.archive) as _,
            quotas: Arc::clone(&self.quotas) as _,
            data_tasks: Arc::clone(&self.data_tasks) as _,
            ledger: Arc::clone(&self.ledger) as _,
            leases: Arc::new(self.github.clone()),
            stop: Arc::clone(&self.stop),
            people: Arc::new(self.github.clone()),
            pulls: Arc::new(self.github.clone()),
            clock: Arc::clone(&self.clock),
            observer,
        }
    }
}

fn aws_environment() -> AwsEnvironment {
    AwsEnvironment {
        id_token_url: variable("ACTIONS_ID_TOKEN_REQUEST_URL"),
        id_token_bearer: variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN").map(Secret::new),
        run: variable("GITHUB_RUN_ID"),
        job: variable("TIDEGATE_JOB"),
        own_role: variable("TIDEGATE_ROLE").as_deref() == Some("own"),
    }
}

fn github_environment() -> Result<GitHubEnvironment, String> {
    let needed = |name: &str| {
        let hint = "it is part of every workflow run; at a terminal set it, or try the command with --sim";
        variable(name).ok_or_else(|| format!("{name} is not set: {hint}"))
    };
    let api_url = variable("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".to_owned());
    Ok(GitHubEnvironment {
        graphql_url: variable("GITHUB_GRAPHQL_URL").unwrap_or_else(|| "https://api.github.com/graphql".to_owned()),
        api_url,
        server_url: variable("GITHUB_SERVER_URL"),
        repository: needed("GITHUB_REPOSITORY")?,
        token: Secret::new(needed("GITHUB_TOKEN")?),
        own: owner(),
    })
}
