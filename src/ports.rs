//! What the application needs from the outside, in tidegate's own words. Reading and writing are different
//! traits, so that a command which only reads cannot write, whatever its flags say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::domain::approved::Approved;
use crate::domain::directive::{Decided, Holding, Scaling};
use crate::domain::doctor::RepositorySeen;
use crate::domain::fleet::{Address, Builder, Routing};
use crate::domain::gate::{Alarm, Answer, CommandAnswer, CommandPolicy, Probe, Series, TargetHealth, WaveReport};
use crate::domain::ids::{
    CellName, CommitSha, ContentHash, DeploymentId, FleetName, ImageDigest, ImageTag, ServiceKey, ServiceName, SetId,
    TaskArn, TaskDefinitionArn, Version,
};
use crate::domain::lease::{LeaseMark, LeaseRecord, LeaseSeen, Life, Owner};
use crate::domain::ledger::{FleetState, Intent, RolloutId, RolloutRecord, WaveResult};
use crate::domain::merged::{History, PullRequest};
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::offboard::KeptObject;
use crate::domain::pause::{ClosedRule, Database, Routes};
use crate::domain::plan::Plan;
use crate::domain::published::{PublishedSeen, Wanted};
use crate::domain::quota::QuotaCode;
use crate::domain::release::Release;
use crate::domain::rollout::Event;
use crate::domain::routers::ReportSeen;
use crate::domain::service::Build;
use crate::domain::snapshot::{Availability, DeploymentSeen, FamilySeen, ServiceSeen, TaskSeen};
use crate::domain::starter::AccountFound;
use crate::domain::template::{Rendered, Revision, Template};

/// Why something outside did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{doing}: {why}")]
pub struct PortError {
    /// What was being done, and to what.
    pub doing: String,
    /// In the other side's words, without secrets, with its request id where there is one.
    pub why: String,
    /// Whether asking again later may help.
    pub fault: Fault,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The other side is not there, busy, or throttles: asking again later may help.
    Unavailable,
    /// It refused, or what it has does not fit: asking again will not help.
    Refused,
    /// Somebody else was quicker: look again, then decide again.
    Conflict,
}

impl PortError {
    /// A failure of this kind.
    pub fn new(fault: Fault, doing: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self { doing: doing.to_string(), why: why.to_string(), fault }
    }
}

/// What a port answers.
pub type PortResult<T> = Result<T, PortError>;

/// Which image to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageQuery {
    /// Whose image.
    pub service: ServiceName,
    /// Registry host and repository.
    pub repository: String,
    /// Under which tag.
    pub tag: ImageTag,
}

/// An image that is in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundImage {
    /// Its identity.
    pub digest: ImageDigest,
    /// All tags that it has.
    pub tags: Vec<ImageTag>,
}

/// What to build and how to name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOrder {
    /// Whose image.
    pub service: ServiceName,
    /// What it is built from.
    pub build: Build,
    /// Registry host and repository.
    pub repository: String,
    /// The tags it gets.
    pub tags: Vec<ImageTag>,
    /// Platforms, such as `linux/amd64`.
    pub platforms: Vec<String>,
    /// What builds.
    pub builder: Builder,
    /// The version, for the build argument `VERSION`.
    pub version: Version,
}

/// Terraform's inputs as they are committed, to look.
#[async_trait]
pub trait InputsReader: Send + Sync {
    /// The bytes of every file, by the name of its folder: one for each cell of a fleet. One that was never exported is
    /// not there.
    async fn committed(&self) -> PortResult<BTreeMap<String, Vec<u8>>>;
}

/// Terraform's inputs, to write.
#[async_trait]
pub trait InputsWriter: Send + Sync {
    /// Puts the file of a folder in the place of the one that is there: all of it, or nothing.
    async fn write(&self, folder: &str, bytes: &[u8]) -> PortResult<()>;
}

/// Sealed licences as they are kept, to look.
#[async_trait]
pub trait LicencesReader: Send + Sync {
    /// The bytes of every tenant's, by fleet and tenant.
    async fn sealed(&self) -> PortResult<BTreeMap<(FleetName, SetId), Vec<u8>>>;
}

/// Sealed licences, to write.
#[async_trait]
pub trait LicencesWriter: Send + Sync {
    /// Puts a tenant's in the place of the one that is there: all of it, or nothing.
    async fn keep(&self, fleet: &FleetName, set: &SetId, bytes: &[u8]) -> PortResult<()>;
}

