//! Which fields of a task definition change, told so that somebody can approve it: where, and never what is secret.
//!
//! ECS answers more than it was given: empty lists, `cpu: 0`, ports twice. Such a field is no difference. Without
//! that rule the first template would seem to change everything, and a plan could never become empty.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::template::{Revision, Template};

/// A field that differs between what runs and what is to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldChange {
    /// Where, such as `cpu` or `containers.api.environment.LOG_LEVEL`.
    pub field: String,
    /// How.
    pub how: How,
}

/// How a field differs. Values are told of fields that hold no environment, and of numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It was not there.
    Added,
    /// It will not be there.
    Removed,
    /// Its value is another one.
    Changed,
    /// Its value was the first and will be the second.
    FromTo(String, String),
}

impl FieldChange {
    /// The change back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let how = match &self.how {
            How::Added => How::Removed,
            How::Removed => How::Added,
            How::Changed => How::Changed,
            How::FromTo(from, to) => How::FromTo(to.clone(), from.clone()),
        };
        Self { field: self.field.clone(), how }
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.how {
            How::Added => write!(f, "{} added", self.field),
            How::Removed => write!(f, "{} removed", self.field),
            How::Changed => write!(f, "{} changed", self.field),
            How::FromTo(from, to) => write!(f, "{} {from} -> {to}", self.field),
        }
    }
}

/// What differs between a revision and a template, but for the image of the template's own container.
pub fn differences(revision: &Revision, template: &Template) -> Vec<FieldChange> {
    let own = own_container(template.fields());
    let (before, after) = (leaves(&with_tags(revision), own), leaves(template.fields(), own));
    let fields: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |field: &String| {
        let how = match (before.get(field), after.get(field)) {
            (None, _) => How::Added,
            (_, None) => How::Removed,
            (Some(before), Some(after)) if before == after => return None,
            (Some(before), Some(after)) => match (told(field, before), told(field, after)) {
                (Some(from), Some(to)) => How::FromTo(from, to),
                _ => How::Changed,
            },
        };
        Some(FieldChange { field: field.clone(), how })
    };
    fields.into_iter().filter_map(change).collect()
}

/// The definition with its tags in it, as a request has them; without those that tidegate or AWS put there.
fn with_tags(revision: &Revision) -> Value {
    let theirs = revision.tags.iter().filter(|(key, _)| !key.starts_with("tidegate:") && !key.starts_with("aws:"));
    let tags: Vec<Value> = theirs.map(|(key, value)| serde_json::json!({"key": key, "value": value})).collect();
    let mut definition = revision.definition.clone();
    if let Some(fields) = definition.as_object_mut() {
        for field in super::template::RETURNED_ONLY {
            fields.remove(field);
        }
        fields.insert("tags".to_owned(), Value::from(tags));
    }
    definition
}

/// The container whose image is the release's.
fn own_container(template: &Value) -> Option<&str> {
    let containers = template.get("containerDefinitions")?.as_array()?;
    let own =
        containers.iter().find(|c| c.get("image").and_then(Value::as_str) == Some(super::template::PLACEHOLDER))?;
    own.get("name")?.as_str()
}

/// A text of a field that holds no environment; numbers and booleans of any.
fn told(field: &str, value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::String(text) if !field.contains('.') => Some(text.clone()),
        _ => None,
    }
}

/// Every value of a definition by its place, in one form whoever wrote it.
fn leaves(definition: &Value, own: Option<&str>) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    let Some(fields) = definition.as_object() else { return leaves };
    for (name, value) in fields {
        if name == "containerDefinitions" {
            for (place, container) in keyed(value).into_iter().flatten() {
                collect(
                    &format!("containers.{place}"),
                    &usual(container, place == own.unwrap_or_default()),
                    &mut leaves,
                );
            }
        } else if name == "requiresCompatibilities" {
            let mut all: Vec<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            all.sort_unstable();
            collect(name, &Value::from(all.join(", ")), &mut leaves);
        } else {
            collect(name, value, &mut leaves);
        }
    }
    leaves
}

/// A container with what ECS takes for granted (API reference, ContainerDefinition), and without the release's image.
fn usual(container: Map<String, Value>, own: bool) -> Value {
    let mut container = container;
    if own {
        container.remove("image");
    }
    container.entry("essential").or_insert(Value::Bool(true));
    if container.get("cpu").and_then(Value::as_i64) == Some(0) {
        container.remove("cpu");
    }
    for port in container.get_mut("portMappings").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(port) = port.as_object_mut() else { continue };
        let same = port.get("containerPort").cloned().unwrap_or_default();
        port.entry("hostPort").or_insert(same);
        port.entry("protocol").or_insert_with(|| Value::from("tcp"));
    }
    Value::Object(container)
}

/// Takes in what stands at `place` and below. What is empty is as good as absent.
fn collect(place: &str, value: &Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Null | Value::Bool(false) => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                collect(&format!("{place}.{name}"), value, leaves);
            }
        }
        Value::Array(all) if all.iter().any(Value::is_object) => match keyed(value) {
            Some(keyed) => {
                for (key, fields) in keyed {
                    let only = match fields.len() {
                        1 => fields.get("value").or_else(|| fields.get("valueFrom")),
                        _ => None,
                    };
                    match only {
                        // Here an empty text is a value.
                        Some(value) => drop(leaves.insert(format!("{place}.{key}"), value.clone())),
                        None => collect(&format!("{place}.{key}"), &Value::Object(fields), leaves),
                    }
                }
            }
            None => {
                for (number, value) in all.iter().enumerate() {
                    collect(&format!("{place}.{number}"), value, leaves);
                }
            }
        },
        Value::Array(all) if all.is_empty() => {}
        Value::String(text) if text.is_empty() => {}
        value => drop(leaves.insert(place.to_owned(), value.clone())),
    }
}

