//! What stands around a router: a bucket that answers as S3 does to GetObject and PutObject, backends that say who they are, and the
//! process itself.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener as Reserved};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use accessos_routing::{
    POINTER, Pointer, REPORTS, RouterReport, SCHEMA, SigningKey, Snapshot, State, Tenant, object_name,
};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Until something that must come has come. It fails a test, and measures nothing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A port that nobody has at the moment.
pub(crate) fn port() -> u16 {
    Reserved::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A bucket.
pub(crate) struct Bucket {
    pub(crate) address: SocketAddr,
    objects: Objects,
    server: Option<JoinHandle<()>>,
    key: SigningKey,
}

fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", object_name(0, bytes))
}

fn object(objects: &Objects, method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Response {
    let key = uri.path().strip_prefix("/bucket/").unwrap_or_default().to_owned();
    if method == Method::PUT {
        objects.lock().unwrap().insert(key, body.to_vec());
        return StatusCode::OK.into_response();
    }
    match objects.lock().unwrap().get(&key) {
        None => (StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>").into_response(),
        Some(bytes) if headers.get("if-none-match").is_some_and(|known| known == etag(bytes).as_str()) => {
            StatusCode::NOT_MODIFIED.into_response()
        }
        Some(bytes) => ([("etag", etag(bytes))], Bytes::from(bytes.clone())).into_response(),
    }
}

impl Bucket {
    pub(crate) async fn open() -> Self {
        let key = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port()));
        let mut bucket = Self { address, objects: Objects::default(), server: None, key };
        bucket.begin().await;
        bucket
    }

    /// It answers (again).
    pub(crate) async fn begin(&mut self) {
        let objects = Arc::clone(&self.objects);
        let app = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let answer = object(&objects, &method, &uri, &headers, body);
            async move { answer }
        });
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.address).unwrap();
        let listener = socket.listen(64).unwrap();
        self.server = Some(tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }));
    }

    /// It is gone, with every connection to it.
    pub(crate) fn end(&mut self) {
        self.server.take().unwrap().abort();
    }

    pub(crate) fn put(&self, key: &str, bytes: Vec<u8>) {
        self.objects.lock().unwrap().insert(format!("routing/{key}"), bytes);
    }

    /// What routers say of themselves.
    pub(crate) fn reports(&self) -> Vec<RouterReport> {
        let objects = self.objects.lock().unwrap();
        let of = |(key, bytes): (&String, &Vec<u8>)| {
            let name = key.strip_prefix("routing/").filter(|name| name.starts_with(REPORTS))?;
            Some(RouterReport::read(name, bytes).unwrap())
        };
        objects.iter().filter_map(of).collect()
    }

    pub(crate) fn point(&self, generation: u64, bytes: &[u8]) {
        self.put(POINTER, Pointer::to(generation, bytes).bytes().unwrap());
    }

    /// Publishes a snapshot as it is done: the object first, then the pointer.
    pub(crate) fn publish(&self, snapshot: &Snapshot) {
        self.publish_bytes(snapshot.generation, self.key.seal(snapshot).unwrap());
    }

    pub(crate) fn publish_bytes(&self, generation: u64, bytes: Vec<u8>) {
        self.put(&object_name(generation, &bytes), bytes.clone());
        self.point(generation, &bytes);
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }
}

/// A shard: answers which one it is, and whom it was asked for.
pub(crate) async fn shard(name: &'static str) -> SocketAddr {
    let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
        let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
        let (host, tenant, client) = (said("host"), said("x-accessos-tenant"), said("x-forwarded-for"));
        format!("{name} {host} {tenant} {uri} {client} {}", body.len())
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

pub(crate) fn tenant(id: &str, backend: SocketAddr) -> Tenant {
    Tenant {
        id: id.to_owned(),
        hosts: vec![format!("{id}.app.example")],
        state: State::Active,
        moved_to: None,
        backend: format!("http://{backend}"),
        cell: "c1".to_owned(),
        token_keys: Vec::new(),
    }
}

pub(crate) fn snapshot(generation: u64, tenants: Vec<Tenant>) -> Snapshot {
    let published_at = "2026-11-23T08:00:00Z".parse().unwrap();
    let (app, fleet) = ("app".to_owned(), "prod".to_owned());
    Snapshot {
        schema: SCHEMA,
        app,
        fleet,
        generation,
        published_at,
        follows: None,
        restores: None,
        meant_to_lose: 0,
        tenants,
    }
}

/// A router process. It is killed when this goes.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    metrics: SocketAddr,
    child: Child,
}

impl Process {
    /// Starts one that keeps its snapshot in this folder, and comes back when it listens.
    pub(crate) async fn start(bucket: &Bucket, state: &std::path::Path) -> Self {
        Self::start_with(bucket, state, &[]).await
    }

