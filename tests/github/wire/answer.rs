//! One answer. A refusal is an answer too, so handlers return `Result<Answer, Answer>` and use `?`.

use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};

pub(crate) type Handled = Result<Answer, Answer>;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    Nothing,
    Json(Value),
    Raw(Vec<u8>),
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Content::Json(body),
        }
    }

    pub(crate) fn no_content() -> Self {
        Self {
            status: 204,
            headers: Vec::new(),
            content: Content::Nothing,
        }
    }

    pub(crate) fn raw(bytes: Vec<u8>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            content: Content::Raw(bytes),
        }
    }

    /// A refusal with nothing but a sentence.
    pub(crate) fn refusal(status: u16, message: &str) -> Self {
        let body = json!({
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": status.to_string(),
        });
        Self::json(status, body)
    }

    pub(crate) fn not_found() -> Self {
        Self::refusal(404, "Not Found")
    }

    /// The refusal of a body that names the field at fault, as most endpoints answer 422.
    pub(crate) fn invalid(resource: &str, field: &str, code: &str, message: &str) -> Self {
        let mut refusal = Self::refusal(422, "Validation Failed");
        if let Content::Json(body) = &mut refusal.content {
            body["errors"] = json!([
                { "resource": resource, "field": field, "code": code, "message": message }
            ]);
        }
        refusal
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// The body as the request log keeps it.
    pub(crate) fn body(&self) -> Value {
        match &self.content {
            Content::Json(body) => body.clone(),
            Content::Nothing | Content::Raw(_) => Value::Null,
        }
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        let (media_type, bytes) = match self.content {
            Content::Nothing => return response.body(Body::empty()).unwrap(),
            Content::Json(body) => ("application/json; charset=utf-8", body.to_string().into()),
            Content::Raw(bytes) => ("application/vnd.github.raw+json; charset=utf-8", bytes),
        };
        response
            .header("content-type", media_type)
            .body(Body::from(bytes))
            .unwrap()
    }
}
