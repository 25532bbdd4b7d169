//! What a release asks of one-shot tasks: that a migration runs once with the release's image, unless it has already,
//! and a smoke test whenever something of its set changes.

use super::{Migration, Situation, draft, needs, target};
use crate::domain::fleet::ServiceSet;
use crate::domain::ids::{ContentHash, ServiceKey, ServiceName, Version};
use crate::domain::plan::{Change, Target};
use crate::domain::reason::Reason;
use crate::domain::release::{Image, Release};
use crate::domain::service::{MigrationClass, Role, Service};
use crate::domain::snapshot::{FamilySeen, Runs};

/// The run of a migration; none if its image has run in this set by the records.
pub(super) fn migration(
    at: Situation<'_>,
    set: &ServiceSet,
    service: &Service,
    class: MigrationClass,
    release: &Release,
) -> Result<Option<Change>, Reason> {
    let key = ServiceKey::new(&set.id, &service.name);
    let image = image(&key, release)?;
    if at.state.has_run(&key, &image.digest) {
        return Ok(None);
    }
    let class = worst(at, &key, image.class.unwrap_or(class), &release.version);
    let after = needs(at, set, service);
    run(at, key, Role::Task { class }, after, image).map(Some)
}

/// The run of a smoke test. It comes after everything else of its set by itself.
pub(super) fn smoke_test(
    at: Situation<'_>,
    set: &ServiceSet,
    service: &Service,
    release: &Release,
) -> Result<Change, Reason> {
    let key = ServiceKey::new(&set.id, &service.name);
    let image = image(&key, release)?;
    run(at, key, Role::SmokeTest, Vec::new(), image)
}

fn image<'a>(key: &ServiceKey, release: &'a Release) -> Result<&'a Image, Reason> {
    let why = || Reason::NotReady { service: key.clone(), why: "the release has no image for it".to_owned() };
    release.images.get(&key.service).ok_or_else(why)
}

fn run(
    at: Situation<'_>,
    key: ServiceKey,
    role: Role,
    after: Vec<ServiceName>,
    image: &Image,
) -> Result<Change, Reason> {
    let not_ready = |why: &str| Reason::NotReady { service: key.clone(), why: why.to_owned() };
    let draft = draft(at, &key)?;
    let newest = newest(at, &key, draft.is_some_and(|draft| draft.published.is_some()))?;
    let draft = draft.ok_or_else(|| not_ready("its task definition could not be read"))?;
    let rendered = draft.template.render(&key.service, &image.reference());
    let rendered = rendered.map_err(|bad| not_ready(&bad.to_string()))?;
    let target = target(image, rendered.hash, draft.template.hash());
    Ok(Change {
        role,
        ecs_service: at.app.ecs_name(&at.fleet.name, &key),
        after,
        before: newest.map_or_else(|| never(&target), |newest| before(at, &key, newest, draft.before.clone())),
        target,
        configuration: draft.changes.clone(),
        probe: None,
        service: key,
    })
}

/// The newest revision of the task's family. There need be none where its template is published.
fn newest<'a>(at: Situation<'a>, key: &ServiceKey, published: bool) -> Result<Option<&'a Runs>, Reason> {
    let unreadable = |why: &str| Reason::GateUnknown { what: format!("task definition of {key}"), why: why.to_owned() };
    match at.families.get(key) {
        Some(FamilySeen::Active(newest)) => Ok(Some(newest)),
        Some(FamilySeen::Missing) if published => Ok(None),
        Some(FamilySeen::Missing) => {
            let why = format!("ECS has no active task definition of family {}", at.app.ecs_name(&at.fleet.name, key));
            Err(Reason::NotReady { service: key.clone(), why })
        }
        Some(FamilySeen::Unreachable { why }) => Err(unreadable(why)),
        None => Err(unreadable("it was not read")),
    }
}

/// A set that skipped releases gets their migrations too, so the worst of them all counts.
fn worst(at: Situation<'_>, key: &ServiceKey, class: MigrationClass, version: &Version) -> MigrationClass {
    let last = at.state.services.get(key);
    let is_new = |of: &Migration| {
        last.is_none_or(|last| of.version > last.release && last.runs.digest.as_ref() != Some(&of.digest))
    };
    let skipped = at.migrations.iter().filter(|of| of.task == key.service && of.version <= *version && is_new(of));
    skipped.map(|migration| migration.class).fold(class, MigrationClass::max)
}

/// What was there before the first run: nothing that could be named, or that anybody could go back to.
fn never(target: &Target) -> Target {
    Target {
        hash: target.hash.clone(),
        task_definition: None,
        template: None,
        digest: None,
        version: None,
        tasks: None,
    }
}

fn before(at: Situation<'_>, key: &ServiceKey, newest: &Runs, template: Option<ContentHash>) -> Target {
    let recorded = at.state.services.get(key).filter(|state| state.runs.digest == newest.digest);
    Target {
        hash: newest.hash.clone(),
        task_definition: Some(newest.task_definition.clone()),
        template,
        digest: newest.digest.clone(),
        version: recorded.and_then(|state| state.runs.version.clone()),
        tasks: None,
    }
}
