//! Every call that was made, with what happened to it: what a person reads when a schedule has broken something.

use std::fmt;

use jiff::Timestamp;

use super::fault::{Class, Kind};

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) process: usize,
    pub(super) at: Timestamp,
    pub(super) class: Class,
    pub(super) kind: Option<Kind>,
    /// What a change is about; nothing for reads.
    pub(super) what: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>4} p{} {:.0} {:<18} {}", self.number, self.process, self.at, self.class.name, self.what)?;
        self.kind.map_or(Ok(()), |kind| write!(f, "   <-- {kind:?}"))
    }
}
