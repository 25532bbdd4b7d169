//! Workflow runs: GitHub's events as files, and the environment that a runner sets. tidegate cannot tell it from a
//! job, and the fake GitHub knows every run: one that was killed is `in_progress` until a story says otherwise.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::fleet_file::{APPROVAL, LABEL};
use super::layout::Fleet;
use super::payload;
use super::problem::{Problem, Result, Trying};
use super::repository::{MAINTAINER, Repository};
use super::tidegate::{Finished, Running, Signal, Tidegate};
use crate::github::{GithubFake, PullRequest, WorkflowRun};

/// Who lets jobs go on that wait for an environment.
const REVIEWER: &str = "reviewer";

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
    /// The workflow that a merge starts.
    pub(crate) async fn merged(&mut self, commit: &str) -> Result<Ran> {
        self.merging(commit)?.ran().await
    }

    /// The same, under way.
    pub(crate) fn merging(&mut self, commit: &str) -> Result<Job> {
        self.run_number += 1;
        self.start(&payload::push(commit)?, "push", commit, &["ci"])
    }

    /// The workflow that a label starts, with the plan that was approved.
    pub(crate) fn labelled(&mut self, commit: &str, by: &str, approved: Option<&str>) -> Result<Job> {
        let approved = approved.map(|hash| vec!["--approved-plan", hash]).unwrap_or_default();
        self.labelled_with(commit, by, &approved)
    }

    /// The same, with options.
    pub(crate) fn labelled_with(&mut self, commit: &str, by: &str, options: &[&str]) -> Result<Job> {
        self.run_number += 1;
        let pull = pull_of(commit)?;
        self.github.set_pull(pull.clone());
        if options.contains(&"--approved-plan") {
            self.github.approve(self.run_id(), REVIEWER, APPROVAL);
        }
        self.start(&payload::labelled(&pull, commit, by)?, "pull_request", commit, &[&["ci"], options].concat())
    }

    fn run_id(&self) -> u64 {
        10_000 + self.run_number
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
        let hash = asked.output("plan_hash").filter(|hash| !hash.is_empty());
        hash.trying(format!("the plan's hash among the outputs of\n{}", asked.finished.stdout))
    }

    /// The workflow that somebody starts by hand.
    pub(crate) fn dispatch(&mut self, commit: &str, command: &str, fleet: &Fleet) -> Result<Job> {
        self.run_number += 1;
        let payload = payload::dispatched(command, fleet.name, MAINTAINER)?;
        self.start(&payload, "workflow_dispatch", commit, &["ci"])
    }

    /// The same, to its end.
    pub(crate) async fn dispatched(&mut self, commit: &str, command: &str, fleet: &Fleet) -> Result<Ran> {
        self.dispatch(commit, command, fleet)?.ran().await
    }

    /// A command as one more step of the last run.
    pub(crate) fn type_in(&mut self, commit: &str, arguments: &[&str]) -> Result<Job> {
        self.start(&json!({}), "schedule", commit, arguments)
    }

    /// The same, to its end.
    pub(crate) async fn typed(&mut self, commit: &str, arguments: &[&str]) -> Result<Ran> {
        self.type_in(commit, arguments)?.ran().await
    }

    /// From now on GitHub says that this run is over.
    pub(crate) fn run_is_over(&self, run: u64) {
        tell_github(&self.github, run, false);
    }

    fn start(&mut self, payload: &Value, event: &str, commit: &str, arguments: &[&str]) -> Result<Job> {
        self.started += 1;
        let number = self.run_number.to_string();
        let files = format!(".events/{}", self.started);
        self.write(&format!("{files}/event.json"), &payload.to_string())?;
        self.write(&format!("{files}/output"), "")?;
        let run = self.run_id();
        let looks = match (event, arguments) {
            ("pull_request", words) => !words.contains(&"--approved-plan"),
            (_, words) => matches!(words.first(), Some(&("plan" | "status" | "check" | "tenants"))),
        };
        if !looks {
            self.deployed.insert(run);
        }
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
            .with("GITHUB_RUN_ID", &run.to_string())
            .with("GITHUB_RUN_NUMBER", &number)
            .with("GITHUB_RUN_ATTEMPT", "1")
            .with("GITHUB_EVENT_NAME", event)
            .with("GITHUB_EVENT_PATH", &format!("{files}/event.json"))
            .with("GITHUB_OUTPUT", &format!("{files}/output"))
            .with("GITHUB_STEP_SUMMARY", &format!("{files}/summary.md"))
            .with("ACTIONS_ID_TOKEN_REQUEST_URL", &self.github.oidc_url())
            .with("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-token");
        tell_github(&self.github, run, true);
        let output = self.folder.join(&files).join("output");
        Ok(Job { running: tidegate.start(arguments)?, output, run, github: Arc::clone(&self.github) })
    }
}

/// The labelled pull request that was merged as this commit. Its number follows from the commit, so that the same one is
/// meant each time.
fn pull_of(commit: &str) -> Result<PullRequest> {
    let number = commit.get(..5).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    Ok(PullRequest {
        number: number.trying("the number of a pull request")?,
        title: "A change".to_owned(),
        author: "author".to_owned(),
        merged: true,
        merge_commit_sha: Some(commit.to_owned()),
        head_sha: commit.chars().rev().collect(),
        labels: vec![LABEL.to_owned()],
    })
}

/// A workflow run under way.
pub(crate) struct Job {
    /// The id of the run.
    pub(crate) run: u64,
    running: Running,
    output: PathBuf,
    github: Arc<GithubFake>,
}

impl Job {
    /// Waits for its end, of which GitHub learns.
    pub(crate) async fn ran(self) -> Result<Ran> {
        let finished = self.running.finish().await?;
        tell_github(&self.github, self.run, false);
        let outputs = std::fs::read_to_string(&self.output).trying("GITHUB_OUTPUT")?;
        Ok(Ran { code: finished.status.code().unwrap_or(-1), finished, outputs })
    }

    /// SIGKILL. GitHub does not learn of it.
    pub(crate) async fn kill(self) -> Result<Finished> {
        self.running.kill().await
    }

    /// Sends a signal, as a runner does when its run is cancelled.
    pub(crate) async fn signal(&self, signal: Signal) -> Result<()> {
        self.running.signal(signal).await
    }

    /// Whether the process has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.running.has_ended()
    }
}

fn tell_github(github: &GithubFake, id: u64, runs: bool) {
    let (status, conclusion) = if runs { ("in_progress", None) } else { ("completed", Some("success".to_owned())) };
    let (head_sha, actor) = ("0".repeat(40), MAINTAINER.to_owned());
    github.set_run(WorkflowRun { id, attempt: 1, status: status.to_owned(), conclusion, head_sha, actor });
}

/// Fails with everything that was printed unless the run ended with this code.
pub(crate) fn expect_code(ran: &Ran, code: i32) -> Result<()> {
    if ran.code == code {
        return Ok(());
    }
    let (out, err) = (&ran.finished.stdout, &ran.finished.stderr);
    Err(Problem::new(format!("exit {} where {code} should be\n{out}\n{err}", ran.code)))
}
