//! The words people read: plans, outcomes, states and progress as plain text. Pure functions, so that a test can
//! pin them.

use comfy_table::{ContentArrangement, Table, presets};
use jiff::SignedDuration;
use std::collections::BTreeMap;

use super::causes;
use crate::app::Stop;
use crate::app::drive::End;
use crate::app::metrics::ExpectedBake;
use crate::app::progress::Progress;
use crate::app::rollout::Outcome;
use crate::app::status::FleetStatus;
use crate::domain::condition::{Condition, ServiceStatus};
use crate::domain::directive::Directives;
use crate::domain::fleet::{Fleet, OnFailure};
use crate::domain::gate::{GateReport, Subject, Word};
use crate::domain::ids::{FleetName, ServiceName, SetId, Version};
use crate::domain::ledger::{RolloutRecord, Standing};
use crate::domain::plan::{Change, Direction, Plan, Target, Wave};
use crate::domain::reason::Reason;
use crate::domain::rollout::Event;
use crate::domain::service::Role;
use crate::domain::template_change::FieldChange;

/// A plan, whole: waves, tenants, what each goes from and to, who is left out, and the hash to approve.
pub fn plan(plan: &Plan) -> String {
    let mut text = format!("{}\n", headline(plan));
    if plan.is_empty() {
        text += "nothing to do: every targeted service runs it already\n";
    }
    for (index, wave) in plan.waves.iter().enumerate() {
        text += &format!("\n{}\n{}\n", wave_line(plan, index, wave), changes(wave));
    }
    text += &configuration(plan);
    text += &left_out(plan);
    text += &blast(plan);
    text += &way_back(plan);
    text += &format!("plan {}\n", plan.hash());
    text
}

fn headline(plan: &Plan) -> String {
    let from = plan.replaces.as_ref().map(|version| format!(" (now {version})")).unwrap_or_default();
    let what = match &plan.direction {
        Direction::Deploy => format!("{} -> {}", plan.release.version, plan.fleet),
        Direction::Wake => format!("{} wakes in {}", names(&plan.sets()), plan.fleet),
        Direction::RollbackTo(version) => format!("{} back to {version}", plan.fleet),
        Direction::RollbackOf(of) => {
            format!("{} back to {}, taking back plan {}", plan.fleet, plan.release.version, of.short())
        }
    };
    format!("{}: {what}{from}, commit {}", plan.app, plan.release.commit.short())
}

fn wave_line(plan: &Plan, index: usize, wave: &Wave) -> String {
    let sets = wave.sets().len();
    let number = |of: fn(&Change) -> bool| wave.changes.iter().filter(|change| of(change)).count();
    let (migrations, tests) = (number(Change::is_migration), number(Change::is_smoke_test));
    let first = if migrations == 0 { String::new() } else { format!("{} first, ", count(migrations, "one-shot task")) };
    let then = if tests == 0 { String::new() } else { format!(", then {}", count(tests, "smoke test")) };
    format!(
        "wave {}/{} {}: {}, {first}{}{then}, watched for {}",
        index + 1,
        plan.waves.len(),
        wave.name,
        count(sets, if wave.sets().iter().any(|set| set.is_control_plane()) { "set" } else { "tenant" }),
        count(wave.changes.len() - migrations - tests, "service"),
        duration(wave.bake),
    )
}

fn changes(wave: &Wave) -> String {
    let mut table = table(&["service", "from", "to", "what changes"]);
    for change in &wave.changes {
        table.add_row([change.service.to_string(), side(&change.before), side(&change.target), what(change)]);
    }
    trimmed(&table)
}

fn what(change: &Change) -> String {
    match change.role {
        Role::Task { class } => format!("runs once, migration class {class}"),
        Role::SmokeTest => "runs once when the others are up, smoke test".to_owned(),
        Role::Serving if change.rests() => "stops its tasks, and is as it was born".to_owned(),
        Role::Serving if let Some(tasks) = change.first_tasks() => format!("starts its first tasks ({tasks})"),
        Role::Serving if change.configuration.is_empty() => "image".to_owned(),
        Role::Serving if change.changes_image() => "image and configuration".to_owned(),
        Role::Serving => "configuration".to_owned(),
    }
}

