//! Real router processes against an S3, backends and clients on the loopback interface.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test panics, and prints what it took"
)]

mod conversation;
mod scale;
mod survival;
mod world;
