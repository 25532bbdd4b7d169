//! The snapshot as a value, its one form as bytes, and what makes it meaningless.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::place::generation_of;
use crate::problem::{Problem, short};

/// Version of snapshots that is written and read.
pub const SCHEMA: u32 = 1;

/// Most tenants of a snapshot: ten times what a fleet is meant to have.
pub const TENANTS_MAX: usize = 100_000;

/// Which tenants a fleet has and where each of them answers, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "routing snapshot, version 1")]
pub struct Snapshot {
    /// Version of this shape: 1.
    pub schema: u32,
    /// The application.
    pub app: String,
    /// The fleet.
    pub fleet: String,
    /// Grows by one with every snapshot of the fleet, from 1.
    pub generation: u64,
    /// When it was made.
    #[schemars(with = "String")]
    pub published_at: Timestamp,
    /// The name of the object of the generation before, with the SHA-256 of its bytes in it: so the generations are a chain
    /// that can be walked back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
    /// The generation whose tenants it brings back, if it is a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<u64>,
    /// How many tenants of the generation before a person meant to take out, past what routers allow by themselves.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub meant_to_lose: usize,
    /// The tenants, by id.
    pub tenants: Vec<Tenant>,
}

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// Its id: lower-case letters, digits and single hyphens.
    pub id: String,
    /// Its hosts, the canonical one first: it is the `Host` that its services see. No host is two tenants'.
    pub hosts: Vec<String>,
    /// How it stands.
    pub state: State,
    /// Its host elsewhere, if it has moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// Where its requests go: `http` or `https`, host and port, nothing else. Tenants of a shard have the same.
    pub backend: String,
    /// Its cell.
    pub cell: String,
    /// Keys that its tokens are signed with. A token of one of them speaks for this tenant and for no other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_keys: Vec<TokenKey>,
}

/// A key that verifies tokens: Ed25519 (RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenKey {
    /// The `kid` of tokens that it signs. No id is two tenants'.
    pub id: String,
    /// The public key, 32 bytes in base64url without padding, as `x` of a JWK has it.
    pub x: String,
}

/// How a tenant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its requests are passed on.
    Active,
    /// 503 with a page, for a while.
    Maintenance,
    /// Scaled to zero on purpose: 503 with a page.
    Paused,
    /// It answers at another host: clients are sent there.
    Moved,
}

impl State {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Maintenance => "maintenance",
            Self::Paused => "paused",
            Self::Moved => "moved",
        }
    }
}

impl Tenant {
    /// The host that its services see.
    pub fn canonical(&self) -> &str {
        self.hosts.first().map(String::as_str).unwrap_or_default()
    }
}

