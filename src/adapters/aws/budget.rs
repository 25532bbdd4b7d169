//! Our own share of AWS's request quotas.
//!
//! ECS throttles per account, Region and group of actions, and everything in the account drinks from the same
//! buckets: consoles, Terraform, autoscaling. A throttled call is a matter of pace and never a tenant's failure,
//! so calls wait here before they are sent instead of being refused there.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Actions that share a bucket at AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// RegisterTaskDefinition.
    TaskDefinitionModify,
    /// DescribeTaskDefinition, ListTaskDefinitions.
    TaskDefinitionRead,
    /// UpdateService; and StopServiceDeployment, for which AWS publishes no group.
    ServiceModify,
    /// DescribeServices.
    ServiceRead,
    /// ListServiceDeployments, DescribeServiceDeployments.
    ServiceDeploymentRead,
    /// ListTasks, DescribeTasks.
    ClusterRead,
    /// RunTask.
    ClusterModify,
    /// DescribeTargetHealth, DescribeTargetGroups, DescribeListeners, DescribeRules.
    LoadBalancerRead,
    /// SetRulePriorities.
    LoadBalancerModify,
    /// DescribeDBInstances.
    DatabaseRead,
    /// StartDBInstance, StopDBInstance.
    DatabaseModify,
    /// GetMetricData.
    MetricsRead,
    /// DescribeAlarms.
    AlarmsRead,
    /// GetLogEvents.
    LogsRead,
    /// DescribeImages, BatchGetImage, GetAuthorizationToken.
    RegistryRead,
    /// PutImage.
    RegistryModify,
    /// DescribeScalableTargets.
    ScalingRead,
    /// RegisterScalableTarget.
    ScalingModify,
    /// Calls of S3.
    Storage,
    /// DescribeSecret.
    SecretRead,
    /// DescribeParameters.
    ParameterRead,
    /// GetObject.
    ObjectRead,
}

/// A default quota: calls that may come at once, and calls per second after that.
struct Quota {
    group: Group,
    burst: f64,
    per_second: f64,
}

/// The default quotas. ECS: API Reference, "Request throttling for the Amazon ECS API". ELB: User Guide,
/// "Throttling for the Elastic Load Balancing API". ECR: General Reference, "Amazon ECR endpoints and quotas";
/// RunTask may be sent 40 times a second, of which Fargate launches 20.
/// CloudWatch: General Reference, "Amazon CloudWatch endpoints and quotas": GetMetricData 500 a second, more than tidegate
/// has any use for; DescribeAlarms 9, of which ECS itself needs the larger part for its deployment alarms; GetLogEvents
/// 25 for an account in most Regions, 10 in some.
/// Secrets Manager allows hundreds of times the row here, which is as fast as tidegate has any use for; so does S3 with 5,500
/// reads and 3,500 changes of a prefix a second (User Guide, "Optimizing Amazon S3 performance").
/// AWS publishes none for DescribeImages, so its row is a guess far below the published ones; nor any for
/// Application Auto Scaling, RDS and DescribeParameters, whose rows are guessed as those of the slowest API beside them.
const QUOTAS: [Quota; 22] = [
    Quota { group: Group::TaskDefinitionModify, burst: 20.0, per_second: 1.0 },
    Quota { group: Group::TaskDefinitionRead, burst: 50.0, per_second: 20.0 },
    Quota { group: Group::ServiceModify, burst: 50.0, per_second: 5.0 },
    Quota { group: Group::ServiceRead, burst: 100.0, per_second: 20.0 },
    Quota { group: Group::ServiceDeploymentRead, burst: 50.0, per_second: 20.0 },
    Quota { group: Group::ClusterRead, burst: 100.0, per_second: 20.0 },
    Quota { group: Group::ClusterModify, burst: 100.0, per_second: 20.0 },
    Quota { group: Group::LoadBalancerRead, burst: 40.0, per_second: 10.0 },
    Quota { group: Group::LoadBalancerModify, burst: 20.0, per_second: 3.0 },
    Quota { group: Group::DatabaseRead, burst: 10.0, per_second: 5.0 },
    Quota { group: Group::DatabaseModify, burst: 10.0, per_second: 2.0 },
    Quota { group: Group::MetricsRead, burst: 100.0, per_second: 50.0 },
    Quota { group: Group::AlarmsRead, burst: 4.0, per_second: 4.0 },
    Quota { group: Group::LogsRead, burst: 10.0, per_second: 10.0 },
    Quota { group: Group::RegistryRead, burst: 100.0, per_second: 50.0 },
    Quota { group: Group::RegistryModify, burst: 10.0, per_second: 10.0 },
    Quota { group: Group::ScalingRead, burst: 40.0, per_second: 10.0 },
    Quota { group: Group::ScalingModify, burst: 20.0, per_second: 5.0 },
    Quota { group: Group::Storage, burst: 100.0, per_second: 100.0 },
    Quota { group: Group::SecretRead, burst: 100.0, per_second: 100.0 },
    Quota { group: Group::ParameterRead, burst: 10.0, per_second: 5.0 },
    Quota { group: Group::ObjectRead, burst: 100.0, per_second: 100.0 },
];

