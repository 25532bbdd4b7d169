//! The file as it is written: one struct for each map of it, text where the file has text. What it means is made
//! of this in `checks`. The comments are the descriptions that editors show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::fleet::{Builder, Bumping, Evidence, OnFailure, Rds, SetState, Unlicensed};
use crate::domain::gate::OnUnknown;
use crate::domain::service::MigrationClass;

/// fleet.yaml: everything a release follows from, beside what is live.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "fleet.yaml")]
pub(super) struct FleetFile {
    /// Version of this format.
    pub(super) schema: u32,
    /// Name of the application; the first part of every ECS service's name.
    pub(super) app: String,
    /// Tenants answer at `<tenant>.<domain>` unless they or their fleet say otherwise.
    pub(super) domain: String,
    /// How versions are made.
    #[serde(default)]
    pub(super) versioning: Versioning,
    /// How images are named and built.
    pub(super) images: Images,
    /// The services that every tenant has.
    #[schemars(extend("maxProperties" = 100))]
    pub(super) services: BTreeMap<String, ServiceEntry>,
    /// The shared services of a fleet, released before its tenants.
    pub(super) control_plane: Option<ControlPlane>,
    /// Accounts and Regions.
    #[schemars(extend("maxProperties" = 100))]
    pub(super) cells: BTreeMap<String, CellEntry>,
    /// What a wave must show, by name.
    #[schemars(extend("maxProperties" = 100))]
    pub(super) gates: BTreeMap<String, GateEntry>,
    /// The fleets.
    #[schemars(extend("maxProperties" = 100))]
    pub(super) fleets: BTreeMap<String, FleetEntry>,
    /// The tenants.
    pub(super) tenants: Tenants,
}

/// How versions are made.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "versioning")]
pub(super) struct Versioning {
    /// What decides which number goes up.
    pub(super) bump: Bumping,
    /// The branch whose merges make prereleases.
    pub(super) prerelease: Option<String>,
}

/// How images are named and built.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "images")]
pub(super) struct Images {
    /// Repository, with `{service}` to fill in. The registry in front of it is the cell's.
    pub(super) repository: String,
    /// The cell whose registry holds the images of all fleets; the first fleet's first cell by default.
    pub(super) cell: Option<String>,
    /// Platforms, such as linux/amd64.
    #[serde(default = "linux")]
    pub(super) platforms: Vec<String>,
    /// What builds.
    #[serde(default)]
    pub(super) builder: Builder,
    /// Whether build provenance is asked for before promotion.
    #[serde(default)]
    pub(super) attest: Attest,
    /// A program and its arguments, run once before images are built.
    #[serde(default)]
    pub(super) prepare: Vec<String>,
    /// Folders whose content goes into every image by way of `prepare`.
    #[serde(default)]
    pub(super) inputs: Vec<String>,
}

fn linux() -> Vec<String> {
    vec!["linux/amd64".to_owned()]
}

/// Whether build provenance is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Attest {
    /// Without it nothing is promoted.
    Require,
    /// Without it there is a warning.
    Warn,
    /// It is not looked at.
    #[default]
    Off,
}

/// One service of a set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a service")]
pub(super) struct ServiceEntry {
    /// What its image is built from: a folder, or more.
    pub(super) build: BuildEntry,
    /// TCP port of its container.
    pub(super) port: Option<u16>,
    /// Path that answers 200 when it is well.
    pub(super) health: Option<String>,
    /// `none` for a service that gets no requests.
    pub(super) traffic: Option<Traffic>,
    /// Services that must be on the release before it.
    #[serde(default)]
    #[schemars(extend("maxItems" = 100))]
    pub(super) after: Vec<String>,
    /// When a one-shot task runs.
    pub(super) run: Option<Run>,
    /// What a migration does to older versions.
    pub(super) class: Option<MigrationClass>,
}

/// What an image is built from: a folder, or more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum BuildEntry {
    /// The folder.
    Folder(String),
    /// The folder and more.
    Full(FullBuild),
}

/// What an image is built from, in full.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "build")]
pub(super) struct FullBuild {
    /// The folder.
    pub(super) context: String,
    /// The Dockerfile in it.
    #[serde(default = "dockerfile")]
    pub(super) dockerfile: String,
    /// Build arguments.
    #[serde(default)]
    pub(super) args: BTreeMap<String, String>,
    /// Folders whose content goes into the image by way of `prepare`.
    #[serde(default)]
    pub(super) inputs: Vec<String>,
    /// A program and its arguments, run once before the image is built.
    #[serde(default)]
    pub(super) prepare: Vec<String>,
}

