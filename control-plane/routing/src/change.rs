//! What one snapshot changes of another, tenant by tenant and in words.

use std::collections::BTreeMap;

use crate::snapshot::{Snapshot, Tenant};

/// What happens to a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added(String),
    /// It is gone.
    Lost(String),
    /// It is another in these things: name, before, after.
    Changed(String, Vec<(&'static str, String, String)>),
}

/// What `next` changes of `current`, by tenant.
pub fn changes(current: Option<&Snapshot>, next: &Snapshot) -> Vec<Change> {
    let by_id = |snapshot: &'_ Snapshot| -> BTreeMap<String, Tenant> {
        snapshot.tenants.iter().map(|tenant| (tenant.id.clone(), tenant.clone())).collect()
    };
    let (before, after) = (current.map(by_id).unwrap_or_default(), by_id(next));
    let ids = before.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>();
    let change = |id: &String| match (before.get(id), after.get(id)) {
        (None, Some(_)) => Some(Change::Added(id.clone())),
        (Some(_), None) => Some(Change::Lost(id.clone())),
        (Some(one), Some(other)) if one != other => Some(Change::Changed(id.clone(), fields(one, other))),
        _ => None,
    };
    ids.into_iter().filter_map(change).collect()
}

fn fields(one: &Tenant, other: &Tenant) -> Vec<(&'static str, String, String)> {
    let keys = |tenant: &Tenant| tenant.token_keys.iter().map(|key| key.id.clone()).collect::<Vec<_>>().join(" ");
    let told = |tenant: &Tenant| {
        [
            ("hosts", tenant.hosts.join(" ")),
            ("state", tenant.state.word().to_owned()),
            ("moved_to", tenant.moved_to.clone().unwrap_or_default()),
            ("backend", tenant.backend.clone()),
            ("cell", tenant.cell.clone()),
            ("token_keys", keys(tenant)),
        ]
    };
    let pairs = told(one).into_iter().zip(told(other));
    let mut changed: Vec<_> =
        pairs.filter(|(was, is)| was != is).map(|((name, was), (_, is))| (name, was, is)).collect();
    if changed.is_empty() {
        changed.push(("token_keys", "other keys".to_owned(), "under the same ids".to_owned()));
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::State;
    use crate::snapshot::tests::snapshot;

    #[test]
    fn every_change_is_told_with_before_and_after() {
        let (one, mut two) = (snapshot(1, &["a", "b", "c"]), snapshot(2, &["b", "c", "d"]));
        two.tenants[0].state = State::Paused;
        let told = changes(Some(&one), &two);
        let paused = vec![("state", "active".to_owned(), "paused".to_owned())];
        let (lost, added) = (Change::Lost("a".to_owned()), Change::Added("d".to_owned()));
        assert_eq!(told, [lost, Change::Changed("b".to_owned(), paused), added]);
        assert_eq!(changes(Some(&one), &one), []);
        assert_eq!(changes(None, &one).len(), 3);
    }
}
