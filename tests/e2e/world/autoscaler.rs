//! Application Auto Scaling, as far as tidegate knows it: the emulator has none, and moto's registers a target only
//! for a service of moto's own ECS, where ours is the emulator's. Two operations with a state are enough.
//!
//! It is strict where AWS is: an unknown field is an error, and a flag that is left out stays as it is.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::proxy::{Answer, Asked};

/// The header of its calls begins so.
const TARGET: &str = "AnyScaleFrontendService.";
/// What a scalable target is told by.
const FIELDS: [&str; 7] =
    ["ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity", "RoleARN", "SuspendedState"];

/// The scalable targets of one account, by resource.
#[derive(Debug, Default)]
pub(super) struct Autoscaler(BTreeMap<String, Value>);

impl Autoscaler {
    /// Its answer, if the call is one of its.
    pub(super) fn answer(&mut self, asked: &Asked) -> Option<Answer> {
        let target = asked.headers.get("x-amz-target")?.to_str().ok()?;
        let action = target.strip_prefix(TARGET)?;
        let body = asked.call.as_ref().map(|call| call.body.clone()).unwrap_or_default();
        let (status, body) = match (action, wrong(action, &body)) {
            (_, Some(why)) => (400, json!({"__type": "ValidationException", "message": why})),
            ("RegisterScalableTarget", None) => (200, self.register(&body)),
            ("DescribeScalableTargets", None) => (200, self.describe(&body)),
            (other, None) => (400, json!({"__type": "UnknownOperationException", "message": other})),
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/x-amz-json-1.1".parse().ok()?);
        Some(Answer { status, headers, body: body.to_string().into() })
    }

    /// The target of one resource, as it is.
    pub(super) fn target(&self, resource: &str) -> Option<Value> {
        self.0.get(resource).cloned()
    }

    pub(super) fn register(&mut self, asked: &Value) -> Value {
        let resource = asked["ResourceId"].as_str().unwrap_or_default().to_owned();
        let unsuspended = json!({
            "DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false,
        });
        let known = self.0.entry(resource.clone()).or_insert_with(|| json!({ "SuspendedState": unsuspended }));
        for (name, value) in asked.as_object().into_iter().flatten() {
            match value.as_object() {
                Some(flags) => flags.iter().for_each(|(flag, value)| known[name][flag] = value.clone()),
                None => known[name] = value.clone(),
            }
        }
        json!({ "ScalableTargetARN": format!("arn:aws:application-autoscaling:eu-west-1:0:scalable-target/{resource}") })
    }

    fn describe(&self, asked: &Value) -> Value {
        let wanted: Vec<&str> =
            asked["ResourceIds"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let found = self.0.iter().filter(|(resource, _)| wanted.is_empty() || wanted.contains(&resource.as_str()));
        let told = found.map(|(_, target)| {
            let mut target = target.clone();
            target["CreationTime"] = json!(1.7e9);
            target["RoleARN"] = json!("arn:aws:iam::222222222222:role/autoscaling");
            target
        });
        json!({ "ScalableTargets": told.collect::<Vec<_>>() })
    }
}

/// What AWS would refuse about a request.
fn wrong(action: &str, body: &Value) -> Option<String> {
    let fields = body.as_object().cloned().unwrap_or_else(Map::new);
    if action == "RegisterScalableTarget" {
        let unknown = fields.keys().find(|name| !FIELDS.contains(&name.as_str()));
        if let Some(name) = unknown {
            return Some(format!("unknown field {name}"));
        }
        if fields.get("MinCapacity").and_then(Value::as_i64) > fields.get("MaxCapacity").and_then(Value::as_i64) {
            return Some("Maximum capacity cannot be less than minimum capacity".to_owned());
        }
    }
    let ecs = fields.get("ServiceNamespace") == Some(&json!("ecs"));
    (!ecs).then(|| "only the namespace ecs is known here".to_owned())
}
