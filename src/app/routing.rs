//! `routing`: publishes the snapshot that a fleet's edge routers serve from, shows it, and takes it back.
//!
//! An object first, whose name has the hash of its bytes; then the pointer, by compare-and-set. Two who publish at once make
//! two objects and one pointer. What is published already is judged as routers judge it: what cannot be believed is not
//! overwritten, for it is unknown and not absent.

use accessos_routing::{Change, Limits, Pointer, Problem, SigningKey, Snapshot, changes, object_name, succeed};
use jiff::{SignedDuration, Timestamp};

use super::progress::Progress;
use super::{Readers, Stop};
use crate::domain::directive::Directives;
use crate::domain::fleet::{Application, Fleet, Routing};
use crate::domain::ids::CellName;
use crate::domain::reason::Reason;
use crate::domain::routing::tenants;
use crate::ports::{SnapshotReader, SnapshotWriter};

/// Generations that are looked at, from the newest back.
const BACK_MAX: usize = 1_000;

/// A snapshot that is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// It.
    pub snapshot: Snapshot,
    /// The name of its object.
    pub object: String,
    mark: String,
}

/// What came of publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What is in force now.
    pub generation: u64,
    /// How many tenants it has.
    pub tenants: usize,
    /// What it changes; nothing if it was in force before.
    pub changes: Vec<Change>,
}

/// What somebody wants published.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// How many tenants are meant to go at once.
    pub lose: usize,
    /// Whether a person's rollback is to be ended by this.
    pub past_rollback: bool,
}

/// Where a fleet's snapshots lie.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The application.
    pub application: &'a Application,
    /// The fleet.
    pub fleet: &'a Fleet,
    /// The snapshots.
    pub snapshots: &'a dyn SnapshotReader,
}

impl<'a> Desk<'a> {
    /// The place of this fleet's snapshots.
    ///
    /// # Errors
    /// It has none.
    pub(super) fn place(&self) -> Result<(&'a CellName, &'a Routing), Stop> {
        let none = || Reason::NoRouting { fleet: self.fleet.name.clone() };
        let routing = self.fleet.routing.as_ref().ok_or_else(none)?;
        Ok((self.fleet.cells.first().ok_or_else(none)?, routing))
    }

    fn unreadable(&self, problems: &[Problem]) -> Stop {
        Reason::RoutingUnreadable { fleet: self.fleet.name.clone(), why: told(problems) }.into()
    }

    /// The snapshot in force; none if none was ever published.
    ///
    /// # Errors
    /// It cannot be read, or not be believed.
    pub async fn in_force(&self) -> Result<Option<InForce>, Stop> {
        let (cell, routing) = self.place()?;
        let Some(seen) = self.snapshots.pointer(cell, routing).await? else { return Ok(None) };
        let pointer = Pointer::read(&seen.bytes).map_err(|problem| self.unreadable(&[problem]))?;
        let snapshot = self.opened(&pointer.object).await?;
        if snapshot.generation != pointer.generation {
            let what = "the pointer names another generation than its object".to_owned();
            return Err(self.unreadable(&[Problem { code: "wrong", what }]));
        }
        Ok(Some(InForce { snapshot, object: pointer.object, mark: seen.mark }))
    }

    /// The snapshot in an object, which must have the bytes that its name says.
    async fn opened(&self, object: &str) -> Result<Snapshot, Stop> {
        let (cell, routing) = self.place()?;
        let wrong = |what: String| self.unreadable(&[Problem { code: "wrong", what }]);
        let bytes = self.snapshots.object(cell, routing, object).await?;
        let bytes = bytes.ok_or_else(|| wrong(format!("{object} is not there")))?;
        let (snapshot, _) = routing.keys.open(&bytes).map_err(|problems| self.unreadable(&problems))?;
        if object_name(snapshot.generation, &bytes) != object {
            return Err(wrong(format!("{object} does not have the bytes that its name says")));
        }
        let own = (self.application.name.as_str(), self.fleet.name.as_str());
        if (snapshot.app.as_str(), snapshot.fleet.as_str()) != own {
            return Err(wrong(format!("{object} is of {}/{}", snapshot.app, snapshot.fleet)));
        }
        Ok(snapshot)
    }

