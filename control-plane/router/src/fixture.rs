//! Snapshots and issuers of tokens, for tests.

use accessos_routing::{SCHEMA, SigningKey, Snapshot, State, Tenant, TokenKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::json;

use crate::resolve::Site;

/// Somebody who signs tokens.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) kid: String,
    key: SigningKey,
}

impl Issuer {
    pub(crate) fn new(kid: &str) -> Self {
        let key = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
        Self { kid: kid.to_owned(), key }
    }

    pub(crate) fn public(&self) -> TokenKey {
        TokenKey { id: self.kid.clone(), x: URL_SAFE_NO_PAD.encode(self.key.public().bytes()) }
    }

    pub(crate) fn token(&self, tenant: &str, exp: i64) -> String {
        self.token_as("EdDSA", tenant, exp)
    }

    pub(crate) fn token_as(&self, alg: &str, tenant: &str, exp: i64) -> String {
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = part(json!({"alg": alg, "kid": self.kid}));
        let signed = format!("{header}.{}", part(json!({"tenant": tenant, "exp": exp})));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

pub(crate) fn site() -> Site {
    Site { root: "app.example".to_owned(), shared: "go.app.example".to_owned(), service: "edge-router".to_owned() }
}

pub(crate) fn tenant(id: &str) -> Tenant {
    Tenant {
        id: id.to_owned(),
        hosts: vec![format!("{id}.app.example")],
        state: State::Active,
        moved_to: None,
        backend: "http://s1.app.example".to_owned(),
        cell: "c1".to_owned(),
        token_keys: Vec::new(),
    }
}

pub(crate) fn snapshot(generation: u64, tenants: Vec<Tenant>) -> Snapshot {
    let (app, fleet) = ("app".to_owned(), "prod".to_owned());
    let published_at = Timestamp::UNIX_EPOCH;
    Snapshot {
        schema: SCHEMA,
        app,
        fleet,
        generation,
        published_at,
        follows: None,
        restores: None,
        meant_to_lose: 0,
        tenants,
    }
}

pub(crate) fn snapshot_with(tenants: &[(&str, Option<&Issuer>)]) -> Snapshot {
    let tenants = tenants.iter().map(|(id, issuer)| {
        let token_keys = issuer.map(Issuer::public).into_iter().collect();
        Tenant { token_keys, ..tenant(id) }
    });
    snapshot(1, tenants.collect())
}
