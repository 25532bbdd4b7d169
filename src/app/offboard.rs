//! `tenants offboard` and `purge`: how a tenant goes for good. Each step looks again, asks the domain for the next
//! one, does it without a thought of its own, and records it; whoever was cut off anywhere is asked for again.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::decisions::record;
use super::lease::Lease;
use super::pause::{Wish, put_to_sleep};
use super::routers::nowhere;
use super::surroundings::{routes, sleeps};
use super::{App, Stop, keeping};
use crate::domain::directive::{Directive, Directives, Holding, Kept, Leaving};
use crate::domain::fleet::{Fleet, SetState, Tombstone};
use crate::domain::ids::SetId;
use crate::domain::manifest::{Edit, Edited, Source, edit};
use crate::domain::offboard::{
    Goal, Known, Line, Loss, Standing, Step, approved, holding, next, purge as loss, removal,
};
use crate::domain::provisioning::place_of;
use crate::domain::reason::Reason;
use crate::ports::{DataWork, Fault, InputsReader, ManifestWriter, PortError};

/// More steps than any tenant needs from its line to its tombstone.
const STEPS: u32 = 12;

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
        if let Some(moving) = fleet.set(asked.set).and_then(|set| lease.directives().being_moved(set)) {
            return Err(Reason::BeingMoved { set: asked.set.clone(), to: moving.clone() }.into());
        }
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
                keeping::verify(app, holding, *decision, kept).await?;
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
        Line::Leaves => (sleeps(&app.readers, &app.application, fleet, set).await, unrouted(app, fleet, set).await),
        Line::Stays | Line::Gone => (Known::No, Known::No),
    };
    Ok(Standing { set, line, leaving, sleeps, unrouted, today: today(app) })
}

fn today(app: &App) -> Date {
    TimeZone::UTC.to_datetime(app.readers.clock.now()).date()
}

async fn unrouted(app: &App, fleet: &Fleet, set: &SetId) -> Known {
    match routes(&app.readers, &app.application, fleet, [set].into_iter()).await {
        Ok(routes) if routes.values().all(|routes| routes.forwards == 0) => nowhere(app, fleet, set).await,
        Ok(_) => Known::No,
        Err(stop) => Known::Unknown(stop.to_string()),
    }
}

async fn mark(files: &Files<'_>, set: &SetId) -> Result<Stands, Stop> {
    Ok(Stands::Marked(write(files, edit(files.sources, &Edit::Leave(set))?).await?))
}

pub(super) async fn write(files: &Files<'_>, edited: Edited) -> Result<String, Stop> {
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
    let set = fleet.set(asked.set).ok_or_else(|| not("fleet.yaml does not have it"))?;
    let place = place_of(&files.inputs.committed().await?, fleet, &set.cell, asked.set)?;
    let place = place.ok_or_else(|| not("Terraform's inputs do not have it, so nothing says where its data are"))?;
    let holding = holding(&app.application, fleet, set, &place.shard);
    let holding = holding.ok_or_else(|| Stop::Bug(format!("{} has no cell", asked.set)))?;
    let directive = Directive::Leaving { retain_until, holding };
    record(app, &fleet.name, asked.by, asked.why, directive).await.map(drop)
}

/// Keeps what must be kept, and records it.
async fn keep(app: &App, fleet: &Fleet, leaving: &Leaving, asked: &Asked<'_>) -> Result<(), Stop> {
    let (set, kept) =
        (leaving.holding.set.clone(), keeping::keep(app, fleet, &leaving.holding, leaving.decision).await?);
    record(app, &fleet.name, asked.by, asked.why, Directive::Kept { set, kept }).await.map(drop)
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
    let of = &leaving.holding;
    keeping::verify(app, of, leaving.decision, &kept).await?;
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
    keeping::run(app, of, leaving.decision, DataWork::Drop, beside).await?;
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
