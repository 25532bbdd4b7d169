//! What fleet.yaml means, once it is known to be right: the application, its cells, fleets and service sets.
//!
//! `manifest` makes these values and holds the rules of the file; everything after it can rely on them: every
//! name resolves, services have an order, and each tenant of a fleet has a place in a wave.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use accessos_routing::{TokenKey, TrustedKeys};
use jiff::SignedDuration;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::calendar::{Calendar, Window};
use super::gate::{GatePolicy, Probe};
use super::ids::{AppName, CellName, ContentHash, FleetName, ServiceKey, ServiceName, SetId, Version};
use super::object_name::ObjectName;
use super::reason::Reason;
use super::service::{Role, Service, ServiceGraph};

/// Everything a release follows from, beside what is live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its name, the first part of every ECS service's name.
    pub name: AppName,
    /// How versions are made.
    pub versioning: Versioning,
    /// How images are named and built.
    pub images: ImagePolicy,
    /// A tenant's services.
    pub services: ServiceGraph,
    /// The control plane's services, if there is one.
    pub control_plane: Option<ServiceGraph>,
    /// How many minor versions tenants may lag behind their control plane.
    pub skew: u64,
    /// The accounts and Regions.
    pub cells: BTreeMap<CellName, Cell>,
    /// The fleets, each after the one it is promoted from.
    pub fleets: Vec<Fleet>,
    /// Tenants that are gone, whose ids are never given again.
    pub removed: BTreeMap<SetId, Tombstone>,
}

/// What is left in the file of a tenant that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The fleet it was in.
    pub fleet: FleetName,
    /// The day on which it went.
    pub on: Date,
    /// SHA-256 of the list of what was kept of it, if that is known.
    pub kept: Option<ContentHash>,
}

/// How versions are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versioning {
    /// What decides which number goes up.
    pub bump: Bumping,
    /// The branch whose merges make prereleases; none for the repository's default branch, whatever its name.
    pub branch: Option<String>,
}

/// What decides which number of a version goes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bumping {
    /// Labels on the merged pull requests: `release:major`, `release:minor`, `release:patch`.
    Labels,
    /// Conventional Commits 1.0.0, in commit messages and titles of pull requests.
    Conventional,
    /// Always the patch.
    #[default]
    Patch,
}

/// How images are named and built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePolicy {
    /// Repository in the registry, with `{service}` to fill in.
    pub repository: String,
    /// The cell whose registry holds the images of every fleet.
    pub cell: CellName,
    /// Platforms, such as `linux/amd64`.
    pub platforms: Vec<String>,
    /// What builds.
    pub builder: Builder,
}

impl ImagePolicy {
    /// A service's repository, without the registry's host.
    pub fn path(&self, service: &ServiceName) -> String {
        self.repository.replace("{service}", service.as_str())
    }
}

/// What builds images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Builder {
    /// buildx, else docker, else buildah: the first that is there.
    #[default]
    Auto,
    /// `docker buildx build`.
    Buildx,
    /// `docker build`.
    Docker,
    /// `buildah build`.
    Buildah,
}

/// One account and Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its name in the file.
    pub name: CellName,
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-west-1`.
    pub region: String,
    /// ECS clusters.
    pub clusters: Vec<String>,
    /// The role that may deploy there; none to use the credentials that are at hand.
    pub role: Option<String>,
    /// Where its AWS APIs are, if not at AWS.
    pub endpoint: Option<String>,
    /// Registry host, if not ECR's own for the account and Region.
    pub registry: Option<String>,
    /// Where Terraform publishes the manifest of each set, as `s3://BUCKET/KEY` with `{tenant}` in it; none if it does
    /// not.
    pub manifest: Option<String>,
    /// How many tenants it may have; none for as many as AWS lets in.
    pub tenants_max: Option<u32>,
}

