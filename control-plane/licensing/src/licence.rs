//! A licence as a value: which tenant may use what, from when until when. Pure; its one form as bytes is what is signed.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::refusal::{Refusal, short};

/// Version of licences that is written and read.
pub const SCHEMA: u32 = 1;

/// Longest word of a licence, in bytes.
const WORD_MAX: usize = 128;

/// What a tenant has a right to, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "licence, version 1")]
pub struct Licence {
    /// Version of this shape: 1.
    pub schema: u32,
    /// The application.
    pub app: String,
    /// The fleet.
    pub fleet: String,
    /// The tenant. A licence is nobody else's.
    pub tenant: String,
    /// What was bought, if that has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Grows with every licence of the tenant, from 1. One with a lower number than a tenant has seen counts no more.
    pub serial: u64,
    /// When it was issued.
    #[schemars(with = "String")]
    pub issued_at: Timestamp,
    /// The first moment at which it counts.
    #[schemars(with = "String")]
    pub not_before: Timestamp,
    /// The first moment at which it no longer counts.
    #[schemars(with = "String")]
    pub expires: Timestamp,
}

/// The first moment after a day, in UTC: licences end with their last day there, as rollouts count days.
///
/// # Errors
/// No moment comes after that day.
pub fn end_of(day: Date) -> Result<Timestamp, jiff::Error> {
    TimeZone::UTC.to_timestamp(day.tomorrow()?.at(0, 0, 0, 0))
}

impl Licence {
    /// The one form of its bytes: JSON without blanks, fields in the order of the type. Equal licences have equal bytes.
    ///
    /// # Errors
    /// None is known; serde's type allows for one.
    pub fn bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// The last day on which it counts, in UTC.
    pub fn last_day(&self) -> Date {
        let last = self.expires.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(self.expires);
        TimeZone::UTC.to_datetime(last).date()
    }

    /// Reads bytes in their one form and looks at their meaning.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let malformed = |why: String| Refusal::Malformed { why };
        let licence: Self = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        let form = licence.bytes().map_err(|error| malformed(error.to_string()))?;
        if form != bytes {
            return Err(malformed("it is not in the one form of its bytes".to_owned()));
        }
        licence.check()?;
        Ok(licence)
    }

    /// Whether it means something.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let mut wrong = Vec::new();
        if self.schema != SCHEMA {
            wrong.push(format!("it is of schema {}, and {SCHEMA} is read here", self.schema));
        }
        if self.serial == 0 {
            wrong.push("serials begin at 1".to_owned());
        }
        if self.expires <= self.not_before {
            wrong.push(format!("it ends at {} and begins at {}", self.expires, self.not_before));
        }
        let words = [("app", &self.app), ("fleet", &self.fleet), ("tenant", &self.tenant)];
        for (name, word) in words.into_iter().chain(self.plan.as_ref().map(|plan| ("plan", plan))) {
            if word.is_empty() || word.len() > WORD_MAX || word.chars().any(char::is_control) {
                wrong.push(format!("its {name} is {}", short(word)));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Refusal::Malformed { why: wrong.join("; ") }) }
    }
}

/// The JSON Schema of a licence.
pub fn licence_schema() -> serde_json::Value {
    schemars::schema_for!(Licence).to_value()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Counts in the whole of 2026.
    pub(crate) fn licence(tenant: &str, serial: u64) -> Licence {
        Licence {
            schema: SCHEMA,
            app: "accessos".to_owned(),
            fleet: "prod".to_owned(),
            tenant: tenant.to_owned(),
            plan: Some("enterprise".to_owned()),
            serial,
            issued_at: at("2026-01-01T00:00:00Z"),
            not_before: at("2026-01-01T00:00:00Z"),
            expires: at("2027-01-01T00:00:00Z"),
        }
    }

    #[test]
    fn the_bytes_are_these_and_no_others() {
        let bytes = r#"{"schema":1,"app":"accessos","fleet":"prod","tenant":"acme","plan":"enterprise","serial":7,"issued_at":"2026-01-01T00:00:00Z","not_before":"2026-01-01T00:00:00Z","expires":"2027-01-01T00:00:00Z"}"#;
        assert_eq!(String::from_utf8(licence("acme", 7).bytes().unwrap()).unwrap(), bytes);
        assert_eq!(Licence::read(bytes.as_bytes()), Ok(licence("acme", 7)));
        let others = [
            bytes.replace("{\"s", "{ \"s"),
            bytes.replace("\"plan\"", "\"plain\""),
            bytes.replace("\"app\":\"accessos\",", ""),
            bytes.replace("00Z", "00+00:00"),
        ];
        for other in others {
            assert!(matches!(Licence::read(other.as_bytes()), Err(Refusal::Malformed { .. })), "{other}");
        }
    }

    #[test]
    fn all_that_makes_it_meaningless_is_told_at_once() {
        let bad = Licence {
            schema: 2,
            serial: 0,
            tenant: String::new(),
            plan: Some("a\nb".to_owned()),
            expires: at("2025-01-01T00:00:00Z"),
            ..licence("acme", 1)
        };
        let Err(Refusal::Malformed { why }) = Licence::read(&bad.bytes().unwrap()) else { panic!() };
        for word in ["schema 2", "serials begin", "it ends at", "its tenant is", r"its plan is a\nb"] {
            assert!(why.contains(word), "{word}: {why}");
        }
    }

    #[test]
    fn it_counts_through_its_last_day() {
        let day: Date = "2027-06-30".parse().unwrap();
        let expires = end_of(day).unwrap();
        assert_eq!(expires, at("2027-07-01T00:00:00Z"));
        assert_eq!(Licence { expires, ..licence("acme", 1) }.last_day(), day);
        assert!(end_of(Date::MAX).is_err());
    }
}
