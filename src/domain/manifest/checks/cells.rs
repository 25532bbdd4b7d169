//! Cells: accounts that are accounts, roles that belong to them.

use std::collections::BTreeMap;

use super::Notes;
use crate::domain::fleet::Cell;
use crate::domain::ids::CellName;
use crate::domain::manifest::mirror::{CellEntry, FleetFile};
use crate::domain::object_name::ObjectName;

/// The cells by name.
pub(super) fn cells(notes: &mut Notes<'_>, file: &FleetFile) -> Option<BTreeMap<CellName, Cell>> {
    let cells: Vec<Option<Cell>> = file.cells.iter().map(|(name, entry)| cell(notes, name, entry)).collect();
    cells.into_iter().map(|cell| cell.map(|cell| (cell.name.clone(), cell))).collect()
}

fn cell(notes: &mut Notes<'_>, name: &str, entry: &CellEntry) -> Option<Cell> {
    let path = format!("cells.{name}");
    if entry.account.len() != 12 || !entry.account.bytes().all(|b| b.is_ascii_digit()) {
        let what = format!("account `{}` is not twelve digits", entry.account.escape_debug());
        notes.add(&format!("{path}.account"), what, "write it in quotes, or a leading 0 is lost");
    }
    if entry.clusters.is_empty() {
        notes.add(&format!("{path}.clusters"), "no cluster".to_owned(), "name the ECS cluster the tenants run in");
    }
    if let Some(role) = &entry.role {
        check_role(notes, &format!("{path}.role"), role, &entry.account);
    }
    if let Some(endpoint) = entry.endpoint.as_ref().filter(|e| !e.starts_with("http://") && !e.starts_with("https://"))
    {
        let what = format!("endpoint `{}` is no URL", endpoint.escape_debug());
        notes.add(&format!("{path}.endpoint"), what, "it begins with https:// or http://");
    }
    if let Some(manifest) = &entry.manifest {
        check_manifest(notes, &format!("{path}.manifest"), manifest);
    }
    Some(Cell {
        name: notes.key(&path, name)?,
        account: entry.account.clone(),
        region: entry.region.clone(),
        clusters: entry.clusters.clone(),
        role: entry.role.clone(),
        endpoint: entry.endpoint.clone(),
        registry: entry.registry.clone(),
        manifest: entry.manifest.clone(),
        tenants_max: entry.tenants_max,
    })
}

fn check_manifest(notes: &mut Notes<'_>, path: &str, pattern: &str) {
    // Names are checked where they stand; here it is the pattern that is tried.
    let names = "any".parse().ok().zip("any".parse().ok());
    if names.is_some_and(|(fleet, set)| ObjectName::of(pattern, &fleet, &set).is_none()) {
        let what = format!("`{}` names no object for each tenant", pattern.escape_debug());
        notes.add(path, what, "it looks like s3://bucket/sets/{tenant}/manifest.json; {fleet} may stand in it too");
    }
}

fn check_role(notes: &mut Notes<'_>, path: &str, role: &str, account: &str) {
    let parts: Vec<&str> = role.splitn(6, ':').collect();
    let is_role = parts.len() == 6 && parts[0] == "arn" && parts[2] == "iam" && parts[5].starts_with("role/");
    if !is_role {
        notes.add(
            path,
            format!("`{}` is no role's ARN", role.escape_debug()),
            "it looks like arn:aws:iam::111111111111:role/name",
        );
    } else if parts[4] != account {
        let what = format!("the role is of account {} and the cell of account {account}", parts[4].escape_debug());
        notes.add(path, what, "name the role of the cell's own account");
    }
}