/// The tenants of one environment and their policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Its name, also of its GitHub environment.
    pub name: FleetName,
    /// Its cells, the control plane's first.
    pub cells: Vec<CellName>,
    /// Its tenants answer at `<tenant>.<domain>`: its own, else the application's.
    pub domain: String,
    /// The fleet a release must have succeeded in.
    pub from: Option<FleetName>,
    /// How long it must have been green there.
    pub soak: SignedDuration,
    /// What starts a release.
    pub deploy_on: DeployOn,
    /// Who must approve a plan before it runs; none if it runs without.
    pub approval: Option<Approval>,
    /// When waves may start.
    pub calendar: Calendar,
    /// When its tenants run, if a schedule puts them to sleep in between; without any, always.
    pub awake: Vec<Window>,
    /// What becomes of tenants without a licence that counts.
    pub licences: LicencePolicy,
    /// How tenants are put into waves.
    pub waves: WavePolicy,
    /// What every wave must show.
    pub gate: GatePolicy,
    /// What a failed wave leads to.
    pub on_failure: OnFailure,
    /// Tenants that may be left on their old version, each for a failure of its own.
    pub failure_budget: usize,
    /// Its service sets, the control plane's first if there is one, then tenants by id.
    pub sets: Vec<ServiceSet>,
    /// The routing snapshot that its edge routers serve from; none if it has no such routers.
    pub routing: Option<Routing>,
}

/// How a fleet's routing snapshot is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// Its bucket.
    pub bucket: String,
    /// What its objects' keys begin with, with a slash at the end.
    pub prefix: String,
    /// Who may publish.
    pub keys: TrustedKeys,
    /// Where a tenant's requests go, with placeholders.
    pub backend: String,
    /// How many of a hundred tenants one publication may lose.
    pub lose_percent: usize,
    /// The service of the control plane that serves from it.
    pub router: ServiceName,
}

/// Who must approve a plan, which is always one plan by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The GitHub environment whose reviewers approve.
    pub environment: String,
    /// Whether whoever wrote the pull request may not be the one who approves.
    pub not_author: bool,
}

/// What starts a release of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployOn {
    /// A merge to the default branch.
    Merge,
    /// A label on the merged pull request.
    Label(String),
    /// Only somebody's dispatch.
    Dispatch,
}

/// How tenants are put into waves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WavePolicy {
    /// Growing waves over all tenants.
    Auto {
        /// How they grow.
        growth: Growth,
        /// How long each is watched.
        bake: SignedDuration,
    },
    /// Waves as the file lists them. Each tenant goes into the first that selects it.
    Explicit(Vec<WaveRule>),
}

/// Waves that grow by `factor` from `first` up to a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Tenants of the first wave.
    pub first: usize,
    /// How much larger each next one is.
    pub factor: usize,
    /// The cap as a part of all tenants, in percent; the larger cap counts.
    pub cap_percent: usize,
    /// The cap as a count.
    pub cap_count: usize,
}

/// One wave of the file, or, for `plan: auto`, as many as its growth takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaveRule {
    /// Its name.
    pub name: String,
    /// Whom it takes.
    pub select: Select,
    /// How long it is watched.
    pub bake: SignedDuration,
}

/// Whom a wave takes of those whom no earlier one took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Select {
    /// Tenants with this tag.
    Tag(String),
    /// Tenants of this tier.
    Tier(String),
    /// This part of the fleet, rounded down.
    Percent(usize),
    /// This many.
    Count(usize),
    /// These.
    Ids(BTreeSet<SetId>),
    /// All that are left, in growing waves.
    Rest(Growth),
}

/// What a failed wave leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Everything stays as it is.
    Stop,
    /// The failed tenant goes back.
    RollbackTenant,
    /// The failed wave goes back.
    RollbackWave,
    /// Every tenant this rollout changed goes back.
    RollbackAll,
}

/// A tenant's service set, or the control plane's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSet {
    /// The tenant's id, or `control-plane`.
    pub id: SetId,
    /// Where it runs.
    pub cell: CellName,
    /// Its cluster there.
    pub cluster: String,
    /// The host its requests come in on.
    pub host: String,
    /// Free words to select by.
    pub tags: BTreeSet<String>,
    /// Its tier, if it has one.
    pub tier: Option<String>,
    /// What the file says it should be doing.
    pub state: SetState,
    /// A version it is kept on.
    pub pin: Option<Pin>,
    /// Its licence, if it has one.
    pub licence: Option<Licence>,
    /// Which part of the data stores is its own.
    pub data: DataScope,
    /// By what it is found beside its host.
    pub found_by: FoundBy,
    /// The place that it has beside the one where it runs, while it is moved.
    pub second: Option<SecondPlace>,
    /// Where it is being moved to, by a decision whose end the file does not tell yet; none by the file alone.
    pub moving: Option<CellName>,
}

/// A place that Terraform keeps for a tenant beside the one where it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondPlace {
    /// Whole: it may run there one day, or again.
    Also(CellName),
    /// On its way out: its routes there go, and then all of it but its data.
    Leaves(CellName),
}

