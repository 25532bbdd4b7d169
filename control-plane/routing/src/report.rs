//! What a router says of itself, beside the snapshots that it serves from: whoever has published waits until all routers
//! say that they serve it. An object a router, written anew every [`REPORT_EVERY`] and whenever something changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::problem::{Problem, short};
use crate::snapshot::SCHEMA;

/// What the names of reports begin with, beside the pointer.
pub const REPORTS: &str = "reports/";

/// Time between two reports of a router where nothing changes.
pub const REPORT_EVERY: Duration = Duration::from_secs(20);

/// A router whose last report is older than this is not there any more: two reports may get lost.
pub const REPORT_GOOD_FOR: Duration = Duration::from_secs(60);

/// More bytes than this are no report.
pub const REPORT_BYTES_MAX: usize = 4096;

/// What a router says of itself. It carries no signature: whoever may write in its place can say that it serves what it
/// does not, and can change nothing of what is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterReport {
    schema: u32,
    /// Who: another one each time that it starts.
    pub router: String,
    /// The version of its program.
    pub version: String,
    /// The generation that it serves; none without a snapshot.
    pub generation: Option<u64>,
    /// Why it does not serve the one that it was pointed to last, if it does not.
    pub refused: Option<String>,
}

impl RouterReport {
    /// A report.
    pub fn new(router: &str, version: &str, generation: Option<u64>, refused: Option<&str>) -> Self {
        let refused = refused.map(|why| why.chars().take(500).collect());
        Self { schema: SCHEMA, router: router.to_owned(), version: version.to_owned(), generation, refused }
    }

    /// The name of its object, beside the pointer.
    pub fn name(&self) -> String {
        format!("{REPORTS}{}.json", self.router)
    }

    /// Its bytes.
    ///
    /// # Errors
    /// None is known; serde's type allows for one.
    pub fn bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// Reads the report in the object of this name.
    ///
    /// # Errors
    /// It is none, or somebody else's.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, Problem> {
        let malformed = |why: String| Problem::new("malformed", format!("{} is no report: {why}", short(name)));
        if bytes.len() > REPORT_BYTES_MAX {
            return Err(malformed(format!("it has more than {REPORT_BYTES_MAX} bytes")));
        }
        let report: Self = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        match (report.schema, report.name() == name) {
            (SCHEMA, true) => Ok(report),
            (SCHEMA, false) => Err(malformed("it is of another router".to_owned())),
            (other, _) => Err(malformed(format!("it is of schema {other}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_from_its_own_place_only() {
        let report = RouterReport::new("a1", "1.2.0", Some(7), Some("it loses tenants"));
        let text = String::from_utf8(report.bytes().unwrap()).unwrap();
        assert_eq!(text, r#"{"schema":1,"router":"a1","version":"1.2.0","generation":7,"refused":"it loses tenants"}"#);
        assert_eq!(RouterReport::read("reports/a1.json", text.as_bytes()), Ok(report));
        for (name, text) in [
            ("reports/a2.json", text.clone()),
            ("reports/a1.json", text.replace("\"schema\":1", "\"schema\":2")),
            ("reports/a1.json", text.replace('}', ",\"x\":1}")),
            ("reports/a1.json", " ".repeat(5000)),
        ] {
            assert_eq!(RouterReport::read(name, text.as_bytes()).unwrap_err().code, "malformed", "{text}");
        }
    }

    #[test]
    fn a_long_story_fits() {
        let why = "\u{1f600}\u{0}".repeat(5000);
        let report = RouterReport::new(&"f".repeat(32), &"9".repeat(200), Some(u64::MAX), Some(&why));
        let bytes = report.bytes().unwrap();
        assert!(bytes.len() <= REPORT_BYTES_MAX, "{}", bytes.len());
        assert_eq!(RouterReport::read(&report.name(), &bytes), Ok(report));
    }
}
