//! Task definitions on the wire, whole.
//!
//! The SDK's structs know the fields of the day they were generated. A deployer that reads a task definition
//! through them and registers it again drops every later field without a word, security settings among them. So
//! reading takes the bytes of the answer, and registering puts our bytes in the place of the SDK's before they
//! are signed. Transport, signing, retries and errors stay the SDK's.

use std::sync::{Arc, Mutex};

use aws_sdk_ecs::config::ConfigBag;
use aws_sdk_ecs::config::http::HttpRequest;
use aws_sdk_ecs::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_ecs::config::{Intercept, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

/// Keeps the body of a call's last answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Body(Arc<Mutex<Vec<u8>>>);

impl Body {
    /// The JSON of the answer; none if there was no answer or it is no JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.0.lock().ok()?).ok()
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Body {
    fn name(&self) -> &'static str {
        "Body"
    }

    // After deserialisation the whole body is in memory; before, it is a stream that can be read once.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(bytes), Ok(mut kept)) = (context.response().body().bytes(), self.0.lock()) {
            *kept = bytes.to_vec();
        }
        Ok(())
    }
}

/// What to do to a request so that it carries this JSON: for `mutate_request`, which runs before signing and
/// again for each attempt.
pub(super) fn carrying(json: &Value) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    let bytes = json.to_string().into_bytes();
    move |request| {
        request.headers_mut().insert("content-length", bytes.len().to_string());
        *request.body_mut() = SdkBody::from(bytes.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Asked, Loopback, SECRET, cell_name};
    use serde_json::json;
    use sha2::{Digest, Sha256};

    #[tokio::test]
    async fn inv_40_a_field_that_no_sdk_knows_arrives_whole() {
        let answer = json!({
            "taskDefinition": {"family": "f", "aFieldOfNextYear": {"kept": [1, null, {"deep": true}]}},
            "anotherOne": 1,
        });
        let text = answer.to_string();
        let aws = Loopback::serve(move |_| (200, text.clone())).await;
        let cells = aws.cells().await;
        let clients = cells.clients(&cell_name()).await.unwrap();
        let body = Body::default();
        let call = clients.ecs.describe_task_definition().task_definition("f");
        call.customize().interceptor(body.clone()).send().await.unwrap();
        assert_eq!(body.json(), Some(answer));
    }

    #[tokio::test]
    async fn inv_40_our_bytes_are_sent_and_it_is_they_that_are_signed() {
        let aws = Loopback::serve(|_| (200, r#"{"taskDefinition":{}}"#.to_owned())).await;
        let cells = aws.cells().await;
        let clients = cells.clients(&cell_name()).await.unwrap();
        let ours = json!({"family": "f", "aFieldOfNextYear": {"kept": "ü".repeat(300)}});
        let call = clients.ecs.register_task_definition().family("not this");
        call.customize().mutate_request(carrying(&ours)).send().await.unwrap();
        let asked = aws.asked().remove(0);
        assert_eq!(asked.json(), ours);
        assert_eq!(header(&asked, "content-length"), asked.body.len().to_string());
        let (sent, computed) = signatures(&asked);
        assert_eq!(sent, computed, "the signature is not that of the body that was sent");
    }

    fn header<'a>(asked: &'a Asked, name: &str) -> &'a str {
        asked.headers[name].to_str().unwrap()
    }

    /// The signature of a request, and what Signature Version 4 says it should be (IAM User Guide, "Create a
    /// signed AWS API request").
    fn signatures(asked: &Asked) -> (String, String) {
        let field = |name: &str| header(asked, "authorization").split_once(name).unwrap().1.split(',').next().unwrap();
        let (scope, signed) = (field("Credential=").split_once('/').unwrap().1, field("SignedHeaders="));
        let headers: String = signed.split(';').map(|name| format!("{name}:{}\n", header(asked, name))).collect();
        let (method, path, payload) = (&asked.method, &asked.path, hex(&Sha256::digest(&asked.body)));
        let canonical = format!("{method}\n{path}\n\n{headers}\n{signed}\n{payload}");
        let hash = hex(&Sha256::digest(canonical.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", header(asked, "x-amz-date"));
        let start = format!("AWS4{SECRET}").into_bytes();
        let key = scope.split('/').fold(start, |key, part| hmac(&key, part.as_bytes()));
        (field("Signature=").to_owned(), hex(&hmac(&key, text.as_bytes())))
    }

    /// RFC 2104 with SHA-256, for keys of at most 64 bytes.
    fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
        let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
        Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
