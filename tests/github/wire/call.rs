//! One request, decoded once, so that handlers read names and values instead of bytes.

use axum::http::{HeaderMap, Method, Uri, header};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::github::faults::FaultKind;

pub(crate) struct Call {
    pub(crate) method: Method,
    /// As sent, still percent-encoded.
    pub(crate) path: String,
    /// Path and query, as sent.
    pub(crate) target: String,
    /// Decoded after splitting, so that `%2F` stays inside its segment.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) has_token: bool,
    pub(crate) wants_raw: bool,
    /// Where the client found this fake: the start of every URL in an answer.
    pub(crate) base: String,
    pub(crate) now: Timestamp,
    /// The fault that bends this answer, if there is one.
    pub(crate) fault: Option<FaultKind>,
}

impl Call {
    pub(crate) fn decode(
        method: Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let token = header(header::AUTHORIZATION).and_then(|value| value.split_once(' '));
        Self {
            method,
            path: uri.path().to_owned(),
            target: uri.to_string(),
            segments: uri.path().split('/').skip(1).map(decoded).collect(),
            query: pairs(uri.query().unwrap_or_default()),
            body: serde_json::from_slice(body).ok(),
            has_token: token.is_some_and(|(scheme, secret)| {
                matches!(scheme.to_ascii_lowercase().as_str(), "bearer" | "token")
                    && !secret.is_empty()
            }),
            wants_raw: header(header::ACCEPT).is_some_and(|accept| accept.contains("raw")),
            base: format!("http://{}", header(header::HOST).unwrap_or("127.0.0.1")),
            now,
            fault: None,
        }
    }

    pub(crate) fn is_graphql(&self) -> bool {
        self.path == "/graphql"
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.body
            .as_ref()?
            .get(name)
            .filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.as_str()
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.field(name)?.as_bool()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.query.iter().find(|(key, _)| key == name)?;
        Some(value)
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        (decoded(key), decoded(&value.replace('+', " ")))
    };
    parts.map(pair).collect()
}
