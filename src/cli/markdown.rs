//! What people read on GitHub, in Markdown: a plan, and how a rollout came out. Tables first, since they can be read
//! anywhere, and a picture of the waves after them.

use jiff::SignedDuration;

use super::exit::reason;
use super::render::{self, count, duration};
use crate::app::Stop;
use crate::app::rollout::Outcome;
use crate::domain::approved::{self, Approved};
use crate::domain::eta::Eta;
use crate::domain::ids::Version;
use crate::domain::markdown::plain;
use crate::domain::plan::{Change, Plan, Wave};
use crate::domain::reason::Reason;

/// Tenants that are named in a cell of a table.
const NAMED: usize = 10;

/// Lines of a list before it only tells how many more there are.
const LISTED: usize = 50;

/// A plan: its waves, what stands beside them, and how far it reaches.
pub fn plan(plan: &Plan, eta: Option<Eta>) -> String {
    let mut text = format!("{}\n\n", plain(render::plan(plan).lines().next().unwrap_or_default()));
    text += &waves(plan);
    text += &list("left out", plan.excluded.iter().map(|left| (left.set.as_str(), left.reason.to_string())));
    let updates = plan.changes().filter(|change| !change.is_task()).count();
    text +=
        &render::configuration(plan).trim().lines().map(|line| format!("\n- {}\n", plain(line))).collect::<String>();
    text += &format!("\n- {}\n", plain(render::blast(plan).trim()));
    if let Some(eta) = eta {
        text += &format!("- {}\n", takes(eta));
    }
    text += &format!("- {} at ECS, about {} to GitHub\n", count(updates, "update"), count(writes(plan), "write"));
    let unlicensed = render::unlicensed(plan);
    if !unlicensed.is_empty() {
        text += &format!("- {}\n", plain(unlicensed.trim()));
    }
    let way_back = render::way_back(plan);
    if !way_back.is_empty() {
        text += &format!("- {}\n", plain(way_back.trim()));
    }
    text + &gantt(plan) + &format!("\nplan `{}`\n", plan.hash())
}

fn takes(eta: Eta) -> String {
    let rounded = |time: SignedDuration| duration(SignedDuration::from_mins((time.as_secs() + 59) / 60));
    match (rounded(eta.least), rounded(eta.most)) {
        (least, most) if least == most => format!("it takes about {least}, by this fleet's history"),
        (least, most) => format!("it takes {least} to {most}, by this fleet's history"),
    }
}

/// What a rollout writes: the lease taken and let go of; plan and deployment; of each wave that it is up,
/// and that it passed and the next one begins; the beginning of the first; the mark on the rollout before.
pub fn writes(plan: &Plan) -> usize {
    2 + 2 + 2 * plan.waves.len() + 3
}

fn waves(plan: &Plan) -> String {
    let mut text = "| wave | tenants | services | from | to | watched for |\n|---|---|---|---|---|---|\n".to_owned();
    for wave in &plan.waves {
        let sets = wave.sets();
        let named: Vec<&str> = sets.iter().take(NAMED).map(|set| set.as_str()).collect();
        let more = sets.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        text += &format!(
            "| {} | {}{more} | {} | {} | {} | {} |\n",
            plain(&wave.name),
            plain(&named.join(", ")),
            wave.changes.len(),
            versions(wave, |change| change.before.version.as_ref()),
            versions(wave, |change| change.target.version.as_ref()),
            duration(wave.bake)
        );
    }
    text
}

/// The versions of a wave, each once, newest first.
fn versions<'a>(wave: &'a Wave, of: impl Fn(&'a Change) -> Option<&'a Version>) -> String {
    let mut known: Vec<&Version> = wave.changes.iter().filter_map(&of).collect();
    known.sort_unstable();
    known.dedup();
    let unknown = wave.changes.iter().any(|change| of(change).is_none()).then(|| "?".to_owned());
    let known = known.into_iter().rev().map(Version::to_string);
    known.chain(unknown).collect::<Vec<_>>().join(", ")
}

/// A list of tenants and reasons, one line a reason.
fn list<'a>(what: &str, lines: impl Iterator<Item = (&'a str, String)>) -> String {
    let lines: Vec<(&str, String)> = lines.collect();
    let mut text = String::new();
    for (set, reason) in lines.iter().take(LISTED) {
        text += &format!("\n- {what}: {}: {}", plain(set), plain(reason));
    }
    if lines.len() > LISTED {
        text += &format!("\n- {what}: {} more", lines.len() - LISTED);
    }
    if text.is_empty() { text } else { text + "\n" }
}

/// The waves one after the other, with the watches that the plan has.
fn gantt(plan: &Plan) -> String {
    if plan.waves.is_empty() {
        return String::new();
    }
    let mut text =
        "\n```mermaid\ngantt\n  dateFormat X\n  axisFormat %H:%M\n  title The shortest it can take\n".to_owned();
    let mut at: i64 = 0;
    for (index, wave) in plan.waves.iter().enumerate() {
        let end = at + wave.bake.as_secs().max(1);
        // In a diagram a colon or a line's end would end the name.
        let name: String = wave.name.chars().filter(|c| c.is_ascii_alphanumeric() || " -_".contains(*c)).collect();
        let sets = wave.sets().len();
        text += &format!("  section {}\n  {name} {sets} :{at}, {end}\n", index + 1);
        at = end;
    }
    text + "```\n"
}

/// A rollout on its way: the wave of this index has begun.
pub fn on_its_way(plan: &Plan, wave: usize) -> String {
    let name = plan.waves.get(wave).map_or("", |wave| wave.name.as_str());
    let (number, of) = (wave + 1, plan.waves.len());
    let mut text =
        format!("### {} -> {}: wave {number}/{of} {} begins\n\n", plan.release.version, plan.fleet, plain(name));
    text += &format!("{} passed.\n\n", count(wave, "wave"));
    text += &waves(plan);
    text + &format!("\nplan `{}`\n", plan.hash())
}

/// How a rollout came out.
pub fn outcome(outcome: &Outcome) -> String {
    let mut text = format!("### {}\n\n", plain(render::outcome(outcome).lines().next().unwrap_or_default()));
    text += &waves(&outcome.plan);
    text += &list("left out", outcome.plan.excluded.iter().map(|left| (left.set.as_str(), left.reason.to_string())));
    let quarantined = outcome.quarantined.iter().map(|left| (left.set.as_str(), left.reason.to_string()));
    text += &list("left on what it ran before", quarantined);
    if let Some(reason) = reason(outcome) {
        text += &format!("\n{}", with_hint("", reason));
    }
    if let Some(reason) = &outcome.no_way_back {
        text += &format!("\n{}", with_hint("nothing was taken back: ", reason));
    }
    text += &gantt(&outcome.plan);
    text += &format!("\nplan `{}`", outcome.plan.hash());
    if outcome.end.is_some() && outcome.approved != Some(Approved::NotNeeded) {
        text += &format!(", {}", plain(&approved::words(outcome.approved.as_ref())));
    }
    text += "\n\n";
    if let Some(rollback) = &outcome.rollback {
        text += &self::outcome(rollback);
    }
    text
}

/// Why a verb did not do its work.
pub fn stop(stop: &Stop) -> String {
    match stop {
        Stop::Refused(_) | Stop::AwaitsApproval(_) => {
            stop.reasons().iter().map(|reason| with_hint("", reason)).collect()
        }
        other => format!("{}\n", plain(&other.to_string())),
    }
}

fn with_hint(before: &str, reason: &Reason) -> String {
    format!("**{}**: {before}{}\n\n{}\n", reason.code(), plain(&reason.to_string()), reason.hint())
}
