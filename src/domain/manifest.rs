//! Stop-gap.
#![allow(missing_docs)]
use std::collections::{BTreeMap, BTreeSet};
use jiff::SignedDuration;
use serde_yaml::Value;
use super::calendar::*; use super::fleet::*; use super::gate::*; use super::ids::*; use super::service::*;

#[derive(Clone, Debug)]
pub struct Source { pub name: String, pub bytes: Vec<u8> }
#[derive(Clone, Debug)]
pub struct Problems(pub String);
impl std::fmt::Display for Problems { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) } }
impl Problems { pub fn with_excerpts(&self, _: &[Source]) -> String { self.0.clone() } }
pub fn includes(_: &Source) -> Result<Option<String>, Problems> { Ok(None) }
pub fn fleet_schema() -> serde_json::Value { serde_json::json!({}) }
fn s(v: &Value, k: &str) -> Option<String> { v.get(k).and_then(|v| match v { Value::String(s) => Some(s.clone()), Value::Number(n) => Some(n.to_string()), _ => None }) }
fn strs(v: &Value, k: &str) -> Vec<String> { v.get(k).and_then(Value::as_sequence).map(|l| l.iter().filter_map(|x| x.as_str().map(str::to_owned)).collect()).unwrap_or_default() }
fn dur(t: Option<String>, d: &str) -> SignedDuration { t.as_deref().unwrap_or(d).parse().unwrap() }
fn growth(v: &Value) -> Growth {
    let n = |k: &str, d: usize| v.get(k).and_then(Value::as_u64).map_or(d, |n| n as usize);
    Growth { first: n("first", 1), factor: n("factor", 3), cap_percent: 25, cap_count: 6 }
}
fn graph(v: &Value, images: &Value) -> ServiceGraph {
    let m = v.as_mapping().unwrap();
    ServiceGraph::new(m.iter().map(|(k, v)| Service {
        name: k.as_str().unwrap().parse().unwrap(),
        build: Build { context: s(v, "build").unwrap(), dockerfile: "Dockerfile".into(), args: BTreeMap::new(), inputs: strs(images, "inputs"), prepare: strs(images, "prepare") },
        http: s(v, "health").map(|health| Http { port: 8080, health }),
        after: strs(v, "after").iter().map(|x| x.parse().unwrap()).collect(),
    })).unwrap()
}
#[allow(clippy::all, clippy::unwrap_used)]
pub fn read(sources: &[Source]) -> Result<Application, Problems> {
    let v: Value = serde_yaml::from_slice(&sources[0].bytes).map_err(|e| Problems(e.to_string()))?;
    let images = v.get("images").unwrap();
    let cells: BTreeMap<CellName, Cell> = v["cells"].as_mapping().unwrap().iter().map(|(k, c)| {
        let name: CellName = k.as_str().unwrap().parse().unwrap();
        (name.clone(), Cell { name, account: s(c, "account").unwrap(), region: s(c, "region").unwrap(), clusters: strs(c, "clusters"), role: s(c, "role"), endpoint: s(c, "endpoint"), registry: s(c, "registry") })
    }).collect();
    let control_plane = v.get("control_plane").map(|c| graph(&c["services"], images));
    let domain = s(&v, "domain").unwrap();
    let mut fleets: Vec<Fleet> = v["fleets"].as_mapping().unwrap().iter().map(|(k, f)| {
        let name: FleetName = k.as_str().unwrap().parse().unwrap();
        let g = &v["gates"][s(f, "gate").unwrap().as_str()];
        let p = &g["probe"];
        let cell: CellName = strs(f, "cells")[0].parse().unwrap();
        let cluster = cells[&cell].clusters[0].clone();
        let set = |id: SetId, host: String| ServiceSet { id, cell: cell.clone(), cluster: cluster.clone(), host, tags: BTreeSet::new(), tier: None, state: SetState::Active, pin: None, licensed_until: None };
        let mut sets: Vec<ServiceSet> = Vec::new();
        if control_plane.is_some() { sets.push(set(SetId::control_plane(), s(f, "domain").unwrap_or(domain.clone()))); }
        let mut tenants: Vec<ServiceSet> = v["tenants"]["entries"].as_sequence().unwrap().iter().filter(|t| s(t, "fleet").unwrap() == name.as_str()).map(|t| {
            let id: SetId = s(t, "id").unwrap().parse().unwrap();
            let host = s(t, "host").unwrap_or(format!("{id}.{}", s(f, "domain").unwrap_or(domain.clone())));
            ServiceSet { tags: strs(t, "tags").into_iter().collect(), state: if s(t, "state").as_deref() == Some("paused") { SetState::Paused } else { SetState::Active }, ..set(id, host) }
        }).collect();
        tenants.sort_by(|a, b| a.id.cmp(&b.id));
        sets.extend(tenants);
        let waves = match f["waves"].as_sequence() {
            None => WavePolicy::Auto { growth: growth(&f["waves"]), bake: dur(s(f, "bake"), "5m") },
            Some(l) => WavePolicy::Explicit(l.iter().map(|w| WaveRule { name: s(w, "name").unwrap(), bake: dur(s(w, "bake"), "5m"),
                select: if w.get("plan").is_some() { Select::Rest(growth(w)) } else if let Some(t) = s(&w["select"], "tag") { Select::Tag(t) } else { Select::Percent(s(&w["select"], "percent").unwrap().parse().unwrap()) } }).collect()),
        };
        Fleet { from: s(f, "from").map(|x| x.parse().unwrap()), soak: dur(s(f, "soak"), "0s"),
            deploy_on: match s(f, "deploy_on").unwrap().as_str() { "merge" => DeployOn::Merge, _ => DeployOn::Label(s(f, "label").unwrap()) },
            needs_approval: f.get("approval").is_some(),
            calendar: Calendar { windows: f.get("windows").and_then(Value::as_sequence).map(|l| l.iter().map(|w| Window { days: Day::WEEK[..4].to_vec(), from: s(w, "from").unwrap().parse().unwrap(), to: s(w, "to").unwrap().parse().unwrap(), zone: s(w, "zone").unwrap() }).collect()).unwrap_or_default(), freezes: vec![] },
            waves, on_failure: serde_yaml::from_value(f["on_failure"].clone()).unwrap(),
            gate: GatePolicy { deadline: dur(s(&g["rollout"], "deadline"), "15m"), stopped_tasks_max: 1, targets_healthy: true, unknown: OnUnknown::Hold,
                probe: Some(ProbePolicy { url: s(p, "url").unwrap(), every: dur(s(p, "every"), "10s"), failures_max: 2, version_must_match: true }) },
            sets, name }
    }).collect();
    fleets.sort_by_key(|f| f.from.is_some());
    let cell = s(images, "cell").map(|c| c.parse().unwrap()).unwrap_or(fleets[0].sets[0].cell.clone());
    Ok(Application { name: s(&v, "app").unwrap().parse().unwrap(),
        images: ImagePolicy { repository: s(images, "repository").unwrap(), cell, platforms: strs(images, "platforms"), builder: Builder::Auto },
        services: graph(&v["services"], images), control_plane, cells, fleets })
}
