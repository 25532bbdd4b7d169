//! The services of one set and their order. The set succeeds or goes back as one, so the order is checked when
//! the file is read and never again. A one-shot task, such as a migration of the set's database, is one of them: it
//! comes before everything that serves; a smoke test is one too, and comes after it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::ServiceName;

/// One service of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name, also of its container and image.
    pub name: ServiceName,
    /// What its image is built from.
    pub build: Build,
    /// How requests reach it; none for a service without traffic.
    pub http: Option<Http>,
    /// Services that must be on the release before it.
    pub after: BTreeSet<ServiceName>,
    /// Whether it serves, or runs once.
    pub role: Role,
}

/// What a service is there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It runs all the time.
    #[default]
    Serving,
    /// It runs once for each set and release, before what serves, and its exit code is the gate.
    Task {
        /// What it does to older versions.
        class: MigrationClass,
    },
    /// It runs once for each set and rollout, when everything that serves is up, and its exit code is a gate. It may
    /// run again: a test that changes what it tests is none.
    SmokeTest,
}

/// What a migration does to older versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MigrationClass {
    /// They go on working.
    Expand,
    /// They stop working.
    Contract,
    /// They stop working for good.
    Irreversible,
}

/// What an image is built from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Folder that docker gets, relative to the repository.
    pub context: String,
    /// Dockerfile, relative to the context.
    pub dockerfile: String,
    /// Build arguments. `VERSION` is added by the build and is no part of the content address.
    pub args: BTreeMap<String, String>,
    /// Folders outside of the context that go into what `prepare` makes, and so into the content address.
    pub inputs: Vec<String>,
    /// A program and its arguments, run once in the repository before any image that names it is built.
    pub prepare: Vec<String>,
}

/// Where a service listens and says that it is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    /// TCP port of the container.
    pub port: u16,
    /// Path that answers 200 when it is well.
    pub health: String,
}

/// The services of a set, in an order in which each comes after what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceGraph(Vec<Service>);

/// Why services have no order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOrder {
    /// An `after` names no service of the set.
    #[error("`{service}` comes after `{missing}`, which is no service of this set")]
    Unknown {
        /// Who names it.
        service: ServiceName,
        /// What is missing.
        missing: ServiceName,
    },
    /// Services wait for each other.
    #[error("services wait for each other: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" -> "))]
    Cycle(
        /// The services on the cycle, the first one repeated at the end.
        Vec<ServiceName>,
    ),
}

impl Role {
    /// Whether it runs once.
    pub fn is_task(self) -> bool {
        self.is_migration() || self.is_smoke_test()
    }

    /// Whether it runs once before everything that serves.
    pub fn is_migration(self) -> bool {
        matches!(self, Self::Task { .. })
    }

    /// Whether it runs once after everything that serves.
    pub fn is_smoke_test(self) -> bool {
        self == Self::SmokeTest
    }

    /// For `serde`, which leaves out what nearly every service is: plans from before there were tasks keep their hash.
    pub fn is_serving(&self) -> bool {
        *self == Self::Serving
    }
}

impl MigrationClass {
    /// Whether the release before still works after it.
    pub fn lets_go_back(self) -> bool {
        self == Self::Expand
    }
}

impl fmt::Display for MigrationClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Expand => "expand",
            Self::Contract => "contract",
            Self::Irreversible => "irreversible",
        })
    }
}

