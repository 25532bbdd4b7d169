//! `tenants move`: how a tenant moves to another cell of its fleet, and back. Each step looks again, asks the domain for
//! the next one, does it without a thought of its own, and records it; whoever was cut off anywhere is asked for again.

mod acts;
mod sight;

use std::sync::Arc;

use super::decisions::record;
use super::go_on::take_up;
use super::lease::Lease;
use super::offboard::{Files, write};
use super::rollback::take_back_after;
use super::rollout::Outcome;
use super::{App, Stop, routers};
use crate::app::drive::End;
use crate::domain::directive::{Directive, Directives, Holding, Move, Moving};
use crate::domain::fleet::{Fleet, ServiceSet};
use crate::domain::ids::{CellName, SetId};
use crate::domain::ledger::{open_rollout, owed_rollback};
use crate::domain::manifest::{Edit, edit};
use crate::domain::moving::{Goal, Progress, Site, Standing, Step, copies, may_begin, next, steps};
use crate::domain::offboard::{Known, Loss, holding, retirement};
use crate::domain::plan::Direction;
use crate::domain::provisioning::{folder_of, place_of};
use crate::domain::reason::Reason;

use acts::Act;
use sight::look;

/// More steps than any move needs.
const STEPS: u32 = 24;

/// Who wants a tenant moved, and where.
pub struct Asked<'a> {
    /// Who moves.
    pub set: &'a SetId,
    /// Who asks.
    pub by: &'a str,
    /// Why.
    pub why: &'a str,
    /// What is wanted.
    pub goal: Goal<'a>,
}

/// Where a tenant stands in its move.
#[derive(Clone, Debug, PartialEq)]
pub enum Stands {
    /// Its line names these places now, in this file; what follows from that comes when it is merged, exported and applied.
    Written {
        /// The file.
        file: String,
        /// What was changed.
        step: Step,
        /// The move, if it has begun.
        record: Option<Box<Move>>,
    },
    /// It runs at its new place, is proven there, and its line says so. Its old place sleeps and leads back.
    Moved(Box<Move>),
    /// It has ended.
    Ended(Box<Move>),
    /// It did not pass the gate, and is where it was before that.
    Failed(Box<Outcome>),
}

/// How far a move is, for whoever looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Far {
    /// All steps, and how far each is.
    pub steps: Vec<(Step, Progress)>,
    /// What is copied, by name; nothing while Terraform's inputs do not say where it goes.
    pub copies: Vec<String>,
    /// What stops it.
    pub stops: Vec<Reason>,
    /// What giving up the old place would lose, where it can be.
    pub loss: Option<Loss>,
}

/// Moves a tenant as far as it can go now.
///
/// # Errors
/// Why it can go no further, or what did not answer; nothing is half-way that is not taken up when asked for again.
pub async fn relocate(app: &App, fleet: &Fleet, files: &Files<'_>, asked: &Asked<'_>) -> Result<Stands, Stop> {
    set_of(fleet, asked.set)?;
    let mut lease = Lease::take(app, &fleet.name, "move").await?;
    let result = walk(app, fleet, &mut lease, files, asked).await;
    lease.release(app).await;
    result
}

