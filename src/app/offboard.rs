//! `tenants offboard` and `purge`: how a tenant goes for good. Each step looks again, asks the domain for the next
//! one, does it without a thought of its own, and records it; whoever was cut off anywhere is asked for again.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::decisions::record;
use super::lease::Lease;
use super::pause::{Wish, put_to_sleep};
use super::progress::Progress;
use super::routers::nowhere;
use super::surroundings::{routes, wake_databases};
use super::{App, Stop};
use crate::domain::directive::{Directive, Directives, Holding, Kept, Leaving};
use crate::domain::fleet::{Address, Fleet, SetState, Tombstone};
use crate::domain::ids::{ContentHash, SetId, TaskArn};
use crate::domain::manifest::{Edit, Edited, Source, edit};
use crate::domain::offboard::{
    DUMP, Goal, KeptList, KeptObject, Known, LIST, Line, Loss, Standing, Step, approved, holding, next, purge as loss,
    removal,
};
use crate::domain::provisioning::place_of;
use crate::domain::reason::Reason;
use crate::domain::snapshot::{ServiceSeen, TaskSeen};
use crate::ports::{DataTask, DataWork, Fault, InputsReader, ManifestWriter, PortError};

/// More steps than any tenant needs from its line to its tombstone.
const STEPS: u32 = 12;
/// Time between two looks at a task on a database, and how many there are: six hours in all.
const LOOK: SignedDuration = SignedDuration::from_secs(30);
const LOOKS: u32 = 720;
/// Starts of such a task that are tried, each after the one before has ended badly.
const ATTEMPTS: u32 = 10;

/// The files that a tenant's line and place are in.
pub struct Files<'a> {
    /// fleet.yaml and what it includes.
    pub sources: &'a [Source],
    /// To change them.
    pub manifest: &'a dyn ManifestWriter,
    /// Terraform's inputs.
    pub inputs: &'a dyn InputsReader,
}

/// Who wants a tenant to go, and how far.
pub struct Asked<'a> {
    /// Who goes.
    pub set: &'a SetId,
    /// Who asks.
    pub by: &'a str,
    /// Why.
    pub why: &'a str,
    /// The last day on which everything is kept.
    pub retain_until: Option<Date>,
    /// How far.
    pub goal: Goal<'a>,
}

/// Where a tenant stands on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stands {
    /// Its line says so now, in this file; everything else follows when that is merged.
    Marked(String),
    /// Everything that is kept of it is; it waits for this day, and this is what is to be approved then.
    Waits {
        /// The day.
        until: Date,
        /// What is kept.
        kept: Kept,
        /// What is lost.
        loss: Loss,
    },
    /// A tombstone is in the place of its line, in this file.
    Buried(String),
    /// It is gone.
    Gone,
}

/// Takes a tenant as far out as it can go now.
///
/// # Errors
/// Why it can go no further, or what did not answer; nothing is half-way that is not taken up when asked for again.
pub async fn offboard(app: &App, fleet: &Fleet, files: &Files<'_>, asked: &Asked<'_>) -> Result<Stands, Stop> {
    if line(app, fleet, asked.set)? == Line::Stays {
        return mark(files, asked.set).await;
    }
    let mut lease = Lease::take(app, &fleet.name, "offboard").await?;
    let result = steps(app, fleet, &mut lease, files, asked).await;
    lease.release(app).await;
    result
}

async fn steps(
    app: &App,
    fleet: &Fleet,
    lease: &mut Lease,
    files: &Files<'_>,
    asked: &Asked<'_>,
) -> Result<Stands, Stop> {
    for _ in 0..STEPS {
        lease.refresh(app).await?;
        let leaving = lease.directives().leaving.get(asked.set).cloned();
        let standing = look(app, fleet, asked.set, leaving.as_ref()).await?;
        let step = next(&standing, &asked.goal).map_err(Stop::Refused)?;
        match (step, &leaving) {
            (Step::Mark, _) => return mark(files, asked.set).await,
            (Step::Decide, _) => decide(app, fleet, files, asked).await?,
            (Step::Sleep, _) => {
                let sets = BTreeSet::from([asked.set.clone()]);
                let wish = Wish { sets: &sets, by: asked.by, why: asked.why, until: None };
                put_to_sleep(app, fleet, lease, &wish).await?;
            }
            (Step::Keep, Some(leaving)) => keep(app, fleet, leaving, asked).await?,
            (Step::Wait(until), Some(Leaving { kept: Some(kept), holding, .. })) => {
                return Ok(Stands::Waits { until, kept: kept.clone(), loss: removal(holding, &kept.list) });
            }
            (Step::Remove, Some(Leaving { kept: Some(kept), holding, decision, .. })) => {
                verify(app, holding, *decision, kept).await?;
                let approved = removal(holding, &kept.list).digest();
                let directive = Directive::Removed { set: asked.set.clone(), approved };
                record(app, &fleet.name, asked.by, asked.why, directive).await?;
            }
            (Step::Bury, Some(leaving)) => return bury(app, files, leaving).await,
            (Step::Nothing, _) => return Ok(Stands::Gone),
            (step, _) => return Err(Stop::Bug(format!("{step:?} of somebody who does not leave"))),
        }
    }
    Err(Stop::Bug(format!("no end after {STEPS} steps")))
}

