//! What went wrong with one attempt, and what that means for the next: the difference between "it did not
//! happen" and "it may have happened" is what keeps a write from being made twice.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use crate::ports::{Fault, PortError};

/// The longest that GitHub may tell us to wait. Beyond it the caller should know, rather than a runner sleep.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// What GitHub's documentation asks for when a limit is hit and no header says how long.
const WAIT_UNTOLD: Duration = Duration::from_secs(60);

/// One attempt that failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// What the caller will be told if this was the last attempt.
    pub(super) error: PortError,
    /// What another attempt would meet.
    pub(super) outlook: Outlook,
    /// The answer's status, if there was an answer.
    pub(super) status: Option<StatusCode>,
}

/// What another attempt would meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// The same answer.
    Same,
    /// Nothing happened, and after this time it may be asked again.
    After(Duration),
    /// Nobody knows whether it happened.
    Unknown,
}

impl Failure {
    /// A failure without an answer: refused, reset, timed out.
    pub(super) fn unanswered(doing: &str, why: impl std::fmt::Display) -> Self {
        Self { error: PortError::new(Fault::Unavailable, doing, why), outlook: Outlook::Unknown, status: None }
    }

    /// An answer that asking again would not change.
    pub(super) fn refused(doing: &str, why: impl std::fmt::Display) -> Self {
        Self { error: PortError::new(Fault::Refused, doing, why), outlook: Outlook::Same, status: None }
    }

    /// What an answer that is no success means.
    pub(super) fn answered(doing: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let mut outlook = outlook(status, headers, body);
        let mut why = words(status, headers, body);
        let mut fault = fault(status, outlook);
        if let Outlook::After(wait) = outlook
            && wait > LONGEST_WAIT
        {
            (outlook, fault) = (Outlook::Same, Fault::Unavailable);
            why = format!("{why}; it says to wait {} s, which is longer than is waited here", wait.as_secs());
        }
        Self { error: PortError::new(fault, doing, why), outlook, status: Some(status) }
    }

    /// A limit, told in the body of an answer that is a success: GraphQL's way.
    pub(super) fn limited(doing: &str, why: impl std::fmt::Display, headers: &HeaderMap) -> Self {
        let outlook = match told_to_wait(headers).unwrap_or(WAIT_UNTOLD) {
            wait if wait > LONGEST_WAIT => Outlook::Same,
            wait => Outlook::After(wait),
        };
        Self { error: PortError::new(Fault::Unavailable, doing, why), outlook, status: None }
    }

    /// Whether the answer had this status.
    pub(super) fn is(&self, status: StatusCode) -> bool {
        self.status == Some(status)
    }
}

fn fault(status: StatusCode, outlook: Outlook) -> Fault {
    match outlook {
        Outlook::After(_) | Outlook::Unknown => Fault::Unavailable,
        Outlook::Same if status == StatusCode::CONFLICT => Fault::Conflict,
        Outlook::Same => Fault::Refused,
    }
}

fn outlook(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Outlook {
    match status {
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => match told_to_wait(headers) {
            Some(wait) => Outlook::After(wait),
            None if status == StatusCode::TOO_MANY_REQUESTS || is_about_a_limit(body) => Outlook::After(WAIT_UNTOLD),
            None => Outlook::Same,
        },
        StatusCode::REQUEST_TIMEOUT => Outlook::Unknown,
        _ if status.is_server_error() => Outlook::Unknown,
        _ => Outlook::Same,
    }
}

/// A permission that is missing is a 403 too: only its words differ from those of a secondary limit.
fn is_about_a_limit(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).to_lowercase().contains("rate limit")
}

fn told_to_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |name: &str| text(name).and_then(|value| value.trim().parse::<i64>().ok());
    if let Some(seconds) = number("retry-after") {
        return Some(seconds_from(seconds));
    }
    if number("x-ratelimit-remaining") != Some(0) {
        return None;
    }
    // The reset is an instant by GitHub's clock, and so is the answer's date: ours is not asked.
    let reset = number("x-ratelimit-reset")?;
    let now: Timestamp = jiff::fmt::rfc2822::parse(text("date")?).ok()?.timestamp();
    Some(seconds_from(reset - now.as_second() + 1))
}

fn seconds_from(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// What GitHub said, on one line, with its request id.
fn words(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
    let said = match serde_json::from_slice::<Value>(body) {
        Ok(body) => said(&body),
        Err(_) if body.is_empty() => "no words".to_owned(),
        Err(_) => "an answer that is not JSON".to_owned(),
    };
    let id = headers.get("x-github-request-id").and_then(|value| value.to_str().ok());
    let id = id.map(|id| format!(" (request {id})")).unwrap_or_default();
    format!("HTTP {}: {said}{id}", status.as_u16())
}

/// The message and, where there are any, the fields at fault.
fn said(body: &Value) -> String {
    let message = body["message"].as_str().unwrap_or("no message");
    let details = body["errors"].as_array().into_iter().flatten();
    let details = details.filter_map(|error| error["message"].as_str().or(error["code"].as_str()).or(error.as_str()));
    let parts: Vec<&str> = std::iter::once(message).chain(details).collect();
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Failure {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Failure::answered("asking", StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn limits_wait_as_told() {
        let after = |seconds| Outlook::After(Duration::from_secs(seconds));
        let limit = r#"{"message":"You have exceeded a secondary rate limit."}"#;
        assert_eq!(failure(403, &[("retry-after", "7")], limit).outlook, after(7));
        assert_eq!(failure(403, &[], limit).outlook, after(60));
        assert_eq!(failure(429, &[], "").outlook, after(60));
        let reset = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1795507300"),
            ("date", "Tue, 24 Nov 2026 08:00:00 GMT"),
        ];
        assert_eq!(failure(403, &reset, limit).outlook, after(1_795_507_300 - 1_795_507_200 + 1));
    }

    #[test]
    fn an_hour_is_not_waited_for() {
        let failure = failure(403, &[("retry-after", "3600")], "{}");
        assert_eq!((failure.outlook, failure.error.fault), (Outlook::Same, Fault::Unavailable));
        assert!(failure.error.why.contains("wait 3600 s"), "{}", failure.error);
    }

    #[test]
    fn a_missing_permission_is_no_limit() {
        let body = r#"{"message":"Resource not accessible by integration"}"#;
        let failure = failure(403, &[("x-github-request-id", "A:1")], body);
        assert_eq!((failure.outlook, failure.error.fault), (Outlook::Same, Fault::Refused));
        insta::assert_snapshot!(failure.error, @"asking: HTTP 403: Resource not accessible by integration (request A:1)");
    }

    #[test]
    fn a_server_error_leaves_doubt() {
        assert_eq!(failure(502, &[], "<html>").outlook, Outlook::Unknown);
        assert_eq!(failure(409, &[], "{}").error.fault, Fault::Conflict);
        let body =
            r#"{"message":"Validation Failed","errors":[{"code":"custom","message":"description is too long"}]}"#;
        insta::assert_snapshot!(failure(422, &[], body).error, @"asking: HTTP 422: Validation Failed; description is too long");
    }
}
