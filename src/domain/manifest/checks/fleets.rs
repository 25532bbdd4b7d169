//! Fleets: their order, their calendar, and that no two share an account.

use std::collections::{BTreeMap, BTreeSet};

use accessos_routing::{PublicKey, TrustedKeys};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::waves::waves;
use super::{Notes, words};
use crate::domain::calendar::{Calendar, Freeze, Window};
use crate::domain::fleet::{
    Approval, DataScope, DeployOn, Fleet, FoundBy, LicencePolicy, Routing, ServiceSet, SetState,
};
use crate::domain::gate::GatePolicy;
use crate::domain::ids::{FleetName, SetId};
use crate::domain::manifest::mirror::{DeployOnEntry, FleetEntry, FleetFile, FreezeEntry, RoutingEntry, WindowEntry};

/// The fleets, each after the one it is promoted from.
pub(super) fn fleets(
    notes: &mut Notes<'_>,
    file: &FleetFile,
    gates: &BTreeMap<&str, Option<GatePolicy>>,
    tenants: &BTreeMap<&str, Vec<ServiceSet>>,
) -> Option<Vec<Fleet>> {
    apart(notes, file);
    let order = order(notes, file);
    let nobody = Vec::new();
    let fleets: Vec<Option<Fleet>> = order
        .iter()
        .filter_map(|name| file.fleets.get_key_value(*name))
        .map(|(name, entry)| {
            if !tenants.contains_key(name.as_str()) {
                let help = "add one with `fleet:` and this name, or remove the fleet";
                notes.add_key(&format!("fleets.{name}"), format!("fleet `{name}` has no tenant"), help);
            }
            fleet(notes, file, name, entry, gates, tenants.get(name.as_str()).unwrap_or(&nobody))
        })
        .collect();
    fleets.into_iter().collect()
}

fn fleet(
    notes: &mut Notes<'_>,
    file: &FleetFile,
    name: &str,
    entry: &FleetEntry,
    gates: &BTreeMap<&str, Option<GatePolicy>>,
    tenants: &[ServiceSet],
) -> Option<Fleet> {
    let path = format!("fleets.{name}");
    let deploy_on = deploy_on(notes, &path, entry);
    let calendar = calendar(notes, &path, entry);
    let routing = entry.routing.as_ref().map(|routing| self::routing(notes, file, &format!("{path}.routing"), routing));
    let awake = windows(notes, &path, "awake", &entry.awake);
    let waves = waves(notes, &path, entry, tenants);
    let soak = notes.duration(&format!("{path}.soak"), entry.soak.as_deref(), SignedDuration::ZERO);
    let known = notes.known(&format!("{path}.gate"), "gate", &entry.gate, file.gates.keys());
    let control_plane = control_plane(notes, file, &path, entry);
    let name: FleetName = notes.key(&path, name)?;
    let gate = gates.get(entry.gate.as_str()).filter(|_| known)?.clone()?;
    if gate.routers && routing.is_none() {
        let what = format!("`{}` asks for what routers serve, and the fleet has no `routing`", entry.gate);
        notes.add(&format!("fleets.{name}.gate"), what, "say in fleets.X.routing where it is published");
    }
    Some(Fleet {
        name,
        cells: entry.cells.iter().filter_map(|cell| cell.parse().ok()).collect(),
        domain: entry.domain.as_ref().unwrap_or(&file.domain).clone(),
        from: entry.from.as_ref().and_then(|from| from.parse().ok()),
        soak,
        deploy_on: deploy_on?,
        approval: entry.approval.as_ref().map(|approval| Approval {
            environment: approval.environment.clone(),
            not_author: approval.not_author.unwrap_or(true),
        }),
        calendar,
        awake,
        licences: licences(entry),
        waves,
        gate,
        on_failure: entry.on_failure,
        failure_budget: entry.failure_budget.unwrap_or(0) as usize,
        routing: routing.flatten(),
        sets: control_plane.into_iter().chain(tenants.iter().cloned()).collect(),
    })
}

/// What becomes of tenants without a licence; what the file does not say is as it always was.
fn licences(entry: &FleetEntry) -> LicencePolicy {
    let usual = LicencePolicy::default();
    let said = entry.license.as_ref();
    LicencePolicy {
        expired: said.and_then(|said| said.expired).unwrap_or(usual.expired),
        missing: said.and_then(|said| said.missing).unwrap_or(usual.missing),
    }
}

