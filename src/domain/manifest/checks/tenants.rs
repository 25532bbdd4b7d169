//! Tenants: ids that are distinct, fleets that exist, and a place for each.

use std::collections::BTreeMap;

use accessos_routing::TokenKey;
use jiff::civil::Date;

use super::Notes;
use crate::domain::fleet::{DataScope, FoundBy, Licence, Pin, SecondPlace, ServiceSet};
use crate::domain::ids::{CellName, SetId};
use crate::domain::manifest::mirror::{FleetFile, License, PinEntry, TenantEntry, TenantFile};

/// The tenants' service sets by fleet, each fleet's by id. A fleet that somebody names has an entry.
pub(super) fn tenants<'a>(
    notes: &mut Notes<'_>,
    file: &'a FleetFile,
    more: &'a [TenantFile],
) -> BTreeMap<&'a str, Vec<ServiceSet>> {
    let mut seen = Seen::default();
    let mut by_fleet: BTreeMap<&str, Vec<ServiceSet>> = BTreeMap::new();
    let of_main = file.tenants.entries.iter().enumerate().map(|(i, t)| (0, format!("tenants.entries[{i}]"), t));
    let of_others = more
        .iter()
        .enumerate()
        .flat_map(|(f, file)| file.entries.iter().enumerate().map(move |(i, t)| (f + 1, format!("entries[{i}]"), t)));
    for (source, path, tenant) in of_main.chain(of_others) {
        let mut place = Place { notes, source, path };
        let set = place.tenant(file, tenant, &mut seen);
        by_fleet.entry(tenant.fleet.as_str()).or_default().extend(set);
    }
    for sets in by_fleet.values_mut() {
        sets.sort_by(|a, b| a.id.cmp(&b.id));
    }
    by_fleet
}

/// What the tenant has for itself; what the file does not say is shared.
fn data(entry: &TenantEntry) -> DataScope {
    let data = entry.data.as_ref();
    DataScope {
        rds: data.and_then(|data| data.rds).unwrap_or_default(),
        evidence: data.and_then(|data| data.evidence).unwrap_or_default(),
    }
}