fn dockerfile() -> String {
    "Dockerfile".to_owned()
}

/// How requests reach a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Traffic {
    /// Not at all.
    None,
}

/// When a one-shot task runs.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Run {
    /// Before the services: a migration, once for each image.
    Before,
    /// When the services are up: a smoke test, in every rollout that changes something of the set. It must be safe to
    /// repeat.
    After,
}

/// The shared services of a fleet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "control_plane")]
pub(super) struct ControlPlane {
    /// They.
    #[schemars(extend("maxProperties" = 100))]
    pub(super) services: BTreeMap<String, ServiceEntry>,
    /// How many minor versions tenants may lag behind it.
    #[serde(default = "one")]
    pub(super) skew: u32,
}

fn one() -> u32 {
    1
}

/// One account and Region.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a cell")]
pub(super) struct CellEntry {
    /// Twelve digits, in quotes.
    pub(super) account: String,
    /// Such as eu-west-1.
    pub(super) region: String,
    /// ECS clusters.
    pub(super) clusters: Vec<String>,
    /// The role that may deploy there.
    pub(super) role: Option<String>,
    /// An AWS-compatible endpoint, such as an emulator.
    pub(super) endpoint: Option<String>,
    /// Host and port of the registry, if not ECR's.
    pub(super) registry: Option<String>,
    /// Where Terraform publishes the manifest of each tenant, such as s3://bucket/sets/{tenant}/manifest.json; {fleet}
    /// is filled in too. Without it, what runs is the template of what comes.
    pub(super) manifest: Option<String>,
    /// How many tenants fit.
    pub(super) tenants_max: Option<u32>,
}

/// What a wave must show.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "a gate")]
pub(super) struct GateEntry {
    /// ECS says that our deployment succeeded.
    pub(super) rollout: RolloutGate,
    /// Load-balancer targets at the end of the watch.
    pub(super) targets: TargetGate,
    /// Whether all edge routers must serve what is published, after a release of the control plane.
    pub(super) routers: RouterGate,
    /// CloudWatch alarms.
    pub(super) alarms: Option<AlarmGate>,
    /// Errors per request.
    pub(super) errors: Option<ErrorGate>,
    /// Latency.
    pub(super) latency: Option<LatencyGate>,
    /// Processor time and memory.
    pub(super) saturation: Option<SaturationGate>,
    /// Updated tenants against those that were not updated; it only ever pauses.
    pub(super) relative: Option<RelativeGate>,
    /// An executable that judges the wave at the end of its watch.
    pub(super) command: Option<CommandGate>,
    /// Smoke tests: the services with `run: after`, whose exit code says whether the wave is well.
    pub(super) smoke: Option<SmokeGate>,
    /// When metrics count, and how long a wave may wait for them.
    pub(super) metrics: MetricsEntry,
    /// The services' own answers.
    pub(super) probe: Option<ProbeGate>,
    /// What a missing answer does. It never passes.
    pub(super) unknown: Option<OnUnknown>,
}

/// ECS says that our deployment succeeded.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "rollout")]
pub(super) struct RolloutGate {
    /// How long it has, such as 15m.
    pub(super) deadline: Option<String>,
    /// Time between two looks at it, such as 5s.
    pub(super) poll: Option<String>,
    /// Tasks of the new version that may stop.
    pub(super) stopped_tasks_max: Option<u32>,
}

/// Load-balancer targets.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "targets")]
pub(super) struct TargetGate {
    /// Which must be healthy.
    pub(super) healthy: HealthyTargets,
}

/// Which targets must be healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum HealthyTargets {
    /// All.
    #[default]
    All,
    /// They are not looked at.
    Ignore,
}

/// Which edge routers must serve what is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RouterGate {
    /// All.
    All,
    /// They are not looked at.
    #[default]
    Ignore,
}

/// CloudWatch alarms.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "alarms")]
pub(super) struct AlarmGate {
    /// Their names begin with this; {fleet} and {tenant} are filled in.
    pub(super) prefix: String,
    /// What an alarm that rings before the start does.
    #[expect(dead_code, reason = "there is only one word for it")]
    pub(super) ringing_before_start: Option<RingingBeforeStart>,
    /// Whether it only watches and has no vote.
    #[serde(default)]
    pub(super) observe: bool,
}

/// What an alarm that rings before the start does.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RingingBeforeStart {
    /// The rollout does not start.
    Refuse,
}

