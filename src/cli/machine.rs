//! What machines read: JSON, the outputs and the summary of a workflow step, and annotations.

use serde_json::Value;

use super::exit::{Exit, decision, reason};
use super::render;
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
        Stop::Refused(reasons) => reasons.iter().map(Told::from).collect(),
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

/// The hash that waits for approval, if that is why it stopped.
pub fn awaited_plan(stop: &Stop) -> Option<&ContentHash> {
    let Stop::Refused(reasons) = stop else { return None };
    reasons.iter().find_map(|reason| match reason {
        Reason::AwaitingApproval { plan } => Some(plan),
        _ => None,
    })
}

/// The code of the first reason.
pub fn reason_code(stop: &Stop) -> String {
    match stop {
        Stop::Refused(reasons) => reasons.first().map(Reason::code).unwrap_or_default(),
        Stop::NoSuchFleet(_) => "no_such_fleet".to_owned(),
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

/// An `::error::` or `::warning::` line that GitHub turns into an annotation.
pub fn annotation(exit: Exit, title: &str, message: &str) -> String {
    let level = if exit == Exit::Held { "warning" } else { "error" };
    let message: String = message.trim_end().chars().take(ANNOTATION_MAX).collect();
    format!("::{level} title={}::{}", escaped(title).replace(':', "%3A").replace(',', "%2C"), escaped(&message))
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The step summary of a rollout: a table of its waves, then what is left out.
pub fn summary(outcome: &Outcome) -> String {
    let plan = &outcome.plan;
    let mut text = format!("### {}\n\n", markdown(render::outcome(outcome).lines().next().unwrap_or_default()));
    text += "| wave | tenants | services | watched for |\n|---|---|---|---|\n";
    for wave in &plan.waves {
        let sets: Vec<&str> = wave.sets().iter().map(|set| set.as_str()).collect();
        let shown = if sets.len() > 10 { format!("{} tenants", sets.len()) } else { sets.join(", ") };
        text += &format!(
            "| {} | {shown} | {} | {} |\n",
            markdown(&wave.name),
            wave.changes.len(),
            render::duration(wave.bake)
        );
    }
    for exclusion in &plan.excluded {
        text += &format!("\n- left out: `{}`: {}\n", exclusion.set, markdown(&exclusion.reason.to_string()));
    }
    for left in &outcome.quarantined {
        text += &format!("\n- left on what it ran before: `{}`: {}\n", left.set, markdown(&left.reason.to_string()));
    }
    if let Some(reason) = reason(outcome) {
        text += &format!("\n**{}**: {}\n\n{}\n", reason.code(), markdown(&reason.to_string()), reason.hint());
    }
    if let Some(reason) = &outcome.no_way_back {
        let told = markdown(&reason.to_string());
        text += &format!("\n**{}**: nothing was taken back: {told}\n\n{}\n", reason.code(), reason.hint());
    }
    text += &format!("\nplan `{}`\n\n", plan.hash());
    if let Some(rollback) = &outcome.rollback {
        text += &summary(rollback);
    }
    text
}

/// Foreign text in Markdown: no markup, no line of its own.
fn markdown(text: &str) -> String {
    let special = ['\\', '`', '*', '_', '[', ']', '<', '>', '|', '#'];
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '\n' | '\r' => out.push(' '),
            c if special.contains(&c) => out.extend(['\\', c]),
            c => out.push(c),
        }
        out
    })
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
        let line = annotation(Exit::GateFailed, "a: b, c", "50 %\n::set-output name=x::y");
        assert_eq!(line, "::error title=a%3A b%2C c::50 %25%0A::set-output name=x::y");
        assert!(annotation(Exit::Held, "t", "m").starts_with("::warning "));
    }

    #[test]
    fn foreign_text_is_no_markup() {
        assert_eq!(markdown("<b>|x|\n# y"), "\\<b\\>\\|x\\| \\# y");
    }
}
