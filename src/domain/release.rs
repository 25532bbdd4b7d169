//! A release: what exactly is rolled out. It names digests, never tags, and never changes once it is recorded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{CommitSha, ContentHash, ImageDigest, ServiceName, Version};
use super::service::MigrationClass;

/// A version, the commit it was built from and one image per service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The version under which it is known in every fleet.
    pub version: Version,
    /// The commit that was built.
    pub commit: CommitSha,
    /// What each service runs, the control plane's services included.
    pub images: BTreeMap<ServiceName, Image>,
}

/// One image of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Registry host and repository, without tag or digest.
    pub repository: String,
    /// The identity of the bytes.
    pub digest: ImageDigest,
    /// Hash of everything that went into the build; equal content is not built twice.
    pub content: ContentHash,
    /// The version the bytes were built as, which is what the running service answers. It is older than the
    /// release's version where the service did not change.
    pub built_as: Version,
    /// What it does to older versions, for the image of a one-shot task. Part of the release, because whoever promotes
    /// it later may have another fleet.yaml before them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<MigrationClass>,
}

impl Image {
    /// The only form in which an image reaches a task definition: `repository@sha256:...`.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }
}
