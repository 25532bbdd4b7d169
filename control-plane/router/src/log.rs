//! The access log: one line of JSON for each request, written by a thread of its own, so that a slow disk or pipe slows no
//! request. It looks for lines a few times a second and is not woken by them, which would cost a request more than its line.
//! When it cannot keep up, lines are dropped and counted.
//!
//! What stands in it is listed in `Entry`: no query, no header but the host, nothing of a body. So no token and no cookie.

use std::fmt;
use std::io::Write;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use http::HeaderValue;
use jiff::Timestamp;
use serde::Serialize;

use crate::metrics::Metrics;

/// Bytes of lines that may wait: two seconds of a busy router.
const WAITING: usize = 16 * 1024 * 1024;

/// How long a line waits at most, while what it goes to takes lines.
const EVERY: Duration = Duration::from_millis(100);

/// Bytes of a usual line.
const LINE: usize = 384;

/// Longest host or path in a line, in bytes.
const TEXT_MAX: usize = 512;

/// Where lines go.
#[derive(Clone, Debug)]
pub struct Log {
    lines: Arc<Lines>,
    metrics: Arc<Metrics>,
}

/// Lines that wait, and where they go.
struct Lines {
    waiting: Mutex<Vec<u8>>,
    to: Mutex<Box<dyn Write + Send>>,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lines")
    }
}

impl Lines {
    /// Puts a line to those that wait; not if there are too many.
    fn put(&self, line: &[u8]) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = waiting.len() + line.len() < WAITING;
        if fits {
            waiting.extend_from_slice(line);
            waiting.push(b'\n');
        }
        fits
    }

    /// Writes all that wait. Who holds the writer takes the lines, so that none overtakes another.
    fn write(&self, spare: &mut Vec<u8>) {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        spare.clear();
        std::mem::swap(spare, &mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        // There is nobody to tell that the log cannot be written.
        drop(to.write_all(spare).and_then(|()| to.flush()));
    }
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
        let lines = Arc::new(Lines { waiting: Mutex::default(), to: Mutex::new(Box::new(to)) });
        let written = Arc::downgrade(&lines);
        std::thread::spawn(move || write(&written));
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
        self.send(&serde_json::json!({"time": time, "event": event, "what": what}));
    }

    /// Writes what waits, before the process ends.
    pub fn flush(&self) {
        self.lines.write(&mut Vec::new());
    }

    fn send(&self, line: &impl Serialize) {
        let mut text = Vec::with_capacity(LINE);
        if serde_json::to_writer(&mut text, line).is_ok() && !self.lines.put(&text) {
            self.metrics.log_dropped();
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.log.metrics.answered(self.status);
        self.log.send(&Line {
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
        });
    }
}

fn cut(text: &str) -> &str {
    let end = (0..=TEXT_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// Writes what waits until nobody is left who logs.
fn write(lines: &Weak<Lines>) {
    let mut spare = Vec::new();
    while let Some(lines) = lines.upgrade() {
        lines.write(&mut spare);
        drop(lines);
        std::thread::sleep(EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes lines when it is let.
    struct Gate(Arc<Mutex<Vec<u8>>>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_wait_in_order_and_are_dropped_when_too_many_do() {
        let (taken, metrics) = (Arc::default(), Arc::new(Metrics::default()));
        let log = Log::into(Gate(Arc::clone(&taken)), Arc::clone(&metrics));
        let stuck = taken.lock().unwrap();
        let long = "x".repeat(1024 * 1024);
        for number in 0..40 {
            log.event(&number.to_string(), &long);
        }
        drop(stuck);
        log.flush();
        let written = taken.lock().unwrap();
        let lines: Vec<&str> = std::str::from_utf8(&written).unwrap().lines().collect();
        let numbers: Vec<u32> = lines
            .iter()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].as_str().unwrap().parse().unwrap()
            })
            .collect();
        assert!(numbers.is_sorted() && numbers.len() >= 15 && numbers.len() < 40, "{numbers:?}");
        let dropped = format!("router_log_dropped_total {}", 40 - numbers.len());
        assert!(metrics.text(0, 0, 0).contains(&dropped), "{dropped}");
    }
}
