//! What ECS tells of the starts of a service's tasks, among the `events` of DescribeServices: the emulator starts tasks
//! and tells of none, so the proxy asks it for them and adds the events. The words are those of the Developer Guide,
//! "Amazon ECS service event messages"; times and tasks are the emulator's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::proxy::Answer;

/// Events that ECS keeps of a service.
const EVENTS_KEPT: usize = 100;

/// When a task was created, and which group it belongs to: `service:NAME`.
#[derive(Clone, Debug)]
struct Start {
    at: f64,
    group: String,
}

/// The tasks of one account that are known, by ARN.
#[derive(Clone, Debug, Default)]
pub(super) struct TasksKnown(BTreeMap<String, Start>);

impl TasksKnown {
    /// Those of these tasks that were never described.
    pub(super) fn new_among(&self, arns: Vec<String>) -> Vec<String> {
        arns.into_iter().filter(|arn| !self.0.contains_key(arn)).collect()
    }

    /// Takes in what DescribeTasks answers.
    pub(super) fn learn(&mut self, described: &Value) {
        for task in described["tasks"].as_array().into_iter().flatten() {
            if let (Some(arn), Some(at), Some(group)) =
                (task["taskArn"].as_str(), task["createdAt"].as_f64(), task["group"].as_str())
            {
                self.0.insert(arn.to_owned(), Start { at, group: group.to_owned() });
            }
        }
    }

    /// Adds the starts to an answer of DescribeServices.
    pub(super) fn tell(&self, answer: &mut Answer) {
        let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return };
        for service in body["services"].as_array_mut().into_iter().flatten() {
            let name = service["serviceName"].as_str().unwrap_or_default().to_owned();
            let (group, cluster) = (format!("service:{name}"), service["clusterArn"].as_str().unwrap_or_default());
            let of_cluster = format!(":task/{}/", cluster.rsplit('/').next().unwrap_or_default());
            let own = self.0.iter().filter(|(arn, start)| start.group == group && arn.contains(&of_cluster));
            let started = own.map(|(arn, start)| {
                let task = arn.rsplit('/').next().unwrap_or_default();
                json!({
                    "id": task, "createdAt": start.at,
                    "message": format!("(service {name}) has started 1 tasks: (task {task})."),
                })
            });
            let mut events: Vec<Value> = started.collect();
            events.extend(service["events"].as_array().into_iter().flatten().cloned());
            let at = |event: &Value| event["createdAt"].as_f64().unwrap_or_default();
            events.sort_by(|one, other| at(other).total_cmp(&at(one)));
            events.truncate(EVENTS_KEPT);
            service["events"] = events.into();
        }
        answer.body = body.to_string().into();
        answer.headers.remove("content-length");
    }
}