impl Snapshot {
    /// The one form of its bytes: JSON without blanks, fields in the order of the types, tenants in the order of ids.
    /// Equal snapshots have equal bytes.
    ///
    /// # Errors
    /// None is known; serde's type allows for one.
    pub fn bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// Reads bytes in their one form. The meaning is not looked at.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let malformed =
            |why: String| Problem::new("malformed", format!("the snapshot is not of schema {SCHEMA}: {why}"));
        let snapshot: Self = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        match snapshot.bytes() {
            Ok(form) if form == bytes => Ok(snapshot),
            Ok(_) => Err(malformed("it is not in the one form of its bytes".to_owned())),
            Err(error) => Err(malformed(error.to_string())),
        }
    }

    /// Everything that is wrong with its meaning.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Found::default();
        if self.schema != SCHEMA {
            found.add(format!("it is of schema {}, and {SCHEMA} is read here", self.schema));
        }
        if self.generation == 0 {
            found.add("generations begin at 1".to_owned());
        }
        if self.follows.as_ref().is_some_and(|name| generation_of(name).is_none_or(|before| before >= self.generation))
        {
            found.add("what it follows is no object of a generation before it".to_owned());
        }
        if self.restores.is_some_and(|restored| restored >= self.generation) {
            found.add("it brings back a generation that is not before it".to_owned());
        }
        if self.tenants.len() > TENANTS_MAX {
            found.add(format!("it has more than {TENANTS_MAX} tenants"));
        }
        for pair in self.tenants.windows(2) {
            match pair[0].id.cmp(&pair[1].id) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => found.add(format!("tenant {} is there twice", short(&pair[0].id))),
                std::cmp::Ordering::Greater => found.add(format!("tenant {} is out of order", short(&pair[1].id))),
            }
        }
        let (mut hosts, mut keys) = (BTreeMap::new(), BTreeMap::new());
        for tenant in &self.tenants {
            found.tenant(tenant);
            for host in &tenant.hosts {
                if let Some(other) = hosts.insert(host.as_str(), tenant.id.as_str()) {
                    found.add(format!("host {} is of {} and of {}", short(host), short(other), short(&tenant.id)));
                }
            }
            for key in &tenant.token_keys {
                if let Some(other) = keys.insert(key.id.as_str(), tenant.id.as_str()) {
                    let (other, own) = (short(other), short(&tenant.id));
                    found.add(format!("token key {} is of {other} and of {own}", short(&key.id)));
                }
            }
        }
        found.0
    }
}

#[derive(Default)]
struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, what: String) {
        self.0.push(Problem::new("wrong", what));
    }

    fn tenant(&mut self, tenant: &Tenant) {
        let id = short(&tenant.id);
        if !is_id(&tenant.id) {
            self.add(format!("tenant {id}: an id is lower-case letters, digits and single hyphens, at most 63"));
        }
        if tenant.hosts.is_empty() {
            self.add(format!("tenant {id} has no host"));
        }
        let elsewhere = tenant.moved_to.iter();
        for host in tenant.hosts.iter().chain(elsewhere).filter(|host| !is_host(host)) {
            self.add(format!("tenant {id}: {} is no host name in lower case", short(host)));
        }
        match (tenant.state, &tenant.moved_to) {
            (State::Moved, None) => self.add(format!("tenant {id} has moved, and it does not say where to")),
            (State::Moved, Some(to)) if tenant.hosts.contains(to) => {
                self.add(format!("tenant {id} has moved to a host of its own, {}", short(to)));
            }
            (State::Moved, Some(_)) | (_, None) => {}
            (state, Some(_)) => self.add(format!("tenant {id} is {} and says where it has moved to", state.word())),
        }
        if !is_backend(&tenant.backend) {
            let found = short(&tenant.backend);
            self.add(format!("tenant {id}: backend {found} is not http:// or https:// with a host and at most a port"));
        }
        for key in &tenant.token_keys {
            let is_key = URL_SAFE_NO_PAD.decode(&key.x).is_ok_and(|bytes| bytes.len() == 32);
            if !is_key || key.id.is_empty() || key.id.len() > 128 {
                self.add(format!("tenant {id}: token key {} is no Ed25519 key with an id", short(&key.id)));
            }
        }
    }
}

/// As fleet.yaml has them.
fn is_id(id: &str) -> bool {
    let inside = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    (1..=63).contains(&id.len()) && inside && !id.starts_with('-') && !id.ends_with('-') && !id.contains("--")
}

/// Whether this is a host name in lower case (RFC 1123): labels of letters, digits and hyphens. Addresses are none.
pub fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        let inside = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        (1..=63).contains(&label.len()) && inside && !label.starts_with('-') && !label.ends_with('-')
    };
    let last_is_a_name =
        host.rsplit('.').next().is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_alphabetic()));
    host.len() <= 253 && last_is_a_name && host.split('.').all(label)
}

/// The label below the root domain that an e-mail domain leads to: `bigcorp.com` to `bigcorp-com`.
pub fn mail_label(domain: &str) -> String {
    domain.to_ascii_lowercase().replace('.', "-")
}

