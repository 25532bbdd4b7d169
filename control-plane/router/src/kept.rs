//! The last snapshot that was taken in, on disk: what a router serves when it begins again and S3 does not answer. It is
//! kept under its signature and has to stand for itself again; half a file is none.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use accessos_routing::BYTES_MAX;

const NAME: &str = "routing-snapshot.json";

/// The place on disk.
#[derive(Clone, Debug)]
pub struct Kept(PathBuf);

impl Kept {
    /// In this folder.
    pub fn below(folder: &Path) -> Self {
        Self(folder.join(NAME))
    }

    /// The bytes that are there; none if there are none.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Puts these bytes in the place of what is there: all of them, on the disk, or nothing.
    ///
    /// # Errors
    /// They cannot be written. What was there is there still.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let beside = self.0.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.0)?;
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_there_and_what_was_not_finished_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::below(&folder.path().join("state"));
        assert_eq!(kept.read().unwrap(), None);
        kept.write(b"one").unwrap();
        fs::write(folder.path().join("state/routing-snapshot.new"), b"tw").unwrap();
        assert_eq!(kept.read().unwrap().as_deref(), Some(&b"one"[..]));
        kept.write(b"two").unwrap();
        assert_eq!(kept.read().unwrap().as_deref(), Some(&b"two"[..]));
    }
}
