//! `tenants offboard` and `purge`: how far a tenant has gone, in words, and what is to be approved for the rest.

use serde_json::{Value, json};

use super::args::Tenants;
use super::context::Context;
use super::exit::Exit;
use super::render::count;
use super::run::{Report, of_stop};
use crate::app::offboard::{Asked, Files, Stands, offboard, purge, to_purge, to_remove};
use crate::app::{App, Stop, fleet};
use crate::domain::infra_guard::Approval;
use crate::domain::offboard::{Goal, Loss};
use crate::domain::reason::Reason;

/// Runs the command. `approval` are the bytes of the file that was given.
pub async fn leave(
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
    let by = context.actor();
    let result = match command {
        Tenants::Offboard { id: set, decision, retain_until, approval, .. } => {
            let goal = if approval.is_some() { Goal::Remove(given.as_ref()) } else { Goal::Leave };
            let asked = Asked { set, by, why: &decision.why, retain_until: *retain_until, goal };
            match fleet(&app.application, &decision.fleet) {
                Ok(fleet) => match offboard(app, fleet, files, &asked).await {
                    Ok(stands) => Ok(told(&asked, &stands)),
                    Err(stop) => Err((stop, to_remove(app, fleet, set).await.ok().flatten())),
                },
                Err(stop) => Err((stop, None)),
            }
        }
        Tenants::Purge { id: set, decision, .. } => {
            let goal = Goal::Remove(given.as_ref());
            let asked = Asked { set, by, why: &decision.why, retain_until: None, goal };
            match fleet(&app.application, &decision.fleet) {
                Ok(fleet) => match purge(app, fleet, &asked).await {
                    Ok(()) => {
                        Ok(Report::plain(Exit::Done, &format!("the data of {set} are gone; what is kept of it stays")))
                    }
                    Err(stop) => Err((stop, to_purge(app, fleet, set).await.ok().flatten())),
                },
                Err(stop) => Err((stop, None)),
            }
        }
        _ => Err((Stop::Bug("nobody leaves by this command".to_owned()), None)),
    };
    result.unwrap_or_else(|(stop, loss)| refused(&stop, loss.as_ref()))
}

fn told(asked: &Asked<'_>, stands: &Stands) -> Report {
    let set = asked.set;
    match stands {
        Stands::Marked(file) => Report::plain(
            Exit::Done,
            &format!(
                "{set} is `state: offboarding` in {file}; export and commit that, and when Terraform has applied it, run \
                 this again where the fleet can be moved"
            ),
        ),
        Stands::Waits { until, kept, loss } => {
            let objects = count(usize::try_from(kept.objects).unwrap_or(usize::MAX), "object");
            let text = format!(
                "{set} has no tasks; {objects} of it, {} bytes, are kept until {until} (list {})\n{}after that day, remove \
                 it with an approval of this: `--json` shows it",
                kept.bytes,
                kept.list.short(),
                words(loss)
            );
            let json = json!({"schema": 1, "exit_code": 0, "kept": kept, "until": until, "approval": draft(loss)});
            Report { json, ..Report::plain(Exit::Done, &text) }
        }
        Stands::Buried(file) => Report::plain(
            Exit::Done,
            &format!(
                "a tombstone is in the place of {set} in {file}; export and commit that; `infra-guard` asks for an approval \
                 of Terraform's plan, and `tidegate tenants purge {set}` for one of its data"
            ),
        ),
        Stands::Gone => Report::plain(Exit::Done, &format!("{set} is gone")),
    }
}

/// A refusal; where an approval is what is missing, with what is to be approved.
pub(super) fn refused(stop: &Stop, loss: Option<&Loss>) -> Report {
    let mut report = of_stop(stop);
    let asks = |reason: &Reason| matches!(reason, Reason::LossNotApproved { .. } | Reason::ApprovalDoesNotCount { .. });
    if let (Stop::Refused(reasons), Some(loss)) = (stop, loss)
        && reasons.iter().any(asks)
    {
        report.text = words(loss) + &report.text;
        report.json["approval"] = draft(loss);
    }
    report
}

pub(super) fn words(loss: &Loss) -> String {
    loss.lost.iter().map(|lost| format!("would be lost: {lost}\n")).collect()
}

/// The approval that this would take, but for why, until when and who.
pub(super) fn draft(loss: &Loss) -> Value {
    json!({
        "schema": 1,
        "plan": loss.digest(),
        "lost": loss.lost,
        "reason": "",
        "expires": "",
        "requested_by": "",
        "approved_by": "",
    })
}
