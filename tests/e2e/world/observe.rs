//! Watches one service through a rollout and keeps every distinct picture, raw.
//!
//! What DescribeServices says while a rollout fails is the one thing a release tool must read
//! right, and prose about it goes stale: so it is recorded, with times, from what is running.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cell::Cell;
use super::layout::Place;
use super::problem::Result;

const POLL: Duration = Duration::from_millis(100);

/// A picture of a service that differs from the one before it.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    pub(crate) at: Duration,
    /// The service's `deployments[]`, `events[]` and counts, as answered.
    pub(crate) service: Value,
    /// What the service's customers got at that moment, or why they got nothing.
    pub(crate) answer: String,
}

/// Looks until the pictures stop changing for `quiet`, or until `longest` has passed.
pub(crate) async fn watch(cell: &Cell, place: Place, quiet: Duration, longest: Duration) -> Result<Vec<Observation>> {
    let began = Instant::now();
    let mut seen: Vec<Observation> = Vec::new();
    let mut changed = began;
    while changed.elapsed() < quiet && began.elapsed() < longest {
        let service = cell.describe(place).await?;
        let answer = cell.answer(place).await.map_or_else(|problem| problem.to_string(), |answer| answer.to_string());
        let now = Observation { at: began.elapsed(), service, answer };
        if seen.last().is_none_or(|last| last.outline() != now.outline()) {
            changed = Instant::now();
            seen.push(now);
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(seen)
}

impl Observation {
    /// One line a deployment: the fields a tool may judge by.
    pub(crate) fn outline(&self) -> Vec<String> {
        let deployments = self.service["deployments"].as_array().into_iter().flatten();
        let mut lines: Vec<String> = deployments.map(outline).collect();
        lines.push(format!("customers get: {}", self.answer));
        lines
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "seconds": self.at.as_secs_f64(), "answer": self.answer, "service": self.service })
    }
}

fn outline(deployment: &Value) -> String {
    let text = |name: &str| deployment[name].as_str().unwrap_or("-").to_owned();
    let definition = text("taskDefinition");
    let revision = definition.rsplit(':').next().unwrap_or_default();
    format!(
        "{} {} revision {revision} {} desired {} running {} pending {} failed {} {}",
        text("id"),
        text("status"),
        text("rolloutState"),
        deployment["desiredCount"],
        deployment["runningCount"],
        deployment["pendingCount"],
        deployment["failedTasks"],
        text("rolloutStateReason"),
    )
}
