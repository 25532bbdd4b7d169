//! The command line: text in, text out. The only layer that prints, and the only one that knows exit codes.

pub mod args;
pub mod ci;
mod comment;
pub mod context;
mod decide;
mod dispatch;
pub mod doctor;
pub mod event;
pub mod exit;
pub mod failure_spec;
pub mod guard;
pub mod init;
pub mod machine;
pub mod markdown;
mod payload;
pub mod progress;
pub mod render;
pub mod replay;
pub mod run;
pub mod tenants;
