//! What the server says to a request: a pure function of the path, the faults and a counter.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::fault::Faults;
use crate::identity::Identity;

/// A finished answer; `after` is how long it must wait before it is sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub after: Duration,
}

/// Answers for one process.
pub struct Responder {
    identity: Identity,
    faults: Faults,
    /// Requests so far, health aside. Failures follow from it, not from chance: 30 % of 100 is 30.
    requests: AtomicU64,
}

impl Responder {
    pub fn new(identity: Identity, faults: Faults) -> Self {
        Self { identity, faults, requests: AtomicU64::new(0) }
    }

    /// The answer to one request for `path`.
    pub fn answer(&self, path: &str) -> Answer {
        let health = path.split('?').next().unwrap_or_default().ends_with("/healthz");
        let failing = self.faults.never_healthy || (!health && self.next_fails());
        let state = match (health, failing) {
            (_, true) => Some("error"),
            (true, false) => Some("ok"),
            (false, false) => None,
        };
        Answer { status: if failing { 500 } else { 200 }, body: json(&self.identity, state), after: self.faults.slow }
    }

    /// Spreads failures evenly: a request fails when it brings the share owed to the next whole one.
    fn next_fails(&self) -> bool {
        let owed = |requests: u64| requests * u64::from(self.faults.errors_percent) / 100;
        let before = self.requests.fetch_add(1, Ordering::Relaxed);
        owed(before + 1) > owed(before)
    }
}

fn json(identity: &Identity, status: Option<&str>) -> String {
    let mut fields = vec![
        ("service", identity.service.as_str()),
        ("tenant", &identity.tenant),
        ("fleet", &identity.fleet),
        ("version", &identity.version),
    ];
    fields.extend(status.map(|status| ("status", status)));
    let members: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}:{}", json_string(name), json_string(value))).collect();
    format!("{{{}}}\n", members.join(","))
}

fn json_string(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // Writing to a String cannot fail.
            c if c.is_control() => drop(write!(quoted, "\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn responder(faults: Faults) -> Responder {
        let identity = Identity::from_env(|name| Some(name.to_lowercase()));
        Responder::new(identity, faults)
    }

    #[test]
    fn health_has_a_status_and_other_paths_have_none() {
        let fine = responder(Faults::default());
        let health = fine.answer("/iam-service/healthz?deep=1");
        assert_eq!(health.status, 200);
        assert_eq!(
            health.body,
            "{\"service\":\"service\",\"tenant\":\"tenant\",\"fleet\":\"fleet\",\"version\":\"version\",\"status\":\"ok\"}\n"
        );
        assert!(!fine.answer("/").body.contains("status"));
    }

    #[test]
    fn never_healthy_fails_everywhere() {
        let sick = responder(Faults { never_healthy: true, ..Faults::default() });
        assert_eq!((sick.answer("/healthz").status, sick.answer("/").status), (500, 500));
    }

    #[test]
    fn errors_are_an_exact_share_and_spare_health() {
        let flaky = responder(Faults { errors_percent: 30, ..Faults::default() });
        let failed = (0..100).filter(|_| flaky.answer("/").status == 500).count();
        assert_eq!(failed, 30);
        assert!((0..100).all(|_| flaky.answer("/healthz").status == 200));
    }

    #[test]
    fn values_are_quoted_as_json() {
        assert_eq!(json_string("a\"b\\c\n"), r#""a\"b\\c\u000a""#);
    }
}