/// More sets than this are counted and not named: the tables of the waves have their names.
const NAMED_MAX: usize = 12;

/// Which fields of task definitions change, once for all sets where they are the same.
pub fn configuration(plan: &Plan) -> String {
    let mut groups: BTreeMap<(&ServiceName, &[FieldChange]), Vec<SetId>> = BTreeMap::new();
    for change in plan.changes().filter(|change| !change.configuration.is_empty()) {
        let group = groups.entry((&change.service.service, &change.configuration)).or_default();
        group.push(change.service.set.clone());
    }
    let line = |((service, fields), sets): (&(&ServiceName, &[FieldChange]), &Vec<SetId>)| {
        let fields: Vec<String> = fields.iter().map(FieldChange::to_string).collect();
        let sets = if sets.len() > NAMED_MAX { count(sets.len(), "tenant") } else { names(sets) };
        format!("configuration of {service} for {sets}: {}\n", fields.join(", "))
    };
    let lines: String = groups.iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// Whether the release before goes on working, said before anybody approves.
pub fn way_back(plan: &Plan) -> String {
    if plan.is_rollback() || !plan.changes().any(Change::is_migration) {
        return String::new();
    }
    let Some(wave) = plan.waves.iter().position(|wave| wave.changes.iter().any(|c| c.in_the_way().is_some())) else {
        return "way back: yes, the version before works with every migration of this plan\n".to_owned();
    };
    let name = plan.waves.get(wave).map_or("?", |wave| wave.name.as_str());
    let sets = plan.changes().filter(|change| change.in_the_way().is_some()).count();
    let after = "a failure after it is not rolled back, and `tidegate rollback` is refused";
    format!(
        "way back: NONE once wave {}/{} {name} has begun: {}; {after}\n",
        wave + 1,
        plan.waves.len(),
        match sets {
            1 => "1 migration does not allow it".to_owned(),
            sets => format!("{sets} migrations do not allow it"),
        },
    )
}

/// Version and digest; either may be unknown for what ran before there were records.
fn side(target: &Target) -> String {
    let version = target.version.as_ref().map_or_else(|| "?".to_owned(), Version::to_string);
    let digest = target.digest.as_ref().map_or("no digest", |digest| digest.short());
    format!("{version} {digest}")
}

fn left_out(plan: &Plan) -> String {
    let mut text = String::new();
    if !plan.unchanged.is_empty() {
        text += &format!("\nunchanged: {}\n", names(&plan.unchanged));
    }
    for exclusion in &plan.excluded {
        text += &format!("\nleft out: {}: {}\n", exclusion.set, exclusion.reason);
    }
    text + &unlicensed(plan)
}

/// Whom it reaches although the licence has ended, said before anybody approves.
pub fn unlicensed(plan: &Plan) -> String {
    match plan.unlicensed.as_slice() {
        [] => String::new(),
        sets => format!("\nwithout a licence that counts, and released all the same: {}\n", names(sets)),
    }
}

/// The blast radius in words, before anything happens.
pub fn blast(plan: &Plan) -> String {
    let tenants = |wave: &Wave| wave.sets().iter().filter(|set| !set.is_control_plane()).count();
    let total: usize = plan.waves.iter().map(tenants).sum();
    let Some(first) = plan.waves.iter().find(|wave| tenants(wave) > 0).filter(|_| !plan.is_rollback()) else {
        return "\n".to_owned();
    };
    let bakes: SignedDuration = plan.waves.iter().map(|wave| wave.bake).sum();
    format!(
        "\nat most {} of {} tenants see it in the first {}; all of them after {} of watching at the earliest\n",
        tenants(first),
        total,
        duration(first.bake),
        duration(bakes),
    )
}

/// How long each wave will be watched by what came in lately.
pub fn bakes(plan: &Plan, bakes: &[ExpectedBake]) -> String {
    let line = |(wave, bake): (&Wave, &ExpectedBake)| {
        let at = match &bake.slowest {
            Some(service) => format!("{} has {:.0} requests/min", service, bake.per_minute),
            None => "no service has traffic".to_owned(),
        };
        format!("bake of {}: about {} ({at})\n", wave.name, duration(bake.time))
    };
    plan.waves.iter().zip(bakes).map(line).collect()
}

/// How a rollout came out, in a few lines.
pub fn outcome(outcome: &Outcome) -> String {
    let (plan, mut text) = (&outcome.plan, String::new());
    let what = format!("{} in {}", plan.release.version, plan.fleet);
    text += &match &outcome.end {
        None => format!("{what}: nothing to do, every targeted service runs it already\n"),
        Some(End::Succeeded) if plan.is_rollback() => {
            format!("{} is back on {}\n", plan.fleet, plan.release.version)
        }
        Some(End::Succeeded) if !outcome.quarantined.is_empty() => {
            format!("{what}: every wave passed, without {}\n", count(outcome.quarantined.len(), "tenant"))
        }
        Some(End::Succeeded) => format!("{what}: every wave passed\n"),
        Some(End::Held(reason)) => format!("{what}: held: {}\n", full(reason)),
        Some(End::Halted { wave, reason }) => {
            let name = plan.waves.get(*wave).map_or("?", |wave| wave.name.as_str());
            format!("{what}: stopped in wave {} {name}: {}\n", wave + 1, full(reason))
        }
    };
    if let Some(rollback) = &outcome.rollback {
        text += &self::outcome(rollback);
    }
    if let Some(reason) = &outcome.no_way_back {
        text += &format!("NOTHING WAS TAKEN BACK, and a person must act: {}\n", full(reason));
    }
    for left in &outcome.quarantined {
        text += &format!("left on what it ran before: {}: {}\n", left.set, left.reason);
    }
    for exclusion in &plan.excluded {
        text += &format!("left out: {}: {}\n", exclusion.set, exclusion.reason);
    }
    text
}

/// Why a verb did not do its work.
pub fn stop(stop: &Stop) -> String {
    match stop {
        Stop::Refused(_) | Stop::AwaitsApproval(_) => {
            stop.reasons().iter().map(|reason| format!("{}\n", full(reason))).collect()
        }
        other => format!("{other}\n"),
    }
}

fn full(reason: &Reason) -> String {
    format!("{reason} [{}]\n  {}", reason.code(), reason.hint())
}

/// One line for a thing that happened; none for what only matters on a terminal.
pub fn progress(progress: &Progress) -> Option<String> {
    Some(match progress {
        Progress::Building { service } => format!("build   {service}"),
        Progress::BuildLine { .. } => return None,
        Progress::Image { service, digest, reused: None } => format!("pushed  {service} {}", digest.short()),
        Progress::Image { service, digest, reused: Some(version) } => {
            format!("reused  {service} {} (unchanged since {version})", digest.short())
        }
        Progress::Released { version } => format!("release {version} is recorded"),
        Progress::Finalised { version, as_version } => format!("release {version} is {as_version} from now on"),
        Progress::Opened { id, plan, resumed } => {
            let verb = if *resumed { "continue" } else { "rollout" };
            let changed = configuration(plan).trim().replace('\n', "; ");
            let changed = if changed.is_empty() { changed } else { format!("; {changed}") };
            format!(
                "{verb} {} of {}, plan {}, {}{changed}",
                id.0,
                headline(plan),
                plan.hash().short(),
                count(plan.waves.len(), "wave")
            )
        }
        Progress::Updated { service, from, to, first_tasks } => {
            let name = |version: &Option<Version>| version.as_ref().map_or_else(|| "?".to_owned(), Version::to_string);
            match first_tasks {
                Some(tasks) => format!("update  {service} starts its first tasks ({tasks}), {}", name(to)),
                None => format!("update  {service} {} -> {}", name(from), name(to)),
            }
        }
        Progress::Up { service } => format!("up      {service}"),
        Progress::TaskStarted { service, version } => {
            let version = version.as_ref().map_or_else(|| "?".to_owned(), Version::to_string);
            format!("task    {service} {version} is started")
        }
        Progress::TaskDone { service } => format!("done    {service}"),
        Progress::NotTold { what, why } => format!("not told {what}: {why}"),
        Progress::Trouble { service, why } => format!("trouble {service}: {why}"),
        Progress::Phase { fleet, event, wave, waves, until } => {
            let until = until.map(|until| format!(", watched until {until:.0}")).unwrap_or_default();
            format!("{fleet}: {}{until}", phase(event, wave, *waves))
        }
        Progress::Judged { wave, gate } => judged(wave, gate),
        Progress::Scaled { service, what } => format!("scale   {service} {what}"),
        Progress::Around { what } => format!("around  {what}"),
        Progress::Explained(cause) => format!("why     {}", causes::cause(cause)),
        Progress::NoWayBack { fleet, reason } => format!("{fleet}: nothing is taken back: {reason}"),
        Progress::Reacting { fleet, policy, .. } => format!("{fleet}: {}", reaction(*policy)),
    })
}

/// What a gate found, in one line: its verdict, of how many, and what says most of it.
fn judged(wave: &str, gate: &GateReport) -> String {
    let name = serde_json::to_value(gate.gate).ok().and_then(|name| name.as_str().map(str::to_owned));
    let verdict = match gate.verdict {
        Some(Word::Pass) => "pass",
        Some(Word::Fail) => "FAIL",
        Some(Word::Unknown) => "unknown",
        None => "no vote",
    };
    let all = gate.passed + gate.failed + gate.unknown;
    let (failed, unknown) = (gate.failed, gate.unknown);
    let numbers = match (failed, unknown) {
        (0, 0) => format!("{all} of {all} well"),
        _ => format!("{} of {all} well, {failed} failed, {unknown} unknown", gate.passed),
    };
    let most = gate.findings.first().map(|finding| {
        let subject = match &finding.subject {
            Subject::Service(service) => format!("{service}: "),
            Subject::Pool(service) => format!("{service} of all: "),
            Subject::Set(set) => format!("{set}: "),
            Subject::Wave => String::new(),
        };
        // A reason names its subject by itself.
        let subject = if finding.code.is_some() { String::new() } else { subject };
        format!("; {subject}{}", finding.words)
    });
    format!("gate    {wave} {}: {verdict}, {numbers}{}", name.unwrap_or_default(), most.unwrap_or_default())
}

/// An event in words.
pub fn phase(event: &Event, name: &str, waves: usize) -> String {
    match event {
        Event::WaveStarted { wave } => format!("wave {}/{waves} {name} begins", wave + 1),
        Event::TasksDone { wave } => format!("wave {}/{waves} {name}: every one-shot task has ended well", wave + 1),
        Event::TestsDone { wave } => format!("wave {}/{waves} {name}: every smoke test has ended well", wave + 1),
        Event::Baking { wave, .. } => format!("wave {}/{waves} {name} is up", wave + 1),
        Event::Held { wave, reason } => format!("held in wave {}/{waves} {name}: {reason}", wave + 1),
        Event::Halted { wave, reason } => format!("stopped in wave {}/{waves} {name}: {reason}", wave + 1),
        Event::Quarantined { wave, set, reason } => {
            format!("wave {}/{waves} {name} goes on without {set}: {reason}", wave + 1)
        }
        Event::Succeeded => "every wave passed".to_owned(),
    }
}

fn reaction(policy: OnFailure) -> &'static str {
    match policy {
        OnFailure::Stop => "everything stays as it is, as on_failure says",
        OnFailure::RollbackTenant => "the failed tenant goes back",
        OnFailure::RollbackWave => "the failed wave goes back",
        OnFailure::RollbackAll => "everything that this rollout changed goes back",
    }
}

