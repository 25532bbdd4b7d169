//! The command line: text in, text out. The only layer that prints, and the only one that knows exit codes.

pub mod args;
mod causes;
pub mod ci;
mod comment;
pub mod context;
mod decide;
mod dispatch;
pub mod doctor;
mod drift;
pub mod event;
pub mod exit;
pub mod failure_spec;
pub mod guard;
mod history;
pub mod init;
pub mod leave;
pub mod machine;
pub mod markdown;
mod output;
mod page;
mod payload;
pub mod progress;
pub mod render;
pub mod replay;
pub mod routing;
pub mod run;
pub mod tenants;
