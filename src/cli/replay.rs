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
