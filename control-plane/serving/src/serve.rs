//! Connections, their limits and their end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, HeaderValue};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use crate::answer::Answer;
use crate::asked::Asked;
use crate::log::Log;
use crate::settings::Common;

/// Largest head of a request, in bytes, and most headers; more is answered with 431.
const HEAD_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// For the head of a request, also of the next one of a connection: longer than the 60 s after which a load balancer lets go
/// of a connection that nobody uses, so that it is never us who do (ELB: 502 otherwise).
const HEAD_TIME: Duration = Duration::from_secs(75);
/// What waits to be accepted.
const BACKLOG: u32 = 1024;
/// After a failed accept, most often for want of descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// What a service answers: a function of the head of a request, of what it holds, and of the time.
pub trait Service: Send + Sync + 'static {
    /// The answer to a GET or a HEAD.
    fn answer(&self, asked: &Asked, now: Timestamp) -> Answer;
}

/// Serves until SIGTERM or SIGINT, and then until every request is answered or the time for that is over. `beside` goes on
/// meanwhile, and never ends by itself.
///
/// # Errors
/// The port cannot be had.
pub async fn run(
    common: Common,
    service: Arc<dyn Service>,
    log: Log,
    beside: impl Future<Output = ()>,
) -> io::Result<()> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let listener = listener(common.listen)?;
    log.event("listen", &format!("on {}", listener.local_addr()?));
    let (told, stop) = watch::channel(false);
    let serving = serve(listener, common, service, log.clone(), stop);
    tokio::pin!(serving, beside);
    tokio::select! {
        () = &mut serving => {}
        () = &mut beside => {}
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    log.event("stop", "no new connections; requests that are under way are answered");
    told.send_replace(true);
    serving.await;
    Ok(())
}

/// A listener.
///
/// # Errors
/// The port cannot be had.
pub fn listener(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

/// Serves until it is told to stop, and then until every request is answered or the time for that is over.
pub async fn serve(
    listener: TcpListener,
    common: Common,
    service: Arc<dyn Service>,
    log: Log,
    mut stop: watch::Receiver<bool>,
) {
    let (graceful, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(common.connections)));
    let name: Arc<str> = common.service().into();
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_MAX).max_headers(HEADERS_MAX);
    while !*stop.borrow_and_update() {
        let (place, (stream, peer)) = tokio::select! {
            accepted = accept(&listener, &places) => match accepted {
                Some(accepted) => accepted,
                None => {
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
            _ = stop.changed() => continue,
        };
        // Without it an answer waits for the acknowledgement of its head; nothing is lost where it cannot be set.
        drop(stream.set_nodelay(true));
        let (service, log, name, watcher) = (Arc::clone(&service), log.clone(), Arc::clone(&name), graceful.watcher());
        let (builder, peer) = (builder.clone(), peer.ip().to_canonical());
        tokio::spawn(async move {
            let answer = service_fn(|request: Request<Incoming>| {
                let response = answered(service.as_ref(), &log, &name, peer, request);
                async move { Ok::<_, std::convert::Infallible>(response) }
            });
            // A client that breaks off is its own affair.
            drop(watcher.watch(builder.serve_connection(TokioIo::new(stream), answer)).await);
            drop(place);
        });
    }
    drop(listener);
    drop(tokio::time::timeout(common.drain, graceful.shutdown()).await);
}

type Place = tokio::sync::OwnedSemaphorePermit;

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(Place, (tokio::net::TcpStream, SocketAddr))> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    Some((place, listener.accept().await.ok()?))
}

/// Answers one request and writes its line.
fn answered(
    service: &dyn Service,
    log: &Log,
    name: &str,
    client: IpAddr,
    request: Request<Incoming>,
) -> http::Response<http_body_util::Full<bytes::Bytes>> {
    let asked = Asked::of(request.into_parts().0, name);
    let answer = judged(service, &asked);
    log.request(client, &asked.method, &answer, answer.body.len());
    answer.response()
}

fn judged(service: &dyn Service, asked: &Asked) -> Answer {
    if asked.too_long {
        return Answer::problem(StatusCode::URI_TOO_LONG, "too_long", "the target of the request is too long");
    }
    if asked.method != Method::GET && asked.method != Method::HEAD {
        let refused = Answer::problem(StatusCode::METHOD_NOT_ALLOWED, "read_only", "this service only reads");
        return refused.with(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    service.answer(asked, Timestamp::now())
}

#[cfg(test)]
mod tests;
