//! Why something stopped, waits, was refused or was left out: one enum, so that every stop has a stable code,
//! a sentence and a hint, and nobody has to search a log for the cause.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::ids::{CellName, CommitSha, ContentHash, FleetName, ImageDigest, ServiceKey, ServiceName, SetId, Version};
use super::service::MigrationClass;
use super::signature::signature;

/// Why a rollout does not go on, does not begin, or a tenant is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    // A gate said no.
    /// ECS gave our deployment up, or rolled it back.
    #[error("{service}: ECS did not bring up the new version: {why}")]
    DeploymentFailed {
        /// Where.
        service: ServiceKey,
        /// In ECS's words, or ours about its state.
        why: String,
    },
    /// Our deployment was not done in the time the gate allows.
    #[error("{service}: still not steady {minutes} min after its deployment began")]
    DeadlinePassed {
        /// Where.
        service: ServiceKey,
        /// The time it had.
        minutes: i64,
    },
    /// The running service did not answer as it must.
    #[error("{service}: {failures} probes in a row failed: {last}")]
    ProbeFailed {
        /// Where.
        service: ServiceKey,
        /// How many.
        failures: u32,
        /// What the last one got.
        last: String,
    },
    /// The load balancer calls a target unhealthy.
    #[error("{service}: {why}")]
    TargetUnhealthy {
        /// Where.
        service: ServiceKey,
        /// In ELB's words.
        why: String,
    },
    /// Tasks of the new version kept stopping.
    #[error("{service}: {stopped} tasks of the new version stopped during its watch")]
    TasksStopped {
        /// Where.
        service: ServiceKey,
        /// How many.
        stopped: u32,
    },
    /// A one-shot task did not end with exit code 0.
    #[error("{service}: its task failed: {why}")]
    TaskFailed {
        /// Where.
        service: ServiceKey,
        /// Its exit code and ECS's reason.
        why: String,
    },
    /// A one-shot task was not done in the time the gate allows. It is left running: one that is killed half-way may
    /// leave worse behind.
    #[error("{service}: its task still runs {minutes} min after it was started, and was left running")]
    TaskLate {
        /// Where.
        service: ServiceKey,
        /// The time it had.
        minutes: i64,
    },

    /// A smoke test did not end with exit code 0.
    #[error("{service}: the smoke test failed: {why}")]
    SmokeTestFailed {
        /// Where.
        service: ServiceKey,
        /// Its exit code and ECS's reason.
        why: String,
    },
    /// Too many requests of a service failed.
    #[error("{service}: {errors} of {requests} requests failed during its watch")]
    ErrorRate {
        /// Where.
        service: ServiceKey,
        /// How many failed.
        errors: u64,
        /// Of how many.
        requests: u64,
    },
    /// Too many requests of a service failed over all tenants of a wave.
    #[error("{service}: {errors} of {requests} requests failed over all tenants of the wave")]
    WaveErrorRate {
        /// Which service.
        service: ServiceName,
        /// How many failed.
        errors: u64,
        /// Of how many.
        requests: u64,
    },
    /// Latency or saturation stayed above its ceiling.
    #[error("{service}: its {what} was above {ceiling} in {minutes} minutes")]
    AboveCeiling {
        /// Where.
        service: ServiceKey,
        /// Of what.
        what: String,
        /// The ceiling with its unit.
        ceiling: String,
        /// In how many minutes.
        minutes: usize,
    },
    /// An alarm rings during the watch.
    #[error("{set}: alarm {alarm} rings: {why}")]
    AlarmRings {
        /// Whose.
        set: SetId,
        /// Its name.
        alarm: String,
        /// In CloudWatch's words.
        why: String,
    },
    /// The owner's executable said no.
    #[error("{program} says no: {why}")]
    CommandFailed {
        /// Which.
        program: String,
        /// In its words.
        why: String,
    },

    // Not known, or not yet.
    /// An alarm rings before anything was changed.
    #[error("{set}: alarm {alarm} rings already, before anything was changed: {why}")]
    AlarmBeforeStart {
        /// Whose.
        set: SetId,
        /// Its name.
        alarm: String,
        /// In CloudWatch's words.
        why: String,
    },
    /// Updated tenants got slower than those that were not updated.
    #[error("{service}: updated tenants got slower than {others} tenants that were not updated")]
    SlowerThanOthers {
        /// Which service.
        service: ServiceName,
        /// How many others.
        others: usize,
    },
    /// A smoke test was not started, does not end, or does not say how it ended. Waiting does not change that.
    #[error("{service}: the smoke test is undecided: {why}")]
    SmokeTestUndecided {
        /// Where.
        service: ServiceKey,
        /// Why.
        why: String,
    },
    /// A gate has no answer, and unknown is not healthy.
    #[error("{what}: no verdict: {why}")]
    GateUnknown {
        /// What was to be judged.
        what: String,
        /// Why it could not be.
        why: String,
    },
    /// The service runs no task, so nothing was proven.
    #[error("{service}: desired count is 0, so the release is unproven there")]
    Unproven {
        /// Where.
        service: ServiceKey,
    },
    /// The fleet's approval is not given for this plan.
    #[error("plan {plan} waits for approval")]
    AwaitingApproval {
        /// The plan to approve.
        plan: ContentHash,
    },
    /// The release has not been green long enough in the fleet before.
    #[error("{version} must be green in {from} until {until} before it may go on")]
    Soaking {
        /// Which release.
        version: Version,
        /// Where it soaks.
        from: FleetName,
        /// When it is done.
        until: Timestamp,
    },
    /// No window of the fleet is open.
    #[error("no release window is open; the next one opens {opens}")]
    OutsideWindow {
        /// When.
        opens: String,
    },
    /// A freeze of the fleet is on.
    #[error("frozen until {until}: {why}")]
    Frozen {
        /// The freeze's last day.
        until: Date,
        /// What the file says.
        why: String,
    },

    // The request does not fit the records.
    /// The release never succeeded in the fleet it must come from.
    #[error("{version} has no success recorded in {from}, so it cannot be promoted")]
    NotPromotable {
        /// Which release.
        version: Version,
        /// Where it should have succeeded.
        from: FleetName,
    },
    /// A task has begun after which the version before may not work any more.
    #[error("{service} has begun a migration of class {class}, after which the version before may not work any more")]
    MigrationInTheWay {
        /// Whose.
        service: ServiceKey,
        /// Its class.
        class: MigrationClass,
    },
    /// No release is recorded under that version or commit.
    #[error("no release is recorded for {wanted}")]
    NoSuchRelease {
        /// What was asked for.
        wanted: String,
    },
    /// There is no rollout to take back.
    #[error("{fleet} has no rollout that could be taken back")]
    NothingToRollBack {
        /// Which fleet.
        fleet: FleetName,
    },
    /// There is no rollout to go on with.
    #[error("{fleet} has no open rollout")]
    NothingToContinue {
        /// Which fleet.
        fleet: FleetName,
    },
    /// No wave is under watch, so there is nothing that a person could accept.
    #[error("{fleet} has no wave under watch")]
    NothingToAccept {
        /// Which fleet.
        fleet: FleetName,
    },
    /// Nobody is left in the wave that should be exposed first.
    #[error("wave `{wave}` has nobody left in it, so nobody would be exposed before the many")]
    NoCanary {
        /// Its name.
        wave: String,
    },
    /// The registry does not have an image of the release.
    #[error("the image {digest} of {service} is not in the registry")]
    ImageGone {
        /// Whose.
        service: ServiceName,
        /// Which.
        digest: ImageDigest,
    },
    /// What came with an event is not what GitHub describes.
    #[error("the `{event}` event: {why}")]
    EventUnreadable {
        /// Name of the event.
        event: String,
        /// What is wrong with it.
        why: String,
    },
    /// The person may not ask for this.
    #[error("{user} has `{permission}` on this repository; `write` is needed to move a fleet")]
    NotPermitted {
        /// Who.
        user: String,
        /// What they have.
        permission: String,
    },

    /// Whoever wrote a change may not be the one who approves its release.
    #[error("{user} wrote #{pull}, and somebody else must approve it")]
    OwnApproval {
        /// Who.
        user: String,
        /// The pull request.
        pull: u64,
    },
    /// The job that was to wait for an approval did not wait for anybody.
    #[error("nobody is recorded to have approved `{environment}` for this run")]
    NobodyApproved {
        /// The GitHub environment.
        environment: String,
    },

    // The world is not as the plan says.
    /// The pull request is no longer what the label was put on.
    #[error("#{pull} does not ask for this any more: {why}")]
    Withdrawn {
        /// Its number.
        pull: u64,
        /// What is different now.
        why: String,
    },
    /// Another rollout of the fleet is open.
    #[error("{version} is still being rolled out to {fleet} (deployment {rollout})")]
    RolloutOpen {
        /// Where.
        fleet: FleetName,
        /// What.
        version: Version,
        /// The GitHub deployment that records it.
        rollout: u64,
    },
    /// The approved plan is not the plan that would run now.
    #[error("plan {approved} was approved, but the plan is now {now}")]
    StalePlan {
        /// What was approved.
        approved: ContentHash,
        /// What would run.
        now: ContentHash,
    },
    /// The fleet already runs something newer, and only a rollback may go back.
    #[error("{fleet} already runs {live}, which is newer than {version} (commit {commit})")]
    WouldGoBack {
        /// Where.
        fleet: FleetName,
        /// What it runs.
        live: Version,
        /// What was asked for.
        version: Version,
        /// Its commit.
        commit: CommitSha,
    },
    /// Somebody else changed the service.
    #[error("{service} was changed by somebody else: {found}")]
    ForeignChange {
        /// Where.
        service: ServiceKey,
        /// What runs there now.
        found: String,
    },
    /// The service is not in a state to be deployed to.
    #[error("{service} is not ready: {why}")]
    NotReady {
        /// Where.
        service: ServiceKey,
        /// Why.
        why: String,
    },

    /// What Terraform publishes of a set cannot be used.
    #[error("the manifest of {set}: {why}")]
    BadManifest {
        /// Whose.
        set: SetId,
        /// What is wrong with it.
        why: String,
    },

    /// Another process moves the fleet.
    #[error("{fleet} is being moved by {by} since {since:.0} ({purpose}): {why}")]
    LeaseHeld {
        /// Where.
        fleet: FleetName,
        /// Who.
        by: String,
        /// What they do.
        purpose: String,
        /// Since when.
        since: Timestamp,
        /// Why it cannot be taken over.
        why: String,
    },
    /// What lies in the lease's place is no lease.
    #[error("the lease of {fleet} cannot be read: {why}")]
    LeaseUnreadable {
        /// Where.
        fleet: FleetName,
        /// What is wrong with it.
        why: String,
    },
    /// The lease could not be confirmed in time, or somebody else has it now.
    #[error("the lease of {fleet} is not ours for sure: {why}")]
    LeaseLost {
        /// Where.
        fleet: FleetName,
        /// What was found.
        why: String,
    },

    /// A person holds the fleet.
    #[error("{fleet} is on hold since {since:.0}, by {by}: {why}")]
    OnHold {
        /// Where.
        fleet: FleetName,
        /// Who.
        by: String,
        /// Since when.
        since: Timestamp,
        /// Why.
        why: String,
    },
    /// The version must not be released there.
    #[error("{version} is marked bad in {fleet}, by {by}: {why}")]
    MarkedBad {
        /// Where.
        fleet: FleetName,
        /// Which.
        version: Version,
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// The version failed there before.
    #[error("{version} failed in {fleet} before: {why}")]
    FailedBefore {
        /// Where.
        fleet: FleetName,
        /// Which.
        version: Version,
        /// How.
        why: String,
    },
    /// What runs now could not be deployed again, so there would be no way back.
    #[error("{service}: there is no way back: {why}")]
    NoWayBack {
        /// Where.
        service: ServiceKey,
        /// Why.
        why: String,
    },
    /// A tenant would lag too far behind its control plane.
    #[error(
        "{set} runs {version}, and its control plane would run {control_plane}: more than {skew} minor versions apart"
    )]
    SkewTooLarge {
        /// Who.
        set: SetId,
        /// What it runs.
        version: Version,
        /// What the control plane would run.
        control_plane: Version,
        /// What fleet.yaml allows.
        skew: u64,
    },
    /// What was paused is not as it was left.
    #[error("{service} is not as it was paused: {why}")]
    NotAsPaused {
        /// Where.
        service: ServiceKey,
        /// What differs.
        why: String,
    },
    /// The set is not paused, or not by a decision that says how it ran.
    #[error("{set} in {fleet} is not paused by a decision, so nothing says how it ran")]
    NotPaused {
        /// Where.
        fleet: FleetName,
        /// Which.
        set: SetId,
    },
    /// A newer release takes its place.
    #[error("superseded by {by}")]
    Superseded {
        /// The newer version.
        by: Version,
    },
    /// A person ended it and left everything as it is.
    #[error("aborted by {by}: {why}")]
    Aborted {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// The job's time is nearly over.
    #[error("handed over before the job's time limit")]
    HandedOver,

    // The platform under the release: what Terraform is given, and what it would take away.
    /// A tenant is in Terraform's inputs, its line is gone, and it was not on its way out.
    #[error("tenant `{set}` is in the inputs of {fleet} as {state}, and fleet.yaml does not have it any more")]
    TenantVanished {
        /// Where.
        fleet: FleetName,
        /// Who.
        set: SetId,
        /// What the inputs say that it was doing.
        state: String,
    },
    /// Terraform's inputs of a fleet are there, and fleet.yaml does not have it.
    #[error("the inputs of a fleet `{fleet}` are there, and fleet.yaml has no such fleet")]
    FleetVanished {
        /// The folder.
        fleet: String,
    },
    /// Committed inputs are no inputs.
    #[error("the committed inputs of `{fleet}` cannot be read: {why}")]
    InputsUnreadable {
        /// The folder.
        fleet: String,
        /// What is wrong with them.
        why: String,
    },
    /// Committed inputs were made for another application, fleet, cell, account or Region.
    #[error("the committed inputs of {fleet} are those of {was}, and this would be {now}")]
    InputsOfSomethingElse {
        /// Which fleet.
        fleet: FleetName,
        /// Application, fleet, cell, account and Region of the file.
        was: String,
        /// The same of fleet.yaml.
        now: String,
    },
    /// Committed inputs are not what fleet.yaml says.
    #[error("the committed inputs of {fleet} are not current")]
    InputsStale {
        /// Which fleet.
        fleet: FleetName,
    },
    /// A cell would hold more tenants than it ever can.
    #[error("{cell} has {tenants} tenants in fleet.yaml, and room for {most} by {what}")]
    CellFull {
        /// Which cell.
        cell: CellName,
        /// What says so.
        what: String,
        /// Tenants it has.
        tenants: u64,
        /// Tenants it may have.
        most: u64,
    },
    /// A value that fleet.yaml may have and Terraform's inputs may not.
    #[error("{fleet}: {what}: {why}")]
    OutsideTheContract {
        /// Which fleet.
        fleet: FleetName,
        /// Whose value.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// Terraform's plan has something in it that nothing is known of.
    #[error("the plan is not understood: {why}")]
    PlanNotUnderstood {
        /// What, and where.
        why: String,
    },
    /// The approval file is none.
    #[error("the approval cannot be read: {why}")]
    ApprovalUnreadable {
        /// What is wrong with it.
        why: String,
    },
    /// Something of value would be lost, and nobody approved it.
    #[error("{things} would be lost, and nothing approves it")]
    LossNotApproved {
        /// How many, in words.
        things: String,
    },
    /// There is an approval, and it does not count for this plan.
    #[error("the approval does not count: {why}")]
    ApprovalDoesNotCount {
        /// Why not.
        why: String,
    },

    // The life of a tenant.
    /// fleet.yaml has such a tenant already, and says other things of it.
    #[error("tenant `{set}` is there already, in {fleet}, and not as you want it")]
    TenantThere {
        /// Where.
        fleet: FleetName,
        /// Who.
        set: SetId,
    },
    /// There was a tenant of that id.
    #[error("tenant `{set}` was removed on {on}, and an id is never given twice")]
    TenantWasRemoved {
        /// Who.
        set: SetId,
        /// When.
        on: Date,
    },
    /// A file cannot be changed by a program.
    #[error("{file} cannot be changed here: {why}")]
    NotEditable {
        /// Which.
        file: String,
        /// Why.
        why: String,
    },
    /// A file would be wrong with the change.
    #[error("with this, the file would be wrong: {problems}")]
    WouldNotCheck {
        /// Every problem.
        problems: String,
    },
    /// A tenant is not so far on its way out.
    #[error("tenant `{set}` cannot go yet: {why}")]
    NotSoFar {
        /// Who.
        set: SetId,
        /// What is missing.
        why: String,
    },
    /// A tenant cannot be moved, or not further.
    #[error("tenant `{set}` cannot be moved: {why}")]
    NotMovable {
        /// Who.
        set: SetId,
        /// What is in the way.
        why: String,
    },
    /// Going back would lose what was written at the new place.
    #[error("whatever `{set}` has written in {cell} since {since} would be lost")]
    WritesWouldBeLost {
        /// Who.
        set: SetId,
        /// The new place.
        cell: CellName,
        /// Since when it has written there.
        since: Timestamp,
    },
    /// A plan takes a tenant away that still has routes.
    #[error(
        "tenant `{set}` still has routes in this plan: it was never offboarding, and no approval makes up for that"
    )]
    StillServed {
        /// Who.
        set: String,
    },

    /// A tenant's licence cannot be issued, or cannot be read.
    #[error("licence of {fleet}/{set}: {why}")]
    LicenceUnusable {
        /// Its fleet.
        fleet: FleetName,
        /// Whose it is.
        set: SetId,
        /// What is wrong.
        why: String,
    },
    // The routing snapshot.
    /// The fleet has no snapshot.
    #[error("{fleet} has no `routing` in fleet.yaml")]
    NoRouting {
        /// Which fleet.
        fleet: FleetName,
    },
    /// There is no key to sign with, or it is not one that routers trust.
    #[error("{fleet}: a snapshot cannot be signed: {why}")]
    NoSigningKey {
        /// Which fleet.
        fleet: FleetName,
        /// Why not.
        why: String,
    },
    /// What is published is there and cannot be believed.
    #[error("what is published for the routers of {fleet} cannot be believed: {why}")]
    RoutingUnreadable {
        /// Which fleet.
        fleet: FleetName,
        /// All that is wrong.
        why: String,
    },
    /// Routers would refuse the snapshot.
    #[error("the routers of {fleet} would refuse this: {why}")]
    RoutingRefused {
        /// Which fleet.
        fleet: FleetName,
        /// Every reason.
        why: String,
    },
    /// Somebody has taken the snapshot back, and nothing but another person publishes past that.
    #[error("generation {generation} of {fleet} brings back {restores}: it was taken back by a person")]
    RoutingTakenBack {
        /// Which fleet.
        fleet: FleetName,
        /// The generation in force.
        generation: u64,
        /// The one whose tenants it brings back.
        restores: u64,
    },
    /// Not all routers serve what is published.
    #[error("the routers of {fleet} do not all serve generation {generation}: {why}")]
    RoutersBehind {
        /// Which fleet.
        fleet: FleetName,
        /// The generation.
        generation: u64,
        /// Who, and why.
        why: String,
    },
    /// Nobody publishes what was decided.
    #[error("what was decided about tenants of {fleet} is not published for its routers")]
    NotPublished {
        /// Which fleet.
        fleet: FleetName,
    },
    /// There is no such generation behind the one in force.
    #[error("{fleet} has no generation {wanted} to go back to")]
    NoSuchGeneration {
        /// Which fleet.
        fleet: FleetName,
        /// Which.
        wanted: String,
    },

    // A tenant is left out.
    /// Scaled to zero on purpose.
    #[error("paused")]
    Paused,
    /// On its way out.
    #[error("offboarding")]
    Offboarding,
    /// Kept on a version by name.
    #[error("pinned to {version} by {owner} until {until}: {why}")]
    Pinned {
        /// Version it keeps.
        version: Version,
        /// Who decided.
        owner: String,
        /// Last day.
        until: Date,
        /// What the file says.
        why: String,
    },
    /// A move of it has begun, and fleet.yaml does not tell its end yet.
    #[error("`{set}` moves to {to}, or has moved there")]
    BeingMoved {
        /// Who.
        set: SetId,
        /// Where to.
        to: CellName,
    },
    /// Its licence has ended.
    #[error("licence ended on {until}")]
    LicenceEnded {
        /// Last day.
        until: Date,
    },
    /// It has no licence.
    #[error("no licence")]
    NoLicence,
    /// It has no licence that counts, and so it is to sleep.
    #[error("{}, so it sleeps until it has one again", no_licence(*until))]
    AsleepUnlicensed {
        /// Last day of the one that it had, if it had one.
        until: Option<Date>,
    },

    // After a failure.
    /// A rollback did not succeed; nothing else is tried on these services.
    #[error("the rollback itself failed: {why}")]
    RollbackFailed {
        /// The reason it stopped for.
        why: String,
    },
    /// A person took it back before it was done.
    #[error("taken back by {by}")]
    TakenBack {
        /// Who.
        by: String,
    },
    /// The process was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// What kind of stop a reason is; the command line turns it into an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be carried out as it was made.
    BadInput,
    /// A gate failed.
    GateFailed,
    /// Held, inconclusive, or waiting for somebody.
    Held,
    /// Another rollout, a stale plan, or a foreign change.
    Conflict,
    /// A tenant was left out on purpose.
    LeftOut,
    /// A rollback failed.
    RollbackFailed,
    /// Stopped by a signal.
    Interrupted,
}

