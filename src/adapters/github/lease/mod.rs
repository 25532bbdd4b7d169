//! The lease of a fleet: the branch `tidegate-lease-<fleet>`, whose newest commit holds the record in one file.
//!
//! | Change | How | What makes it exclusive |
//! |---|---|---|
//! | the first one ever | the branch is created at a finished commit | GitHub creates a branch once |
//! | every later one | a commit on top of the one that was seen | `expectedHeadOid` |
//!
//! The branch is never deleted and never forced: its commits tell who held the fleet, and the number in the record
//! can only grow. A branch without a record that can be read blocks, since it may be somebody's.

mod life;
mod process;
mod reader;
mod writer;

use crate::domain::ids::FleetName;

/// The file with the record.
const RECORD: &str = "lease.json";

fn branch(fleet: &FleetName) -> String {
    format!("tidegate-lease-{fleet}")
}
