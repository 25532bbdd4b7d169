//! The lease: who may move a fleet now. One holder at a time, and each holder's number is larger than all before
//! it, so that a record or a call of an earlier one can be told from ours.
//!
//! GitHub has no expiry to offer and cron is no heartbeat, so age alone never frees a lease. It is taken over only
//! from an owner that is known to have ended; what cannot be told blocks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{ContentHash, FleetName};
use super::mutant::{Mutant, breaks};
use super::reason::Reason;

/// Version of the form in which leases are recorded.
pub const LEASE_SCHEMA: u32 = 1;

/// A process that may hold a lease, in enough words to find out whether it still lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The workflow run; none at a terminal.
    pub run: Option<u64>,
    /// Its attempt. A re-run keeps the run's id and counts this up.
    pub attempt: Option<u64>,
    /// Who started it.
    pub actor: String,
    /// The machine.
    pub host: String,
    /// The process on that machine.
    pub process: u32,
}

/// A wish to hold the lease. The id tells a request that was repeated from a second one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Hash of owner, fleet and time.
    pub id: ContentHash,
    /// Who claims.
    pub owner: Owner,
    /// What for, in the words of the command.
    pub purpose: String,
    /// When.
    pub at: Timestamp,
}

/// What the lease's place holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseRecord {
    /// [`LEASE_SCHEMA`] when it was written.
    pub schema: u32,
    /// Whose lease.
    pub fleet: FleetName,
    /// Counts up with every change; the fencing number of the holder.
    pub number: u64,
    /// The holder; none while it is free.
    pub holder: Option<Claim>,
}

/// The version of the lease's place that was seen: on GitHub, the commit that its ref points at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeaseMark(pub String);

/// What was found in the lease's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseSeen {
    /// Nobody has ever held it.
    Never,
    /// A record.
    Recorded {
        /// Where it was found.
        mark: LeaseMark,
        /// What it says.
        record: LeaseRecord,
    },
    /// Something that is no lease record. It blocks.
    Unreadable {
        /// What is wrong with it.
        why: String,
    },
}

/// Whether an owner still lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// It has ended for sure.
    Ended,
    /// It lives.
    Alive,
    /// It cannot be told.
    Unknown {
        /// Why.
        why: String,
    },
}

/// What a claim may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taking {
    /// It holds the lease already: an earlier request took effect and its answer was lost.
    Ours,
    /// It may write this in place of what was seen.
    Write(LeaseRecord),
    /// It must ask whether this owner still lives, and decide again.
    Ask(Owner),
}

impl Claim {
    /// A claim of `owner` on a fleet's lease.
    pub fn new(fleet: &FleetName, owner: Owner, purpose: &str, at: Timestamp) -> Self {
        let text = format!("{fleet}\n{owner:?}\n{at}");
        Self { id: ContentHash::of(text.as_bytes()), owner, purpose: purpose.to_owned(), at }
    }
}

impl LeaseSeen {
    /// The record; none if there is none that can be read.
    pub fn record(&self) -> Option<&LeaseRecord> {
        match self {
            Self::Recorded { record, .. } => Some(record),
            Self::Never | Self::Unreadable { .. } => None,
        }
    }

    /// Where the record was found; none if there was none.
    pub fn mark(&self) -> Option<&LeaseMark> {
        match self {
            Self::Recorded { mark, .. } => Some(mark),
            Self::Never | Self::Unreadable { .. } => None,
        }
    }
}

/// What `claim` may do with what was seen. `life` is that of the holder, where it was asked.
///
/// # Errors
/// Why the lease cannot be had.
pub fn take(fleet: &FleetName, seen: &LeaseSeen, claim: &Claim, life: Option<&Life>) -> Result<Taking, Reason> {
    let written =
        |number| LeaseRecord { schema: LEASE_SCHEMA, fleet: fleet.clone(), number, holder: Some(claim.clone()) };
    match seen {
        LeaseSeen::Never => Ok(Taking::Write(written(1))),
        LeaseSeen::Unreadable { why } => Err(Reason::LeaseUnreadable { fleet: fleet.clone(), why: why.clone() }),
        LeaseSeen::Recorded { record, .. } => match &record.holder {
            None => Ok(Taking::Write(written(record.number + 1))),
            Some(holder) if holder.id == claim.id => Ok(Taking::Ours),
            Some(holder) => match life {
                None => Ok(Taking::Ask(holder.owner.clone())),
                Some(Life::Ended) => Ok(Taking::Write(written(record.number + 1))),
                Some(Life::Alive) if breaks(Mutant::LeaseOfOthers) => Ok(Taking::Write(written(record.number + 1))),
                Some(Life::Alive) => Err(held(fleet, holder, "it is running")),
                Some(Life::Unknown { why }) => Err(held(fleet, holder, why)),
            },
        },
    }
}

