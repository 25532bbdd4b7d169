//! Makes plans: forward from a release and what is live, and back from a plan that was carried out.
//!
//! All problems are reported at once, and a plan that cannot be carried out in full is not made.

mod task;

#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_back;
#[cfg(test)]
mod tests_task;

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::fleet::{Application, Fleet, OnFailure, ServiceSet};
use super::ids::{ContentHash, ImageDigest, ServiceKey, ServiceName, SetId, Version};
use super::ledger::FleetState;
use super::mutant::{Mutant, breaks};
use super::plan::{Change, Direction, Exclusion, PLAN_SCHEMA, Plan, Target, Wave};
use super::published::Draft;
use super::reason::Reason;
use super::release::{Image, Release};
use super::service::{MigrationClass, Role, Service};
use super::snapshot::{FamilySeen, Live, ServiceSeen};
use super::wave::{Slice, assign};

/// What is known when a plan is made.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The file's meaning.
    pub app: &'a Application,
    /// The fleet that is planned for.
    pub fleet: &'a Fleet,
    /// What is live, for every service of the fleet.
    pub live: &'a BTreeMap<ServiceKey, ServiceSeen>,
    /// What the next task definition of every service and task is made from, as far as it could be read.
    pub drafts: &'a BTreeMap<ServiceKey, Result<Draft, Reason>>,
    /// The task definition family of every one-shot task.
    pub families: &'a BTreeMap<ServiceKey, FamilySeen>,
    /// What the migrations of the releases so far do to older versions.
    pub migrations: &'a [Migration],
    /// What runs by the records; it knows the versions of digests.
    pub state: &'a FleetState,
    /// The fleet's version by the records.
    pub replaces: Option<&'a Version>,
    /// For pins and licences, which end on a day.
    pub today: Date,
    /// Whether services that run the release already are watched too: a set that slept has to show it again.
    pub prove_unchanged: bool,
}

/// What a migration of a release does to older versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The release.
    pub version: Version,
    /// Its one-shot task.
    pub task: ServiceName,
    /// The task's image.
    pub digest: ImageDigest,
    /// What it does.
    pub class: MigrationClass,
}

/// Plans a release for a fleet.
///
/// # Errors
/// Every reason why it cannot be carried out in full.
pub fn plan(at: Situation<'_>, release: &Release, direction: Direction) -> Result<Plan, Vec<Reason>> {
    let is_back = matches!(direction, Direction::RollbackTo(_) | Direction::RollbackOf(_));
    let (targeted, excluded) = split(at, release, is_back);
    let mut problems = Vec::new();
    let mut changes: BTreeMap<&SetId, Vec<Change>> = BTreeMap::new();
    for set in &targeted {
        match changes_of(at, set, release, is_back) {
            Ok(of_set) => {
                changes.insert(&set.id, of_set);
            }
            Err(reasons) => problems.extend(reasons),
        }
    }
    let slices = slices(at, &targeted, release, &direction);
    problems.extend(missing_canary(at, &slices, &direction));
    problems.extend(too_far_behind(at, &excluded, release));
    if !problems.is_empty() {
        return Err(problems);
    }
    let unchanged = changes.iter().filter(|(_, of_set)| of_set.is_empty()).map(|(set, _)| (*set).clone()).collect();
    let waves = slices.into_iter().filter_map(|slice| {
        let of_wave: Vec<Change> = slice.tenants.iter().filter_map(|set| changes.remove(set)).flatten().collect();
        (!of_wave.is_empty()).then_some(Wave { name: slice.name, bake: slice.bake, changes: of_wave })
    });
    Ok(Plan {
        schema: PLAN_SCHEMA,
        app: at.app.name.clone(),
        fleet: at.fleet.name.clone(),
        release: release.clone(),
        replaces: at.replaces.cloned(),
        waves: waves.collect(),
        direction,
        unchanged,
        excluded,
        unlicensed: unlicensed(at, &targeted),
        on_failure: at.fleet.on_failure,
        failure_budget: at.fleet.failure_budget,
        gate: at.fleet.gate.clone(),
    })
}

