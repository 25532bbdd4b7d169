//! Writing a lease: one compare-and-set. After any answer that is not a plain success the branch is read again. Our
//! record there means that it took effect; nothing changed means that it may be tried again; anything else means
//! that somebody else was quicker.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{RECORD, branch};
use crate::adapters::github::branch::NewCommit;
use crate::adapters::github::client::GitHub;
use crate::adapters::github::failure::{Failure, Outlook};
use crate::domain::lease::{LeaseMark, LeaseRecord, LeaseSeen};
use crate::ports::{Fault, LeaseReader, LeaseWriter, PortError, PortResult};

const MOVE_BRANCH: &str = include_str!("../queries/move_branch.graphql");

/// How often the branch is read before "nothing changed" is believed: reads lag behind writes.
const LOOKS: u32 = 2;

#[async_trait]
impl LeaseWriter for GitHub {
    async fn put(&self, seen: Option<&LeaseMark>, next: &LeaseRecord) -> PortResult<LeaseMark> {
        let change = Change { doing: format!("writing the lease of {}", next.fleet), seen, next };
        let commit = self.lease_commit(&change).await?;
        let mut patience = self.patience();
        loop {
            let Err(failure) = self.point_at(&change, &commit).await else { return Ok(LeaseMark(commit)) };
            if !matches!(failure.outlook, Outlook::After(_))
                && let Some(mark) = self.outcome(&change).await?
            {
                return Ok(mark);
            }
            patience.after(failure).await?;
        }
    }
}

/// What is to be written, and in place of what.
struct Change<'a> {
    doing: String,
    seen: Option<&'a LeaseMark>,
    next: &'a LeaseRecord,
}

impl Change<'_> {
    fn conflict(&self, why: &str) -> PortError {
        PortError::new(Fault::Conflict, &self.doing, why)
    }

    /// What people read in the branch's history.
    fn message(&self) -> String {
        let LeaseRecord { fleet, number, holder, .. } = self.next;
        match holder {
            Some(claim) => format!("{fleet} lease {number}: {} ({})", claim.owner.actor, claim.purpose),
            None => format!("{fleet} lease {number}: free"),
        }
    }
}

impl GitHub {
    /// The commit that holds the record, on top of the one that was seen.
    async fn lease_commit(&self, change: &Change<'_>) -> PortResult<String> {
        let text = serde_json::to_string_pretty(change.next)
            .map_err(|error| PortError::new(Fault::Refused, &change.doing, error))?;
        let commit = NewCommit {
            message: &change.message(),
            files: &[(RECORD, &text)],
            parent: change.seen.map(|mark| mark.0.as_str()),
        };
        self.make_commit(&change.doing, &commit).await
    }

    /// One attempt to make the branch point at the commit.
    async fn point_at(&self, change: &Change<'_>, commit: &str) -> Result<(), Failure> {
        let branch = branch(&change.next.fleet);
        let Some(LeaseMark(before)) = change.seen else {
            let request = self.branch_creation(&change.doing, &branch, commit);
            return self.attempt(&request).await.map(drop);
        };
        let variables = json!({
            "repository": self.node_id().await?,
            "branch": format!("refs/heads/{branch}"),
            "before": before,
            "after": commit,
        });
        let data = self.graphql(&change.doing, MOVE_BRANCH, &variables).await?;
        match &data["updateRefs"] {
            Value::Null => Err(Failure::unanswered(&change.doing, "the answer does not say that the branch was moved")),
            _ => Ok(()),
        }
    }

    /// Where our record is, if the change took effect; none if nothing changed.
    async fn outcome(&self, change: &Change<'_>) -> PortResult<Option<LeaseMark>> {
        for look in 1..=LOOKS {
            match self.lease(&change.next.fleet).await? {
                LeaseSeen::Recorded { mark, record } if record == *change.next => return Ok(Some(mark)),
                LeaseSeen::Recorded { mark, .. } if Some(&mark) == change.seen => {}
                LeaseSeen::Recorded { .. } => return Err(change.conflict("somebody else has written it")),
                LeaseSeen::Unreadable { why } => return Err(change.conflict(&why)),
                LeaseSeen::Never if change.seen.is_none() => {}
                LeaseSeen::Never => return Err(change.conflict("its branch is gone")),
            }
            if look < LOOKS {
                self.patience().let_lists_catch_up().await;
            }
        }
        Ok(None)
    }
}
