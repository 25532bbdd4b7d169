//! `demo`: the whole story on a simulated AccessOS, through the same code as a workflow run, in virtual time.

use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::simulated::{app, beginning, commit, head, pull, push};
use crate::adapters::sim::{Fault, FaultKind, Sim};
use crate::app::App;
use crate::cli::args::Command;
use crate::cli::context::{Context, GitHubEvent};
use crate::cli::exit::Exit;
use crate::cli::progress::{Lines, Stream};
use crate::cli::run::{Report, act, look, tell};
use crate::domain::ids::{ContentHash, ServiceKey};
use crate::domain::manifest::{Source, read};

/// The repository's own file, so that the demo needs nothing but the binary.
const FLEET: &[u8] = include_bytes!("../../fleet.yaml");

/// Tells the story and leaves the records in `folder`. Ends well only if every scene ended as it should.
pub(super) async fn run(folder: &Path) -> Exit {
    let plain = Context::default();
    let source = Source { name: "fleet.yaml".to_owned(), bytes: FLEET.to_vec() };
    let application = match read(&[source]) {
        Ok(application) => application,
        Err(problems) => return tell(&Report::plain(Exit::Bug, &problems.to_string()), &plain),
    };
    let sim = Arc::new(Sim::new(&application, beginning()));
    sim.world().people.insert("ana".to_owned(), "maintain".to_owned());
    let app = app(&sim, application, Arc::new(Lines::new(Stream::Output)));
    let mut story = Story { sim: Arc::clone(&sim), app, scene: 0, as_told: true };
    story.tell().await;
    if let Err(error) = sim.save(folder) {
        return tell(&Report::plain(Exit::Unavailable, &format!("{}: {error}", folder.display())), &plain);
    }
    story.say(&format!("The records are files in {}: rollouts/, plans/, releases/, fleets/.", folder.display()));
    story.say("Try the same world by hand: tidegate status --sim DIR, then plan, promote, rollback.");
    if story.as_told { Exit::Done } else { tell(&Report::plain(Exit::Bug, "a scene did not end as it should"), &plain) }
}

/// A story being told.
struct Story {
    sim: Arc<Sim>,
    app: App,
    scene: u32,
    as_told: bool,
}

impl Story {
    async fn tell(&mut self) {
        self.scene("A pull request is merged. Its images are built, pushed and released to dev.");
        self.merge(1, &[("services/iam", &[])]).await;

        self.scene("An hour later a maintainer puts the label promote:prod on it. The plan waits for approval.");
        self.sim.world().advance(SignedDuration::from_hours(1));
        self.promote(1).await;

        self.scene("The next merge breaks iam-service, but only prod's data shows it: dev is green.");
        self.next_morning();
        let broken = Fault { kind: FaultKind::Answers500, fleet: "prod".parse().ok(), tenant: None };
        self.merge(2, &[("services/iam", &[broken])]).await;
        self.sim.world().advance(SignedDuration::from_hours(1));

        self.scene("It is promoted. The canary answers 500: the rollout stops there and goes back by itself.");
        self.labelled(2, true, Exit::GateFailed).await;

        self.scene("The fix is merged and promoted.");
        self.next_morning();
        self.merge(3, &[("services/iam", &[])]).await;
        self.sim.world().advance(SignedDuration::from_hours(1));
        self.promote(3).await;

        self.scene(
            "Terraform gives iam-service of prod more memory. Nothing runs on it before it has been through the waves.",
        );
        self.next_morning();
        self.more_memory();
        self.promote(3).await;

        self.scene("At night somebody on call does not like it, and rolls prod back with a workflow_dispatch.");
        self.sim.world().advance(SignedDuration::from_hours(10));
        let rollback = json!({"inputs": {"command": "rollback", "fleet": "prod"}, "sender": {"login": "ana"}});
        self.event("workflow_dispatch", rollback, None, Exit::Done).await;

        self.scene("What runs where, and what it cost.");
        let context = Context::default();
        let report = look(&Command::Status { fleet: None }, &self.app.application, &self.app.readers, &context).await;
        tell(&report, &context);
        self.calls();
    }

