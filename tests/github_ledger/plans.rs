//! Plans, and what happens when they are carried out, as values.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate::domain::ids::ContentHash;
use tidegate::domain::ledger::{ServiceResult, ServiceState, WaveResult};
use tidegate::domain::plan::{Plan, Wave};
use tidegate::domain::reason::Reason;
use tidegate::domain::release::Release;
use tidegate::domain::rollout::Event;

pub(crate) const COMMIT: &str = "1111111111111111111111111111111111111111";

pub(crate) fn release(version: &str) -> Release {
    serde_json::from_value(json!({ "version": version, "commit": COMMIT, "images": {} })).unwrap()
}

/// A plan for prod: waves of so many sets, each with so many services.
pub(crate) fn plan(version: &str, sets: &[usize], services: usize) -> Plan {
    let mut number = 0;
    let waves = sets.iter().enumerate().map(|(index, sets)| {
        let changes = (0..*sets).flat_map(|_| {
            number += 1;
            (0..services).map(move |service| change(version, number, service)).collect::<Vec<_>>()
        });
        let changes: Vec<Value> = changes.collect();
        json!({ "name": format!("wave {}", index + 1), "bake": "PT0S", "changes": changes })
    });
    let waves: Vec<Value> = waves.collect();
    let gate = json!({ "deadline": "PT15M", "stopped_tasks_max": 0, "targets_healthy": true, "probe": null, "unknown": "hold" });
    let plan = json!({
        "schema": 1, "app": "accessos", "fleet": "prod", "replaces": "1.3.0", "direction": "deploy",
        "release": release(version), "waves": waves, "unchanged": [], "excluded": [], "on_failure": "stop", "gate": gate,
    });
    serde_json::from_value(plan).unwrap()
}

fn change(version: &str, set: usize, service: usize) -> Value {
    let target = |version: &str| {
        json!({
            "hash": ContentHash::of(format!("{version} {service}").as_bytes()),
            "task_definition": format!("arn:aws:ecs:eu-central-1:123456789012:task-definition/prod-{service}:7"),
            "template": ContentHash::of(b"template"),
            "digest": format!("sha256:{}", ContentHash::of(version.as_bytes())),
            "version": version,
        })
    };
    json!({
        "service": format!("tenant-{set}/service-{service}"), "ecs_service": format!("tenant-{set}-service-{service}"),
        "after": [], "before": target("1.3.0"), "target": target(version), "probe": null,
    })
}

/// Every service of a wave on its target.
pub(crate) fn result(plan: &Plan, wave: &Wave) -> WaveResult {
    let state = |change: &tidegate::domain::plan::Change| ServiceState {
        release: plan.release.version.clone(),
        runs: change.target.clone(),
        result: ServiceResult::Live,
        at: Timestamp::UNIX_EPOCH,
    };
    let services = wave.changes.iter().map(|change| (change.service.clone(), state(change))).collect();
    WaveResult { services, gates: None }
}

/// What is recorded when all goes well, each with what comes with it.
pub(crate) fn success(plan: &Plan) -> Vec<(Event, Option<WaveResult>)> {
    let mut events = Vec::new();
    for index in 0..plan.waves.len() {
        let passed = index.checked_sub(1).map(|before| result(plan, &plan.waves[before]));
        events.push((Event::WaveStarted { wave: index }, passed));
        events.push((baking(index), None));
    }
    let last = plan.waves.last().map(|wave| result(plan, wave));
    events.push((Event::Succeeded, last));
    events
}

pub(crate) fn baking(wave: usize) -> Event {
    Event::Baking { wave, since: "2026-11-23T08:10:05.25Z".parse().unwrap() }
}

/// A stop whose reason is longer than any line.
pub(crate) fn halted(wave: usize) -> Event {
    let (what, why) = ("targets of tenant-1/service-0".to_owned(), "ü ".repeat(200) + "\nend");
    Event::Halted { wave, reason: Reason::GateUnknown { what, why } }
}
