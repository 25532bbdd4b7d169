//! Sealed licences as files of the repository: `DIR/FLEET/TENANT.json`. They hold no secret; who may have which is the
//! licensing service's business.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::domain::ids::{FleetName, SetId};
use crate::domain::licence::Place;
use crate::ports::{Fault, LicencesReader, LicencesWriter, PortError, PortResult};

/// The folder with a folder for each fleet. It need not be there before the first licence.
#[derive(Clone, Debug)]
pub struct LicenceFiles {
    folder: PathBuf,
}

impl LicenceFiles {
    /// The files below this folder.
    pub fn below(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    async fn of_fleet(&self, fleet: &FleetName, found: &mut BTreeMap<Place, Vec<u8>>) -> io::Result<()> {
        let mut files = tokio::fs::read_dir(self.folder.join(fleet.as_str())).await?;
        while let Some(file) = files.next_entry().await? {
            let name = file.file_name().to_string_lossy().into_owned();
            // What has another name is not ours.
            let Some(set) = name.strip_suffix(".json").and_then(|id| id.parse::<SetId>().ok()) else { continue };
            found.insert((fleet.clone(), set), tokio::fs::read(file.path()).await?);
        }
        Ok(())
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> PortError {
    move |error| PortError::new(Fault::Unavailable, path.display(), error)
}

#[async_trait]
impl LicencesReader for LicenceFiles {
    async fn sealed(&self) -> PortResult<BTreeMap<Place, Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut fleets = match tokio::fs::read_dir(&self.folder).await {
            Ok(fleets) => fleets,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(failed(&self.folder)(error)),
        };
        while let Some(entry) = fleets.next_entry().await.map_err(failed(&self.folder))? {
            let Ok(fleet) = entry.file_name().to_string_lossy().parse::<FleetName>() else { continue };
            if entry.file_type().await.map_err(failed(&entry.path()))?.is_dir() {
                self.of_fleet(&fleet, &mut found).await.map_err(failed(&entry.path()))?;
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl LicencesWriter for LicenceFiles {
    /// All of it or nothing: beside the file first, then in its place.
    async fn keep(&self, fleet: &FleetName, set: &SetId, bytes: &[u8]) -> PortResult<()> {
        let folder = self.folder.join(fleet.as_str());
        let (file, beside) = (folder.join(format!("{set}.json")), folder.join(format!("{set}.json.new")));
        let written = async {
            tokio::fs::create_dir_all(&folder).await?;
            tokio::fs::write(&beside, bytes).await?;
            tokio::fs::rename(&beside, &file).await
        };
        written.await.map_err(failed(&file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_found_and_what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let files = LicenceFiles::below(&folder.path().join("licenses"));
        assert_eq!(files.sealed().await.unwrap(), BTreeMap::new(), "before the first");
        let place: Place = ("prod".parse().unwrap(), "globex".parse().unwrap());
        files.keep(&place.0, &place.1, b"one").await.unwrap();
        files.keep(&place.0, &place.1, b"two").await.unwrap();
        let prod = folder.path().join("licenses/prod");
        for other in ["README.md", "Not A Tenant.json", "globex.json.new"] {
            tokio::fs::write(prod.join(other), "x").await.unwrap();
        }
        assert_eq!(files.sealed().await.unwrap(), BTreeMap::from([(place, b"two".to_vec())]));
        tokio::fs::remove_dir_all(folder.path().join("licenses")).await.unwrap();
        tokio::fs::write(folder.path().join("licenses"), "a file").await.unwrap();
        assert!(files.sealed().await.is_err(), "what cannot be read is not nothing");
    }
}
