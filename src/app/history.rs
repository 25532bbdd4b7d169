//! `history`: what happened, where, when and by whom. Works with readers only, and with the records alone.

use super::{Readers, Stop};
use crate::domain::fleet::Fleet;
use crate::domain::history::{self, Happening, newest_first};

/// The newest rollouts and decisions of these fleets, no more than `limit`.
///
/// # Errors
/// The records cannot be read.
pub async fn history<'a>(
    readers: &Readers,
    fleets: impl Iterator<Item = &'a Fleet>,
    limit: usize,
) -> Result<Vec<Happening>, Stop> {
    let mut happenings = Vec::new();
    for fleet in fleets {
        let rollouts = readers.ledger.rollouts(&fleet.name).await?;
        let decided = readers.ledger.decided(&fleet.name).await?;
        happenings.extend(history::history(&fleet.name, &rollouts, &decided, limit));
    }
    Ok(newest_first(happenings, limit))
}
