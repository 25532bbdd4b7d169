//! The report: everything a page about fleets shows, as one value that follows from records and from what was seen.
//! Programs get it as JSON; `schema/report.schema.json` is made from these types.
//!
//! Read this file for the shape, `fleet` for how a fleet becomes it, `waves` and `failures` for the parts.

mod failures;
mod fleet;
#[cfg(test)]
mod tests;
mod waves;

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use super::condition::Condition;
use super::dora::Figures;
use super::fleet::SetState;
use super::gate::GateReport;
use super::history::{Happening, Kind, RolloutResult, Told};
use super::ids::{AppName, CellName, CommitSha, ContentHash, FleetName, ServiceName, SetId, Version};

pub use fleet::{Facts, Looked, fleet};

/// Version of this form. A reader refuses one that it does not know.
pub const REPORT_SCHEMA: u32 = 1;

/// A report about fleets.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "report of fleets")]
pub struct Report {
    /// [`REPORT_SCHEMA`] when it was made.
    pub schema: u32,
    /// The application.
    #[schemars(with = "String")]
    pub app: AppName,
    /// When it was made.
    #[schemars(with = "String")]
    pub made_at: Timestamp,
    /// The fleets, in the file's order.
    pub fleets: Vec<FleetReport>,
}

/// One fleet.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FleetReport {
    /// Its name.
    #[schemars(with = "String")]
    pub name: FleetName,
    /// Its version by the records.
    #[schemars(with = "Option<String>")]
    pub version: Option<Version>,
    /// Whether what is live was looked at. If not, every service that serves is unknown.
    pub live: bool,
    /// The hold that is in force.
    pub hold: Option<Hold>,
    /// A tenant's services, in order.
    #[schemars(with = "Vec<String>")]
    pub services: Vec<ServiceName>,
    /// The control plane's services, in order.
    #[schemars(with = "Vec<String>")]
    pub control_plane: Vec<ServiceName>,
    /// Its service sets, in the file's order.
    pub sets: Vec<SetReport>,
    /// Its rollouts, newest first, no more than there is room for.
    pub rollouts: Vec<RolloutReport>,
    /// How many rollouts the records have.
    pub rollouts_recorded: usize,
    /// What went wrong, by cause, the newest first.
    pub failures: Vec<FailureGroup>,
    /// Rollouts and decisions, newest first, no more than there is room for.
    pub history: Vec<Happening>,
    /// DORA's figures.
    pub figures: Figures,
}

/// A hold that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Hold {
    /// Who.
    pub by: String,
    /// Since when.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// Why.
    pub why: String,
}

/// One service set: a tenant's, or the control plane's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SetReport {
    /// Its id.
    #[schemars(with = "String")]
    pub id: SetId,
    /// Whether it is the control plane's.
    pub control_plane: bool,
    /// Where it runs.
    #[schemars(with = "String")]
    pub cell: CellName,
    /// Its tier, if it has one.
    pub tier: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// What it should be doing, decisions applied.
    pub state: SetState,
    /// The version it is kept on, if it is.
    pub pin: Option<PinReport>,
    /// Its wave in the newest release whose plan was read.
    pub wave: Option<WaveOf>,
    /// Whether it ran that release already.
    pub unchanged: bool,
    /// Why that release left it out, if it did.
    pub left_out: Option<String>,
    /// The release it is on, by the newest record about it.
    #[schemars(with = "Option<String>")]
    pub release: Option<Version>,
    /// Its services, one-shot tasks first.
    pub services: Vec<ServiceReport>,
}

/// A version that a set is kept on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PinReport {
    /// Which.
    #[schemars(with = "String")]
    pub version: Version,
    /// Who decided.
    pub owner: String,
    /// Why.
    pub why: String,
    /// Last day.
    #[schemars(with = "String")]
    pub until: Date,
    /// Whether that day has passed.
    pub expired: bool,
}

/// The wave of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WaveOf {
    /// Of which rollout.
    pub rollout: u64,
    /// Its number, from 1.
    pub number: usize,
    /// Its name.
    pub name: String,
}

