//! Compares the tree of a file with its JSON Schema: kinds, unknown keys, missing keys, choices. All at once, and
//! from the same schema that editors use, so that the two cannot disagree.
//!
//! What comes out beside the problems is the file's value with every scalar of the kind that its place wants, so
//! that nothing after this guesses whether `1.4` is a text. There is none if something is of the wrong kind or
//! missing; a misspelt key is read as the one it is nearest to, so that one slip does not hide what else is wrong.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_yaml::{Mapping, Value as Yaml};

use super::positions::{Document, Key, Kind, Mark, Node, join};
use super::problem::{PROBLEMS_MAX, Problem, did_you_mean, nearest};
use super::scalar::{taken_for, whole_number};
use super::schema::{choices, keys, kind_of, places_of, property, required};

/// The value of a document, and every place where it has another shape than the schema.
pub(super) fn check(document: &mut Document, schema: &Value) -> (Option<Yaml>, Vec<Problem>) {
    let mut shape = Shape { document, root: schema, problems: Vec::new(), meant: Vec::new() };
    let value = shape.node("", &document.root, schema);
    let Shape { problems, meant, .. } = shape;
    meant.iter().for_each(|(written, meant)| document.mean(written, meant));
    (value, problems)
}

struct Shape<'a> {
    document: &'a Document,
    root: &'a Value,
    problems: Vec<Problem>,
    /// Paths of misspelt keys, as written and as meant.
    meant: Vec<(String, String)>,
}

impl<'a> Shape<'a> {
    fn node(&mut self, path: &str, node: &'a Node, schema: &'a Value) -> Option<Yaml> {
        if node.says_nothing() {
            return self.no_value(path, node);
        }
        let Ok(schema) = self.fitting(node, schema) else {
            let what = format!("{} is {}", called(path), found(node));
            return self.report(node, what, &self.in_words(schema));
        };
        if let Some(choices) = choices(schema) {
            return self.choice(path, node, &choices);
        }
        match &node.kind {
            Kind::Map(entries) => self.map(path, node, entries, schema),
            Kind::List(items) => {
                self.few(path, node, items.len(), schema.get("maxItems"))?;
                let inner = schema.get("items").unwrap_or(&Value::Null);
                let items = items.iter().enumerate();
                let items: Vec<Option<Yaml>> =
                    items.map(|(i, item)| self.node(&format!("{path}[{i}]"), item, inner)).collect();
                items.into_iter().collect::<Option<Vec<Yaml>>>().map(Yaml::Sequence)
            }
            Kind::Scalar { text, plain } => self.scalar(path, node, text, *plain, schema),
            Kind::Refused => None,
        }
    }

    fn map(&mut self, path: &str, node: &Node, entries: &'a [(Key, Node)], schema: &'a Value) -> Option<Yaml> {
        self.few(path, node, entries.len(), schema.get("maxProperties"))?;
        let (mut map, mut whole) = (Mapping::new(), true);
        let mut there: BTreeSet<&str> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
        for (key, value) in entries {
            if self.problems.len() >= PROBLEMS_MAX {
                return None;
            }
            let name = match property(schema, &key.text) {
                Some(_) => key.text.as_str(),
                None => match self.unknown(key, schema).filter(|meant| !there.contains(meant)) {
                    Some(meant) => {
                        there.insert(meant);
                        self.meant.push((join(path, &key.text), join(path, meant)));
                        meant
                    }
                    None => continue,
                },
            };
            if value.says_nothing() && !required(schema).any(|key| key == name) {
                self.no_value(&join(path, name), value);
                continue;
            }
            let inner = property(schema, name).unwrap_or(&Value::Null);
            match self.node(&join(path, name), value, inner) {
                Some(value) => drop(map.insert(Yaml::from(name), value)),
                None => whole = false,
            }
        }
        for key in required(schema).filter(|key| !there.contains(key)) {
            let mark = if path.is_empty() { node.mark } else { self.document.key_mark(path) };
            self.add(mark, format!("{} has no `{key}`", called(path)), "add it");
            whole = false;
        }
        whole.then_some(Yaml::Mapping(map))
    }

    /// Whether there are no more of something than the schema allows.
    fn few(&mut self, path: &str, node: &Node, there: usize, most: Option<&Value>) -> Option<()> {
        let Some(most) = most.and_then(Value::as_u64).filter(|most| there as u64 > *most) else { return Some(()) };
        self.report(node, format!("{} has {there} entries", called(path)), &format!("at most {most} are read"));
        None
    }

    fn scalar(&mut self, path: &str, node: &Node, text: &str, plain: bool, schema: &'a Value) -> Option<Yaml> {
        let kind = kind_of(schema).unwrap_or_default();
        let value = match kind {
            "integer" => {
                let most = schema.get("maximum").and_then(Value::as_u64).unwrap_or(u64::MAX);
                whole_number(text).filter(|number| plain && u64::from(*number) <= most).map(Yaml::from)
            }
            "boolean" => text.parse::<bool>().ok().filter(|_| plain).map(Yaml::from),
            _ => {
                if let Some(other) = taken_for(text).filter(|_| plain) {
                    let what = format!("{} is `{text}`, which YAML readers take for {other}", called(path));
                    self.report(node, what, "put it in quotes");
                }
                Some(Yaml::from(text))
            }
        };
        if value.is_none() {
            self.report(node, format!("{} is {}", called(path), found(node)), &self.in_words(schema));
        }
        value
    }

