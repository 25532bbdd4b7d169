//! The built edge router, as a task of the control plane would run it: a process that serves until it is dropped.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::cell::Cell;
use super::layout::{DEV, REGION};
use super::problem::{Problem, Result, Trying};

/// What cargo built it as.
const BINARY: &str = "target/debug/accessos-router";
/// Where everybody's requests may come in.
pub(crate) const SHARED_HOST: &str = "go.a3os.test";
const ROOT_HOST: &str = "a3os.test";
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(50);

/// A router that runs; dropping it kills it.
pub(crate) struct Router {
    url: String,
    http: reqwest::Client,
    _process: Child,
}

/// What somebody gets from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) status: u16,
    /// `Retry-After`, or `Location`.
    pub(crate) header: String,
    pub(crate) body: String,
}

impl Router {
    /// Starts one on the snapshots in a bucket of this cell.
    pub(crate) async fn start(cell: &Cell, bucket: &str, public_key: &str, state: &Path) -> Result<Self> {
        std::fs::create_dir_all(state).trying(state.display())?;
        let [listen, metrics] = [free_port()?, free_port()?].map(|port| format!("127.0.0.1:{port}"));
        let process = Command::new(BINARY)
            .env_clear()
            .env("ROUTER_ROOT_HOST", ROOT_HOST)
            .env("ROUTER_SHARED_HOST", SHARED_HOST)
            .env("ROUTER_SNAPSHOT", format!("s3://{bucket}/routing"))
            .env("ROUTER_KEYS", public_key)
            .env("ROUTER_POLL_SECONDS", "0.2")
            .env("ROUTER_STATE", state)
            .env("ROUTER_LISTEN", &listen)
            .env("ROUTER_METRICS", &metrics)
            .env("ROUTER_WORKERS", "1")
            .env("AWS_ENDPOINT_URL", cell.url())
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", DEV.account)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .trying(format!("{BINARY} (cargo build -p accessos-router)"))?;
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Ok(Self { url: format!("http://{listen}"), http: http.build().trying("HTTP client")?, _process: process })
    }

    /// What a customer of this tenant gets under the shared hostname.
    pub(crate) async fn get(&self, tenant: &str, path: &str) -> Result<Got> {
        let asked = self.http.get(format!("{}/t/{tenant}{path}", self.url)).header("host", SHARED_HOST);
        let asked = asked.header("accept", "text/html"); // as a person's browser
        let answer = asked.timeout(PATIENCE).send().await.trying("the router")?;
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let header = header("retry-after").or_else(|| header("location")).unwrap_or_default();
        Ok(Got { status: answer.status().as_u16(), header, body: answer.text().await.trying("the router")? })
    }

    /// Waits until this is what a customer of this tenant gets.
    pub(crate) async fn until(&self, tenant: &str, path: &str, is_so: impl Fn(&Got) -> bool) -> Result<Got> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let got = self.get(tenant, path).await;
            match got {
                Ok(got) if is_so(&got) => return Ok(got),
                other if Instant::now() > deadline => {
                    return Err(Problem::new(format!("the router still answers {tenant}: {other:?}")));
                }
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }
}

/// A port that nobody has at the moment.
fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").trying("a free port")?;
    Ok(listener.local_addr().trying("a free port")?.port())
}
