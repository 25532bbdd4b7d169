//! The inputs as they are written: the types of `schema/tenant-inputs.schema.json`, version 1, and how they are read
//! back. Reading is as strict as the schema and stricter than JSON: a key that stands twice, which is what a merge
//! without care leaves behind, would silently take a tenant's slot away.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::shards::{Place, is_shard};
use crate::domain::fleet::{Evidence, Rds, SetState};
use crate::domain::ids::{AppName, CellName, FleetName, ServiceName, SetId};
use crate::domain::reason::Reason;

/// The version of the shape.
pub(super) const SCHEMA: u32 = 1;

/// More than this is not read: 10,000 tenants take some 3 MB.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// The whole file: one variable.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    fleet: T,
}

/// Inputs of one fleet in one cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Version of the shape.
    pub schema: u32,
    /// The application.
    pub app: AppName,
    /// The fleet.
    pub fleet: FleetName,
    /// Tenants without a host of their own answer at `ID.<domain>`.
    pub domain: String,
    /// The cell.
    pub cell: CellName,
    /// Twelve digits.
    pub account_id: String,
    /// Such as `eu-west-1`.
    pub region: String,
    /// ECS clusters; the control plane runs in the first.
    pub clusters: Vec<String>,
    /// Where the images are.
    pub registry: Registry,
    /// Public keys that sign the routing snapshot, for the routers; none where nothing is routed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routing_keys: Vec<String>,
    /// Every shard there is, in the order they were added.
    pub shards: Vec<String>,
    /// A tenant's services.
    #[serde(deserialize_with = "unique")]
    pub services: BTreeMap<ServiceName, ServiceInput>,
    /// The control plane's services.
    #[serde(deserialize_with = "unique")]
    pub control_plane: BTreeMap<ServiceName, ServiceInput>,
    /// The tenants.
    #[serde(deserialize_with = "unique")]
    pub tenants: BTreeMap<SetId, TenantInput>,
}

/// Where the images of every fleet are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Twelve digits.
    pub account_id: String,
    /// Such as `eu-west-1`.
    pub region: String,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceInput {
    /// What it is there for.
    pub kind: Kind,
    /// TCP port; a service has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Path of its health check; a service has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// Its repository, without the registry.
    pub repository: String,
}

/// What a service is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It has requests.
    Service,
    /// It has none.
    Worker,
    /// It runs once before the others.
    Task,
}

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantInput {
    /// Its load balancer and database.
    pub shard: String,
    /// Its number in the shard, from 1.
    pub slot: u8,
    /// Its ECS cluster.
    pub cluster: String,
    /// What it should be doing.
    pub state: SetState,
    /// Its tier.
    pub tier: String,
    /// Its host.
    pub host: String,
    /// Its part of RDS.
    pub rds: Rds,
    /// Its part of S3.
    pub evidence: Evidence,
}

impl TenantInput {
    /// Where it is.
    pub fn place(&self) -> Place {
        Place { shard: self.shard.clone(), slot: self.slot }
    }
}

impl Inputs {
    /// The file's bytes: keys sorted, two blanks, one line feed at the end.
    pub fn bytes(&self) -> Vec<u8> {
        // By way of a value: its maps are sorted, whatever order the fields stand in.
        let value = serde_json::to_value(File { fleet: self }).unwrap_or_default();
        format!("{value:#}\n").into_bytes()
    }

    /// Reads a committed file back; `fleet` is the name of its folder.
    ///
    /// # Errors
    /// It is not of this shape, or gives one place to two tenants.
    pub fn read(fleet: &str, bytes: &[u8]) -> Result<Self, Reason> {
        let unreadable = |why: String| Reason::InputsUnreadable { fleet: fleet.escape_default().to_string(), why };
        if bytes.len() > BYTES_MAX {
            return Err(unreadable(format!("{} bytes, more than the {BYTES_MAX} that are read", bytes.len())));
        }
        let file: File<Self> = serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        match file.fleet.wrong() {
            Some(why) => Err(unreadable(why)),
            None => Ok(file.fleet),
        }
    }

    /// What no type says: the version, and that every tenant has a place of its own in a shard that is there.
    fn wrong(&self) -> Option<String> {
        if self.schema != SCHEMA {
            return Some(format!("schema {} is not known; this version reads {SCHEMA}", self.schema));
        }
        if let Some(shard) = self.shards.iter().find(|shard| !is_shard(shard)) {
            return Some(format!("`{}` is no name of a shard", shard.escape_debug()));
        }
        let mut taken = BTreeMap::new();
        for (id, tenant) in &self.tenants {
            let place = tenant.place();
            if !place.is_within(&self.shards) {
                return Some(format!("`{id}` is at {place}, and there is no such place"));
            }
            if let Some(other) = taken.insert(place.clone(), id) {
                return Some(format!("`{other}` and `{id}` are both at {place}"));
            }
        }
        None
    }
}

/// A map in which no key stands twice.
fn unique<'de, D, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de>,
{
    struct Unique<K, V>(PhantomData<(K, V)>);
    impl<'de, K: Deserialize<'de> + Ord + fmt::Display, V: Deserialize<'de>> Visitor<'de> for Unique<K, V> {
        type Value = BTreeMap<K, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = BTreeMap::new();
            while let Some((key, value)) = map.next_entry::<K, V>()? {
                if found.contains_key(&key) {
                    return Err(A::Error::custom(format!("`{key}` stands twice")));
                }
                found.insert(key, value);
            }
            Ok(found)
        }
    }
    deserializer.deserialize_map(Unique(PhantomData))
}
