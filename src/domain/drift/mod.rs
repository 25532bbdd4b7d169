//! Drift: where what is live, what is recorded and what people have decided no longer agree. What could not be
//! compared is a finding of its own kind: unknown is never taken as no drift.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

use super::directive::Directives;
use super::fleet::{Application, Fleet, ServiceSet, SetState};
use super::ids::{ContentHash, FleetName, ImageDigest, ServiceKey, ServiceName, SetId, Version};
use super::ledger::{FleetState, RolloutRecord, ServiceResult, ServiceState, current_version, open_rollout};
use super::reason::Reason;
use super::release::Release;
use super::snapshot::{Live, ServiceSeen};

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// The file's meaning.
    pub app: &'a Application,
    /// The fleet, decisions applied.
    pub fleet: &'a Fleet,
    /// What people have decided.
    pub directives: &'a Directives,
    /// What was seen of every service that serves.
    pub live: &'a BTreeMap<ServiceKey, ServiceSeen>,
    /// Hash of the live template of each service whose task definition could be read.
    pub templates: &'a BTreeMap<ServiceKey, ContentHash>,
    /// What runs by the records.
    pub state: &'a FleetState,
    /// The rollouts so far, newest first.
    pub rollouts: &'a [RolloutRecord],
    /// The release of the fleet's version, where a record has it.
    pub release: Option<&'a Release>,
    /// The day, in UTC: pins, pauses and licences end on one.
    pub today: Date,
}

/// What a comparison of one fleet gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Drift {
    /// The fleet.
    #[schemars(with = "String")]
    pub fleet: FleetName,
    /// The fleet's version by the records.
    #[schemars(with = "Option<String>")]
    pub version: Option<Version>,
    /// Services that were looked at and could be compared.
    pub compared: usize,
    /// Where something does not agree.
    pub found: Vec<Found>,
    /// What could not be compared.
    pub unknown: Vec<Unseen>,
}

/// One disagreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Found {
    /// Whose.
    #[schemars(with = "String")]
    pub set: SetId,
    /// Where; none where it is about the whole set.
    #[schemars(with = "Option<String>")]
    pub service: Option<ServiceName>,
    /// What kind.
    pub kind: Kind,
    /// In words.
    pub what: String,
}

/// Kinds of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Another image runs than the one that is recorded.
    ForeignChange,
    /// The image that is recorded runs with another task definition around it.
    TemplateChanged,
    /// ECS has no active service of that name.
    Missing,
    /// It has no tasks, and neither the file nor a decision says so.
    AtZero,
    /// It has tasks, though its set is paused.
    Awake,
    /// The set does not run the fleet's version, and nothing that holds says so.
    OffVersion,
    /// The set is pinned to a version past the pin's last day.
    PinExpired,
    /// The set is paused past the day on which it was to come back.
    PauseExpired,
}

/// Something that could not be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unseen {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
    /// Whether it is there and could not be read; otherwise looking again when things have settled helps.
    pub unreachable: bool,
}

/// How a comparison ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything was compared and agrees.
    None,
    /// Something does not agree, whatever else could not be seen.
    Drift,
    /// Nothing disagrees, and something is on its way or not recorded for sure.
    Inconclusive,
    /// Nothing disagrees, and something could not be read.
    Unreachable,
}

impl Drift {
    /// How it ends.
    pub fn verdict(&self) -> Verdict {
        match (self.found.is_empty(), self.unknown.is_empty(), self.unknown.iter().any(|unseen| unseen.unreachable)) {
            (false, ..) => Verdict::Drift,
            (true, true, _) => Verdict::None,
            (true, false, true) => Verdict::Unreachable,
            (true, false, false) => Verdict::Inconclusive,
        }
    }
}