    /// The generations from the one in force back to the first, or to one that cannot be read any more.
    ///
    /// # Errors
    /// The one in force cannot be read.
    pub async fn generations(&self, most: usize) -> Result<Vec<Snapshot>, Stop> {
        let mut found: Vec<Snapshot> = self.in_force().await?.into_iter().map(|force| force.snapshot).collect();
        while found.len() < most.min(BACK_MAX) {
            let Some(newest) = found.last() else { break };
            let Some(before) = self.before(newest).await else { break };
            found.push(before);
        }
        Ok(found)
    }

    /// The generation that a snapshot follows. A key that was replaced, or a lifecycle rule, ends what can be gone back to.
    async fn before(&self, snapshot: &Snapshot) -> Option<Snapshot> {
        self.opened(snapshot.follows.as_deref()?).await.ok()
    }

    /// The snapshot that would follow: its tenants as the file and the decisions have them now.
    ///
    /// # Errors
    /// The records do not answer.
    async fn next(&self, readers: &Readers, force: Option<&InForce>, lose: usize) -> Result<Snapshot, Stop> {
        let (_, routing) = self.place()?;
        let directives = Directives::fold(&readers.ledger.decided(&self.fleet.name).await?);
        let tenants = tenants(self.fleet, routing, &directives);
        Ok(Snapshot { tenants, meant_to_lose: lose, ..self.empty(force, readers.clock.now()) })
    }

    fn empty(&self, force: Option<&InForce>, now: Timestamp) -> Snapshot {
        Snapshot {
            schema: accessos_routing::SCHEMA,
            app: self.application.name.to_string(),
            fleet: self.fleet.name.to_string(),
            generation: force.map_or(0, |force| force.snapshot.generation) + 1,
            published_at: now,
            follows: force.map(|force| force.object.clone()),
            restores: None,
            meant_to_lose: 0,
            tenants: Vec::new(),
        }
    }

    /// What publishing would change now, and whether it would be refused.
    ///
    /// # Errors
    /// What is published cannot be believed, or the records do not answer.
    pub async fn difference(&self, readers: &Readers) -> Result<(Option<InForce>, Vec<Change>), Stop> {
        let force = self.in_force().await?;
        let next = self.next(readers, force.as_ref(), 0).await?;
        let changes = changes(force.as_ref().map(|force| &force.snapshot), &next);
        Ok((force, changes))
    }

    /// Publishes the tenants as they are to be, unless that is in force already.
    ///
    /// # Errors
    /// It cannot be signed, routers would refuse it, a person's rollback is in force, or somebody else was quicker.
    pub async fn publish(
        &self,
        readers: &Readers,
        writer: &dyn SnapshotWriter,
        key: &SigningKey,
        wish: Wish,
    ) -> Result<Published, Stop> {
        let force = self.in_force().await?;
        let next = self.next(readers, force.as_ref(), wish.lose).await?;
        if let Some(InForce { snapshot, .. }) = &force {
            if snapshot.tenants == next.tenants && (snapshot.restores.is_none() || !wish.past_rollback) {
                let (generation, tenants) = (snapshot.generation, snapshot.tenants.len());
                return Ok(Published { generation, tenants, changes: Vec::new() });
            }
            if let Some(restores) = snapshot.restores.filter(|_| !wish.past_rollback) {
                let (fleet, generation) = (self.fleet.name.clone(), snapshot.generation);
                return Err(Reason::RoutingTakenBack { fleet, generation, restores }.into());
            }
        }
        self.put(writer, key, force.as_ref(), &next).await
    }

