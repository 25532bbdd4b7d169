//! What is recorded of a wave: how each of its services stands, as far as it was seen, and what its gates found.

use jiff::Timestamp;

use crate::domain::gate::WaveReport;
use crate::domain::ids::Version;
use crate::domain::ledger::{ServiceResult, ServiceState, WaveResult};
use crate::domain::plan::{Change, Target};
use crate::domain::rollout::{Event, Rollout, Standing};
use crate::domain::snapshot::{ServiceSeen, Snapshot};

/// How the services of the current wave stand; recorded whenever that is worth knowing later. Of a service that
/// was not looked at yet nothing is said: what the records have of it stays.
pub(super) fn wave_result(
    rollout: &Rollout,
    seen: &Snapshot,
    event: &Event,
    gates: Option<WaveReport>,
    now: Timestamp,
) -> Option<WaveResult> {
    // The first wave has none before it. That one is up, or its tests have ended, is told again when it has passed; a
    // smoke test leaves nothing behind that runs.
    if matches!(event, Event::WaveStarted { wave: 0 } | Event::Baking { .. } | Event::TestsDone { .. }) {
        return None;
    }
    let only_tasks = matches!(event, Event::TasksDone { .. });
    let plan = rollout.plan();
    let before = plan.replaces.clone().unwrap_or_else(Version::unrecorded);
    let state = |change: &Change| {
        let live = seen.services.get(&change.service);
        let standing = rollout.standing(change, seen, now);
        // What is recorded of a task is its last success, which a failure does not undo.
        if (change.is_task() && standing != Standing::OnTarget) || (only_tasks && !change.is_task()) {
            return None;
        }
        // Of what was not looked at, or did not answer, nothing is said.
        if matches!(live, None | Some(ServiceSeen::Unreachable { .. })) && !change.is_task() {
            return None;
        }
        let result = match standing {
            Standing::OnTarget => ServiceResult::Live,
            Standing::Unknown(_) => ServiceResult::Unknown,
            Standing::AsBefore | Standing::Moving | Standing::Failed(_) | Standing::Foreign(_) => {
                ServiceResult::NotReached
            }
        };
        let left = rollout.quarantined().contains_key(&change.service.set);
        let release = if left { before.clone() } else { plan.release.version.clone() };
        let runs = if change.is_task() { change.target.clone() } else { runs(change, live) };
        Some((change.service.clone(), ServiceState { release, runs, result, at: now }))
    };
    let changes = rollout.watched().iter().filter(|change| !change.is_smoke_test());
    Some(WaveResult { services: changes.filter_map(state).collect(), gates })
}

/// What a service runs, as far as it was seen: its target, what it ran before, or neither.
fn runs(change: &Change, live: Option<&ServiceSeen>) -> Target {
    match live {
        Some(ServiceSeen::Live(live)) => {
            let planned = [&change.target, &change.before].into_iter().find(|target| target.hash == live.runs.hash);
            let task_definition = Some(live.runs.task_definition.clone());
            match planned {
                Some(target) => Target { task_definition, ..target.clone() },
                None => Target {
                    hash: live.runs.hash.clone(),
                    task_definition,
                    template: None,
                    digest: live.runs.digest.clone(),
                    version: None,
                    tasks: None,
                },
            }
        }
        Some(ServiceSeen::Missing | ServiceSeen::Unreachable { .. }) | None => change.before.clone(),
    }
}
