//! The command line: text in, text out. The only layer that prints, and the only one that knows exit codes.

pub mod args;
pub mod ci;
pub mod context;
mod decide;
pub mod event;
pub mod exit;
pub mod failure_spec;
pub mod guard;
pub mod leave;
pub mod machine;
pub mod progress;
pub mod render;
pub mod replay;
pub mod run;
pub mod tenants;