/// Errors per request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "errors")]
pub(super) struct ErrorGate {
    /// The rate of a good release, such as 0.1%.
    pub(super) good: String,
    /// The rate of a bad one.
    pub(super) bad: String,
    /// Requests from which on a tenant is judged alone, too.
    pub(super) requests_min: Option<u32>,
    /// How many times noisier than by chance alone the errors of a minute are, from 1 to 10.
    pub(super) noise: Option<u32>,
    /// Whether it only watches and has no vote.
    #[serde(default)]
    pub(super) observe: bool,
}

/// Latency.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "latency")]
pub(super) struct LatencyGate {
    /// The ceiling, such as 800ms.
    pub(super) p99_max: String,
    /// How many minutes of how many above it fail, such as 3 of 5.
    pub(super) breaches: Option<String>,
    /// Whether it only watches and has no vote.
    #[serde(default)]
    pub(super) observe: bool,
}

/// Processor time and memory, as parts of what is reserved for a service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "saturation")]
pub(super) struct SaturationGate {
    /// The ceiling of processor time, such as 90%.
    pub(super) cpu_max: Option<String>,
    /// The ceiling of memory, such as 90%.
    pub(super) memory_max: Option<String>,
    /// How many minutes of how many above it fail, such as 3 of 5.
    pub(super) breaches: Option<String>,
    /// Whether it only watches and has no vote.
    #[serde(default)]
    pub(super) observe: bool,
}

/// Updated tenants against those that were not updated.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "relative")]
pub(super) struct RelativeGate {
    /// Tenants that were not updated, at least.
    pub(super) controls_min: Option<u32>,
    /// The chance of a rank below which it pauses, such as 1%.
    pub(super) chance: Option<String>,
    /// Whether it only watches and has no vote.
    #[serde(default)]
    pub(super) observe: bool,
}

/// An executable that judges the wave.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "command")]
pub(super) struct CommandGate {
    /// The program and its arguments. It prints {"verdict": "pass", "fail" or "unknown", "why": "..."}.
    #[schemars(extend("maxItems" = 100))]
    pub(super) run: Vec<String>,
    /// How long it may take, such as 5m.
    pub(super) timeout: Option<String>,
    /// Whether it only watches and has no vote.
    #[serde(default)]
    pub(super) observe: bool,
}

/// Smoke tests: the services with `run: after`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "smoke")]
pub(super) struct SmokeGate {
    /// How long one may take, such as 10m; the time that a deployment has by default.
    pub(super) deadline: Option<String>,
    /// Whether they only tell and have no vote.
    #[serde(default)]
    pub(super) observe: bool,
}

/// When metrics count, and how long a wave may wait for them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "metrics")]
pub(super) struct MetricsEntry {
    /// Time after the start of the watch that does not count, such as 2m.
    pub(super) warm_up: Option<String>,
    /// How old a minute must be before it is believed to be complete, such as 3m.
    pub(super) lag: Option<String>,
    /// The longest watch, such as 6h. What is undecided then holds the rollout.
    pub(super) bake_max: Option<String>,
}

/// The services' own answers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "probe")]
pub(super) struct ProbeGate {
    /// URL with {host}, {health}, {tenant}, {service}, {fleet} to fill in.
    pub(super) url: String,
    /// Time between two rounds, such as 10s.
    pub(super) every: Option<String>,
    /// Failures in a row that are still borne.
    pub(super) failures_max: Option<u32>,
    /// Whether the answer must name the version.
    #[serde(default)]
    pub(super) version: VersionMatch,
    /// Whether it only watches and has no vote.
    #[serde(default)]
    pub(super) observe: bool,
}

/// Whether the answer must name the version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum VersionMatch {
    /// It must name the one that is released.
    #[default]
    Match,
    /// It may name any or none.
    Any,
}

/// The tenants of one environment and their policy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a fleet")]
pub(super) struct FleetEntry {
    /// Its cells.
    pub(super) cells: Vec<String>,
    /// Its tenants answer at `<tenant>.<domain>`.
    pub(super) domain: Option<String>,
    /// The fleet a release must have succeeded in.
    pub(super) from: Option<String>,
    /// How long it must have been green there, such as 30m.
    pub(super) soak: Option<String>,
    /// What starts a release.
    pub(super) deploy_on: DeployOnEntry,
    /// The label, for `deploy_on: label`.
    pub(super) label: Option<String>,
    /// Who must approve a plan.
    pub(super) approval: Option<Approval>,
    /// When waves may start.
    #[serde(default)]
    #[schemars(extend("maxItems" = 100))]
    pub(super) windows: Vec<WindowEntry>,
    /// When none may.
    #[serde(default)]
    #[schemars(extend("maxItems" = 100))]
    pub(super) freezes: Vec<FreezeEntry>,
    /// When its tenants run; `tidegate ci` on a schedule pauses them in between and resumes them.
    #[serde(default)]
    #[schemars(extend("maxItems" = 100))]
    pub(super) awake: Vec<WindowEntry>,
    /// What a licence that ended, or that a tenant has none, means for a rollout.
    pub(super) license: Option<LicensePolicyEntry>,
    /// How tenants are put into waves.
    pub(super) waves: WavesEntry,
    /// How long each wave is watched, unless it says so itself.
    pub(super) bake: Option<String>,
    /// The gate, by name.
    pub(super) gate: String,
    /// What a failed wave leads to.
    pub(super) on_failure: OnFailure,
    /// Tenants that may be quarantined.
    pub(super) failure_budget: Option<u32>,
    /// The routing snapshot that its edge routers serve from.
    pub(super) routing: Option<RoutingEntry>,
}

