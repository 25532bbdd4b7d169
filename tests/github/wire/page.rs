//! Pages of a list, with the `Link` header by which clients find the next one.

use serde_json::Value;

use super::answer::Answer;
use super::call::Call;
use crate::github::faults::FaultKind;

const DEFAULT_SIZE: usize = 30;
const LARGEST_SIZE: usize = 100;

/// Answers with the page of `items` that the call asks for.
pub(crate) fn page(call: &Call, items: Vec<Value>) -> Answer {
    let size = number(call, "per_page").unwrap_or(DEFAULT_SIZE).clamp(1, LARGEST_SIZE);
    let page = number(call, "page").unwrap_or(1).max(1);
    let last = items.len().div_ceil(size).max(1);
    let links = links(call, page, last);
    let mut part: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
    if call.fault == Some(FaultKind::ReversedList) {
        part.reverse();
    }
    let answer = Answer::json(200, Value::Array(part));
    if links.is_empty() { answer } else { answer.header("link", links.join(", ")) }
}

fn number(call: &Call, name: &str) -> Option<usize> {
    call.parameter(name)?.parse().ok()
}

fn links(call: &Call, page: usize, last: usize) -> Vec<String> {
    let mut links = Vec::new();
    if page > 1 {
        links.push(link(call, page - 1, "prev"));
    }
    if page < last {
        links.push(link(call, page + 1, "next"));
        links.push(link(call, last, "last"));
    }
    if page > 1 {
        links.push(link(call, 1, "first"));
    }
    links
}

fn link(call: &Call, page: usize, relation: &str) -> String {
    let mut query = String::new();
    for (key, value) in call.query.iter().filter(|(key, _)| key != "page") {
        query.push_str(&format!("{key}={}&", encoded(value)));
    }
    let (base, path) = (&call.base, &call.path);
    format!("<{base}{path}?{query}page={page}>; rel=\"{relation}\"")
}

fn encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}
