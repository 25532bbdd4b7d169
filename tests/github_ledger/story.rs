//! A whole release at GitHub: merge, label, approval, promotion, a version that fails, a rollback by hand. AWS is the
//! simulated one, GitHub is spoken to over HTTP, and what it costs there does not depend on how many tenants there are.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidegate::adapters::github::{GitHub, GitHubEnvironment, GitHubLedger};
use tidegate::adapters::sim::{Fault, FaultKind, Sim};
use tidegate::app::{App, Readers, Writers};
use tidegate::cli::args::Command;
use tidegate::cli::context::{Context, GitHubEvent};
use tidegate::cli::exit::Exit;
use tidegate::cli::progress::Silent;
use tidegate::cli::run::{Report, act};
use tidegate::domain::fleet::Application;
use tidegate::domain::ids::ContentHash;
use tidegate::domain::manifest::{Source, read};
use tidegate::ports::Secret;
use tidegate::wire::simulated;

use crate::github::{Exchange, GithubFake, PullRequest, Role, Seed};
use crate::harness::run;

/// GitHub lets 500 things be written in an hour. No part of the story writes more than this, however many tenants there
/// are: nine waves are the most that `plan: auto` makes of 1,000, at two each.
const WRITES_MAX: usize = 30;

struct Story {
    sim: Arc<Sim>,
    fake: GithubFake,
    application: Arc<Application>,
    runs: u64,
}

impl Story {
    fn new(text: &str) -> Self {
        let application = read(&[Source { name: "fleet.yaml".to_owned(), bytes: text.as_bytes().to_vec() }]).unwrap();
        let monday: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        let sim = Arc::new(Sim::new(&application, monday));
        let seed = Seed::new("acme", "fleet").accept_any_sha().user("ana", Role::Maintain).user("bob", Role::Write);
        let fake = GithubFake::start(seed);
        let clock = Arc::clone(&sim);
        fake.set_clock(move || clock.world().now);
        Self { sim, fake, application: Arc::new(application), runs: 0 }
    }

    /// What a workflow run does with an event.
    async fn event(&mut self, name: &str, payload: Value, exit: Exit) -> Report {
        self.runs += 1;
        let app = self.app();
        let event = Some(GitHubEvent { name: name.to_owned(), payload });
        let context = Context { event, run_number: self.runs, ..Context::default() };
        let report = act(&Command::Ci { approved_plan: None, fleet: None }, &app, &context).await;
        assert_eq!(report.exit, exit, "{}", report.text);
        report
    }

    fn app(&self) -> App {
        let (owner, sim) = (run(self.runs, 1), &self.sim);
        let environment = GitHubEnvironment {
            api_url: self.fake.url().to_owned(),
            graphql_url: format!("{}/graphql", self.fake.url()),
            server_url: Some("https://github.com".to_owned()),
            repository: "acme/fleet".to_owned(),
            token: Secret::new("ghs_any"),
            own: owner.clone(),
        };
        let github = Arc::new(GitHub::connect(environment, Arc::clone(sim) as _).unwrap());
        let ledger = Arc::new(GitHubLedger::new(GitHub::clone(&github)));
        let app = simulated::app(sim, Arc::clone(&self.application), Arc::new(Silent));
        let readers = Readers {
            ledger: Arc::clone(&ledger) as _,
            people: Arc::clone(&github) as _,
            pulls: Arc::clone(&github) as _,
            leases: Arc::clone(&github) as _,
            ..app.readers
        };
        let writers = Writers {
            ledger: ledger as _,
            leases: Arc::clone(&github) as _,
            pulls: Arc::clone(&github) as _,
            releases: github as _,
            ..app.writers
        };
        App { readers, writers, owner, ..app }
    }

    async fn merge(&mut self, number: u64, faults: &[Fault]) {
        self.sim.world().commit(&[("services/iam", faults)]);
        self.fake.set_pull(pull(number, &[]));
        let push = json!({"ref": "refs/heads/main", "after": commit(number), "repository": {"default_branch": "main"}});
        self.event("push", push, Exit::Done).await;
        self.sim.world().advance(SignedDuration::from_hours(1));
    }