/// A repository's checkout, to look at before there is a fleet.yaml.
#[async_trait]
pub trait CheckoutReader: Send + Sync {
    /// The folders that have a Dockerfile, from the top of the repository, in order.
    async fn dockerfiles(&self) -> PortResult<Vec<String>>;

    /// The files below a folder whose names end in `.{ending}`, by path; none where there is no such folder.
    async fn texts(&self, folder: &str, ending: &str) -> PortResult<BTreeMap<String, String>>;
}

/// A repository's checkout, to put something into.
#[async_trait]
pub trait CheckoutWriter: Send + Sync {
    /// Writes a file, and answers whether it did: one that is there is kept as it is.
    async fn create(&self, path: &str, text: &str) -> PortResult<bool>;
}

/// The account of whatever credentials are at hand.
#[async_trait]
pub trait AccountReader: Send + Sync {
    /// What it shows of itself.
    async fn account(&self) -> PortResult<AccountFound>;
}

/// The accounts that a release needs, to look at before there is one.
#[async_trait]
pub trait AccountsReader: Send + Sync {
    /// The ARNs of a cell's clusters that are active.
    async fn clusters(&self, cell: &CellName) -> PortResult<Vec<String>>;

    /// Which of these repositories the registry has.
    async fn repositories(&self, names: &BTreeSet<String>) -> PortResult<BTreeSet<String>>;
}

/// The repository at GitHub, to look at before there is a release.
#[async_trait]
pub trait RepositoryReader: Send + Sync {
    /// What releases depend on.
    async fn repository(&self) -> PortResult<RepositorySeen>;
}

/// fleet.yaml and the files of tenants that it includes, to write.
#[async_trait]
pub trait ManifestWriter: Send + Sync {
    /// Puts these bytes in the place of a file that still has the bytes it was read with: all of them, or nothing.
    async fn replace(&self, name: &str, was: &[u8], bytes: &[u8]) -> PortResult<()>;
}

/// The source tree of the commit that is being built.
#[async_trait]
pub trait SourceReader: Send + Sync {
    /// Hash of everything that goes into an image: files of the context after `.dockerignore`, inputs, what
    /// `prepare` says, Dockerfile, arguments, platforms. The version is no part of it.
    async fn content_address(&self, build: &Build, platforms: &[String]) -> PortResult<ContentHash>;
}

/// The registry, to look.
#[async_trait]
pub trait ImageReader: Send + Sync {
    /// What is there under these tags; a query without an image has no entry. Batched.
    async fn find(&self, queries: &[ImageQuery]) -> PortResult<BTreeMap<ServiceName, FoundImage>>;

    /// Which of these are still there.
    async fn present(&self, repository: &str, digests: &[ImageDigest]) -> PortResult<Vec<ImageDigest>>;
}

/// Takes the lines of a build's output as they come. A type of its own, because async_trait would tie the `&str`
/// in it to the call.
pub type LineSink<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// What makes images.
#[async_trait]
pub trait ImageBuilder: Send + Sync {
    /// Builds, and pushes under every tag of the order. Lines of the output go to `lines`. Which digest came out
    /// is for [`ImageReader::find`] to say: only the registry knows what it was given.
    async fn build(&self, order: &BuildOrder, lines: LineSink<'_>) -> PortResult<()>;
}

/// The registry, to change.
#[async_trait]
pub trait ImageTagger: Send + Sync {
    /// Gives an image one more tag. Having it already is success; the tag on another digest is a conflict.
    async fn tag(&self, repository: &str, digest: &ImageDigest, tag: &ImageTag) -> PortResult<()>;
}

/// Who may push to a registry.
#[async_trait]
pub trait RegistryLogin: Send + Sync {
    /// User and password for the registry at this host; none where the tool's own configuration is to be used.
    async fn login(&self, host: &str) -> PortResult<Option<Credentials>>;
}

/// What a registry is told to be let in.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password, or a token in its place.
    pub password: Secret,
}

/// A text that no log, record or error shows.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one who must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The services, to look.
#[async_trait]
pub trait FleetReader: Send + Sync {
    /// What each of these services runs. A failed read is an entry, not an error. Batched.
    async fn observe(&self, services: &[Address]) -> BTreeMap<ServiceKey, ServiceSeen>;

