//! Carrying out a plan from its first record to its end, and, when it fails, what the fleet's policy says then.

use super::drive::{Driven, Driver, End};
use super::lease::Lease;
use super::observe::taken_up;
use super::plan::plan;
use super::progress::Progress;
use super::rollback::{take_back, take_back_after};
use super::{App, Stop, decisions, go_on};
use crate::domain::approved::{Approved, ApprovedPlan};
use crate::domain::fleet::{Fleet, OnFailure};
use crate::domain::gate::WaveReport;
use crate::domain::ids::SetId;
use crate::domain::ledger::{RolloutRecord, failed_before, open_rollout, owed_rollback};
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::plan::{Direction, Exclusion, Plan};
use crate::domain::reason::{Kind, Reason};
use crate::domain::release::Release;
use crate::domain::rollout::{Event, Rollout};
use crate::ports::OpenRollout;

/// How a rollout came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What was to be done.
    pub plan: Plan,
    /// How that ended; none if there was nothing to do.
    pub end: Option<End>,
    /// Who approved the plan, by the record; none where there is none or it does not tell.
    pub approved: Option<Approved>,
    /// Sets that were left on what they ran before, each for a failure of its own.
    pub quarantined: Vec<Exclusion>,
    /// What the gates found, each time that this process decided something about a wave. What another process decided
    /// is in the records.
    pub gates: Vec<WaveReport>,
    /// The rollback that followed, if one did.
    pub rollback: Option<Box<Outcome>>,
    /// Why the rollback that the policy asks for could not even begin: a migration is in its way. Everything stays as it
    /// is, and a person must act.
    pub no_way_back: Option<Reason>,
}

/// What is released, and by which right.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// What.
    pub release: &'a Release,
    /// Forward or back.
    pub direction: Direction,
    /// The plan that somebody approved.
    pub approved: Option<&'a ApprovedPlan>,
    /// Who goes past the guard rails, and why; recorded before anything else happens.
    pub break_glass: Option<&'a BreakGlass>,
}

/// Somebody goes past holds, calendars and soaks, by name and with a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakGlass {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

impl Request<'_> {
    fn is_forward(&self) -> bool {
        self.direction == Direction::Deploy
    }
}

/// Releases to a fleet: plan, check the approval, and carry it out.
///
/// # Errors
/// The plan is refused, not approved or stale, or somebody else moves the fleet. Nothing was changed then.
pub async fn release(app: &App, fleet: &Fleet, request: &Request<'_>) -> Result<Outcome, Stop> {
    let planned = plan_ahead(app, fleet, request).await?;
    if let Some(Planned { plan, .. }) = &planned {
        if plan.is_empty() {
            return Ok(nothing_to_do(plan.clone()));
        }
        if request.is_forward() && fleet.approval.is_some() && request.approved.is_none() {
            return Err(Stop::AwaitsApproval(Box::new(plan.clone())));
        }
    }
    let mut lease = Lease::take(app, &fleet.name, "release").await?;
    let result = release_with(app, fleet, &mut lease, request, planned).await;
    lease.release(app).await;
    result
}

/// A plan, and the records it was made on. Every wave is looked at again before it begins, so it holds as long as
/// the records are the same.
pub(super) struct Planned {
    plan: Plan,
    rollouts: Vec<RolloutRecord>,
    decisions: u32,
}

/// Plans without the lease: a run that has nothing to do, or only asks for approval, writes nothing at all. None
/// while another rollout is unfinished, whose end decides what is planned on.
async fn plan_ahead(app: &App, fleet: &Fleet, request: &Request<'_>) -> Result<Option<Planned>, Stop> {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    if open_rollout(&rollouts).is_some() || owed_rollback(&rollouts).is_some() {
        return Ok(None);
    }
    let decisions = app.readers.ledger.decided(&fleet.name).await?.last().map_or(0, |decided| decided.seq);
    let plan = plan(&app.readers, &app.application, fleet, request.release, request.direction.clone()).await?;
    Ok(Some(Planned { plan, rollouts, decisions }))
}

