//! Counters, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// All counters of a process.
#[derive(Debug, Default)]
pub struct Metrics {
    classes: [AtomicU64; 6],
    dropped: AtomicU64,
    polls: AtomicU64,
    polls_failed: AtomicU64,
    reports_failed: AtomicU64,
    connections: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, status: u16) {
        if let Some(class) = self.classes.get(usize::from(status / 100)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A line of the log was dropped.
    pub fn log_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// The snapshot was asked for.
    pub fn polled(&self, answered: bool) {
        self.polls.fetch_add(1, Ordering::Relaxed);
        self.polls_failed.fetch_add(u64::from(!answered), Ordering::Relaxed);
    }

    /// What is served was to be reported.
    pub fn reported(&self, answered: bool) {
        self.reports_failed.fetch_add(u64::from(!answered), Ordering::Relaxed);
    }

    /// A snapshot was refused, for this reason.
    pub fn refused(&self, code: &'static str) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    /// A connection was opened.
    pub fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// All of them, with the generation that is served and when it was made, in seconds since 1970.
    pub fn text(&self, generation: u64, published_at: i64, tenants: usize) -> String {
        let mut text = String::new();
        let mut put = |name: &str, kind: &str, help: &str, rows: &[(String, u64)]| {
            text += &format!("# HELP router_{name} {help}\n# TYPE router_{name} {kind}\n");
            for (labels, value) in rows {
                text += &format!("router_{name}{labels} {value}\n");
            }
        };
        let one = |value: u64| vec![(String::new(), value)];
        let of = |counter: &AtomicU64| one(counter.load(Ordering::Relaxed));
        put("routing_generation", "gauge", "Generation of the snapshot that is served; 0 is none.", &one(generation));
        let at = u64::try_from(published_at).unwrap_or_default();
        put("routing_published_timestamp_seconds", "gauge", "When that snapshot was made.", &one(at));
        put("routing_tenants", "gauge", "Tenants in that snapshot.", &one(tenants as u64));
        put("routing_polls_total", "counter", "Times the snapshot was asked for.", &of(&self.polls));
        put("routing_polls_failed_total", "counter", "Times there was no answer.", &of(&self.polls_failed));
        let failed = of(&self.reports_failed);
        put("routing_reports_failed_total", "counter", "Reports of what is served that were not taken.", &failed);
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let refused: Vec<_> = refused.iter().map(|(code, count)| (format!("{{reason=\"{code}\"}}"), *count)).collect();
        put("routing_refused_total", "counter", "Snapshots that were refused.", &refused);
        let classes = self.classes.iter().enumerate().skip(1);
        let classes: Vec<_> =
            classes.map(|(class, count)| (format!("{{class=\"{class}xx\"}}"), count.load(Ordering::Relaxed))).collect();
        put("requests_total", "counter", "Requests by class of status.", &classes);
        put("connections_total", "counter", "Connections that were opened.", &of(&self.connections));
        put("log_dropped_total", "counter", "Lines of the access log that were dropped.", &of(&self.dropped));
        text
    }
}
