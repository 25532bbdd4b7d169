//! tidegate releases one application to many tenants: it builds images, moves a version from fleet to fleet in
//! waves with health gates, takes it back when a gate fails, and keeps its records as GitHub deployments.
//!
//! Everything that moves a fleet is one loop, observe -> decide -> act -> record, and a process that forgets all
//! of it after any step ends in the same place when it is started again. ARCHITECTURE.md tells the whole story.

pub mod adapters;
pub mod domain;
pub mod ports;
