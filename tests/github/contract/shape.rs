//! Answers in GitHub's full shape from the few facts that the fake knows. The rest comes from the
//! description: the smallest value that each required field allows.

use serde_json::{Map, Value};

use super::description::{DESCRIPTION, resolved};

const SOME_URL: &str = "https://api.github.com/";

/// The smallest instance of a named schema, with the facts laid over it.
pub(crate) fn like(schema: &str, facts: Value) -> Value {
    let schema = &DESCRIPTION["components"]["schemas"][schema];
    let mut shape = smallest(schema);
    if shape.is_null() {
        // A nullable schema that is asked for by name is wanted whole.
        shape = required_fields(schema);
    }
    lay_over(&mut shape, facts);
    shape
}

fn lay_over(shape: &mut Value, facts: Value) {
    match (shape, facts) {
        (Value::Object(shape), Value::Object(facts)) => {
            for (name, fact) in facts {
                lay_over(shape.entry(name).or_insert(Value::Null), fact);
            }
        }
        (shape, fact) => *shape = fact,
    }
}

fn smallest(schema: &'static Value) -> Value {
    let schema = resolved(schema);
    if let Some(choices) = schema["enum"].as_array() {
        return choices[0].clone();
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[keyword].as_array() {
            let nullable = choices.iter().any(|choice| choice["type"] == "null");
            return if nullable {
                Value::Null
            } else {
                smallest(&choices[0])
            };
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Value::Object(Map::new());
        parts
            .iter()
            .for_each(|part| lay_over(&mut whole, smallest(part)));
        return whole;
    }
    smallest_of_type(schema)
}

fn smallest_of_type(schema: &'static Value) -> Value {
    match schema["type"].as_str() {
        Some("string") => smallest_text(schema).into(),
        Some("integer" | "number") => 0.into(),
        Some("boolean") => false.into(),
        Some("array") => Value::Array(Vec::new()),
        // A list of types is how the extract says that null is allowed.
        None if schema["type"].is_array() => Value::Null,
        _ => required_fields(schema),
    }
}

fn required_fields(schema: &'static Value) -> Value {
    let required = schema["required"].as_array().into_iter().flatten();
    let names = required.filter_map(Value::as_str);
    let field = |name: &str| (name.to_owned(), smallest_field(schema, name));
    Value::Object(names.map(field).collect())
}

/// Two habits of GitHub that its description does not tell, and that clients have come to need.
fn smallest_field(schema: &'static Value, name: &str) -> Value {
    let is_url = name.ends_with("_url") || name == "href";
    match smallest(&schema["properties"][name]) {
        Value::String(text) if text.is_empty() && is_url => SOME_URL.into(),
        Value::Null if name == "gravatar_id" => "".into(),
        value => value,
    }
}

fn smallest_text(schema: &Value) -> &'static str {
    match schema["format"].as_str() {
        Some("date-time") => "2020-01-01T00:00:00Z",
        Some("uri") => SOME_URL,
        _ => "",
    }
}