/// Plans the way back from what `done` changed in some of its waves: newest wave first, and within a set in the
/// opposite order of its services. With `only`, no other set goes back.
///
/// `to` is the release that the fleet had before, where a record knows it. One-shot tasks are no part of it: what they
/// did stays.
///
/// # Errors
/// A task has run after which what was there before does not work.
pub fn plan_back(done: &Plan, waves: Range<usize>, only: Option<&SetId>, to: Option<Release>) -> Result<Plan, Reason> {
    if let Some(reason) = done.in_the_way(waves.clone(), only) {
        return Err(reason);
    }
    let back = |wave: &Wave| {
        let concerned = |change: &&Change| !change.is_task() && only.is_none_or(|set| &change.service.set == set);
        let changes: Vec<Change> = wave.changes.iter().filter(concerned).map(|c| turned(c, wave)).collect();
        (!changes.is_empty()).then(|| Wave {
            name: format!("back: {}", wave.name),
            bake: SignedDuration::ZERO,
            changes,
        })
    };
    let unrecorded =
        || Release { version: Version::unrecorded(), commit: done.release.commit.clone(), images: BTreeMap::new() };
    Ok(Plan {
        schema: PLAN_SCHEMA,
        app: done.app.clone(),
        fleet: done.fleet.clone(),
        release: to.unwrap_or_else(unrecorded),
        replaces: Some(done.release.version.clone()),
        direction: Direction::RollbackOf(done.hash()),
        waves: newest_first(done.waves.iter().take(waves.end).skip(waves.start).filter_map(back).collect()),
        unchanged: Vec::new(),
        excluded: Vec::new(),
        unlicensed: Vec::new(),
        on_failure: OnFailure::Stop,
        failure_budget: 0,
        gate: done.gate.clone(),
    })
}

fn turned(change: &Change, wave: &Wave) -> Change {
    if breaks(Mutant::BackToFailed) { change.clone() } else { change.reversed(&wave.changes) }
}

fn newest_first(mut waves: Vec<Wave>) -> Vec<Wave> {
    if !breaks(Mutant::OldestFirst) {
        waves.reverse();
    }
    waves
}

/// Who is targeted, and who is left out and why.
fn split<'a>(at: Situation<'a>, release: &Release, is_back: bool) -> (Vec<&'a ServiceSet>, Vec<Exclusion>) {
    let mut excluded = Vec::new();
    let left_out = |set: &ServiceSet| {
        at.fleet
            .leaves_out(set, &release.version, at.today)
            .or_else(|| if is_back { never_served(at, set) } else { None })
    };
    let targeted = at.fleet.sets.iter().filter(|set| match left_out(set) {
        Some(reason) => {
            excluded.push(Exclusion { set: set.id.clone(), reason });
            false
        }
        None => true,
    });
    let targeted = targeted.collect();
    excluded.sort_by(|a, b| a.set.cmp(&b.set));
    (targeted, excluded)
}

/// Whom a release reaches although the licence has ended: whoever approves it should know.
fn unlicensed(at: Situation<'_>, targeted: &[&ServiceSet]) -> Vec<SetId> {
    let ended = |set: &&&ServiceSet| matches!(set.unlicensed(at.today, at.fleet.licences), Some((Some(_), _)));
    targeted.iter().filter(ended).map(|set| set.id.clone()).collect()
}

/// The waves: the control plane's first, since tenants may lag behind it and not run ahead.
fn slices(at: Situation<'_>, targeted: &[&ServiceSet], release: &Release, direction: &Direction) -> Vec<Slice> {
    let (control_plane, tenants): (Vec<&ServiceSet>, Vec<&ServiceSet>) =
        targeted.iter().copied().partition(|set| set.id.is_control_plane());
    let of_tenants = match direction {
        Direction::Deploy | Direction::Wake => assign(&at.fleet.waves, tenants, &release.version.to_string()),
        // What the fleet had before was proven there, so it need not be tried on a few first.
        Direction::RollbackTo(_) | Direction::RollbackOf(_) => vec![Slice {
            name: "back".to_owned(),
            bake: SignedDuration::ZERO,
            tenants: tenants.into_iter().map(|set| set.id.clone()).collect(),
        }],
    };
    let first = of_tenants.first().map_or(SignedDuration::ZERO, |slice| slice.bake);
    let of_control_plane = control_plane.into_iter().map(|set| Slice {
        name: "control plane".to_owned(),
        bake: first,
        tenants: vec![set.id.clone()],
    });
    of_control_plane.chain(of_tenants).collect()
}

/// With explicit waves, the first one must have somebody in it, or the first exposure would be to the many.
fn missing_canary(at: Situation<'_>, slices: &[Slice], direction: &Direction) -> Option<Reason> {
    use super::fleet::WavePolicy;
    let WavePolicy::Explicit(rules) = &at.fleet.waves else { return None };
    let first = rules.first().filter(|_| *direction == Direction::Deploy)?;
    let of_tenants = slices.iter().find(|slice| !slice.tenants.iter().any(SetId::is_control_plane))?;
    let begins = of_tenants.name == first.name || of_tenants.name == format!("{} 1", first.name);
    (!begins).then(|| Reason::NoCanary { wave: first.name.clone() })
}

