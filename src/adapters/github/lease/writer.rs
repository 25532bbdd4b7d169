//! Writing a lease: one compare-and-set, in one request. After any answer that is not a plain success the branch is read again. Our
//! record there means that it took effect; nothing changed means that it may be tried again; anything else means
//! that somebody else was quicker.

use async_trait::async_trait;

use super::{RECORD, branch};
use crate::adapters::github::branch::{File, NewCommit};
use crate::adapters::github::client::GitHub;
use crate::adapters::github::failure::{Failure, Outlook};
use crate::domain::lease::{LeaseMark, LeaseRecord, LeaseSeen};
use crate::ports::{Fault, LeaseReader, LeaseWriter, PortError, PortResult};

/// How often the branch is read before "nothing changed" is believed: reads lag behind writes.
const LOOKS: u32 = 2;

#[async_trait]
impl LeaseWriter for GitHub {
    async fn put(&self, seen: Option<&LeaseMark>, next: &LeaseRecord) -> PortResult<LeaseMark> {
        let doing = format!("writing the lease of {}", next.fleet);
        let text = serde_json::to_string_pretty(next).map_err(|error| PortError::new(Fault::Refused, &doing, error))?;
        let change = Change { doing, seen, next, text };
        let first = self.first_commit(&change).await?;
        let mut patience = self.patience();
        loop {
            let failure = match self.write_lease(&change, first.as_deref()).await {
                Ok(commit) => return Ok(LeaseMark(commit)),
                Err(failure) => failure,
            };
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
    /// `next` as people read it.
    text: String,
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
    /// A commit with the record, for a branch that is not there yet; none where it is.
    async fn first_commit(&self, change: &Change<'_>) -> PortResult<Option<String>> {
        if change.seen.is_some() {
            return Ok(None);
        }
        let commit = NewCommit { message: &change.message(), files: &[(RECORD, &change.text)] };
        self.make_commit(&change.doing, &commit).await.map(Some)
    }

    /// One attempt, and the commit in which the record then is.
    async fn write_lease(&self, change: &Change<'_>, first: Option<&str>) -> Result<String, Failure> {
        let branch = branch(&change.next.fleet);
        match (change.seen, first) {
            (Some(LeaseMark(before)), _) => {
                let file = File { path: RECORD.to_owned(), bytes: change.text.clone().into_bytes() };
                self.commit_on_branch(&change.doing, &branch, before, &change.message(), &[file]).await
            }
            (None, first) => {
                let commit = first.unwrap_or_default();
                self.attempt(&self.branch_creation(&change.doing, &branch, commit)).await?;
                Ok(commit.to_owned())
            }
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
