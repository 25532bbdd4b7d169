//! What somebody asks for by hand: in the inputs of `workflow_dispatch`, or in the `client_payload` of a
//! `repository_dispatch`, which is the same from another repository.

use std::collections::BTreeSet;

use super::payload::{BadEvent, Payload};
use crate::domain::ids::{FleetName, SetId, Version};

/// What somebody asked for by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// What to do.
    pub verb: Verb,
    /// Where.
    pub fleet: FleetName,
    /// The version, if one is named.
    pub version: Option<Version>,
    /// The tenants, if some are named.
    pub tenants: BTreeSet<SetId>,
    /// Why, for the records.
    pub why: String,
    /// Who.
    pub by: String,
}

/// What can be asked for by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Take back.
    Rollback,
    /// Go on.
    Continue,
    /// Accept what the gates could not decide, and go on.
    Accept,
    /// Release what succeeded in the fleet before.
    Promote,
    /// Let nothing go forward.
    Hold,
    /// Lift that.
    Unhold,
    /// End the open rollout.
    Abort,
    /// Put tenants, or all of them, to sleep.
    Pause,
    /// Wake them.
    Resume,
}

const VERBS: [(&str, Verb); 9] = [
    ("rollback", Verb::Rollback),
    ("continue", Verb::Continue),
    ("continue --accept", Verb::Accept),
    ("promote", Verb::Promote),
    ("hold", Verb::Hold),
    ("unhold", Verb::Unhold),
    ("abort", Verb::Abort),
    ("pause", Verb::Pause),
    ("resume", Verb::Resume),
];

/// Reads what is asked for below the field `inputs` of the payload.
///
/// # Errors
/// A field is missing or not of its kind; what it can be is said.
pub(super) fn dispatch(payload: &Payload<'_>, inputs: &str) -> Result<Dispatch, BadEvent> {
    let asked = payload.text(&[inputs, "command"])?;
    let verb = VERBS.iter().find(|(name, _)| *name == asked).map(|(_, verb)| *verb).ok_or_else(|| {
        let known: Vec<&str> = VERBS.iter().map(|(name, _)| *name).collect();
        payload.bad(&format!("`command` is `{}`; it can be {}", asked.escape_debug(), known.join(", ")))
    })?;
    let (version, why) = (payload.optional(&[inputs, "version"]), payload.optional(&[inputs, "why"]));
    if verb == Verb::Accept && why.is_none() {
        return Err(payload.bad("`continue --accept` without `why`; say why it is good enough"));
    }
    Ok(Dispatch {
        verb,
        fleet: payload.parsed(&[inputs, "fleet"])?,
        version: version.map(|text| payload.parse(&[inputs, "version"], text)).transpose()?,
        tenants: tenants(payload, inputs)?,
        why: why.unwrap_or("no reason given").to_owned(),
        by: payload.text(&["sender", "login"])?.to_owned(),
    })
}

/// Ids with commas or blanks between them.
fn tenants(payload: &Payload<'_>, inputs: &str) -> Result<BTreeSet<SetId>, BadEvent> {
    let path = [inputs, "tenants"];
    let named = payload.optional(&path).unwrap_or_default();
    let ids = named.split(|c: char| c == ',' || c.is_whitespace()).filter(|id| !id.is_empty());
    ids.map(|id| payload.parse(&path, id)).collect()
}
