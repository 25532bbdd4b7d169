//! The one comment under a pull request: its plan, and then what came of it. It is for people; that it cannot be written
//! is said, and changes nothing about a release.

use super::{machine, markdown};
use crate::app::progress::Progress;
use crate::app::rollout::Outcome;
use crate::app::{App, Stop, plan};
use crate::domain::eta::eta;
use crate::domain::fleet::Fleet;
use crate::domain::markdown::cut;
use crate::domain::plan::{Direction, Plan};
use crate::ports::PortError;

/// The longest comment that GitHub takes is 65,536 characters; our mark stands before it.
const LONGEST: usize = 65_000;

/// Tells under the pull request what came of its label, and answers the plan if one waits for approval.
pub(super) async fn tell_pull(app: &App, fleet: &Fleet, pull: u64, result: &Result<Outcome, Stop>) -> Option<Plan> {
    let waits = match result {
        Err(stop) => waiting(app, fleet, pull, stop).await,
        // The comment tells already how it came out, when it was done.
        Ok(outcome) if outcome.end.is_none() => return None,
        Ok(_) => None,
    };
    let text = match (result, &waits) {
        (Ok(outcome), _) => markdown::outcome(outcome),
        (Err(_), Some(plan)) => waits_for_approval(app, fleet, plan).await,
        (Err(stop), None) => format!("### not released to {}\n\n{}", fleet.name, markdown::stop(stop)),
    };
    if let Err(error) = write(app, pull, text).await {
        let what = format!("#{pull}");
        app.readers.observer.note(app.readers.clock.now(), &Progress::NotTold { what, why: error.to_string() });
    }
    waits
}

async fn write(app: &App, pull: u64, text: String) -> Result<(), PortError> {
    let text = cut(text, LONGEST, "\n(The rest is in the job's summary.)\n");
    app.writers.pulls.comment(pull, &text).await
}

/// The plan that waits for approval, if that is why it stopped. It is made once more, and must be the very same.
async fn waiting(app: &App, fleet: &Fleet, pull: u64, stop: &Stop) -> Option<Plan> {
    let awaited = machine::awaited_plan(stop)?;
    let pull = app.readers.pulls.pull(pull).await.ok()??;
    let release = app.readers.ledger.release_of(pull.merge_commit.as_ref()?).await.ok()??;
    let planned = plan::plan(&app.readers, &app.application, fleet, &release, Direction::Deploy).await.ok()?;
    (planned.hash() == *awaited).then_some(planned)
}

async fn waits_for_approval(app: &App, fleet: &Fleet, plan: &Plan) -> String {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await.unwrap_or_default();
    let text = markdown::plan(plan, eta(plan, &rollouts));
    format!("### waits for approval\n\n{text}\n{}", how_to_approve(plan, fleet))
}

fn how_to_approve(plan: &Plan, fleet: &Fleet) -> String {
    let who = match &fleet.approval {
        Some(approval) if approval.not_author => "Somebody with write permission other than the author",
        _ => "Somebody with write permission",
    };
    let environment = fleet.approval.as_ref().map(|approval| approval.environment.as_str()).unwrap_or_default();
    let hash = plan.hash();
    format!(
        "{who} approves exactly this plan, in the job that waits for `{environment}`, or by a comment:\n\n\
         ```\ntidegate approve {hash}\n```\n\nAny change of the plan makes that void.\n"
    )
}