impl ServiceGraph {
    /// Orders the services (Kahn's algorithm; among those that are free, by name, so that the order is stable). What
    /// serves comes after every migration, and a smoke test after all that serves, whether they say so or not.
    ///
    /// # Errors
    /// An unknown or cyclic `after`.
    pub fn new(services: impl IntoIterator<Item = Service>) -> Result<Self, BadOrder> {
        let mut waiting: BTreeMap<ServiceName, Service> = services.into_iter().map(|s| (s.name.clone(), s)).collect();
        let named = |of: fn(Role) -> bool| -> BTreeSet<ServiceName> {
            waiting.values().filter(|service| of(service.role)).map(|service| service.name.clone()).collect()
        };
        let (migrations, others) = (named(Role::is_migration), named(|role| !role.is_smoke_test()));
        for service in waiting.values_mut() {
            match service.role {
                Role::Serving => service.after.extend(migrations.iter().cloned()),
                Role::SmokeTest => service.after.extend(others.iter().cloned()),
                Role::Task { .. } => {}
            }
        }
        for service in waiting.values() {
            if let Some(missing) = service.after.iter().find(|name| !waiting.contains_key(name)) {
                return Err(BadOrder::Unknown { service: service.name.clone(), missing: missing.clone() });
            }
        }
        let mut ordered = Vec::with_capacity(waiting.len());
        while !waiting.is_empty() {
            let free = waiting.values().find(|s| !s.after.iter().any(|name| waiting.contains_key(name)));
            let Some(name) = free.map(|s| s.name.clone()) else {
                return Err(BadOrder::Cycle(cycle(&waiting)));
            };
            ordered.extend(waiting.remove(&name));
        }
        Ok(Self(ordered))
    }

    /// The services in order.
    pub fn iter(&self) -> impl Iterator<Item = &Service> {
        self.0.iter()
    }

    /// Everything that must be on the release before `name`, directly or not.
    pub fn needs(&self, name: &ServiceName) -> BTreeSet<ServiceName> {
        let direct = self.get(name).map(|s| s.after.clone()).unwrap_or_default();
        direct.iter().flat_map(|need| self.needs(need)).chain(direct.iter().cloned()).collect()
    }

    /// The service of that name.
    pub fn get(&self, name: &ServiceName) -> Option<&Service> {
        self.0.iter().find(|s| &s.name == name)
    }
}

/// Follows the first unmet `after` from any waiting service; it must come back to one already seen.
fn cycle(waiting: &BTreeMap<ServiceName, Service>) -> Vec<ServiceName> {
    let mut path: Vec<ServiceName> = waiting.keys().take(1).cloned().collect();
    while let Some(next) = path.last().and_then(|name| waiting[name].after.iter().find(|n| waiting.contains_key(n))) {
        if let Some(start) = path.iter().position(|name| name == next) {
            path.push(next.clone());
            return path.split_off(start);
        }
        path.push(next.clone());
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, after: &[&str]) -> Service {
        Service {
            name: name.parse().unwrap(),
            build: Build {
                context: name.to_owned(),
                dockerfile: "Dockerfile".to_owned(),
                args: BTreeMap::new(),
                inputs: Vec::new(),
                prepare: Vec::new(),
            },
            http: None,
            after: after.iter().map(|n| n.parse().unwrap()).collect(),
            role: Role::Serving,
        }
    }

    #[test]
    fn whatever_serves_comes_after_every_migration_and_before_every_smoke_test() {
        let task = |name: &str, after: &[&str]| Service {
            role: Role::Task { class: MigrationClass::Expand },
            ..service(name, after)
        };
        let test = Service { role: Role::SmokeTest, ..service("ab", &[]) };
        let graph =
            ServiceGraph::new([service("aa", &[]), test, service("bb", &["aa"]), task("zz", &["yy"]), task("yy", &[])]);
        let graph = graph.unwrap();
        let names: Vec<String> = graph.iter().map(|s| s.name.to_string()).collect();
        assert_eq!(names, ["yy", "zz", "aa", "bb", "ab"]);
        assert_eq!(graph.needs(&"bb".parse().unwrap()).len(), 3);
    }

    #[test]
    fn each_service_comes_after_what_it_needs() {
        let graph =
            ServiceGraph::new([service("worker", &["discovery"]), service("discovery", &["iam"]), service("iam", &[])]);
        let names: Vec<String> = graph.unwrap().iter().map(|s| s.name.to_string()).collect();
        assert_eq!(names, ["iam", "discovery", "worker"]);
    }

    #[test]
    fn a_cycle_is_printed_as_one() {
        let bad = ServiceGraph::new([service("aa", &["cc"]), service("bb", &["aa"]), service("cc", &["bb"])]);
        assert_eq!(bad.unwrap_err().to_string(), "services wait for each other: aa -> cc -> bb -> aa");
        let own = ServiceGraph::new([service("aa", &["aa"])]);
        assert_eq!(own.unwrap_err().to_string(), "services wait for each other: aa -> aa");
    }
}
