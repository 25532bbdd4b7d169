//! Deployments and their statuses: append-only records, and the few rules by which one record
//! changes another.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// After so long without a word, GraphQL calls a pending deployment abandoned.
const PATIENCE: SignedDuration = SignedDuration::from_mins(30);

#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) id: u64,
    pub(crate) sha: String,
    pub(crate) git_ref: String,
    pub(crate) task: String,
    /// Where it is now: a status may move it.
    pub(crate) environment: String,
    pub(crate) original_environment: String,
    /// As sent: an object, or a string.
    pub(crate) payload: Value,
    pub(crate) description: Option<String>,
    pub(crate) production: bool,
    pub(crate) transient: bool,
    pub(crate) creator: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// Oldest first.
    pub(crate) statuses: Vec<DeploymentStatus>,
}

#[derive(Clone, Debug)]
pub(crate) struct DeploymentStatus {
    pub(crate) id: u64,
    pub(crate) state: String,
    pub(crate) description: String,
    pub(crate) log_url: String,
    pub(crate) environment_url: String,
    pub(crate) environment: String,
    pub(crate) creator: String,
    pub(crate) created_at: Timestamp,
}

impl Deployment {
    /// The latest state, in REST's words; none before the first status.
    pub(crate) fn state(&self) -> Option<&str> {
        self.statuses.last().map(|status| status.state.as_str())
    }

    /// The state that GraphQL derives for the deployment as a whole.
    pub(crate) fn overall_state(&self, now: Timestamp) -> String {
        match self.state() {
            Some("success") => "ACTIVE".to_owned(),
            Some("inactive") if self.transient => "DESTROYED".to_owned(),
            None | Some("pending") if now.duration_since(self.updated_at) > PATIENCE => {
                "ABANDONED".to_owned()
            }
            state => state.unwrap_or("pending").to_uppercase(),
        }
    }

    fn add(&mut self, status: DeploymentStatus) {
        self.environment.clone_from(&status.environment);
        self.updated_at = status.created_at;
        self.statuses.push(status);
    }
}

#[derive(Default)]
pub(crate) struct Deployments {
    all: Vec<Deployment>,
    last_id: u64,
}

impl Deployments {
    /// Ids of deployments and statuses grow, and are never used again.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn all(&self) -> &[Deployment] {
        &self.all
    }

    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Deployment> {
        self.all.iter().rev()
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Deployment> {
        self.all.iter().find(|deployment| deployment.id == id)
    }

    pub(crate) fn add(&mut self, deployment: Deployment) {
        self.all.push(deployment);
    }

    /// Appends a status. With `auto_inactive`, a success also puts `inactive` on the prior ones.
    pub(crate) fn add_status(&mut self, id: u64, status: DeploymentStatus, auto_inactive: bool) {
        let succeeds = status.state == "success";
        let Some(deployment) = self.all.iter_mut().find(|known| known.id == id) else {
            return;
        };
        deployment.add(status.clone());
        if succeeds && auto_inactive {
            self.supersede(id, &status);
        }
    }

    /// GitHub spares production and transient deployments, and those that did not succeed.
    fn supersede(&mut self, id: u64, success: &DeploymentStatus) {
        let mut next_id = self.last_id;
        let prior = self.all.iter_mut().filter(|known| known.id < id);
        for deployment in prior.filter(|prior| prior.environment == success.environment) {
            let spared = deployment.production || deployment.transient;
            if !spared && deployment.state() == Some("success") {
                next_id += 1;
                deployment.add(DeploymentStatus {
                    id: next_id,
                    state: "inactive".to_owned(),
                    description: String::new(),
                    log_url: String::new(),
                    environment_url: String::new(),
                    ..success.clone()
                });
            }
        }
        self.last_id = next_id;
    }

    /// Deletes a deployment, unless it is active and there are others; false when refused.
    pub(crate) fn delete(&mut self, id: u64) -> bool {
        let active = self.get(id).and_then(Deployment::state) == Some("success");
        if active && self.all.len() > 1 {
            return false;
        }
        self.all.retain(|deployment| deployment.id != id);
        true
    }
}
