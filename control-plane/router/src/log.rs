//! The access log: one line of JSON for each request, written by a thread of its own, so that a slow disk or pipe slows no
//! request. When it cannot keep up, lines are dropped and counted.
//!
//! What stands in it is listed in `Entry`: no query, no header but the host, nothing of a body. So no token and no cookie.

use std::io::{BufWriter, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use http::HeaderValue;
use jiff::Timestamp;
use serde::Serialize;

use crate::metrics::Metrics;

/// Lines that may wait.
const WAITING: usize = 16 * 1024;

/// Longest host or path in a line, in bytes.
const TEXT_MAX: usize = 512;

/// Where lines go.
#[derive(Clone, Debug)]
pub struct Log {
    lines: SyncSender<Vec<u8>>,
    metrics: Arc<Metrics>,
}

/// A request from its head to the end of its answer; its line is written when it is dropped.
#[derive(Debug)]
pub struct Entry {
    /// Its id.
    pub id: HeaderValue,
    /// Who asked.
    pub client: IpAddr,
    /// How, and of which version of HTTP.
    pub method: http::Method,
    /// Of which version of HTTP.
    pub version: http::Version,
    /// The host that it asked for.
    pub host: String,
    /// The path, without query.
    pub path: String,
    /// The tenant that it went to.
    pub tenant: Option<String>,
    /// The generation of the routes by which it went.
    pub generation: u64,
    /// The answer's status.
    pub status: u16,
    /// Why it was not passed on, or how it broke off.
    pub why: Option<&'static str>,
    /// Bytes of the answer's body.
    pub bytes: u64,
    started: Instant,
    log: Log,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    id: &'a str,
    client: IpAddr,
    method: &'a str,
    version: &'a str,
    host: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    generation: u64,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    bytes: u64,
    ms: f64,
}

impl Log {
    /// A log into this, from a thread of its own.
    pub fn into(to: impl Write + Send + 'static, metrics: Arc<Metrics>) -> Self {
        let (lines, waiting) = sync_channel(WAITING);
        std::thread::spawn(move || write(&waiting, to));
        Self { lines, metrics }
    }

    /// A request begins.
    pub fn begin(&self, id: HeaderValue, client: IpAddr, parts: &http::request::Parts) -> Entry {
        Entry {
            id,
            client,
            method: parts.method.clone(),
            version: parts.version,
            host: String::new(),
            path: cut(parts.uri.path()).to_owned(),
            tenant: None,
            generation: 0,
            status: 0,
            why: None,
            bytes: 0,
            started: Instant::now(),
            log: self.clone(),
        }
    }

    /// Writes a line of its own kind: what happens to the routes, not to a request.
    pub fn event(&self, event: &str, what: &str) {
        let time = format!("{:.3}", Timestamp::now());
        self.send(serde_json::to_vec(&serde_json::json!({"time": time, "event": event, "what": what})));
    }

    fn send(&self, line: serde_json::Result<Vec<u8>>) {
        if line.is_ok_and(|line| self.lines.try_send(line).is_err()) {
            self.metrics.log_dropped();
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.log.metrics.answered(self.status);
        self.log.send(serde_json::to_vec(&Line {
            time: format!("{:.3}", Timestamp::now()),
            id: self.id.to_str().unwrap_or_default(),
            client: self.client,
            method: self.method.as_str(),
            version: match self.version {
                http::Version::HTTP_2 => "2",
                http::Version::HTTP_10 => "1.0",
                _ => "1.1",
            },
            host: cut(&self.host),
            path: &self.path,
            tenant: self.tenant.as_deref(),
            generation: self.generation,
            status: self.status,
            why: self.why,
            bytes: self.bytes,
            ms: (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e3,
        }));
    }
}

fn cut(text: &str) -> &str {
    let end = (0..=TEXT_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// Writes lines until nobody can send one any more; to the outside whenever none is waiting.
fn write(waiting: &Receiver<Vec<u8>>, to: impl Write) {
    let mut to = BufWriter::with_capacity(64 * 1024, to);
    while let Ok(line) = waiting.recv() {
        let lines = std::iter::once(line).chain(waiting.try_iter());
        for line in lines {
            // There is nobody to tell that the log cannot be written.
            drop(to.write_all(&line).and_then(|()| to.write_all(b"\n")));
        }
        drop(to.flush());
    }
}
