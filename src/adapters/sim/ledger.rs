//! The ports to the records, on the simulated world, and the records as files one can open. The files have the
//! names and the content that the GitHub adapter gives them on its state branch.

use std::io;
use std::path::Path;

use async_trait::async_trait;

use super::{Sim, World, write};
use crate::domain::directive::Decided;
use crate::domain::gate::WaveReport;
use crate::domain::ids::{CommitSha, ContentHash, FleetName, Version};
use crate::domain::ledger::{Entry, FleetState, Intent, RolloutId, RolloutRecord, Standing, WaveResult};
use crate::domain::plan::Plan;
use crate::domain::release::Release;
use crate::domain::rollout::Event;
use crate::ports::{Fault, LedgerReader, LedgerWriter, OpenRollout, PortError, PortResult};

#[async_trait]
impl LedgerReader for Sim {
    async fn rollouts(&self, fleet: &FleetName) -> PortResult<Vec<RolloutRecord>> {
        let mut world = self.world();
        world.count("GitHub read");
        Ok(world.rollouts.iter().rev().filter(|r| &r.intent.fleet == fleet).cloned().collect())
    }

    async fn plan(&self, hash: &ContentHash) -> PortResult<Plan> {
        let mut world = self.world();
        world.count("GitHub read");
        let plan = world.plans.get(hash).cloned();
        plan.ok_or_else(|| PortError::new(Fault::Refused, format!("reading plan {hash}"), "there is none"))
    }

    async fn release_of(&self, commit: &CommitSha) -> PortResult<Option<Release>> {
        let mut world = self.world();
        world.count("GitHub read");
        Ok(world.releases.values().find(|release| &release.commit == commit).cloned())
    }

    async fn release(&self, version: &Version) -> PortResult<Option<Release>> {
        let mut world = self.world();
        world.count("GitHub read");
        let version = world.finals.get(version).unwrap_or(version).clone();
        Ok(world.releases.get(&version).cloned())
    }

    async fn final_versions(&self) -> PortResult<Vec<Version>> {
        let mut world = self.world();
        world.count("GitHub read");
        Ok(world.finals.keys().cloned().collect())
    }

    async fn fleet_state(&self, fleet: &FleetName) -> PortResult<FleetState> {
        let mut world = self.world();
        world.count("GitHub read");
        Ok(world.states.get(fleet).cloned().unwrap_or_default())
    }

    async fn findings(&self, rollout: &RolloutRecord) -> PortResult<Vec<WaveReport>> {
        let mut world = self.world();
        world.count("GitHub read");
        Ok(world.findings.get(&rollout.id).cloned().unwrap_or_default())
    }

    async fn decided(&self, fleet: &FleetName) -> PortResult<Vec<Decided>> {
        let mut world = self.world();
        world.count("GitHub read");
        Ok(world.decided.get(fleet).cloned().unwrap_or_default())
    }
}

#[async_trait]
impl LedgerWriter for Sim {
    async fn publish(&self, release: &Release) -> PortResult<()> {
        let mut world = self.world();
        world.count("GitHub write");
        world.releases.insert(release.version.clone(), release.clone());
        Ok(())
    }

    async fn finalise(&self, release: &Release, version: &Version) -> PortResult<()> {
        let mut world = self.world();
        world.count("GitHub write");
        world.finals.insert(version.clone(), release.version.clone());
        Ok(())
    }

    async fn open(&self, plan: &Plan, intent: &Intent) -> PortResult<RolloutRecord> {
        let mut world = self.world();
        // The plan's commit and the deployment.
        (0..2).for_each(|_| world.count("GitHub write"));
        world.plans.insert(intent.plan.clone(), plan.clone());
        // As on GitHub, a request that is repeated finds what the first one opened.
        let known = world.rollouts.iter().rev().find(|known| known.intent.plan == intent.plan && is_open(known));
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let (id, opened_at) = (RolloutId(world.rollouts.len() as u64 + 1), world.now);
        let record = RolloutRecord { id, opened_at, intent: intent.clone(), entries: Vec::new() };
        world.rollouts.push(record.clone());
        Ok(record)
    }

    async fn decide(&self, fleet: &FleetName, decided: &Decided) -> PortResult<()> {
        let mut world = self.world();
        world.count("GitHub write");
        let known = world.decided.entry(fleet.clone()).or_default();
        if known.last().map_or(0, |last| last.seq) + 1 != decided.seq {
            let doing = format!("recording decision {} about {fleet}", decided.seq);
            return Err(PortError::new(Fault::Conflict, doing, "somebody else decided meanwhile"));
        }
        known.push(decided.clone());
        Ok(())
    }

    async fn append(
        &self,
        proof: &OpenRollout,
        seq: u32,
        event: &Event,
        result: Option<&WaveResult>,
    ) -> PortResult<()> {
        let mut world = self.world();
        // A status, a commit on the state branch, or both.
        let both = result.is_some() && !matches!(event, Event::WaveStarted { .. });
        (0..=u8::from(both)).for_each(|_| world.count("GitHub write"));
        let at = world.now;
        let fleet = proof.record().intent.fleet.clone();
        let doing = || format!("recording event {seq} of rollout {}", proof.id().0);
        let record = world.rollouts.iter_mut().find(|record| record.id == proof.id());
        let record = record.ok_or_else(|| PortError::new(Fault::Refused, doing(), "there is no such rollout"))?;
        if record.entries.last().map_or(0, |entry| entry.seq) + 1 != seq {
            return Err(PortError::new(Fault::Conflict, doing(), "somebody else recorded it"));
        }
        record.entries.push(Entry { seq, at, event: event.clone() });
        if let Some(result) = result {
            let state = world.states.entry(fleet).or_default();
            state.services.extend(result.services.clone());
            world.findings.entry(proof.id()).or_default().extend(result.gates.clone());
        }
        Ok(())
    }
}

fn is_open(record: &RolloutRecord) -> bool {
    matches!(record.standing(), Standing::Open(_))
}

/// Writes the records into a folder.
pub(super) fn write_files(world: &World, folder: &Path) -> io::Result<()> {
    for record in &world.rollouts {
        let name = format!("rollouts/{:04}-{}-{}.json", record.id.0, record.intent.fleet, record.intent.version);
        write(&folder.join(name), &serde_json::to_string_pretty(record)?)?;
    }
    for (hash, plan) in &world.plans {
        write(&folder.join(format!("plans/{hash}.json")), &serde_json::to_string_pretty(plan)?)?;
    }
    for (version, release) in &world.releases {
        write(&folder.join(format!("releases/{version}.json")), &serde_json::to_string_pretty(release)?)?;
    }
    for (pull, comment) in &world.comments {
        write(&folder.join(format!("pulls/{pull}.md")), comment)?;
    }
    for (version, notes) in &world.announced {
        write(&folder.join(format!("releases/v{version}.md")), notes)?;
    }
    for (fleet, state) in &world.states {
        write(&folder.join(format!("fleets/{fleet}.json")), &serde_json::to_string_pretty(state)?)?;
    }
    Ok(())
}
