//! The service: it holds the licences that are published and the keys that tenants' claims are signed with, and gives a
//! tenant its own licence, sealed as it was issued. It cannot sign: it has no private key.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accessos_routing::Snapshot;
use accessos_serving::{Answer, Asked, Common, Log, Polled, Routing, Service, Settings, Source, health};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::claim::{Denied, Keys};
use crate::{BYTES_MAX, Licence, TrustedKeys, open, replayed};

/// The description of what is answered, for whoever writes a client.
pub const DESCRIPTION: &str = include_str!("../../../schema/licensing.openapi.json");

/// The type of a sealed licence.
const SEALED: &str = "application/vnd.dsse+json";

/// What the surroundings say.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What every service is told; names begin with `LICENSING_`.
    pub common: Common,
    /// `LICENSING_SOURCE`: where sealed licences are published, as `TENANT.json`.
    pub source: Source,
    /// `LICENSING_KEYS`: one or two public keys that sign licences.
    pub keys: TrustedKeys,
    /// `LICENSING_ROUTING`: where the routing snapshot is published.
    pub routing: Source,
    /// `LICENSING_ROUTING_KEYS`: one or two public keys that sign snapshots.
    pub routing_keys: accessos_routing::TrustedKeys,
}

impl Surroundings {
    /// Reads them.
    ///
    /// # Errors
    /// Everything that is missing or wrong, in words.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        let mut from = Settings::new("LICENSING", variable);
        let (common, source, keys) = (from.common("licensing"), from.required("SOURCE"), from.required("KEYS"));
        let (routing, routing_keys) = (from.required("ROUTING"), from.required("ROUTING_KEYS"));
        let read = || {
            Some(Self { common: common?, source: source?, keys: keys?, routing: routing?, routing_keys: routing_keys? })
        };
        let read = read();
        from.end(read)
    }
}

/// A licence as it is held: what it says, and its bytes.
#[derive(Clone, Debug)]
struct Held {
    licence: Licence,
    sealed: Vec<u8>,
}

/// What requests are answered from.
#[derive(Clone, Debug, Default)]
struct Holding {
    /// None until a snapshot was taken in.
    keys: Option<Keys>,
    /// By tenant, of the snapshot's application and fleet alone; none until they were looked at.
    licences: Option<BTreeMap<String, Vec<u8>>>,
}

impl Holding {
    /// Whether there is something to answer from.
    fn is_ready(&self) -> bool {
        self.keys.is_some() && self.licences.is_some()
    }
}

/// The service.
#[derive(Debug)]
pub struct Licensing {
    identity: Map<String, Value>,
    holding: Mutex<Arc<Holding>>,
}

