//! tidegate releases one application to many tenants: it builds images, moves a version from fleet to fleet in
//! waves with health gates, takes it back when a gate fails, and keeps its records as GitHub deployments.
//!
//! Everything that moves a fleet is one loop, observe -> decide -> act -> record, and a process that forgets all
//! of it after any step ends in the same place when it is started again. ARCHITECTURE.md tells the whole story.
//!
//! The layers, each using only those before it: [`domain`] decides, [`ports`] say what is needed from outside,
//! [`app`] holds the verbs, [`cli`] turns text into verbs and outcomes into text, [`adapters`] are the outside,
//! and [`wire`] puts them together.

pub mod domain;
pub mod ports;
pub mod app;
pub mod cli;
pub mod adapters;
pub mod wire;
