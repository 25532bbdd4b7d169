//! A manifest as Terraform publishes it (`schema/tenant-manifest.schema.json`), as far as it is told. Of everything else,
//! task definitions with their environment above all, nothing is kept in memory.

use std::collections::BTreeMap;

use accessos_routing::is_host;
use serde::Deserialize;

use crate::tenant::{Kind, Service};

/// Version of manifests that is read.
const SCHEMA: u64 = 1;

/// Longest manifest that is read, in bytes: as much as Terraform writes (`infra/stack/service-set`).
pub const BYTES_MAX: usize = 512 * 1024;

/// Most services of a set.
const SERVICES_MAX: usize = 100;

/// What is read of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The application.
    pub app: String,
    /// The fleet.
    pub fleet: String,
    /// The tenant's id, or `control-plane`.
    pub set: String,
    /// The Region.
    pub region: String,
    /// The ECS cluster.
    pub cluster: String,
    /// The set's host.
    pub host: String,
    /// Whether its routes are open.
    pub routing: Routes,
    /// Its services, by name.
    pub services: Vec<Service>,
}

/// How a load balancer treats a set's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Routes {
    /// They are passed on.
    Open,
    /// 503 lies over them.
    Paused,
    /// There are none.
    Gone,
}

/// Unknown fields are left alone: they may be added within a version.
#[derive(Deserialize)]
struct Shape {
    schema: u64,
    app: String,
    fleet: String,
    set: String,
    region: String,
    cluster: String,
    host: String,
    routing: Routes,
    services: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    kind: Kind,
    port: Option<u16>,
    health: Option<String>,
}

impl Manifest {
    /// Reads the manifest of this set.
    ///
    /// # Errors
    /// It is none, or of another set, or one of its names is none. What it says is not quoted.
    pub fn read(set: &str, bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > BYTES_MAX {
            return Err(format!("it has more than {BYTES_MAX} bytes"));
        }
        // serde quotes what it did not expect, and that might be anything.
        let at =
            |error: serde_json::Error| format!("it is no manifest: line {}, column {}", error.line(), error.column());
        let shape: Shape = serde_json::from_slice(bytes).map_err(at)?;
        if shape.schema != SCHEMA {
            return Err(format!("it is of schema {}, and {SCHEMA} is read here", shape.schema));
        }
        if shape.set != set {
            return Err("it is of another set than its place says".to_owned());
        }
        let names = [("app", &shape.app), ("fleet", &shape.fleet), ("set", &shape.set), ("region", &shape.region)];
        let mut wrong: Vec<&str> =
            names.into_iter().filter(|(_, name)| !is_name(name)).map(|(field, _)| field).collect();
        if !is_cluster(&shape.cluster) {
            wrong.push("cluster");
        }
        if !is_host(&shape.host) {
            wrong.push("host");
        }
        if shape.services.len() > SERVICES_MAX || shape.services.keys().any(|name| !is_name(name)) {
            wrong.push("services");
        }
        if shape.services.values().filter_map(|entry| entry.health.as_ref()).any(|path| !is_path(path)) {
            wrong.push("health");
        }
        if !wrong.is_empty() {
            return Err(format!("what it has as {} is no such name", wrong.join(", ")));
        }
        let service =
            |(name, entry): (String, Entry)| Service { name, kind: entry.kind, port: entry.port, health: entry.health };
        Ok(Self {
            app: shape.app,
            fleet: shape.fleet,
            set: shape.set,
            region: shape.region,
            cluster: shape.cluster,
            host: shape.host,
            routing: shape.routing,
            services: shape.services.into_iter().map(service).collect(),
        })
    }
}

/// Lower-case letters, digits and hyphens, at most 63: what fleet.yaml allows of names, and AWS of Regions.
pub fn is_name(name: &str) -> bool {
    let inside = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    (1..=63).contains(&name.len()) && inside && !name.starts_with('-') && !name.ends_with('-')
}

/// As ECS has it (CreateCluster, `clusterName`).
fn is_cluster(name: &str) -> bool {
    let inside = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    (1..=255).contains(&name.len()) && inside
}

/// A path without a query.
fn is_path(path: &str) -> bool {
    let inside = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte));
    path.starts_with('/') && path.len() <= 128 && inside
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What Terraform makes of its own fixture: `infra/test/run fast` holds that.
    pub(crate) const FIXTURE: &str = include_str!("../../../infra/test/fixture/manifest-acme.json");

    fn why(manifest: &Value) -> String {
        Manifest::read("acme", manifest.to_string().as_bytes()).unwrap_err()
    }

    #[test]
    fn what_terraform_writes_is_read() {
        let manifest = Manifest::read("acme", FIXTURE.as_bytes()).unwrap();
        assert_eq!((manifest.host.as_str(), manifest.routing), ("acme.dev.a3os.app", Routes::Open));
        let services: Vec<(&str, Kind)> = manifest.services.iter().map(|of| (of.name.as_str(), of.kind)).collect();
        assert_eq!(services, [("api", Kind::Service), ("migration", Kind::Task), ("work", Kind::Worker)]);
    }

    #[test]
    fn everything_that_is_no_name_is_told_and_nothing_is_quoted() {
        let mut manifest: Value = serde_json::from_str(FIXTURE).unwrap();
        for field in ["app", "region", "cluster", "host"] {
            manifest[field] = json!("hunter2 and more");
        }
        manifest["services"]["api"]["health"] = json!("/x?password=hunter2");
        manifest["services"]["hunter2!"] = manifest["services"]["api"].clone();
        assert_eq!(why(&manifest), "what it has as app, region, cluster, host, services, health is no such name");
        manifest["services"]["api"]["port"] = json!("hunter2");
        assert!(!why(&manifest).contains("hunter2"), "{}", why(&manifest));
        let mut other: Value = serde_json::from_str(FIXTURE).unwrap();
        other["set"] = json!("hooli");
        assert_eq!(why(&other), "it is of another set than its place says");
        other["schema"] = json!(2);
        assert!(why(&other).contains("schema 2"));
        assert!(why(&json!([])).contains("no manifest"));
    }
}
