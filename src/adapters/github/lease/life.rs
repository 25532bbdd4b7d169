//! Whether the owner of a lease still lives. GitHub knows it of a workflow run, the operating system of a process
//! on this machine; nobody knows it of a terminal elsewhere, and what nobody knows is not guessed from age.

use http::StatusCode;
use serde::Deserialize;

use super::process::{Sighting, look_for};
use crate::adapters::github::client::GitHub;
use crate::domain::lease::{Life, Owner, ended_before};

#[derive(Deserialize)]
struct Run {
    status: Option<String>,
}

/// What GitHub calls a run that is over, however it ended.
const OVER: &str = "completed";

impl GitHub {
    pub(super) async fn life_of(&self, owner: &Owner) -> Life {
        let own = &self.environment().own;
        if ended_before(own, owner) {
            return Life::Ended;
        }
        let here = own.host == owner.host;
        let job = (own.run, own.attempt) == (owner.run, owner.attempt);
        match owner.run {
            // Our own run is not over while we are: the steps of a job follow each other, its jobs need not.
            Some(_) if job && here => life_here(owner),
            Some(run) if job => unknown(format!(
                "another job of run {run} took it, on {}, and whether that one is over cannot be told before the \
                 run is",
                owner.host
            )),
            Some(run) => self.life_of_run(run, owner.attempt).await,
            None if here => life_here(owner),
            None => unknown(format!(
                "it was taken at a terminal on {}, and only that machine can tell whether process {} still runs",
                owner.host, owner.process
            )),
        }
    }

    async fn life_of_run(&self, run: u64, attempt: Option<u64>) -> Life {
        let attempt = attempt.map(|attempt| format!("/attempts/{attempt}")).unwrap_or_default();
        let request = self.get(format!("asking for run {run}"), &format!("/actions/runs/{run}{attempt}"));
        let answer = match self.insist(&request).await {
            Ok(answer) => answer.json::<Run>(),
            Err(failure) if failure.is(StatusCode::NOT_FOUND) => {
                return unknown(format!("GitHub knows no run {run}{attempt}"));
            }
            Err(failure) => Err(failure.error),
        };
        match answer {
            Ok(Run { status: Some(status) }) if status == OVER => Life::Ended,
            Ok(Run { status: Some(_) }) => Life::Alive,
            Ok(Run { status: None }) => unknown(format!("GitHub does not say how run {run} stands")),
            Err(error) => unknown(error.to_string()),
        }
    }
}

fn life_here(owner: &Owner) -> Life {
    match look_for(owner.process) {
        Sighting::Running => Life::Alive,
        Sighting::Gone => Life::Ended,
        Sighting::Unclear => unknown(format!("whether process {} still runs cannot be told here", owner.process)),
    }
}

fn unknown(why: String) -> Life {
    Life::Unknown { why }
}
