//! What a wave needs before its first change: everybody in it as the plan found them, their images in the registry,
//! and a way back. A rollback needs none of it: waiting would only keep customers on what is being taken back.

use super::Rollout;
use crate::domain::gate::{Verdict, all_of};
use crate::domain::plan::Change;
use crate::domain::reason::Reason;
use crate::domain::snapshot::{Ahead, Availability, FamilySeen, ServiceSeen, Snapshot};

impl Rollout {
    /// Whether the wave may begin.
    pub(super) fn preflight(&self, wave: usize, seen: &Snapshot) -> Verdict {
        if self.plan.is_rollback() {
            return Verdict::Pass;
        }
        let changes = self.plan.waves.get(wave).map_or(&[][..], |wave| &wave.changes);
        all_of(changes.iter().flat_map(|change| match seen.ahead.get(&change.service) {
            Some(ahead) => [base(change, &ahead.live), image(change, &ahead.image), way_back(change, ahead)],
            None => match seen.tasks_ahead.get(&change.service) {
                Some(ahead) => [family(change, &ahead.family), image(change, &ahead.image), Verdict::Pass],
                None => [unknown(change, "it was not looked at"), Verdict::Pass, Verdict::Pass],
            },
        }))
    }
}

/// The service is settled on what the plan found, or on its target already.
fn base(change: &Change, live: &ServiceSeen) -> Verdict {
    let service = change.service.clone();
    let not_ready = |why: &str| Reason::NotReady { service: change.service.clone(), why: why.to_owned() };
    match live {
        ServiceSeen::Unreachable { why } => unknown(change, why),
        ServiceSeen::Missing => Verdict::Fail(not_ready("ECS has no active service of that name")),
        ServiceSeen::Live(live) if live.desired == 0 && !change.begins_on(live) => {
            Verdict::Fail(Reason::Unproven { service })
        }
        ServiceSeen::Live(live) if live.runs.hash == change.target.hash => Verdict::Pass,
        ServiceSeen::Live(live) if live.runs.hash != change.before.hash => Verdict::Fail(Reason::ForeignChange {
            service,
            found: format!("it runs {}", live.runs.task_definition.family_and_revision()),
        }),
        ServiceSeen::Live(live) if !live.is_settled() => {
            Verdict::Unknown(not_ready("another deployment is still in progress"))
        }
        ServiceSeen::Live(_) => Verdict::Pass,
    }
}

/// The family of a one-shot task has a revision, or needs none yet, and nobody has put another template there since the plan was made.
fn family(change: &Change, family: &FamilySeen) -> Verdict {
    let service = change.service.clone();
    match family {
        FamilySeen::Active(newest) if [&change.before.hash, &change.target.hash].contains(&&newest.hash) => {
            Verdict::Pass
        }
        FamilySeen::Active(newest) => Verdict::Fail(Reason::ForeignChange {
            service,
            found: format!("the newest of its family is {}", newest.task_definition.family_and_revision()),
        }),
        FamilySeen::Missing if change.before.task_definition.is_none() => Verdict::Pass,
        FamilySeen::Missing => {
            let why = format!("ECS has no active task definition of family {}", change.ecs_service);
            Verdict::Fail(Reason::NotReady { service, why })
        }
        FamilySeen::Unreachable { why } => unknown(change, why),
    }
}

fn image(change: &Change, image: &Availability) -> Verdict {
    match (image, &change.target.digest) {
        (Availability::Yes, _) | (_, None) => Verdict::Pass,
        (Availability::No { why: _ }, Some(digest)) => {
            Verdict::Fail(Reason::ImageGone { service: change.service.service.clone(), digest: digest.clone() })
        }
        (Availability::Unknown { why }, Some(_)) => unknown(change, why),
    }
}

fn way_back(change: &Change, ahead: &Ahead) -> Verdict {
    match &ahead.way_back {
        // Back to no tasks, which need nothing.
        _ if change.first_tasks().is_some() => Verdict::Pass,
        Availability::Yes => Verdict::Pass,
        Availability::No { why } => {
            Verdict::Fail(Reason::NoWayBack { service: change.service.clone(), why: why.clone() })
        }
        Availability::Unknown { why } => unknown(change, why),
    }
}

fn unknown(change: &Change, why: &str) -> Verdict {
    Verdict::Unknown(Reason::GateUnknown { what: format!("readiness of {}", change.service), why: why.to_owned() })
}