/// The routing snapshot of a fleet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "routing")]
pub(super) struct RoutingEntry {
    /// Where it is published, such as s3://bucket/routing, reached as the fleet's first cell is.
    pub(super) snapshot: String,
    /// Public keys of those who may publish, Ed25519 in base64: one, or two while one is replaced. Routers trust the same.
    pub(super) keys: Vec<String>,
    /// Where a tenant's requests go; {host}, {tenant}, {cell} and {cluster} are filled in. Its own host if not given.
    pub(super) backend: Option<String>,
    /// How many tenants one publication may lose, such as 10%, which it is if not given.
    pub(super) lose_max: Option<String>,
    /// The service of the control plane that serves from it; edge-router if not given.
    pub(super) router: Option<String>,
}

/// What becomes of tenants without a licence that counts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "license, of a fleet")]
pub(super) struct LicensePolicyEntry {
    /// Of a tenant whose licence has ended; exclude if not given.
    pub(super) expired: Option<Unlicensed>,
    /// Of a tenant that has none; release if not given.
    pub(super) missing: Option<Unlicensed>,
}

/// What starts a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum DeployOnEntry {
    /// A merge to the default branch.
    Merge,
    /// A label on the merged pull request.
    Label,
    /// Somebody's dispatch.
    Dispatch,
}

/// Who must approve a plan.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "approval")]
pub(super) struct Approval {
    /// The GitHub environment whose reviewers approve.
    pub(super) environment: String,
    /// What an approval is for.
    #[expect(dead_code, reason = "there is one word for it, and the file must say it")]
    binds: Binds,
    /// Whether whoever wrote the pull request may not approve; true if not given.
    pub(super) not_author: Option<bool>,
}

/// What an approval is for.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Binds {
    /// One plan, by its hash.
    PlanHash,
}

/// A time in which waves may start.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a window")]
pub(super) struct WindowEntry {
    /// Days, such as mon-thu or mon,wed,fri.
    pub(super) days: String,
    /// First minute, such as "09:00".
    pub(super) from: String,
    /// First minute after it.
    pub(super) to: String,
    /// IANA name of the zone.
    pub(super) zone: String,
}

/// Dates on which no wave may start.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a freeze")]
pub(super) struct FreezeEntry {
    /// First day.
    pub(super) from: String,
    /// Last day.
    pub(super) to: String,
    /// IANA name of the zone.
    pub(super) zone: String,
    /// Why.
    pub(super) reason: String,
}

/// How tenants are put into waves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum WavesEntry {
    /// Growing waves over all.
    Auto(AutoWaves),
    /// Wave by wave.
    List(#[schemars(extend("maxItems" = 100))] Vec<WaveEntry>),
}

/// Growing waves over all tenants.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "waves")]
pub(super) struct AutoWaves {
    /// That waves are made by growth.
    #[expect(dead_code, reason = "there is only one word for it")]
    plan: AutoPlan,
    /// Tenants of the first.
    pub(super) first: Option<u32>,
    /// How much larger each next one is.
    pub(super) factor: Option<u32>,
    /// The largest, such as "max(25%, 6)", in quotes.
    pub(super) cap: Option<String>,
}

/// That waves are made by growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum AutoPlan {
    /// They are.
    Auto,
}

/// One wave, or growing ones for whoever is left.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a wave")]
pub(super) struct WaveEntry {
    /// Its name.
    pub(super) name: String,
    /// Whom it takes.
    pub(super) select: Option<SelectEntry>,
    /// Growing waves for whoever is left.
    pub(super) plan: Option<AutoPlan>,
    /// Tenants of the first of them.
    pub(super) first: Option<u32>,
    /// How much larger each next one is.
    pub(super) factor: Option<u32>,
    /// The largest, such as "max(25%, 6)", in quotes.
    pub(super) cap: Option<String>,
    /// How long it is watched.
    pub(super) bake: Option<String>,
}

