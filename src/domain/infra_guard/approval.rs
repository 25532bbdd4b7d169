//! An approval of a loss: one plan by its digest, exactly the things that may be lost, why, until when, and by whom.
//!
//! The file says who asked and who approved; that they are who they say is held by the review that brings the file
//! into the repository. Here it is held that they are two.

use std::collections::BTreeSet;

use jiff::civil::Date;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::address::printable;
use crate::domain::ids::ContentHash;
use crate::domain::reason::Reason;

/// The version of the shape.
const SCHEMA: u32 = 1;

/// An approval of what one plan of Terraform's loses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "approval of a loss")]
pub struct Approval {
    /// Version of this shape.
    #[schemars(extend("const" = 1))]
    pub schema: u32,
    /// SHA-256 of the plan file that was looked at, in hexadecimal.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub plan: ContentHash,
    /// The addresses that may be lost: all of them, and no other.
    #[schemars(extend("minItems" = 1, "uniqueItems" = true))]
    pub lost: Vec<String>,
    /// Why.
    #[schemars(extend("minLength" = 1))]
    pub reason: String,
    /// The last day on which it counts (UTC), such as 2026-12-31.
    #[schemars(with = "String", extend("format" = "date"))]
    pub expires: Date,
    /// The GitHub login of who asks for it.
    #[schemars(extend("pattern" = LOGIN))]
    pub requested_by: String,
    /// The GitHub login of who approves it: somebody else.
    #[schemars(extend("pattern" = LOGIN))]
    pub approved_by: String,
}

/// A login as GitHub gives them: letters, digits and hyphens, at most 39.
const LOGIN: &str = "^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}$";

/// The schema of an approval file (JSON Schema 2020-12).
pub fn approval_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Approval>().to_value()
}

impl Approval {
    /// Reads an approval file.
    ///
    /// # Errors
    /// It is none.
    pub fn read(bytes: &[u8]) -> Result<Self, Reason> {
        serde_json::from_slice(bytes).map_err(|error| Reason::ApprovalUnreadable { why: error.to_string() })
    }

    /// Why it does not count for this plan on this day; every reason at once.
    pub(in crate::domain) fn against(&self, plan: &ContentHash, lost: &BTreeSet<&str>, today: Date) -> Vec<Reason> {
        let mut why = Vec::new();
        if self.schema != SCHEMA {
            why.push(format!("schema {} is not known; this version reads {SCHEMA}", self.schema));
        }
        if &self.plan != plan {
            why.push(format!("it is for the plan {}, and this is {}", self.plan.short(), plan.short()));
        }
        if self.reason.trim().is_empty() {
            why.push("it gives no reason".to_owned());
        }
        if self.expires < today {
            why.push(format!("it counted until {}, and today is {today}", self.expires));
        }
        why.extend(self.people());
        why.extend(self.list(lost));
        why.into_iter().map(|why| Reason::ApprovalDoesNotCount { why }).collect()
    }

    /// Two people, by their logins, in which case does not count.
    fn people(&self) -> Vec<String> {
        let both = [("requested_by", &self.requested_by), ("approved_by", &self.approved_by)];
        let mut why: Vec<String> = both
            .iter()
            .filter(|(_, login)| !is_login(login))
            .map(|(key, login)| format!("`{}` in {key} is no GitHub login", login.escape_debug()))
            .collect();
        if self.requested_by.eq_ignore_ascii_case(&self.approved_by) {
            why.push("whoever asks for it cannot approve it; a second person must".to_owned());
        }
        why
    }

    /// Exactly what is lost.
    fn list(&self, lost: &BTreeSet<&str>) -> Vec<String> {
        let listed: BTreeSet<&str> = self.lost.iter().map(String::as_str).collect();
        let mut why = Vec::new();
        if listed.len() != self.lost.len() {
            why.push("an address stands in it twice".to_owned());
        }
        let missing = lost.difference(&listed).map(|a| format!("{} would be lost and is not in it", printable(a)));
        let beyond = listed.difference(lost).map(|a| format!("{} is in it and is not lost", printable(a)));
        why.extend(missing.chain(beyond));
        why
    }
}

fn is_login(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=39).contains(&text.len())
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}
