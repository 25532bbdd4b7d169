//! Compares the tree of a file with its JSON Schema: kinds, unknown keys, missing keys, choices. All at once, and
//! from the same schema that editors use, so that the two cannot disagree.

use serde_json::{Map, Value};

use super::positions::{Document, Kind, Node, is_null, join};
use super::problem::{Problem, did_you_mean};

/// Every place where the document has another shape than the schema.
pub(super) fn check(document: &Document, schema: &Value) -> Vec<Problem> {
    let mut shape = Shape { document, root: schema, problems: Vec::new() };
    shape.node("", &document.root, schema);
    shape.problems
}

struct Shape<'a> {
    document: &'a Document,
    root: &'a Value,
    problems: Vec<Problem>,
}

impl<'a> Shape<'a> {
    fn node(&mut self, path: &str, node: &Node, schema: &'a Value) {
        let Some(schema) = self.fitting(node, schema) else {
            return self.report(node, format!("{} is of the wrong kind: {}", called(path), wanted(schema)), "");
        };
        if let Some(choices) = choices(schema) {
            return self.choice(path, node, &choices);
        }
        match (&node.kind, kind_of(schema)) {
            (Kind::Map(entries), Some("object")) => {
                for (key, value) in entries {
                    let path = join(path, &key.text);
                    match property(schema, &key.text) {
                        Some(inner) => self.node(&path, value, inner),
                        None => self.unknown(key, schema),
                    }
                }
                self.missing(path, node, entries.iter().map(|(key, _)| key.text.as_str()), schema);
            }
            (Kind::List(items), Some("array")) => {
                let inner = schema.get("items").unwrap_or(&Value::Bool(true));
                items.iter().enumerate().for_each(|(i, item)| self.node(&format!("{path}[{i}]"), item, inner));
            }
            (Kind::Scalar { text, plain }, Some(kind)) => self.scalar(path, node, text, *plain, kind),
            _ => {}
        }
    }

    fn scalar(&mut self, path: &str, node: &Node, text: &str, plain: bool, kind: &str) {
        let number = |text: &str| {
            text == "0"
                || (!text.starts_with('0')
                    && text.len() < 20
                    && text.bytes().all(|b| b.is_ascii_digit())
                    && !text.is_empty())
        };
        let fits = match kind {
            "integer" | "number" => plain && number(text) && text.parse::<u32>().is_ok(),
            "boolean" => plain && matches!(text, "true" | "false"),
            "string" if plain && is_null(text) => {
                return self.report(
                    node,
                    format!("{} has no value", called(path)),
                    "give one, in quotes if it is meant, or leave the key out",
                );
            }
            "string" => !text.is_empty(),
            _ => false,
        };
        if !fits {
            let found = if text.is_empty() { "an empty text".to_owned() } else { format!("`{}`", text.escape_debug()) };
            self.report(node, format!("{} is {found}: {}", called(path), in_words(kind)), "");
        }
    }

    fn choice(&mut self, path: &str, node: &Node, choices: &[&str]) {
        let Kind::Scalar { text, .. } = &node.kind else {
            return self.report(node, format!("{} must be one of {}", called(path), choices.join(", ")), "");
        };
        if !choices.contains(&text.as_str()) {
            let what = format!("{} is `{}`; it can be {}", called(path), text.escape_debug(), choices.join(", "));
            self.report(node, what, &did_you_mean(text, choices.iter().copied()));
        }
    }