async fn walk(
    app: &App,
    fleet: &Fleet,
    lease: &mut Lease,
    files: &Files<'_>,
    asked: &Asked<'_>,
) -> Result<Stands, Stop> {
    let set = set_of(fleet, asked.set)?;
    if let Some(failed) = end_begun(app, fleet, lease, set).await? {
        return Ok(Stands::Failed(Box::new(failed)));
    }
    for _ in 0..STEPS {
        lease.confirm(app).await?;
        lease.refresh(app).await?;
        let directives = lease.directives().clone();
        let record = directives.moves.get(asked.set);
        allowed(app, fleet, set, &directives, &asked.goal)?;
        let sites = sites(app, fleet, set, record, &asked.goal)?;
        let standing = look(app, fleet, &sites, (set, record), &directives).await;
        let step = next(&standing, &asked.goal).map_err(Stop::Refused)?;
        let note = |step: Moving| {
            let directive = Directive::Moving { set: asked.set.clone(), step: Box::new(step) };
            record_of(app, fleet, asked, directive)
        };
        let act = Act { fleet, sites: &sites, set: asked.set, by: asked.by, why: asked.why };
        let outcome = match (&step, record) {
            (Step::Line { cell, other, keep }, _) => {
                let change = Edit::Place(asked.set, cell, other, *keep);
                let file = write(files, edit(files.sources, &change)?).await?;
                return Ok(Stands::Written { file, step, record: record.cloned().map(Box::new) });
            }
            (Step::Nothing, Some(of)) if of.is_open() => return Ok(Stands::Moved(Box::new(of.clone()))),
            (Step::Nothing, Some(of)) => return Ok(Stands::Ended(Box::new(of.clone()))),
            (Step::Decide, _) => {
                let (from, to) = both(fleet, set, files, &sites).await?;
                act.runs_the_release().await?;
                note(Moving::Decided { from, to }).await?;
                None
            }
            (Step::Halt, _) => settled(note(Moving::Halted).await)?,
            (Step::Route(_), _) => settled(routers::settle(app, fleet, &act.sets()).await)?,
            (Step::Sleep, _) => settled(act.sleep(lease).await)?,
            (Step::Lower, _) => settled(act.lower().await)?,
            (Step::Copy, Some(of)) => {
                let kept = act.copy(of).await?;
                settled(note(Moving::Copied { kept }).await)?
            }
            (Step::Raise, _) => match act.raise(lease).await? {
                Some(failed) => Some(failed),
                None => settled(note(Moving::Raised).await)?,
            },
            (Step::Open, _) => settled(act.open().await)?,
            (Step::Switch, _) => settled(note(Moving::Switched).await)?,
            (Step::Verify, _) => match act.verify(lease).await? {
                Some(failed) => Some(failed),
                None => settled(note(Moving::Arrived).await)?,
            },
            (Step::Return, _) => settled(note(Moving::Returning).await)?,
            (Step::Wake, _) => act.wake(lease).await?,
            (Step::Settle, _) => settled(note(Moving::Returned).await)?,
            (Step::Retire, Some(of)) => {
                let kept = of.copied.as_ref().ok_or_else(|| Stop::Bug("nothing was copied".to_owned()))?;
                let approved = retirement(&of.from, &kept.list).digest();
                settled(note(Moving::Retired { approved }).await)?
            }
            (step, _) => return Err(Stop::Bug(format!("{step:?} of somebody who does not move"))),
        };
        if let Some(failed) = outcome {
            return Ok(Stands::Failed(Box::new(failed)));
        }
    }
    Err(Stop::Bug(format!("no end after {STEPS} steps")))
}

/// A step that has no gate.
fn settled(done: Result<(), Stop>) -> Result<Option<Outcome>, Stop> {
    done.map(|()| None)
}

async fn record_of(app: &App, fleet: &Fleet, asked: &Asked<'_>, directive: Directive) -> Result<(), Stop> {
    record(app, &fleet.name, asked.by, asked.why, directive).await.map(drop)
}

