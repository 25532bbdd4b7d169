//! AWS's quotas that tenants use up, and how much of each a cell takes.
//!
//! Defaults and codes: Service Quotas as of November 2026; what one tenant takes: `infra/stack/tenant` and
//! `infra/stack/service-set`, whose count `infra/test/run fast` compares with these.

use super::load::Load;
use crate::domain::provisioning::TENANTS_IN_A_SHARD;

/// A quota by the two codes of Service Quotas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaCode {
    /// Such as `iam`.
    pub service: &'static str,
    /// Such as `L-FE177D64`.
    pub code: &'static str,
}

/// Fargate's vCPUs.
pub const VCPUS: QuotaCode = QuotaCode { service: "fargate", code: "L-3032A538" };
/// Network interfaces, of which each task has one.
pub const INTERFACES: QuotaCode = QuotaCode { service: "vpc", code: "L-DF5E4CA3" };

/// How far AWS raises a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// Not at all.
    Never,
    /// Up to this.
    UpTo(u64),
    /// As far as it is asked for, within reason.
    OnRequest,
}

/// What a cell takes of a quota: so much by itself, and so much more for each tenant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Takes {
    /// Without any tenant.
    pub fixed: f64,
    /// For one tenant more.
    pub each: f64,
}

/// A quota that tenants use up.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What is limited, for people.
    pub what: &'static str,
    /// Its codes.
    pub quota: QuotaCode,
    /// What every account has at first.
    pub default: u64,
    /// How far it can be raised.
    pub raised: Raised,
    /// Percent of it at which the next cell should be open.
    pub next_cell_at: u32,
    /// What a cell takes of it; none where that cannot be told.
    pub takes: fn(&Load) -> Option<Takes>,
}

impl Limit {
    /// The highest value it can ever have.
    pub fn ceiling(&self) -> Option<u64> {
        match self.raised {
            Raised::Never => Some(self.default),
            Raised::UpTo(most) => Some(most),
            Raised::OnRequest => None,
        }
    }
}

const SHARD: f64 = TENANTS_IN_A_SHARD as f64;

/// The quotas, each with its source. Those that no tenant gets near are left out: secrets, keys, log groups, queues.
pub const LIMITS: [Limit; 10] = [
    // General Reference, "Amazon ECS endpoints and quotas"; it rises by itself with use.
    Limit {
        what: "Fargate vCPUs, with a quarter of the tenants starting anew",
        quota: VCPUS,
        default: 6,
        raised: Raised::OnRequest,
        next_cell_at: 70,
        takes: |load| load.vcpus().map(|takes| takes.surging()),
    },
    // IAM User Guide, "IAM and AWS STS quotas": 1,000, and no more than 5,000 on request.
    Limit {
        what: "IAM roles",
        quota: QuotaCode { service: "iam", code: "L-FE177D64" },
        default: 1_000,
        raised: Raised::UpTo(5_000),
        next_cell_at: 60,
        takes: |load| {
            Some(Takes { fixed: f64::from(load.control_plane.all + 1), each: f64::from(load.tenant.all + 1) })
        },
    },
    // General Reference, "Application Auto Scaling endpoints and quotas".
    Limit {
        what: "scalable targets",
        quota: QuotaCode { service: "application-autoscaling", code: "L-782A3EE2" },
        default: 3_000,
        raised: Raised::OnRequest,
        next_cell_at: 70,
        takes: |load| Some(load.by_service(|count| count.serving)),
    },
    // General Reference, "Elastic Load Balancing endpoints and quotas", and the four that follow.
    Limit {
        what: "target groups",
        quota: QuotaCode { service: "elasticloadbalancing", code: "L-B22855CB" },
        default: 3_000,
        raised: Raised::OnRequest,
        next_cell_at: 70,
        takes: |load| Some(load.by_service(|count| count.balanced)),
    },
    Limit {
        what: "target groups of one load balancer",
        quota: QuotaCode { service: "elasticloadbalancing", code: "L-822D1B1B" },
        default: 100,
        raised: Raised::Never,
        next_cell_at: 100,
        takes: |load| {
            let fixed = f64::from(load.tenant.balanced) * load.fullest_shard() + f64::from(load.control_plane.balanced);
            Some(Takes { fixed, each: 0.0 })
        },
    },
    Limit {
        // One a service, and one that answers for a tenant that sleeps.
        what: "rules of one load balancer",
        quota: QuotaCode { service: "elasticloadbalancing", code: "L-7EED9B64" },
        default: 100,
        raised: Raised::OnRequest,
        next_cell_at: 100,
        takes: |load| {
            let fixed =
                f64::from(load.tenant.balanced + 1) * load.fullest_shard() + f64::from(load.control_plane.balanced);
            Some(Takes { fixed, each: 0.0 })
        },
    },
    Limit {
        what: "load balancers",
        quota: QuotaCode { service: "elasticloadbalancing", code: "L-53DA6B97" },
        default: 50,
        raised: Raised::OnRequest,
        next_cell_at: 70,
        takes: |_| Some(Takes { fixed: 0.0, each: 1.0 / SHARD }),
    },
    // VPC User Guide, "Amazon VPC quotas", and the one that follows.
    Limit {
        what: "security groups",
        quota: QuotaCode { service: "vpc", code: "L-E79EC296" },
        default: 2_500,
        raised: Raised::OnRequest,
        next_cell_at: 70,
        takes: |_| Some(Takes { fixed: 3.0, each: 1.0 }),
    },
    Limit {
        what: "network interfaces, with a quarter of the tenants starting anew",
        quota: INTERFACES,
        default: 5_000,
        raised: Raised::OnRequest,
        next_cell_at: 70,
        takes: |load| load.tasks().map(|takes| takes.surging()),
    },
    // General Reference, "Amazon ECS endpoints and quotas".
    Limit {
        what: "services of one ECS cluster",
        quota: QuotaCode { service: "ecs", code: "L-9EF96962" },
        default: 5_000,
        raised: Raised::Never,
        next_cell_at: 70,
        takes: |load| {
            let takes = load.by_service(|count| count.serving);
            Some(Takes { each: takes.each / f64::from(load.clusters.max(1)), ..takes })
        },
    },
];