/// [`release`], by a holder of the lease.
pub(super) async fn release_with(
    app: &App,
    fleet: &Fleet,
    lease: &mut Lease,
    request: &Request<'_>,
    planned: Option<Planned>,
) -> Result<Outcome, Stop> {
    let rollouts = app.readers.ledger.rollouts(&fleet.name).await?;
    if request.is_forward() {
        guard_rails(app, fleet, lease, request, &rollouts).await?;
    }
    if let Some(failed) = owed_rollback(&rollouts).filter(|_| request.is_forward())
        && let Some(unfinished) = settle(app, fleet, lease, failed).await?
    {
        return Ok(unfinished);
    }
    let open = open_rollout(&rollouts);
    if let Some(open) = open {
        match precedence(open, request) {
            Precedence::Same => return go_on::take_up(app, fleet, lease, open).await,
            Precedence::Newer => {}
            Precedence::Other => {
                let (version, rollout) = (open.intent.version.clone(), open.id.0);
                return Err(Reason::RolloutOpen { fleet: fleet.name.clone(), version, rollout }.into());
            }
        }
    }
    let same = |planned: &Planned| planned.rollouts == rollouts && planned.decisions == lease.directives().seq;
    let plan = match planned.filter(same) {
        Some(planned) => planned.plan,
        None => plan(&app.readers, &app.application, fleet, request.release, request.direction.clone()).await?,
    };
    if plan.is_empty() {
        return Ok(nothing_to_do(plan));
    }
    if !plan.is_rollback() {
        if request.break_glass.is_none() {
            fleet.calendar.allows(app.readers.clock.now())?;
        }
        check_approval(fleet, &plan, request.approved)?;
    }
    let needed = request.approved.filter(|_| request.is_forward() && fleet.approval.is_some());
    let approved = needed.map_or(Approved::NotNeeded, |approved| approved.by.clone());
    if let Some(open) = open {
        end_open(app, lease, open, Reason::Superseded { by: plan.release.version.clone() }).await?;
    }
    carry_out(app, fleet, lease, plan, approved).await
}

fn nothing_to_do(plan: Plan) -> Outcome {
    Outcome {
        plan,
        end: None,
        approved: None,
        quarantined: Vec::new(),
        gates: Vec::new(),
        rollback: None,
        no_way_back: None,
    }
}

/// What keeps a version out of a fleet whatever its plan. Breaking the glass lifts the hold and is written down;
/// a version that is bad stays out.
async fn guard_rails(
    app: &App,
    fleet: &Fleet,
    lease: &mut Lease,
    request: &Request<'_>,
    rollouts: &[RolloutRecord],
) -> Result<(), Stop> {
    let (directives, version) = (lease.directives(), &request.release.version);
    let failed = || {
        let failed = failed_before(rollouts, version, directives.cleared.get(version).copied());
        failed.filter(|_| fleet.from.is_some()).map(|why| Reason::FailedBefore {
            fleet: fleet.name.clone(),
            version: version.clone(),
            why: why.to_string(),
        })
    };
    if let Some(reason) = directives.marked_bad(&fleet.name, version).or_else(failed) {
        return Err(reason.into());
    }
    match (request.break_glass, directives.on_hold(&fleet.name)) {
        (Some(glass), hold) => {
            let calendar = fleet.calendar.allows(app.readers.clock.now()).err();
            let past = hold.into_iter().chain(calendar).map(|reason| reason.code()).collect();
            let directive = crate::domain::directive::Directive::BrokeGlass { version: version.clone(), past };
            decisions::record(app, &fleet.name, &glass.by, &glass.why, directive).await?;
            Ok(lease.refresh(app).await?)
        }
        (None, Some(hold)) => Err(hold.into()),
        (None, None) => Ok(()),
    }
}

/// Carries out a rollback that is owed before anything new goes on top, or the new one's way back would lead to
/// what failed. Answers the outcome if it did not come out well. Where a migration is in its way, the new one is what
/// mends it.
async fn settle(app: &App, fleet: &Fleet, lease: &mut Lease, failed: &RolloutRecord) -> Result<Option<Outcome>, Stop> {
    let Ok(back) = passable(Box::pin(take_back_after(app, fleet, lease, failed)).await)? else { return Ok(None) };
    match back {
        Some(outcome) if outcome.end != Some(End::Succeeded) => Ok(Some(outcome)),
        Some(_) | None => Ok(None),
    }
}

/// Tells a migration that is in the way from what went wrong on it.
fn passable<T>(back: Result<T, Stop>) -> Result<Result<T, Reason>, Stop> {
    match back {
        Err(Stop::Refused(reasons)) => match <[Reason; 1]>::try_from(reasons) {
            Ok([reason @ Reason::MigrationInTheWay { .. }]) => Ok(Err(reason)),
            Ok([reason]) => Err(reason.into()),
            Err(reasons) => Err(Stop::Refused(reasons)),
        },
        back => back.map(Ok),
    }
}

/// How a wish stands to the rollout that is open.
enum Precedence {
    /// It is the same wish: go on with it.
    Same,
    /// It is newer, and takes the place of one that nobody moves.
    Newer,
    /// The open one must be ended by a person, or gone on with.
    Other,
}

fn precedence(open: &RolloutRecord, request: &Request<'_>) -> Precedence {
    let forward = open.intent.direction == Direction::Deploy && request.is_forward();
    let approved = request.approved.is_none_or(|approved| approved.plan == open.intent.plan);
    match open.intent.version.cmp(&request.release.version) {
        std::cmp::Ordering::Equal if forward && approved => Precedence::Same,
        std::cmp::Ordering::Less if forward => Precedence::Newer,
        _ => Precedence::Other,
    }
}

