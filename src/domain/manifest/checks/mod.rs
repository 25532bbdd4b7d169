//! From the mirror to domain values, with every rule that a schema cannot hold. A rule that is broken is noted at
//! its place and the rest goes on, so that a file is mended in one go.

mod cells;
mod cover;
mod fleets;
mod gates;
mod removed;
mod services;
mod tenants;
mod waves;
mod words;

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::SignedDuration;

use super::mirror::{FleetFile, TenantFile};
use super::positions::Document;
use super::problem::{PROBLEMS_MAX, Problem, did_you_mean, some_of};
use crate::domain::fleet::{Application, ImagePolicy, Versioning};
use crate::domain::gate::GatePolicy;
use crate::domain::ids::{BadName, CellName};

/// The version of the format that is read.
const FORMAT: u32 = 1;

/// The application a file means, or none if that cannot be told; then there are problems.
pub(super) fn application(
    file: &FleetFile,
    tenant_files: &[TenantFile],
    documents: &[Document],
    problems: &mut Vec<Problem>,
) -> Option<Application> {
    let mut notes = Notes { documents, problems };
    if file.schema != FORMAT {
        notes.add("schema", format!("format {} is not known", file.schema), "this version reads `schema: 1`");
    }
    let name = notes.name("app", &file.app);
    notes.host("domain", &file.domain);
    let cells = cells::cells(&mut notes, file);
    let services = services::graph(&mut notes, "services", &file.services, &file.images);
    let control_plane = file
        .control_plane
        .as_ref()
        .map(|entry| services::graph(&mut notes, "control_plane.services", &entry.services, &file.images));
    services::distinct(&mut notes, file);
    let gates: BTreeMap<&str, Option<GatePolicy>> =
        file.gates.iter().map(|(name, gate)| (name.as_str(), gates::gate(&mut notes, name, gate))).collect();
    gates::nothing_to_smoke(&mut notes, file);
    let tenants = tenants::tenants(&mut notes, file, tenant_files);
    let removed = removed::removed(&mut notes, file, tenant_files, &tenants);
    let fleets = fleets::fleets(&mut notes, file, &gates, &tenants);
    let images = images(&mut notes, file);
    let versioning = Versioning { bump: file.versioning.bump, branch: file.versioning.prerelease.clone() };
    Some(Application {
        name: name?,
        versioning,
        images: images?,
        services: services?,
        control_plane: control_plane.map_or(Some(None), |graph| graph.map(Some))?,
        skew: file.control_plane.as_ref().map_or(0, |entry| entry.skew.into()),
        cells: cells?,
        fleets: fleets?,
        removed,
    })
}

fn images(notes: &mut Notes<'_>, file: &FleetFile) -> Option<ImagePolicy> {
    let images = &file.images;
    if !images.repository.contains("{service}") {
        notes.add(
            "images.repository",
            "it has no `{service}`".to_owned(),
            "every service needs a repository of its own",
        );
    }
    if !words::is_repository(&images.repository) {
        let what = format!("`{}` is no image repository", images.repository.escape_debug());
        notes.add(
            "images.repository",
            what,
            "lower-case letters and digits, with `.`, `_`, `-` and `/` between them; the registry is the cell's",
        );
    }
    notes.all_inside("images.inputs", &images.inputs);
    if images.platforms.is_empty() {
        notes.add("images.platforms", "no platform".to_owned(), "name one, such as linux/amd64");
    }
    let first = file.fleets.values().find(|fleet| fleet.from.is_none()).and_then(|fleet| fleet.cells.first());
    let cell = match &images.cell {
        Some(name) => notes.known("images.cell", "cell", name, file.cells.keys()).then_some(name),
        None => first,
    };
    Some(ImagePolicy {
        repository: images.repository.clone(),
        cell: cell?.parse::<CellName>().ok()?,
        platforms: images.platforms.clone(),
        builder: images.builder,
    })
}

/// The problems found so far, and the way to their places.
struct Notes<'a> {
    documents: &'a [Document],
    problems: &'a mut Vec<Problem>,
}

