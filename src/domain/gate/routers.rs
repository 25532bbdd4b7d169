//! The edge routers: whether all of them serve what is published, after a release of their own.

use super::verdict::{Evidence, Finding, GateName, Subject, Verdict};
use crate::domain::reason::Reason;
use crate::domain::routers::Following;

/// Judges the wave that has the control plane. Whoever lags has not failed: what is published may be at fault.
pub fn judge_routers(seen: Option<&Following>) -> Finding {
    let words = seen.map_or_else(|| "they were not looked at".to_owned(), ToString::to_string);
    let verdict = match seen {
        Some(Following::All { .. }) => Verdict::Pass,
        Some(Following::Behind(_) | Following::Unknown(_)) | None => {
            Verdict::Unknown(Reason::GateUnknown { what: "the edge routers".to_owned(), why: words.clone() })
        }
    };
    Finding::new(GateName::Routers, Subject::Wave, verdict, false, Evidence::words(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_09_only_all_of_them_pass() {
        let passes = |seen: Option<Following>| judge_routers(seen.as_ref()).verdict == Verdict::Pass;
        assert!(passes(Some(Following::All { routers: 2 })));
        let others = [None, Some(Following::Behind(vec!["a".to_owned()])), Some(Following::Unknown("b".to_owned()))];
        assert!(!others.into_iter().any(passes));
    }
}
