//! The ports to database instances, on the simulated world: they take minutes to start and to stop, and one that is
//! stopped is started again after seven days, whatever anybody wants.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Sim;
use super::world::World;
use crate::domain::ids::{CellName, FleetName, SetId};
use crate::domain::pause::{Database, DatabaseState};
use crate::ports::{DatabaseReader, DatabaseWriter, Fault, PortError, PortResult};

/// To stop.
const STOPS: SignedDuration = SignedDuration::from_mins(2);
/// To start.
const STARTS: SignedDuration = SignedDuration::from_mins(4);
/// After this AWS starts it again.
const RESTARTED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// One instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SimDatabase {
    fleet: FleetName,
    cell: Option<CellName>,
    of: Option<SetId>,
    on: bool,
    /// When it was last told to start or stop.
    told: Timestamp,
}

impl SimDatabase {
    pub(super) fn new(fleet: FleetName, cell: Option<CellName>, of: Option<SetId>) -> Self {
        Self { fleet, cell, of, on: true, told: Timestamp::UNIX_EPOCH }
    }

    pub(super) fn is_of(&self, fleet: &FleetName) -> bool {
        &self.fleet == fleet
    }

    pub(super) fn answers(&self, now: Timestamp) -> bool {
        self.state(now) == DatabaseState::Available
    }

    fn state(&self, now: Timestamp) -> DatabaseState {
        let since = now.duration_since(self.told);
        match self.on {
            true if since < STARTS => DatabaseState::Other("starting".to_owned()),
            false if since < STOPS => DatabaseState::Other("stopping".to_owned()),
            false if since < RESTARTED => DatabaseState::Stopped,
            true | false => DatabaseState::Available,
        }
    }
}

impl World {
    /// Whether every database that a set may use in a cell answers.
    pub(super) fn has_its_databases(&self, fleet: &FleetName, set: &SetId, cell: &CellName) -> bool {
        let there = |db: &SimDatabase| db.is_of(fleet) && db.cell.as_ref() == Some(cell);
        let used = |db: &&SimDatabase| there(db) && db.of.as_ref().is_none_or(|of| of == set);
        set.is_control_plane() || self.databases.values().filter(used).all(|db| db.answers(self.now))
    }
}

#[async_trait]
impl DatabaseReader for Sim {
    async fn databases(&self, fleet: &FleetName, _: &[CellName]) -> PortResult<Vec<Database>> {
        let mut world = self.world();
        world.count("RDS DescribeDBInstances");
        let of_fleet = world.databases.iter().filter(|(_, database)| &database.fleet == fleet);
        let described = of_fleet.filter_map(|(id, database)| {
            let (cell, of, state) = (database.cell.clone()?, database.of.clone(), database.state(world.now));
            Some(Database { id: id.clone(), cell, of, state })
        });
        Ok(described.collect())
    }
}

#[async_trait]
impl DatabaseWriter for Sim {
    async fn start(&self, database: &Database) -> PortResult<()> {
        self.turn(database, true, &DatabaseState::Stopped)
    }

    async fn stop(&self, database: &Database) -> PortResult<()> {
        self.turn(database, false, &DatabaseState::Available)
    }
}

impl Sim {
    fn turn(&self, database: &Database, on: bool, from: &DatabaseState) -> PortResult<()> {
        let mut world = self.world();
        world.count(if on { "RDS StartDBInstance" } else { "RDS StopDBInstance" });
        let now = world.now;
        let refused = |fault, why| PortError::new(fault, format!("turning database {}", database.id), why);
        let known = world.databases.get_mut(&database.id);
        let known = known.ok_or_else(|| refused(Fault::Refused, "DBInstanceNotFound"))?;
        if &known.state(now) != from {
            return Err(refused(Fault::Conflict, "InvalidDBInstanceState"));
        }
        (known.on, known.told) = (on, now);
        Ok(())
    }
}
