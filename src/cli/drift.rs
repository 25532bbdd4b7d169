//! `drift`: what does not agree, and what could not be compared, to people and to programs.

use serde_json::json;

use super::exit::Exit;
use super::render::{count, fenced, line, row_table};
use super::run::{Report, chosen};
use crate::app::drift::drift;
use crate::app::{Readers, Stop};
use crate::domain::drift::{Drift, Verdict};
use crate::domain::fleet::Application;
use crate::domain::ids::{FleetName, Version};

/// What has drifted.
pub(super) async fn show(
    readers: &Readers,
    application: &Application,
    only: Option<&FleetName>,
) -> Result<Report, Stop> {
    let mut drifts = Vec::new();
    for fleet in chosen(application, only)? {
        drifts.push(drift(readers, application, fleet).await?);
    }
    Ok(told(&drifts))
}

fn told(drifts: &[Drift]) -> Report {
    let verdict = drifts.iter().map(Drift::verdict).max_by_key(weight).unwrap_or(Verdict::None);
    let (exit, decision) = match verdict {
        Verdict::None => (Exit::Done, "no_drift"),
        Verdict::Drift => (Exit::Conflict, "drift"),
        Verdict::Inconclusive => (Exit::Held, "unknown"),
        Verdict::Unreachable => (Exit::Unavailable, "unknown"),
    };
    let text: String = drifts.iter().map(words).collect();
    let fleets: Vec<_> = drifts.iter().map(|drift| json!({"verdict": drift.verdict(), "drift": drift})).collect();
    Report {
        json: json!({"schema": 1, "exit_code": exit as u8, "decision": decision, "fleets": fleets}),
        outputs: vec![("decision", decision.to_owned())],
        summary: fenced(&text),
        ..Report::plain(exit, &text)
    }
}

/// Of several fleets the one that says most decides: something that is wrong for sure, then what could not be seen.
fn weight(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::None => 0,
        Verdict::Inconclusive => 1,
        Verdict::Unreachable => 2,
        Verdict::Drift => 3,
    }
}

fn words(drift: &Drift) -> String {
    let version = drift.version.as_ref().map_or_else(|| "nothing recorded".to_owned(), Version::to_string);
    let says = match drift.verdict() {
        Verdict::None => "no drift".to_owned(),
        Verdict::Drift => format!("DRIFT: {}", count(drift.found.len(), "finding")),
        Verdict::Inconclusive | Verdict::Unreachable => "UNKNOWN whether anything has drifted".to_owned(),
    };
    let services = count(drift.compared, "service");
    let mut text = format!("{} ({version}): {says}; {services} compared\n", drift.fleet);
    if !drift.found.is_empty() {
        text += &row_table(
            &["who", "kind", "what"],
            drift.found.iter().map(|found| {
                let service = found.service.as_ref().map(|service| format!("/{service}")).unwrap_or_default();
                [format!("{}{service}", found.set), found.kind.to_string(), line(&found.what)]
            }),
        );
    }
    let unknown = drift.unknown.iter().map(|unseen| format!("unknown: {}: {}\n", unseen.what, line(&unseen.why)));
    text + &unknown.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drift::{Found, Kind, Unseen};

    fn drift(found: bool, unknown: Option<bool>) -> Drift {
        let found = found.then(|| Found {
            set: "acme".parse().unwrap(),
            service: Some("api".parse().unwrap()),
            kind: Kind::AtZero,
            what: "desired count is 0, and nothing says why".to_owned(),
        });
        let unknown =
            unknown.map(|unreachable| Unseen { what: "acme/api".to_owned(), why: "throttled".to_owned(), unreachable });
        Drift {
            fleet: "prod".parse().unwrap(),
            version: Some("1.4.0".parse().unwrap()),
            compared: 4,
            found: found.into_iter().collect(),
            unknown: unknown.into_iter().collect(),
        }
    }

    #[test]
    fn exit_codes_tell_none_some_and_not_known_apart() {
        let exit = |drifts: &[Drift]| told(drifts).exit as u8;
        assert_eq!(exit(&[drift(false, None)]), 0);
        assert_eq!(exit(&[drift(true, None), drift(false, Some(true))]), 5, "what is wrong for sure comes first");
        assert_eq!(exit(&[drift(false, None), drift(false, Some(true))]), 69);
        assert_eq!(exit(&[drift(false, Some(false))]), 4);
        assert_eq!(exit(&[]), 0);
    }

    #[test]
    fn foreign_text_stays_on_its_line() {
        let mut drift = drift(true, Some(true));
        drift.found[0].what = "pinned: a\nb\u{1b}[31m```".to_owned();
        drift.unknown[0].why = "c\r\nd".to_owned();
        let text = words(&drift);
        assert!(text.contains("pinned: a\\nb\\u{1b}[31m```") && text.contains("c\\r\\nd"), "{text}");
        assert_eq!(told(&[drift]).summary.matches("```").count(), 2);
    }

    #[test]
    fn it_is_told_in_a_table() {
        insta::assert_snapshot!(words(&drift(true, Some(true))), @"
        prod (1.4.0): DRIFT: 1 finding; 4 services compared
         who       kind     what
         acme/api  at_zero  desired count is 0, and nothing says why
        unknown: acme/api: throttled
        ");
    }
}
