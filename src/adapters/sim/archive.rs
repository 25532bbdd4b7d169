//! The ports to object storage and to tasks on databases, on the simulated world.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Sim;
use super::world::World;
use crate::domain::directive::Holding;
use crate::domain::fleet::Address;
use crate::domain::ids::{CellName, ContentHash, SetId, TaskArn};
use crate::domain::moving::landing;
use crate::domain::offboard::{DUMP, KeptObject};
use crate::domain::snapshot::{TaskEnd, TaskSeen};
use crate::ports::{
    ArchiveReader, ArchiveWriter, DataTask, DataTaskReader, DataTaskWriter, DataWork, Fault, PortError, PortResult,
};

/// What a task on a database takes.
const RUN: SignedDuration = SignedDuration::from_mins(2);

/// A task on a database that was started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SimDataTask {
    task: TaskArn,
    done: Timestamp,
    code: i32,
    /// Bucket and key of the dump that it leaves; none if it leaves none.
    dump: Option<String>,
    /// What is in that.
    #[serde(default)]
    rows: Vec<u8>,
    /// What it restores, and into which cell; none if it restores nothing.
    #[serde(default)]
    restores: Option<(CellName, Vec<u8>)>,
    /// Whether it takes the rows out.
    #[serde(default)]
    drops: bool,
    set: SetId,
}

impl World {
    /// Gives a tenant a piece of evidence.
    pub fn put_evidence(&mut self, bucket: &str, set: &SetId, name: &str, bytes: &[u8]) {
        self.objects.insert(format!("{bucket}/tenants/{set}/{name}"), bytes.to_vec());
    }

    /// Gives a tenant some pieces of evidence where it is.
    pub fn give_evidence(&mut self, of: &Holding, pieces: u32) {
        for piece in 1..=pieces {
            let name = format!("{}/{}piece-{piece}", of.bucket, of.prefix);
            self.objects.insert(name, format!("piece {piece}").into_bytes());
        }
    }

    /// What tasks on databases have done by now.
    fn settle(&mut self) {
        let now = self.now;
        for task in self.data_tasks.values_mut().filter(|task| task.done <= now && task.code == 0) {
            match (&task.dump, task.restores.take()) {
                // What it has put there is there once: whatever comes later stays.
                (None, Some((cell, rows))) => drop(self.rows.insert(format!("{cell}/{}", task.set), rows)),
                // A dump that is there already is not written again.
                (Some(place), _) => {
                    self.objects.entry(place.clone()).or_insert_with(|| task.rows.clone());
                }
                (None, None) if task.drops => {
                    self.objects.entry(format!("dropped/{}", task.set)).or_default();
                }
                (None, None) => {}
            }
        }
    }

    fn kept(&self, place: &str, name: &str) -> Option<KeptObject> {
        let bytes = self.objects.get(place)?;
        let sha256 = ContentHash::of(bytes).to_string();
        Some(KeptObject { name: name.to_owned(), bytes: bytes.len() as u64, sha256 })
    }
}

fn place(of: &Holding, folder: &str, name: &str) -> String {
    format!("{}/{folder}{name}", of.archive)
}

#[async_trait]
impl ArchiveReader for Sim {
    async fn evidence(&self, of: &Holding) -> PortResult<Vec<String>> {
        let mut world = self.world();
        world.count("S3 ListObjectsV2");
        let start = format!("{}/", of.bucket);
        let keys = world.objects.keys().filter_map(|place| place.strip_prefix(&start));
        Ok(keys.filter(|key| key.starts_with(&of.prefix)).map(str::to_owned).collect())
    }

    async fn find(&self, of: &Holding, folder: &str, name: &str) -> PortResult<Option<KeptObject>> {
        let mut world = self.world();
        world.count("S3 HeadObject");
        world.settle();
        Ok(world.kept(&place(of, folder, name), name))
    }

    async fn landed(&self, at: &Holding, folder: &str, name: &str) -> PortResult<Option<KeptObject>> {
        let mut world = self.world();
        world.count("S3 HeadObject");
        let (bucket, key) = landing(at, folder, name);
        Ok(world.kept(&format!("{bucket}/{key}"), name))
    }

