//! `license`: issues what fleet.yaml says of licences, shows and verifies what is kept, and replaces the key that signs.
//!
//! Works on files of the repository alone: it asks neither AWS nor GitHub. Nothing is written unless all of it can be.

use std::collections::BTreeMap;

use accessos_licensing::{Expected, Licence, Refusal, TrustedKeys, claimed, open, verify};
use accessos_routing::SigningKey;
use jiff::Timestamp;

use super::{Stop, fleet};
use crate::domain::fleet::{Application, Fleet, ServiceSet};
use crate::domain::ids::{FleetName, SetId};
use crate::domain::licence::{self, Issued, Place};
use crate::domain::reason::Reason;
use crate::ports::{LicencesReader, LicencesWriter};

/// Issues the licences of one fleet or of all, or of some tenants of them.
///
/// # Errors
/// There is no such fleet or tenant, or no licence can be issued.
pub async fn issue<F: LicencesReader + LicencesWriter>(
    application: &Application,
    only: (Option<&FleetName>, &[SetId]),
    key: &SigningKey,
    now: Timestamp,
    files: &F,
) -> Result<BTreeMap<Place, Issued>, Stop> {
    let (fleet_name, ids) = only;
    if let Some(name) = fleet_name {
        fleet(application, name)?;
    }
    let of_fleet = |fleet: &&Fleet| fleet_name.is_none_or(|name| name == &fleet.name);
    let fleets: Vec<&Fleet> = application.fleets.iter().filter(of_fleet).collect();
    if let Some(id) = ids.iter().find(|id| !fleets.iter().any(|fleet| fleet.set(id).is_some())) {
        return Err(Stop::NoSuchTenantAnywhere(id.clone()));
    }
    let wanted = |set: &&ServiceSet| !set.id.is_control_plane() && (ids.is_empty() || ids.contains(&set.id));
    let tenants = fleets.iter().flat_map(|fleet| fleet.sets.iter().filter(wanted).map(|set| (*fleet, set)));
    let issued = licence::issue(application, tenants, &files.sealed().await?, key, now).map_err(Stop::Refused)?;
    write(&issued, files).await?;
    Ok(issued)
}

/// Signs everything that is kept with another key.
///
/// # Errors
/// Something that is kept was signed by neither key.
pub async fn rotate<F: LicencesReader + LicencesWriter>(
    old: &TrustedKeys,
    new: &SigningKey,
    now: Timestamp,
    files: &F,
) -> Result<BTreeMap<Place, Issued>, Stop> {
    let issued = licence::rotate(&files.sealed().await?, old, new, now).map_err(Stop::Refused)?;
    write(&issued, files).await?;
    Ok(issued)
}

async fn write(issued: &BTreeMap<Place, Issued>, files: &dyn LicencesWriter) -> Result<(), Stop> {
    for ((fleet, set), issued) in issued {
        if let Issued::New(_, sealed) = issued {
            files.keep(fleet, set, sealed).await?;
        }
    }
    Ok(())
}

/// A tenant's licence as it is kept, whoever signed it, and the ids of the keys that it names.
///
/// # Errors
/// There is no such tenant, nothing is kept of it, or what is kept is no licence.
pub async fn show<'a>(
    application: &'a Application,
    id: &SetId,
    files: &dyn LicencesReader,
) -> Result<(&'a Fleet, &'a ServiceSet, Licence, Vec<String>), Stop> {
    let (of, set) = tenant(application, id)?;
    let unusable = |why: String| unusable(of, id, why);
    let kept = files.sealed().await?.remove(&(of.name.clone(), id.clone()));
    let (licence, keys) = claimed(&kept.ok_or_else(|| unusable("none is kept".to_owned()))?)
        .map_err(|told| unusable(told.to_string()))?;
    Ok((of, set, licence, keys))
}

/// What a tenant would find of its licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts, and was signed by this key.
    Counts(Licence, String),
    /// It does not, for all of these reasons.
    Refused(Vec<Refusal>),
}

/// What a tenant would find of its licence at a time: of these bytes, else of what is kept. `seen` is the last one that
/// counted for it.
///
/// # Errors
/// There is no such tenant, nothing is kept of it, or no trusted key signed what it has seen.
pub async fn check(
    application: &Application,
    id: &SetId,
    given: (Option<&[u8]>, Option<&[u8]>),
    trusted: &TrustedKeys,
    now: Timestamp,
    files: &dyn LicencesReader,
) -> Result<Verdict, Stop> {
    let (of, _) = tenant(application, id)?;
    let unusable = |why: String| unusable(of, id, why);
    let bytes = match given.0 {
        Some(bytes) => bytes.to_vec(),
        None => {
            let kept = files.sealed().await?.remove(&(of.name.clone(), id.clone()));
            kept.ok_or_else(|| unusable("none is kept".to_owned()))?
        }
    };
    let seen = given.1.map(|seen| open(seen, trusted)).transpose();
    let seen = seen.map_err(|told| unusable(format!("what was seen before: {told}")))?.map(|(licence, _)| licence);
    let (app, fleet) = (application.name.to_string(), of.name.to_string());
    let expected = Expected { app: &app, fleet: &fleet, tenant: id.as_str(), seen: seen.as_ref(), now };
    Ok(match verify(&bytes, trusted, expected) {
        Ok((licence, key)) => Verdict::Counts(licence, key.to_string()),
        Err(refusals) => Verdict::Refused(refusals),
    })
}

fn tenant<'a>(application: &'a Application, id: &SetId) -> Result<(&'a Fleet, &'a ServiceSet), Stop> {
    let found = application.fleets.iter().find_map(|fleet| Some((fleet, fleet.set(id)?)));
    found.filter(|_| !id.is_control_plane()).ok_or_else(|| Stop::NoSuchTenantAnywhere(id.clone()))
}

fn unusable(of: &Fleet, id: &SetId, why: String) -> Stop {
    Reason::LicenceUnusable { fleet: of.name.clone(), set: id.clone(), why }.into()
}
