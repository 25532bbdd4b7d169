//! `tenants move`: how far a tenant's move is, in words, and what comes next.

use serde_json::{Value, json};

use super::args::Tenants;
use super::context::Context;
use super::exit::Exit;
use super::leave::{draft, refused, words};
use super::render::{count, row_table};
use super::run::{Report, of_outcomes, of_stop};
use crate::app::moving::{Asked, Far, Stands, far, relocate, to_retire};
use crate::app::offboard::Files;
use crate::app::{App, Stop, fleet};
use crate::domain::directive::{Ended, Move, Way};
use crate::domain::ids::SetId;
use crate::domain::infra_guard::Approval;
use crate::domain::moving::{Goal, Progress, Step};

/// Runs the command. `approval` are the bytes of the file that was given.
pub async fn moving(
    command: &Tenants,
    app: &App,
    files: &Files<'_>,
    approval: Option<&[u8]>,
    context: &Context,
) -> Report {
    let given = match approval.map(Approval::read).transpose() {
        Ok(given) => given,
        Err(reason) => return of_stop(&Stop::from(reason)),
    };
    let Tenants::Move { id: set, decision, to, lose_writes_since, retire, plan, .. } = command else {
        return of_stop(&Stop::Bug("nobody moves by this command".to_owned()));
    };
    let goal = match to {
        Some(to) => Goal::Move(to),
        None if *retire => Goal::Retire(given.as_ref()),
        None => Goal::Back(*lose_writes_since),
    };
    let fleet = match fleet(&app.application, &decision.fleet) {
        Ok(fleet) => fleet,
        Err(stop) => return of_stop(&stop),
    };
    let asked = Asked { set, by: context.actor(), why: &decision.why, goal };
    if *plan {
        return match far(app, fleet, files, &asked).await {
            Ok(far) => planned(set, &far),
            Err(stop) => of_stop(&stop),
        };
    }
    match relocate(app, fleet, files, &asked).await {
        Ok(stands) => told(set, &stands),
        Err(stop) => refused(&stop, to_retire(app, fleet, set).await.ok().flatten().as_ref()),
    }
}

/// Where a tenant stands, in words.
pub fn told(set: &SetId, stands: &Stands) -> Report {
    match stands {
        Stands::Failed(outcome) => {
            let mut report = of_outcomes(std::slice::from_ref(outcome));
            report.text +=
                &format!("the move of {set} stops here; asked for again it goes on, and `--back` leads back\n");
            report
        }
        Stands::Written { file, step: Step::Line { cell, other, keep }, record: Some(record) } => {
            let next = match (record.ended, keep) {
                (_, false) => format!(
                    "its line in {file} says that it leaves {other}; export and commit that: Terraform takes its routes and \
                     services there away, and its data there stay"
                ),
                (Some(_), true) => {
                    format!("its line in {file} says that it is in {cell} again; export and commit that")
                }
                (None, true) => {
                    format!("its line in {file} says so; export and commit that, or releases go on leaving it out")
                }
            };
            report(set, record, &next)
        }
        Stands::Written { file, step, record: None } => {
            let (here, other) = match step {
                Step::Line { cell, other, .. } => (cell.to_string(), other.to_string()),
                _ => (String::new(), String::new()),
            };
            let text = format!(
                "{set} is in {here}, and has a place in {other} too by {file}; export and commit that, and when Terraform has \
                 applied it in {other}, run this again where the fleet can be moved"
            );
            Report { json: json!({"schema": 1, "exit_code": 0, "file": file}), ..Report::plain(Exit::Done, &text) }
        }
        Stands::Written { record: Some(record), .. } | Stands::Moved(record) | Stands::Ended(record) => {
            report(set, record, "")
        }
    }
}