/// Whom a wave takes. One of these.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "select")]
pub(super) struct SelectEntry {
    /// Tenants with this tag.
    pub(super) tag: Option<String>,
    /// Tenants of this tier.
    pub(super) tier: Option<String>,
    /// This part of the fleet.
    pub(super) percent: Option<u32>,
    /// This many.
    pub(super) count: Option<u32>,
    /// These.
    pub(super) ids: Option<Vec<String>>,
}

/// The tenants.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "tenants")]
pub(super) struct Tenants {
    /// Files with more of them, such as tenants/*.yaml.
    #[expect(dead_code, reason = "read before the files are")]
    pub(super) include: Option<String>,
    /// They.
    #[serde(default)]
    #[schemars(extend("maxItems" = 10000))]
    pub(super) entries: Vec<TenantEntry>,
    /// Those that are gone; `tidegate tenants offboard` writes them.
    #[serde(default)]
    #[schemars(extend("maxItems" = 10000))]
    pub(super) removed: Vec<RemovedEntry>,
}

/// A file of tenants.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a file of tenants")]
pub(super) struct TenantFile {
    /// They.
    #[schemars(extend("maxItems" = 10000))]
    pub(super) entries: Vec<TenantEntry>,
    /// Those that are gone; `tidegate tenants offboard` writes them.
    #[serde(default)]
    #[schemars(extend("maxItems" = 10000))]
    pub(super) removed: Vec<RemovedEntry>,
}

/// A tenant that is gone. Its id is never given again: names and records of the old one would be the new one's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a tenant that is gone")]
pub(super) struct RemovedEntry {
    /// The id it had.
    pub(super) id: String,
    /// The fleet it was in.
    pub(super) fleet: String,
    /// The day on which it went.
    pub(super) on: String,
    /// SHA-256 of the list of what was kept of it, if that is known.
    pub(super) kept: Option<String>,
}

/// One tenant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a tenant")]
pub(super) struct TenantEntry {
    /// Its id: part of every name of what it runs.
    pub(super) id: String,
    /// Its fleet.
    pub(super) fleet: String,
    /// Its cell, where its fleet has several.
    pub(super) cell: Option<String>,
    /// Another cell of its fleet where Terraform keeps a place for it, while it is moved.
    pub(super) also_in: Option<String>,
    /// The cell that it was moved away from, where Terraform is to take its place away.
    pub(super) leaves: Option<String>,
    /// Its cluster, where its cell has several.
    pub(super) cluster: Option<String>,
    /// Its own host.
    pub(super) host: Option<String>,
    /// Words to select it by.
    #[serde(default)]
    pub(super) tags: Vec<String>,
    /// Its tier.
    pub(super) tier: Option<String>,
    /// What it should be doing.
    #[serde(default)]
    pub(super) state: SetState,
    /// A version it is kept on.
    pub(super) pin: Option<PinEntry>,
    /// Its licence.
    pub(super) license: Option<License>,
    /// Its own data stores.
    pub(super) data: Option<Data>,
    /// Domains of its people's e-mail: bigcorp.com leads to it from bigcorp-com.DOMAIN.
    #[serde(default)]
    pub(super) email_domains: Vec<String>,
    /// Keys of its tokens, for the shared host. A token of one of them speaks for this tenant alone.
    #[serde(default)]
    pub(super) token_keys: Vec<TokenKeyEntry>,
}

/// A public key of a tenant's tokens: Ed25519 (RFC 8037).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a token key")]
pub(super) struct TokenKeyEntry {
    /// The `kid` of its tokens.
    pub(super) id: String,
    /// The key, as `x` of a JWK has it.
    pub(super) x: String,
}

/// A version that a tenant is kept on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pin")]
pub(super) struct PinEntry {
    /// The version.
    pub(super) version: String,
    /// Who decided.
    pub(super) owner: String,
    /// Why.
    pub(super) reason: String,
    /// Last day.
    pub(super) until: String,
}

/// A licence.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "license")]
pub(super) struct License {
    /// What was bought.
    pub(super) plan: Option<String>,
    /// Last day.
    pub(super) until: String,
}

/// A tenant's own data stores.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "data")]
pub(super) struct Data {
    /// Its part of RDS.
    pub(super) rds: Option<Rds>,
    /// Its part of S3.
    pub(super) evidence: Option<Evidence>,
}
