//! Files that a command was asked to write: whole, or not at all.

use std::io;
use std::path::Path;

/// Writes a file: first beside it, then in its place, so that whoever reads it meanwhile reads the one or the other.
///
/// # Errors
/// The folder cannot be made, or the file not be written.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("new");
    #[expect(clippy::disallowed_methods, reason = "this is the one place of this layer that writes files")]
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}
