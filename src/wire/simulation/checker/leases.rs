//! Who may move the fleet: invariants 12 and 13, and people's decisions, 11.

use jiff::{SignedDuration, Timestamp};

use super::Checker;
use crate::adapters::sim::World;
use crate::domain::lease::{LeaseMark, LeaseRecord, Owner};
use crate::ports::OpenRollout;

/// How old the knowledge of the lease may be when a change is sent.
const TTL: SignedDuration = SignedDuration::from_secs(120);

impl Checker {
    /// Somebody writes the lease.
    pub(in super::super) fn leasing(
        &mut self,
        owner: &Owner,
        world: &World,
        seen: Option<&LeaseMark>,
        next: &LeaseRecord,
    ) {
        let there = world.lease_of(&next.fleet);
        if there.map(|record| record.number.to_string()) != seen.map(|mark| mark.0.clone()) {
            return;
        }
        self.hold_true(next.number > there.map_or(0, |record| record.number), 12, || "its number does not grow".into());
        let holder = there.and_then(|record| record.holder.as_ref()).map(|claim| &claim.owner);
        let others = holder.filter(|holder| *holder != owner && world.living.contains(holder));
        self.hold_true(others.is_none(), 12, || "the lease is taken from somebody who lives".into());
        let for_others = next.holder.as_ref().is_some_and(|claim| claim.owner != *owner);
        self.hold_true(!for_others, 12, || "the lease is written for somebody else".into());
    }

    /// A change is sent under this proof.
    pub(super) fn may_change(&mut self, process: usize, world: &World, proof: &OpenRollout) {
        let lease = world.lease_of(&self.fleet);
        let holder = lease.and_then(|record| record.holder.as_ref()).map(|claim| claim.owner.process);
        let number = u32::try_from(process).unwrap();
        self.hold_true(holder == Some(number), 12, || format!("process {process} changes what {holder:?} holds"));
        let fence = lease.map_or(0, |record| record.number);
        self.hold_true(proof.fence() == fence, 12, || format!("sent under {}, the lease is at {fence}", proof.fence()));
        self.hold_true(proof.fence() >= self.fence, 12, || "fencing numbers go back".into());
        self.fence = self.fence.max(proof.fence());
    }

    /// Whether the lease was read lately enough for a change to services.
    pub(super) fn lease_is_fresh(&mut self, process: usize, now: Timestamp) {
        let read = self.processes[process].lease_read;
        let fresh = read.is_some_and(|(at, delays)| self.age(now, at, delays) <= TTL);
        self.hold_true(fresh, 13, || format!("the lease was last read at {read:?}"));
    }

    /// Whether people have decided against it, long enough ago to be known.
    pub(super) fn nobody_is_against(&mut self, set: usize, now: Timestamp) {
        let long_ago = |decided: Option<&(Timestamp, SignedDuration)>| {
            decided.is_some_and(|(at, delays)| self.age(now, *at, *delays) > TTL)
        };
        let (held, pinned) = (long_ago(self.held_at.as_ref()), long_ago(self.pinned_at.get(&set)));
        self.hold_true(!held, 11, || "the fleet has long been on hold".into());
        self.hold_true(!pinned, 11, || "the tenant has long been pinned".into());
    }

    /// The time since `at`, without what calls were held up meanwhile.
    fn age(&self, now: Timestamp, at: Timestamp, delays: SignedDuration) -> SignedDuration {
        now.duration_since(at) - (self.delays - delays)
    }
}
