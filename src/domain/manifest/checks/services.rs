//! Services: how they are reached, what they are built from, and that they have an order.

use std::collections::{BTreeMap, BTreeSet};

use super::{Notes, words};
use crate::domain::ids::ServiceName;
use crate::domain::manifest::mirror::{BuildEntry, FleetFile, Images, ServiceEntry};
use crate::domain::service::{BadOrder, Build, Http, Service, ServiceGraph};

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
    let services: Vec<Option<Service>> =
        entries.iter().map(|(name, entry)| service(notes, path, name, entry, images, entries)).collect();
    let services: Vec<Service> = services.into_iter().collect::<Option<_>>()?;
    ServiceGraph::new(services)
        .map_err(|bad| match &bad {
            BadOrder::Cycle(cycle) => {
                let first = cycle.first().map_or("", ServiceName::as_str);
                notes.add(&format!("{path}.{first}.after"), bad.to_string(), "take one `after` out of the circle");
            }
            BadOrder::Unknown { service, .. } => notes.add(&format!("{path}.{service}.after"), bad.to_string(), ""),
        })
        .ok()
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
    let http = http(notes, &path, entry);
    let mut after = BTreeSet::new();
    let mut whole = true;
    for (index, need) in entry.after.iter().enumerate() {
        let known = notes.known(&format!("{path}.after[{index}]"), "service", need, all.keys());
        whole &= known;
        after.extend(need.parse::<ServiceName>().ok().filter(|_| known));
    }
    let service = Service { name: notes.key(&path, name)?, build: build(notes, &path, entry, images), http, after };
    whole.then_some(service)
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
    let build = match &entry.build {
        BuildEntry::Folder(folder) => Build {
            context: folder.clone(),
            dockerfile: "Dockerfile".to_owned(),
            args: BTreeMap::new(),
            inputs: images.inputs.clone(),
            prepare: images.prepare.clone(),
        },
        BuildEntry::Full(full) => Build {
            context: full.context.clone(),
            dockerfile: full.dockerfile.clone(),
            args: full.args.clone(),
            inputs: images.inputs.iter().chain(&full.inputs).cloned().collect(),
            prepare: if full.prepare.is_empty() { images.prepare.clone() } else { full.prepare.clone() },
        },
    };
    for (what, folder) in std::iter::once(("context", &build.context))
        .chain([("dockerfile", &build.dockerfile)])
        .chain(build.inputs.iter().map(|input| ("input", input)))
    {
        if !words::is_inside(folder) {
            let said = format!("{what} `{}` leaves the repository", folder.escape_debug());
            notes.add(&format!("{path}.build"), said, "write a path below the repository's top, without `..`");
        }
    }
    build
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
