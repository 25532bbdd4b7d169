//! Compiles the schemas of the description, each once in a process and only when it is needed.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::{Draft, Registry, Validator};
use serde_json::{Value, json};

use super::description::DESCRIPTION;

const NAME: &str = "urn:github";

/// Long enough to show the problem, short enough not to print a whole repository.
const LONGEST_MESSAGE: usize = 300;

static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
    // OpenAPI 3.0 schemas are a dialect of draft 4.
    let registry = Registry::new().draft(Draft::Draft4);
    registry
        .add(NAME, &*DESCRIPTION)
        .unwrap()
        .prepare()
        .unwrap()
});

static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// What is wrong with a value, each as `/pointer: message`.
pub(crate) fn problems(schema: &str, value: &Value) -> Vec<String> {
    let validator = compiled(schema);
    let errors = validator.iter_errors(value);
    errors
        .map(|error| {
            let message: String = error.to_string().chars().take(LONGEST_MESSAGE).collect();
            format!("{}: {message}", error.instance_path().as_str())
        })
        .collect()
}

fn compiled(schema: &str) -> Arc<Validator> {
    let mut compiled = COMPILED.lock().unwrap();
    let entry = compiled.entry(schema.to_owned());
    Arc::clone(entry.or_insert_with(|| Arc::new(compile(schema))))
}

fn compile(schema: &str) -> Validator {
    let fragment = schema.replace('{', "%7B").replace('}', "%7D");
    jsonschema::options()
        .with_draft(Draft::Draft4)
        .with_registry(&REGISTRY)
        .should_validate_formats(true)
        // GitHub itself answers "" where it has no URL.
        .with_format("uri", |text: &str| text.is_empty() || text.contains("://"))
        .build(&json!({ "$ref": format!("{NAME}#{fragment}") }))
        .unwrap()
}
