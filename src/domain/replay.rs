//! What gates would have done with series that were recorded or made up: the same judgement as in a rollout, minute by
//! minute, with everything it rests on, for people who choose bounds and for a page that charts them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fleet::{Application, Fleet, OnFailure, WavePolicy};
use super::gate::{Alarm, AlarmState, AlarmsSeen, Finding, Minute, Probe, Series, Verdict, verdict_of};
use super::ids::{ContentHash, ServiceKey, SetId, Version};
use super::plan::{Change, Direction, PLAN_SCHEMA, Plan, Target, Wave};
use super::release::Release;
use super::rollout::{Event, Rollout};
use super::service::Role;
use super::snapshot::Snapshot;

/// A file of series for `tidegate gates replay`. It is judged as a rollout of this one wave, with the gate of a fleet.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "series to replay")]
pub struct Recording {
    /// Version of this format: 1.
    pub schema: u32,
    /// The fleet whose gate judges.
    pub fleet: String,
    /// When the watch began, such as 2026-11-23T09:00:00Z.
    pub since: String,
    /// The wave's own time, such as 15m; without it, that of the fleet's first wave.
    pub bake: Option<String>,
    /// Series of the services under watch, by tenant/service.
    pub services: BTreeMap<String, Recorded>,
    /// Series of tenants that were not updated, by tenant/service.
    #[serde(default)]
    pub others: BTreeMap<String, Recorded>,
    /// Alarms by tenant.
    #[serde(default)]
    pub alarms: BTreeMap<String, Vec<RecordedAlarm>>,
}

/// The series of one service.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Its minutes.
    #[serde(default)]
    pub minutes: Vec<RecordedMinute>,
    /// Why its metrics could not be read, if they could not.
    pub unknown: Option<String>,
    /// Whether it gets no requests.
    #[serde(default)]
    pub no_traffic: bool,
    /// Whether it is asked over HTTP as well.
    #[serde(default)]
    pub probed: bool,
}

/// One minute. What is left out is not known.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedMinute {
    /// When it began.
    pub start: String,
    /// Requests.
    pub requests: Option<u64>,
    /// Those that were answered with 5XX.
    pub errors: Option<u64>,
    /// 99th percentile of the time to answer, in milliseconds.
    pub p99_ms: Option<u32>,
    /// Processor time, in percent of what is reserved.
    pub cpu_percent: Option<u32>,
    /// Memory, in percent of what is reserved.
    pub memory_percent: Option<u32>,
}

/// An alarm and when it rang.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedAlarm {
    /// Its name.
    pub name: String,
    /// From when on it rang; left out, it never did.
    pub from: Option<String>,
    /// Until when; left out, to the end.
    pub until: Option<String>,
}

/// What the gates said at one minute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What would have followed.
    pub standing: Now,
    /// What the verdict rests on, in words.
    pub why: String,
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

/// What would have followed at a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Now {
    /// The wave's own time is not over, and nothing has failed.
    Watching,
    /// It waits for more data.
    Waiting,
    /// The longest watch is over and nothing is decided: a person answers.
    Held,
    /// The next wave would begin.
    Passed,
    /// The rollout would stop.
    Failed,
}

/// Minutes of a replay: two days.
const MINUTES_MAX: i64 = 2 * 24 * 60;

/// JSON Schema of [`Recording`].
pub fn replay_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Recording>().to_value()
}

/// Judges a recording minute by minute, until it passes, fails or is held, or ends.
///
/// # Errors
/// What is wrong with it, in words for a person.
pub fn replay(application: &Application, recording: &Recording) -> Result<Vec<Moment>, String> {
    if recording.schema != 1 {
        return Err(format!("format {} is not known; this version reads `schema: 1`", recording.schema));
    }
    let name = recording.fleet.parse().map_err(|bad| format!("{bad}"))?;
    let fleet = application.fleet(&name).ok_or_else(|| format!("fleet.yaml has no fleet `{name}`"))?;
    let since = time(&recording.since)?;
    let bake = match &recording.bake {
        Some(text) => text.parse().map_err(|_| format!("`{}` is no length of time", text.escape_debug()))?,
        None => first_bake(fleet),
    };
    let watched = all_series(&recording.services)?;
    let others = all_series(&recording.others)?;
    if watched.is_empty() {
        return Err("there is no service in it".to_owned());
    }
    let plan = plan_of(application, fleet, recording, &watched, bake);
    let events = [Event::WaveStarted { wave: 0 }, Event::Baking { wave: 0, since }];
    let rollout = Rollout::replay(plan, since, events, since).map_err(|bad| bad.to_string())?;
    let last = watched.values().flat_map(minutes).map(|minute| minute.start).max().unwrap_or(since);
    let timing = fleet.gate.metrics;
    let least = rollout.watch_ends(0, since);
    let end = least.max(last + SignedDuration::from_mins(1) + timing.lag);
    let mut moments = Vec::new();
    for n in 0..=MINUTES_MAX {
        let now = since + SignedDuration::from_mins(n);
        let mut seen = Snapshot::default();
        (seen.health.metrics, seen.health.others) = (watched.clone(), others.clone());
        seen.health.alarms = alarms(recording, now)?;
        let findings = rollout.findings(&seen, now);
        let moment = moment(now, least, least.max(since + timing.bake_max), findings);
        let ended = matches!(moment.standing, Now::Passed | Now::Failed | Now::Held);
        moments.push(moment);
        if ended || now >= end {
            break;
        }
    }
    Ok(moments)
}

