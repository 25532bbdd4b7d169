//! Reading the records. What is not there is `None`; what is there and cannot be read is an error, since a
//! decision made without it could be wrong.

use async_trait::async_trait;

use super::GitHubLedger;
use crate::adapters::github::files::{self, BRANCH, CommitFile, EventFile, FINAL, FinalFile};
use crate::domain::directive::Decided;
use crate::domain::gate::WaveReport;
use crate::domain::ids::{CommitSha, ContentHash, FleetName, Version};
use crate::domain::ledger::{FleetState, RolloutRecord};
use crate::domain::plan::{PLAN_SCHEMA, Plan};
use crate::domain::release::Release;
use crate::ports::{Fault, LedgerReader, PortError, PortResult};

#[async_trait]
impl LedgerReader for GitHubLedger {
    async fn rollouts(&self, fleet: &FleetName) -> PortResult<Vec<RolloutRecord>> {
        self.recorded_rollouts(fleet).await
    }

    async fn plan(&self, hash: &ContentHash) -> PortResult<Plan> {
        let refuse = |why: &str| PortError::new(Fault::Refused, format!("reading plan {}", hash.short()), why);
        let bytes = self.github.file(&files::plan(hash), BRANCH).await?;
        let bytes = bytes.ok_or_else(|| refuse("no such plan is recorded"))?;
        if ContentHash::of(&bytes) != *hash {
            return Err(refuse("record does not check: its content has another hash"));
        }
        let plan: Plan =
            serde_json::from_slice(&bytes).map_err(|error| refuse(&format!("record does not check: {error}")))?;
        if plan.schema != PLAN_SCHEMA {
            let why =
                format!("record does not check: it has form {}, and this tidegate reads {PLAN_SCHEMA}", plan.schema);
            return Err(refuse(&why));
        }
        // The bytes may be right and mean less to this version than to the one that wrote them.
        if plan.hash() != *hash {
            return Err(refuse("record does not check: another version of tidegate wrote it"));
        }
        Ok(plan)
    }

    async fn release_of(&self, commit: &CommitSha) -> PortResult<Option<Release>> {
        let built: Option<CommitFile> = self.github.record(&files::commit(commit), BRANCH).await?;
        let Some(built) = built else { return Ok(None) };
        let release = self.release(&built.version).await?;
        match release {
            Some(release) if release.commit != *commit => {
                Err(misfiled(&files::commit(commit), &format!("{} was built from {}", built.version, release.commit)))
            }
            release => Ok(release),
        }
    }

    async fn release(&self, version: &Version) -> PortResult<Option<Release>> {
        let built: Option<FinalFile> = match version.is_prerelease() {
            true => None,
            false => self.github.record(&files::final_version(version), BRANCH).await?,
        };
        let version = built.as_ref().map_or(version, |file| &file.release);
        let path = files::release(version);
        let release: Option<Release> = self.github.record(&path, BRANCH).await?;
        match release {
            Some(release) if release.version != *version => {
                Err(misfiled(&path, &format!("it is release {}", release.version)))
            }
            release => Ok(release),
        }
    }

    async fn final_versions(&self) -> PortResult<Vec<Version>> {
        let names = self.github.directory(FINAL, BRANCH).await?;
        let mut versions: Vec<Version> = names.iter().filter_map(|name| files::version_of(name)).collect();
        versions.sort();
        Ok(versions)
    }

    async fn fleet_state(&self, fleet: &FleetName) -> PortResult<FleetState> {
        self.github.fleet_state_at(fleet, BRANCH).await
    }

    async fn findings(&self, rollout: &RolloutRecord) -> PortResult<Vec<WaveReport>> {
        let mut found = Vec::new();
        for entry in rollout.entries.iter().filter(|entry| entry.event.decides()) {
            let path = files::event(rollout.id, entry.seq);
            let file: Option<EventFile> = self.github.record(&path, BRANCH).await?;
            found.extend(file.and_then(|file| file.result).and_then(|result| result.gates));
        }
        Ok(found)
    }

    async fn decided(&self, fleet: &FleetName) -> PortResult<Vec<Decided>> {
        Ok(self.github.record(&files::directives(fleet), BRANCH).await?.unwrap_or_default())
    }
}

/// A record that is not what its name says.
fn misfiled(path: &str, why: &str) -> PortError {
    PortError::new(Fault::Refused, format!("reading {path}"), format!("record does not check: {why}"))
}
