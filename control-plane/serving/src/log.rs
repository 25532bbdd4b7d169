//! One line of JSON for each request, and one for what happens besides. A line has no header, no query and no body of a
//! request in it, so no secret gets there; a path only as far as it is known here.

use std::io::{BufWriter, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use jiff::Timestamp;
use serde_json::json;

/// Lines that wait to be written; more are dropped, so that a log that cannot be written stops nobody.
const WAITING: usize = 4096;

/// Where lines go.
#[derive(Clone, Debug)]
pub struct Log(SyncSender<Vec<u8>>);

impl Log {
    /// A log into this, from a thread of its own.
    pub fn into(to: impl Write + Send + 'static) -> Self {
        let (lines, waiting) = sync_channel(WAITING);
        std::thread::spawn(move || write(&waiting, to));
        Self(lines)
    }

    /// What happens, in words.
    pub fn event(&self, event: &str, what: &str) {
        self.send(&json!({"time": time(), "event": event, "what": what}));
    }

    /// A request that was answered.
    pub fn request(&self, client: std::net::IpAddr, method: &http::Method, answer: &crate::Answer, bytes: usize) {
        // A method that is none of the usual is a text from outside.
        let method = if ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method.as_str()) {
            method.as_str()
        } else {
            "other"
        };
        let (status, whose, why) = (answer.status.as_u16(), &answer.whose, answer.why);
        self.send(&json!({
            "time": time(), "client": client, "method": method, "status": status, "whose": whose, "why": why, "bytes": bytes,
        }));
    }

    fn send(&self, line: &serde_json::Value) {
        // Too many wait already, or nobody writes any more: the line is dropped.
        drop(self.0.try_send(line.to_string().into_bytes()));
    }
}

fn time() -> String {
    format!("{:.3}", Timestamp::now())
}

/// Writes lines until nobody can send one any more; to the outside whenever none is waiting.
fn write(waiting: &Receiver<Vec<u8>>, to: impl Write) {
    let mut to = BufWriter::with_capacity(64 * 1024, to);
    while let Ok(line) = waiting.recv() {
        for line in std::iter::once(line).chain(waiting.try_iter()) {
            // There is nobody to tell that the log cannot be written.
            drop(to.write_all(&line).and_then(|()| to.write_all(b"\n")));
        }
        drop(to.flush());
    }
}
