//! `tenants`: what fleet.yaml says of tenants, one more of them, and the inputs that Terraform makes their things from.
//!
//! Works on files of the repository alone: it asks neither AWS nor GitHub, and the check gets nothing to write with.

use std::collections::BTreeMap;

use super::{Stop, fleet};
use crate::domain::fleet::{Application, Fleet, ServiceSet};
use crate::domain::ids::{FleetName, SetId};
use crate::domain::manifest::{Edit, NewTenant, Source, edit, read};
use crate::domain::provisioning::{Place, difference, export, folder_of, place_of};
use crate::domain::quota::beyond;
use crate::domain::reason::Reason;
use crate::ports::{InputsReader, InputsWriter, ManifestWriter};

/// The inputs of one fleet in one cell: what they should be, and how the committed file differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Which fleet.
    pub fleet: FleetName,
    /// The folder of its file.
    pub folder: String,
    /// What the file should be.
    pub bytes: Vec<u8>,
    /// Every place at which the committed file differs; none if it is current.
    pub differences: Vec<String>,
}

/// A tenant and where it is found.
#[derive(Clone, Debug)]
pub struct Tenant<'a> {
    /// Its fleet.
    pub fleet: &'a Fleet,
    /// It.
    pub set: &'a ServiceSet,
    /// Its shard and slot; none before its first export.
    pub place: Option<Place>,
}

/// What an export would write, for every fleet in the order of promotion. Writes nothing.
///
/// # Errors
/// Every reason why there is no export.
pub async fn look(application: &Application, inputs: &dyn InputsReader) -> Result<Vec<Export>, Stop> {
    let beyond = beyond(application);
    if !beyond.is_empty() {
        return Err(Stop::Refused(beyond));
    }
    let committed = inputs.committed().await?;
    let exported = export(application, &committed).map_err(Stop::Refused)?;
    let folders = application.fleets.iter().flat_map(|fleet| fleet.cells.iter().map(|cell| folder_of(fleet, cell)));
    let found = folders.filter_map(|folder| exported.get(&folder).map(|inputs| (folder, inputs)));
    let exports = found.map(|(folder, inputs)| {
        let bytes = inputs.bytes();
        let differences = difference(committed.get(&folder).map(Vec::as_slice), &bytes);
        Export { fleet: inputs.fleet.clone(), folder, bytes, differences }
    });
    Ok(exports.collect())
}

/// Writes the inputs of every fleet that are not current. Of one fleet that is refused, none is written.
///
/// # Errors
/// As for [`look`], or a file could not be written.
pub async fn write(
    application: &Application,
    inputs: &dyn InputsReader,
    writer: &dyn InputsWriter,
) -> Result<Vec<Export>, Stop> {
    let exports = look(application, inputs).await?;
    for export in exports.iter().filter(|export| !export.differences.is_empty()) {
        writer.write(&export.folder, &export.bytes).await?;
    }
    Ok(exports)
}

/// Adds a tenant: its line in the file of this number, and its place in Terraform's inputs. Asked for again, it goes on
/// with what is missing. Nothing is written unless both can be.
///
/// # Errors
/// The id is or was somebody's, the line cannot be added or would be wrong, or as for [`look`].
pub async fn add<F: InputsReader + InputsWriter>(
    sources: &[Source],
    new: &NewTenant,
    file: usize,
    files: &F,
    manifest: &dyn ManifestWriter,
) -> Result<Added, Stop> {
    let before = read(sources).map_err(|problems| Reason::WouldNotCheck { problems: problems.to_string() })?;
    if let Some(tombstone) = before.removed.get(&new.id) {
        return Err(Reason::TenantWasRemoved { set: new.id.clone(), on: tombstone.on }.into());
    }
    let there = before.fleets.iter().find(|fleet| fleet.set(&new.id).is_some());
    let edited = match there {
        Some(fleet) if new.is(fleet) => None,
        Some(fleet) => return Err(Reason::TenantThere { fleet: fleet.name.clone(), set: new.id.clone() }.into()),
        None => {
            fleet(&before, &new.fleet)?;
            Some(edit(sources, &Edit::Add(new, file))?)
        }
    };
    let application = edited.as_ref().map_or(&before, |edited| &edited.application);
    look(application, files).await?;
    if let Some((edited, source)) = edited.as_ref().and_then(|edited| Some((edited, sources.get(edited.file)?))) {
        manifest.replace(&source.name, &source.bytes, &edited.bytes).await?;
    }
    let exports = write(application, files, files).await?;
    let added = application.fleet(&new.fleet).and_then(|fleet| Some((fleet, fleet.set(&new.id)?)));
    let committed = files.committed().await?;
    let place = added.map(|(fleet, set)| place_of(&committed, fleet, &set.cell, &set.id)).transpose()?.flatten();
    let file = edited.as_ref().and_then(|edited| sources.get(edited.file)).map(|source| source.name.clone());
    Ok(Added { file, place, exports })
}

/// What adding a tenant wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The file that has its line now; none if it had it before.
    pub file: Option<String>,
    /// Its shard and slot.
    pub place: Option<Place>,
    /// The inputs of every fleet.
    pub exports: Vec<Export>,
}

/// The tenants of one fleet or of all, in the order of fleets and ids.
///
/// # Errors
/// There is no such fleet, or committed inputs cannot be read.
pub async fn list<'a>(
    application: &'a Application,
    inputs: &dyn InputsReader,
    only: Option<&FleetName>,
) -> Result<Vec<Tenant<'a>>, Stop> {
    if let Some(name) = only {
        super::fleet(application, name)?;
    }
    let committed: BTreeMap<String, Vec<u8>> = inputs.committed().await?;
    let mut found = Vec::new();
    for fleet in application.fleets.iter().filter(|fleet| only.is_none_or(|name| name == &fleet.name)) {
        for set in fleet.sets.iter().filter(|set| !set.id.is_control_plane()) {
            let place = place_of(&committed, fleet, &set.cell, &set.id)?;
            found.push(Tenant { fleet, set, place });
        }
    }
    Ok(found)
}

/// One tenant; an id is in one fleet only.
///
/// # Errors
/// As for [`list`], or fleet.yaml has no such tenant.
pub async fn show<'a>(application: &'a Application, inputs: &dyn InputsReader, id: &SetId) -> Result<Tenant<'a>, Stop> {
    let all = list(application, inputs, None).await?;
    all.into_iter().find(|tenant| &tenant.set.id == id).ok_or_else(|| Stop::NoSuchTenantAnywhere(id.clone()))
}