/// What fleet.yaml says.
fn line(app: &App, fleet: &Fleet, set: &SetId) -> Result<Line, Stop> {
    let no_such = || Stop::NoSuchTenant { fleet: fleet.name.clone(), tenant: set.clone() };
    match fleet.set(set).map(|set| set.state) {
        Some(SetState::Offboarding) => Ok(Line::Leaves),
        Some(SetState::Active | SetState::Paused) => Ok(Line::Stays),
        None if app.application.removed.contains_key(set) => Ok(Line::Gone),
        None => Err(no_such()),
    }
}

async fn look<'a>(
    app: &App,
    fleet: &Fleet,
    set: &'a SetId,
    leaving: Option<&'a Leaving>,
) -> Result<Standing<'a>, Stop> {
    let line = line(app, fleet, set)?;
    let (sleeps, unrouted) = match line {
        Line::Leaves => (sleeps(app, fleet, set).await, unrouted(app, fleet, set).await),
        Line::Stays | Line::Gone => (Known::No, Known::No),
    };
    Ok(Standing { set, line, leaving, sleeps, unrouted, today: today(app) })
}

fn today(app: &App) -> Date {
    TimeZone::UTC.to_datetime(app.readers.clock.now()).date()
}

/// Whether no task of a set runs and nothing can start one.
async fn sleeps(app: &App, fleet: &Fleet, set: &SetId) -> Known {
    let keys = app.application.services_in(fleet).filter(|key| &key.set == set);
    let addresses: Vec<Address> = keys.filter_map(|key| app.application.address(fleet, &key)).collect();
    let seen = app.readers.fleet.observe(&addresses).await;
    let scaling = app.readers.scaling.scaling(&addresses).await;
    let mut all = Known::Yes;
    for key in addresses.iter().map(|address| &address.service) {
        let tasks = match seen.get(key) {
            Some(ServiceSeen::Live(live)) => live.desired == 0 && live.running == 0,
            Some(ServiceSeen::Missing) => true,
            Some(ServiceSeen::Unreachable { why }) => return Known::Unknown(why.clone()),
            None => return Known::Unknown(format!("{key} was not read")),
        };
        let quiet = match scaling.get(key) {
            Some(Ok(scaling)) => scaling.is_none_or(|scaling| scaling == scaling.paused()),
            Some(Err(error)) => return Known::Unknown(error.to_string()),
            None => return Known::Unknown(format!("the scaling of {key} was not read")),
        };
        if !(tasks && quiet) {
            all = Known::No;
        }
    }
    all
}

async fn unrouted(app: &App, fleet: &Fleet, set: &SetId) -> Known {
    match routes(app, fleet, [set].into_iter()).await {
        Ok(routes) if routes.values().all(|routes| routes.forwards == 0) => nowhere(app, fleet, set).await,
        Ok(_) => Known::No,
        Err(stop) => Known::Unknown(stop.to_string()),
    }
}

async fn mark(files: &Files<'_>, set: &SetId) -> Result<Stands, Stop> {
    Ok(Stands::Marked(write(files, edit(files.sources, &Edit::Leave(set))?).await?))
}

async fn write(files: &Files<'_>, edited: Edited) -> Result<String, Stop> {
    let missing = || Stop::Bug("a file that was not read was changed".to_owned());
    let source = files.sources.get(edited.file).ok_or_else(missing)?;
    files.manifest.replace(&source.name, &source.bytes, &edited.bytes).await?;
    Ok(source.name.clone())
}

async fn bury(app: &App, files: &Files<'_>, leaving: &Leaving) -> Result<Stands, Stop> {
    let Holding { fleet, set, .. } = &leaving.holding;
    let on = leaving.removed.map_or_else(|| today(app), |at| TimeZone::UTC.to_datetime(at).date());
    let kept = leaving.kept.as_ref().map(|kept| kept.list.clone());
    let tombstone = Tombstone { fleet: fleet.clone(), on, kept };
    Ok(Stands::Buried(write(files, edit(files.sources, &Edit::Remove(set, &tombstone))?).await?))
}

