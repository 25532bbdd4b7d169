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