fn moment(at: Timestamp, least: Timestamp, longest: Timestamp, findings: Vec<Finding>) -> Moment {
    let voting = verdict_of(&findings);
    let (standing, why) = match voting {
        Verdict::Fail(reason) => (Now::Failed, reason.to_string()),
        Verdict::Unknown(reason) if at < least => (Now::Watching, reason.to_string()),
        Verdict::Pass if at < least => (Now::Watching, "nothing bad so far".to_owned()),
        Verdict::Unknown(reason) if at < longest => (Now::Waiting, reason.to_string()),
        Verdict::Unknown(reason) => (Now::Held, reason.to_string()),
        Verdict::Pass => (Now::Passed, "every gate that has a vote passes".to_owned()),
    };
    Moment { at, standing, why, findings }
}

fn first_bake(fleet: &Fleet) -> SignedDuration {
    match &fleet.waves {
        WavePolicy::Auto { bake, .. } => *bake,
        WavePolicy::Explicit(rules) => rules.first().map_or(SignedDuration::ZERO, |rule| rule.bake),
    }
}

/// A plan whose one wave is the recording. Nothing of it is ever carried out.
fn plan_of(
    application: &Application,
    fleet: &Fleet,
    recording: &Recording,
    watched: &BTreeMap<ServiceKey, Series>,
    bake: SignedDuration,
) -> Plan {
    let target = || Target {
        hash: ContentHash::of(b"replay"),
        task_definition: None,
        template: None,
        digest: None,
        version: None,
        tasks: None,
    };
    let change = |service: &ServiceKey| {
        let probed = recording.services.get(&service.to_string()).is_some_and(|recorded| recorded.probed);
        let probe = probed.then(|| Probe { service: service.clone(), url: String::new(), host: String::new() });
        Change {
            service: service.clone(),
            role: Role::Serving,
            ecs_service: application.ecs_name(&fleet.name, service),
            after: Vec::new(),
            before: target(),
            target: target(),
            configuration: Vec::new(),
            probe,
        }
    };
    let wave = Wave { name: "replayed".to_owned(), bake, changes: watched.keys().map(change).collect() };
    let mut gate = fleet.gate.clone();
    // There is no executable in a recording.
    gate.command = None;
    Plan {
        schema: PLAN_SCHEMA,
        app: application.name.clone(),
        fleet: fleet.name.clone(),
        release: Release { version: Version::unrecorded(), commit: nobody(), images: BTreeMap::new() },
        replaces: None,
        direction: Direction::Deploy,
        waves: vec![wave],
        unchanged: Vec::new(),
        excluded: Vec::new(),
        unlicensed: Vec::new(),
        on_failure: OnFailure::Stop,
        failure_budget: 0,
        gate,
    }
}

fn nobody() -> super::ids::CommitSha {
    "0".repeat(40).parse().unwrap_or_else(|bad| unreachable!("{bad}"))
}

fn minutes(series: &Series) -> &[Minute] {
    match series {
        Series::Known(minutes) | Series::NoTraffic(minutes) => minutes,
        Series::Unknown(_) => &[],
    }
}

fn all_series(recorded: &BTreeMap<String, Recorded>) -> Result<BTreeMap<ServiceKey, Series>, String> {
    let one = |(key, recorded): (&String, &Recorded)| {
        let key = ServiceKey::try_from(key.clone()).map_err(|bad| format!("{bad}"))?;
        let minutes = recorded.minutes.iter().map(minute).collect::<Result<Vec<_>, String>>()?;
        let series = match (&recorded.unknown, recorded.no_traffic) {
            (Some(why), _) => Series::Unknown(why.clone()),
            (None, true) => Series::NoTraffic(minutes),
            (None, false) => Series::Known(minutes),
        };
        Ok((key, series))
    };
    recorded.iter().map(one).collect()
}

fn minute(recorded: &RecordedMinute) -> Result<Minute, String> {
    Ok(Minute {
        start: time(&recorded.start)?,
        requests: recorded.requests,
        errors: recorded.errors,
        p99_ms: recorded.p99_ms,
        cpu_percent: recorded.cpu_percent,
        memory_percent: recorded.memory_percent,
    })
}

/// The alarms as they were at a time.
fn alarms(recording: &Recording, now: Timestamp) -> Result<BTreeMap<SetId, AlarmsSeen>, String> {
    let alarm = |recorded: &RecordedAlarm| {
        let from = recorded.from.as_deref().map(time).transpose()?;
        let until = recorded.until.as_deref().map(time).transpose()?;
        let rings = from.is_some_and(|from| from <= now) && until.is_none_or(|until| now < until);
        let state = if rings { AlarmState::Ringing } else { AlarmState::Quiet };
        Ok(Alarm { name: recorded.name.clone(), state, why: "as recorded".to_owned() })
    };
    let of_set = |(set, alarms): (&String, &Vec<RecordedAlarm>)| {
        let set: SetId = set.parse().map_err(|bad| format!("{bad}"))?;
        Ok((set, AlarmsSeen::All(alarms.iter().map(alarm).collect::<Result<_, String>>()?)))
    };
    recording.alarms.iter().map(of_set).collect()
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("`{}` is no time; write it as 2026-11-23T09:00:00Z", text.escape_debug()))
}