fn report(set: &SetId, record: &Move, next: &str) -> Report {
    let (from, to) = (&record.from.cell, &record.to.cell);
    let objects = record.copied.as_ref().map_or(0, |kept| usize::try_from(kept.objects).unwrap_or(usize::MAX));
    let objects = count(objects, "object");
    let mut text = match (record.ended, record.switched) {
        (Some(Ended::Returned), _) => format!("{set} is in {from} again, and its place in {to} sleeps\n"),
        (Some(Ended::Retired), _) => format!("{set} is in {to}, and its place in {from} is given up\n"),
        (None, Some(since)) => format!(
            "{set} is in {to} since {since}, with {objects} that were compared; its place in {from} sleeps\n\
             back, without what it has written since: --back --lose-writes-since {since}\n\
             for good: --retire with an approval, which `--plan --retire --json` drafts\n"
        ),
        (None, None) => format!("{set} is in {from}, on its way to {to}\n"),
    };
    if !next.is_empty() {
        text += &format!("{next}\n");
    }
    let json = json!({
        "schema": 1,
        "exit_code": 0,
        "tenant": set,
        "from": from,
        "to": to,
        "copied": record.copied,
        "switched": record.switched,
        "ended": record.ended.map(|ended| if ended == Ended::Returned { "returned" } else { "retired" }),
    });
    Report { json, ..Report::plain(Exit::Done, text.trim_end()) }
}

fn planned(set: &SetId, far: &Far) -> Report {
    let rows = far.steps.iter().map(|(step, progress)| [sentence(step), word(*progress).to_owned()]);
    let mut text = row_table(&["step", ""], rows);
    text += &far.copies.iter().map(|copy| format!("copied: {copy}\n")).collect::<String>();
    text += &far.stops.iter().map(|reason| format!("in the way: {reason}\n")).collect::<String>();
    text += &far.loss.as_ref().map(words).unwrap_or_default();
    let exit = match far.stops.is_empty() {
        true => Exit::Done,
        false => Exit::of_stop(&Stop::Refused(far.stops.clone())),
    };
    let steps: Vec<Value> =
        far.steps.iter().map(|(step, progress)| json!({"step": sentence(step), "progress": word(*progress)})).collect();
    let json = json!({
        "schema": 1,
        "exit_code": exit as u8,
        "tenant": set,
        "steps": steps,
        "copies": far.copies,
        "reasons": far.stops,
        "approval": far.loss.as_ref().map(draft),
    });
    Report { json, ..Report::plain(exit, text.trim_end()) }
}

fn word(progress: Progress) -> &'static str {
    match progress {
        Progress::Done => "done",
        Progress::Next => "next",
        Progress::Later => "later",
    }
}

/// A step in words.
fn sentence(step: &Step) -> String {
    match step {
        Step::Line { cell, other, keep: true } => format!("fleet.yaml: cell {cell}, also in {other}"),
        Step::Line { cell, other, keep: false } => format!("fleet.yaml: cell {cell}, leaves {other}"),
        Step::Decide => "record that it moves".to_owned(),
        Step::Halt => "record that its requests stop".to_owned(),
        Step::Route(Way::Closed) => "routers answer its requests with a page".to_owned(),
        Step::Route(Way::New) => "routers send its requests to the new place".to_owned(),
        Step::Route(Way::Old) => "routers send its requests to the old place".to_owned(),
        Step::Sleep => "its tasks at the old place go".to_owned(),
        Step::Lower => "its tasks at the new place go".to_owned(),
        Step::Copy => "copy rows and evidence, and compare them".to_owned(),
        Step::Raise => "bring it up at the new place, unreachable, through the gate".to_owned(),
        Step::Open => "open its routes at the new place".to_owned(),
        Step::Switch => "the new place is its home".to_owned(),
        Step::Verify => "it passes the gate at its own host".to_owned(),
        Step::Return => "record that it goes back".to_owned(),
        Step::Wake => "wake it at the old place, through the gate".to_owned(),
        Step::Settle => "the old place is its home again".to_owned(),
        Step::Retire => "give up the old place".to_owned(),
        Step::Nothing => "nothing".to_owned(),
    }
}