/// What was approved is what runs: any difference is a stop.
fn check_approval(fleet: &Fleet, plan: &Plan, approved: Option<&ApprovedPlan>) -> Result<(), Stop> {
    match approved {
        None if fleet.approval.is_none() => Ok(()),
        None => Err(Stop::AwaitsApproval(Box::new(plan.clone()))),
        Some(approved) => match plan.hash() {
            now if now == approved.plan => Ok(()),
            now => Err(Reason::StalePlan { approved: approved.plan.clone(), now }.into()),
        },
    }
}

/// Ends an open rollout for good, and answers its plan and how many of its waves had begun.
pub(super) async fn end_open(
    app: &App,
    lease: &Lease,
    record: &RolloutRecord,
    reason: Reason,
) -> Result<(Plan, usize), Stop> {
    let (rollout, proof) = taken_up(&app.readers, record, lease.number()).await?;
    let wave = rollout.wave().map(|(index, _)| index);
    let event = Event::Halted { wave: wave.unwrap_or(0), reason };
    let seq = record.entries.last().map_or(0, |entry| entry.seq) + 1;
    app.writers.ledger.append(&proof, seq, &event, None).await?;
    Ok((rollout.plan().clone(), wave.map_or(0, |index| index + 1)))
}

/// Records the intent and carries out a plan.
///
/// # Errors
/// What it reads or records did not answer. The rollout stays open and `continue` goes on with it.
pub(super) async fn carry_out(
    app: &App,
    fleet: &Fleet,
    lease: &mut Lease,
    plan: Plan,
    approved: Approved,
) -> Result<Outcome, Stop> {
    lease.confirm(app).await?;
    let ledger = app.writers.ledger.as_ref();
    let proof = OpenRollout::begin(ledger, &plan, &app.owner, approved, lease.number()).await?;
    let (id, now) = (proof.id(), app.readers.clock.now());
    app.readers.observer.note(now, &Progress::Opened { id, plan: Box::new(plan.clone()), resumed: false });
    let rollout = Rollout::replay(plan, proof.record().opened_at, [], now)?;
    finish(app, fleet, lease, rollout, proof).await
}

/// Drives an open rollout to its end, and does what the policy says if that is a failure.
///
/// # Errors
/// As [`carry_out`].
pub(super) async fn finish(
    app: &App,
    fleet: &Fleet,
    lease: &mut Lease,
    rollout: Rollout,
    proof: OpenRollout,
) -> Result<Outcome, Stop> {
    let approved = proof.record().intent.approved.clone();
    let Driven { end, rollout, reports: gates } = Driver::new(app, fleet, lease, rollout, proof).run().await?;
    let back = match &end {
        End::Halted { wave, reason } if reason.kind() == Kind::GateFailed && !breaks(Mutant::NoRollback) => {
            passable(react(app, fleet, lease, rollout.plan(), *wave, reason).await)?
        }
        End::Halted { .. } | End::Held(_) | End::Succeeded => Ok(None),
    };
    let (rollback, no_way_back) = match back {
        Ok(rollback) => (rollback.map(Box::new), None),
        Err(in_the_way) => (None, Some(in_the_way)),
    };
    let left = rollout.quarantined().iter().map(|(set, reason)| Exclusion { set: set.clone(), reason: reason.clone() });
    let quarantined = left.collect();
    Ok(Outcome { plan: rollout.plan().clone(), end: Some(end), approved, quarantined, gates, rollback, no_way_back })
}

/// The fleet's policy for a failed wave.
async fn react(
    app: &App,
    fleet: &Fleet,
    lease: &mut Lease,
    plan: &Plan,
    wave: usize,
    reason: &Reason,
) -> Result<Option<Outcome>, Stop> {
    let policy = plan.on_failure;
    let wanted = scope(policy, wave, reason);
    if let Some(in_the_way) = wanted.and_then(|(first, only)| plan.in_the_way(first..wave + 1, only)) {
        let noted = Progress::NoWayBack { fleet: fleet.name.clone(), reason: in_the_way.clone() };
        app.readers.observer.note(app.readers.clock.now(), &noted);
        return Err(in_the_way.into());
    }
    let noted = Progress::Reacting { fleet: fleet.name.clone(), reason: reason.clone(), policy };
    app.readers.observer.note(app.readers.clock.now(), &noted);
    match wanted {
        None => Ok(None),
        Some((first, only)) => Box::pin(take_back(app, fleet, lease, plan, first..wave + 1, only)).await.map(Some),
    }
}

/// From which wave on, and which set alone, a policy takes back.
pub(super) fn scope(policy: OnFailure, wave: usize, reason: &Reason) -> Option<(usize, Option<&SetId>)> {
    match policy {
        OnFailure::Stop => None,
        OnFailure::RollbackAll => Some((0, None)),
        OnFailure::RollbackWave => Some((wave, None)),
        OnFailure::RollbackTenant => Some((wave, reason.set())),
    }
}