    /// The same with more of an environment.
    pub(crate) async fn start_with(bucket: &Bucket, state: &std::path::Path, more: &[(&str, &str)]) -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (address, metrics) = (local(port()), local(port()));
        let child = Command::new(env!("CARGO_BIN_EXE_accessos-router"))
            .env_clear()
            .envs([
                ("AWS_ENDPOINT_URL", format!("http://{}", bucket.address)),
                ("AWS_REGION", "eu-west-1".to_owned()),
                ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
                ("ROUTER_SNAPSHOT", "s3://bucket/routing".to_owned()),
                ("ROUTER_KEYS", bucket.key().public().to_string()),
                ("ROUTER_ROOT_HOST", "app.example".to_owned()),
                ("ROUTER_SHARED_HOST", "go.app.example".to_owned()),
                ("ROUTER_LISTEN", address.to_string()),
                ("ROUTER_METRICS", metrics.to_string()),
                ("ROUTER_POLL_SECONDS", "0.1".to_owned()),
                ("ROUTER_PROXIES", "0".to_owned()),
                ("ROUTER_GUESSES_PER_MINUTE", "1000000".to_owned()),
                ("ROUTER_STATE", state.display().to_string()),
            ])
            .envs(more.iter().copied())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let process = Self { address, metrics, child };
        process.until("it listens", || async { process.metric("router_routing_polls_total").await.is_some() }).await;
        process
    }

    /// The answer to a request for a path of a host: status and text.
    pub(crate) async fn ask(&self, host: &str, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.address);
        let answer = client().get(url).header("host", host).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The value of a counter, with its labels if it has some.
    pub(crate) async fn metric(&self, name: &str) -> Option<u64> {
        let text = client().get(format!("http://{}/metrics", self.metrics)).send().await.ok()?.text().await.ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned))?;
        line.parse().ok()
    }

    pub(crate) async fn generation(&self) -> u64 {
        self.metric("router_routing_generation").await.unwrap()
    }

    pub(crate) async fn until_generation(&self, wanted: u64) {
        self.until(&format!("generation {wanted}"), || async { self.generation().await == wanted }).await;
    }

    /// Until a snapshot was refused for this reason.
    pub(crate) async fn until_refused(&self, reason: &str) {
        let name = format!("router_routing_refused_total{{reason=\"{reason}\"}}");
        self.until(&name, || async { self.metric(&name).await.is_some() }).await;
    }

    pub(crate) async fn until<F: Future<Output = bool>>(&self, what: &str, is: impl Fn() -> F) {
        let began = Instant::now();
        while !is().await {
            assert!(began.elapsed() < PATIENCE, "still not: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// The exit code, once it has ended by itself.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it does not end");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn client() -> reqwest::Client {
    thread_local! {
        static CLIENT: reqwest::Client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    }
    CLIENT.with(Clone::clone)
}

/// Clients that ask for every tenant all the time, by host and by path, until they are told to stop.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    asking: JoinHandle<Seen>,
}

/// What they got.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) served: usize,
    pub(crate) refused: usize,
    pub(crate) lost: usize,
    pub(crate) wrong: Vec<String>,
}

impl Watch {
    /// Each tenant's id and the name of its shard.
    pub(crate) fn over(address: SocketAddr, tenants: Vec<(String, &'static str)>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicUsize::new(0));
        let (told, counted) = (Arc::clone(&stop), Arc::clone(&rounds));
        let asking = tokio::spawn(async move {
            let mut seen = Seen::default();
            while !told.load(Ordering::Relaxed) {
                for (id, shard) in &tenants {
                    let own = format!("{id}.app.example");
                    let ways = [(own.clone(), "/x".to_owned()), ("go.app.example".to_owned(), format!("/t/{id}/x"))];
                    for (host, path) in ways {
                        let answer = client().get(format!("http://{address}{path}")).header("host", &host).send().await;
                        let Ok(answer) = answer else {
                            seen.lost += 1;
                            continue;
                        };
                        match (answer.status().as_u16(), answer.text().await.unwrap_or_default()) {
                            (200, text) if text.starts_with(&format!("{shard} {own} {id} /x ")) => seen.served += 1,
                            (404 | 502 | 503, _) => seen.refused += 1,
                            (status, text) => seen.wrong.push(format!("{host}{path}: {status} {text}")),
                        }
                    }
                }
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            seen
        });
        Self { stop, rounds, asking }
    }

    /// What they got, up to two more whole rounds from now.
    pub(crate) async fn end(self) -> Seen {
        let (enough, began) = (self.rounds.load(Ordering::Relaxed) + 2, Instant::now());
        while self.rounds.load(Ordering::Relaxed) < enough {
            assert!(began.elapsed() < PATIENCE, "clients do not get on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.stop.store(true, Ordering::Relaxed);
        self.asking.await.unwrap()
    }
}