/// The record that frees a lease; none if `claim` does not hold it.
pub fn release(seen: &LeaseSeen, claim: &ContentHash) -> Option<LeaseRecord> {
    let LeaseSeen::Recorded { record, .. } = seen else { return None };
    let ours = record.holder.as_ref().is_some_and(|holder| &holder.id == claim);
    ours.then(|| LeaseRecord { number: record.number + 1, holder: None, ..record.clone() })
}

/// Whether `other` has ended because of what `own` is: a later attempt of a run begins when the one before is over.
pub fn ended_before(own: &Owner, other: &Owner) -> bool {
    own.run.is_some() && own.run == other.run && own.attempt > other.attempt
}

fn held(fleet: &FleetName, holder: &Claim, why: &str) -> Reason {
    let owner = &holder.owner;
    let by = match owner.run {
        Some(run) => format!("{} in run {run}", owner.actor),
        None => format!("{} on {} (process {})", owner.actor, owner.host, owner.process),
    };
    Reason::LeaseHeld {
        fleet: fleet.clone(),
        by,
        purpose: holder.purpose.clone(),
        since: holder.at,
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(run: u64, attempt: u64) -> Owner {
        let (run, attempt) = (Some(run), Some(attempt));
        Owner { run, attempt, actor: "ana".to_owned(), host: "runner-1".to_owned(), process: 7 }
    }

    fn prod() -> FleetName {
        "prod".parse().unwrap()
    }

    fn claim(run: u64) -> Claim {
        Claim::new(&prod(), owner(run, 1), "promote", Timestamp::UNIX_EPOCH)
    }

    fn held_by(claim: &Claim) -> LeaseSeen {
        let record = LeaseRecord { schema: LEASE_SCHEMA, fleet: prod(), number: 4, holder: Some(claim.clone()) };
        LeaseSeen::Recorded { mark: LeaseMark("a".to_owned()), record }
    }

    fn number(taking: Result<Taking, Reason>) -> u64 {
        match taking {
            Ok(Taking::Write(record)) => record.number,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn inv_12_numbers_only_grow() {
        assert_eq!(number(take(&prod(), &LeaseSeen::Never, &claim(1), None)), 1);
        let seen = held_by(&claim(1));
        assert_eq!(number(take(&prod(), &seen, &claim(2), Some(&Life::Ended))), 5);
        let free = release(&seen, &claim(1).id).unwrap();
        assert_eq!((free.number, &free.holder), (5, &None));
        let free = LeaseSeen::Recorded { mark: LeaseMark("b".to_owned()), record: free };
        assert_eq!(number(take(&prod(), &free, &claim(2), None)), 6);
    }

    #[test]
    fn inv_12_only_an_owner_that_has_ended_loses_it() {
        let seen = held_by(&claim(1));
        assert_eq!(take(&prod(), &seen, &claim(2), None), Ok(Taking::Ask(owner(1, 1))));
        for life in [Life::Alive, Life::Unknown { why: "no answer".to_owned() }] {
            assert_eq!(take(&prod(), &seen, &claim(2), Some(&life)).unwrap_err().code(), "lease_held");
        }
        let unreadable = LeaseSeen::Unreadable { why: "no JSON".to_owned() };
        assert_eq!(take(&prod(), &unreadable, &claim(2), Some(&Life::Ended)).unwrap_err().code(), "lease_unreadable");
    }

    #[test]
    fn a_repeated_claim_is_recognised_and_a_strange_one_frees_nothing() {
        assert_eq!(take(&prod(), &held_by(&claim(1)), &claim(1), None), Ok(Taking::Ours));
        assert_eq!(release(&held_by(&claim(1)), &claim(2).id), None);
    }

    #[test]
    fn a_later_attempt_knows_that_the_earlier_one_is_over() {
        assert!(ended_before(&owner(9, 2), &owner(9, 1)));
        assert!(!ended_before(&owner(9, 1), &owner(9, 1)));
        assert!(!ended_before(&owner(9, 2), &owner(8, 1)));
    }
}