/// The part of each quota that is ours; the rest is for whoever else works in the account.
const SHARE: f64 = 0.7;

/// The buckets of one cell.
#[derive(Debug)]
pub(super) struct Budget {
    buckets: [(Group, Mutex<Bucket>); QUOTAS.len()],
}

/// Calls that may be made now, as of a time; below zero, that many are waiting.
#[derive(Debug)]
struct Bucket {
    burst: f64,
    per_second: f64,
    tokens: f64,
    as_of: Instant,
}

impl Budget {
    /// Full buckets.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { buckets: QUOTAS.map(|quota| (quota.group, Mutex::new(Bucket::full(&quota, now)))) }
    }

    /// Comes back when one more call of this group may be made.
    pub(super) async fn take(&self, group: Group) {
        let wait = self
            .buckets
            .iter()
            .find(|(of, _)| *of == group)
            .and_then(|(_, bucket)| bucket.lock().ok().map(|mut bucket| bucket.take(Instant::now())));
        pause(wait.unwrap_or_default()).await;
    }
}

impl Bucket {
    fn full(quota: &Quota, now: Instant) -> Self {
        let (burst, per_second) = (quota.burst * SHARE, quota.per_second * SHARE);
        Self { burst, per_second, tokens: burst, as_of: now }
    }

    /// Takes a token, one that is yet to come if need be, and answers how long until it is there.
    fn take(&mut self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.as_of).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst) - 1.0;
        self.as_of = now;
        Duration::from_secs_f64((-self.tokens / self.per_second).max(0.0))
    }
}

/// Holds a call back for this long.
#[expect(clippy::disallowed_methods, reason = "paces real calls; the engine's time does not depend on it")]
pub(super) async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket(now: Instant) -> Bucket {
        Bucket::full(&Quota { group: Group::ServiceModify, burst: 10.0, per_second: 10.0 }, now)
    }

    #[tokio::test]
    async fn seven_of_ten_go_at_once_and_the_rest_queue() {
        let now = Instant::now();
        let mut bucket = bucket(now);
        let waits: Vec<u128> = (0..9).map(|_| bucket.take(now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 0, 142, 285]);
    }

    #[tokio::test]
    async fn a_bucket_fills_up_to_its_burst_and_no_further() {
        let now = Instant::now();
        let mut bucket = bucket(now);
        let later = now + Duration::from_secs(3600);
        assert_eq!((0..8).filter(|_| bucket.take(later).is_zero()).count(), 7);
    }

    proptest! {
        /// AWS's own bucket, full at the beginning, never refuses what comes at our pace, whenever it is asked for.
        #[test]
        fn inv_36_no_call_goes_beyond_the_quota(gaps in proptest::collection::vec(0u64..3_000, 1..200), which in 0..QUOTAS.len()) {
            let quota = &QUOTAS[which];
            let start = Instant::now();
            let mut ours = Bucket::full(quota, start);
            let (mut tokens, mut as_of) = (quota.burst, start);
            let mut asked = start;
            for gap in gaps {
                asked += Duration::from_millis(gap);
                let sent = asked + ours.take(asked);
                tokens = (tokens + sent.duration_since(as_of).as_secs_f64() * quota.per_second).min(quota.burst) - 1.0;
                as_of = sent;
                prop_assert!(tokens >= 0.0, "{:?}: {tokens}", quota.group);
            }
        }
    }

    #[test]
    fn every_group_has_a_quota_of_its_own() {
        for (at, quota) in QUOTAS.iter().enumerate() {
            assert!(QUOTAS[..at].iter().all(|other| other.group != quota.group), "{:?}", quota.group);
            assert!(quota.burst * SHARE >= 1.0);
        }
    }
}
