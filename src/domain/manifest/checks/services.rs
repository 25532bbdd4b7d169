//! Services: how they are reached, what they are built from, and that they have an order.

use std::collections::{BTreeMap, BTreeSet};

use super::Notes;
use crate::domain::ids::ServiceName;
use crate::domain::manifest::mirror::{BuildEntry, FleetFile, Images, Run, ServiceEntry};
use crate::domain::service::{BadOrder, Build, Http, MigrationClass, Role, Service, ServiceGraph};

/// The services of a set, in order.
pub(super) fn graph(
    notes: &mut Notes<'_>,
    path: &str,
    entries: &BTreeMap<String, ServiceEntry>,
    images: &Images,
) -> Option<ServiceGraph> {
    if entries.is_empty() {
        notes.add(path, "no service".to_owned(), "name at least one");
        return None;
    }
    let services = entries.iter().filter_map(|(name, entry)| service(notes, path, name, entry, images, entries));
    let services: Vec<Service> = services.collect();
    if entries.values().all(|entry| entry.run.is_some()) {
        let help = "name a service beside it: a task runs in its network";
        notes.add(path, "nothing here serves".to_owned(), help);
    }
    ordered(notes, path, entries, services)
}

/// The services in order. Of each circle one link is told and then cut, so that the next circle is found too.
fn ordered(
    notes: &mut Notes<'_>,
    path: &str,
    entries: &BTreeMap<String, ServiceEntry>,
    mut services: Vec<Service>,
) -> Option<ServiceGraph> {
    let mut links: usize = services.iter().map(|service| service.after.len()).sum();
    loop {
        let cycle = match ServiceGraph::new(services.iter().cloned()) {
            Ok(graph) => return Some(graph),
            Err(BadOrder::Cycle(cycle)) if links > 0 => cycle,
            Err(bad) => {
                notes.add(path, bad.to_string(), "take out an `after`");
                return None;
            }
        };
        let [first, second, ..] = cycle.as_slice() else { return None };
        let place = entries.get(first.as_str()).and_then(|e| e.after.iter().position(|need| need == second.as_str()));
        let what = BadOrder::Cycle(cycle.clone()).to_string();
        let link = format!("{path}.{first}.after[{}]", place.unwrap_or_default());
        notes.add(&link, what, "take one `after` out of the circle");
        services.iter_mut().filter(|service| &service.name == first).for_each(|service| {
            service.after.remove(second);
        });
        links -= 1;
    }
}

fn service(
    notes: &mut Notes<'_>,
    path: &str,
    name: &str,
    entry: &ServiceEntry,
    images: &Images,
    all: &BTreeMap<String, ServiceEntry>,
) -> Option<Service> {
    let path = format!("{path}.{name}");
    let role = role(notes, &path, entry);
    let http = if role.is_task() { None } else { http(notes, &path, entry) };
    let mut after = BTreeSet::new();
    for (index, need) in entry.after.iter().enumerate() {
        let place = format!("{path}.after[{index}]");
        if role.is_smoke_test() {
            let what = "`after` of a smoke test, which runs when everything else is up".to_owned();
            notes.add(&place, what, "remove it");
        } else if all.get(need).is_some_and(|other| matches!(other.run, Some(Run::After))) {
            notes.add(&place, format!("`{need}` runs when everything else is up"), "remove it");
        } else if role.is_task() && all.get(need).is_some_and(|other| other.run.is_none()) {
            let what = format!("a task that runs before everything that serves cannot come after `{need}`");
            notes.add(&place, what, "remove it, or let the task come after another task");
        } else if notes.known(&place, "service", need, all.keys()) {
            after.extend(need.parse::<ServiceName>());
        }
    }
    let build = build(notes, &format!("{path}.build"), entry, images);
    Some(Service { name: notes.key(&path, name)?, build, http, after, role })
}

