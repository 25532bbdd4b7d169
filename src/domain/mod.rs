//! What a release is, who gets it when, and what must never happen: values and pure functions.
//!
//! Nothing here waits, reads a clock, touches the network or prints. Whoever must wait or can fail from
//! outside lives in `app` or `adapters`. The modules stand in reading order, which is also the order of
//! dependency: a module may use only those above it (`tests/tidy.rs` holds that).

pub(crate) mod mutant;
pub mod ids;
pub mod approved;
pub mod markdown;
pub mod redact;
pub mod signature;
pub mod causes;
pub mod service;
pub mod reason;
pub mod release;
pub mod merged;
pub mod template;
pub mod template_change;
pub mod calendar;
pub mod statistics;
pub mod routers;
pub mod gate;
pub mod object_name;
pub mod fleet;
pub mod versioning;
pub mod wave;
pub mod manifest;
pub mod starter;
pub mod doctor;
pub mod published;
pub mod provisioning;
pub mod quota;
pub mod infra_guard;
pub mod snapshot;
pub mod plan;
pub mod notes;
pub mod rollout;
pub mod result;
pub mod ledger;
pub mod eta;
pub mod directive;
pub mod pause;
pub mod routing;
pub mod offboard;
pub mod moving;
pub mod lease;
pub mod planner;
pub mod licence;
pub mod replay;
pub mod condition;
pub mod drift;
pub mod history;
pub mod dora;
pub mod report;
