//! One request from its head to the end of its answer: judged, passed on or answered here, logged. Generic over what reaches
//! backends, so that a test can hold every request that goes out against the snapshot by which it may.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;

use crate::asked::{Asked, client, wants_page};
use crate::discovery::{host_for, typed};
use crate::headers::{From, is_websocket, rest, to_backend, to_client};
use crate::limiter::Limiter;
use crate::log::{Entry, Log};
use crate::metrics::Metrics;
use crate::page::{discovery, elsewhere, refused, whole};
use crate::refusal::Refusal;
use crate::resolve::{Decision, Site, resolve};
use crate::routes::{Routes, Target};
use crate::watched::{Fault, Watched};

/// Longest form of the discovery page, in bytes.
const FORM_MAX: usize = 2 * 1024;

/// What reaches backends.
pub trait Backends<R> {
    /// The body of an answer.
    type Body: Body<Data = Bytes, Error: Into<Fault>>;

    /// Sends a request, whose URL names the backend, and comes back with the head of the answer.
    fn send(&self, request: Request<Watched<R>>) -> impl Future<Output = Result<Response<Self::Body>, Fault>> + Send;
}

/// How long and how large things may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of a request's body.
    pub body_max: u64,
    /// Until the head of an answer is there.
    pub answer: Duration,
    /// Between two frames of a body.
    pub idle: Duration,
    /// How many proxies of our own stand before this.
    pub proxies: usize,
}

/// What all connections share.
pub struct Shared {
    /// The hosts that are nobody's.
    pub site: Site,
    /// The routes of the moment; none before a snapshot was ever taken in.
    pub routes: ArcSwapOption<Routes>,
    /// How long and how large things may be.
    pub bounds: Bounds,
    /// How often one client may ask for what is not there.
    pub limiter: Limiter,
    /// Where lines go.
    pub log: Log,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Whether this was asked to stop.
    pub draining: AtomicBool,
    /// What the health check says beside the status.
    pub identity: serde_json::Map<String, serde_json::Value>,
    ids: Ids,
    began: Instant,
}

/// Ids of requests: what is this process's own, and a number.
struct Ids {
    prefix: u64,
    next: AtomicU64,
}

/// The body of an answer, with its line in the log.
pub struct Answer<B> {
    body: Pin<Box<Either<Full<Bytes>, Watched<B>>>>,
    entry: Entry,
}

/// A router on one way to backends.
pub struct Router<B> {
    /// What all connections share.
    pub shared: Arc<Shared>,
    /// The way to backends.
    pub backends: B,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("site", &self.site).finish_non_exhaustive()
    }
}

impl Shared {
    /// A router of this site that knows no routes yet.
    pub fn new(
        site: Site,
        bounds: Bounds,
        limiter: Limiter,
        log: Log,
        metrics: Arc<Metrics>,
        identity: serde_json::Map<String, serde_json::Value>,
    ) -> Self {
        use std::hash::{BuildHasher as _, RandomState};
        let ids = Ids { prefix: RandomState::new().hash_one(std::process::id()), next: AtomicU64::new(1) };
        let (routes, draining) = (ArcSwapOption::empty(), AtomicBool::new(false));
        Self { site, routes, bounds, limiter, log, metrics, draining, identity, ids, began: Instant::now() }
    }

    /// What tells this process from every other one.
    pub fn process(&self) -> String {
        format!("{:016x}", self.ids.prefix)
    }

    fn id(&self) -> HeaderValue {
        let number = self.ids.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:016x}-{number:x}", self.ids.prefix);
        HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("-"))
    }

    fn allows(&self, client: IpAddr) -> bool {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX / 2);
        self.limiter.allows(client, now)
    }

    /// What those hear who watch over this: counters, or how it is.
    pub fn watched(&self, path: &str) -> Response<Bytes> {
        match path {
            "/healthz" => self.health(),
            "/metrics" => {
                let routes = self.routes.load();
                let routes = routes.as_ref();
                let generation = routes.map_or(0, |routes| routes.generation);
                let at = routes.map_or(0, |routes| routes.published_at.as_second());
                let text = self.metrics.text(generation, at, routes.map_or(0, |routes| routes.tenants()));
                whole(StatusCode::OK, "text/plain; version=0.0.4", text.into())
            }
            _ => refused(Refusal::Unknown, false),
        }
    }

    fn health(&self) -> Response<Bytes> {
        let generation = self.routes.load().as_ref().map(|routes| routes.generation);
        let (status, word) = match generation {
            _ if self.draining.load(Ordering::Relaxed) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
            Some(_) => (StatusCode::OK, "ok"),
            None => (StatusCode::SERVICE_UNAVAILABLE, "no snapshot"),
        };
        let mut body = self.identity.clone();
        body.insert("status".to_owned(), word.into());
        body.insert("generation".to_owned(), generation.into());
        whole(status, "application/json", format!("{}\n", serde_json::Value::from(body)).into())
    }
}

