//! `build`: from a commit to a recorded release. What the registry has by content is not built again, and a
//! commit that was released before is not released twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::progress::Progress;
use super::{App, Stop};
use crate::domain::fleet::Bumping;
use crate::domain::ids::{CommitSha, ContentHash, ImageDigest, ImageTag, ServiceName, Version};
use crate::domain::merged::History;
use crate::domain::release::{Image, Release};
use crate::domain::service::{Role, Service};
use crate::domain::versioning::{bump, next_version};
use crate::ports::{BuildOrder, Fault, FoundImage, ImageQuery, PortError};

/// What is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The commit that is checked out.
    pub commit: CommitSha,
    /// The branch, for the version.
    pub branch: String,
    /// Number of the workflow run, for the version. A re-run of a run has the same one.
    pub run_number: u64,
}

/// Builds, pushes and records the release of a commit.
///
/// # Errors
/// A build failed, or the registry or the records did not answer. Nothing is recorded then, and images that
/// were pushed are found by their content next time.
pub async fn build(app: &App, request: &Request) -> Result<Release, Stop> {
    if let Some(release) = app.readers.ledger.release_of(&request.commit).await? {
        return Ok(release);
    }
    let version = version(app, request).await?;
    let queries = queries(app).await?;
    let found = app.readers.images.find(&queries.values().map(|(query, _)| query.clone()).collect::<Vec<_>>()).await?;
    let mut images = BTreeMap::new();
    let mut builds = JoinSet::new();
    for service in app.application.all_services() {
        let Some((query, content)) = queries.get(&service.name).cloned() else { continue };
        match found.get(&service.name) {
            Some(there) => {
                let image = reuse(app, &query, content, there, &version).await?;
                images.insert(service.name.clone(), image);
            }
            None => drop(builds.spawn(fresh(app.clone(), service.clone(), query, content, version.clone()))),
        }
    }
    while let Some(built) = builds.join_next().await {
        let (service, image) = built.map_err(|panic| Stop::Bug(panic.to_string()))??;
        images.insert(service, image);
    }
    for service in app.application.all_services() {
        if let (Role::Task { class }, Some(image)) = (service.role, images.get_mut(&service.name)) {
            image.class = Some(class);
        }
    }
    let release = Release { version, commit: request.commit.clone(), images };
    app.writers.ledger.publish(&release).await?;
    note(app, Progress::Released { version: release.version.clone() });
    Ok(release)
}

/// The version of this build, by what was merged since the newest one that was given for good.
async fn version(app: &App, request: &Request) -> Result<Version, Stop> {
    let newest = app.readers.ledger.final_versions().await?.into_iter().max();
    let by = app.application.versioning.bump;
    let history = match &newest {
        Some(newest) if by != Bumping::Patch => {
            let since = app.readers.ledger.release(newest).await?.map(|release| release.commit);
            app.readers.pulls.history(&request.commit, since.as_ref()).await?
        }
        _ => History::default(),
    };
    let bump = bump(by, &history, newest.as_ref());
    next_version(newest.as_ref(), bump, &request.branch, request.run_number, &request.commit)
        .map_err(|error| Stop::Bug(error.to_string()))
}

/// For each service its content address and where to look for it.
async fn queries(app: &App) -> Result<BTreeMap<ServiceName, (ImageQuery, ContentHash)>, Stop> {
    let mut queries = BTreeMap::new();
    for service in app.application.all_services() {
        let platforms = &app.application.images.platforms;
        let content = app.readers.source.content_address(&service.build, platforms).await?;
        let query = ImageQuery {
            service: service.name.clone(),
            repository: app.application.repository(&service.name),
            tag: content_tag(&content)?,
        };
        queries.insert(service.name.clone(), (query, content));
    }
    Ok(queries)
}

/// The tag under which an image is found by its content.
fn content_tag(content: &ContentHash) -> Result<ImageTag, Stop> {
    format!("content-{content}").parse().map_err(|bad: crate::domain::ids::BadName| Stop::Bug(bad.to_string()))
}

/// An image that is there already gets the new version as one more tag.
async fn reuse(
    app: &App,
    query: &ImageQuery,
    content: ContentHash,
    there: &FoundImage,
    version: &Version,
) -> Result<Image, Stop> {
    app.writers.tagger.tag(&query.repository, &there.digest, &version.tag()).await?;
    let built_as = built_as(&there.tags).unwrap_or_else(|| version.clone());
    let (service, digest) = (query.service.clone(), there.digest.clone());
    note(app, Progress::Image { service, digest, reused: Some(built_as.clone()) });
    let digest = there.digest.clone();
    Ok(Image { repository: query.repository.clone(), digest, content, built_as, class: None })
}

/// The version that the bytes carry in them: the first under which they were tagged.
fn built_as(tags: &[ImageTag]) -> Option<Version> {
    tags.iter().filter_map(|tag| tag.as_str().parse::<Version>().ok()).min()
}

async fn fresh(
    app: App,
    service: Service,
    query: ImageQuery,
    content: ContentHash,
    version: Version,
) -> Result<(ServiceName, Image), Stop> {
    note(&app, Progress::Building { service: service.name.clone() });
    let order = BuildOrder {
        service: service.name.clone(),
        build: service.build,
        repository: query.repository.clone(),
        tags: vec![query.tag.clone(), version.tag()],
        platforms: app.application.images.platforms.clone(),
        builder: app.application.images.builder,
        version: version.clone(),
    };
    let (observer, clock, name) =
        (Arc::clone(&app.readers.observer), Arc::clone(&app.readers.clock), service.name.clone());
    let lines = move |line: &str| {
        observer.note(clock.now(), &Progress::BuildLine { service: name.clone(), line: line.to_owned() });
    };
    app.writers.builder.build(&order, &lines).await?;
    let digest = read_back(&app, &query).await?;
    note(&app, Progress::Image { service: service.name.clone(), digest: digest.clone(), reused: None });
    Ok((service.name, Image { repository: query.repository, digest, content, built_as: version, class: None }))
}

/// What was pushed, in the registry's words and not the builder's.
async fn read_back(app: &App, query: &ImageQuery) -> Result<ImageDigest, Stop> {
    let found = app.readers.images.find(std::slice::from_ref(query)).await?;
    let missing = || {
        let doing = format!("reading back {}:{}", query.repository, query.tag);
        PortError::new(Fault::Unavailable, doing, "the registry does not have it after the push")
    };
    Ok(found.get(&query.service).ok_or_else(missing)?.digest.clone())
}

fn note(app: &App, progress: Progress) {
    app.readers.observer.note(app.readers.clock.now(), &progress);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_carry_the_first_version_they_were_tagged_with() {
        let tags: Vec<ImageTag> =
            ["content-ab", "1.4.1", "1.4.1-main.9.abc1234", "1.4.1-main.12.def1234"].map(|t| t.parse().unwrap()).into();
        assert_eq!(built_as(&tags).unwrap().to_string(), "1.4.1-main.9.abc1234");
        assert_eq!(built_as(&tags[..1]), None);
    }
}
