//! Gates: times that are times, and probe URLs whose placeholders exist.

use jiff::SignedDuration;

use super::Notes;
use crate::domain::gate::{GatePolicy, OnUnknown, ProbePolicy};
use crate::domain::manifest::mirror::{GateEntry, HealthyTargets, ProbeGate, VersionMatch};

/// What can be filled into a probe's URL.
const PLACEHOLDERS: [&str; 5] = ["host", "health", "tenant", "service", "fleet"];

/// A gate.
pub(super) fn gate(notes: &mut Notes<'_>, name: &str, entry: &GateEntry) -> Option<GatePolicy> {
    let path = format!("gates.{name}");
    let deadline = format!("{path}.rollout.deadline");
    Some(GatePolicy {
        deadline: notes.duration(&deadline, entry.rollout.deadline.as_deref(), SignedDuration::from_mins(15)),
        poll: notes.duration(
            &format!("{path}.rollout.poll"),
            entry.rollout.poll.as_deref(),
            SignedDuration::from_secs(5),
        ),
        stopped_tasks_max: entry.rollout.stopped_tasks_max.unwrap_or(1),
        targets_healthy: entry.targets.healthy == HealthyTargets::All,
        probe: entry.probe.as_ref().map(|probe| self::probe(notes, &format!("{path}.probe"), probe)),
        unknown: entry.unknown.unwrap_or(OnUnknown::Hold),
        ..GatePolicy::default()
    })
}

fn probe(notes: &mut Notes<'_>, path: &str, entry: &ProbeGate) -> ProbePolicy {
    check_url(notes, &format!("{path}.url"), &entry.url);
    let every = format!("{path}.every");
    let time = notes.duration(&every, entry.every.as_deref(), SignedDuration::from_secs(10));
    if time.is_zero() {
        notes.add(&every, "a probe every 0s".to_owned(), "leave time between two, such as 10s");
    }
    ProbePolicy {
        url: entry.url.clone(),
        every: time,
        failures_max: entry.failures_max.unwrap_or(2),
        version_must_match: entry.version == VersionMatch::Match,
        observe: false,
    }
}

fn check_url(notes: &mut Notes<'_>, path: &str, url: &str) {
    if !url.starts_with("http://") && !url.starts_with("https://") {
        notes.add(path, format!("`{}` is no URL", url.escape_debug()), "it begins with https:// or http://");
    }
    let names = url.split('{').skip(1).map(|rest| rest.split_once('}').map_or(rest, |(name, _)| name));
    for name in names.filter(|name| !PLACEHOLDERS.contains(name)) {
        let help = format!("there are: {}", PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", "));
        notes.add(path, format!("unknown placeholder `{{{}}}`", name.escape_debug()), &help);
    }
}