    /// Publishes whatever was decided since, again and again, until the process is asked to stop: what the publisher service
    /// does. Nothing that goes wrong ends it; it is told once, and tried again.
    pub async fn keep(&self, readers: &Readers, writer: &dyn SnapshotWriter, key: &SigningKey, every: SignedDuration) {
        let mut told = None;
        while !readers.stop.raised() {
            let name = &self.fleet.name;
            let what = match self.publish(readers, writer, key, Wish::default()).await {
                Ok(published) if published.changes.is_empty() => None,
                Ok(published) => Some(format!("generation {} of {name} is published", published.generation)),
                Err(stop) => Some(format!("nothing new is published for {name}: {stop}")),
            };
            if let Some(what) = what.clone().filter(|_| what != told) {
                readers.observer.note(readers.clock.now(), &Progress::Around { what });
            }
            told = what;
            tokio::select! {
                () = readers.stop.wait() => {}
                () = readers.clock.sleep(every) => {}
            }
        }
    }

    /// Publishes the tenants of an earlier generation as a new one: of the one that is named, else of the last that had
    /// others. Generations never go back. Answers also whose tenants they are.
    ///
    /// # Errors
    /// As for [`Desk::publish`], or there is no such generation.
    pub async fn rollback(
        &self,
        now: Timestamp,
        writer: &dyn SnapshotWriter,
        key: &SigningKey,
        to: Option<u64>,
    ) -> Result<(Published, u64), Stop> {
        let force = self.in_force().await?;
        let present = force.as_ref().map(|force| &force.snapshot);
        let wanted = |snapshot: &Snapshot| match to {
            Some(generation) => snapshot.generation == generation,
            None => Some(&snapshot.tenants) != present.map(|present| &present.tenants),
        };
        let mut old = present.cloned();
        for _ in 1..BACK_MAX {
            let Some(newer) = old else { break };
            old = self.before(&newer).await;
            if old.as_ref().is_some_and(wanted) {
                break;
            }
        }
        let old = old.filter(|old| wanted(old)).ok_or_else(|| Reason::NoSuchGeneration {
            fleet: self.fleet.name.clone(),
            wanted: to.map_or_else(|| "with other tenants".to_owned(), |generation| generation.to_string()),
        })?;
        let empty = self.empty(force.as_ref(), now);
        // Who has come since then goes, and a person means it.
        let lost = changes(present, &Snapshot { tenants: old.tenants.clone(), ..empty.clone() });
        let meant_to_lose = lost.iter().filter(|change| matches!(change, Change::Lost(_))).count();
        let restores = old.generation;
        let next = Snapshot { tenants: old.tenants, restores: Some(restores), meant_to_lose, ..empty };
        Ok((self.put(writer, key, force.as_ref(), &next).await?, restores))
    }

    async fn put(
        &self,
        writer: &dyn SnapshotWriter,
        key: &SigningKey,
        force: Option<&InForce>,
        next: &Snapshot,
    ) -> Result<Published, Stop> {
        let (cell, routing) = self.place()?;
        let name = || self.fleet.name.clone();
        if !routing.keys.contains(&key.public()) {
            let why = format!("key {} is none of fleets.{}.routing.keys", key.public().id(), name());
            return Err(Reason::NoSigningKey { fleet: name(), why }.into());
        }
        let current = force.map(|force| &force.snapshot);
        let limits = Limits { lose_percent: routing.lose_percent, generation_min: 0 };
        let refused = |problems: Vec<Problem>| Reason::RoutingRefused { fleet: name(), why: told(&problems) };
        let sealed = key.seal(next).map_err(refused)?;
        succeed(current, next, limits).map_err(refused)?;
        let pointer = Pointer::to(next.generation, &sealed);
        let bytes = pointer.bytes().map_err(|error| Stop::Bug(error.to_string()))?;
        writer.create(cell, routing, &pointer.object, &sealed).await?;
        writer.point(cell, routing, force.map(|force| force.mark.as_str()), &bytes).await?;
        Ok(Published { generation: next.generation, tenants: next.tenants.len(), changes: changes(current, next) })
    }
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
