//! Paths of fleet.yaml end inside the repository, also when links are followed. Otherwise a build could take in
//! files of the machine it runs on, and the content address would not say so.

use std::path::{Component, Path, PathBuf};

use super::refused;
use crate::ports::PortResult;

/// The real folder of the repository.
pub(super) fn real_root(root: &Path) -> PortResult<PathBuf> {
    root.canonicalize().map_err(|why| refused("opening the repository", why))
}

/// Where this path of fleet.yaml really is, relative to `root`, which must be real itself. The repository is `.`.
pub(super) fn inside(root: &Path, path: &Path) -> PortResult<PathBuf> {
    let doing = || format!("looking for `{}` in the repository", path.display());
    if path.is_absolute() {
        return Err(refused(doing(), "it must be relative to the repository"));
    }
    let real = root.join(path).canonicalize().map_err(|why| refused(doing(), why))?;
    match real.strip_prefix(root) {
        Ok(inner) if inner.as_os_str().is_empty() => Ok(PathBuf::from(".")),
        Ok(inner) => Ok(inner.to_owned()),
        Err(_) => Err(refused(doing(), "it leads out of the repository")),
    }
}

/// Whether a link at `path`, relative to `root`, points into the repository. What it points at need not exist.
pub(super) fn link_stays_inside(root: &Path, path: &Path, target: &Path) -> bool {
    let folder = root.join(path.parent().unwrap_or(Path::new("")));
    match folder.join(target).canonicalize() {
        Ok(real) => real.starts_with(root),
        Err(_) => without_dots(&folder.join(target)).starts_with(root),
    }
}

/// The path with `..` taken out by its text, for where there is nothing to follow.
fn without_dots(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut clean, part| {
        match part {
            Component::ParentDir => drop(clean.pop()),
            part => clean.push(part),
        }
        clean
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_that_leads_out_is_refused() {
        let outside = tempfile::tempdir().unwrap();
        let root = real_root(outside.path()).unwrap().join("repository");
        std::fs::create_dir_all(root.join("services/iam")).unwrap();
        symlink("../..", root.join("services/out")).unwrap();
        symlink("services/iam", root.join("iam")).unwrap();

        let found = |path: &str| inside(&root, Path::new(path));
        assert_eq!(found("services/../iam").unwrap(), Path::new("services/iam"));
        assert_eq!(found("./").unwrap(), Path::new("."));
        for path in ["..", "services/out", "/etc", "services/none", "../repository-2"] {
            assert!(found(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_link_may_dangle_but_not_point_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = real_root(folder.path()).unwrap();
        std::fs::create_dir(root.join("a")).unwrap();
        let stays = |target: &str| link_stays_inside(&root, Path::new("a/link"), Path::new(target));
        assert!(stays("later") && stays("../b/later") && stays(".."));
        assert!(!stays("../../x") && !stays("/etc/passwd") && !stays("/none"));
    }
}
