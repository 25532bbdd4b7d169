//! Whatever GitHub sends, and whatever somebody makes it send: every example payload of GitHub's gets a sane answer, and
//! nobody gets further by an event than their rights and the state of the pull request allow.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::simulated::{app, beginning, commit, head, pull, push};
use crate::adapters::sim::Sim;
use crate::app::App;
use crate::app::plan::plan;
use crate::cli::args::Command;
use crate::cli::context::{Context, GitHubEvent};
use crate::cli::exit::Exit;
use crate::cli::progress::Silent;
use crate::cli::run::{Report, act};
use crate::domain::approved::words;
use crate::domain::ids::ContentHash;
use crate::domain::manifest::{Source, read};
use crate::domain::markdown::plain;
use crate::domain::merged::PullRequest;
use crate::domain::plan::Direction;
use crate::ports::Approver;

const FLEET: &[u8] = include_bytes!("../../fleet.yaml");
const EXAMPLES: &[u8] = include_bytes!("../../tests/fixtures/webhooks/events.json.gz");
const LABEL: &str = "promote:prod";

/// A simulated AccessOS with one release that has soaked in dev, merged by eve as #1, and labelled. Ana is a maintainer,
/// bob may write, tom may triage.
struct World {
    sim: Arc<Sim>,
    app: App,
}

impl World {
    async fn new() -> Self {
        let file = Source { name: "fleet.yaml".to_owned(), bytes: FLEET.to_vec() };
        let application = read(&[file]).unwrap();
        let sim = Arc::new(Sim::new(&application, beginning()));
        let mut app = app(&sim, application, Arc::new(Silent));
        app.owner.run = Some(7);
        let world = Self { sim, app };
        for (who, may) in [("ana", "maintain"), ("bob", "write"), ("eve", "write"), ("tom", "triage")] {
            world.sim.world().people.insert(who.to_owned(), may.to_owned());
        }
        world.sim.world().approvers = vec![approver("bob", "prod-approval")];
        world.pull(|_| ());
        assert_eq!(world.event(push(1)).await.exit, Exit::Done);
        world.sim.world().advance(SignedDuration::from_mins(40));
        world
    }

    /// The pull request as it is now.
    fn pull(&self, change: impl Fn(&mut PullRequest)) {
        let mut pull = pull(1, &[LABEL]).unwrap();
        change(&mut pull);
        self.sim.world().pull(pull);
    }

    async fn event(&self, event: GitHubEvent) -> Report {
        self.approved(event, None).await
    }

    async fn approved(&self, event: GitHubEvent, approved_plan: Option<ContentHash>) -> Report {
        let context = Context { event: Some(event), run_number: 1, ..Context::default() };
        act(&Command::Ci { approved_plan, fleet: None }, &self.app, &context).await
    }

    /// What a job for prod does on a schedule.
    async fn scheduled(&self) -> Report {
        let event = GitHubEvent { name: "schedule".to_owned(), payload: json!({"schedule": "7,37 * * * *"}) };
        let context = Context { event: Some(event), ..Context::default() };
        let fleet = "prod".parse().ok();
        act(&Command::Ci { approved_plan: None, fleet }, &self.app, &context).await
    }

    async fn hash(&self) -> ContentHash {
        let release = self.app.readers.ledger.release_of(&commit(1).parse().unwrap()).await.unwrap().unwrap();
        let prod = self.app.application.fleet(&"prod".parse().unwrap()).unwrap();
        plan(&self.app.readers, &self.app.application, prod, &release, Direction::Deploy).await.unwrap().hash()
    }

    /// Updates that were sent since the beginning, and comments.
    fn moved(&self) -> u64 {
        self.sim.world().calls.iter().filter(|(name, _)| name.contains("Update")).map(|(_, count)| count).sum()
    }

    /// Sends it, and holds that it moved nothing and stopped for this reason.
    async fn refused(&self, event: GitHubEvent, approved: Option<ContentHash>, exit: Exit, code: &str) {
        let before = self.moved();
        let report = self.approved(event, approved).await;
        let told = report.outputs.iter().find(|(name, _)| *name == "reason_code").map(|(_, code)| code.as_str());
        assert_eq!((report.exit, told), (exit, Some(code)), "{}", report.text);
        assert_eq!(self.moved(), before, "nothing may move");
    }
}

fn approver(login: &str, environment: &str) -> Approver {
    Approver { login: login.to_owned(), environments: vec![environment.to_owned()] }
}

