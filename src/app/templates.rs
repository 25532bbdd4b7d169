//! What the next task definitions are made from: what Terraform publishes of a set, or, where its cell names no place
//! for that, what runs. Read for a plan, and found again by its hash when the plan is carried out.

use std::collections::BTreeMap;

use super::observe::FleetView;
use super::{App, Readers};
use crate::domain::fleet::{Address, Application, Fleet, ServiceSet};
use crate::domain::ids::{FleetName, ServiceKey, SetId};
use crate::domain::plan::Change;
use crate::domain::published::{Draft, Published, PublishedSeen, draft, wanted};
use crate::domain::reason::Reason;
use crate::domain::snapshot::{FamilySeen, Runs, ServiceSeen};
use crate::domain::template::Template;
use crate::ports::{Fault, PortError, PortResult};

/// The drafts of every service and task of these sets. With `back` they are made from what runs: going back must not
/// bring a configuration that was never there, nor depend on anything more than it has to.
pub(super) async fn drafts(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    sets: &[&ServiceSet],
    seen: &FleetView,
    back: bool,
) -> BTreeMap<ServiceKey, Result<Draft, Reason>> {
    let named: Vec<_> = match back {
        true => Vec::new(),
        false => sets.iter().filter_map(|set| wanted(application, fleet, &set.id)).collect(),
    };
    let found = if named.is_empty() { BTreeMap::new() } else { readers.manifests.published(&named).await };
    let not_read = PublishedSeen::Unreachable { why: "it was not read".to_owned() };
    let manifests: BTreeMap<&SetId, Result<&Published, Reason>> =
        named.iter().map(|set| (&set.set, usable(&set.set, found.get(&set.set).unwrap_or(&not_read)))).collect();
    let mut drafts = BTreeMap::new();
    for set in sets {
        for service in application.services_of(&set.id) {
            let key = ServiceKey::new(&set.id, &service.name);
            let Some(address) = application.address(fleet, &key) else { continue };
            let published = match manifests.get(&set.id).cloned().transpose() {
                Ok(published) => published,
                Err(reason) => {
                    drafts.insert(key, Err(reason));
                    continue;
                }
            };
            let runs = match runs(seen, &key) {
                // Observing read each task definition already, so these come out of the adapter's memory.
                Some(runs) => match readers.fleet.task_definition(&address.cell, &runs.task_definition).await {
                    Ok(revision) => Some(revision),
                    // Whether what is published differs from it is not known, and not known is no "no".
                    Err(error) if published.is_some() => {
                        let what = format!("task definition of {key}");
                        drafts.insert(key, Err(Reason::GateUnknown { what, why: error.to_string() }));
                        continue;
                    }
                    Err(_) => None,
                },
                None => None,
            };
            match (draft(&service.name, runs.as_deref(), published), published) {
                (Ok(draft), _) => drop(drafts.insert(key, Ok(draft))),
                (Err(why), Some(_)) => {
                    let why = format!("{}: {why}", service.name);
                    drafts.insert(key, Err(Reason::BadManifest { set: set.id.clone(), why }));
                }
                // Only a change needs it, and says so.
                (Err(_), None) => {}
            }
        }
    }
    drafts
}

fn usable<'a>(set: &SetId, seen: &'a PublishedSeen) -> Result<&'a Published, Reason> {
    match seen {
        PublishedSeen::Is(published) => Ok(published),
        PublishedSeen::Bad { why } => Err(Reason::BadManifest { set: set.clone(), why: why.clone() }),
        PublishedSeen::Unreachable { why } => {
            Err(Reason::GateUnknown { what: format!("manifest of {set}"), why: why.clone() })
        }
    }
}

/// What a service runs, or the newest revision of a task's family.
fn runs<'a>(seen: &'a FleetView, key: &ServiceKey) -> Option<&'a Runs> {
    match (seen.live.get(key), seen.families.get(key)) {
        (Some(ServiceSeen::Live(live)), _) => Some(&live.runs),
        (_, Some(FamilySeen::Active(newest))) => Some(newest),
        _ => None,
    }
}

/// The template that a change was planned with: what ran before it, or what was published then.
///
/// # Errors
/// Neither is, or it could not be found out.
pub(super) async fn planned(
    app: &App,
    fleet: &FleetName,
    address: &Address,
    change: &Change,
) -> PortResult<(Template, Option<jiff::Timestamp>)> {
    let refused = |why: &str| PortError::new(Fault::Refused, format!("rendering {}", change.service), why);
    let hash = change.target.template.as_ref().ok_or_else(|| refused("the plan names no template"))?;
    let service = &change.service.service;
    if let Some(before) = &change.before.task_definition {
        let runs = app.readers.fleet.task_definition(&address.cell, before).await?;
        if let Ok(template) = Template::from_task_definition(&runs.definition, service)
            && template.hash() == *hash
        {
            return Ok((template, None));
        }
    }
    let fleet = app.application.fleet(fleet);
    let set = fleet.and_then(|fleet| wanted(&app.application, fleet, &change.service.set));
    let set = set.ok_or_else(|| refused("its template is not what it was when the plan was made"))?;
    let published = app.readers.manifests.template(&set, service, hash).await?;
    let published = published.map(|(template, at)| (template, Some(at)));
    published.ok_or_else(|| refused("Terraform has published another template since the plan was made"))
}