    fn no_value(&mut self, path: &str, node: &Node) -> Option<Yaml> {
        self.report(node, format!("{} has no value", called(path)), "give it one, or leave the key out")
    }

    fn choice(&mut self, path: &str, node: &Node, choices: &[&str]) -> Option<Yaml> {
        let near = match &node.kind {
            Kind::Scalar { text, .. } if choices.contains(&text.as_str()) => return Some(Yaml::from(text.as_str())),
            Kind::Scalar { text, .. } => did_you_mean(text, choices.iter().copied()),
            Kind::List(_) | Kind::Map(_) | Kind::Refused => String::new(),
        };
        let help = format!("{near} it can be {}", choices.join(", "));
        self.report(node, format!("{} is {}", called(path), found(node)), help.trim_start())
    }

    /// Tells an unknown key; if one that is known is near, that is what was meant.
    fn unknown(&mut self, key: &Key, schema: &'a Value) -> Option<&'a str> {
        if key.text.ends_with(')') {
            // `{ cap: max(25%, 6) }`: inside of braces YAML ends a text without quotes at the comma.
            let what = format!("`{}` was read as a key", key.text.escape_debug());
            self.add(key.mark, what, "put the value before it in quotes: inside { } a comma ends it");
            return None;
        }
        let known = keys(schema);
        let near = nearest(&key.text, known.iter().copied());
        let help = match (near, places_of(self.root, &key.text).as_slice()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => format!("known here: {}", known.join(", ")),
            (None, places) => format!("it belongs in {}", places.join(" or ")),
        };
        self.add(key.mark, format!("unknown key `{}`", key.text.escape_debug()), &help);
        near
    }

    /// The schema that a node is to be compared with: references followed, and of several the one of its kind.
    fn fitting(&self, node: &Node, schema: &'a Value) -> Result<&'a Value, ()> {
        let schema = self.resolved(schema);
        let options = schema.get("anyOf").and_then(Value::as_array);
        let fitting = match options {
            Some(options) => options.iter().find_map(|option| self.fitting(node, option).ok()).ok_or(())?,
            None => schema,
        };
        if accepts(fitting, node) { Ok(fitting) } else { Err(()) }
    }

    /// The schema, or the one that it refers to.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let named = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
        named.and_then(|name| self.root.get("$defs")?.get(name)).unwrap_or(schema)
    }

    /// What a value must be.
    fn in_words(&self, schema: &'a Value) -> String {
        let schema = self.resolved(schema);
        if let Some(choices) = choices(schema) {
            return format!("it can be {}", choices.join(", "));
        }
        let kinds = match schema.get("anyOf").and_then(Value::as_array) {
            Some(options) => options.iter().map(|option| kind_of(self.resolved(option))).collect(),
            None => vec![kind_of(schema)],
        };
        let words: Vec<&str> = kinds.into_iter().flatten().filter(|kind| *kind != "null").map(kind_in_words).collect();
        match schema.get("maximum") {
            Some(most) => format!("it must be {} up to {most}, in digits alone", words.join(" or ")),
            None if words == ["a whole number"] => "it must be a whole number, in digits alone".to_owned(),
            None => format!("it must be {}", words.join(" or ")),
        }
    }

    fn add(&mut self, mark: Mark, what: String, help: &str) {
        self.problems.push(self.document.problem(mark, what, help));
    }

    fn report(&mut self, node: &Node, what: String, help: &str) -> Option<Yaml> {
        self.add(node.mark, what, help);
        None
    }
}

/// Whether a node is of the kind that a schema is for; a scalar may be any scalar, which is looked at later.
fn accepts(schema: &Value, node: &Node) -> bool {
    match (&node.kind, kind_of(schema)) {
        (Kind::Map(_), kind) => kind == Some("object"),
        (Kind::List(_), kind) => kind == Some("array"),
        (Kind::Scalar { .. }, kind) => choices(schema).is_some() || !matches!(kind, Some("object" | "array" | "null")),
        (Kind::Refused, _) => true,
    }
}

/// A path as a person says it.
fn called(path: &str) -> String {
    if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") }
}

/// What stands there.
fn found(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar { text, plain: true } => format!("`{}`", text.escape_debug()),
        Kind::Scalar { text, plain: false } => format!("the text \"{}\"", text.escape_debug()),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) => "a map".to_owned(),
        Kind::Refused => "unreadable".to_owned(),
    }
}

fn kind_in_words(kind: &str) -> &'static str {
    match kind {
        "integer" => "a whole number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a map",
        _ => "a text",
    }
}
