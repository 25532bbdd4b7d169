//! The result of a command as JSON: what `--json` prints and what a report page reads. `schema/result.schema.json`
//! describes it; whatever is added later is added beside what is there.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use super::approved::Approved;
use super::gate::WaveReport;
use super::ids::{ContentHash, FleetName, SetId, Version};
use super::plan::{Exclusion, Wave};
use super::reason::Reason;

/// Version of this format.
pub const RESULT_SCHEMA: u32 = 1;

/// What came of a command that carries out rollouts.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "result of a rollout")]
pub enum CommandResult {
    /// A rollout, whatever its end.
    Rollout(Box<RolloutResult>),
    /// It did not come to one.
    Stopped(Stopped),
    /// Nothing was asked for.
    Nothing(Nothing),
}

/// A rollout.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutResult {
    /// Version of this format: 1.
    pub schema: u32,
    /// How it ended: succeeded, succeeded_with_exceptions, held, halted, rolled_back or nothing_to_do.
    pub decision: String,
    /// The exit code.
    pub exit_code: u8,
    /// The fleet.
    #[schemars(with = "String")]
    pub fleet: FleetName,
    /// The version that was rolled out; of a rollback, the one before.
    #[schemars(with = "String")]
    pub version: Version,
    /// Hash of the plan.
    #[schemars(with = "String")]
    pub plan_hash: ContentHash,
    /// Who approved it; none where nothing was recorded.
    pub approved: Option<Approved>,
    /// Why it ended other than well.
    pub reason: Option<Told>,
    /// The waves of the plan.
    pub waves: Vec<WaveSets>,
    /// Tenants that were left out.
    pub excluded: Vec<LeftOut>,
    /// Tenants that were left on what they ran before.
    pub quarantined: Vec<LeftOut>,
    /// What the gates found, each time that something was decided about a wave. What another process of the same
    /// rollout decided is not here but in the records, beside its events.
    pub gates: Vec<WaveReport>,
    /// The rollback that followed, if one did.
    pub rollback: Option<Box<Self>>,
    /// Why the rollback that the policy asks for could not begin.
    pub no_way_back: Option<Told>,
}

/// A reason in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Its stable code.
    pub code: String,
    /// A sentence.
    pub message: String,
    /// What a person can do; none where nothing is known to help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A wave and who is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaveSets {
    /// Its name.
    pub name: String,
    /// Its tenants, or the control plane.
    #[schemars(with = "Vec<String>")]
    pub sets: Vec<SetId>,
}

/// A tenant that was left out or behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Which.
    #[schemars(with = "String")]
    pub set: SetId,
    /// Why, with the particulars of its code.
    #[schemars(with = "Coded")]
    pub reason: Reason,
}

/// A reason as it is recorded: its code, and what belongs to it.
#[derive(JsonSchema)]
#[schemars(rename = "Reason")]
#[expect(dead_code, reason = "it describes what a reason has in common with every other")]
struct Coded {
    /// Its stable code.
    code: String,
}

/// It did not come to a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    /// Version of this format: 1.
    pub schema: u32,
    /// `stopped`.
    pub decision: String,
    /// The exit code.
    pub exit_code: u8,
    /// Why.
    pub reasons: Vec<Told>,
}

/// Nothing was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {
    /// Version of this format: 1.
    pub schema: u32,
    /// `nothing_to_do`.
    pub decision: String,
    /// Why.
    pub why: String,
}

/// JSON Schema of [`CommandResult`].
pub fn result_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<CommandResult>().to_value()
}

impl From<&Reason> for Told {
    fn from(reason: &Reason) -> Self {
        Self { code: reason.code(), message: reason.to_string(), hint: Some(reason.hint().to_owned()) }
    }
}

impl From<&Wave> for WaveSets {
    fn from(wave: &Wave) -> Self {
        Self { name: wave.name.clone(), sets: wave.sets().into_iter().cloned().collect() }
    }
}

impl From<&Exclusion> for LeftOut {
    fn from(exclusion: &Exclusion) -> Self {
        Self { set: exclusion.set.clone(), reason: exclusion.reason.clone() }
    }
}
