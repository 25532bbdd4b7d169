//! What is seen of services whose DescribeServices answers so, from the call to the value.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::history::History;
use super::loopback::{Asked, Loopback, Reply, address, error};
use super::observe::observe;
use super::task_definitions::TaskDefinitions;
use crate::domain::fleet::Address;
use crate::domain::ids::ContentHash;
use crate::domain::snapshot::{Live, RolloutState, ServiceSeen, TaskStarts};

fn arn(name: &str) -> String {
    format!("arn:aws:ecs:eu-west-1:111111111111:task-definition/{name}")
}

fn deployment(id: &str, status: &str, task_definition: &str, rollout: &str) -> Value {
    json!({
        "id": id, "status": status, "taskDefinition": arn(task_definition), "desiredCount": 2, "runningCount": 2,
        "pendingCount": 0, "failedTasks": 0, "createdAt": 1.7e9, "rolloutState": rollout,
        "rolloutStateReason": format!("{rollout} for a reason"),
    })
}

fn service(tenant: &str, deployments: Value) -> Value {
    json!({
        "serviceName": address(tenant).ecs_service, "status": "ACTIVE", "desiredCount": 2, "runningCount": 2,
        "deploymentController": {"type": "ECS"}, "deployments": deployments, "aFieldOfNextYear": 1,
        "events": events(),
    })
}

/// Newest first, in ECS's words; one without a time, as it should not be.
fn events() -> Value {
    let event = |at: f64, message: &str| json!({"id": at.to_string(), "createdAt": at, "message": message});
    json!([
        event(1_700_000_300.5, "(service iam) has reached a steady state."),
        {"id": "untimed", "message": "(service iam) has started 7 tasks: (task 7)."},
        event(1_700_000_200.0, "iam has started 1 tasks in eu-west-1a to AZ Rebalance: 4."),
        event(1_700_000_100.0, "(service iam) has started 2 tasks: (task 2) (task 3)."),
        event(1_700_000_060.0, "(service iam) has stopped 1 running tasks: (task 1)."),
        event(1_700_000_050.0, "(service iam) has started many tasks: (task 1)."),
    ])
}

