//! One error type for the test bed: a sentence that says what was tried and every cause below it.

use std::error::Error;
use std::fmt::{self, Display};

/// What went wrong, ready to print.
#[derive(Debug)]
pub(crate) struct Problem(String);

/// The result of everything that can fail in the test bed.
pub(crate) type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    pub(crate) fn new(text: impl Display) -> Self {
        Self(text.to_string())
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was tried. SDK errors print as "service error" alone: the causes matter.
pub(crate) trait Trying<T> {
    fn trying(self, what: impl Display) -> Result<T>;
}

impl<T, E: Error> Trying<T> for std::result::Result<T, E> {
    fn trying(self, what: impl Display) -> Result<T> {
        self.map_err(|error| {
            let mut text = format!("{what}: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                text.push_str(&format!(": {error}"));
                cause = error.source();
            }
            Problem(text)
        })
    }
}

impl<T> Trying<T> for Option<T> {
    fn trying(self, what: impl Display) -> Result<T> {
        self.ok_or_else(|| Problem(format!("{what}: nothing there")))
    }
}
