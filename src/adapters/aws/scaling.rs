//! How ECS services are scaled, in Application Auto Scaling, and how many tasks should run, in ECS.
//!
//! A service without a scalable target is a fact, and a target that could not be read is none: whoever took the
//! one for the other would resume a tenant without its autoscaler, or pause one that is woken again. So nothing
//! here reads "not in the answer" as "none" unless the answer was read to its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ScalableTarget, ServiceNamespace, SuspendedState};
use tokio::task::JoinSet;

use super::budget::Group;
use super::cells::{Cells, Clients, doing};
use super::failure::failure;
use crate::domain::directive::Scaling;
use crate::domain::fleet::Address;
use crate::domain::ids::{CellName, ServiceKey};
use crate::ports::{Fault, PortError, PortResult, ScalingReader, ScalingWriter};

/// Targets that one page of DescribeScalableTargets holds at most (API Reference), and so names in one call: an
/// answer then fits one page.
const TARGETS_PER_CALL: usize = 50;
/// Pages that are read of one call's answer. AWS may send short or empty ones, but not for ever.
const PAGES: usize = 10;

/// The scaling of services in all cells.
#[derive(Clone, Debug)]
pub struct EcsScaling {
    cells: Arc<Cells>,
}

impl EcsScaling {
    /// The scaling of the services in these cells.
    pub fn new(cells: Arc<Cells>) -> Self {
        Self { cells }
    }
}

#[async_trait]
impl ScalingReader for EcsScaling {
    async fn scaling(&self, services: &[Address]) -> BTreeMap<ServiceKey, PortResult<Option<Scaling>>> {
        let lost = |service: &Address| {
            let doing = doing(format!("reading the scaling of {}", service.ecs_service), &service.cell);
            (service.service.clone(), Err(PortError::new(Fault::Unavailable, doing, "reading it broke off")))
        };
        let mut found: BTreeMap<_, _> = services.iter().map(lost).collect();
        let mut reads = JoinSet::new();
        for (cell, batch) in batches(services) {
            let cells = Arc::clone(&self.cells);
            reads.spawn(async move { of_batch(&cells, &cell, &batch).await });
        }
        while let Some(read) = reads.join_next().await {
            found.extend(read.unwrap_or_default());
        }
        found
    }
}

#[async_trait]
impl ScalingWriter for EcsScaling {
    async fn set_scaling(&self, service: &Address, scaling: &Scaling) -> PortResult<()> {
        let doing = doing(format!("setting the scaling of {}", service.ecs_service), &service.cell);
        let (min, max) = (tasks(&doing, scaling.min)?, tasks(&doing, scaling.max)?);
        let clients = self.cells.clients(&service.cell).await?;
        clients.pace(Group::ScalingModify).await;
        clients
            .autoscaling
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(resource(service))
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .min_capacity(min)
            .max_capacity(max)
            .suspended_state(suspended(scaling))
            .send()
            .await
            .map(drop)
            .map_err(|error| failure(doing, &error))
    }

    async fn set_desired(&self, service: &Address, desired: u32) -> PortResult<()> {
        let doing = doing(format!("setting the tasks of {} to {desired}", service.ecs_service), &service.cell);
        let desired = tasks(&doing, desired)?;
        let clients = self.cells.clients(&service.cell).await?;
        clients.pace(Group::ServiceModify).await;
        let call = clients.ecs.update_service().cluster(&service.cluster).service(&service.ecs_service);
        call.desired_count(desired).send().await.map(drop).map_err(|error| failure(doing, &error))
    }
}

/// The services of each cell, as many at a time as one call takes.
fn batches(services: &[Address]) -> Vec<(CellName, Vec<Address>)> {
    let mut cells: BTreeMap<&CellName, Vec<Address>> = BTreeMap::new();
    for service in services {
        cells.entry(&service.cell).or_default().push(service.clone());
    }
    let split = |(cell, services): (&CellName, Vec<Address>)| {
        services.chunks(TARGETS_PER_CALL).map(|batch| (cell.clone(), batch.to_vec())).collect::<Vec<_>>()
    };
    cells.into_iter().flat_map(split).collect()
}

async fn of_batch(
    cells: &Cells,
    cell: &CellName,
    services: &[Address],
) -> Vec<(ServiceKey, PortResult<Option<Scaling>>)> {
    let doing = doing("reading scalable targets", cell);
    let targets = match cells.clients(cell).await {
        Ok(clients) => targets(clients, services, &doing).await,
        Err(error) => Err(error),
    };
    let of = |service: &Address| match &targets {
        Ok(targets) => targets.get(&resource(service)).map(|target| scaling(&doing, target)).transpose(),
        Err(error) => Err(error.clone()),
    };
    services.iter().map(|service| (service.service.clone(), of(service))).collect()
}

