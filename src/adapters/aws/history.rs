//! What ECS's own history says of deployments: service deployments, in their own words.
//!
//! DescribeServices calls a deployment `ecs-svc/N`; history calls it by an ARN that names neither N nor the task
//! definition. The two meet in the service revision `.../N` that a service deployment brings up. Its ARN is taken from
//! what DescribeServices says the service's current service deployment is, which costs nothing, and else from
//! ListServiceDeployments, one call for a service; whichever it is, it counts only if its target is our revision.
//! An ARN that is known is asked about with DescribeServiceDeployments, twenty a call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::types::{ServiceDeployment, ServiceDeploymentStatus as Status};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::budget::Group;
use super::cells::{Cells, doing};
use super::failure::{failure, one_line};
use crate::domain::fleet::Address;
use crate::domain::ids::{CellName, DeploymentId, ServiceKey};
use crate::domain::snapshot::DeploymentSeen;
use crate::ports::PortResult;

/// Service deployments that one DescribeServiceDeployments takes (API Reference).
const ARNS_PER_CALL: usize = 20;
/// Service deployments on a page of ListServiceDeployments (API Reference).
const PER_PAGE: i32 = 100;
/// Pages of one service that are read: 500 deployments in 90 days.
const PAGES_MAX: usize = 5;
/// Codes of a Region, or an emulator, that has no such call.
const NO_SUCH_CALL: [&str; 2] = ["UnsupportedFeatureException", "UnknownOperationException"];

/// Lists that may be made as often as somebody looks: history is some seconds late. After that they become rare.
const AT_ONCE: u32 = 3;
/// Longest time between two lists of one service.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The deployments of all cells, and under which names history has them.
#[derive(Debug)]
pub(super) struct History {
    cells: Arc<Cells>,
    names: Mutex<Names>,
}

#[derive(Debug, Default)]
struct Names {
    /// What DescribeServices calls the current service deployment; it may be another one than is asked about.
    current: BTreeMap<ServiceKey, String>,
    found: BTreeMap<(ServiceKey, DeploymentId), String>,
    missed: BTreeMap<(ServiceKey, DeploymentId), Missed>,
}

/// Lists that did not have a deployment.
#[derive(Clone, Debug)]
struct Missed {
    times: u32,
    /// When the next one may be made.
    next: Instant,
    /// Why the last one did not.
    why: String,
}

/// A deployment that is asked about.
type Asked = (Address, DeploymentId);
/// What was found of it; none where another way has to be taken.
type Found = (ServiceKey, Option<DeploymentSeen>);