impl Reason {
    /// What kind of stop this is.
    pub fn kind(&self) -> Kind {
        use Reason as R;
        match self {
            R::DeploymentFailed { .. }
            | R::DeadlinePassed { .. }
            | R::ProbeFailed { .. }
            | R::TargetUnhealthy { .. }
            | R::TasksStopped { .. }
            | R::TaskFailed { .. }
            | R::SmokeTestFailed { .. }
            | R::ErrorRate { .. }
            | R::WaveErrorRate { .. }
            | R::AboveCeiling { .. }
            | R::AlarmRings { .. }
            | R::CommandFailed { .. }
            | R::TaskLate { .. } => Kind::GateFailed,
            R::GateUnknown { .. }
            | R::SmokeTestUndecided { .. }
            | R::AlarmBeforeStart { .. }
            | R::SlowerThanOthers { .. }
            | R::Unproven { .. }
            | R::AwaitingApproval { .. }
            | R::Soaking { .. }
            | R::OutsideWindow { .. }
            | R::OnHold { .. }
            | R::NoWayBack { .. }
            | R::HandedOver
            | R::NobodyApproved { .. }
            | R::LossNotApproved { .. }
            | R::NotSoFar { .. }
            | R::NotMovable { .. }
            | R::WritesWouldBeLost { .. }
            | R::StillServed { .. }
            | R::ApprovalDoesNotCount { .. }
            | R::RoutingUnreadable { .. }
            | R::RoutingRefused { .. }
            | R::RoutingTakenBack { .. }
            | R::RoutersBehind { .. }
            | R::NotPublished { .. }
            | R::Frozen { .. } => Kind::Held,
            R::NotPromotable { .. }
            | R::MigrationInTheWay { .. }
            | R::NoSuchRelease { .. }
            | R::NothingToRollBack { .. }
            | R::NothingToContinue { .. }
            | R::NothingToAccept { .. }
            | R::NoCanary { .. }
            | R::ImageGone { .. }
            | R::MarkedBad { .. }
            | R::FailedBefore { .. }
            | R::SkewTooLarge { .. }
            | R::NotPaused { .. }
            | R::TenantVanished { .. }
            | R::FleetVanished { .. }
            | R::InputsUnreadable { .. }
            | R::InputsOfSomethingElse { .. }
            | R::CellFull { .. }
            | R::BadManifest { .. }
            | R::OutsideTheContract { .. }
            | R::PlanNotUnderstood { .. }
            | R::ApprovalUnreadable { .. }
            | R::EventUnreadable { .. }
            | R::OwnApproval { .. }
            | R::TenantThere { .. }
            | R::TenantWasRemoved { .. }
            | R::NotEditable { .. }
            | R::WouldNotCheck { .. }
            | R::LicenceUnusable { .. }
            | R::NoRouting { .. }
            | R::NoSigningKey { .. }
            | R::NoSuchGeneration { .. }
            | R::NotPermitted { .. } => Kind::BadInput,
            R::RolloutOpen { .. }
            | R::Withdrawn { .. }
            | R::StalePlan { .. }
            | R::WouldGoBack { .. }
            | R::ForeignChange { .. }
            | R::NotReady { .. }
            | R::InputsStale { .. }
            | R::NotAsPaused { .. }
            | R::LeaseHeld { .. }
            | R::LeaseUnreadable { .. }
            | R::LeaseLost { .. } => Kind::Conflict,
            R::Paused
            | R::Offboarding
            | R::Pinned { .. }
            | R::BeingMoved { .. }
            | R::LicenceEnded { .. }
            | R::NoLicence
            | R::AsleepUnlicensed { .. } => Kind::LeftOut,
            R::RollbackFailed { .. } => Kind::RollbackFailed,
            R::TakenBack { .. } | R::Superseded { .. } | R::Aborted { .. } => Kind::Conflict,
            R::Interrupted => Kind::Interrupted,
        }
    }

