//! The ledger: which records a rollout has, and in which order they are made.
//!
//! | What | Where | When |
//! |---|---|---|
//! | plan | file `plans/<hash>.json` | before the deployment that names its hash |
//! | intent | deployment, with its payload | before anything is changed in the fleet |
//! | event | file `rollouts/<id>/<seq>.json`, then a status that names its commit | after it was observed |
//! | how services stand | file `fleets/<fleet>.json`, in the commit of the event | with the event |
//!
//! The beginning of a wave is whole in its line and has no file, which saves a write for each wave. Any other file
//! comes before the line, so a line never names what is not there. A process that ends between the two leaves a file
//! that no line names; the next one may replace it.

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
