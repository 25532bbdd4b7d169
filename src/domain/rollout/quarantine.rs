//! A failure that is one tenant's own: the tenant goes back to what it ran before and the wave goes on, within the
//! fleet's budget. A failure that two tenants share is the release's, and stops the wave.

use super::{Decision, Event, Rollout};
use crate::domain::ids::SetId;
use crate::domain::plan::Wave;
use crate::domain::reason::{Kind, Reason};

impl Rollout {
    /// What the failure of a set leads to.
    pub(super) fn after_failure(&self, index: usize, set: &SetId, reason: Reason) -> Decision {
        if self.quarantined.contains_key(set) {
            let why = format!("{set} was to go back to what it ran before: {reason}");
            return Decision::Record(Event::Halted { wave: index, reason: Reason::RollbackFailed { why } });
        }
        let wave = self.plan.waves.get(index);
        if wave.is_some_and(|wave| self.is_its_own(index, wave, set, &reason)) {
            return Decision::Record(Event::Quarantined { wave: index, set: set.clone(), reason });
        }
        self.halt(index, reason)
    }

    /// Whether a failure may be taken for the tenant's own. The last tenant that would show the release in its wave
    /// is never quarantined: a wave in which nobody runs the release has shown nothing. Nor is one that has run a
    /// migration after which the version before does not work.
    fn is_its_own(&self, index: usize, wave: &Wave, set: &SetId, reason: &Reason) -> bool {
        let shared = || self.quarantined.values().any(|known| known.signature() == reason.signature());
        let left = || wave.sets().into_iter().filter(|other| *other != set && !self.quarantined.contains_key(*other));
        reason.kind() == Kind::GateFailed
            && !self.plan.is_rollback()
            && !set.is_control_plane()
            && self.plan.in_the_way(index..index + 1, Some(set)).is_none()
            && self.quarantined.len() < self.plan.failure_budget
            && !shared()
            && left().next().is_some()
    }
}