/// How far a move is. Changes nothing.
///
/// # Errors
/// The fleet has no such tenant, or the records do not answer.
pub async fn far(app: &App, fleet: &Fleet, files: &Files<'_>, asked: &Asked<'_>) -> Result<Far, Stop> {
    let set = set_of(fleet, asked.set)?;
    let directives = Directives::fold(&app.readers.ledger.decided(&fleet.name).await?);
    let record = directives.moves.get(asked.set);
    let mut stops = match allowed(app, fleet, set, &directives, &asked.goal) {
        Ok(()) => Vec::new(),
        Err(stop) => stop.reasons().into_owned(),
    };
    let sites = sites(app, fleet, set, record, &asked.goal)?;
    let standing = look(app, fleet, &sites, (set, record), &directives).await;
    let step = match next(&standing, &asked.goal) {
        Ok(step) => Some(step),
        Err(reasons) => {
            stops.extend(reasons);
            once_mended(&standing, &asked.goal)
        }
    };
    let copies = match record.filter(|of| of.is_open()) {
        Some(of) => copies(&of.from, &of.to).to_vec(),
        None => match both(fleet, set, files, &sites).await {
            Ok((from, to)) => copies(&from, &to).to_vec(),
            Err(_) => Vec::new(),
        },
    };
    let loss = record.filter(|of| of.arrived && of.is_open());
    let loss = loss.and_then(|of| Some(retirement(&of.from, &of.copied.as_ref()?.list)));
    Ok(Far { steps: steps(&asked.goal, &sites.from.0, &sites.to.0, step.as_ref()), copies, stops, loss })
}

/// The step that would be next if all that is seen were as it should be; none if something else stops it.
fn once_mended(at: &Standing<'_>, goal: &Goal<'_>) -> Option<Step> {
    let site = Site { sleeps: Known::Yes, serves: Known::Yes, open: Known::Yes };
    let mended = Standing { made: Known::Yes, old: site.clone(), new: site, routed: Known::Yes, ..at.clone() };
    next(&mended, goal).ok()
}

/// What giving up the old place of a tenant would lose, for whoever is to approve it.
///
/// # Errors
/// The records do not answer.
pub async fn to_retire(app: &App, fleet: &Fleet, set: &SetId) -> Result<Option<Loss>, Stop> {
    let directives = Directives::fold(&app.readers.ledger.decided(&fleet.name).await?);
    let moved = directives.moves.get(set).filter(|of| of.is_open());
    Ok(moved.and_then(|of| Some(retirement(&of.from, &of.copied.as_ref()?.list))))
}

/// The two places of a tenant: cell and cluster of each, and an app at each, which finds every address there.
pub(super) struct Sites {
    pub(super) from: (CellName, String),
    pub(super) to: (CellName, String),
    pub(super) old: App,
    pub(super) new: App,
}

/// An app to which a set is at this place.
fn at(app: &App, fleet: &Fleet, set: &SetId, place: &(CellName, String)) -> App {
    let application = Arc::new(app.application.placed(&fleet.name, set, &place.0, &place.1));
    App { application, ..app.clone() }
}

/// By the records once it is decided, else by the file and what is wanted.
fn sites(app: &App, fleet: &Fleet, set: &ServiceSet, record: Option<&Move>, goal: &Goal<'_>) -> Result<Sites, Stop> {
    let of = |holding: &Holding| (holding.cell.clone(), holding.cluster.clone());
    let ended_elsewhere = |of: &&Move| match goal {
        Goal::Move(to) => of.is_open() || of.to.cell == **to && of.is_at_new(),
        Goal::Back(_) | Goal::Retire(_) => true,
    };
    let (from, to) = match (record.filter(ended_elsewhere), goal) {
        (Some(record), _) => (of(&record.from), of(&record.to)),
        (None, Goal::Move(cell)) => {
            let there = app.application.cells.get(*cell).ok_or_else(|| Stop::NoSuchCell((*cell).clone()))?;
            let cluster = there.clusters.first().ok_or_else(|| Stop::Bug(format!("{cell} has no cluster")))?;
            ((set.cell.clone(), set.cluster.clone()), ((*cell).clone(), cluster.clone()))
        }
        (None, _) => {
            let why = "nobody has moved it".to_owned();
            return Err(Reason::NotMovable { set: set.id.clone(), why }.into());
        }
    };
    let (old, new) = (at(app, fleet, &set.id, &from), at(app, fleet, &set.id, &to));
    Ok(Sites { from, to, old, new })
}

