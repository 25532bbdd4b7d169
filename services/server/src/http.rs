//! As much HTTP/1.1 as a health check and a curious person need: one request a connection.
//!
//! Everything a client controls has a limit: the size of a request head, the time to send it,
//! the connections at once. A stand-in that a slow client can stop would fail tests for the
//! wrong reason.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::answer::{Answer, Responder};

const HEAD_BYTES_MAX: usize = 8 * 1024;
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
const CONNECTIONS_MAX: usize = 64;
/// A failed `accept` (no descriptors left, most often) is not to become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves for ever.
pub fn serve(listener: &TcpListener, responder: Arc<Responder>) -> ! {
    // Each connection holds a clone, so the count of owners is the count of connections.
    loop {
        match listener.accept() {
            Ok((stream, _)) if Arc::strong_count(&responder) <= CONNECTIONS_MAX => {
                let responder = Arc::clone(&responder);
                thread::spawn(move || converse(stream, &responder));
            }
            Ok(refused) => drop(refused),
            Err(_) => thread::sleep(ACCEPT_PAUSE),
        }
    }
}

/// One request, one answer. A client that went away is its own affair.
fn converse(mut stream: TcpStream, responder: &Responder) {
    let answer = match read_target(&mut stream, Instant::now() + HEAD_TIME_MAX) {
        Ok(path) => responder.answer(&path),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Answer { status: 400, body: format!("{error}\n"), after: Duration::ZERO }
        }
        Err(_) => return,
    };
    thread::sleep(answer.after);
    drop(stream.write_all(&encode(&answer)));
}

/// Reads the whole head and returns the request target; a body, if any, is left unread.
fn read_target(stream: &mut TcpStream, deadline: Instant) -> io::Result<String> {
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() > HEAD_BYTES_MAX {
            return Err(invalid("request head too large"));
        }
        let left = deadline.checked_duration_since(Instant::now()).ok_or(io::ErrorKind::TimedOut)?;
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => head.extend_from_slice(&chunk[..n]),
        }
    }
    target(&head).ok_or_else(|| invalid("not a request"))
}

/// `GET /path HTTP/1.1` -> `/path`.
fn target(head: &[u8]) -> Option<String> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(_), Some(path), Some(version), None) if version.starts_with("HTTP/1.") => Some(path.to_owned()),
        _ => None,
    }
}

fn encode(answer: &Answer) -> Vec<u8> {
    let reason = match answer.status {
        200 => "OK",
        400 => "Bad Request",
        _ => "Internal Server Error",
    };
    let (status, length) = (answer.status, answer.body.len());
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{}",
        answer.body
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_the_second_word_of_a_request() {
        assert_eq!(target(b"GET /a/healthz HTTP/1.1\r\nHost: x\r\n\r\n").as_deref(), Some("/a/healthz"));
        for not_a_request in [&b"GET /a\r\n\r\n"[..], b"GET /a b HTTP/1.1\r\n", b"\xff / HTTP/1.1\r\n", b""] {
            assert_eq!(target(not_a_request), None);
        }
    }

    #[test]
    fn an_answer_states_its_length() {
        let answer = Answer { status: 500, body: "{}\n".to_owned(), after: Duration::ZERO };
        let text = String::from_utf8_lossy(&encode(&answer)).into_owned();
        assert!(text.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
        assert!(text.contains("Content-Length: 3\r\n") && text.ends_with("\r\n\r\n{}\n"));
    }
}
