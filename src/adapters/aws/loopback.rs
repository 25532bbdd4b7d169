//! AWS on the loopback interface, for tests: answers what the test says, and keeps what it was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use serde_json::Value;

use super::cells::{AwsEnvironment, Cells};
use super::loopback_cbor::{decoded, encoded};
use crate::domain::fleet::{Address, Cell};
use crate::domain::ids::{CellName, ServiceKey};

/// A request as it came in.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// An answer: status and body.
pub(super) type Reply = (u16, String);

/// A server that is gone when the test is.
pub(super) struct Loopback {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Asked {
    /// The action: from the target header of JSON APIs, or from the form of query APIs.
    pub(super) fn action(&self) -> String {
        if let Some(target) = self.headers.get("x-amz-target") {
            return target.to_str().unwrap().rsplit('.').next().unwrap().to_owned();
        }
        if self.is_cbor() {
            return self.path.rsplit('/').next().unwrap().to_owned();
        }
        let form = String::from_utf8_lossy(&self.body).into_owned();
        form.split('&').find_map(|field| field.strip_prefix("Action=")).unwrap_or_default().to_owned()
    }

    pub(super) fn json(&self) -> Value {
        if self.is_cbor() { decoded(&self.body) } else { serde_json::from_slice(&self.body).unwrap() }
    }

    /// A field of a query API's form, decoded.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let form = String::from_utf8_lossy(&self.body).into_owned();
        let value = form.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned())
    }

    /// Whether it speaks RPC v2, as CloudWatch's SDK does.
    fn is_cbor(&self) -> bool {
        self.headers.contains_key("smithy-protocol")
    }
}

impl Loopback {
    /// Serves what this function answers.
    pub(super) async fn serve(answer: impl Fn(&Asked) -> Reply + Clone + Send + Sync + 'static) -> Self {
        let bare = move |asked: &Asked| {
            let (status, body) = answer(asked);
            (status, Vec::new(), body)
        };
        Self::serve_with_headers(bare).await
    }

    /// Serves what this function answers: status, headers and body.
    pub(super) async fn serve_with_headers<F>(answer: F) -> Self
    where
        F: Fn(&Asked) -> (u16, Vec<(&'static str, String)>, String) + Clone + Send + Sync + 'static,
    {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let app = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let asked = Asked { method, path: uri.to_string(), headers, body };
            seen.lock().unwrap().push(asked.clone());
            let (status, headers, body) = answer(&asked);
            let id = [("x-amzn-requestid", "req-1")];
            let status = StatusCode::from_u16(status).unwrap();
            let mut answer = if asked.is_cbor() && body.starts_with('{') {
                let protocol = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")];
                (status, id, protocol, encoded(&serde_json::from_str(&body).unwrap())).into_response()
            } else {
                (status, id, body).into_response()
            };
            for (name, value) in headers {
                answer.headers_mut().insert(name, value.parse().unwrap());
            }
            async move { answer }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, asked }
    }

    /// Everything that was asked for, in order.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What was asked of one action.
    pub(super) fn asked_for(&self, action: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.action() == action).collect()
    }

    /// Cells whose one cell is here, with keys that anybody may know.
    pub(super) async fn cells(&self) -> Arc<Cells> {
        let cells = Cells::connect(&BTreeMap::from([(cell_name(), cell(&self.url, None))]), &AwsEnvironment::default());
        let keys = aws_credential_types::Credentials::new("AKIDEXAMPLE", SECRET, None, None, "test");
        Arc::new(cells.with_keys(keys).await)
    }
}

/// The secret key that requests to [`Loopback::cells`] are signed with.
pub(super) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub(super) fn cell_name() -> CellName {
    "prod-1".parse().unwrap()
}

pub(super) fn cell(url: &str, role: Option<&str>) -> Cell {
    Cell {
        name: cell_name(),
        account: "111111111111".to_owned(),
        region: "eu-west-1".to_owned(),
        clusters: vec!["c1".to_owned()],
        role: role.map(str::to_owned),
        endpoint: Some(url.to_owned()),
        registry: None,
        manifest: None,
        tenants_max: None,
    }
}

/// The service `iam` of this tenant, in cluster `c1`.
pub(super) fn address(tenant: &str) -> Address {
    Address {
        service: ServiceKey::try_from(format!("{tenant}/iam")).unwrap(),
        cell: cell_name(),
        cluster: "c1".to_owned(),
        ecs_service: format!("app-prod-{tenant}-iam"),
    }
}

/// An error as AWS's JSON APIs answer it.
pub(super) fn error(status: u16, code: &str, message: &str) -> Reply {
    (status, serde_json::json!({"__type": code, "message": message}).to_string())
}