/// Tenants that are left out, and would lag further behind the control plane than it bears with.
fn too_far_behind(at: Situation<'_>, excluded: &[Exclusion], release: &Release) -> Vec<Reason> {
    let is_left_out = |set: &SetId| excluded.iter().any(|exclusion| &exclusion.set == set);
    let control_plane = SetId::control_plane();
    if at.fleet.set(&control_plane).is_none() || is_left_out(&control_plane) {
        return Vec::new();
    }
    let distance = |version: &Version| {
        let ((major, minor, _), (old_major, old_minor, _)) = (release.version.core(), version.core());
        if major == old_major { minor.saturating_sub(old_minor) } else { u64::MAX }
    };
    let lagging = excluded.iter().filter(|exclusion| !matches!(exclusion.reason, Reason::Paused | Reason::Offboarding));
    let reasons = lagging.filter_map(|exclusion| {
        // A task is as old as the release that last changed it, and says nothing about what runs.
        let serves =
            |name: &ServiceName| at.app.services_of(&exclusion.set).any(|s| &s.name == name && s.role.is_serving());
        let runs = at.state.services.iter().filter(|(key, _)| key.set == exclusion.set && serves(&key.service));
        let oldest = runs.map(|(_, state)| &state.release).min()?;
        (distance(oldest) > at.app.skew).then(|| Reason::SkewTooLarge {
            set: exclusion.set.clone(),
            version: oldest.clone(),
            control_plane: release.version.clone(),
            skew: at.app.skew,
        })
    });
    reasons.collect()
}

/// What changes in one set, in the order of its services.
fn changes_of(
    at: Situation<'_>,
    set: &ServiceSet,
    release: &Release,
    is_back: bool,
) -> Result<Vec<Change>, Vec<Reason>> {
    let mut problems = Vec::new();
    let mut changes = Vec::new();
    for service in at.app.services_of(&set.id) {
        let change = match service.role {
            // There is no going back to what never ran.
            Role::Serving if is_back && is_unborn(at, set, service) => Ok(None),
            Role::Serving => change(at, set, service, release),
            // A rollback never runs one.
            Role::Task { .. } | Role::SmokeTest if is_back => Ok(None),
            Role::Task { class } => task::migration(at, set, service, class, release),
            // It stands after everything else; where nothing changes there is nothing to test.
            Role::SmokeTest if changes.is_empty() => Ok(None),
            Role::SmokeTest => task::smoke_test(at, set, service, release).map(Some),
        };
        match change {
            Ok(change) => changes.extend(change),
            Err(reason) => problems.push(reason),
        }
    }
    let changed: Vec<ServiceName> = changes.iter().map(|c| c.service.service.clone()).collect();
    for change in &mut changes {
        change.after.retain(|need| changed.contains(need));
    }
    // What is wrong with a manifest is so for every service of the set.
    problems.dedup();
    if problems.is_empty() { Ok(changes) } else { Err(problems) }
}

/// What changes in one service; nothing if it runs the image already, with the configuration that it should have.
fn change(at: Situation<'_>, set: &ServiceSet, service: &Service, release: &Release) -> Result<Option<Change>, Reason> {
    let key = ServiceKey::new(&set.id, &service.name);
    let not_ready = |why: &str| Reason::NotReady { service: key.clone(), why: why.to_owned() };
    let first = first_tasks(at, set, service);
    let live = ready(at.live.get(&key), &key, first)?;
    let image = release.images.get(&service.name).ok_or_else(|| not_ready("the release has no image for it"))?;
    let draft = draft(at, &key)?;
    let same_configuration = draft.is_none_or(|draft| draft.changes.is_empty());
    if live.runs.digest.as_ref() == Some(&image.digest) && same_configuration {
        return Ok(at.prove_unchanged.then(|| unchanged(at, set, service, live, image)));
    }
    let draft = draft.ok_or_else(|| not_ready("its task definition could not be read"))?;
    let rendered = draft.template.render(&service.name, &image.reference());
    let rendered = rendered.map_err(|bad| not_ready(&bad.to_string()))?;
    Ok(Some(Change {
        role: Role::Serving,
        ecs_service: at.app.ecs_name(&at.fleet.name, &key),
        after: needs(at, set, service),
        before: Target { tasks: first.map(|_| 0), ..before(at, &key, live, draft.before.clone()) },
        target: Target { tasks: first, ..target(image, rendered.hash, draft.template.hash()) },
        // Of the placeholder nothing is left, and none of it was anybody's configuration.
        configuration: if first.is_some() { Vec::new() } else { draft.changes.clone() },
        probe: at.app.probe(at.fleet, set, service),
        service: key,
    }))
}

