//! Holds the fake and its clients to GitHub's own description: every REST request and every answer
//! is checked, and what does not agree is written down as a sentence that names the place.

mod description;
mod schemas;
pub(crate) mod shape;

use serde_json::Value;

use super::wire::answer::{Answer, Content};
use super::wire::call::Call;
use description::Operation;

/// Statuses that GitHub may answer anywhere, whether the description lists them or not.
const ANYWHERE: [u16; 2] = [401, 404];

/// What is wrong with the request.
pub(crate) fn request_violations(call: &Call) -> Vec<String> {
    if is_outside(call) {
        return Vec::new();
    }
    let Some(operation) = description::find(&call.method, &call.segments) else {
        return vec![format!(
            "{} {}: not in GitHub's description",
            call.method, call.path
        )];
    };
    let mut problems = operation.parameter_problems(call);
    problems.extend(body_problems(&operation, call));
    let place = format!("{} {} request", call.method, call.path);
    problems
        .iter()
        .map(|problem| format!("{place} {problem}"))
        .collect()
}

/// What is wrong with the answer to the request.
pub(crate) fn answer_violations(call: &Call, answer: &Answer) -> Vec<String> {
    let operation = description::find(&call.method, &call.segments);
    let (Some(operation), false) = (operation, is_outside(call)) else {
        return Vec::new();
    };
    let problems = match operation.answer_schema(answer.status) {
        Err(_) if ANYWHERE.contains(&answer.status) => Vec::new(),
        Err(problem) => vec![problem],
        Ok(schema) => content_problems(schema, &answer.content),
    };
    let place = format!("{} {} {}", call.method, call.path, answer.status);
    problems
        .iter()
        .map(|problem| format!("{place} {problem}"))
        .collect()
}

fn content_problems(schema: Option<String>, content: &Content) -> Vec<String> {
    match (schema, content) {
        (Some(schema), Content::Json(body)) => schemas::problems(&schema, body),
        (Some(_), Content::Nothing) => vec!["/: a body is missing".to_owned()],
        (_, Content::Raw(_)) | (None, _) => Vec::new(),
    }
}

fn body_problems(operation: &Operation, call: &Call) -> Vec<String> {
    match (operation.body_schema(), &call.body) {
        (Some(schema), Some(body)) => {
            let mut problems = schemas::problems(&schema, body);
            problems.extend(unknown_fields(&schema, body));
            problems
        }
        (Some(_), None) if operation.needs_body() => vec!["/: a body is missing".to_owned()],
        _ => Vec::new(),
    }
}

/// The description lets any extra field pass; GitHub would ignore it without a word, so a
/// misspelt field would never be noticed.
fn unknown_fields(schema: &str, body: &Value) -> Vec<String> {
    let (Some(known), Some(sent)) = (description::properties(schema), body.as_object()) else {
        return Vec::new();
    };
    let unknown = sent.keys().filter(|field| !known.contains_key(*field));
    unknown
        .map(|field| format!("/{field}: GitHub knows no such field"))
        .collect()
}

/// GraphQL and the token endpoint of Actions have no OpenAPI description.
fn is_outside(call: &Call) -> bool {
    call.is_graphql() || call.path.starts_with("/_oidc/")
}
