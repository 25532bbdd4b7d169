//! What Terraform has to know of fleet.yaml, as a file that is committed: the inputs of one fleet.
//!
//! Why not let Terraform read fleet.yaml: its `yamldecode` is YAML 1.1 and reads other values than we do. So there is
//! one reader, here, and what it read is written down in the shape of `schema/tenant-inputs.schema.json` (1), which
//! `infra/stack/fleet` takes as its variable.
//!
//! Shards and slots are given here and kept in that very file: they are in names and in priorities of rules on load
//! balancers, so a tenant whose slot moved would lose its routes for a moment. Hence the file that is replaced is an
//! input, and nothing that it says about a tenant is ever dropped unless the tenant was on its way out.

mod contract;
mod difference;
mod inputs;
mod shards;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::fleet::{Application, Fleet, ServiceSet, SetState};
use super::ids::{FleetName, SetId};
use super::reason::Reason;
use super::service::{Service, ServiceGraph};

pub use difference::difference;
pub use inputs::{Inputs, Kind, Registry, ServiceInput, TenantInput};
pub use shards::{Place, TENANTS_IN_A_SHARD};

/// Name of the file in `DIR/FLEET/`. Terraform reads every `*.auto.tfvars.json` of a root by itself.
pub const FILE: &str = "fleet.auto.tfvars.json";

/// The tier of a tenant for which fleet.yaml names none.
const TIER: &str = "standard";

