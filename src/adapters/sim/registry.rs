//! The ports to sources, builds and images, on the simulated world.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Sim;
use super::service::Fault;
use super::world::World;
use crate::domain::ids::{ContentHash, ImageDigest, ImageTag, ServiceName, Version};
use crate::domain::service::Build;
use crate::ports::{
    self, BuildOrder, FoundImage, ImageBuilder, ImageQuery, ImageReader, ImageTagger, LineSink, PortError, PortResult,
    SourceReader,
};

/// An image in the simulated registry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredImage {
    pub(super) digest: ImageDigest,
    pub(super) tags: Vec<ImageTag>,
    /// The version the service answers.
    pub(super) built_as: Version,
    /// What it does wrong.
    pub(super) faults: Vec<Fault>,
}

#[async_trait]
impl SourceReader for Sim {
    async fn content_address(&self, build: &Build, platforms: &[String]) -> PortResult<ContentHash> {
        let world = self.world();
        let revisions = std::iter::once(&build.context).chain(&build.inputs).map(|folder| {
            let revision = world.revisions.get(folder).copied().unwrap_or_default();
            format!("{folder}@{revision}")
        });
        let parts: Vec<String> = revisions.chain(platforms.iter().cloned()).collect();
        Ok(ContentHash::of(parts.join("\n").as_bytes()))
    }
}

#[async_trait]
impl ImageReader for Sim {
    async fn find(&self, queries: &[ImageQuery]) -> PortResult<BTreeMap<ServiceName, FoundImage>> {
        let mut world = self.world();
        queries.iter().for_each(|_| world.count("ECR DescribeImages"));
        let found = queries.iter().filter_map(|query| {
            let image = by_tag(&world, &query.repository, &query.tag)?;
            Some((query.service.clone(), FoundImage { digest: image.digest.clone(), tags: image.tags.clone() }))
        });
        Ok(found.collect())
    }

    async fn present(&self, repository: &str, digests: &[ImageDigest]) -> PortResult<Vec<ImageDigest>> {
        let mut world = self.world();
        world.count("ECR BatchGetImage");
        let there = world.images.get(repository).map(Vec::as_slice).unwrap_or_default();
        Ok(digests.iter().filter(|digest| there.iter().any(|image| &image.digest == *digest)).cloned().collect())
    }
}

#[async_trait]
impl ImageBuilder for Sim {
    async fn build(&self, order: &BuildOrder, lines: LineSink<'_>) -> PortResult<()> {
        let mut world = self.world();
        world.count("image build");
        let faults = world.faults.get(&order.build.context).cloned().unwrap_or_default();
        let digest = World::digest(&format!("{} {:?} {}", order.repository, order.tags, order.version));
        let image = StoredImage { digest, tags: order.tags.clone(), built_as: order.version.clone(), faults };
        world.images.entry(order.repository.clone()).or_default().push(image);
        drop(world);
        lines("simulated build");
        Ok(())
    }
}

#[async_trait]
impl ImageTagger for Sim {
    async fn tag(&self, repository: &str, digest: &ImageDigest, tag: &ImageTag) -> PortResult<()> {
        let mut world = self.world();
        world.count("ECR PutImage");
        let doing = || format!("tagging {repository}@{digest} as {tag}");
        if let Some(other) = by_tag(&world, repository, tag).filter(|image| &image.digest != digest) {
            let why = format!("the tag is on {} already", other.digest);
            return Err(PortError::new(ports::Fault::Conflict, doing(), why));
        }
        let images = world.images.entry(repository.to_owned()).or_default();
        let image = images.iter_mut().find(|image| &image.digest == digest);
        let image = image.ok_or_else(|| PortError::new(ports::Fault::Refused, doing(), "there is no such image"))?;
        if !image.tags.contains(tag) {
            image.tags.push(tag.clone());
        }
        Ok(())
    }
}

fn by_tag<'a>(world: &'a World, repository: &str, tag: &ImageTag) -> Option<&'a StoredImage> {
    world.images.get(repository)?.iter().find(|image| image.tags.contains(tag))
}
