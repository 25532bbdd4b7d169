//! The ports to health, people and quotas, on the simulated world.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::Sim;
use crate::domain::fleet::Address;
use crate::domain::gate::{Answer, Probe, TargetHealth};
use crate::domain::ids::{CellName, ServiceKey};
use crate::domain::quota::QuotaCode;
use crate::ports::{Approver, PeopleReader, PortResult, ProbeReader, QuotaReader, TargetReader};

#[async_trait]
impl ProbeReader for Sim {
    async fn probe(&self, probes: &[Probe]) -> BTreeMap<ServiceKey, Answer> {
        let mut world = self.world();
        let answer = |probe: &Probe| match world.answers(&probe.host, &probe.service) {
            Some(version) => Answer::Http { status: 200, version: Some(version.to_string()) },
            None => Answer::Http { status: 500, version: None },
        };
        let answers = probes.iter().map(|probe| (probe.service.clone(), answer(probe))).collect();
        probes.iter().for_each(|_| world.count("HTTP probe"));
        answers
    }
}

#[async_trait]
impl TargetReader for Sim {
    async fn targets(&self, services: &[Address]) -> BTreeMap<ServiceKey, TargetHealth> {
        let mut world = self.world();
        let health = |address: &Address| match world.service(address) {
            Some(service) => TargetHealth::Healthy(service.desired),
            None => TargetHealth::Unknown("there is no such service".to_owned()),
        };
        let found = services.iter().map(|address| (address.service.clone(), health(address))).collect();
        services.iter().for_each(|_| world.count("ELB DescribeTargetHealth"));
        found
    }
}

/// An account of the simulator has what every account has at first.
#[async_trait]
impl QuotaReader for Sim {
    async fn applied(&self, _cell: &CellName, quotas: &[QuotaCode]) -> PortResult<BTreeMap<QuotaCode, f64>> {
        let mut world = self.world();
        quotas.iter().for_each(|_| world.count("Service Quotas GetServiceQuota"));
        Ok(BTreeMap::new())
    }
}

#[async_trait]
impl PeopleReader for Sim {
    async fn permission(&self, user: &str) -> PortResult<String> {
        let mut world = self.world();
        world.count("GitHub read");
        Ok(world.people.get(user).cloned().unwrap_or_else(|| "none".to_owned()))
    }

    async fn approvers(&self, _run: u64) -> PortResult<Vec<Approver>> {
        let mut world = self.world();
        world.count("GitHub read");
        Ok(world.approvers.clone())
    }
}
