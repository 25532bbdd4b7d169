//! Real router processes against an S3, backends and clients on the loopback interface.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

mod conversation;
mod scale;
mod survival;
mod world;
