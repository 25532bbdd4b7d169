//! The request log: what tests read to count writes and to see what was really sent.

use serde_json::Value;

use super::graphql;
use super::wire::answer::Answer;
use super::wire::call::Call;

#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    /// With the query string, as sent.
    pub(crate) path: String,
    /// Null when there was no JSON body.
    pub(crate) request: Value,
    /// 0 when the connection was cut instead.
    pub(crate) status: u16,
    /// Null when there was no JSON body.
    pub(crate) answer: Value,
    /// Whether GitHub would count it as a write, whatever came of it.
    pub(crate) is_write: bool,
}

impl Exchange {
    pub(crate) fn of(call: &Call, answer: &Answer, cut: bool) -> Self {
        let writes = call.method != "GET" && call.method != "HEAD";
        Self {
            method: call.method.to_string(),
            path: call.target.clone(),
            request: call.body.clone().unwrap_or_default(),
            status: if cut { 0 } else { answer.status },
            answer: answer.body(),
            is_write: writes && (!call.is_graphql() || graphql::is_mutation(call)),
        }
    }
}