/// The scalable targets of these services, by resource id.
async fn targets(clients: &Clients, services: &[Address], doing: &str) -> PortResult<BTreeMap<String, ScalableTarget>> {
    let mut targets = BTreeMap::new();
    let mut next = None;
    for _ in 0..PAGES {
        clients.pace(Group::ScalingRead).await;
        let page = clients
            .autoscaling
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .set_resource_ids(Some(services.iter().map(resource).collect()))
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| failure(doing, &error))?;
        let named = |target: ScalableTarget| (target.resource_id.clone(), target);
        targets.extend(page.scalable_targets.unwrap_or_default().into_iter().map(named));
        next = page.next_token;
        if next.is_none() {
            return Ok(targets);
        }
    }
    Err(PortError::new(Fault::Refused, doing, format!("the answer does not end after {PAGES} pages")))
}

/// How Application Auto Scaling names a service (API Reference, `ResourceId`).
fn resource(service: &Address) -> String {
    format!("service/{}/{}", service.cluster, service.ecs_service)
}

/// The target as a value. A flag that is not there is off: that is its default (API Reference, SuspendedState).
fn scaling(doing: &str, target: &ScalableTarget) -> PortResult<Scaling> {
    let count = |tasks: i32| {
        let odd = || PortError::new(Fault::Refused, doing, format!("{} scales to {tasks}", target.resource_id));
        u32::try_from(tasks).map_err(|_| odd())
    };
    let flag = |of: fn(&SuspendedState) -> Option<bool>| target.suspended_state().and_then(of).unwrap_or(false);
    Ok(Scaling {
        min: count(target.min_capacity())?,
        max: count(target.max_capacity())?,
        in_suspended: flag(SuspendedState::dynamic_scaling_in_suspended),
        out_suspended: flag(SuspendedState::dynamic_scaling_out_suspended),
        scheduled_suspended: flag(SuspendedState::scheduled_scaling_suspended),
    })
}

/// All three flags: one that is left out would stay as it is.
fn suspended(scaling: &Scaling) -> SuspendedState {
    SuspendedState::builder()
        .dynamic_scaling_in_suspended(scaling.in_suspended)
        .dynamic_scaling_out_suspended(scaling.out_suspended)
        .scheduled_scaling_suspended(scaling.scheduled_suspended)
        .build()
}