impl Kind {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::ForeignChange => "foreign_change",
            Self::TemplateChanged => "template_changed",
            Self::Missing => "missing",
            Self::AtZero => "at_zero",
            Self::Awake => "awake",
            Self::OffVersion => "off_version",
            Self::PinExpired => "pin_expired",
            Self::PauseExpired => "pause_expired",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Compares a fleet.
pub fn drift(of: Compared<'_>) -> Drift {
    let version = current_version(of.rollouts).cloned();
    let mut drift =
        Drift { fleet: of.fleet.name.clone(), version, compared: 0, found: Vec::new(), unknown: Vec::new() };
    for set in &of.fleet.sets {
        for service in of.app.services_of(&set.id).filter(|service| service.role.is_serving()) {
            compare(of, set, &ServiceKey::new(&set.id, &service.name), &mut drift);
        }
        drift.found.extend(expired(of, set));
    }
    off_version(of, &mut drift);
    drift
}

/// One service: live against recorded.
fn compare(of: Compared<'_>, set: &ServiceSet, key: &ServiceKey, drift: &mut Drift) {
    let unseen = |why: &str, unreachable| Unseen { what: key.to_string(), why: why.to_owned(), unreachable };
    let found = |kind, what: String| Found { set: set.id.clone(), service: Some(key.service.clone()), kind, what };
    let live = match of.live.get(key) {
        Some(ServiceSeen::Live(live)) => live,
        Some(ServiceSeen::Missing) => {
            drift.compared += 1;
            drift.found.extend(
                (set.state != SetState::Offboarding)
                    .then(|| found(Kind::Missing, "ECS has no active service of that name".to_owned())),
            );
            return;
        }
        Some(ServiceSeen::Unreachable { why }) => return drift.unknown.push(unseen(why, true)),
        None => return drift.unknown.push(unseen("it was not read", true)),
    };
    drift.compared += 1;
    drift.found.extend(match (set.state, live.desired) {
        (SetState::Active, 0) => {
            let unborn = live.is_unborn(&of.app.placeholder(&of.fleet.name, &key.service));
            let what =
                if unborn { "no release has started it yet" } else { "desired count is 0, and nothing says why" };
            Some(found(Kind::AtZero, what.to_owned()))
        }
        (SetState::Paused, 1..) => {
            Some(found(Kind::Awake, format!("{} tasks should run, though it is paused", live.desired)))
        }
        _ => None,
    });
    let Some(recorded) = of.state.services.get(key).filter(|recorded| recorded.runs.hash != live.runs.hash) else {
        if !live.is_settled() {
            drift.unknown.push(unseen("a deployment is in progress", false));
        }
        return;
    };
    let not_sure = match (open_rollout(of.rollouts), &recorded.result) {
        (Some(open), _) => Some(format!("it differs from the records while rollout {} is open", open.id.0)),
        (None, ServiceResult::Unknown) => {
            Some("the records do not know what it ran when its rollout stopped".to_owned())
        }
        (None, _) if !live.is_settled() => Some("it differs from the records, and is on its way".to_owned()),
        _ => None,
    };
    match not_sure {
        Some(why) => drift.unknown.push(unseen(&why, false)),
        None => {
            let (kind, what) = difference(recorded, live, of.templates.get(key));
            drift.found.push(found(kind, what));
        }
    }
}

/// What differs between the records and a live service whose task definition is another one.
fn difference(recorded: &ServiceState, live: &Live, template: Option<&ContentHash>) -> (Kind, String) {
    let name = |digest: &Option<ImageDigest>| {
        digest.as_ref().map_or("an image without a digest".to_owned(), |d| d.short().to_owned())
    };
    let configuration = match (&recorded.runs.template, template) {
        (Some(recorded), Some(live)) if recorded == live => "",
        (Some(_), Some(_)) => ", and its configuration changed too",
        _ => ", and whether its configuration changed too is not known",
    };
    let revision = live.runs.task_definition.family_and_revision();
    if recorded.runs.digest == live.runs.digest && recorded.runs.digest.is_some() {
        let what = format!("{revision} runs the recorded image with another configuration");
        return (Kind::TemplateChanged, what);
    }
    let version = recorded.runs.version.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
    let (runs, was) = (name(&live.runs.digest), name(&recorded.runs.digest));
    (Kind::ForeignChange, format!("{revision} runs {runs}; recorded is {version} {was}{configuration}"))
}

/// Pins and pauses whose day has passed.
fn expired(of: Compared<'_>, set: &ServiceSet) -> Vec<Found> {
    let found = |kind, what| Found { set: set.id.clone(), service: None, kind, what };
    let pin = set.pin.as_ref().filter(|pin| pin.until < of.today).map(|pin| {
        found(Kind::PinExpired, format!("pinned to {} by {} until {}: {}", pin.version, pin.owner, pin.until, pin.why))
    });
    let paused = of.directives.paused.get(&set.id);
    let pause = paused.and_then(|paused| paused.until.map(|until| (paused, until)));
    let pause = pause.filter(|(_, until)| *until < of.today).map(|(paused, until)| {
        found(Kind::PauseExpired, format!("paused by {} until {until}: {}", paused.by, paused.why))
    });
    pin.into_iter().chain(pause).collect()
}

/// Sets that do not run the fleet's version, though nothing that holds leaves them out.
fn off_version(of: Compared<'_>, drift: &mut Drift) {
    let Some(version) = drift.version.clone() else { return };
    let unknown = |why: String| Unseen { what: format!("who runs {version}"), why, unreachable: false };
    if let Some(open) = open_rollout(of.rollouts) {
        return drift.unknown.push(unknown(format!("rollout {} of {} is open", open.id.0, open.intent.version)));
    }
    let Some(release) = of.release else {
        return drift.unknown.push(unknown("no release of that version is recorded".to_owned()));
    };
    for set in &of.fleet.sets {
        let licence = match of.fleet.leaves_out(set, &version, of.today) {
            None => "",
            Some(Reason::LicenceEnded { .. }) => " (its licence has ended)",
            Some(Reason::NoLicence) => " (it has no licence)",
            Some(_) => continue,
        };
        let foreign = |name: &ServiceName| {
            drift.found.iter().any(|found| found.set == set.id && found.service.as_ref() == Some(name))
        };
        let others = of.app.services_of(&set.id).filter(|service| !foreign(&service.name)).filter_map(|service| {
            let key = ServiceKey::new(&set.id, &service.name);
            let wanted = &release.images.get(&service.name)?.digest;
            let runs_it = match (service.role.is_task(), of.live.get(&key)) {
                (true, _) => of.state.has_run(&key, wanted),
                (false, Some(ServiceSeen::Live(live))) => live.runs.digest.as_ref() == Some(wanted),
                // Told already, as missing or as not read.
                (false, _) => true,
            };
            (!runs_it).then_some(key)
        });
        let others: Vec<ServiceKey> = others.collect();
        let Some(first) = others.first() else { continue };
        let recorded = of.state.services.get(first);
        let runs = recorded.map_or_else(|| "something from before the records".to_owned(), |r| r.release.to_string());
        let names: Vec<&str> = others.iter().map(|key| key.service.as_str()).collect();
        let what = format!("it is on {runs} and the fleet on {version}{licence}: {}", names.join(", "));
        drift.found.push(Found { set: set.id.clone(), service: None, kind: Kind::OffVersion, what });
    }
}

#[cfg(test)]
mod tests;