/// The objects of a list by what each is called, where every one is called differently: their order means nothing.
fn keyed(list: &Value) -> Option<BTreeMap<String, Map<String, Value>>> {
    let all = list.as_array()?;
    let mut keyed = BTreeMap::new();
    for value in all {
        let mut fields = value.as_object()?.clone();
        let key = match fields.get("containerPort") {
            Some(port) => port.to_string(),
            None => {
                let name = ["name", "key"].into_iter().find(|name| fields.get(*name).is_some_and(Value::is_string))?;
                fields.remove(name)?.as_str()?.to_owned()
            }
        };
        keyed.insert(key, fields);
    }
    (keyed.len() == all.len()).then_some(keyed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::ids::ServiceName;

    fn service() -> ServiceName {
        "api".parse().unwrap()
    }

    fn written() -> Value {
        json!({
            "family": "f", "cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{
                "name": "api", "image": "@tidegate", "portMappings": [{"containerPort": 8080}],
                "environment": [{"name": "A", "value": "1"}, {"name": "TOKEN", "value": "hunter2"}],
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/g"}},
            }],
            "tags": [{"key": "tenant", "value": "acme"}],
        })
    }

    /// What ECS answers when `written` was registered.
    fn described() -> Revision {
        let definition = json!({
            "taskDefinitionArn": "arn:x", "revision": 3, "status": "ACTIVE", "registeredAt": 1.5, "compatibilities": ["EC2"],
            "family": "f", "cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"], "volumes": [],
            "placementConstraints": [], "enableFaultInjection": false, "pidMode": "",
            "containerDefinitions": [{
                "name": "api", "image": "r/api@sha256:1", "cpu": 0, "essential": true, "mountPoints": [], "volumesFrom": [],
                "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}], "systemControls": [],
                "environment": [{"name": "TOKEN", "value": "hunter2"}, {"name": "A", "value": "1"}],
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/g"}, "secretOptions": []},
            }],
        });
        let tags = [("tenant", "acme"), ("tidegate:hash", "x"), ("aws:cloudformation:stack", "y")];
        Revision { definition, tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into() }
    }

    fn told_of(after: &Value) -> Vec<String> {
        let template = Template::from_task_definition(after, &service()).unwrap();
        differences(&described(), &template).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_ecs_adds_by_itself_is_no_difference() {
        assert_eq!(told_of(&written()), Vec::<String>::new());
    }

    #[test]
    fn inv_40_every_other_field_is_told() {
        let mut after = written();
        after["cpu"] = json!("512");
        after["aFieldOfNextYear"] = json!({"deep": [1]});
        after["containerDefinitions"][0]["essential"] = json!(false);
        after["containerDefinitions"][0]["readonlyRootFilesystem"] = json!(true);
        after["containerDefinitions"][0]["environment"] =
            json!([{"name": "A", "value": ""}, {"name": "B", "value": ""}]);
        after["containerDefinitions"][0]["portMappings"] = json!([{"containerPort": 9090}]);
        after["tags"] = json!([{"key": "tenant", "value": "acme"}, {"key": "team", "value": "core"}]);
        after["containerDefinitions"].as_array_mut().unwrap().push(json!({"name": "proxy", "image": "proxy@sha256:2"}));
        assert_eq!(
            told_of(&after),
            [
                "aFieldOfNextYear.deep added",
                "containers.api.environment.A changed",
                "containers.api.environment.B added",
                "containers.api.environment.TOKEN removed",
                "containers.api.essential removed",
                "containers.api.portMappings.8080.containerPort removed",
                "containers.api.portMappings.8080.hostPort removed",
                "containers.api.portMappings.8080.protocol removed",
                "containers.api.portMappings.9090.containerPort added",
                "containers.api.portMappings.9090.hostPort added",
                "containers.api.portMappings.9090.protocol added",
                "containers.api.readonlyRootFilesystem added",
                "containers.proxy.essential added",
                "containers.proxy.image added",
                "cpu 256 -> 512",
                "tags.team added",
            ]
        );
    }

    #[test]
    fn inv_32_no_value_of_an_environment_is_told() {
        let mut after = written();
        after["containerDefinitions"][0]["environment"][1]["value"] = json!("correct horse");
        let told = told_of(&after).join("\n");
        assert_eq!(told, "containers.api.environment.TOKEN changed");
    }

    /// Any JSON, of any shape.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z@]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 48, 6, |inner| {
            let name = prop_oneof![
                Just("containerDefinitions".to_owned()),
                Just("environment".to_owned()),
                Just("portMappings".to_owned()),
                Just("containerPort".to_owned()),
                Just("name".to_owned()),
                Just("tags".to_owned()),
                "[a-z]{1,4}",
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(name, inner, 0..5)
                    .prop_map(|all| Value::Object(all.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Nothing that can stand in a definition breaks it, and what is the same has no differences.
        #[test]
        fn any_definition_can_be_compared(before in any_json(), mut after in any_json()) {
            let own = json!({"name": "api", "image": "@tidegate"});
            if let Some(fields) = after.as_object_mut() {
                // ECS answers tags apart from the definition.
                fields.remove("tags");
                fields.insert("containerDefinitions".to_owned(), json!([own]));
                let template = Template::from_task_definition(&after, &service()).unwrap();
                differences(&Revision { definition: before, tags: BTreeMap::new() }, &template);
                let itself = Revision { definition: template.fields().clone(), tags: BTreeMap::new() };
                prop_assert_eq!(differences(&itself, &template), Vec::new());
            }
        }
    }
}