/// A fleet: its records and what is live.
pub fn status(fleet: &Fleet, status: &FleetStatus) -> String {
    let version = status.view.version().map_or_else(|| "nothing recorded".to_owned(), Version::to_string);
    let mut text = format!("{}: {version}\n", fleet.name);
    if let Some(last) = status.view.rollouts.first() {
        text += &format!("last rollout: {}\n", rollout(last));
    }
    text += &in_force(&status.directives);
    let mut rows: BTreeMap<&SetId, Vec<String>> = BTreeMap::new();
    for service in &status.services {
        let version = service.version.as_ref().map_or_else(|| "?".to_owned(), Version::to_string);
        let digest = service.digest.as_ref().map_or("no digest", |digest| digest.short());
        let row = format!("{} {version} {digest}{}", service.service.service, condition(service));
        rows.entry(&service.service.set).or_default().push(row);
    }
    let mut table = table(&["tenant", "services"]);
    for set in &fleet.sets {
        table.add_row([set.id.to_string(), rows.remove(&set.id).unwrap_or_default().join("\n")]);
    }
    text + &trimmed(&table) + "\n"
}

/// What people have decided, a line each.
fn in_force(directives: &Directives) -> String {
    let hold =
        directives.hold.iter().map(|hold| format!("ON HOLD since {:.0} by {}: {}\n", hold.at, hold.by, hold.why));
    let bad = directives.bad.iter().map(|(version, by)| format!("bad: {version}, by {}: {}\n", by.by, by.why));
    let pins = directives.pins.iter().map(|(set, by)| format!("pinned: {set}, by {}: {}\n", by.by, by.why));
    let paused = directives.paused.iter();
    let paused = paused.map(|(set, p)| format!("paused: {set} since {:.0} by {}: {}\n", p.since, p.by, p.why));
    hold.chain(bad).chain(pins).chain(paused).collect()
}