fn tasks(doing: &str, count: u32) -> PortResult<i32> {
    i32::try_from(count).map_err(|_| PortError::new(Fault::Refused, doing, format!("{count} is no number of tasks")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Loopback, Reply, address, error};
    use serde_json::{Value, json};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A scalable target as AWS describes it, with a field that no SDK knows.
    fn target(tenant: &str, min: i32, suspended: Value) -> Value {
        json!({
            "ServiceNamespace": "ecs", "ResourceId": format!("service/c1/app-prod-{tenant}-iam"),
            "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": min, "MaxCapacity": 8,
            "RoleARN": "arn:aws:iam::111111111111:role/r", "CreationTime": 1.7e9, "SuspendedState": suspended,
            "aFieldOfNextYear": {"deep": true},
        })
    }

    fn page(targets: Value, next: Option<&str>) -> Reply {
        let mut page = json!({"ScalableTargets": targets, "anotherOne": 1});
        if let Some(next) = next {
            page["NextToken"] = json!(next);
        }
        (200, page.to_string())
    }

    async fn read(aws: &Loopback, tenants: &[&str]) -> Vec<PortResult<Option<Scaling>>> {
        let addresses: Vec<_> = tenants.iter().map(|tenant| address(tenant)).collect();
        let mut found = EcsScaling::new(aws.cells().await).scaling(&addresses).await;
        addresses.iter().map(|address| found.remove(&address.service).unwrap()).collect()
    }

    fn awake() -> Scaling {
        Scaling { min: 2, max: 8, in_suspended: false, out_suspended: false, scheduled_suspended: false }
    }

    #[tokio::test]
    async fn targets_are_told_with_their_flags_and_a_service_without_one_is_none() {
        let flags = json!({"DynamicScalingInSuspended": true, "ScheduledScalingSuspended": true});
        let targets = json!([target("acme", 2, flags), target("bolt", 2, json!(null))]);
        let aws = Loopback::serve(move |_| page(targets.clone(), None)).await;
        let seen = read(&aws, &["acme", "bolt", "none"]).await;
        let some = Scaling { in_suspended: true, scheduled_suspended: true, ..awake() };
        assert_eq!(seen, [Ok(Some(some)), Ok(Some(awake())), Ok(None)]);
        let names = ["acme", "bolt", "none"].map(|tenant| format!("service/c1/app-prod-{tenant}-iam"));
        let asked = json!({
            "ServiceNamespace": "ecs", "ResourceIds": names, "ScalableDimension": "ecs:service:DesiredCount",
        });
        assert_eq!(aws.asked_for("DescribeScalableTargets")[0].json(), asked);
    }

    #[tokio::test]
    async fn fifty_are_asked_for_at_once_and_pages_are_followed() {
        let aws = Loopback::serve(|asked| match (asked.json()["NextToken"].as_str(), &asked.json()["ResourceIds"]) {
            (None, names) if names.as_array().unwrap().len() == 50 => {
                page(json!([target("t0", 2, json!({}))]), Some("p2"))
            }
            (Some("p2"), _) => page(json!([target("t49", 3, json!({}))]), None),
            _ => page(json!([]), None),
        })
        .await;
        let tenants: Vec<String> = (0..51).map(|n| format!("t{n}")).collect();
        let seen = read(&aws, &tenants.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert_eq!(aws.asked_for("DescribeScalableTargets").len(), 3);
        assert_eq!((&seen[0], &seen[1]), (&Ok(Some(awake())), &Ok(None)));
        assert_eq!((&seen[49], &seen[50]), (&Ok(Some(Scaling { min: 3, ..awake() })), &Ok(None)));
    }

    #[tokio::test]
    async fn inv_09_what_could_not_be_read_is_an_error_and_never_none() {
        let refusing = Loopback::serve(|_| error(400, "ValidationException", "1 validation error detected")).await;
        let why =
            "reading scalable targets in prod-1: ValidationException: 1 validation error detected (request req-1)";
        let refused = read(&refusing, &["acme"]).await.remove(0).unwrap_err();
        assert_eq!((refused.fault, refused.to_string().as_str()), (Fault::Refused, why));
        let endless = Loopback::serve(|_| page(json!([]), Some("again"))).await;
        let endless = read(&endless, &["acme"]).await.remove(0).unwrap_err();
        assert_eq!(endless.why, "the answer does not end after 10 pages");
        let odd = Loopback::serve(|_| page(json!([target("acme", -1, json!({}))]), None)).await;
        let seen = read(&odd, &["acme", "bolt"]).await;
        assert_eq!(seen[0].as_ref().unwrap_err().why, "service/c1/app-prod-acme-iam scales to -1");
        assert_eq!(seen[1], Ok(None), "the others of the call are as they are");
    }

    #[tokio::test]
    async fn a_throttled_read_is_repeated() {
        let calls = Arc::new(AtomicUsize::new(0));
        let aws = Loopback::serve(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
            0 => error(400, "ThrottlingException", "Rate exceeded"),
            _ => page(json!([target("acme", 2, json!({}))]), None),
        })
        .await;
        assert_eq!(read(&aws, &["acme"]).await, [Ok(Some(awake()))]);
        assert_eq!(aws.asked().len(), 2);
    }

    #[tokio::test]
    async fn least_most_and_all_three_flags_are_set() {
        let aws = Loopback::serve(|_| (200, r#"{"ScalableTargetARN":"arn","aFieldOfNextYear":1}"#.to_owned())).await;
        let scaling = Scaling { scheduled_suspended: true, ..awake() };
        EcsScaling::new(aws.cells().await).set_scaling(&address("acme"), &scaling).await.unwrap();
        let flags = json!({
            "DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": true,
        });
        let asked = json!({
            "ServiceNamespace": "ecs", "ResourceId": "service/c1/app-prod-acme-iam",
            "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 2, "MaxCapacity": 8, "SuspendedState": flags,
        });
        assert_eq!(aws.asked_for("RegisterScalableTarget")[0].json(), asked);
        assert_eq!(aws.asked().len(), 1);
    }

    #[tokio::test]
    async fn a_target_that_somebody_else_changes_is_a_conflict_and_a_wrong_one_is_refused() {
        let aws = Loopback::serve(|asked| match asked.json()["MinCapacity"].as_i64() {
            Some(2) => error(400, "ConcurrentUpdateException", "a pending update"),
            _ => error(400, "ValidationException", "Maximum capacity cannot be less than minimum capacity"),
        })
        .await;
        let writer = EcsScaling::new(aws.cells().await);
        let busy = writer.set_scaling(&address("acme"), &awake()).await.unwrap_err();
        assert_eq!(busy.fault, Fault::Conflict);
        let wrong = writer.set_scaling(&address("acme"), &Scaling { min: 9, ..awake() }).await.unwrap_err();
        assert_eq!(wrong.fault, Fault::Refused);
        let unheard_of = Scaling { max: u32::MAX, ..awake() };
        let unsent = writer.set_scaling(&address("acme"), &unheard_of).await.unwrap_err();
        assert_eq!(unsent.why, "4294967295 is no number of tasks");
        assert_eq!(aws.asked().len(), 2);
    }

    #[tokio::test]
    async fn the_desired_count_is_sent_and_nothing_else() {
        let aws = Loopback::serve(|_| (200, r#"{"service":{}}"#.to_owned())).await;
        EcsScaling::new(aws.cells().await).set_desired(&address("acme"), 0).await.unwrap();
        let asked = json!({"cluster": "c1", "service": "app-prod-acme-iam", "desiredCount": 0});
        assert_eq!(aws.asked_for("UpdateService")[0].json(), asked);
    }

    #[tokio::test]
    async fn a_service_that_is_not_active_is_refused() {
        let aws = Loopback::serve(|_| error(400, "ServiceNotActiveException", "Service was not ACTIVE.")).await;
        let refused = EcsScaling::new(aws.cells().await).set_desired(&address("acme"), 2).await.unwrap_err();
        assert_eq!(refused.fault, Fault::Refused);
        let why = "setting the tasks of app-prod-acme-iam to 2 in prod-1: ServiceNotActiveException: \
                   Service was not ACTIVE. (request req-1)";
        assert_eq!(refused.to_string(), why);
    }
}