impl SecondPlace {
    /// The cell.
    pub fn cell(&self) -> &CellName {
        match self {
            Self::Also(cell) | Self::Leaves(cell) => cell,
        }
    }
}

/// By what a tenant is found on the shared host and on the root domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundBy {
    /// Domains of its people's e-mail.
    pub email_domains: Vec<String>,
    /// Keys of its tokens.
    pub token_keys: Vec<TokenKey>,
}

/// What a tenant bought, as fleet.yaml has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licence {
    /// What, if it has a name.
    pub plan: Option<String>,
    /// Last day, in UTC.
    pub until: Date,
}

/// What becomes of tenants without a licence that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LicencePolicy {
    /// Of those whose licence has ended.
    pub expired: Unlicensed,
    /// Of those that have none.
    pub missing: Unlicensed,
}

/// What becomes of a tenant without a licence that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unlicensed {
    /// Releases reach it like everybody; where its licence has ended, the plan says so.
    Release,
    /// Releases leave it out by name. What it runs goes on.
    Exclude,
    /// Releases leave it out, and `ci` on a schedule puts it to sleep until it has a licence again.
    Pause,
}

impl Default for LicencePolicy {
    fn default() -> Self {
        Self { expired: Unlicensed::Exclude, missing: Unlicensed::Release }
    }
}

/// Which part of the data stores is a tenant's own. Terraform makes them; a release does not look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataScope {
    /// Its part of RDS.
    pub rds: Rds,
    /// Its part of S3.
    pub evidence: Evidence,
}

/// A tenant's part of RDS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rds {
    /// A schema of a shared database.
    #[default]
    Schema,
    /// A database of its own.
    Database,
}

/// A tenant's part of S3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// A prefix of a shared bucket.
    #[default]
    Prefix,
    /// A bucket of its own.
    Bucket,
}

/// What a set should be doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SetState {
    /// Serving.
    #[default]
    Active,
    /// Scaled to zero on purpose.
    Paused,
    /// On its way out.
    Offboarding,
}

/// A version that a tenant is kept on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The version it keeps.
    pub version: Version,
    /// Who decided.
    pub owner: String,
    /// Why.
    pub why: String,
    /// Last day.
    pub until: Date,
}

/// Where a service is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Which service.
    pub service: ServiceKey,
    /// Its account and Region.
    pub cell: CellName,
    /// Its cluster there.
    pub cluster: String,
    /// Its name in the cluster.
    pub ecs_service: String,
}

impl Routing {
    /// Bucket and prefix of `s3://BUCKET/PREFIX`, by the rules of [`ObjectName`].
    pub fn place(text: &str) -> Option<(String, String)> {
        // A place is good for a snapshot if it is good for an object in it.
        let names = "any".parse().ok().zip("any".parse().ok())?;
        let object = ObjectName::of(&format!("{}/{{tenant}}", text.trim_end_matches('/')), &names.0, &names.1)?;
        Some((object.bucket, object.key.strip_suffix("any")?.to_owned()))
    }
}

impl Growth {
    /// The largest wave among this many tenants.
    pub fn cap(&self, tenants: usize) -> usize {
        self.cap_count.max(tenants * self.cap_percent / 100).max(1)
    }
}

impl Application {
    /// The fleet of that name.
    pub fn fleet(&self, name: &FleetName) -> Option<&Fleet> {
        self.fleets.iter().find(|f| &f.name == name)
    }

    /// Whether a release that succeeds here has gone all the way.
    pub fn is_last(&self, fleet: &Fleet) -> bool {
        !self.fleets.iter().any(|f| f.from.as_ref() == Some(&fleet.name))
    }

    /// The services of a set and their order.
    pub fn graph_of(&self, set: &SetId) -> Option<&ServiceGraph> {
        if set.is_control_plane() { self.control_plane.as_ref() } else { Some(&self.services) }
    }

    /// The services of a set, in order.
    pub fn services_of(&self, set: &SetId) -> impl Iterator<Item = &Service> {
        self.graph_of(set).into_iter().flat_map(ServiceGraph::iter)
    }

    /// Every service that has an image, the control plane's after the tenants'.
    pub fn all_services(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().chain(self.control_plane.iter().flat_map(ServiceGraph::iter))
    }

