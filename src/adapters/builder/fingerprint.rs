//! What one file contributes to a content address: its bytes and whether it can be run, or where its link points.
//! Times, owners and the other mode bits differ between two checkouts of one commit and are left out.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::inside::link_stays_inside;
use super::manifest::Manifest;
use super::refused;
use crate::ports::PortResult;

/// Adds the file at `path`, relative to `root`, under `name`. One that is gone from the disk, and what is neither
/// file nor link, adds nothing. A link counts by its target's name: what it points at counts where that is.
///
/// # Errors
/// It cannot be read, or is a link that leads out of the repository.
pub(super) fn add_file(manifest: &mut Manifest, kind: &str, root: &Path, path: &Path, name: &Path) -> PortResult<()> {
    let failed = |why: io::Error| refused(format_args!("reading `{}`", path.display()), why);
    let name = name.as_os_str().as_bytes();
    let file = root.join(path);
    let seen = match fs::symlink_metadata(&file) {
        Ok(seen) => seen,
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(failed(why)),
    };
    if seen.is_symlink() {
        let target = fs::read_link(&file).map_err(failed)?;
        if !link_stays_inside(root, path, &target) {
            let why = format!("it is a link to `{}`, which is outside of the repository", target.display());
            return Err(refused(format_args!("reading `{}`", path.display()), why));
        }
        manifest.add(kind, &[name, b"link", target.as_os_str().as_bytes()]);
    } else if seen.is_file() {
        // The one bit that git keeps.
        let mode: &[u8] = if seen.permissions().mode() & 0o100 == 0 { b"file" } else { b"executable" };
        manifest.add(kind, &[name, mode, &content(&file).map_err(failed)?]);
    }
    Ok(())
}

/// SHA-256 of a file, a piece at a time: contexts hold archives larger than memory should be.
fn content(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(read) => hash.update(&piece[..read]),
            Err(again) if again.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
}
