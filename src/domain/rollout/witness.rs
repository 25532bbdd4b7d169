//! The other witness of a deployment: ECS's own history of it, the service deployment. DescribeServices shows what is
//! there now, and what is there now can be the deployment that ECS went back to; history names ours and how it ended.
//!
//! A success takes both: DescribeServices shows our deployment as PRIMARY and done with all of its tasks, and history
//! calls it successful. For a failure either is enough. History is asked when a verdict is due and not while a
//! deployment is on its way: DescribeServices shows that it has ended, and costs nothing more.
//!
//! Not everything has a history. ECS keeps it for 90 days and for deployments since 2024-10-25 (Developer Guide,
//! "Viewing Amazon ECS service deployments"), which every deployment of a rollout is, if late by some seconds. A
//! service that still has none at all after a few looks, whoever deployed it, is one for which nobody keeps it, as
//! some emulators do not: there two looks at DescribeServices judge, the second one at the end of the watch. And a way
//! back that ECS takes has none of its own, since it is told as the end of what was taken back (API Reference,
//! ServiceDeployment, `rollback`): what goes back is judged so as well.

use std::collections::BTreeMap;

use super::Rollout;
use crate::domain::ids::{DeploymentId, ServiceKey};
use crate::domain::plan::Change;
use crate::domain::snapshot::{DeploymentSeen, Live, RolloutState, ServiceSeen, Snapshot};

/// Looks in a row that find no history before it is believed that there is none.
const SILENT_READS: u32 = 3;

/// What is known of a service's history from earlier looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    deployment: DeploymentId,
    /// Whether it is called done. That is final.
    done: bool,
    /// Looks in a row that found none.
    silent: u32,
}

/// What history says of the deployment on which a verdict is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// It has nothing to say about this deployment.
    None,
    /// Done.
    Done,
    /// Not over.
    UnderWay,
    /// Lost, and why.
    Lost(&'a str),
    /// It cannot be told, and why.
    Unknown(&'a str),
}

impl Witness {
    fn is_settled(&self) -> bool {
        self.done || self.silent >= SILENT_READS
    }
}

impl Rollout {
    /// The deployments whose history the next decision takes: of a service that DescribeServices shows as done, the
    /// one that is there; of one that is as before though this process has updated it, the one that it sent.
    pub fn needs_history(&self, services: &BTreeMap<ServiceKey, ServiceSeen>) -> Vec<(ServiceKey, DeploymentId)> {
        let due = |change: &Change| {
            let Some(ServiceSeen::Live(live)) = services.get(&change.service) else { return None };
            let ours = self.ours(change, live)?;
            let due = match live.runs.hash == change.target.hash {
                true => live.desired > 0 && live.has_ended() && live.running >= live.desired,
                false => live.runs.hash == change.before.hash && !live.failed.iter().any(|failed| failed.id == *ours),
            };
            let settled = self.witness_of(change, ours).is_some_and(Witness::is_settled);
            (due && !settled).then(|| (change.service.clone(), ours.clone()))
        };
        self.watched.iter().filter(|change| !change.is_task()).filter_map(due).collect()
    }

    /// The deployment of this rollout that brings a service forward, if there is one.
    fn ours<'a>(&'a self, change: &Change, live: &'a Live) -> Option<&'a DeploymentId> {
        if self.goes_back(change) {
            return None;
        }
        match live.runs.hash == change.target.hash {
            // What ran the target before this rollout began was nobody's update here.
            true => (live.began >= self.opened_at).then_some(&live.deployment),
            false => self.sent.get(&change.service).map(|sent| &sent.deployment),
        }
    }

    fn witness_of(&self, change: &Change, ours: &DeploymentId) -> Option<&Witness> {
        self.witnesses.get(&change.service).filter(|witness| witness.deployment == *ours)
    }

    /// Takes in what was read of history.
    pub(super) fn note_history(&mut self, seen: &Snapshot) {
        for (service, deployment) in self.needs_history(&seen.services) {
            let known = self.witnesses.get(&service).filter(|known| known.deployment == deployment);
            let silent = known.map_or(0, |known| known.silent);
            let (done, silent) = match seen.history.get(&service) {
                Some(DeploymentSeen::Done) => (true, 0),
                Some(DeploymentSeen::NoHistory) => (false, silent + 1),
                Some(DeploymentSeen::UnderWay | DeploymentSeen::Lost { .. }) => (false, 0),
                // A read that failed tells neither that there is one nor that there is none.
                Some(DeploymentSeen::Unreadable { .. }) | None => (false, silent),
            };
            self.witnesses.insert(service, Witness { deployment, done, silent });
        }
    }

    /// What history says of the deployment of a service, in this look or an earlier one.
    pub(super) fn word<'a>(&self, change: &Change, live: &Live, history: Option<&'a DeploymentSeen>) -> Word<'a> {
        let Some(ours) = self.ours(change, live) else { return Word::None };
        match (self.witness_of(change, ours), history) {
            (Some(Witness { done: true, .. }), _) | (_, Some(DeploymentSeen::Done)) => Word::Done,
            (_, Some(DeploymentSeen::Lost { why })) => Word::Lost(why),
            (Some(witness), _) if witness.is_settled() => Word::None,
            (_, Some(DeploymentSeen::UnderWay)) => Word::UnderWay,
            (_, Some(DeploymentSeen::Unreadable { why })) => Word::Unknown(why),
            (_, Some(DeploymentSeen::NoHistory)) => Word::Unknown("ECS has no service deployment of it yet"),
            (_, None) => Word::Unknown("its service deployment was not read"),
        }
    }
}

impl Live {
    /// Whether ECS has nothing more to do for the PRIMARY deployment, or does not say so itself.
    fn has_ended(&self) -> bool {
        matches!(self.rollout, RolloutState::Completed | RolloutState::Unsaid)
    }
}
