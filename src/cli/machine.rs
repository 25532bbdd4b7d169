//! What machines read: JSON, the outputs of a workflow step, and annotations.

use serde_json::Value;

use super::exit::{Exit, decision, reason};
use crate::app::Stop;
use crate::app::rollout::Outcome;
use crate::domain::ids::ContentHash;
use crate::domain::plan::Plan;
use crate::domain::reason::Reason;
use crate::domain::result::{CommandResult, LeftOut, Nothing, RESULT_SCHEMA, RolloutResult, Stopped, Told, WaveSets};

/// GitHub reads no more than this of an annotation's message (runner, `ActionCommand.cs`: 4,096 characters).
const ANNOTATION_MAX: usize = 4_000;

/// A rollout's outcome as JSON.
pub fn outcome(outcome: &Outcome, exit: Exit) -> Value {
    json(&CommandResult::Rollout(Box::new(result(outcome, exit))))
}

/// The same without what the gates found, which may be more than the outputs of a job may hold.
pub fn brief(outcome: &Outcome, exit: Exit) -> Value {
    let mut result = result(outcome, exit);
    result.gates.clear();
    if let Some(rollback) = &mut result.rollback {
        rollback.gates.clear();
    }
    json(&CommandResult::Rollout(Box::new(result)))
}

fn result(outcome: &Outcome, exit: Exit) -> RolloutResult {
    let rollback = outcome.rollback.as_deref();
    RolloutResult {
        schema: RESULT_SCHEMA,
        decision: decision(outcome).to_owned(),
        exit_code: exit as u8,
        fleet: outcome.plan.fleet.clone(),
        version: outcome.plan.release.version.clone(),
        plan_hash: outcome.plan.hash(),
        approved: outcome.approved.clone(),
        reason: reason(outcome).map(Told::from),
        waves: outcome.plan.waves.iter().map(WaveSets::from).collect(),
        excluded: outcome.plan.excluded.iter().map(LeftOut::from).collect(),
        quarantined: outcome.quarantined.iter().map(LeftOut::from).collect(),
        gates: outcome.gates.clone(),
        rollback: rollback.map(|rollback| Box::new(result(rollback, Exit::of_outcome(rollback)))),
        no_way_back: outcome.no_way_back.as_ref().map(Told::from),
    }
}

/// A stop as JSON.
pub fn stop(stop: &Stop, exit: Exit) -> Value {
    let other = |stop: &Stop| Told { code: "error".to_owned(), message: stop.to_string(), hint: None };
    let reasons = match stop {
        Stop::Refused(_) | Stop::AwaitsApproval(_) => stop.reasons().iter().map(Told::from).collect(),
        stop => vec![other(stop)],
    };
    let decision = "stopped".to_owned();
    json(&CommandResult::Stopped(Stopped { schema: RESULT_SCHEMA, decision, exit_code: exit as u8, reasons }))
}

/// That nothing was asked for, as JSON.
pub fn nothing(why: &str) -> Value {
    let decision = "nothing_to_do".to_owned();
    json(&CommandResult::Nothing(Nothing { schema: RESULT_SCHEMA, decision, why: why.to_owned() }))
}

fn json(result: &CommandResult) -> Value {
    serde_json::to_value(result).unwrap_or_default()
}

/// A plan as JSON, with its hash beside it.
pub fn plan(plan: &Plan) -> Value {
    let way_back = plan.in_the_way(0..plan.waves.len(), None).is_none();
    serde_json::json!({"schema": RESULT_SCHEMA, "plan_hash": plan.hash(), "way_back": way_back, "plan": plan})
}

/// The code of the first reason.
pub fn reason_code(stop: &Stop) -> String {
    match stop {
        Stop::Refused(_) | Stop::AwaitsApproval(_) => stop.reasons().first().map(Reason::code).unwrap_or_default(),
        Stop::NoSuchFleet(_) => "no_such_fleet".to_owned(),
        Stop::NoSuchCell(_) => "no_such_cell".to_owned(),
        Stop::NoSuchTenant { .. } | Stop::NoSuchTenantAnywhere(_) => "no_such_tenant".to_owned(),
        Stop::Port(_) => "unavailable".to_owned(),
        Stop::Record(_) => "bad_record".to_owned(),
        Stop::Bug(_) => "bug".to_owned(),
    }
}

