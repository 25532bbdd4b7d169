//! The ledger: which records a rollout has, and in which order they are made.
//!
//! | What | Where | When |
//! |---|---|---|
//! | plan | file `plans/<hash>.json` | before the deployment that names its hash |
//! | intent | deployment, with its payload | before anything is changed in the fleet |
//! | event | file `rollouts/<id>/<seq>.json`, then a status that names its commit | after it was observed |
//! | a wave begins and the one before passed | that file alone; the next status tells when | before the wave is changed |
//! | how services stand | file `fleets/<fleet>.json`, in the commit of the event | with the event |
//!
//! GitHub counts writes, and each wave has two: a status once it is up, whose line has all of it, and the file with what
//! its gates found, which is also the intent of the next wave. Where there is a file and a line, the file comes first, so
//! that a line never names what is not there. A process that ends between the two leaves a file that no line names; the
//! next one may replace it.

mod reader;
mod rollouts;
mod writer;

use super::client::GitHub;

/// Records at GitHub.
#[derive(Clone, Debug)]
pub struct GitHubLedger {
    github: GitHub,
}

impl GitHubLedger {
    /// The ledger of this repository.
    pub fn new(github: GitHub) -> Self {
        Self { github }
    }
}
