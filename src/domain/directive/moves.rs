//! What is recorded of a tenant's move from one cell to another, and what follows from it: which of its two places is
//! its home, and what routers do with its requests. Where fleet.yaml says something else, this is newer: a switch is one
//! decision, and the file follows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Decided, Directives, Holding, Kept, Paused};
use crate::domain::fleet::ServiceSet;
use crate::domain::ids::{CellName, ContentHash, SetId};

/// A step of a move, as recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moving {
    /// It is to move.
    Decided {
        /// What it has where it is.
        from: Holding,
        /// What it will have where it goes.
        to: Holding,
    },
    /// Routers answer its requests with a page from now on.
    Halted,
    /// Everything it has is at the new place too, checked, and nothing has been written since.
    Copied {
        /// What.
        #[serde(flatten)]
        kept: Kept,
    },
    /// It has passed the gate at the new place, where nobody can reach it yet.
    Raised,
    /// The new place is its home from now on.
    Switched,
    /// It has passed the gate at its own host.
    Arrived,
    /// It goes back.
    Returning,
    /// The old place is its home again, and the move has ended.
    Returned,
    /// The old place is given up, and the move has ended.
    Retired {
        /// Digest of the loss that was approved.
        approved: ContentHash,
    },
}

impl Moving {
    /// In words.
    pub fn words(&self, set: &SetId) -> String {
        match self {
            Self::Decided { from, to } => format!("{set} moves from {} to {}", from.cell, to.cell),
            Self::Halted => format!("the requests of {set} are stopped while it moves"),
            Self::Copied { kept } => format!("{} objects of {set} are at its new place", kept.objects),
            Self::Raised => format!("{set} has passed the gate at its new place"),
            Self::Switched => format!("{set} is switched to its new place"),
            Self::Arrived => format!("{set} has passed the gate at its own host"),
            Self::Returning => format!("{set} goes back to where it was"),
            Self::Returned => format!("{set} is where it was"),
            Self::Retired { .. } => format!("the old place of {set} is given up"),
        }
    }
}

/// How a move ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// At the old place.
    Returned,
    /// At the new place.
    Retired,
}

/// What routers do with a moving tenant's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// They pass them on to the old place.
    Old,
    /// They answer with a page.
    Closed,
    /// They pass them on to the new place.
    New,
}

/// A move, as far as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Who decided it.
    pub by: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// Number of the decision.
    pub decision: u32,
    /// What it has where it was.
    pub from: Holding,
    /// What it has where it goes.
    pub to: Holding,
    /// Whether its requests were ever stopped.
    pub halted: bool,
    /// What was copied; none before it was.
    pub copied: Option<Kept>,
    /// Whether it has passed the gate at the new place.
    pub raised: bool,
    /// Since when the new place is its home.
    pub switched: Option<Timestamp>,
    /// Whether it has passed the gate at its own host.
    pub arrived: bool,
    /// How it ran at the old place, which sleeps since then; before the switch, that is its pause.
    pub slept: Option<Paused>,
    /// Whether it goes back.
    pub returning: bool,
    /// How the move ended, if it did.
    pub ended: Option<Ended>,
}

impl Move {
    fn by(decided: &Decided, from: &Holding, to: &Holding) -> Self {
        Self {
            by: decided.by.clone(),
            why: decided.why.clone(),
            since: decided.at,
            decision: decided.seq,
            from: from.clone(),
            to: to.clone(),
            halted: false,
            copied: None,
            raised: false,
            switched: None,
            arrived: false,
            slept: None,
            returning: false,
            ended: None,
        }
    }

    /// Whether it has not ended.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether the new place is the tenant's home.
    pub fn is_at_new(&self) -> bool {
        self.switched.is_some() && !self.returning
    }

    /// The place that is its home.
    pub fn home(&self) -> &Holding {
        if self.is_at_new() { &self.to } else { &self.from }
    }

    /// The place at which a rollout of this tenant alone is, while the move is open: where it is to be brought up.
    pub fn rises_at(&self) -> &Holding {
        if self.returning { &self.from } else { &self.to }
    }

    /// What routers are to do with its requests.
    pub fn way(&self) -> Way {
        match self.ended {
            Some(Ended::Returned) => Way::Old,
            Some(Ended::Retired) => Way::New,
            None if self.is_at_new() => Way::New,
            None if self.halted => Way::Closed,
            None => Way::Old,
        }
    }

    /// Whether it has an end that fleet.yaml tells too: it runs where its line says, by the records.
    fn is_settled(&self, set: &ServiceSet) -> bool {
        (self.ended.is_some() || self.is_at_new()) && self.home().cell == set.cell
    }
}

impl Directives {
    pub(super) fn moved(&mut self, decided: &Decided, set: &SetId, step: &Moving) {
        if let Moving::Decided { from, to } = step {
            self.moves.insert(set.clone(), Move::by(decided, from, to));
            return;
        }
        let Some(of) = self.moves.get_mut(set).filter(|of| of.is_open()) else { return };
        match step {
            Moving::Decided { .. } => {}
            Moving::Halted => of.halted = true,
            Moving::Copied { kept } => of.copied = Some(kept.clone()),
            Moving::Raised => of.raised = true,
            Moving::Switched => (of.switched, of.slept) = (Some(decided.at), self.paused.remove(set)),
            Moving::Arrived => of.arrived = true,
            Moving::Returning => {
                of.returning = true;
                let slept: BTreeMap<SetId, Paused> =
                    of.slept.take().into_iter().map(|was| (set.clone(), was)).collect();
                self.paused.extend(slept);
            }
            Moving::Returned => of.ended = Some(Ended::Returned),
            Moving::Retired { .. } => of.ended = Some(Ended::Retired),
        }
    }

    /// Where a set was moved to, or is on its way to, since this time. What was done to it before was done elsewhere.
    pub fn moved_since(&self, set: &SetId, time: Timestamp) -> Option<&CellName> {
        let away = |of: &&Move| of.since > time && of.ended != Some(Ended::Returned);
        self.moves.get(set).filter(away).map(|of| &of.to.cell)
    }

    /// Where a set is being moved to, unless it runs where its line in fleet.yaml says, for good or for the time being.
    /// Everything but its move leaves it alone until then.
    pub fn being_moved(&self, set: &ServiceSet) -> Option<&CellName> {
        self.moves.get(&set.id).filter(|of| !of.is_settled(set)).map(|of| &of.to.cell)
    }
}
