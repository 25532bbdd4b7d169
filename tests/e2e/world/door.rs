//! Doors for containers. What the tests serve is on the loopback interface, where a container does not come; it reaches this
//! machine at the gateway of the engine's bridge, which it knows by a name. A door is the same port there.

use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use super::problem::{Problem, Result, Trying};

/// How a container of the emulator's ECS calls this machine.
const NAME: &str = "host.docker.internal";

/// A way in, open until the process ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    /// Its URL by the name that containers know.
    pub(crate) by_name: String,
    /// Its URL by address, which holds on this machine too.
    pub(crate) by_address: String,
}

impl Door {
    /// To what is served at this URL of the loopback interface.
    pub(crate) async fn to(url: &str) -> Result<Self> {
        let inside: SocketAddr = url.trim_start_matches("http://").parse().trying(format!("the address in {url}"))?;
        let gateway = gateway().await?;
        let listener = TcpListener::bind((gateway.as_str(), inside.port()));
        let listener = listener.await.trying(format!("port {} of the engine's bridge", inside.port()))?;
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut inside = TcpStream::connect(inside).await?;
                    copy_bidirectional(&mut outside, &mut inside).await
                });
            }
        });
        let port = inside.port();
        Ok(Self { by_name: format!("http://{NAME}:{port}"), by_address: format!("http://{gateway}:{port}") })
    }
}

/// The address of this machine on the network of the emulator's containers, as one of them has it.
async fn gateway() -> Result<String> {
    let containers = docker(&["ps", "--quiet", "--filter", "name=ministack-ecs-"]).await?;
    let one = containers.lines().next().trying("a container of the emulator")?;
    docker(&["inspect", "--format", "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}", one]).await
}

async fn docker(words: &[&str]) -> Result<String> {
    let output = Command::new("docker").args(words).stdin(Stdio::null()).output().await.trying("docker")?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match output.status.success() && !said.is_empty() {
        true => Ok(said),
        false => Err(Problem::new(format!("docker {words:?}: {said}{}", String::from_utf8_lossy(&output.stderr)))),
    }
}