/// `f:1` was registered by tidegate, `f:2` by somebody else, and `f:3` cannot be read.
fn task_definition(asked: &Asked) -> Reply {
    let name = asked.json()["taskDefinition"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let image = format!("r/iam@sha256:{}", "a".repeat(64));
    let definition = json!({"family": "f", "containerDefinitions": [{"name": "iam", "image": image}]});
    match name.as_str() {
        "f:1" => {
            let tags = json!([{"key": "tidegate:hash", "value": "b".repeat(64)}]);
            (200, json!({"taskDefinition": definition, "tags": tags}).to_string())
        }
        "f:2" => (200, json!({"taskDefinition": definition}).to_string()),
        _ => error(400, "ClientException", "Unable to describe task definition."),
    }
}

/// What is seen of these tenants when DescribeServices answers this.
async fn seen_of(tenants: &[&str], services: Vec<Value>, failures: Value) -> Vec<ServiceSeen> {
    let answer = json!({"services": services, "failures": failures}).to_string();
    let aws = Loopback::serve(move |asked| match asked.action().as_str() {
        "DescribeServices" => (200, answer.clone()),
        _ => task_definition(asked),
    })
    .await;
    let cells = aws.cells().await;
    let definitions = Arc::new(TaskDefinitions::new(Arc::clone(&cells)));
    let addresses: Vec<_> = tenants.iter().map(|tenant| address(tenant)).collect();
    let seen = observe(&cells, (&definitions, &History::new(Arc::clone(&cells))), &addresses).await;
    addresses.iter().map(|address| seen[&address.service].clone()).collect()
}

async fn live_with(deployments: Value) -> Live {
    match seen_of(&["acme"], vec![service("acme", deployments)], json!([])).await.remove(0) {
        ServiceSeen::Live(live) => live,
        other => panic!("{other:?}"),
    }
}

async fn unreachable_with(service: Value) -> String {
    match seen_of(&["acme"], vec![service], json!([])).await.remove(0) {
        ServiceSeen::Unreachable { why } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_healthy_service_runs_what_its_primary_deployment_says() {
    let live = live_with(json!([deployment("ecs-svc/1", "PRIMARY", "f:1", "COMPLETED")])).await;
    assert_eq!(live.runs.task_definition.as_str(), arn("f:1"));
    assert_eq!(live.runs.hash.as_str(), "b".repeat(64));
    assert_eq!(live.runs.digest.unwrap().as_str(), format!("sha256:{}", "a".repeat(64)));
    assert_eq!((live.rollout, live.desired, live.running), (RolloutState::Completed, 2, 2));
    let at = |second| Timestamp::from_second(second).unwrap();
    assert_eq!(live.starts.kept_since, None);
    assert_eq!(live.starts.started, [(at(1_700_000_100), 2)], "one that is moved replaces nothing");
}

/// ECS keeps a hundred events: what is older than they are is forgotten.
#[tokio::test]
async fn a_full_list_of_events_says_since_when_it_tells() {
    let mut full = service("acme", json!([deployment("ecs-svc/1", "PRIMARY", "f:1", "COMPLETED")]));
    let steady = "(service iam) has reached a steady state.";
    full["events"] = (0..100).map(|n| json!({"createdAt": 1_700_000_500 - n, "message": steady})).collect();
    let seen = seen_of(&["acme"], vec![full], json!([])).await.remove(0);
    let ServiceSeen::Live(live) = seen else { panic!("{seen:?}") };
    let kept_since = Some(Timestamp::from_second(1_700_000_401).unwrap());
    assert_eq!(live.starts, TaskStarts { kept_since, started: Vec::new() });
}

#[tokio::test]
async fn without_our_tag_the_hash_is_that_of_the_content() {
    let live = live_with(json!([deployment("ecs-svc/1", "PRIMARY", "f:2", "COMPLETED")])).await;
    let image = format!("r/iam@sha256:{}", "a".repeat(64));
    let content = json!({"family": "f", "containerDefinitions": [{"name": "iam", "image": image}]});
    assert_eq!(live.runs.hash, ContentHash::of_json(&content));
}

#[tokio::test]
async fn after_a_rollback_primary_is_another_and_the_failed_one_is_listed() {
    let live = live_with(json!([
        deployment("ecs-svc/3", "PRIMARY", "f:2", "COMPLETED"),
        deployment("ecs-svc/2", "ACTIVE", "f:1", "FAILED"),
        deployment("ecs-svc/1", "INACTIVE", "f:3", "FAILED"),
    ]))
    .await;
    assert_eq!(live.deployment.as_str(), "ecs-svc/3");
    let [failed, unreadable] = live.failed.as_slice() else { panic!("{:?}", live.failed) };
    assert_eq!((failed.id.as_str(), failed.why.as_str()), ("ecs-svc/2", "FAILED for a reason"));
    assert_eq!(failed.hash.as_ref().unwrap().as_str(), "b".repeat(64));
    assert_eq!(failed.began, Timestamp::from_second(1_700_000_000).unwrap());
    assert_eq!(unreadable.hash, None);
}

#[tokio::test]
async fn missing_and_left_over_services_are_missing() {
    let with_status = |tenant: &str, status: &str| {
        let mut service = service(tenant, json!([]));
        service["status"] = json!(status);
        service
    };
    let failure = |tenant: &str, reason: &str| {
        let arn = format!("arn:aws:ecs:eu-west-1:111111111111:service/c1/{}", address(tenant).ecs_service);
        json!({"arn": arn, "reason": reason})
    };
    let services = vec![with_status("draining", "DRAINING"), with_status("inactive", "INACTIVE")];
    let failures = json!([failure("missing", "MISSING"), failure("odd", "SOMETHING_ELSE")]);
    let seen = seen_of(&["draining", "inactive", "missing", "odd", "silent"], services, failures).await;
    let unreachable = |why: &str| ServiceSeen::Unreachable { why: why.to_owned() };
    assert_eq!(seen[..3], [ServiceSeen::Missing, ServiceSeen::Missing, ServiceSeen::Missing]);
    assert_eq!(seen[3..], [unreachable("ECS answers SOMETHING_ELSE"), unreachable("not in the answer")]);
}

#[tokio::test]
async fn a_word_of_next_year_is_unknown_and_no_success() {
    let live = live_with(json!([deployment("ecs-svc/1", "PRIMARY", "f:1", "ALMOST_DONE")])).await;
    assert_eq!(live.rollout, RolloutState::Unknown);
}

/// What ECS can answer of a service, and what is made of it: id of the PRIMARY deployment, its state, ids of the
/// failed ones, whether it counts as settled.
#[tokio::test]
async fn each_answer_keeps_its_meaning() {
    let sleeping = |mut service: Value| {
        service["desiredCount"] = json!(0);
        service["deployments"][0]["runningCount"] = json!(0);
        service
    };
    let unjudged = |mut service: Value| {
        service["deployments"][0].as_object_mut().unwrap().remove("rolloutState");
        service
    };
    let one = |id: &str, rollout: &str| service("acme", json!([deployment(id, "PRIMARY", "f:1", rollout)]));
    let two = |ours: &str, old: &str, rollout: &str| {
        let old = deployment("ecs-svc/1", "ACTIVE", "f:2", old);
        service("acme", json!([old, deployment(ours, "PRIMARY", "f:1", rollout)]))
    };
    use RolloutState::{Completed, Failed, InProgress, Unknown, Unsaid};
    type Row<'a> = (&'a str, Value, &'a str, RolloutState, &'a [&'a str], bool);
    let rows: [Row<'_>; 9] = [
        ("done", one("ecs-svc/2", "COMPLETED"), "ecs-svc/2", Completed, &[], true),
        (
            "moving, the old one serves",
            two("ecs-svc/2", "COMPLETED", "IN_PROGRESS"),
            "ecs-svc/2",
            InProgress,
            &[],
            false,
        ),
        ("done, the old one drains", two("ecs-svc/2", "COMPLETED", "COMPLETED"), "ecs-svc/2", Completed, &[], true),
        ("two at once", two("ecs-svc/2", "IN_PROGRESS", "IN_PROGRESS"), "ecs-svc/2", InProgress, &[], false),
        ("given up, no way back", one("ecs-svc/2", "FAILED"), "ecs-svc/2", Failed, &["ecs-svc/2"], false),
        ("rolled back", two("ecs-svc/3", "FAILED", "COMPLETED"), "ecs-svc/3", Completed, &["ecs-svc/1"], true),
        ("a word of next year", one("ecs-svc/2", "ALMOST_DONE"), "ecs-svc/2", Unknown, &[], false),
        ("no word", unjudged(one("ecs-svc/2", "-")), "ecs-svc/2", Unsaid, &[], false),
        ("nothing to run", sleeping(one("ecs-svc/2", "COMPLETED")), "ecs-svc/2", Completed, &[], true),
    ];
    for (what, service, primary, rollout, failed, settled) in rows {
        let seen = seen_of(&["acme"], vec![service], json!([])).await.remove(0);
        let ServiceSeen::Live(live) = seen else { panic!("{what}: {seen:?}") };
        let ids: Vec<&str> = live.failed.iter().map(|failed| failed.id.as_str()).collect();
        let found = (live.deployment.as_str(), live.rollout, ids.as_slice(), live.is_settled());
        assert_eq!(found, (primary, rollout, failed, settled), "{what}");
        assert_eq!(live.desired == 0, what == "nothing to run", "{what}: zero tasks must stay visible");
    }
}

#[tokio::test]
async fn inv_09_only_missing_is_missing() {
    for (status, reason, missing) in [
        (Some("DRAINING"), None, true),
        (Some("INACTIVE"), None, true),
        (Some("ASLEEP"), None, false),
        (None, Some("MISSING"), true),
        (None, Some("missing"), false),
        (None, Some("ACCESS_DENIED"), false),
        (None, Some(""), false),
        (None, None, false),
    ] {
        let services = status.map(|status| {
            let mut service = service("acme", json!([deployment("ecs-svc/1", "PRIMARY", "f:1", "COMPLETED")]));
            service["status"] = json!(status);
            service
        });
        let arn = format!("arn:aws:ecs:eu-west-1:1:service/c1/{}", address("acme").ecs_service);
        let failures: Vec<_> = reason.iter().map(|reason| json!({"arn": arn, "reason": reason})).collect();
        let seen = seen_of(&["acme"], services.into_iter().collect(), json!(failures)).await.remove(0);
        assert_eq!(seen == ServiceSeen::Missing, missing, "{status:?} {reason:?}: {seen:?}");
        assert_eq!(matches!(seen, ServiceSeen::Unreachable { .. }), !missing, "{status:?} {reason:?}: {seen:?}");
    }
}

#[tokio::test]
async fn inv_09_what_does_not_fit_is_unreachable() {
    let none = service("acme", json!([deployment("ecs-svc/1", "ACTIVE", "f:1", "COMPLETED")]));
    assert_eq!(unreachable_with(none).await, "ECS lists no PRIMARY deployment");
    let mut foreign = service("acme", json!([deployment("x", "PRIMARY", "f:1", "COMPLETED")]));
    foreign["deploymentController"] = json!({"type": "EXTERNAL"});
    assert_eq!(unreachable_with(foreign).await, "its deployment controller is EXTERNAL, not ECS");
    let unread = service("acme", json!([deployment("x", "PRIMARY", "f:3", "COMPLETED")]));
    assert!(unreachable_with(unread).await.starts_with("reading task definition f:3 in prod-1: ClientException"));
    let mut odd = service("acme", json!([deployment("x", "PRIMARY", "f:1", "COMPLETED")]));
    odd["desiredCount"] = json!(-1);
    assert_eq!(unreachable_with(odd).await, "ECS counts -1 desired tasks");
    assert!(unreachable_with(json!({"status": "ACTIVE"})).await.contains("not in the answer"));
}

#[tokio::test]
async fn a_call_that_fails_is_told_of_each_of_its_services_and_of_no_other() {
    let aws = Loopback::serve(|asked| match asked.json()["cluster"].as_str() {
        Some("c1") => error(400, "AccessDeniedException", "User is not authorized"),
        _ => (200, json!({"services": [], "failures": []}).to_string()),
    })
    .await;
    let cells = aws.cells().await;
    let definitions = Arc::new(TaskDefinitions::new(Arc::clone(&cells)));
    let elsewhere = Address { cluster: "c2".to_owned(), ..address("zz") };
    let mut addresses: Vec<_> = (0..12).map(|n| address(&format!("t{n}"))).collect();
    addresses.push(elsewhere.clone());
    let seen = observe(&cells, (&definitions, &History::new(Arc::clone(&cells))), &addresses).await;
    assert_eq!(aws.asked_for("DescribeServices").len(), 3, "ten a call");
    let why = |seen: &ServiceSeen| match seen {
        ServiceSeen::Unreachable { why } => why.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        why(&seen[&address("t11").service]),
        "reading services of cluster c1 in prod-1: AccessDeniedException: User is not authorized (request req-1)"
    );
    assert_eq!(why(&seen[&elsewhere.service]), "not in the answer");
}
