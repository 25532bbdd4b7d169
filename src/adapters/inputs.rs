//! Files of the repository that tidegate writes: Terraform's inputs, `DIR/FLEET/fleet.auto.tfvars.json` and, for further
//! cells of a fleet, `DIR/FLEET.CELL/fleet.auto.tfvars.json`; and the lines of tenants in fleet.yaml.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::domain::provisioning::FILE;
use crate::ports::{Fault, InputsReader, InputsWriter, ManifestWriter, PortError, PortResult};

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
    async fn write(&self, folder: &str, bytes: &[u8]) -> PortResult<()> {
        let folder = self.folder.join(folder);
        let (file, beside) = (folder.join(FILE), folder.join(format!("{FILE}.new")));
        let written = async {
            tokio::fs::create_dir_all(&folder).await?;
            tokio::fs::write(&beside, bytes).await?;
            tokio::fs::rename(&beside, &file).await
        };
        written.await.map_err(|error| self.failed(&file, &error))
    }
}

/// fleet.yaml and the files that it includes, by their names as paths.
#[derive(Clone, Copy, Debug)]
pub struct ManifestFiles;

#[async_trait]
impl ManifestWriter for ManifestFiles {
    async fn replace(&self, name: &str, was: &[u8], bytes: &[u8]) -> PortResult<()> {
        let failed = |error: io::Error| PortError::new(Fault::Unavailable, name, error);
        if tokio::fs::read(name).await.map_err(failed)? != was {
            return Err(PortError::new(Fault::Conflict, name, "somebody else has changed it meanwhile"));
        }
        let beside = format!("{name}.new");
        tokio::fs::write(&beside, bytes).await.map_err(failed)?;
        tokio::fs::rename(&beside, name).await.map_err(failed)
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
        files.write("dev", b"one").await.unwrap();
        files.write("dev", b"two").await.unwrap();
        tokio::fs::write(folder.path().join("README.md"), "beside").await.unwrap();
        tokio::fs::create_dir(folder.path().join("empty")).await.unwrap();
        assert_eq!(files.committed().await.unwrap(), BTreeMap::from([("dev".to_owned(), b"two".to_vec())]));
        assert_eq!(std::fs::read_dir(folder.path().join("dev")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_file_that_was_changed_meanwhile_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.yaml").display().to_string();
        tokio::fs::write(&path, b"one").await.unwrap();
        let late = ManifestFiles.replace(&path, b"none", b"two").await.unwrap_err();
        assert_eq!((late.fault, tokio::fs::read(&path).await.unwrap()), (Fault::Conflict, b"one".to_vec()));
        ManifestFiles.replace(&path, b"one", b"two").await.unwrap();
        assert_eq!(tokio::fs::read(&path).await.unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_mistyped_folder_is_no_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let told = InputFiles::below(&folder.path().join("env")).unwrap_err();
        assert!(told.ends_with("is no folder; name the one with Terraform's roots with --dir"), "{told}");
    }
}
