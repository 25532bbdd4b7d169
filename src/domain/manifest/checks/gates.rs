//! Gates: times that are times, rates that are rates, and texts whose placeholders exist.

use jiff::SignedDuration;

use super::Notes;
use super::words::{ppm, some_of};
use crate::domain::gate::{
    AlarmPolicy, CommandPolicy, ErrorPolicy, GatePolicy, LatencyPolicy, MetricsTiming, OnUnknown, ProbePolicy,
    RelativePolicy, Saturation, SmokePolicy,
};
use crate::domain::manifest::mirror::{
    AlarmGate, CommandGate, ErrorGate, FleetFile, GateEntry, HealthyTargets, LatencyGate, MetricsEntry, ProbeGate,
    RelativeGate, RouterGate, Run, SaturationGate, SmokeGate, VersionMatch,
};

/// What can be filled into a probe's URL.
const PLACEHOLDERS: [&str; 5] = ["host", "health", "tenant", "service", "fleet"];

/// What can be filled into the beginning of an alarm's name.
const ALARM_PLACEHOLDERS: [&str; 2] = ["fleet", "tenant"];

/// Requests from which on a tenant is judged alone, too: what the test of 0.1 % against 1 % takes on average.
const REQUESTS_MIN: u32 = 443;

/// A gate.
pub(super) fn gate(notes: &mut Notes<'_>, name: &str, entry: &GateEntry) -> Option<GatePolicy> {
    let path = format!("gates.{name}");
    let at = |key: &str| format!("{path}.{key}");
    let (mins, secs) = (SignedDuration::from_mins, SignedDuration::from_secs);
    let deadline = notes.duration(&at("rollout.deadline"), entry.rollout.deadline.as_deref(), mins(15));
    Some(GatePolicy {
        deadline,
        poll: notes.duration(&at("rollout.poll"), entry.rollout.poll.as_deref(), secs(5)),
        stopped_tasks_max: entry.rollout.stopped_tasks_max.unwrap_or(1),
        routers: entry.routers == RouterGate::All,
        targets_healthy: entry.targets.healthy == HealthyTargets::All,
        probe: entry.probe.as_ref().map(|probe| self::probe(notes, &at("probe"), probe)),
        unknown: entry.unknown.unwrap_or(OnUnknown::Hold),
        alarms: entry.alarms.as_ref().map(|entry| alarms(notes, &at("alarms"), entry)),
        errors: entry.errors.as_ref().map(|entry| errors(notes, &at("errors"), entry)),
        latency: entry.latency.as_ref().map(|entry| latency(notes, &at("latency"), entry)),
        saturation: entry.saturation.as_ref().map(|entry| saturation(notes, &at("saturation"), entry)),
        relative: entry.relative.as_ref().map(|entry| relative(notes, &at("relative"), entry)),
        command: entry.command.as_ref().map(|entry| command(notes, &at("command"), entry)),
        smoke: entry.smoke.as_ref().map(|entry| smoke(notes, &at("smoke"), entry, deadline)),
        metrics: metrics(notes, &at("metrics"), &entry.metrics),
    })
}

/// A gate that is written down and has nothing to look at is worse than none.
pub(super) fn nothing_to_smoke(notes: &mut Notes<'_>, file: &FleetFile) {
    let of_control_plane = file.control_plane.iter().flat_map(|entry| entry.services.values());
    if file.services.values().chain(of_control_plane).any(|service| matches!(service.run, Some(Run::After))) {
        return;
    }
    for name in file.gates.iter().filter(|(_, gate)| gate.smoke.is_some()).map(|(name, _)| name) {
        let what = "`smoke` without a smoke test".to_owned();
        notes.add_key(&format!("gates.{name}.smoke"), what, "give a service `run: after`, or remove this");
    }
}

fn smoke(notes: &mut Notes<'_>, path: &str, entry: &SmokeGate, usual: SignedDuration) -> SmokePolicy {
    let path = format!("{path}.deadline");
    let deadline = notes.duration(&path, entry.deadline.as_deref(), usual);
    if deadline.is_zero() {
        notes.add(&path, "no time for a smoke test".to_owned(), "say how long one may take, such as 10m");
    }
    SmokePolicy { deadline, observe: entry.observe }
}

fn metrics(notes: &mut Notes<'_>, path: &str, entry: &MetricsEntry) -> MetricsTiming {
    let usual = MetricsTiming::USUAL;
    let mut time =
        |key: &str, text: &Option<String>, usual| notes.duration(&format!("{path}.{key}"), text.as_deref(), usual);
    MetricsTiming {
        warm_up: time("warm_up", &entry.warm_up, usual.warm_up),
        lag: time("lag", &entry.lag, usual.lag),
        bake_max: time("bake_max", &entry.bake_max, usual.bake_max),
    }
}

fn alarms(notes: &mut Notes<'_>, path: &str, entry: &AlarmGate) -> AlarmPolicy {
    let path = format!("{path}.prefix");
    placeholders(notes, &path, &entry.prefix, &ALARM_PLACEHOLDERS);
    if entry.prefix.starts_with('{') || entry.prefix.is_empty() {
        let what = format!("`{}` would read every alarm of the account", entry.prefix.escape_debug());
        notes.add(&path, what, "begin it with a text of your own, such as shop-{fleet}-{tenant}-");
    }
    AlarmPolicy { prefix: entry.prefix.clone(), observe: entry.observe }
}