    async fn read(&self, of: &Holding, folder: &str, name: &str) -> PortResult<Option<Vec<u8>>> {
        let mut world = self.world();
        world.count("S3 GetObject");
        Ok(world.objects.get(&place(of, folder, name)).cloned())
    }
}

#[async_trait]
impl ArchiveWriter for Sim {
    async fn copy(&self, of: &Holding, key: &str, folder: &str, name: &str) -> PortResult<KeptObject> {
        let mut world = self.world();
        world.count("S3 CopyObject");
        let missing = || PortError::new(Fault::Refused, format!("copying {key}"), "NoSuchKey");
        let bytes = world.objects.get(&format!("{}/{key}", of.bucket)).cloned().ok_or_else(missing)?;
        world.objects.insert(place(of, folder, name), bytes);
        world.kept(&place(of, folder, name), name).ok_or_else(missing)
    }

    async fn write(&self, of: &Holding, folder: &str, name: &str, bytes: &[u8]) -> PortResult<()> {
        let mut world = self.world();
        world.count("S3 PutObject");
        world.objects.insert(place(of, folder, name), bytes.to_vec());
        Ok(())
    }

    async fn carry(&self, from: &Holding, to: &Holding, folder: &str, name: &str) -> PortResult<KeptObject> {
        let mut world = self.world();
        world.count("S3 CopyObject");
        let missing = || PortError::new(Fault::Refused, format!("copying {name}"), "NoSuchKey");
        let mut bytes = world.objects.get(&place(from, folder, name)).cloned().ok_or_else(missing)?;
        if let Some(left) = world.spoilt_copies.checked_sub(1) {
            world.spoilt_copies = left;
            bytes.truncate(1);
        }
        let (bucket, key) = landing(to, folder, name);
        world.objects.insert(format!("{bucket}/{key}"), bytes);
        world.kept(&format!("{bucket}/{key}"), name).ok_or_else(missing)
    }

    async fn purge(&self, of: &Holding) -> PortResult<()> {
        let mut world = self.world();
        world.count("S3 DeleteObjects");
        let start = format!("{}/{}", of.bucket, of.prefix);
        world.objects.retain(|place, _| !place.starts_with(&start));
        Ok(())
    }
}

#[async_trait]
impl DataTaskReader for Sim {
    async fn seen(&self, task: &DataTask) -> TaskSeen {
        let mut world = self.world();
        world.count("ECS DescribeTasks");
        world.settle();
        let Some(started) = world.data_tasks.get(&task.token) else { return TaskSeen::NotFound };
        if world.now < started.done {
            return TaskSeen::Running { task: started.task.clone() };
        }
        TaskSeen::Ended(TaskEnd { code: Some(started.code), by_itself: true, why: String::new() })
    }
}

#[async_trait]
impl DataTaskWriter for Sim {
    async fn start(&self, task: &DataTask, beside: &Address) -> PortResult<TaskArn> {
        let mut world = self.world();
        world.count("ECS RunTask");
        if let Some(there) = world.data_tasks.get(&task.token) {
            return Ok(there.task.clone());
        }
        let text = format!("arn:aws:ecs:eu-west-1:000000000000:task/{}/{:032x}", beside.cluster, world.next_number());
        let name: TaskArn = text.parse().unwrap_or_else(|bad| unreachable!("{bad}"));
        // Without its database there is nothing to write or to take out.
        let answers = world.has_its_databases(&task.of.fleet, &task.of.set, &task.of.cell);
        let kept = place(&task.of, &task.folder, DUMP);
        // What it saves are the rows of the moment at which it began.
        let rows = world.rows_of(&task.of.cell, &task.of.set);
        let dump = (task.work == DataWork::Dump).then(|| kept.clone());
        let kept = world.objects.get(&kept).filter(|_| task.work == DataWork::Restore).cloned();
        let well = answers && (task.work != DataWork::Restore || kept.is_some());
        let restores = kept.map(|rows| (task.of.cell.clone(), rows));
        let (done, set, drops) = (world.now + RUN, task.of.set.clone(), task.work == DataWork::Drop);
        let started =
            SimDataTask { task: name.clone(), done, code: i32::from(!well), dump, rows, restores, drops, set };
        world.data_tasks.insert(task.token.clone(), started);
        Ok(name)
    }
}
