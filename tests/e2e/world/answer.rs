//! What a customer would see: the answer of a tenant's service over HTTP.
//!
//! Services with traffic are asked through the load balancer, by host and path. The worker has
//! none, so its task is asked at its own address, which ECS tells.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::cell::Cell;
use super::layout::{PORT, Place};
use super::problem::{Result, Trying};

const ANSWER_SECONDS_MAX: u64 = 10;

/// One answer; `version` and `tenant` are empty when the body did not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) version: String,
    pub(crate) tenant: String,
    pub(crate) body: String,
}

impl Cell {
    /// Asks the place for its health, as its customers' requests would reach it.
    pub(crate) async fn answer(&self, place: Place) -> Result<Answer> {
        let request = if place.service.traffic {
            let balancer = place.fleet.load_balancer();
            let url = format!("{}/_alb/{balancer}{}", self.url, place.health_path());
            self.http.get(url).header("host", place.host())
        } else {
            self.http.get(format!("http://{}:{PORT}/healthz", self.task_address(place).await?))
        };
        let answer = request.timeout(Duration::from_secs(ANSWER_SECONDS_MAX)).send().await.trying(place)?;
        let status = answer.status().as_u16();
        let body = answer.text().await.trying(place)?;
        let fields: Value = serde_json::from_str(&body).unwrap_or_default();
        let field = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        Ok(Answer { status, version: field("version"), tenant: field("tenant"), body })
    }

    /// The private address of the place's running task, from its network interface.
    async fn task_address(&self, place: Place) -> Result<String> {
        let tasks = self.tasks(place, "RUNNING").await?;
        let address = tasks
            .iter()
            .filter(|task| task["lastStatus"] == "RUNNING")
            .flat_map(|task| task["attachments"].as_array().into_iter().flatten())
            .flat_map(|attachment| attachment["details"].as_array().into_iter().flatten())
            .find(|detail| detail["name"] == "privateIPv4Address")
            .and_then(|detail| detail["value"].as_str());
        Ok(address.trying(format!("address of a running task of {place}"))?.to_owned())
    }

    /// The place's tasks that are meant to be `RUNNING` or `STOPPED`, as DescribeTasks tells them.
    pub(crate) async fn tasks(&self, place: Place, desired: &str) -> Result<Vec<Value>> {
        let cluster = place.fleet.cluster();
        let filter = json!({ "cluster": cluster, "serviceName": place.family(), "desiredStatus": desired });
        let listed = self.ecs_json("ListTasks", &filter).await?;
        let request = json!({ "cluster": cluster, "tasks": listed["taskArns"] });
        let mut described = self.ecs_json("DescribeTasks", &request).await?;
        Ok(described["tasks"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }
}

impl Answer {
    pub(crate) fn is(&self, status: u16, version: &str) -> bool {
        self.status == status && self.version == version
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.status, self.tenant, self.version)
    }
}