fn errors(notes: &mut Notes<'_>, path: &str, entry: &ErrorGate) -> ErrorPolicy {
    let good = rate(notes, &format!("{path}.good"), &entry.good);
    let bad = rate(notes, &format!("{path}.bad"), &entry.bad);
    if let (Some(good), Some(bad)) = (good, bad)
        && (good >= bad || bad >= 1_000_000)
    {
        let what = format!("`{}` is no better than `{}`", entry.good.escape_debug(), entry.bad.escape_debug());
        let help = "a bad rate is above the good one and below 100%, such as good: 0.1%, bad: 1%";
        notes.add(&format!("{path}.bad"), what, help);
    }
    let noise = entry.noise.unwrap_or(1);
    if !(1..=10).contains(&noise) {
        notes.add(&format!("{path}.noise"), format!("noise is {noise}"), "from 1, by chance alone, to 10");
    }
    ErrorPolicy {
        noise,
        good: good.unwrap_or(1_000),
        bad: bad.unwrap_or(10_000),
        requests_min: entry.requests_min.unwrap_or(REQUESTS_MIN).into(),
        observe: entry.observe,
    }
}

fn latency(notes: &mut Notes<'_>, path: &str, entry: &LatencyGate) -> LatencyPolicy {
    let max = format!("{path}.p99_max");
    let time = notes.duration(&max, Some(&entry.p99_max), SignedDuration::from_millis(1));
    let p99_max = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    if p99_max == 0 {
        let what = format!("`{}` is below what can be measured", entry.p99_max.escape_debug());
        notes.add(&max, what, "write it in whole milliseconds, such as 800ms");
    }
    let (breaches, of) = breaches(notes, path, entry.breaches.as_deref());
    LatencyPolicy { p99_max, breaches, of, observe: entry.observe }
}

fn saturation(notes: &mut Notes<'_>, path: &str, entry: &SaturationGate) -> Saturation {
    let mut percent = |key: &str, text: &Option<String>| {
        let ppm = rate(notes, &format!("{path}.{key}"), text.as_deref()?)?;
        Some(ppm / 10_000)
    };
    let (cpu_max, memory_max) = (percent("cpu_max", &entry.cpu_max), percent("memory_max", &entry.memory_max));
    if entry.cpu_max.is_none() && entry.memory_max.is_none() {
        notes.add(path, "neither `cpu_max` nor `memory_max`".to_owned(), "say at least one, such as memory_max: 90%");
    }
    let (breaches, of) = breaches(notes, path, entry.breaches.as_deref());
    Saturation { cpu_max, memory_max, breaches, of, observe: entry.observe }
}

fn relative(notes: &mut Notes<'_>, path: &str, entry: &RelativeGate) -> RelativePolicy {
    let chance = entry.chance.as_deref().and_then(|text| rate(notes, &format!("{path}.chance"), text));
    RelativePolicy {
        controls_min: entry.controls_min.unwrap_or(20),
        chance: chance.unwrap_or(10_000),
        observe: entry.observe,
    }
}

fn command(notes: &mut Notes<'_>, path: &str, entry: &CommandGate) -> CommandPolicy {
    if entry.run.first().is_none_or(String::is_empty) {
        notes.add(&format!("{path}.run"), "no program".to_owned(), "name one, such as run: [./gates/smoke]");
    }
    let timeout = notes.duration(&format!("{path}.timeout"), entry.timeout.as_deref(), SignedDuration::from_mins(5));
    CommandPolicy { run: entry.run.clone(), timeout, observe: entry.observe }
}

fn rate(notes: &mut Notes<'_>, path: &str, text: &str) -> Option<u32> {
    let rate = ppm(text);
    if rate.is_none() {
        notes.add(path, format!("`{}` is no part", text.escape_debug()), "write it as 0.1%, from 0.0001% to 100%");
    }
    rate
}

fn breaches(notes: &mut Notes<'_>, path: &str, text: Option<&str>) -> (u32, u32) {
    let Some(text) = text else { return (3, 5) };
    some_of(text).unwrap_or_else(|| {
        let what = format!("`{}` are no minutes", text.escape_debug());
        notes.add(&format!("{path}.breaches"), what, "write it as 3 of 5, at most 60");
        (3, 5)
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
        observe: entry.observe,
    }
}

fn check_url(notes: &mut Notes<'_>, path: &str, url: &str) {
    if !url.starts_with("http://") && !url.starts_with("https://") {
        notes.add(path, format!("`{}` is no URL", url.escape_debug()), "it begins with https:// or http://");
    }
    placeholders(notes, path, url, &PLACEHOLDERS);
}

/// Whether every placeholder of a text exists.
fn placeholders(notes: &mut Notes<'_>, path: &str, text: &str, known: &[&str]) {
    let names = text.split('{').skip(1).map(|rest| rest.split_once('}').map_or(rest, |(name, _)| name));
    for name in names.filter(|name| !known.contains(name)) {
        let known: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
        let help = format!("there are: {}", known.join(", "));
        notes.add(path, format!("unknown placeholder `{{{}}}`", name.escape_debug()), &help);
    }
}