    /// What ECS's own history says of these deployments. Every service has an entry; a failed read is one, too. Batched
    /// where the name of a deployment in history is known.
    async fn history(&self, deployments: &[(Address, DeploymentId)]) -> BTreeMap<ServiceKey, DeploymentSeen>;

    /// A task definition as ECS describes it, whole. Revisions never change, so they are read once.
    async fn task_definition(&self, cell: &CellName, arn: &TaskDefinitionArn) -> PortResult<Arc<Revision>>;

    /// Why tasks of these services stopped lately, in words for a person; the newest first. What cannot be read is said
    /// in the same place. Every service has an entry. Batched: it costs by the tasks that stopped.
    async fn stops(&self, services: &[Address]) -> BTreeMap<ServiceKey, Vec<String>>;

    /// The last lines that the newest failed container of this service wrote, oldest first.
    async fn last_lines(&self, service: &Address) -> PortResult<Vec<String>>;
}

/// What Terraform publishes of service sets, to look.
#[async_trait]
pub trait ManifestReader: Send + Sync {
    /// What is published of each of these sets now; every one has an entry. One request a set, side by side, and what
    /// is known already is not sent again.
    async fn published(&self, sets: &[Wanted]) -> BTreeMap<SetId, PublishedSeen>;

    /// The template of a service with this hash and when it was published, if this process has read it or it is what
    /// is published now. Only what was never read is asked for.
    async fn template(
        &self,
        set: &Wanted,
        service: &ServiceName,
        hash: &ContentHash,
    ) -> PortResult<Option<(Template, Timestamp)>>;
}

/// The services, to change. Every method demands the proof that the intent is recorded.
#[async_trait]
pub trait FleetWriter: Send + Sync {
    /// The task definition with this content: an active revision that has it, else a new one.
    async fn register(
        &self,
        proof: &OpenRollout,
        service: &Address,
        rendered: &Rendered,
    ) -> PortResult<TaskDefinitionArn>;

    /// Sends UpdateService with the task definition, and with a number of tasks only where the service has its first or
    /// loses them again; with nothing else. Answers the id of the PRIMARY deployment.
    async fn update(
        &self,
        proof: &OpenRollout,
        service: &Address,
        target: &TaskDefinitionArn,
        tasks: Option<u32>,
    ) -> PortResult<DeploymentId>;

    /// Has ECS stop this deployment and go back to what ran before it: our own deadline has passed. One that is
    /// not in progress any more, or on its way back already, is left as it is, and that is no error.
    async fn stop(&self, proof: &OpenRollout, service: &Address, deployment: &DeploymentId) -> PortResult<()>;
}

/// A one-shot task of one rollout: what is looked for, or started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRun {
    /// Whose task, and where it runs. Its name in ECS is that of its task definition family.
    pub address: Address,
    /// What makes a second start the same as the first. It is the same in every process that has the rollout in hand.
    pub token: ContentHash,
    /// Its name, where it is known that it was started.
    pub task: Option<TaskArn>,
}

/// One-shot tasks, to look.
#[async_trait]
pub trait TaskReader: Send + Sync {
    /// The newest active revision of each task's family. Every one has an entry.
    async fn families(&self, tasks: &[Address]) -> BTreeMap<ServiceKey, FamilySeen>;

    /// How each of these stands. Every one has an entry. Batched for those whose name is known.
    async fn tasks(&self, runs: &[TaskRun]) -> BTreeMap<ServiceKey, TaskSeen>;

    /// The last lines that a task wrote whose name is known, without what looks like a secret; none where it logs
    /// elsewhere or has not failed.
    async fn last_lines(&self, run: &TaskRun) -> PortResult<Vec<String>>;
}

/// One-shot tasks, to start.
#[async_trait]
pub trait TaskWriter: Send + Sync {
    /// Starts a task in the network of the service `beside` it and answers its name. Started again with the same
    /// token, it is the task that was started first.
    async fn run(
        &self,
        proof: &OpenRollout,
        run: &TaskRun,
        definition: &TaskDefinitionArn,
        beside: &Address,
    ) -> PortResult<TaskArn>;
}