    /// The stable code: the same word in records, outputs and documentation, whatever the sentence says.
    pub fn code(&self) -> String {
        let json = serde_json::to_value(self).unwrap_or_default();
        json.get("code").and_then(|code| code.as_str()).unwrap_or("unknown").to_owned()
    }

    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        use Reason as R;
        match self {
            R::DeploymentFailed { .. } | R::TasksStopped { .. } => {
                "look at the stop reasons above; fix forward and merge"
            }
            R::SmokeTestFailed { .. } => "its last log lines are above; fix forward and merge",
            R::SmokeTestUndecided { .. } => {
                "look at its task: `tidegate continue` looks again; or `tidegate continue --accept --why ...`"
            }
            R::TaskFailed { .. } => "read its log; what serves was not touched there; fix forward and merge",
            R::TaskLate { .. } => {
                "wait for its end or stop it by hand, then look at the database before releasing again"
            }
            R::MigrationInTheWay { .. } => {
                "fix forward and merge; to go back for all that, restore the database and deploy by hand"
            }
            R::DeadlinePassed { .. } => "is the health check's grace period longer than gate.rollout.deadline?",
            R::ProbeFailed { .. } | R::TargetUnhealthy { .. } => "open the probe's URL; fix forward and merge",
            R::ErrorRate { .. } | R::WaveErrorRate { .. } | R::AboveCeiling { .. } => {
                "look at its log and traces of that time; fix forward and merge"
            }
            R::AlarmRings { .. } | R::CommandFailed { .. } => "find out what it saw; fix forward and merge",
            R::AlarmBeforeStart { .. } => "let it end or mend what it rings for, then run again; nothing was changed",
            R::SlowerThanOthers { .. } => {
                "look at it; then `tidegate continue --accept --why ...`, or `tidegate rollback`"
            }
            R::GateUnknown { .. } => {
                "mend what the gate reads, then `tidegate continue`; or `tidegate continue --accept --why ...`"
            }
            R::Unproven { .. } => "resume the tenant, or say `state: paused` for it in fleet.yaml",
            R::AwaitingApproval { .. } => {
                "approve the environment's job, or run again with --approved-plan and this hash"
            }
            R::Soaking { .. } | R::OutsideWindow { .. } | R::Frozen { .. } => "run again then; nothing was changed",
            R::NotPromotable { .. } => {
                "merge to release it there first, or promote a version that `tidegate status` shows as green"
            }
            R::NoSuchRelease { .. } => "`tidegate history` lists what was rolled out; was the commit merged and built?",
            R::NothingToRollBack { .. } | R::NothingToContinue { .. } | R::NothingToAccept { .. } => {
                "`tidegate status` shows what the records say"
            }
            R::NoCanary { .. } => "choose another canary in fleet.yaml, or lift what leaves it out",
            R::ImageGone { .. } => {
                "build the commit again, and keep deployed digests in the registry's lifecycle rules"
            }
            R::TakenBack { .. } | R::Superseded { .. } | R::Aborted { .. } => "`tidegate status` shows what runs now",
            R::OnHold { .. } => "`tidegate unhold --fleet FLEET --why ...` lifts it",
            R::MarkedBad { .. } | R::FailedBefore { .. } => {
                "fix forward and merge; if the mark is wrong, `tidegate bad --clear --why ...`"
            }
            R::NoWayBack { .. } => "restore what is missing, then `tidegate continue`",
            R::SkewTooLarge { .. } => "bring the tenant closer first, or raise control_plane.skew",
            R::NotAsPaused { .. } => "find out who changed it and set it back, then resume again",
            R::NotPaused { .. } => "a tenant with `state: paused` in fleet.yaml is woken by changing the file",
            R::HandedOver => "`tidegate continue` goes on in a new job",
            R::NotPermitted { .. } => "ask a maintainer to do it",
            R::EventUnreadable { .. } => "is the workflow started by the event that it was written for?",
            R::OwnApproval { .. } => "ask somebody else with write permission",
            R::NobodyApproved { .. } => {
                "name reviewers for that environment, or write `tidegate approve HASH` under the pull request"
            }
            R::Withdrawn { .. } => "look at the pull request; put the label on again if it is still meant",
            R::RolloutOpen { .. } => "`tidegate continue` goes on with it, `tidegate rollback` takes it back",
            R::StalePlan { .. } => "look at the new plan and approve that one",
            R::WouldGoBack { .. } => "use `tidegate rollback --to` if going back is meant",
            R::ForeignChange { .. } => "find out who and why; `tidegate plan` shows the difference",
            R::NotReady { .. } => {
                "let it settle or repair it, then run again; what never settles, `tidegate rollback` takes back"
            }
            R::BadManifest { .. } => {
                "apply Terraform for this fleet and look at the object that cells.X.manifest of fleet.yaml names; nothing was changed"
            }
            R::LeaseHeld { .. } => "wait for it, or end that process; a lease whose owner has ended is taken over",
            R::LeaseUnreadable { .. } => "look at the branch tidegate-lease-FLEET; delete it when nothing runs",
            R::LeaseLost { .. } => "nothing more was sent; `tidegate continue` goes on when GitHub answers again",
            R::TenantVanished { .. } => {
                "put its line back and let `tidegate tenants offboard` take it out: after it was `state: offboarding`, with a tombstone"
            }
            R::FleetVanished { .. } => {
                "put the fleet back and let its tenants go one by one; take its folder away when nothing is left there"
            }
            R::InputsUnreadable { .. } => "take the file back from git: the slots that tenants have are only in it",
            R::InputsOfSomethingElse { .. } => {
                "a fleet that moves is a new fleet: give it another name, or take its folder away when nothing is left there"
            }
            R::InputsStale { .. } => "run `tidegate tenants export` and commit what it writes",
            R::CellFull { .. } => {
                "give the newest tenants another cell: an account or a Region of its own (`tidegate quota`)"
            }
            R::OutsideTheContract { .. } => "change it in fleet.yaml; the contract is schema/tenant-inputs.schema.json",
            R::PlanNotUnderstood { .. } => {
                "give it what `terraform show -json PLAN` prints, with the Terraform that infra/ pins"
            }
            R::ApprovalUnreadable { .. } => "its shape is schema/infra-approval.schema.json",
            R::LossNotApproved { .. } => {
                "if it is meant: fill in the approval that `--json` shows, have a second person approve, give it with --approval"
            }
            R::ApprovalDoesNotCount { .. } => {
                "make an approval of exactly this plan: `--json` shows what belongs in it"
            }
            R::TenantThere { .. } => "change its line by hand",
            R::TenantWasRemoved { .. } => {
                "take another id: names, records and backups of the old one would be the new one's"
            }
            R::NotEditable { .. } => "change it by hand, and `tidegate check` it",
            R::WouldNotCheck { .. } => "nothing was written; mend what is named, or ask for something else",
            R::NotMovable { .. } => "nothing was changed by this; asked for again, it goes on where it is",
            R::WritesWouldBeLost { .. } => "if that is meant, say so with --lose-writes-since and that time",
            R::BeingMoved { .. } => "`tidegate tenants move --plan` shows how far it is",
            R::NotSoFar { .. } => {
                "do what is missing, then ask again; `tidegate tenants offboard` says where it stands"
            }
            R::LicenceUnusable { .. } => {
                "nothing was written; name the keys that signed it, or take the file out: its tenant then refuses serials that it has seen"
            }
            R::StillServed { .. } => "put its line back, and let `tidegate tenants offboard` take it out",
            R::NoRouting { .. } => "say in fleets.X.routing where it is published and who may",
            R::NoSigningKey { .. } => {
                "put the key (PEM) into TIDEGATE_ROUTING_KEY or name its file with --key; fleets.X.routing.keys has its public half"
            }
            R::RoutingUnreadable { .. } => {
                "routers go on with what they have; look at the object, and take a key back that was taken out too early"
            }
            R::RoutingRefused { .. } => "if so many tenants are meant to go, say how many with --lose",
            R::RoutersBehind { .. } => {
                "what was asked for is done and recorded; `tidegate routing wait` looks again, and router logs say the rest"
            }
            R::NotPublished { .. } => {
                "is routing-publisher running? else `tidegate routing publish`; what was asked for is done and recorded"
            }
            R::RoutingTakenBack { .. } => "when its cause is mended, publish with --past-rollback",
            R::NoSuchGeneration { .. } => "`tidegate routing show --fleet FLEET --all` lists them",
            R::Paused => "`tidegate resume` brings it to the fleet's release",
            R::NoLicence | R::AsleepUnlicensed { .. } => {
                "give it a `license` in fleet.yaml, or see the fleet's `license`"
            }
            R::Offboarding | R::Pinned { .. } | R::LicenceEnded { .. } => "see the tenant's entry in fleet.yaml",
            R::RollbackFailed { .. } => {
                "a person must look now: the services named above are on neither version for sure"
            }
            R::Interrupted => "`tidegate continue` goes on where this stopped",
        }
    }

    /// What failures of one cause have in common.
    pub fn signature(&self) -> String {
        format!("{}: {}", self.code(), signature(&self.to_string(), self.set()))
    }

    /// The service it is about, if it is about one.
    pub fn service(&self) -> Option<&ServiceKey> {
        use Reason as R;
        match self {
            R::DeploymentFailed { service, .. }
            | R::DeadlinePassed { service, .. }
            | R::ProbeFailed { service, .. }
            | R::TargetUnhealthy { service, .. }
            | R::TasksStopped { service, .. }
            | R::TaskFailed { service, .. }
            | R::SmokeTestFailed { service, .. }
            | R::SmokeTestUndecided { service, .. }
            | R::TaskLate { service, .. }
            | R::MigrationInTheWay { service, .. }
            | R::ErrorRate { service, .. }
            | R::AboveCeiling { service, .. }
            | R::Unproven { service }
            | R::ForeignChange { service, .. }
            | R::NoWayBack { service, .. }
            | R::NotReady { service, .. }
            | R::NotAsPaused { service, .. } => Some(service),
            _ => None,
        }
    }

    /// The tenant or control plane it is about, if it is about one.
    pub fn set(&self) -> Option<&SetId> {
        use Reason as R;
        match self {
            R::AlarmRings { set, .. } | R::AlarmBeforeStart { set, .. } => Some(set),
            R::SkewTooLarge { set, .. }
            | R::NotPaused { set, .. }
            | R::TenantVanished { set, .. }
            | R::TenantThere { set, .. }
            | R::TenantWasRemoved { set, .. }
            | R::NotSoFar { set, .. }
            | R::NotMovable { set, .. }
            | R::WritesWouldBeLost { set, .. }
            | R::BeingMoved { set, .. }
            | R::BadManifest { set, .. } => Some(set),
            _ => self.service().map(|service| &service.set),
        }
    }
}