fn labelled(by: &str) -> GitHubEvent {
    let payload = json!({
        "action": "labeled", "number": 1, "label": {"name": LABEL}, "sender": {"login": by},
        "pull_request": {"merged": true, "merge_commit_sha": commit(1), "head": {"sha": head(1)}},
    });
    GitHubEvent { name: "pull_request".to_owned(), payload }
}

fn comment(by: &str, body: &str) -> GitHubEvent {
    let payload = json!({"action": "created", "issue": {"number": 1, "pull_request": {}},
                         "comment": {"body": body, "user": {"login": by}}, "sender": {"login": by}});
    GitHubEvent { name: "issue_comment".to_owned(), payload }
}

#[derive(Deserialize)]
struct Examples {
    name: String,
    examples: Vec<Value>,
}

#[tokio::test]
async fn every_payload_that_github_shows_has_a_sane_answer() {
    let mut text = String::new();
    flate2::read::GzDecoder::new(EXAMPLES).read_to_string(&mut text).unwrap();
    let events: Vec<Examples> = serde_json::from_str(&text).unwrap();
    let world = World::new().await;
    let before = world.moved();
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for event in &events {
        for payload in &event.examples {
            // Its repository is not ours, and its default branch is not always `main`: nothing of it is to be released.
            let mut payload = payload.clone();
            if event.name == "push" && payload["ref"] == "refs/heads/main" {
                payload["ref"] = json!("refs/heads/other");
            }
            let report = world.event(GitHubEvent { name: event.name.clone(), payload }).await;
            assert_eq!(report.exit, Exit::Done, "{}: {}", event.name, report.text);
            assert!(report.text.starts_with("nothing to do: "), "{}: {}", event.name, report.text);
            *answers.entry(event.name.clone()).or_default() += 1;
        }
    }
    assert_eq!(world.moved(), before);
    assert_eq!(answers.values().sum::<usize>(), events.iter().map(|event| event.examples.len()).sum::<usize>());
    for name in ["push", "pull_request", "workflow_dispatch", "repository_dispatch", "merge_group", "deployment_status"]
    {
        assert!(answers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn a_label_and_the_approval_of_somebody_else_promote() {
    let world = World::new().await;
    let asked = world.event(labelled("ana")).await;
    assert_eq!(asked.exit, Exit::Held);
    let told = world.sim.world().comments[&1].clone();
    assert!(told.contains(&format!("tidegate approve {}", world.hash().await)), "{told}");
    let done = world.event(comment("bob", &format!("tidegate approve {}", world.hash().await))).await;
    assert_eq!(done.exit, Exit::Done, "{}", done.text);
    assert!(world.sim.world().comments[&1].contains("every wave passed"), "the same comment tells the end");
    let announced = world.sim.world().announced.clone();
    let notes = &announced[&"0.1.0".parse().unwrap()];
    assert!(notes.contains("Change 1 (#1, by eve)") && notes.contains("globex"), "{notes}");
}

#[tokio::test]
async fn reviewers_of_the_environment_approve_too() {
    let world = World::new().await;
    let done = world.approved(labelled("ana"), Some(world.hash().await)).await;
    assert_eq!(done.exit, Exit::Done, "{}", done.text);
    let record = world.app.readers.ledger.rollouts(&"prod".parse().unwrap()).await.unwrap().remove(0);
    let told = words(record.intent.approved.as_ref());
    assert!(told.starts_with("approved by bob, for the environment prod-approval (read 2026-11-23T"), "{told}");
    assert!(done.summary.contains(&plain(&told)), "an auditor reads it in the summary too: {}", done.summary);
}

#[tokio::test]
async fn a_triage_users_label_moves_nothing() {
    let world = World::new().await;
    let hash = world.hash().await;
    world.refused(labelled("tom"), Some(hash.clone()), Exit::BadInput, "not_permitted").await;
    world.refused(labelled("stranger"), Some(hash.clone()), Exit::BadInput, "not_permitted").await;
    world.refused(comment("tom", &format!("tidegate approve {hash}")), None, Exit::BadInput, "not_permitted").await;
}

#[tokio::test]
async fn nobody_approves_their_own_change() {
    let world = World::new().await;
    let hash = world.hash().await;
    world.refused(comment("Eve", &format!("tidegate approve {hash}")), None, Exit::BadInput, "not_permitted").await;
    world.refused(comment("eve", &format!("tidegate approve {hash}")), None, Exit::BadInput, "own_approval").await;
    world.sim.world().approvers = vec![approver("Eve", "prod-approval")];
    world.refused(labelled("ana"), Some(hash.clone()), Exit::BadInput, "own_approval").await;
    world.sim.world().approvers = vec![approver("bob", "dev")];
    world.refused(labelled("ana"), Some(hash), Exit::Held, "nobody_approved").await;
}

#[tokio::test]
async fn what_changed_between_label_and_approval_voids_it() {
    let world = World::new().await;
    let hash = world.hash().await;
    for change in [
        (|pull: &mut PullRequest| pull.labels.clear()) as fn(&mut PullRequest),
        |pull| pull.head = commit(9).parse().unwrap(),
        |pull| pull.merge_commit = commit(9).parse().ok(),
        |pull| pull.merged = false,
    ] {
        world.pull(change);
        world.refused(labelled("ana"), Some(hash.clone()), Exit::Conflict, "withdrawn").await;
    }
    world.pull(|_| ());
    let old = ContentHash::of(b"the plan of yesterday");
    world.refused(labelled("ana"), Some(old.clone()), Exit::Conflict, "stale_plan").await;
    world.refused(comment("bob", &format!("tidegate approve {old}")), None, Exit::Conflict, "stale_plan").await;
}

#[tokio::test]
async fn a_label_on_a_fork_s_open_pull_request_moves_nothing() {
    let world = World::new().await;
    world.pull(|pull| (pull.merged, pull.merge_commit) = (false, None));
    let mut event = labelled("ana");
    event.payload["pull_request"]["head"]["repo"] = json!({"fork": true, "full_name": "mallory/accessos"});
    world.refused(event.clone(), Some(world.hash().await), Exit::Conflict, "withdrawn").await;
    event.payload["pull_request"]["merged"] = json!(false);
    let report = world.event(event).await;
    assert_eq!(report.exit, Exit::Done);
    assert!(report.text.contains("not merged"), "{}", report.text);
}

#[tokio::test]
async fn a_commit_that_was_never_built_is_not_promoted() {
    let world = World::new().await;
    world.pull(|pull| pull.merge_commit = commit(9).parse().ok());
    let mut event = labelled("ana");
    event.payload["pull_request"]["merge_commit_sha"] = json!(commit(9));
    world.refused(event, None, Exit::BadInput, "no_such_release").await;
}

#[tokio::test]
async fn hostile_names_are_shown_and_do_nothing() {
    let world = World::new().await;
    for hostile in
        ["$(touch /tmp/x)", "`id`", "::error::x", "a\n::set-output name=decision::succeeded", "<script>", "@everyone"]
    {
        let mut event = labelled("ana");
        event.payload["label"]["name"] = json!(hostile);
        let report = world.event(event).await;
        assert_eq!(report.exit, Exit::Done);
        assert_eq!(report.text.lines().count(), 1, "{}", report.text);
        let branch = GitHubEvent {
            name: "push".to_owned(),
            payload: json!({"ref": format!("refs/heads/{hostile}"), "after": commit(2),
                            "repository": {"default_branch": "main"}}),
        };
        let report = world.event(branch).await;
        assert_eq!((report.exit, report.text.lines().count()), (Exit::Done, 1), "{}", report.text);
        let by = json!({"inputs": {"command": hostile, "fleet": "prod"}, "sender": {"login": "ana"}});
        let dispatch = GitHubEvent { name: "workflow_dispatch".to_owned(), payload: by };
        world.refused(dispatch, None, Exit::BadInput, "event_unreadable").await;
        world.pull(|pull| pull.title = hostile.to_owned());
    }
    world.pull(|pull| pull.title = "<img src=x>\n| @everyone |".to_owned());
    let done = world.approved(labelled("ana"), Some(world.hash().await)).await;
    assert_eq!(done.exit, Exit::Done, "{}", done.text);
    let notes = world.sim.world().announced.values().next().unwrap().clone();
    let told = "\\<img src=x\\> \\| @<!-- -->everyone \\| (#1, by eve)";
    assert!(notes.contains(told), "{notes}");
}

#[tokio::test]
async fn a_schedule_goes_on_only_with_what_was_left() {
    let world = World::new().await;
    let report = world.scheduled().await;
    assert!(report.text.starts_with("nothing to do: "), "{}", report.text);
    world.sim.world().advance(SignedDuration::from_hours(5));
    let held = world.approved(labelled("ana"), Some(world.hash().await)).await;
    assert_eq!(held.exit, Exit::Held, "the window closes after the canary: {}", held.text);
    let report = world.scheduled().await;
    assert!(report.text.starts_with("nothing to do: "), "the window is still closed: {}", report.text);
    world.sim.world().advance(SignedDuration::from_hours(18));
    let done = world.scheduled().await;
    assert_eq!(done.exit, Exit::Done, "{}", done.text);
    assert!(done.text.contains("every wave passed"), "{}", done.text);
}