/// The way back: what ran before, to look whether it could run again.
#[async_trait]
pub trait WayBackReader: Send + Sync {
    /// For each service and a revision it ran: whether ECS still has the revision as ACTIVE and every secret it
    /// names is still there. Names only are read, never values. Every service has an entry; one that comes with
    /// several revisions is as usable as the worst of them.
    async fn usable(&self, revisions: &[(Address, TaskDefinitionArn)]) -> BTreeMap<ServiceKey, Availability>;
}

/// The services' own answers.
#[async_trait]
pub trait ProbeReader: Send + Sync {
    /// Asks each service once, side by side. No answer is an answer.
    async fn probe(&self, probes: &[Probe]) -> BTreeMap<ServiceKey, Answer>;
}

/// The load balancer's view of the services.
#[async_trait]
pub trait TargetReader: Send + Sync {
    /// Health of the services' load-balancer targets. What cannot be read is unknown.
    async fn targets(&self, services: &[Address]) -> BTreeMap<ServiceKey, TargetHealth>;
}

/// Which minutes of a service's metrics are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsQuery {
    /// Whose.
    pub service: Address,
    /// Whether requests come to it; without, only what its containers use is asked for.
    pub traffic: bool,
    /// Whether latency is wanted.
    pub latency: bool,
    /// Whether processor time and memory are wanted.
    pub saturation: bool,
    /// When the first minute begins.
    pub from: Timestamp,
    /// When the last one ends. Younger minutes may still change.
    pub to: Timestamp,
}

/// Metrics and alarms, to look.
#[async_trait]
pub trait MetricsReader: Send + Sync {
    /// The minutes of each service. Every query has an entry; what cannot be told in full is unknown. Batched.
    async fn series(&self, queries: &[MetricsQuery]) -> BTreeMap<ServiceKey, Series>;

    /// The alarms of a cell whose names begin with this, composed ones too; only those that ring, if so asked.
    async fn alarms(&self, cell: &CellName, prefix: &str, only_ringing: bool) -> PortResult<Vec<Alarm>>;
}

/// What an executable of the owner's is told about the wave that it judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOrder {
    /// What to run, and how long.
    pub policy: CommandPolicy,
    /// The fleet.
    pub fleet: FleetName,
    /// The wave's name.
    pub wave: String,
    /// The version that is released.
    pub version: Version,
    /// The tenants of the wave.
    pub tenants: Vec<String>,
}

/// Executables that judge.
#[async_trait]
pub trait CommandRunner: Send + Sync {
    /// Runs it once. That it does not answer is an answer.
    async fn ask(&self, order: &CommandOrder) -> CommandAnswer;
}

/// The quotas of accounts, to look.
#[async_trait]
pub trait QuotaReader: Send + Sync {
    /// The values that hold in the account and Region of a cell. One that AWS keeps no value of is not among them: its
    /// default holds.
    async fn applied(&self, cell: &CellName, quotas: &[QuotaCode]) -> PortResult<BTreeMap<QuotaCode, f64>>;
}

/// The records, to look.
#[async_trait]
pub trait LedgerReader: Send + Sync {
    /// The rollouts of a fleet, newest first.
    async fn rollouts(&self, fleet: &FleetName) -> PortResult<Vec<RolloutRecord>>;

    /// The plan of that hash. One whose content has another hash is refused.
    async fn plan(&self, hash: &ContentHash) -> PortResult<Plan>;

    /// The release that was built from this commit, if one was.
    async fn release_of(&self, commit: &CommitSha) -> PortResult<Option<Release>>;

    /// The release of this version, if there is one: the one it was built as, or the one it was given for good.
    async fn release(&self, version: &Version) -> PortResult<Option<Release>>;

    /// Versions that were given for good, by promotion to the last fleet.
    async fn final_versions(&self) -> PortResult<Vec<Version>>;

    /// What each service of a fleet runs by the records.
    async fn fleet_state(&self, fleet: &FleetName) -> PortResult<FleetState>;

    /// What the gates found of a rollout's waves, each time that something was decided about one, oldest first.
    async fn findings(&self, rollout: &RolloutRecord) -> PortResult<Vec<WaveReport>>;

    /// What people have decided about a fleet, oldest first.
    async fn decided(&self, fleet: &FleetName) -> PortResult<Vec<Decided>>;
}

/// The records, to add to. Nothing is ever changed or taken away.
#[async_trait]
pub trait LedgerWriter: Send + Sync {
    /// Records what was built.
    async fn publish(&self, release: &Release) -> PortResult<()>;

