//! What went wrong, by cause: a hundred tenants with one cause are one line.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::FailureGroup;
use crate::domain::ledger::RolloutRecord;
use crate::domain::reason::{Kind, Reason};
use crate::domain::rollout::Event;

/// Every stop, hold and quarantine of these rollouts by its signature; the newest cause first.
pub(super) fn failures(rollouts: &[RolloutRecord]) -> Vec<FailureGroup> {
    let mut groups: BTreeMap<String, FailureGroup> = BTreeMap::new();
    for record in rollouts {
        for entry in &record.entries {
            let (Event::Held { reason, .. } | Event::Halted { reason, .. } | Event::Quarantined { reason, .. }) =
                &entry.event
            else {
                continue;
            };
            let group = groups.entry(reason.signature()).or_insert_with(|| new(reason, entry.at));
            group.times += 1;
            group.first = group.first.min(entry.at);
            if entry.at >= group.last {
                (group.last, group.example) = (entry.at, reason.to_string());
            }
            let set = match &entry.event {
                Event::Quarantined { set, .. } => Some(set),
                _ => reason.set(),
            };
            add(&mut group.sets, set);
            add(&mut group.rollouts, Some(&record.id.0));
            add(&mut group.versions, Some(&record.intent.version));
        }
    }
    let mut groups: Vec<FailureGroup> = groups.into_values().collect();
    groups.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.signature.cmp(&b.signature)));
    groups
}

fn new(reason: &Reason, at: Timestamp) -> FailureGroup {
    FailureGroup {
        signature: reason.signature(),
        code: reason.code(),
        gate_failed: reason.kind() == Kind::GateFailed,
        times: 0,
        example: reason.to_string(),
        hint: reason.hint().to_owned(),
        first: at,
        last: at,
        sets: Vec::new(),
        rollouts: Vec::new(),
        versions: Vec::new(),
    }
}

/// Adds what is not there yet, in order.
fn add<T: Ord + Clone>(known: &mut Vec<T>, new: Option<&T>) {
    if let Some(new) = new
        && let Err(place) = known.binary_search(new)
    {
        known.insert(place, new.clone());
    }
}
