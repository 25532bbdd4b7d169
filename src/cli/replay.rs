//! Tells what gates would have done, minute by minute: a line each for people, everything as JSON for charts.

use serde_json::json;

use super::exit::Exit;
use super::run::Report;
use crate::domain::fleet::Application;
use crate::domain::gate::{Evidence, Finding, GateName, Subject};
use crate::domain::replay::{Moment, Now, Recording, replay};

/// The report of a recording. Its exit code is that of the rollout it would have been.
pub fn replayed(application: &Application, text: &str) -> Report {
    let judged = serde_json::from_str::<Recording>(text)
        .map_err(|error| error.to_string())
        .and_then(|recording| replay(application, &recording));
    let moments = match judged {
        Ok(moments) => moments,
        Err(why) => return Report::plain(Exit::BadInput, &why),
    };
    let standing = moments.last().map_or(Now::Waiting, |moment| moment.standing);
    let exit = match standing {
        Now::Passed => Exit::Done,
        Now::Failed => Exit::GateFailed,
        Now::Watching | Now::Waiting | Now::Held => Exit::Held,
    };
    let text = moments.iter().map(line).collect();
    let json = json!({"schema": 1, "exit_code": exit as u8, "standing": standing, "minutes": moments});
    Report { exit, text, json, outputs: Vec::new(), summary: String::new() }
}

fn line(moment: &Moment) -> String {
    let word = match moment.standing {
        Now::Watching => "watching",
        Now::Waiting => "waiting",
        Now::Held => "HELD",
        Now::Passed => "PASSED",
        Now::Failed => "FAILED",
    };
    let rates: Vec<String> = moment.findings.iter().filter_map(rate).collect();
    let rates = if rates.is_empty() { String::new() } else { format!("  [{}]", rates.join("; ")) };
    format!("{:.0} {word:<8} {}{rates}\n", moment.at, moment.why)
}

/// The pooled tests in numbers: they are the few that say most.
fn rate(finding: &Finding) -> Option<String> {
    let (GateName::Errors, Subject::Pool(service)) = (finding.gate, &finding.subject) else { return None };
    let Evidence::Rate { errors, requests, statistic, good_at, bad_at } = finding.evidence else { return None };
    Some(format!("{service} {errors}/{requests}, {statistic:.1} of {good_at:.1}..{bad_at:.1}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::manifest::{Source, read};

    const LATE_ERRORS: &str = include_str!("../../docs/examples/late-errors.json");

    fn application(gates: &str) -> Application {
        let text =
            include_str!("../../fleet.yaml").replace("\n    unknown: hold", &format!("{gates}\n    unknown: hold"));
        read(&[Source { name: "fleet.yaml".to_owned(), bytes: text.into_bytes() }]).unwrap()
    }

    fn errors() -> Application {
        application("\n    errors: { good: 0.1%, bad: 1% }\n    latency: { p99_max: 800ms }")
    }

    /// Five errors in a hundred begin twelve minutes into a watch of fifteen.
    #[test]
    fn errors_that_begin_late_are_found_minute_by_minute() {
        let report = replayed(&errors(), LATE_ERRORS);
        assert_eq!(report.exit, Exit::GateFailed, "{}", report.text);
        let minutes = report.json["minutes"].as_array().unwrap();
        let last = minutes.last().unwrap();
        assert_eq!((last["standing"].as_str(), minutes[14]["standing"].as_str()), (Some("failed"), Some("watching")));
        // Minute 12 can be read at 16, and two bad ones are needed; the test had called it good by then.
        assert!((17..=18).contains(&(minutes.len() - 1)), "{}", report.text);
        let pool = last["findings"].as_array().unwrap().iter().find(|finding| finding["subject"]["pool"].is_string());
        assert!(pool.unwrap()["evidence"]["statistic"].as_f64().unwrap() > 5.0, "{last:#}");
        assert!(report.text.lines().last().unwrap().contains("FAILED"), "{}", report.text);
    }

    #[test]
    fn without_a_gate_that_reads_them_the_series_pass_when_the_time_is_over() {
        assert_eq!(replayed(&application(""), LATE_ERRORS).exit, Exit::Done);
    }

    #[test]
    fn metrics_that_could_not_be_read_are_held_and_never_pass() {
        let text = r#"{"schema": 1, "fleet": "prod", "since": "2026-11-23T09:00:00Z", "bake": "5m",
            "services": {"globex/iam-service": {"unknown": "throttled"}}}"#;
        let report = replayed(&errors(), text);
        assert_eq!(report.exit, Exit::Held);
        assert!(report.text.contains("throttled"), "{}", report.text);
    }

    #[test]
    fn what_is_no_recording_is_told() {
        let app = errors();
        for (text, why) in [
            ("", "EOF"),
            ("{}", "missing field"),
            (r#"{"schema": 2, "fleet": "prod", "since": "x", "services": {}}"#, "format 2"),
            (r#"{"schema": 1, "fleet": "nobody", "since": "x", "services": {}}"#, "no fleet `nobody`"),
            (r#"{"schema": 1, "fleet": "prod", "since": "noon", "services": {}}"#, "`noon` is no time"),
            (r#"{"schema": 1, "fleet": "prod", "since": "2026-11-23T09:00:00Z", "services": {}}"#, "no service"),
            (
                r#"{"schema": 1, "fleet": "prod", "since": "2026-11-23T09:00:00Z", "services": {}, "more": 1}"#,
                "unknown field",
            ),
        ] {
            let report = replayed(&app, text);
            assert_eq!(report.exit, Exit::BadInput);
            assert!(report.text.contains(why), "{text}: {}", report.text);
        }
    }
}