impl History {
    pub(super) fn new(cells: Arc<Cells>) -> Self {
        Self { cells, names: Mutex::default() }
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what DescribeServices calls the service's current service deployment.
    pub(super) fn note_current(&self, service: &ServiceKey, arn: &str) {
        self.names().current.insert(service.clone(), arn.to_owned());
    }

    /// What history says of each of these; every one of them has an entry.
    pub(super) async fn read(self: &Arc<Self>, asked: &[Asked]) -> BTreeMap<ServiceKey, DeploymentSeen> {
        let broke_off = || DeploymentSeen::Unreadable { why: "reading it broke off".to_owned() };
        let mut seen: BTreeMap<_, _> =
            asked.iter().map(|(address, _)| (address.service.clone(), broke_off())).collect();
        let mut calls = JoinSet::new();
        for (cell, known) in self.by_cell(asked) {
            for batch in known.chunks(ARNS_PER_CALL).map(<[_]>::to_vec) {
                let (history, cell) = (Arc::clone(self), cell.clone());
                calls.spawn(async move { history.describe(&cell, &batch).await });
            }
        }
        let mut found = all(calls).await;
        let mut calls = JoinSet::new();
        for (address, deployment) in asked.iter().cloned() {
            if !matches!(found.get(&address.service), Some(Some(_))) {
                let history = Arc::clone(self);
                calls.spawn(async move { vec![history.look_up(&address, &deployment).await] });
            }
        }
        found.extend(all(calls).await);
        seen.extend(found.into_iter().filter_map(|(service, found)| Some((service, found?))));
        seen
    }

    /// Those whose ARN is known, or thought to be.
    fn by_cell(&self, asked: &[Asked]) -> BTreeMap<CellName, Vec<(Asked, String)>> {
        let mut cells: BTreeMap<CellName, Vec<(Asked, String)>> = BTreeMap::new();
        let names = self.names();
        for (address, deployment) in asked {
            let found = names.found.get(&(address.service.clone(), deployment.clone()));
            if let Some(arn) = found.or_else(|| names.current.get(&address.service)) {
                let asked = (address.clone(), deployment.clone());
                cells.entry(address.cell.clone()).or_default().push((asked, arn.clone()));
            }
        }
        cells
    }

    /// Reads up to twenty by their ARN. One that is gone, or brings up another revision, is to be looked up.
    async fn describe(&self, cell: &CellName, batch: &[(Asked, String)]) -> Vec<Found> {
        let doing = doing("reading service deployments", cell);
        let answer = async {
            let clients = self.cells.clients(cell).await?;
            clients.pace(Group::ServiceDeploymentRead).await;
            let arns = batch.iter().map(|(_, arn)| arn.clone()).collect();
            let call = clients.ecs.describe_service_deployments().set_service_deployment_arns(Some(arns));
            let answer = none_if_no_such_call(call.send().await, &doing)?;
            Ok(answer.map(|answer| answer.service_deployments.unwrap_or_default()))
        };
        let answer: PortResult<Option<Vec<ServiceDeployment>>> = answer.await;
        let found = |((address, deployment), arn): &(Asked, String)| {
            let seen = match &answer {
                Ok(Some(described)) => {
                    let of = described.iter().find(|of| of.service_deployment_arn() == Some(arn));
                    let of = of.filter(|of| {
                        let revision = of.target_service_revision().and_then(|revision| revision.arn());
                        brings_up(revision, deployment)
                    });
                    of.map(|of| word(of.status(), of.status_reason()))
                }
                Ok(None) => Some(DeploymentSeen::NoHistory),
                Err(error) => Some(DeploymentSeen::Unreadable { why: error.to_string() }),
            };
            (address.service.clone(), seen)
        };
        batch.iter().map(found).collect()
    }

    /// Looks for a deployment in its service's history.
    async fn look_up(&self, address: &Address, deployment: &DeploymentId) -> Found {
        let service = address.service.clone();
        let key = (service.clone(), deployment.clone());
        let missed = self.names().missed.get(&key).cloned();
        if let Some(missed) = missed.as_ref().filter(|missed| Instant::now() < missed.next) {
            return (service, Some(DeploymentSeen::Unreadable { why: missed.why.clone() }));
        }
        let seen = match self.list(address, deployment).await {
            Ok(seen) => seen,
            Err(error) => DeploymentSeen::Unreadable { why: error.to_string() },
        };
        let why = match &seen {
            DeploymentSeen::Unreadable { why } => Some(why.clone()),
            DeploymentSeen::NoHistory => Some(late(deployment)),
            DeploymentSeen::Done | DeploymentSeen::UnderWay | DeploymentSeen::Lost { .. } => None,
        };
        if let Some(why) = why {
            let times = missed.map_or(0, |missed| missed.times) + 1;
            self.names().missed.insert(key, Missed { times, next: Instant::now() + wait(times), why });
        }
        (service, Some(seen))
    }

    async fn list(&self, address: &Address, deployment: &DeploymentId) -> PortResult<DeploymentSeen> {
        let doing = doing(format!("listing service deployments of {}", address.ecs_service), &address.cell);
        let clients = self.cells.clients(&address.cell).await?;
        // A service that has a current service deployment has a history, whatever is listed.
        let (mut next, mut any) = (None, self.names().current.contains_key(&address.service));
        for _ in 0..PAGES_MAX {
            clients.pace(Group::ServiceDeploymentRead).await;
            let call = clients.ecs.list_service_deployments().cluster(&address.cluster).service(&address.ecs_service);
            let page = call.max_results(PER_PAGE).set_next_token(next).send().await;
            let Some(page) = none_if_no_such_call(page, &doing)? else { return Ok(DeploymentSeen::NoHistory) };
            any |= !page.service_deployments().is_empty();
            let ours =
                page.service_deployments().iter().find(|of| brings_up(of.target_service_revision_arn(), deployment));
            if let Some(ours) = ours {
                let key = (address.service.clone(), deployment.clone());
                self.names().found.extend(ours.service_deployment_arn().map(|arn| (key, arn.to_owned())));
                return Ok(word(ours.status(), ours.status_reason()));
            }
            next = page.next_token;
            if next.is_none() {
                let late = || DeploymentSeen::Unreadable { why: late(deployment) };
                return Ok(if any { late() } else { DeploymentSeen::NoHistory });
            }
        }
        let why = format!("{deployment} is not among the {} service deployments that were read", PAGES_MAX * 100);
        Ok(DeploymentSeen::Unreadable { why })
    }
}

fn late(deployment: &DeploymentId) -> String {
    format!("ECS does not list a service deployment of {deployment} yet")
}

/// How long to leave a service alone after so many lists that did not have its deployment.
fn wait(missed: u32) -> Duration {
    match missed.checked_sub(AT_ONCE) {
        None => Duration::ZERO,
        Some(more) => Duration::from_secs(2u64.saturating_pow(more + 1)).min(WAIT_MAX),
    }
}

async fn all(mut calls: JoinSet<Vec<Found>>) -> BTreeMap<ServiceKey, Option<DeploymentSeen>> {
    let mut found = BTreeMap::new();
    while let Some(call) = calls.join_next().await {
        found.extend(call.unwrap_or_default());
    }
    found
}

/// An answer, or none where AWS has no such call.
fn none_if_no_such_call<T, E>(answer: Result<T, SdkError<E, HttpResponse>>, doing: &str) -> PortResult<Option<T>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code().is_some_and(|code| NO_SUCH_CALL.contains(&code)) => Ok(None),
        Err(error) => Err(failure(doing, &error)),
    }
}

