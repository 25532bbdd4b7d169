//! Building images: what goes into one, and the tool that makes it. Two halves that meet only in the app:
//! [`SourceTree`] says whether an image must be built at all, [`ToolBuilder`] builds it with docker, buildx or
//! buildah as a child process. No shell is involved: every command is a vector of arguments.

mod child;
mod command;
mod dockerignore;
mod fingerprint;
mod glob;
mod inside;
mod line;
mod listing;
mod manifest;
mod once;
mod prepare;
#[cfg(test)]
mod sample;
mod source;
mod tool;
mod tool_builder;

pub use source::SourceTree;
pub use tool::Programs;
pub use tool_builder::ToolBuilder;

use std::fmt::Display;

use crate::ports::{Fault, PortError};

/// Files and tools of this machine do not get better by asking again.
fn refused(doing: impl Display, why: impl Display) -> PortError {
    PortError::new(Fault::Refused, doing, why)
}
