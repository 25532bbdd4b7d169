//! Why services failed, found out at once when a rollout stops: ECS forgets stopped tasks within the hour.
//!
//! What ECS says of stopped tasks is read for everybody who failed, a hundred tasks a call. Logs cost calls for each
//! service, so they are read of one service for each cause, and for no more than a few causes.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::causes::{Cause, causes};
use crate::domain::fleet::Address;
use crate::domain::ids::{ServiceKey, SetId};
use crate::domain::reason::Reason;
use crate::domain::rollout::Rollout;
use crate::domain::snapshot::Snapshot;
use crate::ports::FleetReader;

/// Causes of which a log is read.
const LOGS_MAX: usize = 5;

/// The services that fail when a rollout stops for this reason, or only those of the tenant that it leaves behind; each
/// with what is known of its failure.
pub(super) fn failed(
    rollout: &Rollout,
    seen: &Snapshot,
    reason: &Reason,
    only: Option<&SetId>,
    now: Timestamp,
) -> BTreeMap<ServiceKey, String> {
    let mut failed: BTreeMap<_, _> = rollout.failing(seen, now).into_iter().collect();
    failed.retain(|service, _| only.is_none_or(|set| service.set == *set));
    // Also what metrics show of a service has a cause that its tasks may tell. A task's reason has it all already.
    let serving = |service: &&ServiceKey| rollout.watched().iter().any(|c| c.service == **service && !c.is_task());
    if let Some(service) = reason.service().filter(serving) {
        failed.entry(service.clone()).or_insert_with(|| reason.to_string());
    }
    failed
}

/// The causes of what failed. Where ECS says nothing of a service, what is known of it stands for it.
pub(super) async fn causes_of(
    fleet: &dyn FleetReader,
    failed: BTreeMap<ServiceKey, String>,
    address: impl Fn(&ServiceKey) -> Option<Address>,
) -> Vec<Cause> {
    let addresses: BTreeMap<ServiceKey, Address> =
        failed.keys().filter_map(|service| Some((service.clone(), address(service)?))).collect();
    if addresses.is_empty() {
        return Vec::new();
    }
    let stops = fleet.stops(&addresses.values().cloned().collect::<Vec<_>>()).await;
    let told = |service: &ServiceKey| stops.get(service).filter(|lines| !lines.is_empty());
    let said = failed.into_iter().map(|(service, known)| {
        let lines = told(&service).cloned().unwrap_or_else(|| vec![known]);
        (service, lines)
    });
    let mut causes = causes(&said.collect());
    // Only a task that stopped has a last line.
    let with_log = causes.iter_mut().filter(|cause| cause.example().is_some_and(|service| told(service).is_some()));
    for cause in with_log.take(LOGS_MAX) {
        if let Some(address) = cause.example().and_then(|service| addresses.get(service)) {
            cause.log = fleet.last_lines(address).await.unwrap_or_else(|error| vec![error.to_string()]);
        }
    }
    causes
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::domain::ids::{CellName, DeploymentId, TaskDefinitionArn};
    use crate::domain::snapshot::{DeploymentSeen, ServiceSeen};
    use crate::ports::{Fault, PortError, PortResult};

    /// Says of each service what the test says, and counts whose log is read.
    #[derive(Default)]
    struct Said {
        stops: BTreeMap<ServiceKey, Vec<String>>,
        read: Mutex<Vec<ServiceKey>>,
    }

    #[async_trait]
    impl FleetReader for Said {
        async fn observe(&self, _: &[Address]) -> BTreeMap<ServiceKey, ServiceSeen> {
            BTreeMap::new()
        }

        async fn history(&self, _: &[(Address, DeploymentId)]) -> BTreeMap<ServiceKey, DeploymentSeen> {
            BTreeMap::new()
        }

        async fn task_definition(
            &self,
            _: &CellName,
            _: &TaskDefinitionArn,
        ) -> PortResult<std::sync::Arc<crate::domain::template::Revision>> {
            Err(PortError::new(Fault::Refused, "reading it", "nobody asks"))
        }

        async fn stops(&self, _: &[Address]) -> BTreeMap<ServiceKey, Vec<String>> {
            self.stops.clone()
        }

        async fn last_lines(&self, service: &Address) -> PortResult<Vec<String>> {
            self.read.lock().unwrap().push(service.service.clone());
            Ok(vec!["panic".to_owned()])
        }
    }

    fn key(tenant: &str) -> ServiceKey {
        ServiceKey::try_from(format!("{tenant}/iam")).unwrap()
    }

    async fn told(said: &Said, failed: impl IntoIterator<Item = ServiceKey>) -> Vec<Cause> {
        let address = |service: &ServiceKey| {
            let (cell, cluster) = ("prod-1".parse().unwrap(), "c1".to_owned());
            Some(Address { ecs_service: service.to_string(), service: service.clone(), cell, cluster })
        };
        let failed = failed.into_iter().map(|service| (service.clone(), format!("{service} failed")));
        causes_of(said, failed.collect(), address).await
    }

    #[tokio::test]
    async fn a_log_is_read_for_a_few_causes_and_never_for_each_service() {
        let tenants: Vec<String> = (0..200).map(|n| format!("t{n}")).collect();
        let ways = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let stops = tenants.iter().enumerate().map(|(n, tenant)| (key(tenant), vec![format!("way {}", ways[n % 10])]));
        let said = Said { stops: stops.collect(), ..Said::default() };
        let causes = told(&said, tenants.iter().map(|tenant| key(tenant))).await;
        assert_eq!(causes.iter().map(|cause| cause.services.len()).collect::<Vec<_>>(), [20; 10]);
        assert_eq!(said.read.lock().unwrap().len(), LOGS_MAX);
        assert_eq!(causes.iter().filter(|cause| cause.log == ["panic"]).count(), LOGS_MAX);
    }

    #[tokio::test]
    async fn what_ecs_says_nothing_of_stands_with_what_is_known_and_costs_no_log() {
        let said = Said { stops: BTreeMap::from([(key("acme"), Vec::new())]), ..Said::default() };
        let causes = told(&said, [key("acme"), key("globex")]).await;
        let [cause] = causes.as_slice() else { panic!("{causes:?}") };
        assert_eq!((cause.services.len(), cause.lines[0].as_str()), (2, "acme/iam failed"));
        assert!(said.read.lock().unwrap().is_empty());
        assert!(told(&said, []).await.is_empty());
    }
}
