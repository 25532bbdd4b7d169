//! The GitHub fake, exercised over HTTP as its users will: each rule that tidegate leans on is
//! shown here once, so that a failing release test points at tidegate and not at the fake.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(clippy::disallowed_methods, reason = "the fake is a server of its own: it has a clock and waits")]

mod client;
mod contract;
mod deployments;
mod faults;
mod files;
#[path = "../github/mod.rs"]
mod github;
mod graphql;
mod issues;
mod octocrab_client;
mod people;
mod refs;
mod statuses;
