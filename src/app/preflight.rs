//! Looking at a wave before its first change: the services as they are, the images they are to get, and whether
//! what they run now could be deployed again.

use std::collections::{BTreeMap, BTreeSet};

use super::Readers;
use crate::domain::fleet::{Address, Application, Fleet};
use crate::domain::ids::{ImageDigest, ServiceKey, TaskDefinitionArn};
use crate::domain::plan::Change;
use crate::domain::snapshot::{Ahead, Availability, FamilySeen, ServiceSeen, TaskAhead};

/// Looks at every service of these changes; one-shot tasks are for [`look_at_tasks`].
pub(super) async fn look(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    changes: &[Change],
) -> BTreeMap<ServiceKey, Ahead> {
    let changes: Vec<&Change> = changes.iter().filter(|change| !change.is_task()).collect();
    let addresses: Vec<Address> =
        changes.iter().filter_map(|change| application.address(fleet, &change.service)).collect();
    let mut live = readers.fleet.observe(&addresses).await;
    let images = images(readers, application, &changes).await;
    let mut ways_back = readers.way_back.usable(&revisions(&changes, addresses)).await;
    let ahead = changes.iter().map(|change| {
        let live = live.remove(&change.service);
        let live = live.unwrap_or_else(|| ServiceSeen::Unreachable { why: "it was not read".to_owned() });
        let ahead = Ahead {
            live,
            image: image_of(change, &images),
            way_back: ways_back.remove(&change.service).unwrap_or_else(not_asked),
        };
        (change.service.clone(), ahead)
    });
    ahead.collect()
}

/// Looks at every one-shot task of these changes.
pub(super) async fn look_at_tasks(
    readers: &Readers,
    application: &Application,
    fleet: &Fleet,
    changes: &[Change],
) -> BTreeMap<ServiceKey, TaskAhead> {
    let changes: Vec<&Change> = changes.iter().filter(|change| change.is_task()).collect();
    if changes.is_empty() {
        return BTreeMap::new();
    }
    let addresses: Vec<Address> =
        changes.iter().filter_map(|change| application.address(fleet, &change.service)).collect();
    let mut families = readers.tasks.families(&addresses).await;
    let images = images(readers, application, &changes).await;
    let ahead = changes.iter().map(|change| {
        let family = families.remove(&change.service);
        let family = family.unwrap_or_else(|| FamilySeen::Unreachable { why: "it was not read".to_owned() });
        (change.service.clone(), TaskAhead { family, image: image_of(change, &images) })
    });
    ahead.collect()
}

fn image_of(change: &Change, images: &BTreeMap<ImageDigest, Availability>) -> Availability {
    let image = change.target.digest.as_ref().and_then(|digest| images.get(digest)).cloned();
    image.unwrap_or_else(not_asked)
}

fn not_asked() -> Availability {
    Availability::Unknown { why: "it was not asked for".to_owned() }
}

/// What each service runs before, where it is found.
fn revisions(changes: &[&Change], addresses: Vec<Address>) -> Vec<(Address, TaskDefinitionArn)> {
    let before = |address: Address| {
        let change = changes.iter().find(|change| change.service == address.service)?;
        Some((address, change.before.task_definition.clone()?))
    };
    addresses.into_iter().filter_map(before).collect()
}

/// Which images of the wave the registry has; one question a repository, whatever the number of tenants.
async fn images(
    readers: &Readers,
    application: &Application,
    changes: &[&Change],
) -> BTreeMap<ImageDigest, Availability> {
    let mut wanted: BTreeMap<String, BTreeSet<ImageDigest>> = BTreeMap::new();
    for change in changes {
        let repository = application.repository(&change.service.service);
        wanted.entry(repository).or_default().extend(change.target.digest.clone());
    }
    let mut images = BTreeMap::new();
    for (repository, digests) in wanted {
        let digests: Vec<ImageDigest> = digests.into_iter().collect();
        let there = readers.images.present(&repository, &digests).await;
        for digest in digests {
            let availability = match &there {
                Ok(there) if there.contains(&digest) => Availability::Yes,
                Ok(_) => Availability::No { why: "the registry does not have it".to_owned() },
                Err(error) => Availability::Unknown { why: error.to_string() },
            };
            images.insert(digest, availability);
        }
    }
    images
}
