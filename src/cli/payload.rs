//! The payload of a GitHub event, which is foreign text: fields are taken by the types they go into, and one that is
//! missing is told by its path.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::domain::reason::Reason;

/// Why a payload could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the `{event}` event: {why}")]
pub struct BadEvent {
    /// Name of the event.
    pub event: String,
    /// What is wrong with its payload.
    pub why: String,
}

impl From<BadEvent> for Reason {
    fn from(bad: BadEvent) -> Self {
        Self::EventUnreadable { event: bad.event, why: bad.why }
    }
}

/// A payload and the way to its fields.
pub(super) struct Payload<'a> {
    /// Name of the event.
    pub(super) event: &'a str,
    /// What came with it.
    pub(super) value: &'a Value,
}

impl<'a> Payload<'a> {
    fn at(&self, path: &[&str]) -> Option<&'a Value> {
        path.iter().try_fold(self.value, |value, key| value.get(key))
    }

    /// The text at a path; blank ones count as missing.
    pub(super) fn optional(&self, path: &[&str]) -> Option<&'a str> {
        self.at(path).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    }

    pub(super) fn text(&self, path: &[&str]) -> Result<&'a str, BadEvent> {
        let found = self.at(path).and_then(Value::as_str);
        found.ok_or_else(|| self.bad(&format!("`{}` is missing or no text", path.join("."))))
    }

    pub(super) fn number(&self, path: &[&str]) -> Result<u64, BadEvent> {
        let found = self.at(path).and_then(Value::as_u64);
        found.ok_or_else(|| self.bad(&format!("`{}` is missing or no number", path.join("."))))
    }

    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(&self, path: &[&str]) -> Result<T, BadEvent> {
        self.parse(path, self.text(path)?)
    }

    /// What stands at the path, read as `T`.
    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&self, path: &[&str], text: &str) -> Result<T, BadEvent> {
        text.parse().map_err(|error| self.bad(&format!("`{}`: {error}", path.join("."))))
    }

    pub(super) fn flag(&self, path: &[&str]) -> bool {
        self.at(path).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn has(&self, path: &[&str]) -> bool {
        self.at(path).is_some_and(|value| !value.is_null())
    }

    pub(super) fn bad(&self, why: &str) -> BadEvent {
        BadEvent { event: self.event.escape_debug().to_string(), why: why.to_owned() }
    }
}
