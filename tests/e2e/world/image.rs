//! Images of the sample server, made and pushed past tidegate.
//!
//! The world must run something before tidegate has built anything, and scenarios need images
//! broken in chosen ways. `docker import` makes an image of two files in 0.1 s where the old
//! builder needs 4 s, and the result is what the Dockerfiles say: same files, same variables.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::layout::Service;
use super::problem::{Problem, Result, Trying};

/// Makes images and pushes them to one registry.
pub(crate) struct Workshop {
    registry: String,
    folder: PathBuf,
}

/// An image in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) version: String,
    pub(crate) digest: String,
    /// `registry/repository@digest`: what a task definition runs.
    pub(crate) reference: String,
}

impl Workshop {
    pub(crate) fn new(registry: &str, work: &Path) -> Result<Self> {
        let folder = work.join("images");
        std::fs::create_dir_all(&folder).trying(folder.display())?;
        Ok(Self { registry: registry.to_owned(), folder })
    }

    /// Makes `version` of a service, broken as `fault` says (empty: not at all), and pushes it.
    pub(crate) async fn push(&self, service: &Service, version: &str, fault: &str) -> Result<Image> {
        let repository = format!("{}/{}", self.registry, service.repository());
        let tag = format!("{repository}:{version}");
        let archive = self.archive(service, version, fault).await?;
        let environment = format!("ENV SERVICE={} VERSION={version}", service.name);
        run("docker", &["import", "-c", &environment, "-c", "ENTRYPOINT [\"/server\"]", &archive, &tag]).await?;
        // "1.0.0: digest: sha256:... size: 526" is the last line of a push.
        let pushed = run("docker", &["push", &tag]).await?;
        let digest = pushed
            .split_whitespace()
            .find(|word| word.starts_with("sha256:"))
            .trying(format!("digest in the output of docker push {tag}"))?;
        Ok(Image {
            version: version.to_owned(),
            digest: digest.to_owned(),
            reference: format!("{repository}@{digest}"),
        })
    }

    /// A tar archive of the image's whole file system: the server and its fault file.
    async fn archive(&self, service: &Service, version: &str, fault: &str) -> Result<String> {
        let folder = self.folder.join(format!("{}-{version}", service.name));
        std::fs::create_dir_all(&folder).trying(folder.display())?;
        let server = Path::new(service.context).join("server");
        std::fs::copy(&server, folder.join("server")).trying(server.display())?;
        std::fs::write(folder.join("fault"), fault).trying(folder.display())?;
        let archive = folder.with_extension("tar").display().to_string();
        run("tar", &["-C", &folder.display().to_string(), "-cf", &archive, "server", "fault"]).await?;
        Ok(archive)
    }
}

/// Runs a program to its end and returns what it printed; failing is an error with its words.
async fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().await.trying(program)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(Problem::new(format!("{program} {}: {}: {}", arguments.join(" "), output.status, words.trim())))
}