    /// Records that a release got its final version.
    async fn finalise(&self, release: &Release, version: &Version) -> PortResult<()>;

    /// Records the plan, then the intent to carry it out. Called by [`OpenRollout::begin`] only.
    async fn open(&self, plan: &Plan, intent: &Intent) -> PortResult<RolloutRecord>;

    /// Records a decision. Its number must be the next one, else it is a conflict: somebody else decided meanwhile.
    async fn decide(&self, fleet: &FleetName, decided: &Decided) -> PortResult<()>;

    /// Records an event, and with it how the services of a wave stand.
    async fn append(&self, proof: &OpenRollout, seq: u32, event: &Event, result: Option<&WaveResult>)
    -> PortResult<()>;
}

/// The lease of each fleet, to look.
#[async_trait]
pub trait LeaseReader: Send + Sync {
    /// What lies in the lease's place. Read from the source, never from a list that may lag.
    async fn lease(&self, fleet: &FleetName) -> PortResult<LeaseSeen>;

    /// Whether an owner still lives. What cannot be told is unknown, not an error.
    async fn life(&self, owner: &Owner) -> Life;
}

/// The lease of each fleet, to change: one compare-and-set.
#[async_trait]
pub trait LeaseWriter: Send + Sync {
    /// Writes `next` in place of what was found at `seen` (nothing, for the first one ever), and answers where it
    /// is now. A conflict if something else is there by now. An answer that is lost is found again by reading.
    async fn put(&self, seen: Option<&LeaseMark>, next: &LeaseRecord) -> PortResult<LeaseMark>;
}

/// How services are scaled, to look.
#[async_trait]
pub trait ScalingReader: Send + Sync {
    /// The scalable target of each service: none where it has none, an error where it cannot be read. Batched.
    async fn scaling(&self, services: &[Address]) -> BTreeMap<ServiceKey, PortResult<Option<Scaling>>>;
}

/// How services are scaled, to change.
#[async_trait]
pub trait ScalingWriter: Send + Sync {
    /// Sets the least, the most and the three suspend flags of a service's scalable target, all of them.
    async fn set_scaling(&self, service: &Address, scaling: &Scaling) -> PortResult<()>;

    /// Sets how many tasks should run, and nothing else.
    async fn set_desired(&self, service: &Address, desired: u32) -> PortResult<()>;
}

/// Where the requests of a set come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// Whose.
    pub set: SetId,
    /// The host they ask for.
    pub host: String,
    /// Its services behind load balancers.
    pub services: Vec<Address>,
}

/// What load balancers do with requests, to look.
#[async_trait]
pub trait RouteReader: Send + Sync {
    /// What becomes of the requests of each set. Every one has an entry.
    async fn routes(&self, entrances: &[Entrance]) -> BTreeMap<SetId, PortResult<Routes>>;
}

/// What load balancers do with requests, to change: nothing but the order in which rules are asked.
#[async_trait]
pub trait RouteWriter: Send + Sync {
    /// Gives a rule this priority. One that has it already is left as it is, and that is no error.
    async fn set_priority(&self, cell: &CellName, rule: &ClosedRule, priority: u32) -> PortResult<()>;
}

/// Database instances, to look.
#[async_trait]
pub trait DatabaseReader: Send + Sync {
    /// Every database instance of a fleet in these cells.
    async fn databases(&self, fleet: &FleetName, cells: &[CellName]) -> PortResult<Vec<Database>>;
}

/// Database instances, to change. What they hold is not touched.
#[async_trait]
pub trait DatabaseWriter: Send + Sync {
    /// Has one that is stopped started.
    async fn start(&self, database: &Database) -> PortResult<()>;

    /// Has one that is available stopped.
    async fn stop(&self, database: &Database) -> PortResult<()>;
}

/// What is kept of tenants that leave, to look.
#[async_trait]
pub trait ArchiveReader: Send + Sync {
    /// Keys of a tenant's evidence, below its prefix.
    async fn evidence(&self, of: &Holding) -> PortResult<Vec<String>>;

    /// An object of this name in a folder of the archive, with its checksum; none if there is none.
    async fn find(&self, of: &Holding, folder: &str, name: &str) -> PortResult<Option<KeptObject>>;

    /// The bytes of a small object there; none if there is none.
    async fn read(&self, of: &Holding, folder: &str, name: &str) -> PortResult<Option<Vec<u8>>>;

