//! Listeners, connections and their end.
//!
//! One thread a processor, each with a runtime, a listener and a pool of connections to backends of its own (SO_REUSEPORT):
//! nothing is shared between them but the routes, so that none waits for another.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

use crate::forward::{Backends, Router, Shared};
use crate::watched::{Fault, Watched};

/// Largest head of a request, in bytes.
const HEAD_MAX: usize = 32 * 1024;
/// For the head of a request, also of the next one of a connection: longer than the 60 s after which a load balancer lets go
/// of a connection that nobody uses, so that it is never us who do (ELB: 502 otherwise).
const HEAD_TIME: Duration = Duration::from_secs(75);
/// To reach a backend.
const CONNECT: Duration = Duration::from_secs(3);
/// After which we let go of a connection to a backend: before a load balancer there would.
const POOL_IDLE: Duration = Duration::from_secs(50);
/// Connections to one backend that are kept, of one worker.
const POOL_MAX: usize = 256;
/// Requests at once on one connection of HTTP/2.
const STREAMS_MAX: u32 = 128;
/// What waits to be accepted.
const BACKLOG: u32 = 1024;
/// How often a connection of HTTP/2 is asked whether it is alive, and how long it may take to say so.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// After a failed accept, most often for want of descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// The way to backends, over HTTP/1.1: a load balancer gains nothing by HTTP/2 behind it, and a WebSocket needs it.
#[derive(Clone)]
pub struct Pool(Client<HttpsConnector<HttpConnector>, Watched<Incoming>>);

impl Pool {
    /// A pool of its own.
    ///
    /// # Errors
    /// The machine has no certificates that could be trusted.
    pub fn new() -> io::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let tls = hyper_rustls::HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_MAX)
            .set_host(false)
            .build(tls.wrap_connector(tcp));
        Ok(Self(client))
    }
}

impl Backends<Incoming> for Pool {
    type Body = Incoming;

    async fn send(&self, request: Request<Watched<Incoming>>) -> Result<Response<Incoming>, Fault> {
        Ok(self.0.request(request).await?)
    }
}

/// A listener that others of this process may share the port with.
///
/// # Errors
/// The port cannot be had.
pub fn listener(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

/// Serves until it is told to stop, and then until every request is answered or the time for that is over.
pub async fn serve(
    listener: TcpListener,
    router: Arc<Router<Pool>>,
    connections: usize,
    mut stop: watch::Receiver<bool>,
    drain: Duration,
) {
    let (graceful, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(connections)));
    let (builder, idle) = (Arc::new(builder()), router.shared.bounds.idle);
    while !*stop.borrow_and_update() {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream, peer) = tokio::select! {
            // The semaphore is never closed.
            accepted = next => match accepted {
                (Ok(place), Ok((stream, peer))) => (place, stream, peer),
                (_, Err(_)) | (Err(_), _) => {
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
            _ = stop.changed() => continue,
        };
        // Without it an answer waits for the acknowledgement of its head; nothing is lost where it cannot be set.
        drop(stream.set_nodelay(true));
        router.shared.metrics.connected();
        let (router, builder, watcher) = (Arc::clone(&router), Arc::clone(&builder), graceful.watcher());
        let peer: IpAddr = peer.ip().to_canonical();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let router = Arc::clone(&router);
                async move { Ok::<_, std::convert::Infallible>(router.handle(request, peer).await) }
            });
            // Who does not take its answer keeps a backend's connection and a place of ours.
            let mut stream = TimeoutStream::new(stream);
            stream.set_write_timeout(Some(idle));
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(Box::pin(stream)), service);
            // A client that breaks off is its own affair; the log has its requests.
            drop(watcher.watch(connection).await);
            drop(place);
        });
    }
    drop(listener);
    drop(tokio::time::timeout(drain, graceful.shutdown()).await);
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_MAX as u32)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    builder
}

/// Serves `/metrics` and `/healthz` on a port that no load balancer leads to.
pub async fn watchers(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let answer = shared.watched(request.uri().path());
                async move { Ok::<_, std::convert::Infallible>(answer.map(http_body_util::Full::new)) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME)
                .serve_connection(TokioIo::new(stream), service);
            drop(connection.await);
        });
    }
}
