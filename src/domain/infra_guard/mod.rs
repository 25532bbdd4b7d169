//! What stands between a plan of Terraform's and its apply: whether something of value would be lost.
//!
//! `prevent_destroy` alone does not hold: it is part of the block that it protects, and goes with it (measured: a
//! module's block taken out destroys what it protects, without an error). A plan shows what will really happen, so
//! the plan is what is judged, and an approval is of one plan.
//!
//! What is not known is refused: an action, a shape, a kind of resource that nobody has thought about.

mod address;
mod approval;
mod holding;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::ids::ContentHash;
use super::reason::Reason;

pub use address::printable;
pub use approval::{Approval, approval_schema};
pub use holding::is_known;
pub use plan::How;

/// What sends a tenant's requests to its tasks, or answers in their place.
const ROUTE: &str = "aws_lb_listener_rule";

/// What a plan would lose, and whether it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// SHA-256 of the plan file.
    pub plan: ContentHash,
    /// What would be lost, by address.
    pub losses: Vec<Loss>,
    /// Tenants that would be lost.
    pub tenants: BTreeSet<String>,
    /// Why it may not be applied; none if it may.
    pub refused: Vec<Reason>,
}

/// A thing that would be lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// Its address; of an old copy with its key.
    pub address: String,
    /// Its type.
    pub kind: String,
    /// What it is called at AWS, if the plan says so.
    pub called: Option<String>,
    /// How it is lost.
    pub how: How,
    /// What is lost with it; none if it holds nothing and only its tenant makes it count.
    pub what: Option<&'static str>,
    /// The tenant that is lost with it.
    pub tenant: Option<String>,
}

/// Judges a plan: the bytes that `terraform show -json` printed, and on this day those of an approval file.
///
/// # Errors
/// Every reason why the plan or the approval cannot be read. Whether it may be applied is in the verdict.
pub fn judge(plan: &[u8], approval: Option<&[u8]>, today: Date) -> Result<Verdict, Vec<Reason>> {
    let approval = approval.map(Approval::read).transpose();
    let seen = match (plan::read(plan), &approval) {
        (Ok(seen), Ok(_)) => seen,
        (Ok(_), Err(reason)) => return Err(vec![reason.clone()]),
        (Err(mut reasons), approval) => {
            reasons.extend(approval.as_ref().err().cloned());
            return Err(reasons);
        }
    };
    let digest = ContentHash::of(plan);
    let losses = losses(&seen);
    let tenants = losses.iter().filter_map(|loss| loss.tenant.clone()).collect();
    let mut refused = still_served(&losses);
    if !losses.is_empty() {
        let lost: BTreeSet<&str> = losses.iter().map(|loss| loss.address.as_str()).collect();
        match approval.ok().flatten() {
            Some(approval) => refused.extend(approval.against(&digest, &lost, today)),
            None => refused.push(Reason::LossNotApproved { things: things(lost.len()) }),
        }
    }
    Ok(Verdict { plan: digest, losses, tenants, refused })
}

/// Tenants that go together with their routes. Whoever is offboarding has none any more, so these are tenants whose line
/// vanished; that is refused whatever is approved.
fn still_served(losses: &[Loss]) -> Vec<Reason> {
    let routes = losses.iter().filter(|loss| loss.kind == ROUTE);
    let tenants: BTreeSet<&String> = routes.filter_map(|loss| loss.tenant.as_ref()).collect();
    tenants.into_iter().map(|tenant| Reason::StillServed { set: printable(tenant) }).collect()
}

/// Everything of value that goes, and everything of a tenant that goes.
fn losses(seen: &plan::Seen) -> Vec<Loss> {
    let of_tenants: BTreeMap<&str, String> = seen
        .lost_tenants()
        .into_iter()
        .flat_map(|(tenant, things)| things.into_iter().map(move |thing| (thing.address.as_str(), tenant.clone())))
        .collect();
    let loss = |thing: &plan::Gone| {
        let (what, tenant) = (holding::value_of(&thing.kind), of_tenants.get(thing.address.as_str()).cloned());
        (what.is_some() || tenant.is_some()).then(|| Loss {
            address: thing.address.clone(),
            kind: thing.kind.clone(),
            called: thing.called.clone(),
            how: thing.how,
            what,
            tenant,
        })
    };
    let mut losses: Vec<Loss> = seen.gone.iter().filter_map(loss).collect();
    losses.sort();
    losses
}

fn things(number: usize) -> String {
    if number == 1 { "1 thing".to_owned() } else { format!("{number} things") }
}
