//! The branch that holds what fits into no deployment. One commit for each addition, made by a compare-and-set on
//! the branch: of two writers who saw the same head one wins, and the other looks again and adds to what is there.

use http::StatusCode;

use super::branch::{File, NewCommit};
use super::client::GitHub;
use super::files::{self, BRANCH};
use crate::domain::directive::Decided;
use crate::domain::ids::FleetName;
use crate::domain::ledger::{FleetState, WaveResult};
use crate::ports::{Fault, PortError, PortResult};

const README: &str = "These are tidegate's records. They are written by tidegate only; \
                      what people need of them `tidegate status` and `tidegate history` show.\n";

/// What one commit adds.
pub(super) struct Addition {
    /// The commit's message.
    pub(super) headline: String,
    /// Files that are written once.
    pub(super) files: Vec<File>,
    /// Whether a file may be there with another content: left by a process that ended before it said so.
    pub(super) may_replace: bool,
    /// How services of a fleet stand now, to be taken into the fleet's file.
    pub(super) result: Option<(FleetName, WaveResult)>,
    /// A decision to be added to those about a fleet.
    pub(super) decision: Option<(FleetName, Decided)>,
}

impl GitHub {
    /// Adds to the branch, and answers the commit in which everything is there. What is there already is not
    /// written again; if that is all of it, nothing is.
    pub(super) async fn add(&self, addition: &Addition) -> PortResult<String> {
        let mut patience = self.patience();
        loop {
            let head = self.head_or_branch().await?;
            let files = self.missing(addition, &head).await?;
            if files.is_empty() {
                return Ok(head);
            }
            let doing = format!("writing to {BRANCH} ({})", addition.headline);
            match self.commit_on_branch(&doing, BRANCH, &head, &addition.headline, &files).await {
                Ok(commit) => return Ok(commit),
                Err(failure) if failure.error.fault == Fault::Conflict => {
                    if !patience.after_losing().await {
                        return Err(failure.error);
                    }
                }
                // In doubt or not: the next look at the branch shows whether it is there.
                Err(failure) => drop(patience.after(failure).await?),
            }
        }
    }

    /// What of an addition is not at this commit.
    async fn missing(&self, addition: &Addition, head: &str) -> PortResult<Vec<File>> {
        let mut missing = Vec::new();
        for File { path, bytes } in &addition.files {
            match self.file(path, head).await? {
                Some(known) if known == *bytes => {}
                Some(_) if !addition.may_replace => {
                    let why = "it is there with another content, and records are not changed";
                    return Err(PortError::new(Fault::Conflict, format!("writing {path}"), why));
                }
                _ => missing.push(File { path: path.clone(), bytes: bytes.clone() }),
            }
        }
        // The fleet's file is changed in the same commit as the event is added, so it needs no look of its own.
        let stands = addition.result.as_ref().filter(|(_, result)| !result.services.is_empty());
        if let (Some((fleet, result)), false) = (stands, missing.is_empty()) {
            let mut state = self.fleet_state_at(fleet, head).await?;
            state.services.extend(result.services.clone());
            missing.push(File::json(files::fleet(fleet), &state)?);
        }
        if let Some((fleet, decided)) = &addition.decision {
            missing.extend(self.with_decision(fleet, decided, head).await?);
        }
        Ok(missing)
    }

    /// Adds a decision to those about a fleet, if it is the next one there.
    pub(super) async fn add_decision(&self, fleet: &FleetName, decided: &Decided) -> PortResult<()> {
        let headline = format!("{fleet} decision {}", decided.seq);
        let decision = Some((fleet.clone(), decided.clone()));
        self.add(&Addition { headline, files: Vec::new(), may_replace: false, result: None, decision }).await?;
        Ok(())
    }

    /// The fleet's decisions with one more; nothing if it is there already.
    async fn with_decision(&self, fleet: &FleetName, decided: &Decided, head: &str) -> PortResult<Option<File>> {
        let path = files::directives(fleet);
        let mut known: Vec<Decided> = self.record(&path, head).await?.unwrap_or_default();
        let newest = known.last().map_or(0, |last| last.seq);
        // Others may have decided on top of it before its lost answer was looked for.
        if known.contains(decided) {
            return Ok(None);
        }
        if decided.seq != newest + 1 {
            let why = format!("decision {newest} is the newest there, so this cannot be {}", decided.seq);
            return Err(PortError::new(Fault::Conflict, format!("writing {path}"), why));
        }
        known.push(decided.clone());
        File::json(path, &known).map(Some)
    }

    /// What the services of a fleet run by the records.
    pub(super) async fn fleet_state_at(&self, fleet: &FleetName, at: &str) -> PortResult<FleetState> {
        let state = self.record(&files::fleet(fleet), at).await?;
        Ok(state.unwrap_or_default())
    }

    /// A file of JSON; none if it is not there. One that cannot be read is an error, never absent.
    pub(super) async fn record<T: serde::de::DeserializeOwned>(&self, path: &str, at: &str) -> PortResult<Option<T>> {
        let Some(bytes) = self.file(path, at).await? else { return Ok(None) };
        let unreadable = |error| {
            PortError::new(Fault::Refused, format!("reading {path} at {at}"), format!("record does not check: {error}"))
        };
        serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
    }

    async fn head_or_branch(&self) -> PortResult<String> {
        if let Some(head) = self.branch_head(BRANCH).await? {
            return Ok(head);
        }
        self.begin_branch().await?;
        let gone = || PortError::new(Fault::Unavailable, format!("beginning {BRANCH}"), "it is not there yet");
        self.branch_head(BRANCH).await?.ok_or_else(gone)
    }

    /// Makes the branch, with a root of its own. That it exists by then means that somebody else was quicker, or
    /// that we were, so this may be repeated.
    async fn begin_branch(&self) -> PortResult<()> {
        let doing = format!("beginning {BRANCH}");
        let root = NewCommit { message: "Begin tidegate's records", files: &[("README.md", README)] };
        let commit = self.make_commit(&doing, &root).await?;
        match self.insist(&self.branch_creation(&doing, BRANCH, &commit)).await {
            Err(failure) if !failure.is(StatusCode::UNPROCESSABLE_ENTITY) => Err(failure.error),
            _ => Ok(()),
        }
    }
}