    /// A commit that touches these folders is pushed to the default branch.
    async fn merge(&mut self, number: u64, touched: &[(&str, &[Fault])]) {
        self.sim.world().commit(touched);
        self.pull(number, &[]);
        let event = push(number);
        self.event_of(event, number, None, Exit::Done).await;
    }

    fn pull(&self, number: u64, labels: &[&str]) {
        if let Some(pull) = pull(number, labels) {
            self.sim.world().pull(pull);
        }
    }

    /// What `terraform apply` does: it publishes manifests, and touches no service.
    fn more_memory(&self) {
        let Some(fleet) = self.app.application.fleets.iter().find(|fleet| fleet.approval.is_some()) else { return };
        let iam = |service: &ServiceKey| service.service.as_str() == "iam-service";
        self.sim.world().change_templates(&self.app.application, fleet, iam, "memory", &json!("1024"));
    }

    /// The label, the plan, the approval of exactly that plan, the rollout.
    async fn promote(&mut self, number: u64) {
        self.labelled(number, false, Exit::Held).await;
        self.say("The plan is approved.");
        self.labelled(number, true, Exit::Done).await;
    }

    async fn labelled(&mut self, number: u64, approved: bool, should: Exit) {
        let payload = json!({
            "action": "labeled", "number": number, "label": {"name": "promote:prod"}, "sender": {"login": "ana"},
            "pull_request": {"merged": true, "merge_commit_sha": commit(number), "head": {"sha": head(number)}},
        });
        self.pull(number, &["promote:prod"]);
        let approval = if approved { self.plan_hash(number).await } else { None };
        self.event("pull_request", payload, approval, should).await;
    }

    /// The hash that the plan job hands to the job behind the environment's approval.
    async fn plan_hash(&self, number: u64) -> Option<ContentHash> {
        let commit = commit(number).parse().ok()?;
        let release = self.app.readers.ledger.release_of(&commit).await.ok()??;
        let fleet = self.app.application.fleets.iter().find(|fleet| fleet.approval.is_some())?;
        let direction = crate::domain::plan::Direction::Deploy;
        let planned = crate::app::plan::plan(&self.app.readers, &self.app.application, fleet, &release, direction);
        planned.await.ok().map(|plan| plan.hash())
    }

    async fn event(&mut self, name: &str, payload: serde_json::Value, approved: Option<ContentHash>, should: Exit) {
        self.event_of(GitHubEvent { name: name.to_owned(), payload }, 0, approved, should).await;
    }

    async fn event_of(
        &mut self,
        event: GitHubEvent,
        run_number: u64,
        approved_plan: Option<ContentHash>,
        should: Exit,
    ) {
        let context = Context { event: Some(event), run_number, ..Context::default() };
        let report = act(&Command::Ci { approved_plan, fleet: None }, &self.app, &context).await;
        let exit = tell(&report, &Context::default());
        self.say(&format!("exit {}", exit as u8));
        self.as_told &= exit == should;
    }

    /// To nine o'clock on the next day.
    fn next_morning(&self) {
        let mut world = self.sim.world();
        let since = world.now.duration_since(beginning()).as_hours() % 24;
        world.advance(SignedDuration::from_hours(24 - since));
    }

    fn scene(&mut self, what: &str) {
        self.scene += 1;
        let number = self.scene;
        self.say(&format!("\n== {number}. {what}"));
    }

    fn calls(&self) {
        let calls: Vec<String> = self.sim.world().calls.iter().map(|(name, count)| format!("{count} {name}")).collect();
        self.say(&format!("Calls in the whole story: {}.", calls.join(", ")));
    }

    fn say(&self, text: &str) {
        tell(&Report::plain(Exit::Done, text), &Context::default());
    }
}
