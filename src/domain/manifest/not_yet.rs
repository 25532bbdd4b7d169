//! What the format has and this version does not carry out. It is refused: a gate that is written down and not
//! looked at is worse than none. The list gets shorter with every version.

use super::mirror::{Attest, Bump, FleetFile, ServiceEntry};
use super::positions::Document;
use super::problem::Problem;

/// A problem for each use of what is not carried out yet.
pub(super) fn check(file: &FleetFile, document: &Document) -> Vec<Problem> {
    let mut paths = Vec::new();
    let mut refuse = |used: bool, path: String| {
        if used {
            paths.push(path);
        }
    };
    refuse(file.versioning.bump != Bump::Patch, "versioning.bump".to_owned());
    refuse(file.images.attest == Attest::Require, "images.attest".to_owned());
    for (name, gate) in &file.gates {
        refuse(gate.alarms.is_some(), format!("gates.{name}.alarms"));
        refuse(gate.errors.is_some(), format!("gates.{name}.errors"));
        refuse(gate.latency.is_some(), format!("gates.{name}.latency"));
    }
    let control_plane = file.control_plane.iter().flat_map(|c| named("control_plane.services", c.services.iter()));
    for (path, service) in named("services", file.services.iter()).chain(control_plane) {
        refuse(service.run.is_some(), format!("{path}.run"));
        refuse(service.class.is_some(), format!("{path}.class"));
    }
    let problem = |path: &String| {
        let what = format!("`{path}` is not carried out by this version of tidegate");
        document.problem(document.key_mark(path), what, "remove it, or use a later version")
    };
    paths.iter().map(problem).collect()
}

fn named<'a>(
    path: &'a str,
    services: impl Iterator<Item = (&'a String, &'a ServiceEntry)> + 'a,
) -> impl Iterator<Item = (String, &'a ServiceEntry)> + 'a {
    services.map(move |(name, service)| (format!("{path}.{name}"), service))
}