    /// The label; answers the plan that waits for approval.
    async fn label(&mut self, number: u64) -> ContentHash {
        self.fake.set_pull(pull(number, &["promote:prod"]));
        let report = self.event("pull_request", labelled(number), Exit::Held).await;
        report.outputs.iter().find(|(name, _)| *name == "plan_hash").unwrap().1.parse().unwrap()
    }

    async fn approve(&mut self, number: u64, plan: &ContentHash, exit: Exit) {
        let body = format!("tidegate approve {plan}");
        let payload = json!({"action": "created", "issue": {"number": number, "pull_request": {}},
                             "comment": {"body": body, "user": {"login": "bob"}}, "sender": {"login": "bob"}});
        self.event("issue_comment", payload, exit).await;
    }

    /// What somebody else sends to a path below the repository.
    async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/repos/acme/fleet{path}", self.fake.url());
        let request = reqwest::Client::new().post(url).bearer_auth("any").body(body.to_string());
        serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap()
    }

    fn next_morning(&self) {
        self.sim.world().advance(SignedDuration::from_hours(22));
    }

    /// Writes since the last time it was asked.
    fn writes(&self, since: &mut usize) -> usize {
        let now = self.fake.writes();
        now - std::mem::replace(since, now)
    }
}

fn commit(number: u64) -> String {
    format!("{number:040x}")
}

fn head(number: u64) -> String {
    format!("{:040x}", 1_000 + number)
}

fn labelled(number: u64) -> Value {
    json!({
        "action": "labeled", "number": number, "label": {"name": "promote:prod"}, "sender": {"login": "ana"},
        "pull_request": {"merged": true, "merge_commit_sha": commit(number), "head": {"sha": head(number)}},
    })
}

fn pull(number: u64, labels: &[&str]) -> PullRequest {
    PullRequest {
        number,
        title: format!("Change {number}"),
        author: "alice".to_owned(),
        merged: true,
        merge_commit_sha: Some(commit(number)),
        head_sha: head(number),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
    }
}

