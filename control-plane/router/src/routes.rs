//! A snapshot made ready to be asked: by host, by tenant, by token key. Made once a generation, read by every request.

use std::collections::HashMap;

use accessos_routing::{PublicKey, Snapshot, State};
use http::HeaderValue;
use http::uri::{Authority, Scheme, Uri};
use jiff::Timestamp;

/// Where everything goes in one generation. A request is served from one of these from its first byte to its last.
#[derive(Debug)]
pub struct Routes {
    /// Which generation.
    pub generation: u64,
    /// When it was made.
    pub published_at: Timestamp,
    targets: Vec<Target>,
    ids: HashMap<String, usize>,
    hosts: HashMap<String, usize>,
    keys: HashMap<String, (usize, PublicKey)>,
}

/// A tenant and where its requests go.
#[derive(Debug)]
pub struct Target {
    /// The tenant's id.
    pub id: String,
    /// The id as its services are told it.
    pub id_header: HeaderValue,
    /// The host that its services see.
    pub host: String,
    /// The same as a header.
    pub host_header: HeaderValue,
    /// How it stands.
    pub state: State,
    /// Its host elsewhere, if it has moved.
    pub moved_to: Option<String>,
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Host and port of the backend.
    pub authority: Authority,
}

impl Routes {
    /// The routes of a snapshot that was opened and may be served.
    ///
    /// # Errors
    /// Something in it is no value of HTTP's. No snapshot without problems has such a thing.
    pub fn of(snapshot: &Snapshot) -> Result<Self, String> {
        let mut routes = Self {
            generation: snapshot.generation,
            published_at: snapshot.published_at,
            targets: Vec::with_capacity(snapshot.tenants.len()),
            ids: HashMap::with_capacity(snapshot.tenants.len()),
            hosts: HashMap::new(),
            keys: HashMap::new(),
        };
        for (index, tenant) in snapshot.tenants.iter().enumerate() {
            let bad = |what: &str| format!("tenant {}: {what}", tenant.id);
            let backend: Uri = tenant.backend.parse().map_err(|_| bad("its backend is no URL"))?;
            let parts = backend.into_parts();
            routes.targets.push(Target {
                id: tenant.id.clone(),
                id_header: tenant.id.parse().map_err(|_| bad("its id is no header"))?,
                host: tenant.canonical().to_owned(),
                host_header: tenant.canonical().parse().map_err(|_| bad("its host is no header"))?,
                state: tenant.state,
                moved_to: tenant.moved_to.clone(),
                scheme: parts.scheme.ok_or_else(|| bad("its backend has no scheme"))?,
                authority: parts.authority.ok_or_else(|| bad("its backend has no host"))?,
            });
            routes.ids.insert(tenant.id.clone(), index);
            routes.hosts.extend(tenant.hosts.iter().map(|host| (host.clone(), index)));
            for key in &tenant.token_keys {
                let public = key.public().ok_or_else(|| bad("a token key is none"))?;
                routes.keys.insert(key.id.clone(), (index, public));
            }
        }
        Ok(routes)
    }

    /// How many tenants there are.
    pub fn tenants(&self) -> usize {
        self.targets.len()
    }

    /// The tenant of that id.
    pub fn by_id(&self, id: &str) -> Option<&Target> {
        self.targets.get(*self.ids.get(id)?)
    }

    /// The tenant that has this host.
    pub fn by_host(&self, host: &str) -> Option<&Target> {
        self.targets.get(*self.hosts.get(host)?)
    }

    /// The tenant that a token key speaks for, and the key.
    pub fn by_key(&self, id: &str) -> Option<(&Target, &PublicKey)> {
        let (index, key) = self.keys.get(id)?;
        Some((self.targets.get(*index)?, key))
    }
}
