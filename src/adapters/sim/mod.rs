//! A whole world behind every port: registry, ECS, load balancer, databases, people and records, on a clock that jumps.
//!
//! It is an adapter like the others and not a test helper: every command runs on it with `--sim`, and the demo
//! does too. The world is a value that can be saved to a folder and taken up by the next command.

mod archive;
mod clock;
mod databases;
mod ecs;
mod health;
mod lease;
mod ledger;
mod manifest;
mod places;
mod pulls;
mod registry;
mod routes;
mod scaling;
mod service;
mod snapshots;
mod task;
mod traffic;
#[cfg(test)]
mod truth;
mod world;

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::domain::fleet::Application;

pub use service::{Fault, FaultKind};
pub use traffic::Traffic;
pub use world::World;

/// The simulated world, behind a lock because ports are shared. Nothing waits while it holds the lock.
#[derive(Debug)]
pub struct Sim {
    world: Mutex<World>,
}

impl Sim {
    /// A world in which every service of every fleet runs an image from before there were records.
    pub fn new(application: &Application, now: Timestamp) -> Self {
        Self { world: Mutex::new(World::new(application, now)) }
    }

    /// A world as it is.
    #[cfg(test)]
    pub(crate) fn of(world: World) -> Self {
        Self { world: Mutex::new(world) }
    }

    /// The world that was saved in this folder.
    ///
    /// # Errors
    /// It cannot be read, or is not a world.
    pub fn load(folder: &Path) -> io::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "this adapter's outside is a folder")]
        let text = std::fs::read_to_string(folder.join(WORLD))?;
        let world = serde_json::from_str(&text)?;
        Ok(Self { world: Mutex::new(world) })
    }

    /// Whether a world was saved in this folder.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(WORLD).is_file()
    }

    /// Saves the world, and beside it the records as files one can open.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        let world = self.world();
        ledger::write_files(&world, folder)?;
        write(&folder.join(WORLD), &serde_json::to_string_pretty(&*world)?)
    }

    /// Brings the world in line with a file that has changed since it was made: new tenants get their services.
    pub fn take_in(&self, application: &Application) {
        self.world().take_in(application);
    }

    /// Looks into the world, or arranges it: a new commit's content, a fault, a person.
    pub fn world(&self) -> MutexGuard<'_, World> {
        // A panic elsewhere leaves a world that is still a value; the test that panicked has failed anyway.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const WORLD: &str = "world.json";

/// Writes a file whole or not at all: first beside it, then over it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("new");
    #[expect(clippy::disallowed_methods, reason = "this adapter's outside is a folder")]
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}
