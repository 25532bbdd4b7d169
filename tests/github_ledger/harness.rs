//! A fake GitHub, and adapters that are connected to it as different processes. Waits are noted and not waited.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use tidegate::adapters::github::{GitHub, GitHubEnvironment, GitHubLedger};
use tidegate::domain::approved::Approved;
use tidegate::domain::ids::FleetName;
use tidegate::domain::lease::Owner;
use tidegate::domain::ledger::{RolloutRecord, WaveResult};
use tidegate::domain::plan::Plan;
use tidegate::domain::rollout::Event;
use tidegate::ports::{Clock, LedgerReader, LedgerWriter, OpenRollout, PortResult, Secret};

use crate::github::{Fault, FaultKind, GithubFake, Seed};

/// A GitHub and what its clients waited.
pub(crate) struct World {
    pub(crate) fake: GithubFake,
    waits: Arc<Waits>,
    /// Connecting takes a moment, so each process does it once.
    connected: Mutex<Vec<(Owner, GitHub)>>,
}

/// A clock that notes waits and lets others have a turn.
#[derive(Default)]
struct Waits(Mutex<Vec<SignedDuration>>);

#[async_trait]
impl Clock for Waits {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, time: SignedDuration) {
        self.0.lock().unwrap().push(time);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Seed::new("acme", "fleet").accept_any_sha())
    }

    pub(crate) fn with(seed: Seed) -> Self {
        Self { fake: GithubFake::start(seed), waits: Arc::default(), connected: Mutex::default() }
    }

    /// GitHub, as this process sees it.
    pub(crate) fn github(&self, own: Owner) -> GitHub {
        let mut connected = self.connected.lock().unwrap();
        if let Some((_, github)) = connected.iter().find(|(known, _)| *known == own) {
            return github.clone();
        }
        let github = self.connect(own.clone());
        connected.push((own, github.clone()));
        github
    }

    fn connect(&self, own: Owner) -> GitHub {
        let environment = GitHubEnvironment {
            api_url: self.fake.url().to_owned(),
            graphql_url: format!("{}/graphql", self.fake.url()),
            server_url: Some("https://github.com".to_owned()),
            repository: "acme/fleet".to_owned(),
            token: Secret::new("ghs_any"),
            own,
        };
        GitHub::connect(environment, Arc::clone(&self.waits) as _).unwrap()
    }

    /// The records, as this process sees them.
    pub(crate) fn ledger(&self, own: Owner) -> GitHubLedger {
        GitHubLedger::new(self.github(own))
    }

    /// Opens a rollout of a plan in run 1.
    pub(crate) async fn open(&self, plan: &Plan) -> PortResult<OpenRollout> {
        OpenRollout::begin(&self.ledger(run(1, 1)), plan, &run(1, 1), Approved::NotNeeded, 1).await
    }

    /// Opens a rollout in run 1 and records these events.
    pub(crate) async fn carry_out(&self, plan: &Plan, events: &[(Event, Option<WaveResult>)]) -> OpenRollout {
        let (proof, ledger) = (self.open(plan).await.unwrap(), self.ledger(run(1, 1)));
        for (seq, (event, result)) in (1..).zip(events) {
            ledger.append(&proof, seq, event, result.as_ref()).await.unwrap();
        }
        proof
    }

    /// The rollouts of prod as a process reads them that has nothing but the records.
    pub(crate) async fn rollouts(&self) -> PortResult<Vec<RolloutRecord>> {
        self.ledger(run(99, 1)).rollouts(&prod()).await
    }

    /// Sends a request of somebody else's to a path below the repository.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/repos/acme/fleet{path}", self.fake.url());
        self.send(url, body).await
    }

    /// Writes a file to a branch, as a person can.
    pub(crate) async fn write(&self, branch: &str, path: &str, bytes: &[u8]) {
        const COMMIT: &str = "mutation($i: CreateCommitOnBranchInput!) {
            createCommitOnBranch(input: $i) { commit { oid } } }";
        let input = json!({
            "branch": { "repositoryNameWithOwner": "acme/fleet", "branchName": branch },
            "message": { "headline": "by hand" },
            "expectedHeadOid": self.fake.head(branch),
            "fileChanges": { "additions": [{ "path": path, "contents": STANDARD.encode(bytes) }] },
        });
        let body = json!({ "query": COMMIT, "variables": { "i": input } });
        let answer = self.send(format!("{}/graphql", self.fake.url()), body).await;
        assert!(answer["errors"].is_null(), "{answer}");
    }

    async fn send(&self, url: String, body: Value) -> Value {
        let request = reqwest::Client::new().post(url).bearer_auth("any").body(body.to_string());
        serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap()
    }

    /// One fault for the next request that matches.
    pub(crate) fn fault(&self, method: Method, path: &str, kind: FaultKind) {
        self.fake.fault(Fault::once(method, path, kind));
    }

    /// What was waited, and from now on anew.
    pub(crate) fn waits(&self) -> Vec<SignedDuration> {
        std::mem::take(&mut self.waits.0.lock().unwrap())
    }

    /// How many requests so far, by method and a part of the path or of the query.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        let at = |path: &str, query: &str| match part.strip_suffix('$') {
            Some(end) => path.ends_with(end),
            None => path.contains(part) || query.contains(part),
        };
        let requests = self.fake.requests();
        let asked = requests.iter().filter(|asked| {
            asked.method == method && at(&asked.path, asked.request["query"].as_str().unwrap_or_default())
        });
        asked.count()
    }

    pub(crate) fn assert_lawful(&self) {
        assert_eq!(self.fake.violations(), Vec::<String>::new());
    }
}

pub(crate) fn prod() -> FleetName {
    "prod".parse().unwrap()
}

/// The process of a workflow run, on a machine of its own.
pub(crate) fn run(run: u64, attempt: u64) -> Owner {
    Owner {
        run: Some(run),
        attempt: Some(attempt),
        actor: "ana".to_owned(),
        host: format!("runner-{run}"),
        process: std::process::id(),
    }
}