/// One recorded rollout in a line.
pub fn rollout(record: &RolloutRecord) -> String {
    let how = match record.standing() {
        Standing::Open(None) => "open".to_owned(),
        Standing::Open(Some(reason)) => format!("held: {reason}"),
        Standing::Succeeded(at) => format!("succeeded at {at:.0}"),
        Standing::Halted(reason) => format!("stopped: {reason}"),
    };
    let what = match &record.intent.direction {
        Direction::Deploy => "release of",
        Direction::Wake => "waking to",
        Direction::RollbackTo(_) | Direction::RollbackOf(_) => "rollback to",
    };
    format!("{} ({what} {}, opened {:.0}): {how}", record.id.0, record.intent.version, record.opened_at)
}

fn condition(service: &ServiceStatus) -> String {
    let why = service.why.as_deref().unwrap_or("?");
    match service.condition {
        Condition::AsRecorded | Condition::Unrecorded => String::new(),
        Condition::HasRun => "  has run".to_owned(),
        Condition::NotRun => "  has not run".to_owned(),
        Condition::Differs => "  DIFFERS from the records".to_owned(),
        Condition::Moving => "  moving".to_owned(),
        Condition::Paused => "  paused".to_owned(),
        Condition::AtZero => "  AT ZERO TASKS".to_owned(),
        Condition::Missing => format!("  MISSING: {why}"),
        Condition::Unknown => format!("  UNKNOWN: {why}"),
    }
}

/// A length of time as people say it.
pub fn duration(time: SignedDuration) -> String {
    if time.is_zero() { "0s".to_owned() } else { format!("{time:#}") }
}

/// Foreign text on a line of its own: nothing in it ends the line or moves a terminal's cursor.
pub fn line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Text as a block of Markdown, which nothing in it ends.
pub fn fenced(text: &str) -> String {
    format!("```text\n{}```\n", text.replace("```", "'''"))
}

/// "1 wave", "2 waves".
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn names(sets: &[SetId]) -> String {
    sets.iter().map(SetId::as_str).collect::<Vec<_>>().join(", ")
}

/// A table of rows as text.
pub fn row_table<const N: usize>(header: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = table(header);
    for row in rows {
        table.add_row(row);
    }
    trimmed(&table) + "\n"
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    table
}

/// The table without blanks at the ends of lines.
fn trimmed(table: &Table) -> String {
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The sentence about a fleet whose plan waits for approval.
pub fn how_to_approve(fleet: &FleetName, plan: &Plan) -> String {
    format!(
        "to approve: tidegate promote --fleet {fleet} --version {} --approved-plan {}\n",
        plan.release.version,
        plan.hash()
    )
}