/// The inputs of every fleet, by fleet, from what is committed now: by fleet (the folder's name), the file's bytes.
///
/// # Errors
/// Every reason at once: a committed file that cannot be read or is of something else, a tenant or a fleet that
/// vanished, values that Terraform's contract does not allow.
pub fn export(
    app: &Application,
    committed: &BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<FleetName, Inputs>, Vec<Reason>> {
    let mut reasons = gone(app, committed);
    let mut exported = BTreeMap::new();
    for fleet in &app.fleets {
        let before = committed.get(fleet.name.as_str()).map(|bytes| Inputs::read(fleet.name.as_str(), bytes));
        match before.transpose().map_err(|reason| vec![reason]).and_then(|before| inputs(app, fleet, before.as_ref())) {
            Ok(inputs) => drop(exported.insert(fleet.name.clone(), inputs)),
            Err(more) => reasons.extend(more),
        }
    }
    if reasons.is_empty() { Ok(exported) } else { Err(reasons) }
}

/// Where a tenant is, by the committed file of its fleet; none while it is not exported.
///
/// # Errors
/// The file cannot be read.
pub fn place_of(
    committed: &BTreeMap<String, Vec<u8>>,
    fleet: &FleetName,
    tenant: &SetId,
) -> Result<Option<Place>, Reason> {
    let Some(bytes) = committed.get(fleet.as_str()) else { return Ok(None) };
    Ok(Inputs::read(fleet.as_str(), bytes)?.tenants.get(tenant).map(TenantInput::place))
}

/// Fleets whose inputs are there and that fleet.yaml does not have any more.
fn gone(app: &Application, committed: &BTreeMap<String, Vec<u8>>) -> Vec<Reason> {
    let there = |name: &str| app.fleets.iter().any(|fleet| fleet.name.as_str() == name);
    let gone = committed.keys().filter(|name| !there(name));
    gone.map(|name| Reason::FleetVanished { fleet: name.escape_default().to_string() }).collect()
}

/// The inputs of one fleet.
///
/// # Errors
/// Every reason at once.
pub fn inputs(app: &Application, fleet: &Fleet, before: Option<&Inputs>) -> Result<Inputs, Vec<Reason>> {
    let [cell] = fleet.cells.as_slice() else {
        let cells = fleet.cells.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(vec![Reason::SeveralCells { fleet: fleet.name.clone(), cells }]);
    };
    let (Some(cell), Some(registry)) = (app.cells.get(cell), app.cells.get(&app.images.cell)) else {
        return Err(vec![contract::outside(&fleet.name, "cells", "the fleet's cell or the registry's is not there")]);
    };
    let tenants = || fleet.sets.iter().filter(|set| !set.id.is_control_plane());
    let mut reasons = vanished(app, fleet, before);
    let places = shards::places(tenants().map(|set| &set.id), before);
    let (shards, places) = places.unwrap_or_else(|| {
        reasons.push(contract::outside(&fleet.name, "tenants", "there is no number left for another shard"));
        (Vec::new(), BTreeMap::new())
    });
    let tenant = |set: &ServiceSet| Some((set.id.clone(), tenant(set, places.get(&set.id)?)));
    let inputs = Inputs {
        schema: inputs::SCHEMA,
        app: app.name.clone(),
        fleet: fleet.name.clone(),
        domain: fleet.domain.clone(),
        cell: cell.name.clone(),
        account_id: cell.account.clone(),
        region: cell.region.clone(),
        clusters: cell.clusters.clone(),
        registry: Registry { account_id: registry.account.clone(), region: registry.region.clone() },
        routing_keys: keys(fleet),
        shards,
        services: services(app, &app.services),
        control_plane: app.control_plane.as_ref().map(|graph| services(app, graph)).unwrap_or_default(),
        tenants: tenants().filter_map(tenant).collect(),
    };
    reasons.extend(before.and_then(|before| moved(&inputs, before)));
    reasons.extend(contract::problems(&inputs));
    if reasons.is_empty() { Ok(inputs) } else { Err(reasons) }
}

/// The public keys that sign the fleet's routing snapshot.
fn keys(fleet: &Fleet) -> Vec<String> {
    let routing = fleet.routing.iter();
    routing.flat_map(|routing| routing.keys.all()).map(ToString::to_string).collect()
}

/// Tenants that are in the committed file and not in fleet.yaml. Only one that was `offboarding` may go, and only with
/// a tombstone in the place of its line: its routes are gone, nothing runs, and what must be kept has been exported.
fn vanished(app: &Application, fleet: &Fleet, before: Option<&Inputs>) -> Vec<Reason> {
    let gone = before.into_iter().flat_map(|before| &before.tenants).filter(|(id, _)| fleet.set(id).is_none());
    let has_tombstone = |id: &SetId| app.removed.get(id).is_some_and(|removed| removed.fleet == fleet.name);
    let early = gone.filter(|(id, tenant)| tenant.state != SetState::Offboarding || !has_tombstone(id));
    early
        .map(|(id, tenant)| Reason::TenantVanished {
            fleet: fleet.name.clone(),
            set: id.clone(),
            state: tenant.state.to_string(),
        })
        .collect()
}

/// A file that was written for something else: slots mean nothing there.
fn moved(now: &Inputs, before: &Inputs) -> Option<Reason> {
    let identity = |i: &Inputs| {
        format!("{}/{}/{}/{}/{}", i.app, i.fleet, i.cell, i.account_id.escape_debug(), i.region.escape_debug())
    };
    let (now_is, was) = (identity(now), identity(before));
    (now_is != was).then(|| Reason::InputsOfSomethingElse { fleet: now.fleet.clone(), was, now: now_is })
}

fn services(app: &Application, graph: &ServiceGraph) -> BTreeMap<super::ids::ServiceName, ServiceInput> {
    graph.iter().map(|service| (service.name.clone(), self::service(app, service))).collect()
}

fn service(app: &Application, service: &Service) -> ServiceInput {
    let kind = match (&service.http, service.role.is_task()) {
        (_, true) => Kind::Task,
        (None, false) => Kind::Worker,
        (Some(_), false) => Kind::Service,
    };
    ServiceInput {
        kind,
        port: service.http.as_ref().map(|http| http.port),
        health: service.http.as_ref().map(|http| http.health.clone()),
        repository: app.images.path(&service.name),
    }
}

fn tenant(set: &ServiceSet, place: &Place) -> TenantInput {
    TenantInput {
        shard: place.shard.clone(),
        slot: place.slot,
        cluster: set.cluster.clone(),
        state: set.state,
        tier: set.tier.clone().unwrap_or_else(|| TIER.to_owned()),
        host: set.host.clone(),
        rds: set.data.rds,
        evidence: set.data.evidence,
    }
}