async fn decide(app: &App, fleet: &Fleet, files: &Files<'_>, asked: &Asked<'_>) -> Result<(), Stop> {
    let not = |why: &str| Stop::from(Reason::NotSoFar { set: asked.set.clone(), why: why.to_owned() });
    let retain_until = asked.retain_until.ok_or_else(|| not("nobody says until when it is kept: --retain-until"))?;
    let place = place_of(&files.inputs.committed().await?, &fleet.name, asked.set)?;
    let place = place.ok_or_else(|| not("Terraform's inputs do not have it, so nothing says where its data are"))?;
    let set = fleet.set(asked.set);
    let holding = set.and_then(|set| holding(&app.application, fleet, set, &place.shard));
    let holding = holding.ok_or_else(|| Stop::Bug(format!("{} has no cell", asked.set)))?;
    let directive = Directive::Leaving { retain_until, holding };
    record(app, &fleet.name, asked.by, asked.why, directive).await.map(drop)
}

/// The folder of the archive that is one leaving tenant's: an id may leave, stay after all, and leave again.
fn folder(of: &Holding, decision: u32) -> String {
    format!("{}/{decision}/", of.set)
}

/// Keeps what must be kept: a dump of the database, every piece of evidence, and the list of both.
async fn keep(app: &App, fleet: &Fleet, leaving: &Leaving, asked: &Asked<'_>) -> Result<(), Stop> {
    let (of, folder) = (&leaving.holding, folder(&leaving.holding, leaving.decision));
    wake_databases(app, fleet, &BTreeSet::from([of.set.clone()])).await?;
    let mut objects = BTreeSet::from([dump(app, fleet, leaving, &folder).await?]);
    for key in app.readers.archive.evidence(of).await? {
        let inner = key.strip_prefix(&of.prefix).unwrap_or(&key);
        let copied = app.writers.archive.copy(of, &key, &folder, &format!("evidence/{inner}")).await?;
        objects.insert(copied);
    }
    let bytes = objects.iter().map(|object| object.bytes).sum();
    let count = objects.len() as u64;
    let list =
        KeptList { schema: 1, fleet: of.fleet.clone(), set: of.set.clone(), decision: leaving.decision, objects };
    app.writers.archive.write(of, &folder, LIST, &list.bytes()).await?;
    let kept = Kept { list: ContentHash::of(&list.bytes()), objects: count, bytes };
    verify(app, of, leaving.decision, &kept).await?;
    note(app, format!("{count} objects of {} are kept", of.set));
    let directive = Directive::Kept { set: of.set.clone(), kept };
    record(app, &fleet.name, asked.by, asked.why, directive).await.map(drop)
}

/// The dump of its database, made unless it is there.
async fn dump(app: &App, fleet: &Fleet, leaving: &Leaving, folder: &str) -> Result<KeptObject, Stop> {
    let of = &leaving.holding;
    if let Some(there) = app.readers.archive.find(of, folder, DUMP).await? {
        return Ok(there);
    }
    let beside = app.application.beside(fleet, &of.set);
    run(app, leaving, DataWork::Dump, folder, beside).await?;
    let missing = || PortError::new(Fault::Refused, dumping(of), "its task ended well, and the archive has no dump");
    Ok(app.readers.archive.find(of, folder, DUMP).await?.ok_or_else(missing)?)
}

fn dumping(of: &Holding) -> String {
    format!("dumping the database of {}", of.set)
}

