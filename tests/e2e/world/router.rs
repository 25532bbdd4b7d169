//! The edge router as a customer meets it: the shared hostname, at dev's load balancer.

use std::time::{Duration, Instant};

use super::cell::Cell;
use super::problem::{Problem, Result, Trying};

/// Where everybody's requests may come in.
pub(crate) const SHARED_HOST: &str = "go.dev.a3os.app";
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(50);

/// The way to it.
pub(crate) struct Router {
    url: String,
    http: reqwest::Client,
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
    /// Behind this cell's load balancer.
    pub(crate) fn behind(cell: &Cell) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Ok(Self { url: cell.front.clone(), http: http.build().trying("HTTP client")? })
    }

    /// What a customer of this tenant gets under the shared hostname.
    pub(crate) async fn get(&self, tenant: &str, path: &str) -> Result<Got> {
        self.at(SHARED_HOST, &format!("/t/{tenant}{path}")).await
    }

    /// What a person's browser gets at this host.
    pub(crate) async fn at(&self, host: &str, path: &str) -> Result<Got> {
        let asked = self.http.get(format!("{}{path}", self.url)).header("host", host).header("accept", "text/html");
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