impl<B> Router<B> {
    /// Answers one request of a peer.
    pub async fn handle<R>(&self, request: Request<R>, peer: IpAddr) -> Response<Answer<B::Body>>
    where
        B: Backends<R>,
        R: Body<Data = Bytes, Error: Into<Fault>>,
    {
        let (parts, body) = request.into_parts();
        let client = client(&parts.headers, peer, self.shared.bounds.proxies);
        let mut entry = self.shared.log.begin(self.shared.id(), client, &parts);
        let page = wants_page(&parts.headers);
        // One generation from here to the end.
        let routes = self.shared.routes.load_full();
        entry.generation = routes.as_ref().map_or(0, |routes| routes.generation);
        let judged = match Asked::read(&parts) {
            Ok(asked) => {
                entry.host.clone_from(&asked.host);
                let now = if asked.bearer.is_some() { Timestamp::now().as_second() } else { 0 };
                resolve(routes.as_deref(), &self.shared.site, &asked, now)
            }
            Err(refusal) => Decision::Refuse(refusal),
        };
        let own = match judged {
            Decision::Forward(target, cut) => {
                entry.tenant = Some(target.id.clone());
                match self.pass(parts, body, target, cut, &entry).await {
                    Ok(response) => return answered(response.map(Either::Right), entry),
                    Err(refusal) => self.refuse(refusal, page, &mut entry),
                }
            }
            Decision::Elsewhere(host, cut) => {
                let url = rest(&parts.uri, cut).map(|rest| format!("https://{host}{rest}"));
                let response = url.and_then(|url| elsewhere(&url, true));
                response
                    .unwrap_or_else(|| self.refuse(Refusal::Malformed("the path cannot be sent on"), page, &mut entry))
            }
            Decision::Discover => self.discover(&parts, body, &mut entry).await,
            Decision::Health => self.shared.health(),
            Decision::Refuse(refusal) => self.refuse(refusal, page, &mut entry),
        };
        let mut own = own;
        own.headers_mut().insert(crate::headers::REQUEST_ID, entry.id.clone());
        answered(own.map(|body| Either::Left(Full::new(body))), entry)
    }

    /// Whoever asks for many things that are not there hears the same of all, whether they are there or not.
    fn refuse(&self, refusal: Refusal, page: bool, entry: &mut Entry) -> Response<Bytes> {
        let refusal = match refusal {
            Refusal::Unknown | Refusal::BadToken if !self.shared.allows(entry.client) => Refusal::TooMany,
            refusal => refusal,
        };
        entry.why = Some(refusal.code());
        refused(refusal, page)
    }

    async fn pass<R>(
        &self,
        mut parts: Parts,
        body: R,
        target: &Target,
        cut: usize,
        entry: &Entry,
    ) -> Result<Response<Watched<B::Body>>, Refusal>
    where
        B: Backends<R>,
        R: Body<Data = Bytes, Error: Into<Fault>>,
    {
        let bounds = self.shared.bounds;
        let declared = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|bytes| bytes > bounds.body_max) {
            return Err(Refusal::TooLarge);
        }
        let websocket = is_websocket(&parts);
        let from = From { client: entry.client, host: &entry.host, id: &entry.id };
        to_backend(&mut parts, target, cut, from).ok_or(Refusal::Malformed("the path cannot be passed on"))?;
        let mut request = Request::from_parts(parts, Watched::new(body, bounds.body_max, bounds.idle));
        let client_side = websocket.then(|| hyper::upgrade::on(&mut request));
        let sent = tokio::time::timeout(bounds.answer, self.backends.send(request)).await;
        let mut response = sent.map_err(|_| Refusal::Late)?.map_err(|_| Refusal::Backend)?;
        let switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        match client_side.filter(|_| switching) {
            Some(client_side) => drop(tokio::spawn(tunnel(client_side, hyper::upgrade::on(&mut response)))),
            // A backend that switches without being asked to is not understood.
            None if switching => return Err(Refusal::Backend),
            None => {}
        }
        to_client(response.headers_mut(), &entry.id, switching);
        // A body ends when its backend says so; its size is the tenant's own affair.
        Ok(response.map(|body| Watched::new(body, u64::MAX, bounds.idle)))
    }

    async fn discover<R>(&self, parts: &Parts, body: R, entry: &mut Entry) -> Response<Bytes>
    where
        R: Body<Data = Bytes, Error: Into<Fault>>,
    {
        let root = &self.shared.site.root;
        match parts.method {
            Method::GET | Method::HEAD => discovery(root, None),
            Method::POST if !self.shared.allows(entry.client) => {
                entry.why = Some(Refusal::TooMany.code());
                refused(Refusal::TooMany, true)
            }
            Method::POST => {
                let limited = Watched::new(Limited::new(body, FORM_MAX), FORM_MAX as u64, self.shared.bounds.idle);
                let form = limited.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                let typed = typed(&form).unwrap_or_default();
                let found = host_for(&typed, root).and_then(|host| elsewhere(&format!("https://{host}/"), false));
                found.unwrap_or_else(|| discovery(root, Some(&typed)))
            }
            _ => refused(Refusal::Method, true),
        }
    }
}

fn answered<B>(response: Response<Either<Full<Bytes>, Watched<B>>>, mut entry: Entry) -> Response<Answer<B>> {
    entry.status = response.status().as_u16();
    response.map(|body| Answer { body: Box::pin(body), entry })
}

/// Passes bytes both ways until either side ends.
async fn tunnel(one: hyper::upgrade::OnUpgrade, other: hyper::upgrade::OnUpgrade) {
    if let (Ok(one), Ok(other)) = tokio::join!(one, other) {
        let (mut one, mut other) = (TokioIo::new(one), TokioIo::new(other));
        // Either side may go away at any time.
        drop(tokio::io::copy_bidirectional(&mut one, &mut other).await);
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes, Error: Into<Fault>>,
{
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let polled = self.body.as_mut().poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.entry.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Poll::Ready(Some(Err(_))) => self.entry.why = Some("broke_off"),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
