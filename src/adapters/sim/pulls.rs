//! Pull requests, comments and announced versions of the simulated world.

use async_trait::async_trait;

use super::{Sim, World};
use crate::domain::ids::{CommitSha, Version};
use crate::domain::merged::{History, Merged, PullRequest};
use crate::ports::{PortResult, PullReader, PullWriter, ReleaseWriter};

impl World {
    /// Lets a pull request be there, in the place of the one of its number.
    pub fn pull(&mut self, pull: PullRequest) {
        self.pulls.insert(pull.number, pull);
    }
}

#[async_trait]
impl PullReader for Sim {
    async fn pull(&self, number: u64) -> PortResult<Option<PullRequest>> {
        let mut world = self.world();
        world.count("GitHub read");
        Ok(world.pulls.get(&number).cloned())
    }

    /// The simulated repository has one line of pull requests, in the order of their numbers.
    async fn history(&self, until: &CommitSha, since: Option<&CommitSha>) -> PortResult<History> {
        let mut world = self.world();
        world.count("GitHub read");
        let merged = world.pulls.values().rev().filter_map(|pull| {
            let commit = pull.merge_commit.clone()?;
            Some(Merged { commit, message: pull.title.clone(), pull: Some(pull.clone()) })
        });
        let merged = merged
            .skip_while(|merged| merged.commit != *until)
            .take_while(|merged| Some(&merged.commit) != since)
            .collect();
        Ok(History { merged, cut: false })
    }
}

#[async_trait]
impl PullWriter for Sim {
    async fn comment(&self, pull: u64, body: &str) -> PortResult<()> {
        let mut world = self.world();
        world.count("GitHub write");
        world.comments.insert(pull, body.to_owned());
        Ok(())
    }
}

#[async_trait]
impl ReleaseWriter for Sim {
    async fn announce(&self, version: &Version, _commit: &CommitSha, notes: &str) -> PortResult<()> {
        let mut world = self.world();
        world.count("GitHub write");
        world.announced.entry(version.clone()).or_insert_with(|| notes.to_owned());
        Ok(())
    }
}