    /// The ECS name of a service, also of its task definition family: tenant and fleet are part of it, so that
    /// no name can be mistaken for another tenant's.
    pub fn ecs_name(&self, fleet: &FleetName, key: &ServiceKey) -> String {
        format!("{}-{fleet}-{}-{}", self.name, key.set, key.service)
    }

    /// Family of the task definition that Terraform makes a service with, and that is never run
    /// (`infra/stack/control-plane`).
    pub fn placeholder(&self, fleet: &FleetName, service: &ServiceName) -> String {
        format!("placeholder-{}-{fleet}-{service}", self.name)
    }

    /// Where a service is found; none for a set that the fleet does not have.
    pub fn address(&self, fleet: &Fleet, key: &ServiceKey) -> Option<Address> {
        let set = fleet.set(&key.set)?;
        Some(Address {
            service: key.clone(),
            cell: set.cell.clone(),
            cluster: set.cluster.clone(),
            ecs_service: self.ecs_name(&fleet.name, key),
        })
    }

    /// Every service that serves, of every set of a fleet, in the order of sets and services.
    pub fn services_in<'a>(&'a self, fleet: &'a Fleet) -> impl Iterator<Item = ServiceKey> + 'a {
        self.keys_in(fleet, Role::is_serving)
    }

    /// Every one-shot task of every set of a fleet.
    pub fn tasks_in<'a>(&'a self, fleet: &'a Fleet) -> impl Iterator<Item = ServiceKey> + 'a {
        self.keys_in(fleet, |role| role.is_task())
    }

    /// Every migration of every set of a fleet.
    pub fn migrations_in<'a>(&'a self, fleet: &'a Fleet) -> impl Iterator<Item = ServiceKey> + 'a {
        self.keys_in(fleet, |role| role.is_migration())
    }

    fn keys_in<'a>(&'a self, fleet: &'a Fleet, role: fn(&Role) -> bool) -> impl Iterator<Item = ServiceKey> + 'a {
        let of_set = move |set: &'a ServiceSet| {
            let services = self.services_of(&set.id).filter(move |service| role(&service.role));
            services.map(|service| ServiceKey::new(&set.id, &service.name))
        };
        fleet.sets.iter().flat_map(of_set)
    }

    /// Where every service that serves is found in a set, in their order.
    pub fn serving(&self, fleet: &Fleet, set: &SetId) -> Vec<Address> {
        let keys = self.services_in(fleet).filter(|key| &key.set == set);
        keys.filter_map(|key| self.address(fleet, &key)).collect()
    }

    /// Where the first service that serves is found in a set: a task of the set runs in its network.
    pub fn beside(&self, fleet: &Fleet, set: &SetId) -> Option<Address> {
        let serving = self.services_of(set).find(|service| service.role.is_serving())?;
        self.address(fleet, &ServiceKey::new(set, &serving.name))
    }

    /// Where the image of a service lives: registry host and repository.
    pub fn repository(&self, service: &ServiceName) -> String {
        let path = self.images.path(service);
        let registry = self.cells.get(&self.images.cell).map(Cell::registry_host).unwrap_or_default();
        format!("{registry}/{path}")
    }

    /// The probe of a service; none where the fleet has no probe gate or the service no traffic.
    pub fn probe(&self, fleet: &Fleet, set: &ServiceSet, service: &Service) -> Option<Probe> {
        let policy = fleet.gate.probe.as_ref()?;
        let http = service.http.as_ref()?;
        let url = [
            ("{host}", set.host.as_str()),
            ("{health}", http.health.as_str()),
            ("{tenant}", set.id.as_str()),
            ("{service}", service.name.as_str()),
            ("{fleet}", fleet.name.as_str()),
        ]
        .iter()
        .fold(policy.url.clone(), |url, (placeholder, value)| url.replace(placeholder, value));
        Some(Probe { service: ServiceKey::new(&set.id, &service.name), url, host: set.host.clone() })
    }
}

impl Cell {
    /// The registry's host: as the file says, else the endpoint's, else ECR's.
    pub fn registry_host(&self) -> String {
        let of_endpoint = |url: &String| url.split_once("://").map(|(_, host)| host.trim_end_matches('/').to_owned());
        self.registry
            .clone()
            .or_else(|| self.endpoint.as_ref().and_then(of_endpoint))
            .unwrap_or_else(|| format!("{}.dkr.ecr.{}.amazonaws.com", self.account, self.region))
    }
}

impl Fleet {
    /// The set of that id.
    pub fn set(&self, id: &SetId) -> Option<&ServiceSet> {
        self.sets.iter().find(|s| &s.id == id)
    }
}

