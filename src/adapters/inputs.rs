//! Terraform's inputs as files of the repository: `DIR/FLEET/fleet.auto.tfvars.json`.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::domain::ids::FleetName;
use crate::domain::provisioning::FILE;
use crate::ports::{Fault, InputsReader, InputsWriter, PortError, PortResult};

/// The folder with a folder for each fleet.
#[derive(Clone, Debug)]
pub struct InputFiles {
    folder: PathBuf,
}

impl InputFiles {
    /// The files below this folder.
    ///
    /// # Errors
    /// It is no folder, in words for a person: an export into a mistyped one would give every tenant a new slot.
    pub fn below(folder: &Path) -> Result<Self, String> {
        if folder.is_dir() {
            return Ok(Self { folder: folder.to_owned() });
        }
        Err(format!("{} is no folder; name the one with Terraform's roots with --dir", folder.display()))
    }

    fn failed(&self, path: &Path, error: &io::Error) -> PortError {
        PortError::new(Fault::Unavailable, path.display(), error)
    }
}

#[async_trait]
impl InputsReader for InputFiles {
    async fn committed(&self) -> PortResult<BTreeMap<String, Vec<u8>>> {
        let mut folders = tokio::fs::read_dir(&self.folder).await.map_err(|error| self.failed(&self.folder, &error))?;
        let mut found = BTreeMap::new();
        while let Some(entry) = folders.next_entry().await.map_err(|error| self.failed(&self.folder, &error))? {
            let file = entry.path().join(FILE);
            match tokio::fs::read(&file).await {
                Ok(bytes) => drop(found.insert(entry.file_name().to_string_lossy().into_owned(), bytes)),
                // A folder without inputs, or a file beside the folders.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(error) => return Err(self.failed(&file, &error)),
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl InputsWriter for InputFiles {
    /// All of it or nothing: beside the file first, under a name that Terraform does not read, then in its place.
    async fn write(&self, fleet: &FleetName, bytes: &[u8]) -> PortResult<()> {
        let folder = self.folder.join(fleet.as_str());
        let (file, beside) = (folder.join(FILE), folder.join(format!("{FILE}.new")));
        let written = async {
            tokio::fs::create_dir_all(&folder).await?;
            tokio::fs::write(&beside, bytes).await?;
            tokio::fs::rename(&beside, &file).await
        };
        written.await.map_err(|error| self.failed(&file, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_what_is_read_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let files = InputFiles::below(folder.path()).unwrap();
        assert_eq!(files.committed().await.unwrap(), BTreeMap::new());
        files.write(&"dev".parse().unwrap(), b"one").await.unwrap();
        files.write(&"dev".parse().unwrap(), b"two").await.unwrap();
        tokio::fs::write(folder.path().join("README.md"), "beside").await.unwrap();
        tokio::fs::create_dir(folder.path().join("empty")).await.unwrap();
        assert_eq!(files.committed().await.unwrap(), BTreeMap::from([("dev".to_owned(), b"two".to_vec())]));
        assert_eq!(std::fs::read_dir(folder.path().join("dev")).unwrap().count(), 1);
    }

    #[test]
    fn a_mistyped_folder_is_no_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let told = InputFiles::below(&folder.path().join("env")).unwrap_err();
        assert!(told.ends_with("is no folder; name the one with Terraform's roots with --dir"), "{told}");
    }
}
