//! The JSON Schemas of fleet.yaml and of tenant files, generated from the mirror, for editors and for `shape`; and
//! how `shape` reads them.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::mirror::{FleetFile, TenantFile};

/// The schema of fleet.yaml (JSON Schema 2020-12).
pub fn fleet_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<FleetFile>().to_value()
}

/// The schema of a file of tenants.
pub fn tenants_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<TenantFile>().to_value()
}

/// The schema's `type`; of a nullable one the other.
pub(super) fn kind_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    }
}

/// The words an enumeration allows.
pub(super) fn choices(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    schema.get("oneOf")?.as_array()?.iter().map(|option| option.get("const")?.as_str()).collect()
}

/// The schema of a key: its own, or the one for all keys of a map of names.
pub(super) fn property<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    let named = schema.get("properties").and_then(|properties| properties.get(key));
    named.or_else(|| schema.get("additionalProperties").filter(|inner| inner.is_object()))
}

/// The keys that are known by name.
pub(super) fn keys(schema: &Value) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

/// The keys that must be there.
pub(super) fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Where in a schema a key of this name would be right, as a person says it.
pub(super) fn places_of<'a>(root: &'a Value, key: &str) -> Vec<&'a str> {
    let has = |schema: &&Value| schema.get("properties").is_some_and(|properties| properties.get(key).is_some());
    let definitions = root.get("$defs").and_then(Value::as_object);
    let titles = definitions.into_iter().flatten().map(|(_, schema)| schema).filter(has);
    let titles = titles.filter_map(|schema| schema.get("title")?.as_str());
    has(&root).then_some("the top level").into_iter().chain(titles).collect()
}