/// What it has at both places, by name.
async fn both(fleet: &Fleet, set: &ServiceSet, files: &Files<'_>, sites: &Sites) -> Result<(Holding, Holding), Stop> {
    let committed = files.inputs.committed().await?;
    let of = |at: &App, cell: &CellName| {
        let not = |why: String| Stop::from(Reason::NotMovable { set: set.id.clone(), why });
        let place = place_of(&committed, fleet, cell, &set.id)?;
        let folder = folder_of(fleet, cell);
        let place = place.ok_or_else(|| not(format!("Terraform's inputs in {folder} do not have it: export them")))?;
        let there = at.application.fleet(&fleet.name).and_then(|fleet| Some((fleet, fleet.set(&set.id)?)));
        let holding = there.and_then(|(fleet, set)| holding(&at.application, fleet, set, &place.shard));
        holding.ok_or_else(|| Stop::Bug(format!("{} has no cell", set.id)))
    };
    Ok((of(&sites.old, &sites.from.0)?, of(&sites.new, &sites.to.0)?))
}

fn set_of<'a>(fleet: &'a Fleet, set: &SetId) -> Result<&'a ServiceSet, Stop> {
    let no_such = || Stop::NoSuchTenant { fleet: fleet.name.clone(), tenant: set.clone() };
    fleet.set(set).filter(|set| !set.id.is_control_plane()).ok_or_else(no_such)
}

/// What is in the way of a move that has not begun.
fn allowed(app: &App, fleet: &Fleet, set: &ServiceSet, directives: &Directives, goal: &Goal<'_>) -> Result<(), Stop> {
    let under_way = directives.moves.get(&set.id).is_some_and(Move::is_open);
    let Goal::Move(to) = goal else { return Ok(()) };
    let reasons = if under_way { Vec::new() } else { may_begin(&app.application, fleet, set, directives, to) };
    if reasons.is_empty() { Ok(()) } else { Err(Stop::Refused(reasons)) }
}

/// Brings a rollout of this tenant alone to its end that was cut off, and the way back that a failed one owes. Answers
/// it if it did not come out well. Another one is in the way of everything.
async fn end_begun(app: &App, fleet: &Fleet, lease: &mut Lease, set: &ServiceSet) -> Result<Option<Outcome>, Stop> {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    let (open, owed) = (open_rollout(&rollouts), owed_rollback(&rollouts));
    let Some(record) = open.or(owed) else { return Ok(None) };
    let plan = app.readers.ledger.plan(&record.intent.plan).await?;
    let ours = plan.changes().all(|change| change.service.set == set.id) && directed(&record.intent.direction);
    if !ours {
        let (version, rollout) = (record.intent.version.clone(), record.id.0);
        return Err(Reason::RolloutOpen { fleet: fleet.name.clone(), version, rollout }.into());
    }
    let outcome = match open {
        Some(open) => Some(take_up(app, fleet, lease, open).await?),
        None => take_back_after(app, fleet, lease, record).await?,
    };
    Ok(outcome.filter(|outcome| outcome.end != Some(End::Succeeded)))
}

fn directed(direction: &Direction) -> bool {
    matches!(direction, Direction::Wake | Direction::RollbackOf(_))
}

/// An app and its fleet in which every set that moves is where a rollout of it is to be: whoever takes one up that was
/// cut off, by whatever verb, must not look for it at the other place.
pub(super) fn where_they_rise(app: &App, fleet: &Fleet, directives: &Directives) -> (App, Fleet) {
    let moving = fleet.sets.iter().filter_map(|set| {
        let of = directives.moves.get(&set.id).filter(|of| of.is_open())?;
        Some((set.id.clone(), of.rises_at().clone()))
    });
    let (mut app, mut placed) = (app.clone(), fleet.clone());
    for (set, at) in moving {
        placed = placed.placed(&set, &at.cell, &at.cluster);
        app.application = Arc::new(app.application.placed(&fleet.name, &set, &at.cell, &at.cluster));
    }
    (app, placed)
}
