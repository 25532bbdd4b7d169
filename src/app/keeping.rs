//! Keeping what a tenant has: a dump of its rows and every piece of its evidence in a folder of the archive, with a list
//! of both and their checksums. Who leaves for good and who moves to another cell are kept alike; and tasks on databases
//! are run here to their good end.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::progress::Progress;
use super::surroundings::wake_databases;
use super::{App, Stop};
use crate::domain::directive::{Holding, Kept};
use crate::domain::fleet::{Address, Fleet};
use crate::domain::ids::{ContentHash, SetId, TaskArn};
use crate::domain::offboard::{DUMP, EVIDENCE, KeptList, KeptObject, LIST};
use crate::domain::snapshot::TaskSeen;
use crate::ports::{DataTask, DataWork, Fault, PortError};

/// Time between two looks at a task on a database, and how many there are: six hours in all.
const LOOK: SignedDuration = SignedDuration::from_secs(30);
const LOOKS: u32 = 720;
/// Starts of such a task that are tried, each after the one before has ended badly.
const ATTEMPTS: u32 = 10;

/// The folder of the archive that is of one decision: an id may leave, stay after all, move, and leave again.
pub(super) fn folder(of: &Holding, decision: u32) -> String {
    format!("{}/{decision}/", of.set)
}

/// Keeps what a tenant has: a dump of the database, every piece of evidence, and the list of both. Done again, what is
/// there already is not dumped again.
pub(super) async fn keep(app: &App, fleet: &Fleet, of: &Holding, decision: u32) -> Result<Kept, Stop> {
    let folder = folder(of, decision);
    wake_databases(app, fleet, &BTreeSet::from([of.set.clone()])).await?;
    let mut objects = BTreeSet::from([dump(app, fleet, of, decision).await?]);
    for key in app.readers.archive.evidence(of).await? {
        let inner = key.strip_prefix(&of.prefix).unwrap_or(&key);
        let copied = app.writers.archive.copy(of, &key, &folder, &format!("{EVIDENCE}{inner}")).await?;
        objects.insert(copied);
    }
    let bytes = objects.iter().map(|object| object.bytes).sum();
    let count = objects.len() as u64;
    let list = KeptList { schema: 1, fleet: of.fleet.clone(), set: of.set.clone(), decision, objects };
    app.writers.archive.write(of, &folder, LIST, &list.bytes()).await?;
    let kept = Kept { list: ContentHash::of(&list.bytes()), objects: count, bytes };
    verify(app, of, decision, &kept).await?;
    note(app, format!("{count} objects of {} are kept", of.set));
    Ok(kept)
}

/// The dump of its database, made unless it is there.
async fn dump(app: &App, fleet: &Fleet, of: &Holding, decision: u32) -> Result<KeptObject, Stop> {
    let folder = folder(of, decision);
    if let Some(there) = app.readers.archive.find(of, &folder, DUMP).await? {
        return Ok(there);
    }
    run(app, of, decision, DataWork::Dump, app.application.beside(fleet, &of.set)).await?;
    let doing = || format!("dumping the database of {}", of.set);
    let missing = || PortError::new(Fault::Refused, doing(), "its task ended well, and the archive has no dump");
    Ok(app.readers.archive.find(of, &folder, DUMP).await?.ok_or_else(missing)?)
}

/// Runs a task on a tenant's database to its good end. One that ended badly is started anew when this is asked for
/// again, and not before: somebody should know why.
pub(super) async fn run(
    app: &App,
    of: &Holding,
    decision: u32,
    work: DataWork,
    beside: Option<Address>,
) -> Result<(), Stop> {
    let doing = || format!("running the task {work:?} on the database of {}", of.set);
    let failed = |why: String| Stop::from(PortError::new(Fault::Refused, doing(), why));
    let beside = beside.ok_or_else(|| failed("no service is left whose network it could run in".to_owned()))?;
    for attempt in 0..ATTEMPTS {
        let text = format!("{} {} {decision} {work:?} {attempt}", of.fleet, of.set);
        let token = ContentHash::of(text.as_bytes());
        let mut task = DataTask { of: of.clone(), work, folder: folder(of, decision), token, task: None };
        let mut fresh = false;
        for _ in 0..LOOKS {
            match app.readers.data_tasks.seen(&task).await {
                TaskSeen::Ended(end) if end.code == Some(0) && end.by_itself => return Ok(()),
                TaskSeen::Ended(_) if !fresh => break,
                TaskSeen::Ended(end) => return Err(failed(format!("exit code {:?}: {}", end.code, end.why))),
                TaskSeen::NotFound if task.task.is_none() => {
                    task.task = Some(started(app, &task, &beside).await?);
                    fresh = true;
                }
                TaskSeen::NotFound => return Err(failed("ECS does not show how it ended".to_owned())),
                TaskSeen::Running { task: name } => (task.task, fresh) = (Some(name), true),
                TaskSeen::Unreachable { why } => {
                    return Err(PortError::new(Fault::Unavailable, doing(), why).into());
                }
            }
            app.readers.clock.sleep(LOOK).await;
        }
        if fresh {
            return Err(
                PortError::new(Fault::Unavailable, doing(), "it still runs; asked for again, this waits on").into()
            );
        }
    }
    Err(failed(format!("it ended badly {ATTEMPTS} times")))
}

async fn started(app: &App, task: &DataTask, beside: &Address) -> Result<TaskArn, Stop> {
    let name = app.writers.data_tasks.start(task, beside).await?;
    note(app, format!("the task {:?} of {} is started", task.work, task.of.set));
    Ok(name)
}

/// Whether what is kept is what was recorded: the list by its hash, and each object by size and checksum. Answers it.
pub(super) async fn verify(app: &App, of: &Holding, decision: u32, kept: &Kept) -> Result<KeptList, Stop> {
    let folder = folder(of, decision);
    let bad = |why: String| bad(&of.set, why);
    let bytes = app.readers.archive.read(of, &folder, LIST).await?.ok_or_else(|| bad("its list is gone".to_owned()))?;
    if ContentHash::of(&bytes) != kept.list {
        return Err(bad("its list is not the one that was recorded".to_owned()));
    }
    let Some(list) = KeptList::read(&bytes) else { return Err(bad("its list cannot be read".to_owned())) };
    for object in &list.objects {
        let found = app.readers.archive.find(of, &folder, &object.name).await?;
        if found.as_ref() != Some(object) {
            return Err(bad(format!("{} is gone, or is another", object.name.escape_debug())));
        }
    }
    Ok(list)
}

/// What is kept, or was copied, is not as it must be.
pub(super) fn bad(set: &SetId, why: String) -> Stop {
    PortError::new(Fault::Refused, format!("checking what is kept of {set}"), why).into()
}

pub(super) fn note(app: &App, what: String) {
    app.readers.observer.note(app.readers.clock.now(), &Progress::Around { what });
}
