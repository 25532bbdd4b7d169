//! What ECS and Elastic Load Balancing can answer, as they send it, and the verdict of a rollout on it: the place
//! where "success after ECS had rolled back" would show.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

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
    let target =
        |revision| Target { hash: hash(revision), task_definition: None, template: None, digest: None, version: None };
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

/// The standing after this many looks at the same answer, the last of them so long after the update.
async fn standing(answer: Reply, looks: usize, after: SignedDuration) -> String {
    let aws = Loopback::serve(move |asked| match asked.action().as_str() {
        "DescribeServices" => answer.clone(),
        _ => task_definition(asked),
    })
    .await;
    let cells = aws.cells().await;
    let definitions = Arc::new(TaskDefinitions::new(Arc::clone(&cells)));
    let (mut rollout, change) = rollout();
    rollout.note_sent(&change.service, OURS.parse::<DeploymentId>().unwrap(), began());
    let mut seen = Snapshot::default();
    for _ in 0..looks {
        seen.services = observe(&cells, &definitions, &[address("acme")]).await;
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
    type Row = (&'static str, Reply, usize, SignedDuration, &'static str);
    let rows: Vec<Row> = vec![
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
            "no state, as without a circuit breaker",
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
    let mut asked = tokio::task::JoinSet::new();
    for (what, reply, looks, after, wanted) in rows {
        asked.spawn(async move { (what, standing(reply, looks, after).await, wanted) });
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
