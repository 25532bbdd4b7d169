//! Deployments and their statuses, written so that a lost answer never makes a second one. GitHub has no key for
//! that: the same request twice is two deployments. So the payload has a key of ours, a status its number, and
//! after an attempt in doubt both are looked for before the next.

use std::cmp::Reverse;

use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Answer, GitHub, encoded};
use super::history::{Status, has_lines, is_over};
use super::patience::Doubt;
use super::payload::Payload;
use crate::domain::ids::FleetName;
use crate::domain::ledger::RolloutId;
use crate::ports::{Fault, PortError, PortResult};

/// How often a list is asked for something before its absence is believed: lists lag behind writes.
const LOOKS: u32 = 2;

/// A page of a REST list, and how many of them are read.
const PAGE: usize = 100;
const PAGES: usize = 10;

/// A deployment, as little of it as is needed. Not octocrab's type, whose states end at those of the description.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Deployment {
    pub(super) id: RolloutId,
    pub(super) created_at: Timestamp,
    payload: Value,
}

/// What is asked for.
pub(super) struct Wanted<'a> {
    pub(super) fleet: &'a FleetName,
    pub(super) commit: &'a str,
    pub(super) payload: &'a Payload,
}

/// A state that a status can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    InProgress,
    Success,
    Failure,
    Inactive,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Inactive => "inactive",
        }
    }
}

impl GitHub {
    /// Creates a deployment, once.
    pub(super) async fn create_deployment(&self, wanted: &Wanted<'_>) -> PortResult<Deployment> {
        let doing = format!("recording the rollout to {}", wanted.fleet);
        let request = self.post(doing, "/deployments", creation(wanted));
        let mut patience = self.patience();
        loop {
            match self.attempt(&request).await {
                Ok(answer) => return created(&answer),
                Err(failure) => {
                    if patience.after(failure).await? == Doubt::Effect
                        && let Some(done) = self.find_after_doubt(wanted).await?
                    {
                        return Ok(done);
                    }
                }
            }
        }
    }

    async fn find_after_doubt(&self, wanted: &Wanted<'_>) -> PortResult<Option<Deployment>> {
        for _look in 0..LOOKS {
            if let Some((found, _)) = self.find_open(wanted).await? {
                return Ok(Some(found));
            }
            self.patience().let_lists_catch_up().await;
        }
        Ok(None)
    }

    /// The deployment with this key that is not over, and its statuses.
    pub(super) async fn find_open(&self, wanted: &Wanted<'_>) -> PortResult<Option<(Deployment, Vec<Status>)>> {
        let (commit, fleet, task) = (wanted.commit, wanted.fleet, encoded(wanted.payload.task()));
        let route = format!("/deployments?sha={commit}&environment={}&task={task}", encoded(fleet.as_str()));
        let listed: Vec<Deployment> = self.list(&format!("looking for the rollout to {fleet}"), &route).await?;
        let has_key = |known: &Deployment| Payload::read(&known.payload).is_ok_and(|p| p.key == wanted.payload.key);
        let mut open = Vec::new();
        for candidate in listed.into_iter().filter(has_key) {
            let statuses = self.statuses(candidate.id).await?;
            if !is_over(&statuses) {
                open.push((candidate, statuses));
            }
        }
        // Of copies the one that was worked on counts, else the newest; lists have no promised order.
        Ok(open.into_iter().min_by_key(|(candidate, statuses)| (!has_lines(statuses), Reverse(candidate.id))))
    }

    /// All statuses of a deployment.
    pub(super) async fn statuses(&self, id: RolloutId) -> PortResult<Vec<Status>> {
        self.list(&format!("reading the statuses of deployment {}", id.0), &format!("{}?", statuses_of(id))).await
    }

    /// Adds a status, once. The same line twice would be read as one, so a list that lags does no harm here.
    pub(super) async fn add_status(&self, id: RolloutId, state: State, line: &str) -> PortResult<()> {
        let doing = format!("recording `{line}` on deployment {}", id.0);
        let mut body = json!({ "state": state.as_str(), "description": line, "auto_inactive": false });
        if let Some(url) = self.run_url() {
            body["log_url"] = url.into();
        }
        let request = self.post(doing, &statuses_of(id), body);
        let mut patience = self.patience();
        loop {
            match self.attempt(&request).await {
                Ok(answer) if answer.status == StatusCode::CREATED => return Ok(()),
                Ok(answer) => return Err(answer.unexpected("no status was made")),
                Err(failure) => {
                    if patience.after(failure).await? == Doubt::Effect && self.has_status(id, line).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn has_status(&self, id: RolloutId, line: &str) -> PortResult<bool> {
        let statuses = self.statuses(id).await?;
        Ok(statuses.iter().any(|status| status.description.as_deref() == Some(line)))
    }

    /// The pages of a list. `route` ends in a query.
    pub(super) async fn list<T: serde::de::DeserializeOwned>(&self, doing: &str, route: &str) -> PortResult<Vec<T>> {
        let mut items = Vec::new();
        for page in 1..=PAGES {
            let request = self.get(doing, &format!("{route}&per_page={PAGE}&page={page}"));
            let answer = self.insist(&request).await.map_err(|failure| failure.error)?;
            let part: Vec<T> = answer.json()?;
            let is_last = part.len() < PAGE;
            items.extend(part);
            if is_last {
                return Ok(items);
            }
        }
        Err(PortError::new(Fault::Refused, doing, format!("there are more than {}", PAGE * PAGES)))
    }
}

fn statuses_of(id: RolloutId) -> String {
    format!("/deployments/{}/statuses", id.0)
}

/// The request. `auto_merge` and `required_contexts` are said because leaving them out lets GitHub merge the
/// default branch in, or refuse for a check that has nothing to do with the release.
fn creation(wanted: &Wanted<'_>) -> Value {
    json!({
        "ref": wanted.commit,
        "task": wanted.payload.task(),
        "auto_merge": false,
        "required_contexts": [],
        "environment": wanted.fleet,
        "payload": wanted.payload.to_json(),
        "description": wanted.payload.description(wanted.fleet),
        "transient_environment": false,
        "production_environment": false,
    })
}

fn created(answer: &Answer) -> PortResult<Deployment> {
    match answer.status {
        StatusCode::CREATED => answer.json(),
        StatusCode::ACCEPTED => {
            Err(answer.unexpected("the default branch was merged into the commit and no deployment was made"))
        }
        _ => Err(answer.unexpected("no deployment was made")),
    }
}
