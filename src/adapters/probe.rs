//! Asking services over HTTP whether they are there and which version they are.
//!
//! A probe is one question and one answer, as a tenant would get it: through the tenant's host name, without
//! following redirects to somebody else who is well.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HOST, HeaderMap};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::domain::gate::{Answer, Probe};
use crate::domain::ids::ServiceKey;
use crate::ports::{Fault, PortError, PortResult, ProbeReader};

/// To reach the service.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// For the whole answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read: health endpoints are small, and a wrong host may send anything.
const BODY_MAX: usize = 64 * 1024;
/// Probes at the same time.
const SIDE_BY_SIDE: usize = 64;
/// The header that names the version where the body does not.
const VERSION_HEADER: &str = "x-version";

/// Sends probes.
#[derive(Clone, Debug)]
pub struct Prober {
    http: reqwest::Client,
    places: Arc<Semaphore>,
}

impl Prober {
    /// Makes the HTTP client.
    ///
    /// # Errors
    /// The machine has no usable TLS roots.
    pub fn new() -> PortResult<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| PortError::new(Fault::Refused, "making an HTTP client", error))?;
        Ok(Self { http, places: Arc::new(Semaphore::new(SIDE_BY_SIDE)) })
    }

    async fn ask(&self, probe: &Probe) -> Answer {
        // The semaphore is never closed, so this cannot fail.
        let _place = self.places.acquire().await;
        match self.answer(probe).await {
            Ok(answer) => answer,
            Err(error) => Answer::Nothing { why: root_cause(error) },
        }
    }

    async fn answer(&self, probe: &Probe) -> reqwest::Result<Answer> {
        let mut response = self.http.get(&probe.url).header(HOST, &probe.host).send().await?;
        let mut body = Vec::new();
        while body.len() < BODY_MAX
            && let Some(chunk) = response.chunk().await?
        {
            body.extend_from_slice(&chunk);
        }
        Ok(Answer::Http { status: response.status().as_u16(), version: version(&body, response.headers()) })
    }
}

#[async_trait]
impl ProbeReader for Prober {
    async fn probe(&self, probes: &[Probe]) -> BTreeMap<ServiceKey, Answer> {
        let broken = || Answer::Nothing { why: "the probe broke off".to_owned() };
        let mut answers: BTreeMap<_, _> = probes.iter().map(|probe| (probe.service.clone(), broken())).collect();
        let mut asked = JoinSet::new();
        for probe in probes.iter().cloned() {
            let prober = self.clone();
            asked.spawn(async move {
                let answer = prober.ask(&probe).await;
                (probe.service, answer)
            });
        }
        while let Some(answer) = asked.join_next().await {
            answers.extend(answer);
        }
        answers
    }
}

/// The version that an answer names: the body's field `version`, else the header.
fn version(body: &[u8], headers: &HeaderMap) -> Option<String> {
    let body = serde_json::from_slice::<Value>(body).ok();
    let in_body = body.as_ref().and_then(|body| body.get("version")?.as_str());
    in_body.or_else(|| headers.get(VERSION_HEADER)?.to_str().ok()).map(str::to_owned)
}

/// The innermost cause: reqwest's own words only say that sending failed. URLs can carry secrets, so none is told.
fn root_cause(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::{HeaderMap as Headers, StatusCode};
    use axum::response::Redirect;
    use axum::routing::get;

    async fn server() -> String {
        let app = Router::new()
            .route("/json", get(|headers: Headers| async move { host_as_version(&headers) }))
            .route("/header", get(|| async { ([("x-version", "1.4.0")], "fine") }))
            .route("/sick", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
            .route("/moved", get(|| async { Redirect::to("/header") }))
            .route("/huge", get(|| async { "x".repeat(BODY_MAX * 4) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    fn host_as_version(headers: &Headers) -> String {
        let text = |name: &str| headers[name].to_str().unwrap().to_owned();
        serde_json::json!({"version": format!("{} {}", text("host"), text("user-agent"))}).to_string()
    }

    fn probe(service: &str, url: String) -> Probe {
        Probe {
            service: ServiceKey::try_from(format!("acme/{service}")).unwrap(),
            url,
            host: "acme.example".to_owned(),
        }
    }

    #[tokio::test]
    async fn every_probe_has_an_answer() {
        let (base, free) = (server().await, tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
        let closed = format!("http://{}/", free.local_addr().unwrap());
        drop(free);
        let paths = ["json", "header", "sick", "moved", "huge"];
        let mut probes: Vec<_> = paths.iter().map(|path| probe(path, format!("{base}/{path}"))).collect();
        probes.push(probe("closed", closed));
        let answers = Prober::new().unwrap().probe(&probes).await;
        let answer = |service: &str| answers[&probe(service, String::new()).service].clone();
        let http = |status, version: Option<&str>| Answer::Http { status, version: version.map(str::to_owned) };

        let agent = concat!("tidegate/", env!("CARGO_PKG_VERSION"));
        assert_eq!(answer("json"), http(200, Some(&format!("acme.example {agent}"))));
        assert_eq!(answer("header"), http(200, Some("1.4.0")));
        assert_eq!(answer("sick"), http(503, None));
        assert_eq!(answer("moved"), http(303, None));
        assert_eq!(answer("huge"), http(200, None));
        let Answer::Nothing { why } = answer("closed") else { panic!("{:?}", answer("closed")) };
        assert!(why.to_lowercase().contains("refused"), "{why}");
    }

    #[test]
    fn the_body_names_the_version_before_the_header_does() {
        let mut headers = HeaderMap::new();
        headers.insert(VERSION_HEADER, "2.0.0".parse().unwrap());
        assert_eq!(version(br#"{"version":"1.0.0"}"#, &headers).as_deref(), Some("1.0.0"));
        assert_eq!(version(br#"{"version":1}"#, &headers).as_deref(), Some("2.0.0"));
        assert_eq!(version(b"ok", &HeaderMap::new()), None);
    }
}
