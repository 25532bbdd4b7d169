//! What is wrong with a snapshot, in words for a person, with a code for counters.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A stable word: `unsigned`, `malformed`, `wrong`, `other_fleet`, `older`, `fork`, `loses_tenants`.
    pub code: &'static str,
    /// Where, and what.
    pub what: String,
}

impl Problem {
    pub(crate) fn new(code: &'static str, what: impl fmt::Display) -> Self {
        Self { code, what: what.to_string() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Problem {}

/// A text from outside, short enough for a sentence and without what would move a terminal's cursor.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(60).collect::<String>().escape_debug().to_string()
}