/// Lines for `GITHUB_OUTPUT`. Each value is fenced by a delimiter made from its own hash, so that no value can
/// end its fence and name another output.
pub fn outputs(values: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (name, value) in values {
        let fence = format!("tidegate-{}", ContentHash::of(value.as_bytes()));
        text += &format!("{name}<<{fence}\n{value}\n{fence}\n");
    }
    text
}

/// GitHub shows no more than this many annotations of a kind for a step (actions/toolkit, `docs/problem-matchers.md`).
const ANNOTATIONS_MAX: usize = 10;

/// A place in a file of the repository, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, from the top of the repository.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// Its column, from 1.
    pub column: usize,
    /// In a sentence.
    pub what: String,
}

/// `::error::` or `::warning::` lines that GitHub turns into annotations: one for each place, as many as are shown, or one
/// for the whole text. The last one of many tells how many there are.
pub fn annotations(exit: Exit, text: &str, places: &[Place]) -> Vec<String> {
    let level = if exit == Exit::Held { "warning" } else { "error" };
    if places.is_empty() {
        return vec![format!("::{level} title=tidegate::{}", message(text))];
    }
    let more = places.len().saturating_sub(ANNOTATIONS_MAX);
    let shown = places.iter().take(ANNOTATIONS_MAX).enumerate();
    let line = |(index, place): (usize, &Place)| {
        let last = index + 1 == ANNOTATIONS_MAX && more > 0;
        let what = if last { format!("{} (and {more} more, in the log)", place.what) } else { place.what.clone() };
        let (file, line, column) = (property(&place.file), place.line, place.column);
        format!("::{level} file={file},line={line},col={column},title=tidegate::{}", message(&what))
    };
    shown.map(line).collect()
}

fn message(text: &str) -> String {
    escaped(&text.trim_end().chars().take(ANNOTATION_MAX).collect::<String>())
}

fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

/// A text in which GitHub's runner looks for no commands, whatever it holds. What ends that is made from the text's own
/// hash, so no text can hold it.
pub fn inert(text: &str) -> String {
    let has_commands = text.lines().any(|line| line.trim_start().starts_with("::") || line.contains("##["));
    if !has_commands {
        return text.to_owned();
    }
    let token = ContentHash::of(text.as_bytes());
    format!("::stop-commands::{token}\n{}\n::{token}::\n", text.trim_end_matches('\n'))
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_smuggle_in_another_output() {
        let text = outputs(&[("version", "1.0\nversion<<EOF\nevil\nEOF".to_owned())]);
        let fence = text.lines().next().unwrap().split_once("<<").unwrap().1.to_owned();
        assert_eq!(text.lines().filter(|line| *line == fence).count(), 1);
        assert!(text.trim_end().ends_with(&fence));
    }

    #[test]
    fn annotations_stay_on_one_line() {
        let lines = annotations(Exit::GateFailed, "50 %\n::set-output name=x::y", &[]);
        assert_eq!(lines, ["::error title=tidegate::50 %25%0A::set-output name=x::y"]);
        assert!(annotations(Exit::Held, "m", &[])[0].starts_with("::warning "));
    }

    #[test]
    fn as_many_places_are_annotated_as_are_shown() {
        let place = |line| Place { file: "a,b:c.yaml".to_owned(), line, column: 3, what: format!("wrong {line}") };
        let lines = annotations(Exit::BadInput, "all", &(1..=12).map(place).collect::<Vec<_>>());
        assert_eq!(lines.len(), 10);
        assert_eq!(lines[0], "::error file=a%2Cb%3Ac.yaml,line=1,col=3,title=tidegate::wrong 1");
        assert!(lines[9].ends_with("wrong 10 (and 2 more, in the log)"), "{}", lines[9]);
    }

    #[test]
    fn no_text_is_a_command() {
        let hostile = "fine\n  ::error::boo\n::stop-commands::x\n";
        let told = inert(hostile);
        let token = told.lines().next().unwrap().strip_prefix("::stop-commands::").unwrap();
        assert_eq!(told.lines().last().unwrap(), format!("::{token}::"));
        assert_eq!(told.matches(token).count(), 2);
        assert_eq!(inert("fine\n"), "fine\n");
    }
}
