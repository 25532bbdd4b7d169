//! The lease ports, on the simulated world. Its mark is the record's number, which only grows.

use async_trait::async_trait;

use super::Sim;
use crate::domain::ids::FleetName;
use crate::domain::lease::{LeaseMark, LeaseRecord, LeaseSeen, Life, Owner};
use crate::ports::{Fault, LeaseReader, LeaseWriter, PortError, PortResult};

#[async_trait]
impl LeaseReader for Sim {
    async fn lease(&self, fleet: &FleetName) -> PortResult<LeaseSeen> {
        let mut world = self.world();
        world.count("GitHub read");
        let recorded = |record: &LeaseRecord| LeaseSeen::Recorded { mark: mark(record), record: record.clone() };
        Ok(world.leases.get(fleet).map_or(LeaseSeen::Never, recorded))
    }

    async fn life(&self, owner: &Owner) -> Life {
        let mut world = self.world();
        world.count("GitHub read");
        if world.living.contains(owner) { Life::Alive } else { Life::Ended }
    }
}

#[async_trait]
impl LeaseWriter for Sim {
    async fn put(&self, seen: Option<&LeaseMark>, next: &LeaseRecord) -> PortResult<LeaseMark> {
        let mut world = self.world();
        world.count("GitHub write");
        if world.leases.get(&next.fleet).map(mark).as_ref() != seen {
            let doing = format!("writing the lease of {}", next.fleet);
            return Err(PortError::new(Fault::Conflict, doing, "somebody else has written it"));
        }
        world.leases.insert(next.fleet.clone(), next.clone());
        Ok(mark(next))
    }
}

fn mark(record: &LeaseRecord) -> LeaseMark {
    LeaseMark(record.number.to_string())
}