impl Notes<'_> {
    /// Notes a problem of the value at a path of the main file.
    fn add(&mut self, path: &str, what: String, help: &str) {
        self.add_in(0, path, what, help);
    }

    /// Notes a problem of the value at a path of one of the files.
    fn add_in(&mut self, file: usize, path: &str, what: String, help: &str) {
        if let Some(document) = self.documents.get(file) {
            self.problems.push(document.problem(document.mark(path), what, help));
        }
    }

    /// Notes a problem of a key.
    fn add_key(&mut self, path: &str, what: String, help: &str) {
        if let Some(document) = self.documents.first() {
            self.problems.push(document.problem(document.key_mark(path), what, help));
        }
    }

    /// The line of a value, for problems that name two places.
    fn line(&self, file: usize, path: &str) -> String {
        let document = self.documents.get(file);
        document.map_or_else(String::new, |d| format!("{}:{}", d.name, d.mark(path).line))
    }

    /// A value of a checked type.
    fn parsed<T: FromStr<Err = BadName>>(&mut self, file: usize, path: &str, text: &str) -> Option<T> {
        text.parse()
            .map_err(|bad: BadName| self.add_in(file, path, format!("{} `{}`", bad.kind, bad.text), &must(&bad)))
            .ok()
    }

    /// A name in the main file.
    fn name<T: FromStr<Err = BadName>>(&mut self, path: &str, text: &str) -> Option<T> {
        self.parsed(0, path, text)
    }

    /// A name that is a key of the main file.
    fn key<T: FromStr<Err = BadName>>(&mut self, path: &str, text: &str) -> Option<T> {
        text.parse()
            .map_err(|bad: BadName| self.add_key(path, format!("{} `{}`", bad.kind, bad.text), &must(&bad)))
            .ok()
    }

    /// Whether a name is one of those that are there; if not, that is noted with the nearest.
    fn known<'n>(&mut self, path: &str, kind: &str, name: &str, there: impl Iterator<Item = &'n String>) -> bool {
        self.known_in(0, path, kind, name, there)
    }

    fn known_in<'n>(
        &mut self,
        file: usize,
        path: &str,
        kind: &str,
        name: &str,
        there: impl Iterator<Item = &'n String>,
    ) -> bool {
        let there: Vec<&str> = there.map(String::as_str).collect();
        if there.contains(&name) {
            return true;
        }
        if self.problems.len() >= PROBLEMS_MAX {
            return false;
        }
        let near = did_you_mean(name, there.iter().copied());
        let help = if near.is_empty() { format!("there are: {}", some_of(&there)) } else { near };
        self.add_in(file, path, format!("no {kind} is called `{}`", name.escape_debug()), &help);
        false
    }

    /// A length of time; `default` where the file is silent.
    fn duration(&mut self, path: &str, text: Option<&str>, default: SignedDuration) -> SignedDuration {
        let Some(text) = text else { return default };
        match text.parse::<SignedDuration>() {
            Ok(time) if !time.is_negative() && time.as_hours() <= 24 * 30 => time,
            Ok(_) => {
                self.add(
                    path,
                    format!("`{}` is no length of time from 0s to 30 days", text.escape_debug()),
                    "write it as 45s, 30m or 1h 30m",
                );
                default
            }
            Err(_) => {
                self.add(
                    path,
                    format!("`{}` is no length of time", text.escape_debug()),
                    "write it as 45s, 30m or 1h 30m",
                );
                default
            }
        }
    }

    /// A path that stays inside of the repository.
    fn inside(&mut self, path: &str, folder: &str) {
        if !words::is_inside(folder) {
            let what = format!("the path `{}` leaves the repository", folder.escape_debug());
            self.add(path, what, "write it from the repository's top, without `..`");
        }
    }

    fn all_inside(&mut self, path: &str, folders: &[String]) {
        folders.iter().enumerate().for_each(|(index, folder)| self.inside(&format!("{path}[{index}]"), folder));
    }

    /// A host name as DNS has them.
    fn host(&mut self, path: &str, text: &str) {
        self.host_in(0, path, text);
    }

    fn host_in(&mut self, file: usize, path: &str, text: &str) {
        if !words::is_host(text) {
            self.add_in(
                file,
                path,
                format!("`{}` is no host name", text.escape_debug()),
                "small letters, digits, hyphens and dots, such as access.example.com",
            );
        }
    }
}

fn must(bad: &BadName) -> String {
    format!("it must be {}", bad.rule)
}
