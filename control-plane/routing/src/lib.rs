//! The routing snapshot: which tenant answers at which hosts, how it stands, and where its requests go. One value a
//! fleet, in generations that only grow. The release tool publishes it, edge routers serve from it.
//!
//! Pure: bytes in, values or problems out. A snapshot counts only after all of these, in this order:
//!
//! 1. [`TrustedKeys::open`]: a signature of a key that is trusted, over the bytes as they came; nothing of an unsigned text
//!    is interpreted;
//! 2. the shape of schema 1, strictly, in the one form of its bytes ([`Snapshot::bytes`]);
//! 3. [`Snapshot::problems`]: its meaning, all problems at once;
//! 4. [`succeed`]: what it would follow. It may not go back, not fork, and not lose more tenants than is allowed.

mod change;
mod envelope;
mod key;
mod place;
mod problem;
mod report;
mod signed;
mod snapshot;
mod succession;

pub use change::{Change, changes};
pub use envelope::{Envelope, Signature, message};
pub use key::{KeyId, PublicKey, SigningKey, TrustedKeys};
pub use place::{POINTER, Pointer, generation_of, object_name};
pub use problem::Problem;
pub use report::{REPORT_BYTES_MAX, REPORT_EVERY, REPORT_GOOD_FOR, REPORTS, RouterReport};
pub use signed::{BYTES_MAX, PAYLOAD_TYPE};
pub use snapshot::{SCHEMA, Snapshot, State, TENANTS_MAX, Tenant, TokenKey, is_host, mail_label, snapshot_schema};
pub use succession::{Limits, succeed};

#[cfg(test)]
mod properties;
