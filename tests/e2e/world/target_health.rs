//! Health of load-balancer targets, where a story wants it bad: to the emulator every target is healthy, so the proxy
//! changes what it says. The words are those of AWS's API Reference, and all else of the answer is the emulator's.

use super::layout::Place;
use super::proxy::{Answer, Asked};

/// What the emulator says of a target, and what AWS says of one whose health checks fail.
const HEALTHY: &str = "<TargetHealth><State>healthy</State></TargetHealth>";
const UNHEALTHY: &str = "<TargetHealth><State>unhealthy</State><Reason>Target.ResponseCodeMismatch</Reason>\
                         <Description>Health checks failed with these codes: [503]</Description></TargetHealth>";

/// A service whose next version never gets healthy.
#[derive(Debug)]
pub(super) struct Unhealthy {
    /// Its target group, as it stands in the ARN.
    group: String,
    family: String,
    /// Updates of it so far: the first brings the version, the second takes it away.
    updates: u32,
}

impl Unhealthy {
    pub(super) fn next_version_of(place: Place) -> Self {
        Self { group: format!("targetgroup/{}/", place.target_group()), family: place.family(), updates: 0 }
    }

    /// Changes an answer of the emulator, if it is about the version.
    pub(super) fn tell(&mut self, asked: &Asked, answer: &mut Answer) {
        let Some(call) = &asked.call else { return };
        match call.action.as_str() {
            "UpdateService" if call.body["service"] == self.family.as_str() => self.updates += 1,
            "DescribeTargetHealth" if self.updates == 1 => {
                let about = call.body["TargetGroupArn"].as_str().is_some_and(|arn| arn.contains(&self.group));
                if about && let Ok(text) = std::str::from_utf8(&answer.body) {
                    answer.body = text.replace(HEALTHY, UNHEALTHY).into();
                    answer.headers.remove("content-length");
                }
            }
            _ => {}
        }
    }
}
