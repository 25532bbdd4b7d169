//! The one comment under a pull request: its plan, then how far its rollout is, then what came of it. It is for people;
//! that it cannot be written is said, and changes nothing about a release.

use super::markdown;
use crate::app::progress::Progress;
use crate::app::rollout::Outcome;
use crate::app::{App, Stop};
use crate::domain::eta::eta;
use crate::domain::fleet::Fleet;
use crate::domain::markdown::cut;
use crate::domain::plan::Plan;

/// The longest comment that GitHub takes is 65,536 characters; our mark stands before it.
const LONGEST: usize = 65_000;

/// Tells under the pull request what came of its label.
pub(super) async fn tell_pull(app: &App, fleet: &Fleet, pull: u64, result: &Result<Outcome, Stop>) {
    let text = match result {
        // The comment tells already how it came out, when it was done.
        Ok(outcome) if outcome.end.is_none() => return,
        Ok(outcome) => markdown::outcome(outcome),
        Err(Stop::AwaitsApproval(plan)) => waits_for_approval(app, fleet, plan).await,
        Err(stop) => format!("### not released to {}\n\n{}", fleet.name, markdown::stop(stop)),
    };
    if let Err(error) = app.writers.pulls.comment(pull, &shortened(text)).await {
        let what = format!("#{pull}");
        app.readers.observer.note(app.readers.clock.now(), &Progress::NotTold { what, why: error.to_string() });
    }
}

/// What a release may write to GitHub, whatever the number of tenants.
const WRITES: usize = 30;

/// Beside what a rollout writes: the version's record, its release, the comment with the end; and one for the lease of a
/// fleet that never had one.
const BESIDE: usize = 4;

/// What the comment says of a wave that begins; none of one that is not told.
pub(super) fn on_its_way(plan: &Plan, wave: usize) -> Option<String> {
    is_told(plan, wave).then(|| shortened(markdown::on_its_way(plan, wave)))
}

/// Whether the beginning of a wave is told: that of the second, when the canary has passed, and then of every so many, at
/// most three times and no more often than what a release may write has room for.
fn is_told(plan: &Plan, wave: usize) -> bool {
    let times = WRITES.saturating_sub(markdown::writes(plan) + BESIDE).clamp(1, 3);
    let stride = plan.waves.len().saturating_sub(1).div_ceil(times).max(1);
    wave > 0 && (wave - 1).is_multiple_of(stride)
}

fn shortened(text: String) -> String {
    cut(text, LONGEST, "\n(The rest is in the job's summary.)\n")
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(waves: usize) -> Plan {
        let waves: Vec<_> =
            (1..=waves).map(|n| json!({ "name": format!("wave {n}"), "bake": "PT0S", "changes": [] })).collect();
        let gate = json!({ "deadline": "PT15M", "stopped_tasks_max": 0, "targets_healthy": true, "probe": null, "unknown": "hold" });
        serde_json::from_value(json!({
            "schema": 1, "app": "shop", "fleet": "prod", "replaces": "1.3.0", "direction": "deploy",
            "release": { "version": "1.4.0", "commit": "1".repeat(40), "images": {} },
            "waves": waves, "unchanged": [], "excluded": [], "on_failure": "stop", "gate": gate,
        }))
        .unwrap()
    }

    #[test]
    fn progress_is_told_when_the_canary_has_passed_and_within_what_a_release_may_write() {
        for waves in 2..=9 {
            let plan = plan(waves);
            let told: Vec<usize> = (0..waves).filter(|wave| is_told(&plan, *wave)).collect();
            assert_eq!(told.first(), Some(&1), "{waves} waves");
            assert!(told.len() <= 3 && markdown::writes(&plan) + BESIDE + told.len() <= WRITES, "{waves}: {told:?}");
        }
        let long = plan(50);
        assert_eq!((0..50).filter(|wave| is_told(&long, *wave)).count(), 1, "many waves are told of once");
        assert!(on_its_way(&long, 1).unwrap().contains("1.4.0 -> prod: wave 2/50"));
    }
}