/// Runs a task on a tenant's database to its good end. One that ended badly is started anew when this is asked for
/// again, and not before: somebody should know why.
async fn run(app: &App, leaving: &Leaving, work: DataWork, folder: &str, beside: Option<Address>) -> Result<(), Stop> {
    let of = &leaving.holding;
    let doing = || format!("running the task {work:?} on the database of {}", of.set);
    let failed = |why: String| Stop::from(PortError::new(Fault::Refused, doing(), why));
    let beside = beside.ok_or_else(|| failed("no service is left whose network it could run in".to_owned()))?;
    for attempt in 0..ATTEMPTS {
        let text = format!("{} {} {} {work:?} {attempt}", of.fleet, of.set, leaving.decision);
        let token = ContentHash::of(text.as_bytes());
        let mut task = DataTask { of: of.clone(), work, folder: folder.to_owned(), token, task: None };
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

/// Whether what is kept is what was recorded: the list by its hash, and each object by size and checksum.
async fn verify(app: &App, of: &Holding, decision: u32, kept: &Kept) -> Result<(), Stop> {
    let folder = folder(of, decision);
    let bad =
        |why: String| Stop::from(PortError::new(Fault::Refused, format!("checking what is kept of {}", of.set), why));
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
    Ok(())
}

/// Purges the data of a tenant that is gone. What is kept of it stays, and is checked before anything is lost.
///
/// # Errors
/// It is not gone, it is not approved, what is kept is not as recorded, or something does not answer: asked for
/// again, it goes on.
pub async fn purge(app: &App, fleet: &Fleet, asked: &Asked<'_>) -> Result<(), Stop> {
    let mut lease = Lease::take(app, &fleet.name, "purge").await?;
    let result = purge_with(app, fleet, &mut lease, asked).await;
    lease.release(app).await;
    result
}

async fn purge_with(app: &App, fleet: &Fleet, lease: &mut Lease, asked: &Asked<'_>) -> Result<(), Stop> {
    lease.refresh(app).await?;
    let leaving = lease.directives().leaving.get(asked.set).cloned();
    let (leaving, kept) = purgeable(app, fleet, asked, leaving)?;
    if leaving.purged {
        return Ok(());
    }
    let (of, folder) = (&leaving.holding, folder(&leaving.holding, leaving.decision));
    verify(app, of, leaving.decision, &kept).await?;
    if !leaving.purging {
        let Goal::Remove(approval) = &asked.goal else { return Err(Stop::Bug("a purge without a goal".to_owned())) };
        let loss = loss(of, &kept.list);
        let reasons = approved(*approval, &loss, today(app));
        if !reasons.is_empty() {
            return Err(Stop::Refused(reasons));
        }
        let directive = Directive::Purging { set: asked.set.clone(), approved: loss.digest() };
        record(app, &fleet.name, asked.by, asked.why, directive).await?;
    }
    app.writers.archive.purge(of).await?;
    let left = app.readers.archive.evidence(of).await?;
    if !left.is_empty() {
        let why = format!("{} objects are still there", left.len());
        return Err(PortError::new(Fault::Unavailable, format!("purging the evidence of {}", of.set), why).into());
    }
    let others = fleet.sets.iter().filter(|set| !set.id.is_control_plane() && set.cell == of.cell);
    let beside = others.filter_map(|set| app.application.beside(fleet, &set.id)).next();
    run(app, &leaving, DataWork::Drop, &folder, beside).await?;
    record(app, &fleet.name, asked.by, asked.why, Directive::Purged { set: asked.set.clone() }).await.map(drop)
}

/// Only the data of a tenant whose line has gone, after its removal was approved, are purged.
fn purgeable(app: &App, fleet: &Fleet, asked: &Asked<'_>, leaving: Option<Leaving>) -> Result<(Leaving, Kept), Stop> {
    let not = |why: &str| Stop::from(Reason::NotSoFar { set: asked.set.clone(), why: why.to_owned() });
    if line(app, fleet, asked.set)? != Line::Gone {
        return Err(not("it is in fleet.yaml: its data go after its line"));
    }
    let leaving = leaving.filter(|leaving| leaving.removed.is_some());
    let leaving = leaving.ok_or_else(|| not("no record says that it was given up, so nothing says what it has"))?;
    let kept = leaving.kept.clone().ok_or_else(|| not("nothing is kept of it"))?;
    Ok((leaving, kept))
}

/// What a purge would lose, for whoever is to approve it.
///
/// # Errors
/// The records do not answer.
pub async fn to_purge(app: &App, fleet: &Fleet, set: &SetId) -> Result<Option<Loss>, Stop> {
    let directives = Directives::fold(&app.readers.ledger.decided(&fleet.name).await?);
    let leaving = directives.leaving.get(set);
    Ok(leaving.and_then(|leaving| Some(loss(&leaving.holding, &leaving.kept.as_ref()?.list))))
}

/// What the removal of a tenant would lose, for whoever is to approve it.
///
/// # Errors
/// The records do not answer.
pub async fn to_remove(app: &App, fleet: &Fleet, set: &SetId) -> Result<Option<Loss>, Stop> {
    let directives = Directives::fold(&app.readers.ledger.decided(&fleet.name).await?);
    let leaving = directives.leaving.get(set);
    Ok(leaving.and_then(|leaving| Some(removal(&leaving.holding, &leaving.kept.as_ref()?.list))))
}

fn note(app: &App, what: String) {
    app.readers.observer.note(app.readers.clock.now(), &Progress::Around { what });
}
