//! What is answered: a status, JSON, and headers that keep it where it belongs. Problems are those of RFC 9457.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::asked::Asked;

/// An answer, and what the log says of it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Headers besides those that all have.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
    /// Whose request it was, if that is known and may be told.
    pub whose: Option<String>,
    /// Why it is no success, as a stable word.
    pub why: Option<&'static str>,
}

/// The ETag of these bytes.
pub fn etag(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// Who a service is, and whether it can answer: 503 until it has something to answer from, so that no new task takes the
/// place of one that has; 200 from then on, so that a source that is away ends no task that goes on without it.
pub fn health(identity: &Map<String, Value>, ready: bool) -> Answer {
    let (status, word) = if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "starting") };
    let mut says = identity.clone();
    says.insert("status".to_owned(), word.into());
    Answer::json(status, &says)
}

impl Answer {
    /// JSON.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::bytes(status, "application/json", body.into()),
            Err(error) => Self::problem(StatusCode::INTERNAL_SERVER_ERROR, "unwritable", &error.to_string()),
        }
    }

    /// These bytes.
    pub fn bytes(status: StatusCode, content_type: &'static str, body: Bytes) -> Self {
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Self { status, headers, body, whose: None, why: None }
    }

    /// What is wrong, with a stable word and a sentence that tells nothing of anybody else.
    pub fn problem(status: StatusCode, code: &'static str, detail: &str) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        let body = json!({"title": title, "status": status.as_u16(), "code": code, "detail": detail});
        let answer = Self::bytes(status, "application/problem+json", body.to_string().into());
        Self { why: Some(code), ..answer }
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With the ETag of its body, or without the body where that is known already.
    #[must_use]
    pub fn unless_known(self, asked: &Asked) -> Self {
        let tag = etag(&self.body);
        let known = asked.knows(&tag);
        let answer = match HeaderValue::from_str(&tag) {
            Ok(value) => self.with(ETAG, value),
            Err(_) => self,
        };
        if !known {
            return answer;
        }
        let headers = answer.headers.into_iter().filter(|(name, _)| name != CONTENT_TYPE).collect();
        Self { status: StatusCode::NOT_MODIFIED, headers, body: Bytes::new(), ..answer }
    }

    /// As it goes out. What depends on who asks is kept by nobody but them, and asked for again each time.
    pub fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.insert(VARY, HeaderValue::from_static("authorization"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.extend(self.headers);
        response
    }
}
