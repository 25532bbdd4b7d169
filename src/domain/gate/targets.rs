//! The load balancer's view of a service: whether requests reach it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::verdict::Verdict;
use crate::domain::ids::ServiceKey;
use crate::domain::reason::Reason;

/// Health of a service's load-balancer targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetHealth {
    /// The service has no target group.
    NotBalanced,
    /// This many healthy targets, and none of another state.
    Healthy(u32),
    /// A target is unhealthy; in ELB's words.
    Unhealthy(String),
    /// Initial, draining, unused or not readable.
    Unknown(String),
}

impl fmt::Display for TargetHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBalanced => f.write_str("it has no target group"),
            Self::Healthy(number) => write!(f, "{number} healthy targets"),
            Self::Unhealthy(why) | Self::Unknown(why) => f.write_str(why),
        }
    }
}

/// Judges one service's targets at the end of its watch.
pub fn judge_targets(service: &ServiceKey, health: Option<&TargetHealth>) -> Verdict {
    let unknown = |why: &str| {
        Verdict::Unknown(Reason::GateUnknown { what: format!("targets of {service}"), why: why.to_owned() })
    };
    match health {
        Some(TargetHealth::NotBalanced) => Verdict::Pass,
        Some(TargetHealth::Healthy(0)) => unknown("no target is registered"),
        Some(TargetHealth::Healthy(_)) => Verdict::Pass,
        Some(TargetHealth::Unhealthy(why)) => {
            Verdict::Fail(Reason::TargetUnhealthy { service: service.clone(), why: why.clone() })
        }
        Some(TargetHealth::Unknown(why)) => unknown(why),
        None => unknown("it was never read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_09_targets_that_are_not_known_to_be_healthy_are_unknown() {
        let service = ServiceKey::try_from("acme/iam-service".to_owned()).unwrap();
        for health in [None, Some(TargetHealth::Healthy(0)), Some(TargetHealth::Unknown("initial".to_owned()))] {
            assert!(matches!(judge_targets(&service, health.as_ref()), Verdict::Unknown(_)), "{health:?}");
        }
        assert_eq!(judge_targets(&service, Some(&TargetHealth::Healthy(2))), Verdict::Pass);
        let sick = TargetHealth::Unhealthy("Target.Timeout".to_owned());
        assert!(matches!(judge_targets(&service, Some(&sick)), Verdict::Fail(_)));
    }
}
