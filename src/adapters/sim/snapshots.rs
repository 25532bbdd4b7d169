//! The port to routing snapshots, on the simulated world: its objects of S3.

use accessos_routing::POINTER;
use async_trait::async_trait;

use super::Sim;
use crate::domain::fleet::Routing;
use crate::domain::ids::{CellName, ContentHash};
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