/// What the next task definition is made from, if it could be read.
fn draft<'a>(at: Situation<'a>, key: &ServiceKey) -> Result<Option<&'a Draft>, Reason> {
    at.drafts.get(key).map(|draft| draft.as_ref().map_err(Clone::clone)).transpose()
}

/// What must be on the release before this service.
fn needs(at: Situation<'_>, set: &ServiceSet, service: &Service) -> Vec<ServiceName> {
    let graph = at.app.graph_of(&set.id);
    graph.map(|graph| graph.needs(&service.name).into_iter().collect()).unwrap_or_default()
}

/// What watches a service that runs the release already: it is on its target from the start.
fn unchanged(at: Situation<'_>, set: &ServiceSet, service: &Service, live: &Live, image: &Image) -> Change {
    let key = ServiceKey::new(&set.id, &service.name);
    let runs = Target {
        hash: live.runs.hash.clone(),
        task_definition: Some(live.runs.task_definition.clone()),
        template: None,
        digest: live.runs.digest.clone(),
        version: Some(image.built_as.clone()),
        tasks: None,
    };
    Change {
        role: Role::Serving,
        ecs_service: at.app.ecs_name(&at.fleet.name, &key),
        after: Vec::new(),
        before: runs.clone(),
        target: runs,
        configuration: Vec::new(),
        probe: at.app.probe(at.fleet, set, service),
        service: key,
    }
}

/// Whether nothing of a release has ever run in this service.
fn is_unborn(at: Situation<'_>, set: &ServiceSet, service: &Service) -> bool {
    let placeholder = at.app.placeholder(&at.fleet.name, &service.name);
    match at.live.get(&ServiceKey::new(&set.id, &service.name)) {
        Some(ServiceSeen::Live(live)) => live.is_unborn(&placeholder),
        Some(ServiceSeen::Missing | ServiceSeen::Unreachable { .. }) | None => false,
    }
}

/// How many tasks the first release of a service starts: as many as Terraform publishes for it. None if it is not the
/// first, or nothing is published.
fn first_tasks(at: Situation<'_>, set: &ServiceSet, service: &Service) -> Option<u32> {
    let draft = at.drafts.get(&ServiceKey::new(&set.id, &service.name))?.as_ref().ok()?;
    draft.tasks.filter(|tasks| *tasks > 0 && is_unborn(at, set, service))
}

/// Why a set that has never run a release cannot go back to one.
fn never_served(at: Situation<'_>, set: &ServiceSet) -> Option<Reason> {
    let serving = || at.app.services_of(&set.id).filter(|service| service.role.is_serving());
    let service = ServiceKey::new(&set.id, &serving().next()?.name);
    serving().all(|service| is_unborn(at, set, service)).then_some(Reason::Unproven { service })
}

/// A service that may be planned for: read, active, and with tasks that can prove something, or about to have its first.
fn ready<'a>(seen: Option<&'a ServiceSeen>, key: &ServiceKey, first: Option<u32>) -> Result<&'a Live, Reason> {
    let unreadable = |why: &str| Reason::GateUnknown { what: format!("state of {key}"), why: why.to_owned() };
    match seen {
        Some(ServiceSeen::Live(live)) if live.desired == 0 && first.is_none() => {
            Err(Reason::Unproven { service: key.clone() })
        }
        Some(ServiceSeen::Live(live)) => Ok(live),
        Some(ServiceSeen::Missing) => {
            Err(Reason::NotReady { service: key.clone(), why: "ECS has no active service of that name".to_owned() })
        }
        Some(ServiceSeen::Unreachable { why }) => Err(unreadable(why)),
        None => Err(unreadable("it was not read")),
    }
}

fn before(at: Situation<'_>, key: &ServiceKey, live: &Live, template: Option<ContentHash>) -> Target {
    let recorded = at.state.services.get(key).filter(|s| s.runs.digest.is_some() && s.runs.digest == live.runs.digest);
    Target {
        hash: live.runs.hash.clone(),
        task_definition: Some(live.runs.task_definition.clone()),
        template,
        digest: live.runs.digest.clone(),
        version: recorded.and_then(|s| s.runs.version.clone()),
        tasks: None,
    }
}

fn target(image: &Image, hash: ContentHash, template: ContentHash) -> Target {
    Target {
        hash,
        task_definition: None,
        template: Some(template),
        digest: Some(image.digest.clone()),
        version: Some(image.built_as.clone()),
        tasks: None,
    }
}