/// Whether it serves or runs once.
fn role(notes: &mut Notes<'_>, path: &str, entry: &ServiceEntry) -> Role {
    let is_migration = matches!(entry.run, Some(Run::Before));
    if entry.class.is_some() && !is_migration {
        let what = "a `class` without `run: before`".to_owned();
        notes.add_key(&format!("{path}.class"), what, "remove it, or add `run: before`");
    }
    if entry.class.is_none() && is_migration {
        let what = format!("`{path}` says `run: before` and not its `class`");
        notes.add_key(path, what, "add class: expand, contract or irreversible; it decides whether one can go back");
    }
    let role = match entry.run {
        None => return Role::Serving,
        Some(Run::After) => Role::SmokeTest,
        // The strictest one stands for one that is missing, which is a problem and so never used.
        Some(Run::Before) => Role::Task { class: entry.class.unwrap_or(MigrationClass::Irreversible) },
    };
    let serving =
        [("port", entry.port.is_some()), ("health", entry.health.is_some()), ("traffic", entry.traffic.is_some())];
    for (key, _) in serving.iter().filter(|(_, used)| *used) {
        let what = format!("`{key}` of a task that runs once");
        notes.add_key(&format!("{path}.{key}"), what, "remove it: its exit code says whether it went well");
    }
    role
}

fn http(notes: &mut Notes<'_>, path: &str, entry: &ServiceEntry) -> Option<Http> {
    match (entry.traffic, entry.port, &entry.health) {
        (Some(_), None, None) => None,
        (Some(_), ..) => {
            notes.add(
                &format!("{path}.traffic"),
                "`traffic: none` beside `port` or `health`".to_owned(),
                "remove the one or the others",
            );
            None
        }
        (None, Some(port), Some(health)) if health.starts_with('/') && port > 0 => {
            Some(Http { port, health: health.clone() })
        }
        (None, Some(0), _) => {
            notes.add(&format!("{path}.port"), "port 0".to_owned(), "name the port the container listens on");
            None
        }
        (None, Some(_), Some(health)) => {
            notes.add(&format!("{path}.health"), format!("`{}` is no path", health.escape_debug()), "it begins with /");
            None
        }
        (None, ..) => {
            let what = format!("`{path}` says neither `port` and `health` nor `traffic: none`");
            notes.add_key(path, what, "say how it is seen to be well; unknown is not healthy");
            None
        }
    }
}

/// What an image is built from: the service's own words, and what all images share.
fn build(notes: &mut Notes<'_>, path: &str, entry: &ServiceEntry, images: &Images) -> Build {
    match &entry.build {
        BuildEntry::Folder(folder) => {
            notes.inside(path, folder);
            Build {
                context: folder.clone(),
                dockerfile: "Dockerfile".to_owned(),
                args: BTreeMap::new(),
                inputs: images.inputs.clone(),
                prepare: images.prepare.clone(),
            }
        }
        BuildEntry::Full(full) => {
            notes.inside(&format!("{path}.context"), &full.context);
            notes.inside(&format!("{path}.dockerfile"), &full.dockerfile);
            notes.all_inside(&format!("{path}.inputs"), &full.inputs);
            Build {
                context: full.context.clone(),
                dockerfile: full.dockerfile.clone(),
                args: full.args.clone(),
                inputs: images.inputs.iter().chain(&full.inputs).cloned().collect(),
                prepare: if full.prepare.is_empty() { images.prepare.clone() } else { full.prepare.clone() },
            }
        }
    }
}

/// A service's name is also its image's, so tenants and control plane must not share one.
pub(super) fn distinct(notes: &mut Notes<'_>, file: &FleetFile) {
    for name in
        file.control_plane.iter().flat_map(|c| c.services.keys()).filter(|name| file.services.contains_key(*name))
    {
        let line = notes.line(0, &format!("services.{name}"));
        let what = format!("`{name}` is a tenant's service already ({line})");
        notes.add_key(
            &format!("control_plane.services.{name}"),
            what,
            "give it a name of its own: images are named by service",
        );
    }
}