/// One service of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServiceReport {
    /// Its name.
    #[schemars(with = "String")]
    pub name: ServiceName,
    /// How it is, as it was seen.
    pub condition: Condition,
    /// The version that was seen to run; none where it was not seen or no record has that digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub version: Option<Version>,
    /// The version by the records.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub recorded: Option<Version>,
    /// The first digits of the digest that was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Tasks that run, of those that should; none where it was not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<(u32, u32)>,
    /// What more there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// One rollout.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RolloutReport {
    /// Its number: on GitHub, its deployment's id.
    pub id: u64,
    /// Forward, waking or back.
    pub kind: Kind,
    /// What was rolled out.
    #[schemars(with = "String")]
    pub version: Version,
    /// Its commit.
    #[schemars(with = "String")]
    pub commit: CommitSha,
    /// What the fleet had before, where the plan was read and knows it.
    #[schemars(with = "Option<String>")]
    pub replaces: Option<Version>,
    /// Hash of its plan.
    #[schemars(with = "String")]
    pub plan: ContentHash,
    /// Who opened it; none where the records do not say.
    pub by: Option<String>,
    /// The workflow run that opened it.
    pub run: Option<u64>,
    /// Who approved its plan, in words.
    pub approved: String,
    /// When it was opened.
    #[schemars(with = "String")]
    pub opened_at: Timestamp,
    /// When it ended; none while it is open.
    #[schemars(with = "Option<String>")]
    pub ended_at: Option<Timestamp>,
    /// How it stands.
    pub result: RolloutResult,
    /// Why it is held or was stopped.
    pub reason: Option<Told>,
    /// Its waves, in order.
    pub waves: Vec<WaveReport>,
    /// What its gates asked for, in words; none where the plan was not read.
    pub gates: Vec<String>,
}

/// One wave.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WaveReport {
    /// Its name.
    pub name: String,
    /// How many service sets it has.
    pub size: usize,
    /// Which; none where the plan was not read.
    #[schemars(with = "Option<Vec<String>>")]
    pub sets: Option<Vec<SetId>>,
    /// Services that it changes; none where the plan was not read.
    pub services: Option<usize>,
    /// How it stands.
    pub standing: WaveStanding,
    /// When it began.
    #[schemars(with = "Option<String>")]
    pub began: Option<Timestamp>,
    /// When all its one-shot tasks had ended well.
    #[schemars(with = "Option<String>")]
    pub tasks_done: Option<Timestamp>,
    /// When all its services were up and the watch began.
    #[schemars(with = "Option<String>")]
    pub up: Option<Timestamp>,
    /// When it was over, one way or the other.
    #[schemars(with = "Option<String>")]
    pub ended: Option<Timestamp>,
    /// How long it was to be watched at least, in seconds; none where the plan was not read.
    pub bake: Option<i64>,
    /// Every time it was held, and why.
    pub held: Vec<Held>,
    /// Tenants that it went on without.
    pub quarantined: Vec<Quarantine>,
    /// Who accepted what its gates could not decide.
    pub accepted_by: Option<String>,
    /// What its gates found when something was last decided about it, with what they read; nothing where that is not
    /// recorded or was not looked for.
    pub found: Vec<GateReport>,
}

/// How a wave stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaveStanding {
    /// It has not begun.
    Waiting,
    /// Its services are being brought to their target.
    Deploying,
    /// It is watched.
    Baking,
    /// Its gates let the next one begin.
    Passed,
    /// It does not go on by itself.
    Held,
    /// The rollout was stopped in it.
    Stopped,
}

/// That a wave was held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Held {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Why.
    pub reason: Told,
}

/// A tenant that was left on what it ran before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Quarantine {
    /// Who.
    #[schemars(with = "String")]
    pub set: SetId,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Why.
    pub reason: Told,
}

/// Failures of one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FailureGroup {
    /// What they have in common: the sentence without the tenant's name and without numbers.
    pub signature: String,
    /// The stable code.
    pub code: String,
    /// Whether a gate failed; otherwise it only held or was stopped.
    pub gate_failed: bool,
    /// How often.
    pub times: usize,
    /// The newest sentence.
    pub example: String,
    /// What to do.
    pub hint: String,
    /// When first.
    #[schemars(with = "String")]
    pub first: Timestamp,
    /// When last.
    #[schemars(with = "String")]
    pub last: Timestamp,
    /// Tenants that it names.
    #[schemars(with = "Vec<String>")]
    pub sets: Vec<SetId>,
    /// Rollouts that had it.
    pub rollouts: Vec<u64>,
    /// Versions that had it.
    #[schemars(with = "Vec<String>")]
    pub versions: Vec<Version>,
}

/// JSON Schema of [`Report`].
pub fn report_schema() -> Value {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Report>().to_value()
}
