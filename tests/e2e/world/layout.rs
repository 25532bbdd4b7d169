//! Who lives in the world: two fleets, five tenants, five services each. Plain values, no I/O.
//!
//! Every AWS name is made here and nowhere else, so that a scenario, the world and `fleet.yaml`
//! cannot disagree about one.

use std::fmt;

/// An environment and the account it lives in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fleet {
    pub(crate) name: &'static str,
    pub(crate) account: &'static str,
    /// Tenants answer at `<tenant>.<domain>`.
    pub(crate) domain: &'static str,
    pub(crate) tenants: &'static [&'static str],
}

/// One of the five services every tenant has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// The build context, from the root of the repository.
    pub(crate) context: &'static str,
    /// Whether a load balancer sends it requests.
    pub(crate) traffic: bool,
}

pub(crate) const REGION: &str = "eu-west-1";
/// The port every container listens on.
pub(crate) const PORT: u16 = 8080;
/// Tasks a service. One keeps 25 containers on two cores bearable.
pub(crate) const DESIRED: i32 = 1;

pub(crate) static DEV: Fleet =
    Fleet { name: "dev", account: "111111111111", domain: "dev.a3os.app", tenants: &["acme", "hooli"] };
pub(crate) static PROD: Fleet =
    Fleet { name: "prod", account: "222222222222", domain: "a3os.app", tenants: &["globex", "initech", "umbrella"] };

pub(crate) static SERVICES: [Service; 5] = [
    Service { name: "iam-service", context: "services/iam", traffic: true },
    Service { name: "audit-service", context: "services/audit", traffic: true },
    Service { name: "integrations-service", context: "services/integrations", traffic: true },
    Service { name: "discovery-service", context: "services/discovery", traffic: true },
    Service { name: "discovery-worker", context: "services/discovery-worker", traffic: false },
];

/// A smoke test that some stories have: the server of another service under this name, which ends as its fault says.
pub(crate) static SMOKE: Service = Service { name: "smoke", context: "services/smoke", traffic: false };
/// Whose sources it has, and whose image before it has one of its own.
pub(super) static SMOKE_SOURCE: &Service = &SERVICES[4];

/// The name of the control plane's service set.
pub(crate) const CONTROL_PLANE: &str = "control-plane";
/// What is in it, for stories that release it. Their images are the programs themselves.
pub(crate) static COORDINATORS: [Service; 4] = [
    Service { name: "tenant-registry", context: "control-plane/registry", traffic: true },
    Service { name: "licensing", context: "control-plane/licensing", traffic: true },
    Service { name: "routing-publisher", context: "control-plane/routing", traffic: false },
    Service { name: "edge-router", context: "control-plane/router", traffic: true },
];

/// One running thing: a service of a tenant of a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) fleet: &'static Fleet,
    pub(crate) tenant: &'static str,
    pub(crate) service: &'static Service,
}

impl Fleet {
    pub(crate) fn cluster(&self) -> String {
        format!("accessos-{}", self.name)
    }

    pub(crate) fn load_balancer(&self) -> String {
        format!("accessos-{}", self.name)
    }

    /// All places of the fleet, tenant by tenant.
    pub(crate) fn places(&'static self) -> impl Iterator<Item = Place> {
        self.tenants
            .iter()
            .flat_map(move |tenant| SERVICES.iter().map(move |service| Place { fleet: self, tenant, service }))
    }

    /// The place of that name; a test that asks for one that is not there is wrong.
    pub(crate) fn place(&'static self, tenant: &str, service: &str) -> Place {
        self.places()
            .find(|place| place.tenant == tenant && place.service.name == service)
            .unwrap_or_else(|| panic!("no {service} of {tenant} in {}", self.name))
    }
}

impl Service {
    pub(crate) fn repository(&self) -> String {
        format!("accessos/{}", self.name)
    }
}

impl Place {
    /// The name of the ECS service and of its task definition family.
    pub(crate) fn family(&self) -> String {
        format!("accessos-{}-{}-{}", self.fleet.name, self.tenant, self.service.name)
    }

    /// AWS allows 32 characters, fewer than a family has; the account already says which fleet.
    pub(crate) fn target_group(&self) -> String {
        format!("{}-{}", self.tenant, self.service.name)
    }

    /// The control plane answers at the domain itself.
    pub(crate) fn host(&self) -> String {
        match self.tenant {
            CONTROL_PLANE => self.fleet.domain.to_owned(),
            tenant => format!("{tenant}.{}", self.fleet.domain),
        }
    }

    /// The health path as the load balancer routes it.
    pub(crate) fn health_path(&self) -> String {
        format!("/{}/healthz", self.service.name)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.fleet.name, self.tenant, self.service.name)
    }
}