/// Tells the story, and answers how many waves the promotion had and the writes of each part.
async fn tell(mut story: Story) -> (usize, Vec<(&'static str, usize)>) {
    let (mut since, mut parts) = (story.fake.writes(), Vec::new());
    story.merge(1, &[]).await;
    parts.push(("merge, built and released to dev", story.writes(&mut since)));
    let plan = story.label(1).await;
    parts.push(("label, plan", story.writes(&mut since)));
    story.approve(1, &plan, Exit::Done).await;
    parts.push(("approval, promotion", story.writes(&mut since)));
    let approved = story.fake.deployments().last().unwrap().payload["approved"].clone();
    assert_eq!((&approved["how"], &approved["by"], &approved["pull"]), (&json!("comment"), &json!("bob"), &json!(1)));
    assert!(story.fake.comments(1)[0].body.contains("approved by bob, in a comment on"));
    let said =
        |request: &Exchange, words: &str| request.request["body"].as_str().is_some_and(|body| body.contains(words));
    let progress: Vec<_> =
        story.fake.requests().into_iter().filter(|r| r.is_write && said(r, "-> prod: wave ")).collect();
    assert!((1..=3).contains(&progress.len()) && said(&progress[0], "wave 2/"), "{}", progress.len());
    let waves = story.fake.deployments().last().unwrap().payload["waves"].as_array().map_or(0, Vec::len);
    let comments = story.fake.comments(1);
    assert_eq!(comments.len(), 1, "one comment: {comments:?}");
    assert!(comments[0].body.contains("every wave passed"), "{}", comments[0].body);
    assert_eq!(story.fake.head("refs/tags/v0.1.0"), Some(commit(1)));
    assert!(story.fake.releases()[0].notes.contains("Change 1 (#1, by alice)"));

    story.next_morning();
    let broken = Fault { kind: FaultKind::Answers500, fleet: "prod".parse().ok(), tenant: None };
    story.merge(2, &[broken]).await;
    let plan = story.label(2).await;
    story.writes(&mut since);
    story.approve(2, &plan, Exit::GateFailed).await;
    parts.push(("approval, failure, way back", story.writes(&mut since)));
    assert!(story.fake.comments(2)[0].body.contains("probe_failed"));

    let by_hand =
        json!({"inputs": {"command": "rollback", "fleet": "prod", "why": "slow"}, "sender": {"login": "ana"}});
    story.event("workflow_dispatch", by_hand, Exit::Done).await;
    parts.push(("rollback by hand", story.writes(&mut since)));
    assert_eq!(story.fake.violations(), Vec::<String>::new());
    (waves, parts)
}

fn print(tenants: usize, waves: usize, parts: &[(&'static str, usize)]) {
    for (part, writes) in parts {
        println!("{tenants} tenants, {waves} waves: {writes:3} writes to GitHub: {part}");
    }
}

#[tokio::test]
async fn a_release_from_merge_to_rollback_is_lawful_at_every_request() {
    let (waves, parts) = tell(Story::new(include_str!("../../fleet.yaml"))).await;
    print(9, waves, &parts);
    assert!(parts.iter().all(|(_, writes)| *writes <= WRITES_MAX), "{parts:?}");
}

#[tokio::test]
async fn a_thousand_tenants_cost_what_their_waves_cost() {
    let mut text = String::from(
        "schema: 1\napp: shop\ndomain: shop.example\n\
         images: { repository: \"shop/{service}\", platforms: [linux/amd64] }\n\
         services: { iam: { build: services/iam, port: 80, health: / } }\n\
         cells: { dev-1: { account: \"111111111111\", region: eu-west-1, clusters: [d], role: \"arn:aws:iam::111111111111:role/d\" },\n\
         \x20 prod-1: { account: \"222222222222\", region: eu-west-1, clusters: [p], role: \"arn:aws:iam::222222222222:role/p\" } }\n\
         gates: { g: { rollout: { deadline: 15m, stopped_tasks_max: 1 }, probe: { url: \"https://{host}/\", every: 30s, failures_max: 2, version: match }, unknown: hold } }\n\
         fleets:\n\
         \x20 dev: { cells: [dev-1], domain: dev.shop.example, deploy_on: merge, waves: { plan: auto }, bake: 1m, gate: g, on_failure: stop }\n\
         \x20 prod: { cells: [prod-1], from: dev, deploy_on: label, label: \"promote:prod\", waves: { plan: auto }, bake: 1m, gate: g,\n\
         \x20   approval: { environment: prod, binds: plan-hash, not_author: true }, on_failure: rollback-all }\n\
         tenants:\n  entries:\n    - { id: d0, fleet: dev }\n",
    );
    for tenant in 0..1_000 {
        writeln!(text, "    - {{ id: t{tenant}, fleet: prod }}").unwrap();
    }
    let (waves, parts) = tell(Story::new(&text)).await;
    print(1_000, waves, &parts);
    assert_eq!(waves, 9);
    assert!(parts.iter().all(|(_, writes)| *writes <= WRITES_MAX), "{parts:?}");
}

/// Somebody who may write deployments says that a version of theirs succeeded in dev: the label finds a record that does
/// not check, and nothing of prod is touched.
#[tokio::test]
async fn inv_42_a_forged_record_stops_a_promotion_and_is_told() {
    let mut story = Story::new(include_str!("../../fleet.yaml"));
    story.merge(1, &[]).await;
    let mut payload = story.fake.deployments().last().unwrap().payload.clone();
    (payload["release"], payload["key"]) = ("6.6.6".into(), "forged".into());
    let forged = json!({"ref": commit(1), "task": "tidegate:deploy", "auto_merge": false, "required_contexts": [],
                        "environment": "dev", "payload": payload});
    let made = story.post("/deployments", &forged).await;
    let status = json!({"state": "success", "description": "#1 succeeded", "auto_inactive": false});
    story.post(&format!("/deployments/{}/statuses", made["id"]), &status).await;
    story.fake.set_pull(pull(1, &["promote:prod"]));
    let report = story.event("pull_request", labelled(1), Exit::Conflict).await;
    println!("exit {}: {}", report.exit as u8, report.text.trim());
    assert!(report.text.contains("record does not check: Succeeded cannot follow Opened"), "{}", report.text);
    assert!(story.fake.deployments().iter().all(|known| known.environment == "dev"), "nothing was opened in prod");
}
