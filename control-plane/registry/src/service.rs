//! The service: it holds a catalogue and gives readers what they ask of it. Through a load balancer it can be reached from
//! outside, and a list of tenants is a list of customers: so everything but its health asks for a reader's token. It knows
//! tokens, which are random, by their SHA-256 alone: that is of no use to who finds it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accessos_serving::{
    Answer, Asked, BadQuery, Common, Log, Polled, Routing, Service, Settings, Source, health, query,
};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::catalogue::{Catalogue, Wanted};
use crate::manifest::{BYTES_MAX, Manifest, is_name};
use crate::tenant::{STATES, Tenant};

/// The description of what is answered, for whoever writes a client.
pub const DESCRIPTION: &str = include_str!("../../../schema/registry.openapi.json");

/// Tenants of a page, unless fewer or more are asked for.
const LIMIT: usize = 100;
/// Most tenants of a page.
const LIMIT_MAX: usize = 500;

/// What the surroundings say.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What every service is told; names begin with `REGISTRY_`.
    pub common: Common,
    /// `REGISTRY_MANIFESTS`: where Terraform publishes manifests, as `SET/manifest.json`.
    pub manifests: Source,
    /// `REGISTRY_ROUTING` and `REGISTRY_ROUTING_KEYS`: where the routing snapshot is published, and the public keys that sign
    /// it; none to tell what manifests say alone.
    pub routing: Option<(Source, accessos_routing::TrustedKeys)>,
    /// `REGISTRY_READERS`.
    pub readers: Readers,
}

impl Surroundings {
    /// Reads them.
    ///
    /// # Errors
    /// Everything that is missing or wrong, in words.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        let mut from = Settings::new("REGISTRY", variable);
        let common = from.common("tenant-registry");
        let (manifests, readers) = (from.required("MANIFESTS"), from.required("READERS"));
        let routing: (Option<Source>, Option<accessos_routing::TrustedKeys>) =
            (from.optional("ROUTING"), from.optional("ROUTING_KEYS"));
        let given = |name: &str| variable(&format!("REGISTRY_{name}")).is_some();
        if given("ROUTING") != given("ROUTING_KEYS") {
            from.add("REGISTRY_ROUTING and REGISTRY_ROUTING_KEYS go together".to_owned());
        }
        let read = || {
            Some(Self { common: common?, manifests: manifests?, routing: routing.0.zip(routing.1), readers: readers? })
        };
        let read = read();
        from.end(read)
    }
}

/// Who may read: SHA-256s of tokens, in hexadecimal digits, with commas between them. Two while one is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readers(BTreeSet<String>);

impl FromStr for Readers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sums: BTreeSet<String> = text.split(',').map(|sum| sum.trim().to_owned()).collect();
        let is_sum = |sum: &String| {
            sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        if sums.iter().all(is_sum) {
            Ok(Self(sums))
        } else {
            Err("a reader is the SHA-256 of a token, in 64 hexadecimal digits".to_owned())
        }
    }
}

impl Readers {
    /// Whether this is a token of theirs. Sums are compared, so that the time it takes tells nothing of a token.
    fn have(&self, token: &str) -> bool {
        let sum: String = Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.contains(&sum)
    }
}

/// The service.
#[derive(Debug)]
pub struct Registry {
    identity: Map<String, Value>,
    readers: Readers,
    /// None until manifests were looked at, and the snapshot where there is to be one.
    catalogue: Mutex<Option<Arc<Catalogue>>>,
}

/// What keeps the service current.
pub struct Poller {
    service: Arc<Registry>,
    manifests: Source,
    routing: Option<Routing>,
    polled: Polled<Manifest>,
    log: Log,
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("manifests", &self.manifests).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Page<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    tenants: Vec<&'a Tenant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

impl Registry {
    /// The service, which knows nothing yet, and what keeps it current.
    pub fn new(said: Surroundings, log: Log) -> (Arc<Self>, Poller) {
        let identity = said.common.identity.into_iter().map(|(name, value)| (name, value.into())).collect();
        let service = Arc::new(Self { identity, readers: said.readers, catalogue: Mutex::default() });
        let poller = Poller {
            service: Arc::clone(&service),
            manifests: said.manifests,
            routing: said.routing.map(|(source, keys)| Routing::new(source, keys)),
            polled: Polled::default(),
            log,
        };
        (service, poller)
    }

