//! Which tool builds. `auto` looks once for what the machine has; a name in fleet.yaml is taken at its word.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::refused;
use crate::domain::fleet::Builder;
use crate::ports::PortResult;

/// Where the tools are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// docker's command line, with or without buildx.
    pub docker: PathBuf,
    /// buildah.
    pub buildah: PathBuf,
}

impl Default for Programs {
    /// As the search path finds them.
    fn default() -> Self {
        Self { docker: "docker".into(), buildah: "buildah".into() }
    }
}

/// A tool that was found, as far as commands depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Buildx,
    Docker {
        /// Whether it can build with BuildKit. Since version 23 that takes buildx, and asking for it without is
        /// an error; before, it takes only a variable.
        buildkit: bool,
    },
    Buildah,
}

impl Tool {
    /// The program to run.
    pub(super) fn program(self, programs: &Programs) -> &Path {
        match self {
            Self::Buildx | Self::Docker { .. } => &programs.docker,
            Self::Buildah => &programs.buildah,
        }
    }

    /// What its environment needs.
    pub(super) fn variables(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // An attestation would make an index of an image that docker pushes as one. A variable and not an
            // option, because the builders without attestations do not know the option.
            Self::Docker { buildkit: true } => &[("DOCKER_BUILDKIT", "1"), ("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")],
            Self::Docker { buildkit: false } => &[("DOCKER_BUILDKIT", "0")],
            Self::Buildx | Self::Buildah => &[],
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Buildx => "buildx",
            Self::Docker { .. } => "docker",
            Self::Buildah => "buildah",
        })
    }
}

/// The tool to use for this wish.
///
/// # Errors
/// `auto`, and there is none.
pub(super) async fn choose(builder: Builder, programs: &Programs) -> PortResult<Tool> {
    match builder {
        Builder::Buildx => Ok(Tool::Buildx),
        Builder::Buildah => Ok(Tool::Buildah),
        Builder::Docker => Ok(Tool::Docker { buildkit: has_buildkit(&programs.docker).await }),
        Builder::Auto if has_buildx(&programs.docker).await => Ok(Tool::Buildx),
        Builder::Auto if answer(&programs.docker, ["--version"]).await.is_some() => {
            Ok(Tool::Docker { buildkit: has_buildkit(&programs.docker).await })
        }
        Builder::Auto if answer(&programs.buildah, ["--version"]).await.is_some() => Ok(Tool::Buildah),
        Builder::Auto => Err(refused("looking for what builds images", "there is no docker and no buildah")),
    }
}

async fn has_buildx(docker: &Path) -> bool {
    answer(docker, ["buildx", "version"]).await.is_some()
}

async fn has_buildkit(docker: &Path) -> bool {
    let version = answer(docker, ["--version"]).await.unwrap_or_default();
    major(&version).is_some_and(|major| major < 23) || has_buildx(docker).await
}

/// From `Docker version 20.10.24+dfsg1, build 297e128`.
fn major(version: &str) -> Option<u32> {
    version.split_whitespace().nth(2)?.split('.').next()?.parse().ok()
}

/// What the program prints; none if it is not there or fails.
async fn answer<const N: usize>(program: &Path, arguments: [&str; N]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments.map(OsStr::new))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_docker_prints_them() {
        assert_eq!(major("Docker version 20.10.24+dfsg1, build 297e128\n"), Some(20));
        assert_eq!(major("Docker version 28.2.2, build e6534b4"), Some(28));
        assert_eq!(major("podman version 5"), Some(5));
        assert_eq!(major(""), None);
    }
}
