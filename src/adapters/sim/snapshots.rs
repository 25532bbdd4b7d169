//! The port to routing snapshots, on the simulated world: its objects of S3.

use accessos_routing::{POINTER, Pointer, RouterReport};
use async_trait::async_trait;
use jiff::Timestamp;

use super::Sim;
use crate::domain::fleet::Routing;
use crate::domain::ids::{CellName, ContentHash};
use crate::domain::routers::ReportSeen;
use crate::ports::{Fault, PointerSeen, PortError, PortResult, SnapshotReader, SnapshotWriter};

fn place(at: &Routing, name: &str) -> String {
    format!("{}/{}{name}", at.bucket, at.prefix)
}

#[async_trait]
impl SnapshotReader for Sim {
    async fn pointer(&self, cell: &CellName, at: &Routing) -> PortResult<Option<PointerSeen>> {
        let bytes = self.object(cell, at, POINTER).await?;
        Ok(bytes.map(|bytes| PointerSeen { mark: ContentHash::of(&bytes).to_string(), bytes }))
    }

    async fn object(&self, _cell: &CellName, at: &Routing, name: &str) -> PortResult<Option<Vec<u8>>> {
        let mut world = self.world();
        world.count("S3 GetObject");
        Ok(world.objects.get(&place(at, name)).cloned())
    }

    /// Every router of the world serves what is published at once, unless it is said up to where they follow. All report
    /// wherever they are asked for: who is heard and not expected is no router of the fleet.
    async fn reports(&self, cell: &CellName, at: &Routing, _since: Timestamp) -> PortResult<Vec<ReportSeen>> {
        let pointer = self.pointer(cell, at).await?.and_then(|seen| Pointer::read(&seen.bytes).ok());
        let mut world = self.world();
        world.count("S3 ListObjectsV2");
        let newest = pointer.map_or(0, |pointer| pointer.generation);
        let serves = world.routers_follow_to.map_or(newest, |last| newest.min(last));
        let routers = world.services.values().filter(|service| service.key.service == at.router);
        let running = routers.filter_map(|service| service.describe(&world)).map(|live| live.running).sum::<u32>();
        let report = |number: u32| {
            let report = RouterReport::new(&number.to_string(), "1.0.0", Some(serves), None);
            let bytes = report.bytes().unwrap_or_default();
            ReportSeen { name: report.name(), bytes, written_at: world.now }
        };
        Ok((0..running).map(report).collect())
    }
}

#[async_trait]
impl SnapshotWriter for Sim {
    async fn create(&self, _cell: &CellName, at: &Routing, name: &str, bytes: &[u8]) -> PortResult<()> {
        let mut world = self.world();
        world.count("S3 PutObject");
        world.objects.entry(place(at, name)).or_insert_with(|| bytes.to_vec());
        Ok(())
    }

    async fn point(&self, _cell: &CellName, at: &Routing, seen: Option<&str>, bytes: &[u8]) -> PortResult<()> {
        let mut world = self.world();
        world.count("S3 PutObject");
        let there = world.objects.get(&place(at, POINTER)).map(|bytes| ContentHash::of(bytes).to_string());
        if there.as_deref() != seen {
            return Err(PortError::new(Fault::Conflict, "moving the pointer", "somebody else has published meanwhile"));
        }
        world.objects.insert(place(at, POINTER), bytes.to_vec());
        Ok(())
    }
}
