//! What comes over a connection, byte by byte: limits are answered as such, and the end of a service leaves nobody
//! half-answered.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;
use crate::settings::Settings;

struct Echo;

impl Service for Echo {
    fn answer(&self, asked: &Asked, _: Timestamp) -> Answer {
        Answer::json(StatusCode::OK, &asked.path)
    }
}

struct Running {
    at: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

fn start() -> Running {
    let nothing = |_: &str| None;
    let common = Settings::new("X", &nothing).common("echo").unwrap();
    let listener = listener(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, told) = watch::channel(false);
    let served = tokio::spawn(serve(listener, common, Arc::new(Echo), Log::into(io::sink()), told));
    Running { at, stop, served }
}

/// Everything that is answered to these bytes until the connection ends.
async fn said(at: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // A service that refuses early may close before all of it is written.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

fn request(line: &str, headers: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n").into_bytes()
}

#[tokio::test]
async fn what_is_too_large_or_no_request_is_told_so_and_the_next_one_is_answered() {
    let running = start();
    let long = "x".repeat(20_000);
    let many = "a: b\r\n".repeat(70);
    for (bytes, status) in [
        (request("GET /echo/a", ""), "200"),
        (request(&format!("GET /{}", &long[..3_000]), ""), "414"),
        (request("GET /", &format!("x: {long}\r\n")), "431"),
        (request("GET /", &many), "431"),
        (request("POST /", "content-length: 3\r\n"), "405"),
        (request("TRACE /", ""), "405"),
        (b"\x16\x03\x01 no request\r\n\r\n".to_vec(), "400"),
        (request("GET /a", ""), "200"),
    ] {
        let answer = said(running.at, &bytes).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
    }
    let answer = said(running.at, &request("GET /echo/a%20b", "")).await;
    assert!(answer.ends_with("[\"a b\"]"), "{answer}");
    for header in ["cache-control: private, no-cache", "x-content-type-options: nosniff", "vary: authorization"] {
        assert!(answer.contains(header), "{header}: {answer}");
    }
}

#[tokio::test]
async fn a_head_is_answered_without_a_body() {
    let running = start();
    let answer = said(running.at, &request("HEAD /a", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n"), "{answer}");
}

/// A connection that waits for nothing ends at once; one whose request has begun is answered first.
#[tokio::test]
async fn at_its_end_it_answers_what_has_begun_and_takes_nothing_more() {
    let running = start();
    let (mut idle, mut begun) =
        (TcpStream::connect(running.at).await.unwrap(), TcpStream::connect(running.at).await.unwrap());
    idle.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    begun.write_all(b"GET /b HTTP/1.1\r\nhost: x\r\n\r\nGET /c HT").await.unwrap();
    begun.read_exact(&mut first).await.unwrap();
    running.stop.send_replace(true);
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    drop(begun);
    running.served.await.unwrap();
    assert!(TcpStream::connect(running.at).await.is_err(), "nobody listens any more");
}