    /// What an object of this name in a folder of the archive has become at the tenant's new place
    /// (`domain::moving::landing`), with its checksum; none if it is not there.
    async fn landed(&self, at: &Holding, folder: &str, name: &str) -> PortResult<Option<KeptObject>>;
}

/// What is kept of tenants that leave, to change; and what they had, to purge.
#[async_trait]
pub trait ArchiveWriter: Send + Sync {
    /// Copies a piece of evidence into a folder of the archive, under this name, and answers the copy's checksum.
    /// Done again, it is the same.
    async fn copy(&self, of: &Holding, key: &str, folder: &str, name: &str) -> PortResult<KeptObject>;

    /// Writes a small object there.
    async fn write(&self, of: &Holding, folder: &str, name: &str, bytes: &[u8]) -> PortResult<()>;

    /// Copies an object of a folder of the archive at one place to where it belongs at another, and answers the copy's
    /// checksum. Done again, it is the same.
    async fn carry(&self, from: &Holding, to: &Holding, folder: &str, name: &str) -> PortResult<KeptObject>;

    /// Deletes every object of a tenant's evidence with all its versions. Done again, it is the same.
    async fn purge(&self, of: &Holding) -> PortResult<()>;
}

/// What was found in the place of a routing snapshot's pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointerSeen {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What tells it from any other that was or will be there.
    pub mark: String,
}

/// Routing snapshots, to look.
#[async_trait]
pub trait SnapshotReader: Send + Sync {
    /// The pointer; none if nothing was ever published there.
    async fn pointer(&self, cell: &CellName, at: &Routing) -> PortResult<Option<PointerSeen>>;

    /// The bytes of an object beside it; none if there is none.
    async fn object(&self, cell: &CellName, at: &Routing, name: &str) -> PortResult<Option<Vec<u8>>>;

    /// What routers have said of themselves there since this time.
    async fn reports(&self, cell: &CellName, at: &Routing, since: Timestamp) -> PortResult<Vec<ReportSeen>>;
}

/// Routing snapshots, to publish.
#[async_trait]
pub trait SnapshotWriter: Send + Sync {
    /// Writes an object that has the hash of its bytes in its name. One that is there stays, and that is no error.
    async fn create(&self, cell: &CellName, at: &Routing, name: &str, bytes: &[u8]) -> PortResult<()>;

    /// Puts the pointer in the place of the one that was seen (of none, the first time). A conflict if another is there
    /// by now. An answer that was lost is found again by reading.
    async fn point(&self, cell: &CellName, at: &Routing, seen: Option<&str>, bytes: &[u8]) -> PortResult<()>;
}

/// What a one-shot task does to a tenant's part of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataWork {
    /// Writes all of it into the archive.
    Dump,
    /// Takes it out of the database, with its user.
    Drop,
    /// Puts what the archive has in the place of whatever is there.
    Restore,
}

/// A one-shot task on a tenant's part of a database: what is looked for, or started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataTask {
    /// Whose part.
    pub of: Holding,
    /// What it does.
    pub work: DataWork,
    /// The folder of the archive.
    pub folder: String,
    /// What makes a second start the same as the first.
    pub token: ContentHash,
    /// Its name, where it is known that it was started.
    pub task: Option<TaskArn>,
}

/// One-shot tasks on databases, to look.
#[async_trait]
pub trait DataTaskReader: Send + Sync {
    /// How it stands.
    async fn seen(&self, task: &DataTask) -> TaskSeen;
}

/// One-shot tasks on databases, to start.
#[async_trait]
pub trait DataTaskWriter: Send + Sync {
    /// Starts it in the network of the service `beside` it. Started again with the same token, it is the task that was
    /// started first.
    async fn start(&self, task: &DataTask, beside: &Address) -> PortResult<TaskArn>;
}

/// Who may do what on the repository.
#[async_trait]
pub trait PeopleReader: Send + Sync {
    /// The person's permission: `admin`, `maintain`, `write`, `triage`, `read` or `none`.
    async fn permission(&self, user: &str) -> PortResult<String>;

    /// Who approved the environments that a workflow run waited for.
    async fn approvers(&self, run: u64) -> PortResult<Vec<Approver>>;
}

/// Somebody who let a workflow run go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// Who.
    pub login: String,
    /// To which environments.
    pub environments: Vec<String>,
}

