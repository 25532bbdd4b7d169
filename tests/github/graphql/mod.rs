//! The few GraphQL operations that have no REST equal: compare-and-set of refs, a commit with the
//! head it expects, and a list of deployments with their statuses in one call.
//!
//! No engine: a query is read into its fields, each root field has a function that builds the whole
//! object, and the selection then cuts out what was asked for. As at GitHub, failure is HTTP 200.

mod commit;
mod deployments;
mod history;
mod query;
mod update_refs;

use serde_json::{Map, Value, json};

use super::repository::{NODE_ID, Repository};
use super::wire::answer::{Answer, Handled};
use super::wire::call::Call;
use query::{Field, read};

/// A GraphQL error: its type, and the sentence.
pub(super) struct Failure(pub(super) &'static str, pub(super) String);

/// Whether the call would change something.
pub(crate) fn is_mutation(call: &Call) -> bool {
    call.text("query").is_some_and(|query| query::ignored(query).starts_with("mutation"))
}

pub(crate) fn answer(repo: &mut Repository, call: &Call) -> Handled {
    let variables = call.field("variables").cloned().unwrap_or_default();
    let Some(fields) = call.text("query").and_then(|query| read(query, &variables)) else {
        let errors = json!([{ "message": "A query attribute must be specified and must be a string that parses." }]);
        return Ok(Answer::json(200, json!({ "errors": errors })));
    };
    let (mut data, mut errors) = (Map::new(), Vec::new());
    for field in &fields {
        let result = resolve(repo, call, field).and_then(|whole| cut(&whole, field));
        let value = result.unwrap_or_else(|Failure(kind, message)| {
            errors.push(json!({ "type": kind, "path": [field.key], "message": message }));
            Value::Null
        });
        data.insert(field.key.clone(), value);
    }
    let mut body = json!({ "data": data });
    if !errors.is_empty() {
        body["errors"] = errors.into();
    }
    Ok(Answer::json(200, body))
}

fn resolve(repo: &mut Repository, call: &Call, field: &Field) -> Result<Value, Failure> {
    match field.name.as_str() {
        "repository" => repository(repo, call, field),
        "updateRefs" => update_refs::answer(repo, field),
        "createCommitOnBranch" => commit::answer(repo, call, field),
        other => Err(undefined(other)),
    }
}

fn repository(repo: &Repository, call: &Call, field: &Field) -> Result<Value, Failure> {
    let (owner, name) = (field.text("owner"), field.text("name"));
    if (owner, name) != (Some(&repo.owner), Some(&repo.name)) {
        let message = "Could not resolve to a Repository with that name.";
        return Err(Failure("NOT_FOUND", message.to_owned()));
    }
    let mut whole = json!({ "id": NODE_ID, "nameWithOwner": repo.full_name() });
    if let Some(list) = field.child("deployments") {
        whole["deployments"] = deployments::list(repo, call, list)?;
    }
    if let Some(object) = field.child("object") {
        whole["object"] = history::object(repo, object);
    }
    Ok(whole)
}

/// Cuts out of the whole object what the field selects.
fn cut(whole: &Value, field: &Field) -> Result<Value, Failure> {
    match whole {
        Value::Array(items) => items.iter().map(|item| cut(item, field)).collect(),
        Value::Object(known) => {
            let mut chosen = Map::new();
            for child in &field.selection {
                let value = known.get(&child.name).ok_or_else(|| undefined(&child.name))?;
                chosen.insert(child.key.clone(), cut(value, child)?);
            }
            Ok(Value::Object(chosen))
        }
        leaf => Ok(leaf.clone()),
    }
}

fn undefined(name: &str) -> Failure {
    Failure("undefinedField", format!("Field '{name}' doesn't exist"))
}
