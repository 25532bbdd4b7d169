//! The records and the lease as they are kept at GitHub: the real adapters over HTTP against the stateful fake, with
//! every fault of its list. What is shown here is that nothing is recorded twice or lost, that what does not check is
//! never a success, and that of two who want a fleet one gets it.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it has a wall clock of its own, and tells what it measured"
)]

#[path = "../github/mod.rs"]
mod github;
mod budget;
mod events;
mod harness;
mod lease;
mod lease_life;
mod limits;
mod opening;
mod plans;
mod pulls;
mod racing;
mod records;
mod story;