/// Whether a service deployment with this target brings up a deployment: `ecs-svc/N` is the service revision whose ARN
/// ends in `/N`. AWS writes it nowhere; Terraform's provider relies on it too.
pub(super) fn brings_up(revision: Option<&str>, deployment: &DeploymentId) -> bool {
    let number = |text: &str| text.rsplit('/').next().map(str::to_owned);
    revision.is_some() && revision.and_then(number) == number(deployment.as_str())
}

/// What a state means (Developer Guide, "View service history using Amazon ECS service deployments"). Of the ongoing
/// ones, three are on their way to an end that is no success.
fn word(status: Option<&Status>, reason: Option<&str>) -> DeploymentSeen {
    let lost = |what: &str| {
        let why = one_line(reason.unwrap_or_default());
        let why = if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") };
        DeploymentSeen::Lost { why }
    };
    match status {
        Some(Status::Successful) => DeploymentSeen::Done,
        Some(Status::Pending | Status::InProgress) => DeploymentSeen::UnderWay,
        Some(Status::RollbackSuccessful) => lost("ECS rolled it back"),
        Some(Status::RollbackRequested | Status::RollbackInProgress) => lost("ECS is rolling it back"),
        Some(Status::RollbackFailed) => lost("ECS tried to roll it back and could not"),
        Some(Status::StopRequested) => lost("it is being stopped, by somebody or for a newer deployment"),
        Some(Status::Stopped) => lost("it was stopped, by ECS, by somebody or for a newer deployment"),
        Some(other) => {
            let why = format!("ECS gives the status of its service deployment as {}", one_line(other.as_str()));
            DeploymentSeen::Unreadable { why }
        }
        None => DeploymentSeen::Unreadable { why: "its service deployment has no status".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Asked as Call, Loopback, Reply, address, error};
    use serde_json::{Value, json};

    fn arn(tenant: &str, id: &str) -> String {
        format!("arn:aws:ecs:eu-west-1:111111111111:service-deployment/c1/app-prod-{tenant}-iam/{id}")
    }

    fn revision(tenant: &str, number: &str) -> String {
        format!("arn:aws:ecs:eu-west-1:111111111111:service-revision/c1/app-prod-{tenant}-iam/{number}")
    }

    /// As DescribeServiceDeployments has it.
    fn described(tenant: &str, id: &str, number: &str, status: Value) -> Value {
        let target = json!({"arn": revision(tenant, number), "requestedTaskCount": 2, "runningTaskCount": 2, "pendingTaskCount": 0});
        json!({
            "serviceDeploymentArn": arn(tenant, id), "targetServiceRevision": target, "status": status,
            "statusReason": "x happened.", "createdAt": 1.7e9, "aFieldOfNextYear": {"a": 1},
        })
    }

    /// As ListServiceDeployments has it.
    fn brief(tenant: &str, id: &str, number: &str, status: &str) -> Value {
        json!({"serviceDeploymentArn": arn(tenant, id), "targetServiceRevisionArn": revision(tenant, number), "status": status})
    }

    fn ok(answer: &Value) -> Reply {
        (200, answer.to_string())
    }

    fn asked(tenants: &[&str]) -> Vec<Asked> {
        tenants.iter().map(|tenant| (address(tenant), "ecs-svc/22".parse().unwrap())).collect()
    }

    async fn served(answer: impl Fn(&Call) -> Reply + Clone + Send + Sync + 'static) -> (Arc<History>, Loopback) {
        let aws = Loopback::serve(answer).await;
        (Arc::new(History::new(aws.cells().await)), aws)
    }

    #[tokio::test]
    async fn what_describe_services_names_is_read_twenty_a_call_and_nothing_is_listed() {
        let (history, aws) = served(|call| {
            let arns = call.json()["serviceDeploymentArns"].as_array().unwrap().clone();
            let one = |arn: &Value| {
                let tenant =
                    arn.as_str().unwrap().split("app-prod-").nth(1).unwrap().split("-iam").next().unwrap().to_owned();
                described(&tenant, "AbC", "22", json!("SUCCESSFUL"))
            };
            ok(&json!({"serviceDeployments": arns.iter().map(one).collect::<Vec<_>>()}))
        })
        .await;
        let tenants: Vec<String> = (0..45).map(|n| format!("t{n}")).collect();
        let tenants: Vec<&str> = tenants.iter().map(String::as_str).collect();
        tenants.iter().for_each(|tenant| history.note_current(&address(tenant).service, &arn(tenant, "AbC")));
        let seen = history.read(&asked(&tenants)).await;
        assert_eq!((seen.len(), seen.values().all(|seen| *seen == DeploymentSeen::Done)), (45, true));
        assert_eq!((aws.asked().len(), aws.asked_for("DescribeServiceDeployments").len()), (3, 3));
    }

    #[tokio::test]
    async fn the_name_of_another_deployment_is_not_believed_and_ours_is_looked_up_once() {
        let (history, aws) = served(|call| match call.action().as_str() {
            "DescribeServiceDeployments" if call.json()["serviceDeploymentArns"][0] == arn("acme", "Old") => {
                ok(&json!({"serviceDeployments": [described("acme", "Old", "21", json!("SUCCESSFUL"))]}))
            }
            "DescribeServiceDeployments" => {
                ok(&json!({"serviceDeployments": [described("acme", "New", "22", json!("ROLLBACK_IN_PROGRESS"))]}))
            }
            _ => ok(&json!({"serviceDeployments": [
                brief("acme", "Other", "122", "SUCCESSFUL"), brief("acme", "New", "22", "IN_PROGRESS"),
            ]})),
        })
        .await;
        history.note_current(&address("acme").service, &arn("acme", "Old"));
        assert_eq!(history.read(&asked(&["acme"])).await[&address("acme").service], DeploymentSeen::UnderWay);
        let lost = DeploymentSeen::Lost { why: "ECS is rolling it back: x happened.".to_owned() };
        assert_eq!(history.read(&asked(&["acme"])).await[&address("acme").service], lost);
        let calls: Vec<String> = aws.asked().iter().map(Call::action).collect();
        assert_eq!(calls, ["DescribeServiceDeployments", "ListServiceDeployments", "DescribeServiceDeployments"]);
        let list = json!({"cluster": "c1", "service": "app-prod-acme-iam", "maxResults": 100});
        assert_eq!(aws.asked_for("ListServiceDeployments")[0].json(), list);
    }

    #[tokio::test]
    async fn pages_are_read_to_the_end_and_not_for_ever() {
        let (history, aws) = served(|call| match call.json()["nextToken"].as_str() {
            None => ok(&json!({"serviceDeployments": [brief("acme", "A", "1", "SUCCESSFUL")], "nextToken": "1"})),
            Some(_) => ok(&json!({"serviceDeployments": [brief("acme", "B", "22", "SUCCESSFUL")]})),
        })
        .await;
        assert_eq!(history.read(&asked(&["acme"])).await[&address("acme").service], DeploymentSeen::Done);
        assert_eq!(aws.asked().len(), 2);
        let (history, aws) = served(|_| ok(&json!({"serviceDeployments": [], "nextToken": "1"}))).await;
        let seen = history.read(&asked(&["acme"])).await.remove(&address("acme").service).unwrap();
        assert!(matches!(&seen, DeploymentSeen::Unreadable { why } if why.contains("500")), "{seen:?}");
        assert_eq!(aws.asked().len(), PAGES_MAX);
    }

    #[tokio::test]
    async fn what_is_not_listed_is_looked_for_at_once_three_times_and_then_more_and_more_rarely() {
        let (history, aws) =
            served(|_| ok(&json!({"serviceDeployments": [brief("acme", "A", "21", "SUCCESSFUL")]}))).await;
        for _ in 0..10 {
            let seen = history.read(&asked(&["acme"])).await.remove(&address("acme").service).unwrap();
            let why = late(&"ecs-svc/22".parse().unwrap());
            assert_eq!(seen, DeploymentSeen::Unreadable { why });
        }
        assert_eq!(aws.asked().len(), 3);
        assert_eq!([1, 2, 3, 4, 5, 9, 99].map(|missed| wait(missed).as_secs()), [0, 0, 2, 4, 8, 60, 60]);
    }

    #[tokio::test]
    async fn one_that_cannot_be_read_keeps_no_other_back() {
        let (history, _) = served(|call| match call.json()["service"].as_str() {
            Some("app-prod-acme-iam") => ok(&json!({"serviceDeployments": [brief("acme", "A", "22", "SUCCESSFUL")]})),
            Some("app-prod-gone-iam") => error(400, "ServiceNotFoundException", "Service not found."),
            _ => error(400, "UnsupportedFeatureException", "The specified task isn't supported in this Region."),
        })
        .await;
        let seen = history.read(&asked(&["acme", "gone", "old"])).await;
        assert_eq!(seen[&address("acme").service], DeploymentSeen::Done);
        assert_eq!(seen[&address("old").service], DeploymentSeen::NoHistory);
        let gone = &seen[&address("gone").service];
        assert!(matches!(gone, DeploymentSeen::Unreadable { why } if why.contains("ServiceNotFound")), "{gone:?}");
    }
}
