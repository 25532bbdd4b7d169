//! The reason that an old status line remembers. The line has its code and the beginning of its sentence, not its
//! parts, so this is the nearest reason, never the exact one: good for a table, not for a decision.

use serde_json::json;

use crate::domain::ids::ServiceKey;
use crate::domain::reason::Reason;

/// The nearest reason that has this code and begins with these words.
pub(super) fn remembered(code: &str, words: &str) -> Reason {
    if let Ok(reason) = serde_json::from_value(json!({ "code": code, "why": words })) {
        return reason;
    }
    let about = words.split_once(": ").and_then(|(key, why)| {
        let service = ServiceKey::try_from(key.to_owned()).ok()?;
        Some((service, why.to_owned()))
    });
    match about {
        // The one failure of a gate whose sentence is nothing but its words.
        Some((service, why)) => Reason::TargetUnhealthy { service, why },
        None => Reason::GateUnknown { what: code.to_owned(), why: words.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_line_has_is_kept() {
        assert_eq!(remembered("paused", "paused"), Reason::Paused);
        let why = "2 services did not come back".to_owned();
        assert_eq!(remembered("rollback_failed", &why), Reason::RollbackFailed { why });
        let sentence = "globex/iam-service: 3 probes in a row failed: HTTP 5…";
        assert_eq!(remembered("probe_failed", sentence).to_string(), sentence);
        let soaking = remembered("soaking", "1.4.1 must be green in dev until 2026-…");
        insta::assert_snapshot!(soaking, @"soaking: no verdict: 1.4.1 must be green in dev until 2026-…");
    }
}