fn routing(notes: &mut Notes<'_>, file: &FleetFile, path: &str, entry: &RoutingEntry) -> Option<Routing> {
    let place = Routing::place(&entry.snapshot);
    if place.is_none() {
        let what = format!("`{}` is no place in S3", entry.snapshot.escape_debug());
        notes.add(&format!("{path}.snapshot"), what, "it looks like s3://bucket/routing");
    }
    let keys = entry.keys.iter().map(|key| key.parse()).collect::<Result<Vec<PublicKey>, String>>();
    let keys = keys.and_then(TrustedKeys::new).map_err(|why| {
        let help = "`openssl pkey -in KEY.pem -pubout -outform DER | tail -c 32 | base64` prints one";
        notes.add(&format!("{path}.keys"), why, help);
    });
    let backend = entry.backend.clone().unwrap_or_else(|| "https://{host}".to_owned());
    if !backend.starts_with("https://") && !backend.starts_with("http://") {
        let what = format!("`{}` is no URL", backend.escape_debug());
        notes.add(&format!("{path}.backend"), what, "it looks like https://{host}");
    }
    let percent = |text: &String| text.strip_suffix('%')?.parse().ok().filter(|percent| *percent <= 100);
    let lose_percent = entry.lose_max.as_ref().map_or(Some(10), percent);
    if lose_percent.is_none() {
        notes.add(&format!("{path}.lose_max"), "it is no part of the tenants".to_owned(), "write it as 10%");
    }
    let router = entry.router.as_deref().unwrap_or("edge-router");
    let services = file.control_plane.iter().flat_map(|entry| entry.services.keys());
    // Where there is none, publishing goes on, and nobody can tell who serves it.
    if entry.router.is_some() {
        notes.known(&format!("{path}.router"), "service of the control plane", router, services);
    }
    let (bucket, prefix) = place?;
    let (keys, router) = (keys.ok()?, router.parse().ok()?);
    Some(Routing { bucket, prefix, keys, backend, lose_percent: lose_percent?, router })
}

/// The control plane's set in a fleet: at the fleet's own domain, in its first cell.
fn control_plane(notes: &mut Notes<'_>, file: &FleetFile, path: &str, entry: &FleetEntry) -> Option<ServiceSet> {
    if let Some(domain) = &entry.domain {
        notes.host(&format!("{path}.domain"), domain);
    }
    file.control_plane.as_ref()?;
    let cell = entry.cells.first()?;
    Some(ServiceSet {
        id: SetId::control_plane(),
        cell: cell.parse().ok()?,
        cluster: file.cells.get(cell)?.clusters.first()?.clone(),
        host: entry.domain.as_ref().unwrap_or(&file.domain).clone(),
        tags: BTreeSet::new(),
        tier: None,
        state: SetState::Active,
        pin: None,
        licence: None,
        data: DataScope::default(),
        found_by: FoundBy::default(),
        second: None,
        moving: None,
    })
}

fn deploy_on(notes: &mut Notes<'_>, path: &str, entry: &FleetEntry) -> Option<DeployOn> {
    match (entry.deploy_on, &entry.label) {
        (DeployOnEntry::Label, Some(label)) => Some(DeployOn::Label(label.clone())),
        (DeployOnEntry::Label, None) => {
            notes.add(
                &format!("{path}.deploy_on"),
                "`deploy_on: label` without `label`".to_owned(),
                "say which, such as label: promote:prod",
            );
            None
        }
        (_, Some(_)) => {
            notes.add(
                &format!("{path}.label"),
                "a label that nothing waits for".to_owned(),
                "write `deploy_on: label`, or remove it",
            );
            None
        }
        (DeployOnEntry::Merge, None) => Some(DeployOn::Merge),
        (DeployOnEntry::Dispatch, None) => Some(DeployOn::Dispatch),
    }
}

/// Names of the fleets, each after the one it is promoted from. Of a circle one link is told and then cut, so that
/// its fleets are looked at too.
fn order<'a>(notes: &mut Notes<'_>, file: &'a FleetFile) -> Vec<&'a str> {
    let mut left: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for (name, entry) in &file.fleets {
        let path = format!("fleets.{name}.from");
        let from = entry.from.as_deref().filter(|from| notes.known(&path, "fleet", from, file.fleets.keys()));
        left.insert(name, from);
    }
    let mut order: Vec<&str> = Vec::new();
    while !left.is_empty() {
        let ready = left.iter().find(|(_, from)| from.is_none_or(|from| order.contains(&from)));
        if let Some(next) = ready.map(|(name, _)| *name) {
            left.remove(next);
            order.push(next);
            continue;
        }
        let circle = circle(&left);
        let what = format!("fleets are promoted from each other: {}", circle.join(" -> "));
        notes.add(&format!("fleets.{}.from", circle[0]), what, "one fleet comes first, without `from`");
        left.insert(circle[0], None);
    }
    order
}

