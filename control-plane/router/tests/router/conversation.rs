//! What a router does with requests on the wire: streams, WebSockets, HTTP/2, heads that could be read in two ways, limits,
//! and requests that are under way when it is told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use accessos_routing::State;
use axum::Router;
use axum::body::{Body, Bytes};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::world::{Bucket, PATIENCE, Process, client, shard, snapshot, tenant};

/// A router in front of one tenant, `acme`, at this backend; `zzz` is paused.
async fn router(backend: SocketAddr) -> (Bucket, Process, tempfile::TempDir) {
    router_with(backend, &[]).await
}

async fn router_with(backend: SocketAddr, more: &[(&str, &str)]) -> (Bucket, Process, tempfile::TempDir) {
    let (bucket, state) = (Bucket::open().await, tempfile::tempdir().unwrap());
    let mut paused = tenant("zzz", backend);
    paused.state = State::Paused;
    bucket.publish(&snapshot(1, vec![tenant("acme", backend), paused]));
    let process = Process::start_with(&bucket, state.path(), more).await;
    process.until_generation(1).await;
    (bucket, process, state)
}

/// Sends bytes and reads until the router closes.
async fn raw(address: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    // A connection that is reset has been closed, too: it had bytes that nobody wanted.
    drop(tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("it does not close"));
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn heads_that_could_be_read_in_two_ways_are_refused() {
    let (_bucket, router, _state) = router(shard("one").await).await;
    let bad = [
        "POST / HTTP/1.1\r\nHost: acme.app.example\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: acme.app.example\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: acme.app.example\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: acme.app.example\r\nContent-Length: +1\r\n\r\na",
        "GET / HTTP/1.1\r\nHost: acme.app.example\r\nHost: zzz.app.example\r\n\r\n",
        "GET http://zzz.app.example/ HTTP/1.1\r\nHost: acme.app.example\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: acme.app.example\r\nX: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : acme.app.example\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: acme.app.example\r\n\r\n",
    ];
    for bytes in bad {
        let heard = raw(router.address, bytes).await;
        assert!(heard.starts_with("HTTP/1.1 400"), "{bytes:?}\n{heard}");
        assert!(!heard.contains("evil") && heard.matches("HTTP/1.1").count() == 1, "{bytes:?}\n{heard}");
    }
    // hyper reads chunks then, says nothing of the length to anybody, and closes: RFC 9112, 6.3.
    let both = "POST /a HTTP/1.1\r\nHost: acme.app.example\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: acme.app.example\r\n\r\n";
    let heard = raw(router.address, both).await;
    assert!(heard.contains("acme /a 127.0.0.1 0") && heard.matches("HTTP/1.1").count() == 1, "{heard}");
    let twice = "GET /a HTTP/1.1\r\nHost: acme.app.example\r\n\r\nGET /b HTTP/1.1\r\nHost: zzz.app.example\r\nConnection: close\r\n\r\n";
    let heard = raw(router.address, twice).await;
    assert!(heard.contains("one acme.app.example acme /a") && heard.contains("HTTP/1.1 503"), "{heard}");
    let huge = format!("GET / HTTP/1.1\r\nHost: acme.app.example\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    assert!(raw(router.address, &huge).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET / HTTP/1.1\r\nHost: acme.app.example\r\n{}\r\n", "X: y\r\n".repeat(200));
    assert!(raw(router.address, &many).await.starts_with("HTTP/1.1 431"));
    let chunked = "POST /c HTTP/1.1\r\nHost: acme.app.example\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert!(raw(router.address, chunked).await.contains("acme /c 127.0.0.1 5"), "a plain body of chunks goes through");
}

#[tokio::test]
async fn an_answer_streams_and_so_does_a_request() {
    let (send, receive) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let receive = std::sync::Arc::new(tokio::sync::Mutex::new(Some(receive)));
    let app = Router::new().fallback(move |body: Body| {
        let receive = std::sync::Arc::clone(&receive);
        async move {
            drop(body);
            let receive = receive.lock().await.take().unwrap();
            Body::new(Channel(receive))
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let (_bucket, router, _state) = router(at).await;
    let url = format!("http://{}/events", router.address);
    let mut answer = client().get(url).header("host", "acme.app.example").send().await.unwrap();
    // Each piece comes before the next is sent.
    for piece in ["one", "two"] {
        send.send(Ok(Bytes::from(piece))).await.unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), piece);
    }
    drop(send);
    assert_eq!(answer.chunk().await.unwrap(), None);
}

/// A body out of a channel.
struct Channel(mpsc::Receiver<Result<Bytes, std::io::Error>>);

impl http_body::Body for Channel {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(http_body::Frame::data)))
    }
}