fn is_backend(backend: &str) -> bool {
    let Some(authority) = backend.strip_prefix("https://").or_else(|| backend.strip_prefix("http://")) else {
        return false;
    };
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    is_port && (is_host(host) || host.parse::<std::net::Ipv4Addr>().is_ok())
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The JSON Schema of a snapshot.
pub fn snapshot_schema() -> serde_json::Value {
    schemars::schema_for!(Snapshot).to_value()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn tenant(id: &str) -> Tenant {
        Tenant {
            id: id.to_owned(),
            hosts: vec![format!("{id}.app.example")],
            state: State::Active,
            moved_to: None,
            backend: "https://s1.app.example".to_owned(),
            cell: "c1".to_owned(),
            token_keys: Vec::new(),
        }
    }

    pub(crate) fn snapshot(generation: u64, ids: &[&str]) -> Snapshot {
        Snapshot {
            schema: SCHEMA,
            app: "app".to_owned(),
            fleet: "prod".to_owned(),
            generation,
            published_at: Timestamp::UNIX_EPOCH,
            follows: None,
            restores: None,
            meant_to_lose: 0,
            tenants: ids.iter().map(|id| tenant(id)).collect(),
        }
    }

    #[test]
    fn the_bytes_are_these() {
        let mut one = snapshot(7, &["acme"]);
        one.tenants[0].state = State::Paused;
        let bytes = r#"{"schema":1,"app":"app","fleet":"prod","generation":7,"published_at":"1970-01-01T00:00:00Z","tenants":[{"id":"acme","hosts":["acme.app.example"],"state":"paused","backend":"https://s1.app.example","cell":"c1"}]}"#;
        assert_eq!(String::from_utf8(one.bytes().unwrap()).unwrap(), bytes);
        assert_eq!(Snapshot::read(bytes.as_bytes()), Ok(one));
        for other in [
            bytes.replace("{\"s", "{ \"s"),
            bytes.replace("\"cell\"", "\"sell\""),
            bytes.replace("\"app\":\"app\",", ""),
        ] {
            assert_eq!(Snapshot::read(other.as_bytes()).unwrap_err().code, "malformed", "{other}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let mut bad = snapshot(0, &["acme", "bolt", "acme", "Bad--Id"]);
        bad.tenants[0].hosts = vec!["bolt.app.example".to_owned(), "UPPER.example".to_owned(), "10.0.0.1".to_owned()];
        bad.tenants[1].state = State::Moved;
        bad.tenants[2].backend = "https://user@host/path".to_owned();
        bad.tenants[3].moved_to = Some("x.example".to_owned());
        bad.tenants[3].token_keys = vec![TokenKey { id: "k".to_owned(), x: "short".to_owned() }];
        let told: Vec<String> = bad.problems().iter().map(ToString::to_string).collect();
        let all = told.join("\n");
        for word in [
            "begin at 1",
            "acme is out of order",
            "host bolt.app.example is of acme and of bolt",
            "UPPER.example is no host",
            "10.0.0.1 is no host",
            "bolt has moved, and it does not say where to",
            "user@host",
            "an id is",
            "is active and says where",
            "no Ed25519 key",
        ] {
            assert!(all.contains(word), "{word}:\n{all}");
        }
        assert_eq!(snapshot(1, &["acme", "bolt"]).problems(), []);
    }

    #[test]
    fn a_backend_is_a_scheme_a_host_and_at_most_a_port() {
        for good in ["http://127.0.0.1:8080", "https://s1.app.example", "https://s1.app.example:8443"] {
            assert!(is_backend(good), "{good}");
        }
        for bad in [
            "s1.app.example",
            "ftp://a.b",
            "https://a.b/",
            "https://a.b:0",
            "https://a.b:+80",
            "https://a.b:99999",
            "https://a.b?x",
            "https://",
        ] {
            assert!(!is_backend(bad), "{bad}");
        }
    }
}
