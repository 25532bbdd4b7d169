//! Tenants that are gone: an id that stands there is nobody's any more, and nobody's again.

use std::collections::BTreeMap;

use super::Notes;
use crate::domain::fleet::{ServiceSet, Tombstone};
use crate::domain::ids::{ContentHash, FleetName, SetId};
use crate::domain::manifest::mirror::{FleetFile, RemovedEntry, TenantFile};

/// The tombstones of every file, by id.
pub(super) fn removed(
    notes: &mut Notes<'_>,
    file: &FleetFile,
    more: &[TenantFile],
    there: &BTreeMap<&str, Vec<ServiceSet>>,
) -> BTreeMap<SetId, Tombstone> {
    let of_main = file.tenants.removed.iter().enumerate().map(|(i, entry)| (0, format!("tenants.removed[{i}]"), entry));
    let of_others = more.iter().enumerate().flat_map(|(f, file)| {
        file.removed.iter().enumerate().map(move |(i, entry)| (f + 1, format!("removed[{i}]"), entry))
    });
    let (mut all, mut lines) = (BTreeMap::new(), BTreeMap::new());
    for (source, path, entry) in of_main.chain(of_others) {
        let Some((id, tombstone)) = one(notes, source, &path, entry) else { continue };
        let line = notes.line(source, &format!("{path}.id"));
        if there.values().flatten().any(|set| set.id == id) {
            let what = format!("`{id}` is a tenant, and was removed on {}", tombstone.on);
            notes.add_in(
                source,
                &format!("{path}.id"),
                what,
                "an id is never given twice: give the new tenant another",
            );
        }
        if let Some(first) = lines.insert(id.clone(), line) {
            let what = format!("`{id}` was removed twice (first at {first})");
            notes.add_in(source, &format!("{path}.id"), what, "an id is given once: remove one");
        }
        all.insert(id, tombstone);
    }
    all
}

fn one(notes: &mut Notes<'_>, source: usize, path: &str, entry: &RemovedEntry) -> Option<(SetId, Tombstone)> {
    let id: Option<SetId> = notes.parsed(source, &format!("{path}.id"), &entry.id);
    let fleet: Option<FleetName> = notes.parsed(source, &format!("{path}.fleet"), &entry.fleet);
    let on = entry.on.parse().ok();
    if on.is_none() {
        let what = format!("`{}` is no date", entry.on.escape_debug());
        notes.add_in(source, &format!("{path}.on"), what, "write it as 2027-06-30");
    }
    let kept: Option<Option<ContentHash>> = match &entry.kept {
        None => Some(None),
        Some(text) => notes.parsed(source, &format!("{path}.kept"), text).map(Some),
    };
    Some((id?, Tombstone { fleet: fleet?, on: on?, kept: kept? }))
}
