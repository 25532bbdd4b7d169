//! Which files belong to the source: what git tracks, and what it would track if it were added. What the
//! repository's `.gitignore` files name is made by somebody's build and is not the source of anything.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::refused;
use crate::ports::PortResult;

/// The files below `folder` (or `folder` itself, if it is a file), relative to `root`.
///
/// # Errors
/// git does not answer, or a folder cannot be read.
pub(super) fn files(root: &Path, folder: &Path) -> PortResult<BTreeSet<PathBuf>> {
    // Asking git whether this is a checkout would take "you do not own this folder" for a no, and then hash
    // ignored files on that one machine.
    let is_checkout = root.ancestors().any(|ancestor| ancestor.join(".git").exists());
    let mut files = BTreeSet::new();
    if is_checkout {
        list_by_git(root, folder, &mut files)?;
    } else {
        walk(root, folder, &mut files)?;
    }
    Ok(files)
}

fn list_by_git(root: &Path, folder: &Path, files: &mut BTreeSet<PathBuf>) -> PortResult<()> {
    for path in git_ls_files(root, folder)?.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
        let path = Path::new(OsStr::from_bytes(path));
        let place = root.join(path);
        // Only a submodule or a checkout within the checkout is listed as a folder.
        if !place.is_symlink() && place.is_dir() {
            let mut inner = BTreeSet::new();
            if place.join(".git").exists() {
                list_by_git(&place, Path::new("."), &mut inner)?;
            } else {
                walk(&place, Path::new("."), &mut inner)?;
            }
            files.extend(inner.into_iter().map(|file| path.join(file)));
        } else {
            files.insert(path.to_owned());
        }
    }
    Ok(())
}

/// NUL-terminated paths relative to `root`, also of files that are tracked and deleted.
fn git_ls_files(root: &Path, folder: &Path) -> PortResult<Vec<u8>> {
    let doing = || format!("listing the files of `{}` with git", folder.display());
    // Not `--exclude-standard`: what one person ignores on one machine must not decide an address.
    let arguments = ["--literal-pathspecs", "ls-files", "-z", "--cached", "--others"];
    let output = Command::new("git")
        .args(arguments)
        .args(["--exclude-per-directory=.gitignore", "--"])
        .arg(folder)
        .current_dir(root)
        // A hook's environment would make git answer for another repository.
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_PREFIX")
        .stdin(Stdio::null())
        .output()
        .map_err(|why| refused(doing(), why))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(refused(doing(), super::line::shown(&output.stderr)))
}

fn walk(root: &Path, path: &Path, files: &mut BTreeSet<PathBuf>) -> PortResult<()> {
    let failed = |why: io::Error| refused(format_args!("listing the files of `{}`", path.display()), why);
    let place = root.join(path);
    if place.is_symlink() || !place.is_dir() {
        files.insert(path.to_owned());
        return Ok(());
    }
    for entry in place.read_dir().map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        // git's own files change with every command.
        if name != ".git" {
            walk(root, &if path == Path::new(".") { PathBuf::from(name) } else { path.join(name) }, files)?;
        }
    }
    Ok(())
}
