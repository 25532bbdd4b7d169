//! The pieces that travel: one request as handlers see it, one answer as they give it, the page
//! cut out of a list, and the connection that can be cut.

pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod connection;
pub(crate) mod page;
