//! Finds, in GitHub's description, the operation that a request is meant for.

use std::sync::LazyLock;

use axum::http::Method;
use serde_json::{Map, Value};

use crate::github::wire::call::Call;

pub(crate) static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../openapi/github.json")).unwrap());

/// One method of one path, known by the JSON pointer to it.
pub(crate) struct Operation {
    pointer: String,
    template: Vec<String>,
}

/// The operation with the most literal path among those that match.
pub(crate) fn find(method: &Method, segments: &[String]) -> Option<Operation> {
    let method = method.as_str().to_lowercase();
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let with_method = paths
        .iter()
        .filter(|(_, methods)| methods.get(&method).is_some());
    let templates = with_method.map(|(path, _)| path);
    let matching = templates.filter(|path| matches(&split(path), segments));
    let path = matching.max_by_key(|path| literals(path))?;
    Some(Operation {
        pointer: format!("/paths/{}/{method}", path.replace('/', "~1")),
        template: split(path),
    })
}

fn split(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(str::to_owned).collect()
}

fn literals(path: &str) -> usize {
    path.split('/')
        .filter(|part| !part.starts_with('{'))
        .count()
}

/// `{ref}` and `{path}` at the end stand for the whole rest.
fn matches(template: &[String], segments: &[String]) -> bool {
    match (template, segments) {
        ([], []) => true,
        ([last], [_, ..]) if last == "{ref}" || last == "{path}" => true,
        ([part, template @ ..], [segment, segments @ ..]) => {
            let fits = part.starts_with('{') || part == segment;
            fits && matches(template, segments)
        }
        _ => false,
    }
}

impl Operation {
    /// Parameters that are unknown or of the wrong type.
    pub(crate) fn parameter_problems(&self, call: &Call) -> Vec<String> {
        let known: Vec<&Value> = match look(&self.pointer)["parameters"].as_array() {
            Some(parameters) => parameters.iter().map(resolved).collect(),
            None => Vec::new(),
        };
        let find = |place: &str, name: &str| {
            let mut parameters = known.iter();
            parameters.find(|known| known["in"] == place && known["name"] == name)
        };
        let mut problems = Vec::new();
        for (name, value) in &call.query {
            match find("query", name) {
                None => problems.push(format!("?{name}: GitHub knows no such parameter")),
                Some(parameter) => problems.extend(type_problem(parameter, name, value)),
            }
        }
        for (part, value) in self.template.iter().zip(&call.segments) {
            let name = part.trim_matches(['{', '}']);
            let parameter = find("path", name).filter(|_| part.starts_with('{'));
            problems.extend(parameter.and_then(|known| type_problem(known, name, value)));
        }
        problems
    }

    pub(crate) fn needs_body(&self) -> bool {
        look(&self.pointer)["requestBody"]["required"] == true
    }

    /// Where the schema of the request's body is.
    pub(crate) fn body_schema(&self) -> Option<String> {
        json_schema(&format!("{}/requestBody", self.pointer))
    }

    /// Where the schema of an answer is: none when its body is free; an error when the status is
    /// not described at all.
    pub(crate) fn answer_schema(&self, status: u16) -> Result<Option<String>, String> {
        let pointer = format!("{}/responses/{status}", self.pointer);
        match DESCRIPTION.pointer(&pointer) {
            None => Err("/: GitHub's description has no such status here".to_owned()),
            Some(_) => Ok(json_schema(&pointer)),
        }
    }
}

/// The properties of the schema at a pointer, unless it is open or not an object's.
pub(crate) fn properties(pointer: &str) -> Option<&'static Map<String, Value>> {
    look(pointer)["properties"].as_object()
}

pub(crate) fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(target) => resolved(look(target.trim_start_matches('#'))),
        None => value,
    }
}

fn look(pointer: &str) -> &'static Value {
    DESCRIPTION.pointer(pointer).unwrap_or(&Value::Null)
}

fn json_schema(pointer: &str) -> Option<String> {
    let pointer = match look(pointer)["$ref"].as_str() {
        Some(target) => target.trim_start_matches('#'),
        None => pointer,
    };
    let pointer = format!("{pointer}/content/application~1json/schema");
    DESCRIPTION.pointer(&pointer).map(|_| pointer)
}

fn type_problem(parameter: &Value, name: &str, value: &str) -> Option<String> {
    let schema = &parameter["schema"];
    let fits = match schema["type"].as_str() {
        Some("integer") => value.parse::<i64>().is_ok(),
        Some("boolean") => value == "true" || value == "false",
        _ => true,
    };
    let choices = schema["enum"].as_array();
    let chosen = choices.is_none_or(|choices| choices.iter().any(|choice| choice == value));
    (!fits || !chosen).then(|| format!("{name}: `{value}` does not fit {schema}"))
}
