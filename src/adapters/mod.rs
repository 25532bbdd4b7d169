//! What stands behind the ports. No adapter knows another one: `wire` puts them together.

pub mod github;
