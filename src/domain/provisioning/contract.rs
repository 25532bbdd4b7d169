//! What fleet.yaml allows and Terraform's contract does not: told here, in words, before a plan fails on it.
//!
//! Each rule is one of `schema/tenant-inputs.schema.json`; everything else there is held by a type or by `manifest`.

use std::collections::BTreeSet;

use super::inputs::Inputs;
use crate::domain::ids::FleetName;
use crate::domain::reason::Reason;

/// A condition of an ALB's rule takes host names up to this length (ELB API, `HostHeaderConditionConfig`).
const HOST_MAX: usize = 128;

/// Every value that the contract does not allow.
pub(super) fn problems(inputs: &Inputs) -> Vec<Reason> {
    let mut found = Vec::new();
    let mut add = |what: &str, why: &str| found.push(outside(&inputs.fleet, what, why));
    for (what, region) in [("cells.region", &inputs.region), ("the registry's cell", &inputs.registry.region)] {
        if !is_region(region) {
            add(what, &format!("`{}` is no Region such as eu-west-1", region.escape_debug()));
        }
    }
    let clusters: BTreeSet<&String> = inputs.clusters.iter().collect();
    if clusters.len() != inputs.clusters.len() {
        add("cells.clusters", "a cluster stands twice");
    }
    for (id, tenant) in &inputs.tenants {
        if tenant.host.len() > HOST_MAX {
            let why = format!("its host has {} characters, and a load balancer takes {HOST_MAX}", tenant.host.len());
            add(id.as_str(), &why);
        }
    }
    found
}

/// The reason for a value that the contract does not allow.
pub(super) fn outside(fleet: &FleetName, what: &str, why: &str) -> Reason {
    Reason::OutsideTheContract { fleet: fleet.clone(), what: what.to_owned(), why: why.to_owned() }
}

/// `eu-west-1`, `us-gov-east-1`: two letters, words, one digit.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [area, words @ .., number] = parts.as_slice() else { return false };
    let letters = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    area.len() == 2
        && letters(area)
        && !words.is_empty()
        && words.iter().all(letters)
        && number.len() == 1
        && number.bytes().all(|b| b.is_ascii_digit())
}
