//! What lies where on the state branch, and in which form. Names are made here only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{CommitSha, ContentHash, FleetName, Version};
use crate::domain::ledger::{RolloutId, WaveResult};
use crate::domain::rollout::Event;

/// The branch. It shares no commit with the source.
pub(super) const BRANCH: &str = "tidegate-state";

/// The directory of final versions.
pub(super) const FINAL: &str = "final";

/// Version of the forms below.
pub(super) const SCHEMA: u32 = 1;

/// Which release was built from a commit.
#[derive(Serialize, Deserialize)]
pub(super) struct CommitFile {
    pub(super) version: Version,
}

/// Which release got a final version.
#[derive(Serialize, Deserialize)]
pub(super) struct FinalFile {
    pub(super) version: Version,
    pub(super) release: Version,
    pub(super) commit: CommitSha,
}

/// An event, whole, and how the services of its wave stood. The status line has only its short form.
#[derive(Serialize, Deserialize)]
pub(super) struct EventFile {
    pub(super) schema: u32,
    pub(super) seq: u32,
    pub(super) event: Event,
    /// When that was, of an event that has no line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
    pub(super) result: Option<WaveResult>,
}

pub(super) fn release(version: &Version) -> String {
    format!("releases/{version}.json")
}

pub(super) fn commit(commit: &CommitSha) -> String {
    format!("commits/{commit}.json")
}

pub(super) fn final_version(version: &Version) -> String {
    format!("{FINAL}/{version}.json")
}

/// The version that a file of [`FINAL`] is about; none if its name is no version's.
pub(super) fn version_of(name: &str) -> Option<Version> {
    name.strip_suffix(".json")?.parse().ok()
}

pub(super) fn plan(hash: &ContentHash) -> String {
    format!("plans/{hash}.json")
}

pub(super) fn event(rollout: RolloutId, seq: u32) -> String {
    format!("rollouts/{}/{seq}.json", rollout.0)
}

pub(super) fn fleet(fleet: &FleetName) -> String {
    format!("fleets/{fleet}.json")
}

pub(super) fn directives(fleet: &FleetName) -> String {
    format!("directives/{fleet}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_version_is_read_back_from_its_name() {
        let version: Version = "1.4.1".parse().unwrap();
        assert_eq!(version_of(final_version(&version).strip_prefix("final/").unwrap()), Some(version));
        assert_eq!(version_of("README.md"), None);
    }
}
