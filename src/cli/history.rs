//! `history`: a table for people, every row as JSON for programs.

use serde_json::json;

use super::exit::Exit;
use super::render::{fenced, line, row_table};
use super::run::{Report, chosen};
use crate::app::history::history;
use crate::app::{Readers, Stop};
use crate::domain::approved::words;
use crate::domain::fleet::Application;
use crate::domain::history::{Happening, RolloutSaid};
use crate::domain::ids::FleetName;

/// What happened.
pub(super) async fn show(
    readers: &Readers,
    application: &Application,
    only: Option<&FleetName>,
    limit: usize,
) -> Result<Report, Stop> {
    let fleets = chosen(application, only)?;
    let happenings = history(readers, fleets.into_iter(), limit).await?;
    let text = if happenings.is_empty() { "nothing is recorded\n".to_owned() } else { table(&happenings) };
    let json = json!({"schema": 1, "exit_code": 0, "happenings": happenings});
    Ok(Report { summary: fenced(&text), json, ..Report::plain(Exit::Done, &text) })
}

fn table(happenings: &[Happening]) -> String {
    let header = ["when", "fleet", "what", "result", "ended", "by", "run", "approval", "why"];
    let row = |happening: &Happening| {
        let rollout = happening.rollout.as_ref();
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        [
            format!("{:.0}", happening.at),
            happening.fleet.to_string(),
            match rollout {
                Some(rollout) => format!("{} ({})", happening.what, rollout.id),
                None => line(&happening.what),
            },
            or_dash(rollout.map(result)),
            or_dash(rollout.and_then(|rollout| rollout.ended).map(|ended| format!("{ended:.0}"))),
            or_dash(happening.by.as_deref().map(line)),
            or_dash(rollout.and_then(|rollout| rollout.run).map(|run| run.to_string())),
            or_dash(rollout.map(|rollout| line(&words(rollout.approved.as_ref())))),
            or_dash(happening.why.as_deref().map(line).or_else(|| rollout.and_then(why))),
        ]
    };
    row_table(&header, happenings.iter().map(row))
}

/// How a rollout stands, and who had to say so.
fn result(rollout: &RolloutSaid) -> String {
    let accepted = rollout.accepted.iter().map(|a| format!(", wave {} accepted by {}", a.wave, line(&a.by)));
    format!("{}{}", rollout.result.words(), accepted.collect::<String>())
}

fn why(rollout: &RolloutSaid) -> Option<String> {
    rollout.reason.as_ref().map(|reason| format!("{} [{}]", line(&reason.message), reason.code))
}
