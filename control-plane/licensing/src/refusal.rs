//! Why a licence does not count, each in words for a person and with a stable code.

use jiff::Timestamp;

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has more bytes than are looked at.
    #[error("it has more than {max} bytes")]
    TooLarge {
        /// Most that are looked at.
        max: usize,
    },
    /// It is no licence, or one that means nothing.
    #[error("it is no licence: {why}")]
    Malformed {
        /// What is wrong.
        why: String,
    },
    /// It names no key that is trusted.
    #[error("no key that is trusted signed it; it names [{named}]")]
    UnknownKey {
        /// Ids of keys that it names.
        named: String,
    },
    /// It names a key that is trusted, which did not sign it.
    #[error("the signature under the name of key {key} is not that key's over these bytes")]
    Forged {
        /// The key's id.
        key: String,
    },
    /// It is somebody else's.
    #[error("it is of {found}, and not of {wanted}")]
    OtherTenant {
        /// Whose it is, as `app/fleet/tenant`.
        found: String,
        /// Who wanted it.
        wanted: String,
    },
    /// A newer one was seen.
    #[error("it has the serial {found}, and {seen} was seen already: an old one was put back")]
    Replayed {
        /// Its serial.
        found: u64,
        /// The highest that was seen.
        seen: u64,
    },
    /// Another one with the same serial was seen.
    #[error("another licence with the serial {serial} was seen already")]
    Forked {
        /// The serial of both.
        serial: u64,
    },
    /// It does not count yet.
    #[error("it counts from {from} on, and it is {now}")]
    NotYetValid {
        /// Its first moment.
        from: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// It counts no more.
    #[error("it ended at {at}, and it is {now}")]
    Expired {
        /// The first moment after it.
        at: Timestamp,
        /// Now.
        now: Timestamp,
    },
}

impl Refusal {
    /// A stable word for programs and counters.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Malformed { .. } => "malformed",
            Self::UnknownKey { .. } => "unknown_key",
            Self::Forged { .. } => "forged",
            Self::OtherTenant { .. } => "other_tenant",
            Self::Replayed { .. } => "replayed",
            Self::Forked { .. } => "forked",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::Expired { .. } => "expired",
        }
    }
}

/// A text from outside, short enough for a sentence and without what would move a terminal's cursor.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(60).collect::<String>().escape_debug().to_string()
}
