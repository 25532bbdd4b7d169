//! What ECS and Elastic Load Balancing can answer, as they send it, and the verdict of a rollout on it: the place
//! where "success after ECS had rolled back" would show.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::history::History;
use super::loopback::{Asked, Loopback, Reply, address, error};
use super::observe::observe;
use super::task_definitions::TaskDefinitions;
use crate::domain::fleet::OnFailure;
use crate::domain::gate::GatePolicy;
use crate::domain::ids::{ContentHash, DeploymentId};
use crate::domain::plan::{Change, Direction, PLAN_SCHEMA, Plan, Target, Wave};
use crate::domain::release::Release;
use crate::domain::rollout::{Event, Rollout, Standing};
use crate::domain::service::Role;
use crate::domain::snapshot::Snapshot;

const OURS: &str = "ecs-svc/2";
const DEADLINE: SignedDuration = SignedDuration::from_mins(15);

fn began() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

/// `f:2` is what the rollout brings, `f:1` what ran before, `f:3` something else, and `f:4` cannot be read.
fn hash(revision: u32) -> ContentHash {
    revision.to_string().repeat(64).parse().unwrap()
}

fn task_definition(asked: &Asked) -> Reply {
    let name = asked.json()["taskDefinition"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let definition = json!({"family": "f", "containerDefinitions": [{"name": "iam", "image": "r/iam:1"}]});
    match name.as_str() {
        "f:4" => error(400, "ClientException", "Unable to describe task definition."),
        name => {
            let tags = json!([{"key": "tidegate:hash", "value": name.trim_start_matches("f:").repeat(64)}]);
            (200, json!({"taskDefinition": definition, "tags": tags}).to_string())
        }
    }
}

fn rollout() -> (Rollout, Change) {
    let target = |revision| Target {
        hash: hash(revision),
        task_definition: None,
        template: None,
        digest: None,
        version: None,
        tasks: None,
    };
    let change = Change {
        service: address("acme").service,
        role: Role::Serving,
        ecs_service: address("acme").ecs_service,
        after: Vec::new(),
        before: target(1),
        target: target(2),
        configuration: Vec::new(),
        probe: None,
    };
    let wave = Wave { name: "all".to_owned(), bake: SignedDuration::ZERO, changes: vec![change.clone()] };
    let plan = Plan {
        schema: PLAN_SCHEMA,
        app: "app".parse().unwrap(),
        fleet: "prod".parse().unwrap(),
        release: Release {
            version: "1.1.0".parse().unwrap(),
            commit: "a".repeat(40).parse().unwrap(),
            images: BTreeMap::new(),
        },
        replaces: None,
        direction: Direction::Deploy,
        waves: vec![wave],
        unchanged: Vec::new(),
        excluded: Vec::new(),
        unlicensed: Vec::new(),
        on_failure: OnFailure::Stop,
        failure_budget: 0,
        gate: GatePolicy { deadline: DEADLINE, ..GatePolicy::default() },
    };
    let rollout = Rollout::replay(plan, began(), [Event::WaveStarted { wave: 0 }], began()).unwrap();
    (rollout, change)
}

/// A deployment as DescribeServices has it.
fn deployment(id: &str, status: &str, revision: u32, state: Value) -> Value {
    json!({
        "id": id, "status": status, "taskDefinition": format!("arn:aws:ecs:eu-west-1:1:task-definition/f:{revision}"),
        "desiredCount": 2, "runningCount": 2, "pendingCount": 0, "failedTasks": 0, "createdAt": 1_700_000_060.0,
        "rolloutState": state, "rolloutStateReason": "ECS deployment ecs-svc/2 is so.",
    })
}

fn service(deployments: &[Value]) -> Value {
    json!({
        "serviceName": address("acme").ecs_service, "status": "ACTIVE", "desiredCount": 2, "runningCount": 2,
        "deploymentController": {"type": "ECS"}, "deployments": deployments,
    })
}

fn changed(mut service: Value, path: &str, value: Value) -> Value {
    *service.pointer_mut(path).unwrap() = value;
    service
}

/// What AWS answers.
#[derive(Clone)]
struct Aws {
    services: Reply,
    /// ListServiceDeployments.
    list: Reply,
    /// DescribeServiceDeployments.
    describe: Reply,
}

impl Aws {
    /// DescribeServices answers this, and history has our deployment in this state.
    fn with(services: Reply, status: &str) -> Self {
        let none = (200, json!({"serviceDeployments": []}).to_string());
        Self { services, list: listed(&[(2, json!(status))]), describe: none }
    }
}

fn service_deployment_arn(revision: u32) -> String {
    format!("arn:aws:ecs:eu-west-1:1:service-deployment/c1/app-prod-acme-iam/SD{revision}")
}

fn revision_arn(revision: u32) -> String {
    format!("arn:aws:ecs:eu-west-1:1:service-revision/c1/app-prod-acme-iam/{revision}")
}

/// Service deployments of these revisions, in these states, as ListServiceDeployments has them.
fn listed(deployments: &[(u32, Value)]) -> Reply {
    let brief = |(revision, status): &(u32, Value)| {
        json!({
            "serviceDeploymentArn": service_deployment_arn(*revision), "createdAt": 1_700_000_060.0, "status": status,
            "serviceArn": "arn:aws:ecs:eu-west-1:1:service/c1/app-prod-acme-iam",
            "clusterArn": "arn:aws:ecs:eu-west-1:1:cluster/c1", "targetServiceRevisionArn": revision_arn(*revision),
        })
    };
    (200, json!({"serviceDeployments": deployments.iter().map(brief).collect::<Vec<_>>()}).to_string())
}

/// One of them as DescribeServiceDeployments has it.
fn described(revision: u32, status: Value, failures: Value) -> Reply {
    let summary = |revision| json!({"arn": revision_arn(revision), "requestedTaskCount": 2, "runningTaskCount": 2, "pendingTaskCount": 0});
    let deployment = json!({
        "serviceDeploymentArn": service_deployment_arn(2), "createdAt": 1_700_000_060.0, "status": status,
        "statusReason": "Service deployment rolled back because of alarm(s): app-5xx.",
        "sourceServiceRevisions": [summary(1)], "targetServiceRevision": summary(revision),
        "deploymentCircuitBreaker": {"status": "MONITORING", "failureCount": 0, "threshold": 3},
    });
    (200, json!({"serviceDeployments": [deployment], "failures": failures}).to_string())
}

/// The standing after this many looks at the same answers, the last of them so long after the update.
async fn standing(answers: Aws, looks: usize, after: SignedDuration) -> String {
    let aws = Loopback::serve(move |asked| match asked.action().as_str() {
        "DescribeServices" => answers.services.clone(),
        "ListServiceDeployments" => answers.list.clone(),
        "DescribeServiceDeployments" => answers.describe.clone(),
        _ => task_definition(asked),
    })
    .await;
    let cells = aws.cells().await;
    let definitions = Arc::new(TaskDefinitions::new(Arc::clone(&cells)));
    let history = Arc::new(History::new(Arc::clone(&cells)));
    let (mut rollout, change) = rollout();
    rollout.note_sent(&change.service, OURS.parse::<DeploymentId>().unwrap(), began());
    let mut seen = Snapshot::default();
    for _ in 0..looks {
        seen.services = observe(&cells, (&definitions, &history), &[address("acme")]).await;
        let due = rollout.needs_history(&seen.services).into_iter().map(|(_, id)| (address("acme"), id));
        seen.history = history.read(&due.collect::<Vec<_>>()).await;
        rollout.note_seen(&seen);
    }
    match rollout.standing(&change, &seen, began() + after) {
        Standing::OnTarget => "success".to_owned(),
        Standing::AsBefore => "as before".to_owned(),
        Standing::Moving => "moving".to_owned(),
        Standing::Unknown(reason) => format!("unknown: {}", reason.code()),
        Standing::Failed(reason) => format!("failed: {}", reason.code()),
        Standing::Foreign(reason) => format!("foreign: {}", reason.code()),
    }
}

/// Answers, looks, how long after the update, and what must come out.
type Row = (&'static str, Aws, usize, SignedDuration, &'static str);

async fn judge(rows: Vec<Row>) {
    let mut asked = tokio::task::JoinSet::new();
    for (what, aws, looks, after, wanted) in rows {
        asked.spawn(async move { (what, standing(aws, looks, after).await, wanted) });
    }
    let mut wrong = Vec::new();
    while let Some(row) = asked.join_next().await {
        let (what, found, wanted) = row.unwrap();
        if found != wanted {
            wrong.push(format!("{what}: {found} and not {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each answer of DescribeServices, and how our update stands by it.
#[tokio::test]
async fn inv_38_every_answer_of_describe_services_has_its_verdict() {
    let ok = |service: Value| (200, json!({"services": [service], "failures": []}).to_string());
    let primary = |id: &str, revision, state: &str| deployment(id, "PRIMARY", revision, json!(state));
    let old = |state: &str| deployment("ecs-svc/1", "ACTIVE", 1, json!(state));
    let failed = || deployment(OURS, "INACTIVE", 2, json!("FAILED"));
    let one = |id: &str, revision, state: &str| service(&[primary(id, revision, state)]);
    let failure = |reason: &str| {
        let arn = format!("arn:aws:ecs:eu-west-1:1:service/c1/{}", address("acme").ecs_service);
        (200, json!({"services": [], "failures": [{"arn": arn, "reason": reason}]}).to_string())
    };
    let (soon, late) = (SignedDuration::from_mins(1), DEADLINE + SignedDuration::from_mins(1));
    let done = || one(OURS, 2, "COMPLETED");
    let two_containers = || {
        let mut both = done();
        both["deployments"].as_array_mut().unwrap().push(deployment("ecs-svc/1", "DRAINING", 1, json!("COMPLETED")));
        both
    };
    let rows: Vec<(&str, Reply, usize, SignedDuration, &str)> = vec![
        ("done", ok(done()), 1, soon, "success"),
        (
            "done, the old one drains",
            ok(service(&[primary(OURS, 2, "COMPLETED"), old("COMPLETED")])),
            1,
            soon,
            "success",
        ),
        ("done, an old one listed as DRAINING", ok(two_containers()), 1, soon, "success"),
        ("done, long after the deadline", ok(done()), 1, late, "success"),
        ("in progress", ok(one(OURS, 2, "IN_PROGRESS")), 1, soon, "moving"),
        ("in progress past our deadline", ok(one(OURS, 2, "IN_PROGRESS")), 1, late, "failed: deadline_passed"),
        (
            "done by its word, tasks missing",
            ok(changed(done(), "/deployments/0/runningCount", json!(1))),
            1,
            soon,
            "moving",
        ),
        (
            "the same past the deadline",
            ok(changed(done(), "/deployments/0/runningCount", json!(0))),
            1,
            late,
            "failed: deadline_passed",
        ),
        ("given up without a way back", ok(one(OURS, 2, "FAILED")), 1, soon, "failed: deployment_failed"),
        (
            "rolled back by the circuit breaker, stable",
            ok(service(&[primary("ecs-svc/3", 1, "COMPLETED"), failed()])),
            1,
            soon,
            "failed: deployment_failed",
        ),
        (
            "rolled back, on its way",
            ok(service(&[primary("ecs-svc/3", 1, "IN_PROGRESS"), failed()])),
            1,
            soon,
            "failed: deployment_failed",
        ),
        (
            "rolled back, the failed one no longer listed, one look",
            ok(one("ecs-svc/3", 1, "COMPLETED")),
            1,
            soon,
            "moving",
        ),
        (
            "rolled back, the failed one no longer listed, two looks",
            ok(one("ecs-svc/3", 1, "COMPLETED")),
            2,
            soon,
            "failed: deployment_failed",
        ),
        ("stale right after the update", ok(one("ecs-svc/1", 1, "COMPLETED")), 1, soon, "moving"),
        ("somebody else's update", ok(one("ecs-svc/3", 3, "COMPLETED")), 2, soon, "foreign: foreign_change"),
        (
            "somebody else's update on its way",
            ok(service(&[primary("ecs-svc/3", 3, "IN_PROGRESS"), deployment(OURS, "ACTIVE", 2, json!("COMPLETED"))])),
            2,
            soon,
            "foreign: foreign_change",
        ),
        (
            "zero tasks should run",
            ok(changed(changed(done(), "/desiredCount", json!(0)), "/deployments/0/runningCount", json!(0))),
            1,
            soon,
            "unknown: unproven",
        ),
        ("a state of next year", ok(one(OURS, 2, "ALMOST_DONE")), 1, soon, "moving"),
        (
            "a state of next year, past the deadline",
            ok(one(OURS, 2, "ALMOST_DONE")),
            1,
            late,
            "failed: deadline_passed",
        ),
        (
            "no state, as behind a Classic Load Balancer",
            ok(changed(done(), "/deployments/0/rolloutState", Value::Null)),
            1,
            late,
            "failed: deadline_passed",
        ),
        ("no deployment is PRIMARY", ok(service(&[old("COMPLETED")])), 1, soon, "moving"),
        (
            "no deployment is PRIMARY, past the deadline",
            ok(service(&[old("COMPLETED")])),
            1,
            late,
            "unknown: gate_unknown",
        ),
        ("no deployments", ok(service(&[])), 1, late, "unknown: gate_unknown"),
        (
            "another controller",
            ok(changed(done(), "/deploymentController/type", json!("CODE_DEPLOY"))),
            1,
            late,
            "unknown: gate_unknown",
        ),
        (
            "tasks below zero",
            ok(changed(done(), "/deployments/0/runningCount", json!(-1))),
            1,
            late,
            "unknown: gate_unknown",
        ),
        ("its task definition cannot be read", ok(one(OURS, 4, "COMPLETED")), 1, late, "unknown: gate_unknown"),
        (
            "a deployment without an id",
            ok(changed(done(), "/deployments/0/id", json!(""))),
            1,
            late,
            "unknown: gate_unknown",
        ),
        (
            "a task definition that is none",
            ok(changed(done(), "/deployments/0/taskDefinition", json!("?"))),
            1,
            late,
            "unknown: gate_unknown",
        ),
        ("DRAINING", ok(changed(done(), "/status", json!("DRAINING"))), 1, soon, "failed: not_ready"),
        ("INACTIVE", ok(changed(done(), "/status", json!("INACTIVE"))), 1, soon, "failed: not_ready"),
        ("a status of next year", ok(changed(done(), "/status", json!("ASLEEP"))), 1, late, "unknown: gate_unknown"),
        ("MISSING", failure("MISSING"), 1, soon, "failed: not_ready"),
        ("another failure", failure("SERVICE_ELSEWHERE"), 1, late, "unknown: gate_unknown"),
        (
            "neither a service nor a failure",
            (200, json!({"services": [], "failures": []}).to_string()),
            1,
            late,
            "unknown: gate_unknown",
        ),
        ("not in the answer, soon after the update", (200, "{}".to_owned()), 1, soon, "moving"),
        ("HTML", (200, "<html>".to_owned()), 1, late, "unknown: gate_unknown"),
        ("not allowed", error(400, "AccessDeniedException", "no"), 1, late, "unknown: gate_unknown"),
        (
            "no such cluster",
            error(400, "ClusterNotFoundException", "Cluster not found."),
            1,
            late,
            "unknown: gate_unknown",
        ),
    ];
    assert!(rows.len() >= 36);
    let successful = |(what, reply, looks, after, wanted)| {
        // Without a state from ECS, history alone would judge, and it shows that the deployment is on its way.
        let status = if what == "no state, as behind a Classic Load Balancer" { "IN_PROGRESS" } else { "SUCCESSFUL" };
        (what, Aws::with(reply, status), looks, after, wanted)
    };
    judge(rows.into_iter().map(successful).collect()).await;
}

/// Each answer of history beside a DescribeServices that shows our deployment as done, or as gone.
#[tokio::test]
async fn inv_38_every_answer_of_service_deployments_has_its_verdict() {
    let ok = |service: Value| (200, json!({"services": [service], "failures": []}).to_string());
    let done = || service(&[deployment(OURS, "PRIMARY", 2, json!("COMPLETED"))]);
    let silent = || ok(changed(done(), "/deployments/0/rolloutState", Value::Null));
    let back = || ok(service(&[deployment("ecs-svc/3", "PRIMARY", 1, json!("COMPLETED"))]));
    let (soon, late) = (SignedDuration::from_mins(1), DEADLINE + SignedDuration::from_mins(1));
    let status = |status: &str| Aws::with(ok(done()), status);
    let list = |list: Reply| Aws { list, ..status("") };
    let named = || {
        let mut named = done();
        named["currentServiceDeployment"] = json!(service_deployment_arn(2));
        ok(named)
    };
    // Named by DescribeServices: whatever DescribeServiceDeployments answers, and history would list a success.
    let describe = |describe: Reply| Aws { services: named(), describe, ..status("SUCCESSFUL") };
    // The same, and nothing is listed.
    let only = |reply: Reply| Aws { list: listed(&[]), ..describe(reply) };
    let none = || json!([]);
    let failure = |reason: &str| {
        let failures = json!([{"arn": service_deployment_arn(2), "reason": reason}]);
        (200, json!({"serviceDeployments": [], "failures": failures}).to_string())
    };
    let denied = || error(400, "AccessDeniedException", "not authorized to perform: ecs:ListServiceDeployments");
    let rows: Vec<Row> = vec![
        ("SUCCESSFUL", status("SUCCESSFUL"), 1, soon, "success"),
        ("PENDING", status("PENDING"), 1, soon, "moving"),
        ("PENDING, late", status("PENDING"), 1, late, "failed: deadline_passed"),
        ("IN_PROGRESS", status("IN_PROGRESS"), 1, soon, "moving"),
        ("IN_PROGRESS, late", status("IN_PROGRESS"), 1, late, "failed: deadline_passed"),
        ("STOP_REQUESTED", status("STOP_REQUESTED"), 1, soon, "failed: deployment_failed"),
        ("STOPPED", status("STOPPED"), 1, soon, "failed: deployment_failed"),
        ("ROLLBACK_REQUESTED", status("ROLLBACK_REQUESTED"), 1, soon, "failed: deployment_failed"),
        ("ROLLBACK_IN_PROGRESS", status("ROLLBACK_IN_PROGRESS"), 1, soon, "failed: deployment_failed"),
        ("ROLLBACK_SUCCESSFUL", status("ROLLBACK_SUCCESSFUL"), 1, soon, "failed: deployment_failed"),
        ("ROLLBACK_FAILED", status("ROLLBACK_FAILED"), 1, soon, "failed: deployment_failed"),
        ("a status of next year", status("SETTLING"), 1, soon, "moving"),
        ("a status of next year, late", status("SETTLING"), 1, late, "unknown: gate_unknown"),
        ("a status in other letters", status("successful"), 5, late, "unknown: gate_unknown"),
        ("no status", list(listed(&[(2, Value::Null)])), 1, late, "unknown: gate_unknown"),
        ("another revision's success", list(listed(&[(12, json!("SUCCESSFUL"))])), 5, soon, "moving"),
        (
            "another revision's success, late",
            list(listed(&[(1, json!("SUCCESSFUL"))])),
            5,
            late,
            "unknown: gate_unknown",
        ),
        (
            "another revision's failure",
            list(listed(&[(1, json!("ROLLBACK_FAILED")), (2, json!("SUCCESSFUL"))])),
            1,
            soon,
            "success",
        ),
        (
            "no target",
            list((200, json!({"serviceDeployments": [{"status": "SUCCESSFUL"}]}).to_string())),
            5,
            late,
            "unknown: gate_unknown",
        ),
        ("not listed yet", list(listed(&[])), 1, soon, "moving"),
        ("not listed yet, late", list(listed(&[])), 1, late, "unknown: gate_unknown"),
        ("nothing listed, two looks", list(listed(&[])), 2, soon, "moving"),
        ("nothing listed, three looks", list(listed(&[])), 3, soon, "success"),
        ("an empty answer, three looks", list((200, "{}".to_owned())), 3, soon, "success"),
        ("no such call in the Region", list(error(400, "UnsupportedFeatureException", "no")), 3, soon, "success"),
        ("no such call", list(error(400, "UnknownOperationException", "")), 3, soon, "success"),
        ("no such call, one look", list(error(400, "UnknownOperationException", "")), 1, soon, "moving"),
        ("not allowed", list(denied()), 5, soon, "moving"),
        ("not allowed, late", list(denied()), 5, late, "unknown: gate_unknown"),
        ("no such service", list(error(400, "ServiceNotFoundException", "")), 5, late, "unknown: gate_unknown"),
        ("HTML", list((200, "<html>".to_owned())), 5, late, "unknown: gate_unknown"),
        ("named: SUCCESSFUL", only(described(2, json!("SUCCESSFUL"), none())), 1, soon, "success"),
        ("named: IN_PROGRESS", describe(described(2, json!("IN_PROGRESS"), none())), 5, soon, "moving"),
        (
            "named: ROLLBACK_SUCCESSFUL",
            describe(described(2, json!("ROLLBACK_SUCCESSFUL"), none())),
            1,
            soon,
            "failed: deployment_failed",
        ),
        ("named: STOPPED", describe(described(2, json!("STOPPED"), none())), 1, soon, "failed: deployment_failed"),
        ("named: next year", describe(described(2, json!("SETTLING"), none())), 5, late, "unknown: gate_unknown"),
        ("named: no status", describe(described(2, Value::Null, none())), 5, late, "unknown: gate_unknown"),
        ("named: another one, ours is listed", describe(described(3, json!("STOPPED"), none())), 1, soon, "success"),
        ("named: another one, none is listed", only(described(3, json!("SUCCESSFUL"), none())), 5, soon, "moving"),
        (
            "named: another one, none is listed, late",
            only(described(3, json!("SUCCESSFUL"), none())),
            5,
            late,
            "unknown: gate_unknown",
        ),
        ("named: MISSING, and listed", describe(failure("MISSING")), 1, soon, "success"),
        ("named: MISSING, and not listed", only(failure("MISSING")), 5, late, "unknown: gate_unknown"),
        ("named: another failure", only(failure("SOMETHING_ELSE")), 5, late, "unknown: gate_unknown"),
        ("named: an empty answer", only((200, "{}".to_owned())), 5, late, "unknown: gate_unknown"),
        ("named: not allowed", describe(denied()), 5, late, "unknown: gate_unknown"),
        ("named: HTML", describe((200, "<html>".to_owned())), 5, late, "unknown: gate_unknown"),
        ("no state from ECS: SUCCESSFUL", Aws::with(silent(), "SUCCESSFUL"), 1, soon, "success"),
        ("no state from ECS: STOPPED", Aws::with(silent(), "STOPPED"), 1, soon, "failed: deployment_failed"),
        (
            "no state from ECS, no history",
            Aws { list: listed(&[]), ..Aws::with(silent(), "") },
            5,
            late,
            "failed: deadline_passed",
        ),
        ("gone: rolled back", Aws::with(back(), "ROLLBACK_SUCCESSFUL"), 1, soon, "failed: deployment_failed"),
        ("gone: superseded", Aws::with(back(), "STOPPED"), 1, soon, "failed: deployment_failed"),
        ("gone: a stale look", Aws::with(back(), "IN_PROGRESS"), 1, soon, "moving"),
        ("gone: by a look and then another", Aws::with(back(), "IN_PROGRESS"), 2, soon, "failed: deployment_failed"),
    ];
    assert!(rows.len() >= 50);
    judge(rows).await;
}
