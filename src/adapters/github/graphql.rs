//! GraphQL, which says inside a success that something failed.

use http::HeaderMap;
use serde_json::{Value, json};

use super::client::GitHub;
use super::failure::{Failure, Outlook};
use crate::ports::{Fault, PortError, PortResult};

impl GitHub {
    /// Asks until it is answered or patience ends.
    pub(super) async fn query(&self, doing: &str, text: &str, variables: &Value) -> PortResult<Value> {
        let mut patience = self.patience();
        loop {
            match self.graphql(doing, text, variables).await {
                Ok(data) => return Ok(data),
                Err(failure) => patience.after(failure).await?,
            };
        }
    }

    /// One attempt at a query or a mutation.
    pub(super) async fn graphql(&self, doing: &str, text: &str, variables: &Value) -> Result<Value, Failure> {
        let request = self.graphql_request(doing, json!({ "query": text, "variables": variables }));
        let answer = self.attempt(&request).await?;
        let body: Value = answer.json().map_err(|error| Failure::unanswered(doing, error.why))?;
        match body["errors"].as_array().and_then(|errors| errors.first()) {
            Some(error) => Err(failure(doing, error, &answer.headers)),
            None => Ok(body["data"].clone()),
        }
    }
}

/// What an error in an answer means. One without a type comes from GitHub's own trouble, such as its time limit
/// of ten seconds, and leaves open whether a mutation took effect.
fn failure(doing: &str, error: &Value, headers: &HeaderMap) -> Failure {
    let message = error["message"].as_str().unwrap_or("no message");
    let id = headers.get("x-github-request-id").and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    let why = format!("{message} (request {id})");
    let kind = error["type"].as_str();
    if kind == Some("RATE_LIMITED") || message.to_lowercase().contains("rate limit") {
        return Failure::limited(doing, why, headers);
    }
    if kind == Some("STALE_DATA") {
        return Failure { error: PortError::new(Fault::Conflict, doing, why), outlook: Outlook::Same, status: None };
    }
    // A query that does not fit the schema has no type either, but a place in the query.
    match kind.is_some() || error["locations"].is_array() || error["extensions"]["code"].is_string() {
        true => Failure::refused(doing, why),
        false => Failure::unanswered(doing, why),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn outlook(error: Value) -> Outlook {
        failure("asking", &error, &HeaderMap::new()).outlook
    }

    #[test]
    fn errors_say_what_another_attempt_meets() {
        let limited = json!({ "type": "RATE_LIMITED", "message": "API rate limit exceeded" });
        assert_eq!(outlook(limited), Outlook::After(Duration::from_secs(60)));
        assert_eq!(outlook(json!({ "type": "FORBIDDEN", "message": "no" })), Outlook::Same);
        assert_eq!(outlook(json!({ "message": "Something went wrong" })), Outlook::Unknown);
        assert_eq!(outlook(json!({ "message": "Field 'x' doesn't exist", "locations": [] })), Outlook::Same);
        let stale = failure("asking", &json!({ "type": "STALE_DATA", "message": "moved" }), &HeaderMap::new());
        assert_eq!(stale.error.fault, Fault::Conflict);
    }

    /// The schema is checked where npm is at hand, by `tests/github/validate-queries.mjs`.
    #[test]
    fn braces_of_the_queries_balance() {
        let queries = [
            include_str!("queries/history.graphql"),
            include_str!("queries/rollouts.graphql"),
            include_str!("queries/commit.graphql"),
        ];
        for text in queries {
            for (open, close) in [('{', '}'), ('(', ')'), ('[', ']')] {
                let count = |mark| text.chars().filter(|c| *c == mark).count();
                assert_eq!(count(open), count(close), "{text}");
            }
        }
    }
}