/// Follows `from` until a fleet comes up again. Each of these fleets has one, which is among them.
fn circle<'a>(left: &BTreeMap<&'a str, Option<&'a str>>) -> Vec<&'a str> {
    let mut path: Vec<&str> = left.keys().take(1).copied().collect();
    while let Some(next) = path.last().and_then(|name| left.get(name)).copied().flatten() {
        let start = path.iter().position(|name| *name == next);
        path.push(next);
        if let Some(start) = start {
            return path.split_off(start);
        }
    }
    path
}

/// Fleets share no cell and no account: what is wrong in the one must not be able to touch the other, and both
/// would draw on the same API limits.
fn apart(notes: &mut Notes<'_>, file: &FleetFile) {
    let mut accounts: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, entry) in &file.fleets {
        if entry.cells.is_empty() {
            notes.add(&format!("fleets.{name}.cells"), "no cell".to_owned(), "name the account and Region it lives in");
        }
        for (index, cell) in entry.cells.iter().enumerate() {
            let path = format!("fleets.{name}.cells[{index}]");
            if !notes.known(&path, "cell", cell, file.cells.keys()) {
                continue;
            }
            let Some(found) = file.cells.get(cell) else { continue };
            if let Some(other) = accounts.insert(&found.account, name).filter(|other| other != name) {
                let what = format!("account {} is fleet `{other}`'s already", found.account);
                notes.add(&path, what, "dev and prod never share an account: give each fleet cells of its own");
            }
        }
    }
}

fn calendar(notes: &mut Notes<'_>, path: &str, entry: &FleetEntry) -> Calendar {
    let windows = windows(notes, path, "windows", &entry.windows);
    let freezes =
        entry.freezes.iter().enumerate().filter_map(|(i, f)| freeze(notes, &format!("{path}.freezes[{i}]"), f));
    Calendar { windows, freezes: freezes.collect() }
}

fn windows(notes: &mut Notes<'_>, path: &str, key: &str, entries: &[WindowEntry]) -> Vec<Window> {
    entries.iter().enumerate().filter_map(|(i, w)| window(notes, &format!("{path}.{key}[{i}]"), w)).collect()
}

fn window(notes: &mut Notes<'_>, path: &str, entry: &WindowEntry) -> Option<Window> {
    let days = words::days(&entry.days);
    if days.is_none() {
        let what = format!("`{}` are no days", entry.days.escape_debug());
        notes.add(&format!("{path}.days"), what, "write them as mon-thu, mon or mon,wed,fri");
    }
    let mut time = |key: &str, text: &str| {
        let time = text.parse().ok();
        if time.is_none() {
            notes.add(
                &format!("{path}.{key}"),
                format!("`{}` is no time of day", text.escape_debug()),
                "write it as \"09:00\"",
            );
        }
        time
    };
    let (from, to) = (time("from", &entry.from), time("to", &entry.to));
    let zone = zone(notes, path, &entry.zone);
    let (from, to) = (from?, to?);
    if from >= to {
        notes.add(
            &format!("{path}.to"),
            "the window ends before it begins".to_owned(),
            "for a night, write two windows",
        );
        return None;
    }
    Some(Window { days: days?, from, to, zone: zone? })
}

fn freeze(notes: &mut Notes<'_>, path: &str, entry: &FreezeEntry) -> Option<Freeze> {
    let mut date = |key: &str, text: &str| {
        let date = text.parse().ok();
        if date.is_none() {
            notes.add(
                &format!("{path}.{key}"),
                format!("`{}` is no date", text.escape_debug()),
                "write it as 2026-12-20",
            );
        }
        date
    };
    let (from, to) = (date("from", &entry.from), date("to", &entry.to));
    let zone = zone(notes, path, &entry.zone);
    let (from, to) = (from?, to?);
    if from > to {
        notes.add(&format!("{path}.to"), "the freeze ends before it begins".to_owned(), "both days are part of it");
        return None;
    }
    Some(Freeze { from, to, zone: zone?, reason: entry.reason.clone() })
}

fn zone(notes: &mut Notes<'_>, path: &str, name: &str) -> Option<String> {
    if TimeZone::get(name).is_ok() {
        return Some(name.to_owned());
    }
    let what = format!("no time zone is called `{}`", name.escape_debug());
    notes.add(&format!("{path}.zone"), what, "use an IANA name, such as Europe/Berlin");
    None
}