impl Fleet {
    /// The fleet as if it had this set alone, awake, in one wave that is watched as the last one is.
    #[must_use]
    pub fn alone(&self, id: &SetId) -> Self {
        let bake = match &self.waves {
            WavePolicy::Auto { bake, .. } => *bake,
            WavePolicy::Explicit(rules) => rules.last().map_or(SignedDuration::ZERO, |rule| rule.bake),
        };
        let growth = Growth { first: 1, factor: 1, cap_percent: 100, cap_count: 1 };
        let sets = self.sets.iter().filter(|set| &set.id == id);
        let sets = sets.map(|set| ServiceSet { state: SetState::Active, ..set.clone() }).collect();
        Self { waves: WavePolicy::Auto { growth, bake }, sets, ..self.clone() }
    }
}

impl Application {
    /// The same application with one set of a fleet at another place: whatever takes addresses from it works there.
    #[must_use]
    pub fn placed(&self, fleet: &FleetName, set: &SetId, cell: &CellName, cluster: &str) -> Self {
        let at = |of: &Fleet| if &of.name == fleet { of.placed(set, cell, cluster) } else { of.clone() };
        Self { fleets: self.fleets.iter().map(at).collect(), ..self.clone() }
    }
}

impl Fleet {
    /// The same fleet with one set at another place.
    #[must_use]
    pub fn placed(&self, set: &SetId, cell: &CellName, cluster: &str) -> Self {
        let mut fleet = self.clone();
        for set in fleet.sets.iter_mut().filter(|one| &one.id == set) {
            set.cell = cell.clone();
            cluster.clone_into(&mut set.cluster);
        }
        fleet
    }
}

impl Fleet {
    /// Whether a schedule has something to do in it: its tenants sleep by hours, or for want of a licence.
    pub fn has_a_clock(&self) -> bool {
        !self.awake.is_empty() || [self.licences.expired, self.licences.missing].contains(&Unlicensed::Pause)
    }

    /// Why a release must leave this set of the fleet alone today, if it must.
    pub fn leaves_out(&self, set: &ServiceSet, release: &Version, today: Date) -> Option<Reason> {
        set.left_out(release, today).or_else(|| {
            let (until, wanted) = set.unlicensed(today, self.licences)?;
            match (wanted, until) {
                (Unlicensed::Release, _) => None,
                (Unlicensed::Exclude, Some(until)) => Some(Reason::LicenceEnded { until }),
                (Unlicensed::Exclude, None) => Some(Reason::NoLicence),
                (Unlicensed::Pause, until) => Some(Reason::AsleepUnlicensed { until }),
            }
        })
    }
}

impl ServiceSet {
    /// Since which day it has no licence that counts, if it ever had one, and what becomes of it; none if its licence
    /// counts, or the set takes none.
    pub fn unlicensed(&self, today: Date, policy: LicencePolicy) -> Option<(Option<Date>, Unlicensed)> {
        match &self.licence {
            _ if self.id.is_control_plane() => None,
            Some(licence) if licence.until < today => Some((Some(licence.until), policy.expired)),
            Some(_) => None,
            None => Some((None, policy.missing)),
        }
    }

    /// Why a release must leave this set alone today whatever the fleet's policy, if it must.
    fn left_out(&self, release: &Version, today: Date) -> Option<Reason> {
        match (self.state, &self.pin) {
            _ if self.moving.is_some() => self.moving.clone().map(|to| Reason::BeingMoved { set: self.id.clone(), to }),
            (SetState::Paused, _) => Some(Reason::Paused),
            (SetState::Offboarding, _) => Some(Reason::Offboarding),
            (_, Some(pin)) if today <= pin.until && !pin.allows(release) => Some(Reason::Pinned {
                version: pin.version.clone(),
                owner: pin.owner.clone(),
                until: pin.until,
                why: pin.why.clone(),
            }),
            _ => None,
        }
    }
}

impl fmt::Display for SetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Offboarding => "offboarding",
        })
    }
}

impl fmt::Display for Rds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Schema => "schema",
            Self::Database => "database",
        })
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Prefix => "prefix",
            Self::Bucket => "bucket",
        })
    }
}

impl Pin {
    /// A pin to `1.4.1` allows the build that became 1.4.1.
    pub fn allows(&self, release: &Version) -> bool {
        self.version.names(release)
    }
}