/// Pull requests and what was merged.
#[async_trait]
pub trait PullReader: Send + Sync {
    /// A pull request as it is now; none if there is none of that number.
    async fn pull(&self, number: u64) -> PortResult<Option<PullRequest>>;

    /// What was merged up to a commit, newest first, without `since` and all that came before it.
    async fn history(&self, until: &CommitSha, since: Option<&CommitSha>) -> PortResult<History>;
}

/// What people are told on pull requests.
#[async_trait]
pub trait PullWriter: Send + Sync {
    /// Puts the one comment of ours under a pull request, in the place of the one that is there. `body` is Markdown, at
    /// most 65,536 characters, GitHub's limit.
    async fn comment(&self, pull: u64, body: &str) -> PortResult<()>;
}

/// What everybody is told about a version that was given for good.
#[async_trait]
pub trait ReleaseWriter: Send + Sync {
    /// Makes the git tag `v<version>` at the commit, and the release with these notes. Does nothing where the release
    /// is there.
    async fn announce(&self, version: &Version, commit: &CommitSha, notes: &str) -> PortResult<()>;
}

/// The time, and waiting for it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Comes back when this much time has passed.
    async fn sleep(&self, time: SignedDuration);
}

/// Whether the process was asked to stop, as a cancelled workflow run asks.
#[async_trait]
pub trait StopSignal: Send + Sync {
    /// Whether it was.
    fn raised(&self) -> bool;

    /// Comes back when it is.
    async fn wait(&self);
}

/// The proof that the intent of a rollout is in the ledger. Only recording it, or finding it recorded, makes
/// one; deploying demands one.
#[derive(Clone, Debug)]
pub struct OpenRollout {
    record: RolloutRecord,
    fence: u64,
}

impl OpenRollout {
    /// Records the intent to carry out a plan, by the holder of the lease with this fencing number.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn begin(
        ledger: &dyn LedgerWriter,
        plan: &Plan,
        by: &Owner,
        approved: Approved,
        fence: u64,
    ) -> PortResult<Self> {
        let intent = Intent {
            fleet: plan.fleet.clone(),
            version: plan.release.version.clone(),
            commit: plan.release.commit.clone(),
            plan: plan.hash(),
            direction: plan.direction.clone(),
            waves: plan.waves.iter().map(|wave| (wave.name.clone(), wave.sets().len())).collect(),
            run: by.run,
            by: Some(by.actor.clone()),
            approved: Some(approved),
        };
        if breaks(Mutant::NoIntent) {
            let record =
                RolloutRecord { id: RolloutId(999), opened_at: Timestamp::UNIX_EPOCH, intent, entries: Vec::new() };
            return Ok(Self { record, fence });
        }
        let record = ledger.open(plan, &intent).await?;
        Ok(Self { record, fence })
    }

    /// Takes up a rollout whose record and plan agree, by the holder of the lease with this fencing number.
    ///
    /// # Errors
    /// The plan is not the recorded one.
    pub fn resume(record: RolloutRecord, plan: &Plan, fence: u64) -> PortResult<Self> {
        if plan.hash() == record.intent.plan || breaks(Mutant::PlanHashIgnored) {
            return Ok(Self { record, fence });
        }
        let doing = format!("taking up rollout {}", record.id.0);
        Err(PortError::new(Fault::Refused, doing, "its plan is not the one that was recorded"))
    }

    /// The token of a one-shot task of this rollout. The rollout is part of it: the same plan may be carried out again
    /// after it has failed, and then its tasks are to run again.
    pub fn token(&self, task: &ServiceKey) -> ContentHash {
        ContentHash::of(format!("{} {} {task}", self.record.intent.plan, self.record.id.0).as_bytes())
    }

    /// The record as it was when the rollout was opened or taken up.
    pub fn record(&self) -> &RolloutRecord {
        &self.record
    }

    /// The fencing number under which changes are sent.
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// The rollout's number.
    pub fn id(&self) -> RolloutId {
        self.record.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_32_a_secret_is_not_shown_by_whatever_holds_it() {
        let password = Secret::new("ghs_0123456789");
        let held = Credentials { user: "AWS".to_owned(), password };
        assert_eq!(format!("{held:?}"), "Credentials { user: \"AWS\", password: *** }");
        assert_eq!(held.password.expose(), "ghs_0123456789");
    }
}
