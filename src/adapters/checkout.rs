//! A repository's checkout, for what is put into it once, by hand.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::ports::{CheckoutReader, CheckoutWriter, Fault, PortError, PortResult};

/// How deep a Dockerfile is looked for, and how many are taken: more is no repository of services.
const DEPTH: usize = 4;
const DOCKERFILES_MAX: usize = 50;

/// Folders that hold other people's files.
const NOT_OURS: [&str; 4] = ["node_modules", "target", "vendor", "testdata"];

/// The checkout in a folder.
#[derive(Clone, Debug)]
pub struct Checkout {
    folder: PathBuf,
}

impl Checkout {
    /// The checkout in this folder.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn read_below(
        &self,
        folder: &Path,
        ending: &str,
        depth: usize,
        found: &mut BTreeMap<String, String>,
    ) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.is_dir() && !path.is_symlink() && !hidden && depth > 0 {
                self.read_below(&path, ending, depth - 1, found)?;
            } else if path.extension().is_some_and(|extension| extension == ending) {
                let inside = path.strip_prefix(&self.folder).unwrap_or(&path).to_string_lossy().into_owned();
                #[expect(clippy::disallowed_methods, reason = "this adapter's outside is a folder")]
                found.insert(inside, std::fs::read_to_string(&path)?);
            }
        }
        Ok(())
    }

    fn look(&self, folder: &Path, depth: usize, found: &mut Vec<String>) -> std::io::Result<()> {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        entries.sort();
        for path in entries {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let is_link = path.is_symlink();
            if name == "Dockerfile" && path.is_file() && found.len() < DOCKERFILES_MAX {
                let inside = folder.strip_prefix(&self.folder).unwrap_or(folder);
                found.push(inside.to_string_lossy().into_owned());
            } else if path.is_dir()
                && !is_link
                && depth > 0
                && !name.starts_with('.')
                && !NOT_OURS.contains(&name.as_str())
            {
                self.look(&path, depth - 1, found)?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl CheckoutReader for Checkout {
    async fn dockerfiles(&self) -> PortResult<Vec<String>> {
        let mut found = Vec::new();
        let failed =
            |error| PortError::new(Fault::Unavailable, format!("looking into {}", self.folder.display()), error);
        self.look(&self.folder, DEPTH, &mut found).map_err(failed)?;
        // One at the top builds the whole repository; it has no folder to be called by.
        found.retain(|folder| !folder.is_empty());
        Ok(found)
    }

    async fn texts(&self, folder: &str, ending: &str) -> PortResult<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        let failed = |error| PortError::new(Fault::Unavailable, format!("looking into {folder}"), error);
        match self.read_below(&self.folder.join(folder), ending, DEPTH, &mut found) {
            Ok(()) => Ok(found),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(found),
            Err(error) => Err(failed(error)),
        }
    }
}

#[async_trait]
impl CheckoutWriter for Checkout {
    async fn create(&self, path: &str, text: &str) -> PortResult<bool> {
        let file = self.folder.join(path);
        let failed = |error| PortError::new(Fault::Unavailable, format!("writing {}", file.display()), error);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        match std::fs::File::options().write(true).create_new(true).open(&file) {
            Ok(mut created) => created.write_all(text.as_bytes()).map_err(failed).map(|()| true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let checkout = Checkout::at(folder.path());
        assert!(checkout.create("a/b.yml", "one").await.unwrap());
        assert!(!checkout.create("a/b.yml", "two").await.unwrap());
        assert_eq!(tokio::fs::read_to_string(folder.path().join("a/b.yml")).await.unwrap(), "one");
    }

    #[tokio::test]
    async fn dockerfiles_of_others_are_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let checkout = Checkout::at(folder.path());
        for path in ["Dockerfile", "services/api/Dockerfile", "node_modules/x/Dockerfile", ".git/x/Dockerfile"] {
            checkout.create(path, "FROM scratch").await.unwrap();
        }
        assert_eq!(checkout.dockerfiles().await.unwrap(), ["services/api"]);
    }
}