    fn catalogue(&self) -> Option<Arc<Catalogue>> {
        self.catalogue.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is there for a reader.
    fn read(&self, asked: &Asked, path: &[&str]) -> Answer {
        if !asked.bearer().is_some_and(|token| self.readers.have(token)) {
            let answer = Answer::problem(StatusCode::UNAUTHORIZED, "token_needed", "a reader's token is needed");
            return answer.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let Some(catalogue) = self.catalogue() else {
            return Answer::problem(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "nothing is known yet; ask again");
        };
        let one = |found: Option<&Tenant>| match found {
            Some(tenant) => Answer::json(StatusCode::OK, tenant).unless_known(asked),
            None => Answer::problem(StatusCode::NOT_FOUND, "no_such_tenant", "there is no such tenant"),
        };
        let parameters: &[&str] = if path == ["v1", "tenants"] { &["limit", "after", "state", "cell"] } else { &[] };
        let given = match query(asked, parameters) {
            Ok(given) => given,
            Err(bad) => return refused(&bad),
        };
        match path {
            ["v1", "tenants"] => match wanted(&given) {
                Ok(wanted) => {
                    let (tenants, next) = catalogue.page(&wanted);
                    let page = Page { generation: catalogue.generation, tenants, next };
                    Answer::json(StatusCode::OK, &page).unless_known(asked)
                }
                Err(bad) => refused(&bad),
            },
            ["v1", "tenants", id] => one(catalogue.get(id)),
            ["v1", "hosts", host] => one(catalogue.by_host(host)),
            _ => no_such_path(),
        }
    }
}

fn refused(bad: &BadQuery) -> Answer {
    Answer::problem(StatusCode::BAD_REQUEST, "bad_query", &bad.0)
}

fn no_such_path() -> Answer {
    Answer::problem(StatusCode::NOT_FOUND, "no_such_path", "there is nothing at this path")
}

/// What a query asks for.
fn wanted(given: &BTreeMap<String, String>) -> Result<Wanted, BadQuery> {
    let number = |text: &String| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|limit| digits && (1..=LIMIT_MAX).contains(limit))
    };
    let limit = given.get("limit").map_or(Some(LIMIT), number);
    let limit = limit.ok_or_else(|| BadQuery(format!("limit is a number from 1 to {LIMIT_MAX}")))?;
    let name = |field: &str| match given.get(field) {
        Some(name) if !is_name(name) => {
            Err(BadQuery(format!("{field} is lower-case letters, digits and hyphens, at most 63")))
        }
        name => Ok(name.cloned()),
    };
    let state = given.get("state").map(|word| {
        let known = STATES.iter().find(|(known, _)| known == word).map(|(_, state)| *state);
        let words = STATES.map(|(word, _)| word).join(", ");
        known.ok_or_else(|| BadQuery(format!("state is one of {words}")))
    });
    Ok(Wanted { after: name("after")?, limit, state: state.transpose()?, cell: name("cell")? })
}

impl Service for Registry {
    fn answer(&self, asked: &Asked, _: jiff::Timestamp) -> Answer {
        let path = asked.path.as_deref().unwrap_or_default();
        match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["healthz"] => health(&self.identity, self.catalogue().is_some()),
            ["openapi.json"] => {
                Answer::bytes(StatusCode::OK, "application/json", DESCRIPTION.into()).unless_known(asked)
            }
            path @ ["v1", ..] => self.read(asked, path),
            _ => no_such_path(),
        }
    }
}

impl Poller {
    /// Looks again and again. Where nothing is known yet, soon.
    pub async fn follow(mut self, every: Duration) {
        let soon = every.min(Duration::from_secs(1));
        self.manifests = self.manifests.reached().await;
        if let Some(routing) = &mut self.routing {
            routing.reach().await;
        }
        loop {
            self.look().await;
            let ready = self.service.catalogue().is_some();
            tokio::time::sleep(if ready { every } else { soon }).await;
        }
    }

    /// One look at what is published.
    pub async fn look(&mut self) {
        let mut problems = Vec::new();
        let newer = match &mut self.routing {
            Some(routing) => routing.look().await.unwrap_or_else(|told| {
                problems.extend(told);
                false
            }),
            None => false,
        };
        let read =
            |key: &str, bytes: &[u8], _: Option<&Manifest>| Manifest::read(set_of(key).unwrap_or_default(), bytes);
        let taken = self.polled.look(&self.manifests, BYTES_MAX, |key| set_of(key).is_some(), read).await;
        problems.extend(taken.problems);
        for problem in problems {
            self.log.event("look", &problem);
        }
        let routed = self.routing.as_ref().is_none_or(|routing| routing.current().is_some());
        if (newer || taken.changed) && routed && self.polled.is_known() {
            self.take_in();
        }
    }

    /// From now on requests are answered from what is held now.
    fn take_in(&self) {
        let snapshot = self.routing.as_ref().and_then(Routing::current);
        // A manifest of another application or fleet is nobody's here.
        let own =
            |manifest: &&Manifest| snapshot.is_none_or(|of| (&of.app, &of.fleet) == (&manifest.app, &manifest.fleet));
        let manifests = self.polled.values().map(|(_, manifest)| manifest).filter(own);
        let catalogue = Catalogue::of(manifests, snapshot);
        let generation = catalogue.generation.map(|of| format!(", generation {of}")).unwrap_or_default();
        self.log.event("catalogue", &format!("{} tenants{generation}", catalogue.len()));
        *self.service.catalogue.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(catalogue));
    }
}

/// Whose manifest an object is said to be.
fn set_of(key: &str) -> Option<&str> {
    key.strip_suffix("/manifest.json").filter(|set| is_name(set))
}

/// Runs the service until it is told to stop.
///
/// # Errors
/// The port cannot be had.
pub async fn run(said: Surroundings, log: Log) -> std::io::Result<()> {
    let common = said.common.clone();
    let (service, poller) = Registry::new(said, log.clone());
    let every = common.poll;
    accessos_serving::run(common, service, log, poller.follow(every)).await
}

#[cfg(test)]
mod tests;
