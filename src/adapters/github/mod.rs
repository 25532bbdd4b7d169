//! GitHub as tidegate's memory: rollouts are deployments, their progress is deployment statuses, and everything
//! that does not fit into a line lies in files on a branch of its own.
//!
//! Why these three: a deployment is what people look at, and what GitHub shows beside a commit; its payload is
//! write-once, so it holds the intent; a status can only be added, so it holds what happened. Neither can hold
//! a plan of a thousand tenants; a branch can, and moving it is a compare-and-set.
//!
//! From the wire up: `client` makes one attempt, `failure` says what an answer means for the next one, `patience`
//! waits, `graphql`, `contents` and `branch` speak the dialects, `deployments` and `state_branch` are the two places
//! where records lie, `status_line`, `payload` and `files` their forms, and `ledger` puts them together. `lease` is
//! who may move a fleet at all. `people`, `pulls` and `releases` are what GitHub is to everybody else.

mod around;
mod branch;
mod client;
mod contents;
mod deployments;
mod failure;
mod files;
mod graphql;
mod history;
mod lease;
mod ledger;
mod patience;
mod payload;
mod people;
mod pulls;
mod releases;
mod remembered_reason;
mod state_branch;
mod status_line;

pub use client::{GitHub, GitHubEnvironment};
pub use ledger::GitHubLedger;