/// That a tenant has no licence that counts; with the last day of the one that it had.
fn no_licence(until: Option<Date>) -> String {
    until.map_or_else(|| "no licence".to_owned(), |until| format!("licence ended on {until}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cause_has_one_signature_whoever_has_it() {
        let failed = |key: &str, failures, last: &str| {
            let service = ServiceKey::try_from(key.to_owned()).unwrap();
            Reason::ProbeFailed { service, failures, last: last.to_owned() }.signature()
        };
        assert_eq!(failed("acme/iam-service", 3, "HTTP 500"), failed("globex/iam-service", 12, "HTTP 503"));
        assert_ne!(failed("acme/iam-service", 3, "HTTP 500"), failed("acme/audit-service", 3, "HTTP 500"));
        assert_ne!(failed("acme/iam-service", 3, "HTTP 500"), failed("acme/iam-service", 3, "timed out"));
    }

    #[test]
    fn codes_are_stable_words() {
        let reason = Reason::Unproven { service: ServiceKey::try_from("acme/iam-service".to_owned()).unwrap() };
        assert_eq!(reason.code(), "unproven");
        assert_eq!(Reason::Paused.code(), "paused");
        let json = serde_json::to_string(&reason).unwrap();
        assert_eq!(serde_json::from_str::<Reason>(&json).unwrap(), reason);
    }
}
