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

/// The version of the next release.
///
/// The core is the newest one not yet released for good: merges keep building `1.4.1-main.N` until `1.4.1` is
/// promoted to the last fleet, and `1.4.2-main.N` from then on. `released` are the versions that were.
///
/// # Errors
/// The run number and commit make no SemVer prerelease; cannot happen for values of these types.
pub fn next_version(
    released: impl IntoIterator<Item = Version>,
    branch: &str,
    run: u64,
    commit: &CommitSha,
) -> Result<Version, semver::Error> {
    let newest = released.into_iter().map(|v| v.core()).max();
    let core = newest.map_or((0, 1, 0), |(major, minor, patch)| (major, minor, patch + 1));
    Version::new(core, &format!("{branch}.{run}.{}", alphanumeric(commit.short())))
}

/// SemVer reads an identifier of digits as a number and refuses leading zeros, and one commit in 27 begins
/// with seven digits: those get a `g` before them, as `git describe` writes.
fn alphanumeric(short: &str) -> String {
    if short.bytes().all(|b| b.is_ascii_digit()) { format!("g{short}") } else { short.to_owned() }
}

/// The version a release gets for good when it reaches the last fleet: its own core, or the next free patch
/// if an earlier promotion already took that.
pub fn final_version(release: &Version, released: &[Version]) -> Version {
    let (major, minor, mut patch) = release.core();
    while released.iter().any(|v| v.core() == (major, minor, patch)) {
        patch += 1;
    }
    Version::new((major, minor, patch), "").unwrap_or_else(|_| release.without_prerelease())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(short: &str) -> CommitSha {
        format!("{short:0<40}").parse().unwrap()
    }

    fn versions(texts: &[&str]) -> Vec<Version> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    #[test]
    fn merges_count_up_to_the_next_release() {
        let next =
            |released: &[&str]| next_version(versions(released), "main", 57, &commit("ab12cd3")).unwrap().to_string();
        assert_eq!(next(&[]), "0.1.0-main.57.ab12cd3");
        assert_eq!(next(&["1.4.0", "1.3.9"]), "1.4.1-main.57.ab12cd3");
    }

    #[test]
    fn a_commit_of_digits_is_still_semver() {
        let version = next_version([], "main", 1, &commit("0123456")).unwrap();
        assert_eq!(version.to_string(), "0.1.0-main.1.g0123456");
        assert_eq!(version.to_string().parse::<Version>().unwrap(), version);
    }

    #[test]
    fn two_builds_of_one_core_get_two_final_versions() {
        let release = "1.4.1-main.58.ab12cd3".parse().unwrap();
        assert_eq!(final_version(&release, &versions(&["1.4.0"])).to_string(), "1.4.1");
        assert_eq!(final_version(&release, &versions(&["1.4.0", "1.4.1"])).to_string(), "1.4.2");
    }
}
