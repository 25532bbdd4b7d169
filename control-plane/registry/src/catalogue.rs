//! Manifests and the snapshot put together: all tenants by id and by host, and pages of them. Pure.

use std::collections::BTreeMap;

use accessos_routing::{Snapshot, State as Routed};

use crate::manifest::{Manifest, Routes};
use crate::tenant::{State, Tenant};

/// All tenants of a fleet, as they are published at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    tenants: BTreeMap<String, Tenant>,
    hosts: BTreeMap<String, String>,
    /// The snapshot's generation, if there is one.
    pub generation: Option<u64>,
}

/// Which tenants are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those after this id.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Those that stand like this.
    pub state: Option<State>,
    /// Those of this cell.
    pub cell: Option<String>,
}

impl Catalogue {
    /// Puts them together. Where both tell of a tenant, the snapshot says where it answers and how it stands, since it is
    /// what routers follow; the manifest says what it runs.
    pub fn of<'a>(manifests: impl Iterator<Item = &'a Manifest>, snapshot: Option<&Snapshot>) -> Self {
        let mut tenants = BTreeMap::new();
        for manifest in manifests.filter(|manifest| manifest.set != "control-plane") {
            tenants.insert(manifest.set.clone(), published(manifest));
        }
        for routed in snapshot.iter().flat_map(|snapshot| snapshot.tenants.iter().map(move |of| (*snapshot, of))) {
            let (snapshot, of) = routed;
            let known = tenants.remove(&of.id).filter(|known: &Tenant| known.fleet == snapshot.fleet);
            let (region, cluster, services) =
                known.map_or((None, None, Vec::new()), |known| (known.region, known.cluster, known.services));
            let tenant = Tenant {
                id: of.id.clone(),
                fleet: snapshot.fleet.clone(),
                cell: Some(of.cell.clone()),
                region,
                cluster,
                hosts: of.hosts.clone(),
                state: stands(of.state),
                moved_to: of.moved_to.clone(),
                services,
            };
            tenants.insert(of.id.clone(), tenant);
        }
        let mut hosts = BTreeMap::new();
        // One that only a manifest tells of gives way: a host is whose the snapshot says it is.
        let routed = |tenant: &&Tenant| tenant.cell.is_some();
        let (first, then): (Vec<&Tenant>, Vec<&Tenant>) = tenants.values().partition(routed);
        for tenant in first.into_iter().chain(then) {
            for host in &tenant.hosts {
                hosts.entry(host.clone()).or_insert_with(|| tenant.id.clone());
            }
        }
        Self { tenants, hosts, generation: snapshot.map(|snapshot| snapshot.generation) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tenants.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// The tenant of that id.
    pub fn get(&self, id: &str) -> Option<&Tenant> {
        self.tenants.get(id)
    }

    /// The tenant that answers at that host, in whatever case it is written.
    pub fn by_host(&self, host: &str) -> Option<&Tenant> {
        self.tenants.get(self.hosts.get(&host.to_ascii_lowercase())?)
    }

    /// Tenants by id, and the id after which the next page begins, if there is one.
    pub fn page(&self, wanted: &Wanted) -> (Vec<&Tenant>, Option<&str>) {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = wanted.after.as_deref().map_or(Unbounded, Excluded);
        let fits = |tenant: &&Tenant| {
            wanted.state.is_none_or(|state| state == tenant.state)
                && wanted.cell.as_ref().is_none_or(|cell| tenant.cell.as_ref() == Some(cell))
        };
        let rest = self.tenants.range::<str, _>((from, Unbounded)).map(|(_, tenant)| tenant).filter(fits);
        let mut page: Vec<&Tenant> = rest.take(wanted.limit + 1).collect();
        let more = page.len() > wanted.limit;
        page.truncate(wanted.limit);
        let next = page.last().filter(|_| more).map(|last| last.id.as_str());
        (page, next)
    }
}

fn published(manifest: &Manifest) -> Tenant {
    Tenant {
        id: manifest.set.clone(),
        fleet: manifest.fleet.clone(),
        cell: None,
        region: Some(manifest.region.clone()),
        cluster: Some(manifest.cluster.clone()),
        hosts: vec![manifest.host.clone()],
        state: match manifest.routing {
            Routes::Open => State::Active,
            Routes::Paused => State::Paused,
            Routes::Gone => State::Gone,
        },
        moved_to: None,
        services: manifest.services.clone(),
    }
}

fn stands(routed: Routed) -> State {
    match routed {
        Routed::Active => State::Active,
        Routed::Maintenance => State::Maintenance,
        Routed::Paused => State::Paused,
        Routed::Moved => State::Moved,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::tests::FIXTURE;

    /// The fixture, of another set.
    pub(crate) fn published(set: &str) -> String {
        let mut manifest: serde_json::Value = serde_json::from_str(FIXTURE).unwrap();
        manifest["set"] = set.into();
        manifest["host"] = format!("{set}.dev.a3os.app").into();
        manifest.to_string()
    }

    fn manifest(set: &str) -> Manifest {
        Manifest::read(set, published(set).as_bytes()).unwrap()
    }

    pub(crate) fn snapshot(generation: u64, tenants: &[(&str, Routed)]) -> Snapshot {
        let tenant = |(id, state): &(&str, Routed)| accessos_routing::Tenant {
            id: (*id).to_owned(),
            hosts: vec![format!("{id}.dev.a3os.app"), format!("{id}.example")],
            state: *state,
            moved_to: (*state == Routed::Moved).then(|| format!("{id}.elsewhere.example")),
            backend: "https://s1.dev.a3os.app".to_owned(),
            cell: "dev-1".to_owned(),
            token_keys: Vec::new(),
        };
        Snapshot {
            schema: 1,
            app: "accessos".to_owned(),
            fleet: "dev".to_owned(),
            generation,
            published_at: jiff::Timestamp::UNIX_EPOCH,
            restores: None,
            follows: None,
            meant_to_lose: 0,
            tenants: tenants.iter().map(tenant).collect(),
        }
    }

    #[test]
    fn the_snapshot_says_where_a_tenant_answers_and_the_manifest_what_it_runs() {
        let (acme, hooli) = (manifest("acme"), manifest("hooli"));
        let routed = snapshot(7, &[("acme", Routed::Paused), ("initech", Routed::Moved)]);
        let both = Catalogue::of([&acme, &hooli].into_iter(), Some(&routed));
        let found = both.get("acme").unwrap();
        assert_eq!((found.state, found.cell.as_deref(), found.services.len()), (State::Paused, Some("dev-1"), 3));
        assert_eq!(both.by_host("ACME.example").map(|of| of.id.as_str()), Some("acme"));
        let found = both.get("hooli").unwrap();
        assert_eq!((found.state, &found.cell), (State::Active, &None), "published, and not routed yet");
        let found = both.get("initech").unwrap();
        assert_eq!(found.moved_to.as_deref(), Some("initech.elsewhere.example"));
        assert_eq!((both.len(), both.generation), (3, Some(7)));
        assert!(both.by_host("nobody.example").is_none() && both.get("nobody").is_none());
    }

    #[test]
    fn the_control_plane_is_no_tenant() {
        let own = Manifest { set: "control-plane".to_owned(), ..manifest("acme") };
        assert!(Catalogue::of([&own].into_iter(), None).is_empty());
    }

    #[test]
    fn a_host_is_whose_the_snapshot_says_it_is() {
        let routed = snapshot(1, &[("zeta", Routed::Active)]);
        let claims = Manifest { host: "zeta.example".to_owned(), ..manifest("acme") };
        let both = Catalogue::of([&claims].into_iter(), Some(&routed));
        assert_eq!(both.by_host("zeta.example").map(|of| of.id.as_str()), Some("zeta"));
    }

    proptest! {
        #[test]
        fn pages_have_everybody_once_and_in_order(ids in prop::collection::btree_set("[a-z]{1,4}", 0..40), limit in 1..9_usize) {
            let of = manifest("acme");
            let manifests: Vec<Manifest> = ids.iter().map(|id| Manifest { set: id.clone(), ..of.clone() }).collect();
            let all = Catalogue::of(manifests.iter(), None);
            let (mut seen, mut after) = (Vec::new(), None);
            for _ in 0..=ids.len() {
                let (page, next) = all.page(&Wanted { after, limit, ..Wanted::default() });
                prop_assert!(page.len() <= limit && (page.len() == limit || next.is_none()));
                seen.extend(page.iter().map(|tenant| tenant.id.clone()));
                after = next.map(str::to_owned);
                if after.is_none() { break }
            }
            prop_assert_eq!(seen, ids.into_iter().collect::<Vec<_>>());
        }
    }
}