    fn unknown(&mut self, key: &super::positions::Key, schema: &Value) {
        let known: Vec<&str> = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(k, _)| k.as_str())
            .collect();
        if key.text.ends_with(')') {
            // `{ cap: max(25%, 6) }`: inside of braces YAML ends a text without quotes at the comma.
            let what = format!("`{}` was read as a key", key.text.escape_debug());
            let problem =
                self.document.problem(key.mark, what, "put the value before it in quotes: inside { } a comma ends it");
            return self.problems.push(problem);
        }
        let near = did_you_mean(&key.text, known.iter().copied());
        let help = match (near.is_empty(), self.elsewhere(&key.text)) {
            (false, _) => near,
            (true, Some(place)) => format!("`{}` belongs into {place}", key.text.escape_debug()),
            (true, None) => format!("known here: {}", known.join(", ")),
        };
        let problem = self.document.problem(key.mark, format!("unknown key `{}`", key.text.escape_debug()), &help);
        self.problems.push(problem);
    }

    /// Where in the schema a key of this name would be right.
    fn elsewhere(&self, key: &str) -> Option<String> {
        let has = |schema: &Value| schema.get("properties").is_some_and(|p| p.get(key).is_some());
        if has(self.root) {
            return Some("the top level".to_owned());
        }
        let definitions: &Map<String, Value> = self.root.get("$defs")?.as_object()?;
        definitions
            .iter()
            .find(|(_, schema)| has(schema))
            .and_then(|(_, schema)| schema.get("title")?.as_str().map(str::to_owned))
    }

    fn missing<'k>(&mut self, path: &str, node: &Node, there: impl Iterator<Item = &'k str>, schema: &Value) {
        let there: Vec<&str> = there.collect();
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let missing: Vec<&str> = required.filter(|key| !there.contains(key)).collect();
        for key in missing {
            let mark = if path.is_empty() { node.mark } else { self.document.key_mark(path) };
            let problem = self.document.problem(mark, format!("{} has no `{key}`", called(path)), "add it");
            self.problems.push(problem);
        }
    }

    /// The schema that a node is to be compared with: references followed, and of several the one of its kind.
    fn fitting(&self, node: &Node, schema: &'a Value) -> Option<&'a Value> {
        let mut schema = schema;
        for _ in 0..8 {
            if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/")) {
                schema = self.root.get("$defs")?.get(name)?;
            } else if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
                let fits = |option: &&Value| self.fitting(node, option).is_some_and(|s| accepts(s, node));
                schema = options.iter().find(fits)?;
            } else {
                break;
            }
        }
        accepts(schema, node).then_some(schema)
    }

    fn report(&mut self, node: &Node, what: String, help: &str) {
        self.problems.push(self.document.problem(node.mark, what, help));
    }
}

/// Whether a node is of the kind that a schema is for; a scalar may be any scalar, which is looked at later.
fn accepts(schema: &Value, node: &Node) -> bool {
    match (&node.kind, kind_of(schema)) {
        (Kind::Map(_), kind) => kind == Some("object"),
        (Kind::List(_), kind) => kind == Some("array"),
        (Kind::Scalar { .. }, kind) => choices(schema).is_some() || !matches!(kind, Some("object" | "array" | "null")),
    }
}

/// The schema's `type`; of a nullable one the other.
fn kind_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    }
}

/// The words an enumeration allows.
fn choices(schema: &Value) -> Option<Vec<&str>> {
    let consts = |options: &'_ Value| -> Option<Vec<String>> {
        options.as_array()?.iter().map(|option| Some(option.get("const")?.as_str()?.to_owned())).collect()
    };
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    let options = schema.get("oneOf")?;
    consts(options)?;
    Some(options.as_array()?.iter().filter_map(|option| option.get("const")?.as_str()).collect())
}

fn property<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    let named = schema.get("properties").and_then(|properties| properties.get(key));
    named.or_else(|| schema.get("additionalProperties").filter(|inner| inner.is_object()))
}

/// A path as a person says it.
fn called(path: &str) -> String {
    if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") }
}

fn wanted(schema: &Value) -> String {
    match kind_of(schema) {
        Some(kind) => in_words(kind).to_owned(),
        None => schema.get("description").and_then(Value::as_str).unwrap_or("see the schema").to_owned(),
    }
}

fn in_words(kind: &str) -> &'static str {
    match kind {
        "integer" | "number" => "it must be a whole number, written with digits alone",
        "boolean" => "it must be true or false",
        "array" => "it must be a list",
        "object" => "it must be a map",
        _ => "it must be a text",
    }
}
