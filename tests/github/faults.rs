//! What can go wrong at GitHub, as values. A fault waits until a request matches it, bends that
//! request's answer, and is used up after `times` requests.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;

use super::wire::answer::Answer;
use super::wire::call::Call;

#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) method: Method,
    /// Matched against the path; for GraphQL also against the text of the query, so that
    /// `updateRefs` hits just that mutation. A `$` at the end stands for the end of the path, so
    /// that `/deployments$` spares the statuses.
    pub(crate) path_contains: String,
    pub(crate) kind: FaultKind,
    pub(crate) times: usize,
}

impl Fault {
    pub(crate) fn once(method: Method, path_contains: &str, kind: FaultKind) -> Self {
        Self { method, path_contains: path_contains.to_owned(), kind, times: 1 }
    }

    pub(crate) fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    fn matches(&self, call: &Call) -> bool {
        let method = self.times > 0 && self.method == call.method;
        method && self.is_at(call) && self.kind.can_bend(call)
    }

    fn is_at(&self, call: &Call) -> bool {
        if let Some(end) = self.path_contains.strip_suffix('$') {
            return call.path.ends_with(end);
        }
        let query = call.text("query").filter(|_| call.is_graphql());
        let mut places = [Some(call.path.as_str()), query].into_iter().flatten();
        places.any(|place| place.contains(&self.path_contains))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// This status, and no effect.
    Status(u16),
    /// The effect, and then 502 all the same.
    BadGatewayAfterEffect,
    /// 403 for going too fast, with or without `retry-after` in seconds, and no effect.
    SecondaryLimit { retry_after: Option<u64> },
    /// 429 for going too fast, and no effect.
    TooManyRequests { retry_after: Option<u64> },
    /// 403 with nothing left of the hourly budget, which comes back in so many seconds.
    PrimaryLimit { reset_in: u64 },
    /// The connection is reset, and no effect.
    Reset,
    /// The effect, and then the connection is reset.
    ResetAfterEffect,
    /// The right answer, late.
    Delay(Duration),
    /// HTTP 200 whose body is GraphQL errors of this type, and no effect. GitHub's own trouble has no type: "".
    GraphqlErrors { kind: String, message: String },
    /// The newest status in the list says `waiting`, which REST's own description does not know.
    WaitingStatus,
    /// The newest deployment is missing from the list.
    StaleList,
    /// The page of a list, the other way round: REST promises no order.
    ReversedList,
}

impl FaultKind {
    /// The answer that stands in for the effect, if this kind prevents it.
    pub(crate) fn instead(&self, call: &Call) -> Option<Answer> {
        match self {
            Self::Status(status) => Some(Answer::refusal(*status, "Fault of the fake")),
            Self::SecondaryLimit { retry_after } => Some(too_fast(403, *retry_after)),
            Self::TooManyRequests { retry_after } => Some(too_fast(429, *retry_after)),
            Self::PrimaryLimit { reset_in } => {
                let reset = call.now.as_second() + i64::try_from(*reset_in).unwrap();
                let refusal = Answer::refusal(403, "API rate limit exceeded for installation.");
                let refusal = refusal.header("x-ratelimit-remaining", 0);
                Some(refusal.header("x-ratelimit-reset", reset))
            }
            Self::Reset => Some(Answer::refusal(500, "Nobody will read this")),
            Self::GraphqlErrors { kind, message } => {
                let mut error = json!({ "message": message });
                if !kind.is_empty() {
                    error["type"] = kind.as_str().into();
                }
                Some(Answer::json(200, json!({ "errors": [error] })))
            }
            _ => None,
        }
    }

    /// Whether the bent answer is meant to differ from GitHub's description. What is lost only
    /// after the effect was right until then.
    pub(crate) fn is_odd(&self) -> bool {
        let lawful = matches!(
            self,
            Self::Delay(_)
                | Self::StaleList
                | Self::ReversedList
                | Self::BadGatewayAfterEffect
                | Self::ResetAfterEffect
        );
        !lawful
    }

    pub(crate) fn cuts_connection(&self) -> bool {
        matches!(self, Self::Reset | Self::ResetAfterEffect)
    }

    /// The kinds that bend a list wait for a list.
    pub(crate) fn can_bend(&self, call: &Call) -> bool {
        let asked = call.text("query").filter(|_| call.is_graphql());
        let listed = |name| asked.is_some_and(|query| query.contains(name)) || call.path.ends_with(name);
        match self {
            Self::WaitingStatus => listed("statuses") || asked.is_some_and(|q| q.contains("latestStatus")),
            Self::StaleList => listed("deployments"),
            Self::ReversedList => listed("deployments") || listed("statuses"),
            _ => true,
        }
    }
}

fn too_fast(status: u16, retry_after: Option<u64>) -> Answer {
    let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let refusal = Answer::refusal(status, message);
    match retry_after {
        Some(seconds) => refusal.header("retry-after", seconds),
        None => refusal,
    }
}

/// The faults still to come, first in first served.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Uses up one turn of the first fault that matches the call.
    pub(crate) fn take(&mut self, call: &Call) -> Option<FaultKind> {
        let fault = self.0.iter_mut().find(|fault| fault.matches(call))?;
        fault.times -= 1;
        Some(fault.kind.clone())
    }
}