/// What a licence may call what was bought.
fn is_plan(plan: &str) -> bool {
    (1..=64).contains(&plan.len()) && plan.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Ids and hosts that are taken, and where.
#[derive(Default)]
struct Seen {
    ids: BTreeMap<String, String>,
    hosts: BTreeMap<String, String>,
}

/// A tenant's entry in one of the files.
struct Place<'n, 'd> {
    notes: &'n mut Notes<'d>,
    source: usize,
    path: String,
}

impl Place<'_, '_> {
    /// The tenant's set. What is wrong with one of its values is noted and does not take the tenant away, or every
    /// wave that selects it would be called wrong too.
    fn tenant(&mut self, file: &FleetFile, entry: &TenantEntry, seen: &mut Seen) -> Option<ServiceSet> {
        let id = self.id(entry, seen);
        let path = self.at("fleet");
        let known = self.notes.known_in(self.source, &path, "fleet", &entry.fleet, file.fleets.keys());
        let pin = entry.pin.as_ref().and_then(|pin| self.pin(pin));
        let licence = entry.license.as_ref().and_then(|license| self.licence(license));
        let fleet = file.fleets.get(&entry.fleet).filter(|_| known)?;
        let cell = self.cell(entry, &fleet.cells)?;
        let domain = fleet.domain.as_ref().unwrap_or(&file.domain);
        let host = entry.host.clone().unwrap_or_else(|| format!("{}.{domain}", entry.id));
        let id = id?;
        self.host(entry, &host, seen);
        Some(ServiceSet {
            id,
            cluster: self.cluster(entry, &file.cells.get(&cell)?.clusters)?,
            cell: cell.parse::<CellName>().ok()?,
            host,
            tags: entry.tags.iter().cloned().collect(),
            tier: entry.tier.clone(),
            state: entry.state,
            pin,
            licence,
            data: data(entry),
            found_by: self.found_by(entry),
            second: self.second(entry, &fleet.cells, &cell),
            moving: None,
        })
    }

    /// By what it is found. That no two have the same is held where a snapshot is made of them.
    fn found_by(&mut self, entry: &TenantEntry) -> FoundBy {
        for (index, domain) in entry.email_domains.iter().enumerate() {
            let path = self.at(&format!("email_domains[{index}]"));
            self.notes.host_in(self.source, &path, domain);
        }
        let token_keys: Vec<TokenKey> =
            entry.token_keys.iter().map(|key| TokenKey { id: key.id.clone(), x: key.x.clone() }).collect();
        for (index, key) in token_keys.iter().enumerate().filter(|(_, key)| key.public().is_none()) {
            let what = format!("`{}` is no Ed25519 key", key.x.escape_debug());
            self.add(&format!("token_keys[{index}].x"), what, "it is 32 bytes in base64url, as `x` of a JWK");
        }
        FoundBy { email_domains: entry.email_domains.clone(), token_keys }
    }

    /// The tenant's cluster: the one it names, else the first of its cell.
    fn cluster(&mut self, entry: &TenantEntry, clusters: &[String]) -> Option<String> {
        let named = entry.cluster.as_ref().inspect(|cluster| {
            let path = self.at("cluster");
            self.notes.known_in(self.source, &path, "cluster of its cell", cluster, clusters.iter());
        });
        named.or(clusters.first()).cloned()
    }

    fn id(&mut self, entry: &TenantEntry, seen: &mut Seen) -> Option<SetId> {
        let path = self.at("id");
        if let Some(first) = seen.ids.insert(entry.id.to_lowercase(), self.notes.line(self.source, &path)) {
            self.add(
                "id",
                format!("tenant `{}` is listed twice (first at {first})", entry.id.escape_debug()),
                "remove one",
            );
            return None;
        }
        let id: SetId = self.notes.parsed(self.source, &path, &entry.id)?;
        if id.is_reserved() {
            self.add("id", format!("`{id}` is reserved"), "it would read as something else on a command line");
            return None;
        }
        Some(id)
    }

    /// The tenant's cell: the one it names, else its fleet's only one. After a problem, any of the fleet's.
    fn cell(&mut self, entry: &TenantEntry, cells: &[String]) -> Option<String> {
        match (&entry.cell, cells) {
            (Some(cell), _) => {
                let path = self.at("cell");
                let known = self.notes.known_in(self.source, &path, "cell of its fleet", cell, cells.iter());
                if known { Some(cell.clone()) } else { cells.first().cloned() }
            }
            (None, [only]) => Some(only.clone()),
            (None, several) => {
                let first = several.first()?;
                let what =
                    format!("fleet `{}` has several cells and `{}` names none", entry.fleet, entry.id.escape_debug());
                self.add("id", what, &format!("add `cell:` with one of {}", several.join(", ")));
                Some(first.clone())
            }
        }
    }

    /// Its place in another cell of its fleet, while it is moved.
    fn second(&mut self, entry: &TenantEntry, cells: &[String], own: &str) -> Option<SecondPlace> {
        let (key, cell) = match (&entry.also_in, &entry.leaves) {
            (Some(_), Some(_)) => {
                let help = "a move ends before the next one begins: keep one of them";
                self.add("leaves", "both `also_in` and `leaves`".to_owned(), help);
                return None;
            }
            (Some(cell), None) => ("also_in", cell),
            (None, Some(cell)) => ("leaves", cell),
            (None, None) => return None,
        };
        let path = self.at(key);
        if !self.notes.known_in(self.source, &path, "cell of its fleet", cell, cells.iter()) {
            return None;
        }
        if cell == own {
            self.add(key, format!("it runs in `{cell}`"), "name the other cell, or take this out");
            return None;
        }
        let cell: CellName = cell.parse().ok()?;
        Some(if key == "also_in" { SecondPlace::Also(cell) } else { SecondPlace::Leaves(cell) })
    }

    fn host(&mut self, entry: &TenantEntry, host: &str, seen: &mut Seen) {
        let key = if entry.host.is_some() { "host" } else { "id" };
        let path = self.at(key);
        if entry.host.is_some() {
            self.notes.host_in(self.source, &path, host);
        }
        if let Some(first) = seen.hosts.insert(host.to_owned(), self.notes.line(self.source, &path)) {
            self.add(key, format!("the host `{host}` is taken (at {first})"), "each tenant needs its own");
        }
    }

    fn pin(&mut self, pin: &PinEntry) -> Option<Pin> {
        let path = self.at("pin.version");
        let version = self.notes.parsed(self.source, &path, &pin.version);
        let until = self.date("pin.until", &pin.until);
        Some(Pin { version: version?, owner: pin.owner.clone(), why: pin.reason.clone(), until: until? })
    }

    fn licence(&mut self, license: &License) -> Option<Licence> {
        if let Some(plan) = license.plan.as_ref().filter(|plan| !is_plan(plan)) {
            let what = format!("`{}` is no name of a plan", plan.escape_debug());
            self.add("license.plan", what, "write letters, digits and hyphens, at most 64");
        }
        let until = self.date("license.until", &license.until)?;
        Some(Licence { plan: license.plan.clone(), until })
    }

    fn date(&mut self, key: &str, text: &str) -> Option<Date> {
        let date = text.parse().ok();
        if date.is_none() {
            self.add(key, format!("`{}` is no date", text.escape_debug()), "write it as 2027-06-30");
        }
        date
    }

    fn add(&mut self, key: &str, what: String, help: &str) {
        let path = self.at(key);
        self.notes.add_in(self.source, &path, what, help);
    }

    fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }
}