#[tokio::test]
async fn a_websocket_goes_through_both_ways() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(
            head.contains("\r\nupgrade: websocket\r\n") && head.contains("\r\nhost: acme.app.example\r\n"),
            "{head}"
        );
        let switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";
        stream.write_all(switching.as_bytes()).await.unwrap();
        let mut said = [0; 4];
        stream.read_exact(&mut said).await.unwrap();
        stream.write_all(&[b"you said ", &said[..]].concat()).await.unwrap();
    });
    let (_bucket, router, _state) = router(at).await;
    let mut stream = TcpStream::connect(router.address).await.unwrap();
    let ask = "GET /ws HTTP/1.1\r\nHost: acme.app.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        heard.push(stream.read_u8().await.unwrap());
    }
    assert!(String::from_utf8_lossy(&heard).starts_with("HTTP/1.1 101"));
    stream.write_all(b"ping").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "you said ping");
}

#[tokio::test]
async fn http_2_comes_in_and_http_1_goes_out() {
    let (_bucket, router, _state) = router(shard("one").await).await;
    let stream = TcpStream::connect(router.address).await.unwrap();
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let ask = |host: &str| http::Request::get(format!("http://{host}/two?q=1")).body(Empty::<Bytes>::new()).unwrap();
    let answer = send.send_request(ask("acme.app.example")).await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (http::Version::HTTP_2, 200));
    assert!(answer.headers().contains_key("x-request-id"));
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, "one acme.app.example acme /two?q=1 127.0.0.1 0");
    let other = send.send_request(ask("zzz.app.example")).await.unwrap();
    assert_eq!((other.status().as_u16(), other.headers()["retry-after"].to_str().unwrap()), (503, "3600"));
}

#[tokio::test]
async fn what_is_under_way_when_it_is_told_to_stop_is_answered() {
    let (arrived, mut there) = mpsc::channel::<()>(1);
    let app = Router::new().fallback(move || {
        let arrived = arrived.clone();
        async move {
            arrived.send(()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
            "done"
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let (_bucket, mut router, _state) = router(at).await;
    let url = format!("http://{}/slow", router.address);
    let asked = tokio::spawn(async move { client().get(url).header("host", "acme.app.example").send().await });
    there.recv().await.unwrap();
    router.terminate();
    let answer = asked.await.unwrap().unwrap();
    assert_eq!(answer.text().await.unwrap(), "done");
    assert_eq!(router.ended().await, Some(0));
    assert!(TcpStream::connect(router.address).await.is_err());
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_502() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], super::world::port()));
    let (_bucket, router, _state) = router(nobody).await;
    assert_eq!(router.ask("acme.app.example", "/").await.0, 502);
}

#[tokio::test]
async fn who_does_not_take_an_answer_is_let_go() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let backend = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let mut sent = 0;
        // Until the router wants no more of it.
        while stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {
            sent += 16 * 1024;
        }
        sent
    });
    let (_bucket, router, _state) = router_with(at, &[("ROUTER_IDLE_SECONDS", "0.5")]).await;
    let mut stream = TcpStream::connect(router.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: acme.app.example\r\n\r\n").await.unwrap();
    // It reads the beginning and then nothing, and its side stays open.
    stream.read_exact(&mut [0; 16]).await.unwrap();
    let sent = tokio::time::timeout(PATIENCE, backend).await.expect("the answer is still wanted").unwrap();
    assert!(sent < 1_000_000_000, "{sent}");
    drop(stream);
}
