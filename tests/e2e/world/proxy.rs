//! A reverse proxy that remembers: tidegate talks to each emulator through one.
//!
//! Some promises are about calls, not results: a dry run changes nothing, a re-run sends nothing
//! twice. So every request passes through unchanged, and the AWS calls among them are written
//! down. The world itself talks to the emulators directly and never shows up here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::Value;

use super::problem::{Result, Trying};

/// More than any AWS call needs; image layers go to the emulator directly.
const BODY_BYTES_MAX: usize = 64 << 20;

/// An AWS call that went through.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) at: Instant,
    /// `UpdateService`, for example.
    pub(crate) action: String,
    /// The request: JSON as sent; a query-protocol form as an object of strings.
    pub(crate) body: Value,
    pub(crate) status: u16,
}

/// The proxy in front of one emulator; it serves until the process ends.
pub(crate) struct Proxy {
    pub(crate) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

#[derive(Clone)]
struct Upstream {
    url: String,
    http: reqwest::Client,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Proxy {
    pub(crate) async fn start(upstream_url: &str) -> Result<Self> {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let http = reqwest::Client::builder().no_proxy().build().trying("HTTP client of the proxy")?;
        let upstream = Upstream { url: upstream_url.to_owned(), http, calls: Arc::clone(&calls) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.trying("port for the proxy")?;
        let url = format!("http://{}", listener.local_addr().trying("address of the proxy")?);
        let router = Router::new().fallback(pass_on).with_state(upstream);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, calls })
    }

    /// Every AWS call so far, in the order of their answers.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The calls that change something.
    pub(crate) fn mutations(&self) -> Vec<Call> {
        self.calls().into_iter().filter(Call::mutates).collect()
    }

    /// Forgets all calls, so that the next assertion is about what comes next.
    pub(crate) fn forget(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Call {
    /// Reading is known by the verb; whatever is not known to read counts as writing. To assume
    /// a role changes nothing that anybody can see.
    pub(crate) fn mutates(&self) -> bool {
        !["Describe", "List", "Get", "BatchGet", "BatchCheck", "AssumeRole", "Lookup", "Filter"]
            .iter()
            .any(|verb| self.action.starts_with(verb))
    }
}

async fn pass_on(State(upstream): State<Upstream>, request: Request) -> Response<Body> {
    forward(&upstream, request).await.unwrap_or_else(|problem| {
        let mut response = Response::new(Body::from(problem.to_string()));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
}

async fn forward(upstream: &Upstream, request: Request) -> Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.trying("request body")?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let answer = upstream
        .http
        .request(parts.method, format!("{}{path}", upstream.url))
        .headers(parts.headers.clone())
        .body(body.clone())
        .send()
        .await
        .trying("emulator")?;

    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        // The body is passed on whole, so how it was cut into pieces no longer holds.
        if name != "transfer-encoding" && name != "connection" {
            response = response.header(name, value);
        }
    }
    let status = answer.status().as_u16();
    let answered = answer.bytes().await.trying("answer of the emulator")?;
    if let Some((action, body)) = aws_call(&parts.headers, &body) {
        let call = Call { at: Instant::now(), action, body, status };
        upstream.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
    response.body(Body::from(answered)).trying("answer of the proxy")
}

/// The AWS action of a request, if it is one: by the header of the JSON protocols, or by the
/// `Action` of the query protocol (ELBv2, STS).
fn aws_call(headers: &HeaderMap, body: &Bytes) -> Option<(String, Value)> {
    if let Some(target) = headers.get("x-amz-target") {
        let action = target.to_str().ok()?.rsplit('.').next()?.to_owned();
        return Some((action, serde_json::from_slice(body).unwrap_or(Value::Null)));
    }
    let form = reqwest::Url::parse(&format!("http://form/?{}", std::str::from_utf8(body).ok()?)).ok()?;
    let fields: serde_json::Map<String, Value> =
        form.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
    let action = fields.get("Action")?.as_str()?.to_owned();
    Some((action, Value::Object(fields)))
}