/// What keeps the service current.
pub struct Poller {
    service: Arc<Licensing>,
    source: Source,
    keys: TrustedKeys,
    routing: Routing,
    polled: Polled<Held>,
    log: Log,
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Licensing {
    /// The service, which knows nothing yet, and what keeps it current.
    pub fn new(said: Surroundings, log: Log) -> (Arc<Self>, Poller) {
        let identity = said.common.identity.into_iter().map(|(name, value)| (name, value.into())).collect();
        let service = Arc::new(Self { identity, holding: Mutex::default() });
        let poller = Poller {
            service: Arc::clone(&service),
            source: said.source,
            keys: said.keys,
            routing: Routing::new(said.routing, said.routing_keys),
            polled: Polled::default(),
            log,
        };
        (service, poller)
    }

    fn holding(&self) -> Arc<Holding> {
        Arc::clone(&self.holding.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn own(&self, asked: &Asked, now: Timestamp) -> Answer {
        let held = self.holding();
        let (Some(keys), Some(licences)) = (&held.keys, &held.licences) else {
            return Answer::problem(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "nothing is known yet; ask again");
        };
        let claim = asked.bearer().ok_or("claim_missing");
        let tenant = claim.and_then(|token| keys.tenant(token, now.as_second()).map_err(Denied::code));
        match tenant {
            Ok(tenant) => {
                let answer = match licences.get(tenant) {
                    Some(sealed) => Answer::bytes(StatusCode::OK, SEALED, sealed.clone().into()).unless_known(asked),
                    None => Answer::problem(StatusCode::NOT_FOUND, "no_licence", "you have no licence"),
                };
                Answer { whose: Some(tenant.to_owned()), ..answer }
            }
            // Who asks learns neither why, nor which keys or tenants there are.
            Err(why) => {
                let detail = "a claim that counts is needed, as a bearer token";
                let answer = Answer::problem(StatusCode::UNAUTHORIZED, "claim_needed", detail);
                let answer = answer.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                Answer { why: Some(why), ..answer }
            }
        }
    }
}

impl Service for Licensing {
    fn answer(&self, asked: &Asked, now: Timestamp) -> Answer {
        let path = asked.path.as_deref().unwrap_or_default();
        match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["healthz"] => health(&self.identity, self.holding().is_ready()),
            ["openapi.json"] => {
                Answer::bytes(StatusCode::OK, "application/json", DESCRIPTION.into()).unless_known(asked)
            }
            ["v1", "license"] => self.own(asked, now),
            _ => Answer::problem(StatusCode::NOT_FOUND, "no_such_path", "there is nothing at this path"),
        }
    }
}

impl Poller {
    /// Looks again and again. Where nothing is known yet, soon.
    pub async fn follow(mut self, every: Duration) {
        let soon = every.min(Duration::from_secs(1));
        self.source = self.source.reached().await;
        self.routing.reach().await;
        loop {
            self.look().await;
            let ready = self.routing.current().is_some() && self.polled.is_known();
            tokio::time::sleep(if ready { every } else { soon }).await;
        }
    }

    /// One look at what is published.
    pub async fn look(&mut self) {
        let newer = self.routing.look().await.unwrap_or_else(|problems| {
            self.tell("routing", &problems);
            false
        });
        let (keys, of) = (&self.keys, self.routing.current());
        let read = |key: &str, bytes: &[u8], before: Option<&Held>| {
            read(tenant_of(key).unwrap_or_default(), bytes, before, keys, of)
        };
        let taken = self.polled.look(&self.source, BYTES_MAX, |key| tenant_of(key).is_some(), read).await;
        self.tell("licences", &taken.problems);
        if newer || taken.changed {
            self.take_in();
        }
    }

    /// From now on requests are answered from what is held now.
    fn take_in(&self) {
        let snapshot = self.routing.current();
        // One that was taken in before there was a snapshot may be of another fleet: it is nobody's here.
        let licences = self.polled.values().filter(|(_, held)| is_of(&held.licence, snapshot));
        let licences = licences.map(|(_, held)| (held.licence.tenant.clone(), held.sealed.clone())).collect();
        let holding = Holding { keys: snapshot.map(Keys::of), licences: self.polled.is_known().then_some(licences) };
        let told = format!("{} licences are held", holding.licences.as_ref().map_or(0, |licences| licences.len()));
        *self.service.holding.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(holding);
        self.log.event("licences", &told);
    }

    fn tell(&self, event: &str, problems: &[String]) {
        for problem in problems {
            self.log.event(event, problem);
        }
    }
}

/// Whose licence an object is said to be.
fn tenant_of(key: &str) -> Option<&str> {
    key.strip_suffix(".json").filter(|tenant| !tenant.is_empty() && !tenant.contains('/'))
}

/// A sealed licence of this tenant, in the fleet of the snapshot if there is one. One that has ended is handed out too: the
/// tenant sees when it did.
fn read(
    tenant: &str,
    bytes: &[u8],
    before: Option<&Held>,
    keys: &TrustedKeys,
    of: Option<&Snapshot>,
) -> Result<Held, String> {
    let (licence, _) = open(bytes, keys).map_err(|refusal| format!("{}: {refusal}", refusal.code()))?;
    if licence.tenant != tenant || !is_of(&licence, of) {
        return Err("other_tenant: it is not of the tenant whose name it has, or of another fleet".to_owned());
    }
    let before = before.filter(|before| is_of(&before.licence, of));
    if let Some(refusal) = before.and_then(|before| replayed(&before.licence, &licence)) {
        return Err(format!("{}: {refusal}", refusal.code()));
    }
    Ok(Held { licence, sealed: bytes.to_vec() })
}

/// Whether it is of the application and the fleet of a snapshot. Before there is one, that cannot be told.
fn is_of(licence: &Licence, snapshot: Option<&Snapshot>) -> bool {
    snapshot.is_none_or(|of| (&of.app, &of.fleet) == (&licence.app, &licence.fleet))
}

/// Runs the service until it is told to stop.
///
/// # Errors
/// The port cannot be had.
pub async fn run(said: Surroundings, log: Log) -> std::io::Result<()> {
    let common = said.common.clone();
    let (service, poller) = Licensing::new(said, log.clone());
    let every = common.poll;
    accessos_serving::run(common, service, log, poller.follow(every)).await
}

#[cfg(test)]
mod tests;
