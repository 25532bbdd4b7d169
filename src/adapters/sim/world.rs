//! What the simulated world consists of.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::archive::SimDataTask;
use super::databases::SimDatabase;
use super::manifest::SimManifest;
use super::registry::StoredImage;
use super::service::{Fault, SimService};
use super::task::SimTask;
use super::traffic::Traffic;
use crate::domain::directive::Decided;
use crate::domain::fleet::{Address, Application, Fleet, SetState};
use crate::domain::gate::WaveReport;
use crate::domain::ids::{
    CellName, ContentHash, DeploymentId, FleetName, ImageDigest, ServiceKey, ServiceName, TaskDefinitionArn, Version,
};
use crate::domain::lease::{LeaseRecord, Owner};
use crate::domain::ledger::{FleetState, RolloutId, RolloutRecord};
use crate::domain::merged::PullRequest;
use crate::domain::plan::Plan;
use crate::domain::release::Release;
use crate::domain::template::{Template, digest_in};
use crate::ports::Approver;

/// Everything there is, as one value.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct World {
    /// The time.
    pub now: Timestamp,
    /// Revision of each source folder; a commit that touches it counts up.
    pub revisions: BTreeMap<String, u32>,
    /// What an image built from a folder's present revision will do wrong.
    pub faults: BTreeMap<String, Vec<Fault>>,
    /// Images by repository.
    pub(super) images: BTreeMap<String, Vec<StoredImage>>,
    /// Services by fleet and key.
    pub(super) services: BTreeMap<String, SimService>,
    /// One-shot tasks that were started, oldest first.
    #[serde(default)]
    pub(super) tasks: Vec<SimTask>,
    /// Task definitions as ECS describes them.
    pub(super) task_definitions: BTreeMap<TaskDefinitionArn, Value>,
    /// When the template of a task definition was published, where it was.
    #[serde(default)]
    pub(super) made_from: BTreeMap<TaskDefinitionArn, Timestamp>,
    /// Manifests of service sets by place.
    #[serde(default)]
    pub(super) manifests: BTreeMap<String, SimManifest>,
    /// The cell in which each set, by fleet and set, was first. Its services there go by their names in ECS alone.
    #[serde(default)]
    pub(super) first_cells: BTreeMap<String, CellName>,
    /// The cell in which fleet.yaml has each set, by fleet and set.
    #[serde(default)]
    pub(super) cells: BTreeMap<String, CellName>,
    /// Where the routing snapshot of a fleet lies, as bucket and prefix.
    #[serde(default)]
    pub(super) snapshots: BTreeMap<FleetName, String>,
    /// Which fleet a host belongs to.
    pub(super) hosts: BTreeMap<String, FleetName>,
    /// Priorities of the rules that answer 503, by fleet and set.
    #[serde(default)]
    pub(super) rules: BTreeMap<String, u32>,
    /// Database instances by name.
    #[serde(default)]
    pub(super) databases: BTreeMap<String, SimDatabase>,
    /// Objects of S3 by bucket and key.
    #[serde(default)]
    pub(super) objects: BTreeMap<String, Vec<u8>>,
    /// The newest generation that edge routers take in; any, if none is said.
    #[serde(default)]
    pub routers_follow_to: Option<u64>,
    /// What each tenant has in a database, by cell and tenant, where it is not what everybody has at first.
    #[serde(default)]
    pub(super) rows: BTreeMap<String, Vec<u8>>,
    /// What copies of objects do wrong: how many are spoilt from now on.
    #[serde(default)]
    pub(super) spoilt_copies: u32,
    /// Tasks on databases that were started, by token.
    #[serde(default)]
    pub(super) data_tasks: BTreeMap<ContentHash, SimDataTask>,
    /// Permissions.
    pub people: BTreeMap<String, String>,
    /// Who approves whatever run there is.
    #[serde(skip)]
    pub approvers: Vec<Approver>,
    /// Pull requests by number.
    #[serde(default)]
    pub(super) pulls: BTreeMap<u64, PullRequest>,
    /// Our comment on each pull request.
    #[serde(default)]
    pub comments: BTreeMap<u64, String>,
    /// Versions that everybody was told of, with their notes.
    #[serde(default)]
    pub announced: BTreeMap<Version, String>,
    /// Releases by version.
    pub(super) releases: BTreeMap<Version, Release>,
    /// Versions that were given for good, and to which release.
    pub(super) finals: BTreeMap<Version, Version>,
    /// Plans by hash.
    pub(super) plans: BTreeMap<ContentHash, Plan>,
    /// Rollouts, oldest first.
    pub(super) rollouts: Vec<RolloutRecord>,
    /// What each fleet runs by the records.
    pub(super) states: BTreeMap<FleetName, FleetState>,
    /// What gates found, by rollout.
    #[serde(default)]
    pub(super) findings: BTreeMap<RolloutId, Vec<WaveReport>>,
    /// What people decided about each fleet, oldest first.
    #[serde(default)]
    pub(super) decided: BTreeMap<FleetName, Vec<Decided>>,
    /// The lease of each fleet.
    #[serde(default)]
    pub(super) leases: BTreeMap<FleetName, LeaseRecord>,
    /// What comes in, where nothing else is said.
    #[serde(default)]
    pub traffic: Traffic,
    /// What comes in at single services, by their names in ECS.
    #[serde(default)]
    pub traffic_of: BTreeMap<String, Traffic>,
    /// Whether a service's alarm rings while its image fails some of its requests.
    #[serde(default)]
    pub alarm_on_errors: bool,
    /// Names of alarms that ring.
    #[serde(default)]
    pub ringing: BTreeSet<String>,
    /// Calls by name, to show what a rollout costs.
    pub calls: BTreeMap<String, u64>,
    /// Who is known to live. Everybody else has ended: every command runs to its end before the next one begins.
    #[serde(skip)]
    pub living: Vec<Owner>,
    /// Numbers given out.
    counter: u64,
    /// Name of the application, the first part of every service's name.
    #[serde(default)]
    app: String,
    /// What was found out about task definitions, which never change.
    #[serde(skip)]
    known: RefCell<BTreeMap<TaskDefinitionArn, Known>>,
}

/// What a task definition runs.
#[derive(Clone, Debug)]
struct Known {
    hash: Option<ContentHash>,
    digest: Option<ImageDigest>,
}

impl World {
    /// A world in which everything runs an image from before there were records.
    pub(super) fn new(application: &Application, now: Timestamp) -> Self {
        let mut world = Self { now, ..Self::default() };
        world.take_in(application);
        world
    }

    /// Gives every service of the file that is not there yet its place, on an image from before.
    pub(crate) fn take_in(&mut self, application: &Application) {
        self.app = application.name.to_string();
        for fleet in &application.fleets {
            self.hosts.extend(fleet.sets.iter().map(|set| (set.host.clone(), fleet.name.clone())));
            for set in &fleet.sets {
                let name = format!("{}/{}", fleet.name, set.id);
                self.first_cells.entry(name.clone()).or_insert_with(|| set.cell.clone());
                self.cells.insert(name, set.cell.clone());
            }
            if let Some(routing) = &fleet.routing {
                self.snapshots.insert(fleet.name.clone(), format!("{}/{}", routing.bucket, routing.prefix));
            }
            self.surround(fleet);
            for key in application.services_in(fleet) {
                let name = application.ecs_name(&fleet.name, &key);
                let place = fleet.set(&key.set).map(|set| self.placed(&fleet.name, &key.set, &set.cell, &name));
                if let Some(place) = place.filter(|place| !self.services.contains_key(place)) {
                    let service = self.first_service(application, fleet, &key, &name);
                    self.services.insert(place, service);
                }
            }
            self.make_second_places(application, fleet);
            for key in application.tasks_in(fleet) {
                let name = application.ecs_name(&fleet.name, &key);
                if self.newest(&name).is_none() {
                    self.first_revision(application, fleet, &key, &name);
                }
            }
            self.publish_new(application, fleet);
        }
    }

    fn first_service(&mut self, app: &Application, fleet: &Fleet, key: &ServiceKey, name: &str) -> SimService {
        let arn = self.first_revision(app, fleet, key, name);
        let paused = fleet.set(&key.set).is_some_and(|set| set.state == SetState::Paused);
        let deployment = self.next_deployment();
        SimService::steady(fleet.name.clone(), key.clone(), arn, deployment, if paused { 0 } else { 2 })
    }

    /// A task definition with an image from before there were records.
    fn first_revision(&mut self, app: &Application, fleet: &Fleet, key: &ServiceKey, name: &str) -> TaskDefinitionArn {
        let before = Version::unrecorded();
        let repository = app.repository(&key.service);
        let digest = digest_of(&format!("{repository} {before}"));
        if !self.images.entry(repository.clone()).or_default().iter().any(|image| image.digest == digest) {
            let image = StoredImage { digest: digest.clone(), tags: Vec::new(), built_as: before, faults: Vec::new() };
            self.images.entry(repository.clone()).or_default().push(image);
        }
        let definition = json!({
            "family": name, "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "containerDefinitions": [{"name": key.service, "image": format!("{repository}@{digest}"), "essential": true}],
        });
        self.add_task_definition(app, fleet, name, definition)
    }

    fn add_task_definition(
        &mut self,
        app: &Application,
        fleet: &Fleet,
        name: &str,
        definition: Value,
    ) -> TaskDefinitionArn {
        let cell = fleet.sets.first().and_then(|set| app.cells.get(&set.cell));
        let (region, account) = cell.map_or(("eu-west-1", "000000000000"), |c| (c.region.as_str(), c.account.as_str()));
        self.register(&format!("arn:aws:ecs:{region}:{account}:task-definition/{name}"), definition)
    }

    /// Stores a revision under the next free number of its family, `prefix` being the ARN up to the family.
    pub(super) fn register(&mut self, prefix: &str, definition: Value) -> TaskDefinitionArn {
        let arn = revision(prefix, 1 + self.revisions_of(prefix).count());
        self.task_definitions.insert(arn.clone(), definition);
        arn
    }

    /// The revisions of a family, `prefix` being the ARN up to it.
    pub(super) fn revisions_of(&self, prefix: &str) -> impl Iterator<Item = &TaskDefinitionArn> {
        let belongs = move |arn: &&TaskDefinitionArn| arn.as_str().rsplit_once(':').is_some_and(|(p, _)| p == prefix);
        self.task_definitions.range(revision(prefix, 0)..).map(|(arn, _)| arn).take_while(belongs)
    }

    /// A deployment id nobody has yet.
    pub(super) fn next_deployment(&mut self) -> DeploymentId {
        let text = format!("ecs-svc/{:019}", self.next_number());
        text.parse().unwrap_or_else(|bad| unreachable!("{bad}"))
    }

    /// A number nobody has yet.
    pub(super) fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Counts a call.
    pub(super) fn count(&mut self, call: &str) {
        match self.calls.get_mut(call) {
            Some(count) => *count += 1,
            None => drop(self.calls.insert(call.to_owned(), 1)),
        }
    }

    /// The image a task definition runs for a service.
    pub(super) fn image(&self, arn: &TaskDefinitionArn, service: &ServiceName) -> Option<&StoredImage> {
        let digest = self.digest_of(arn, service)?;
        self.images.values().flatten().find(|image| image.digest == digest)
    }

    /// Hash of a task definition, as the planner makes it.
    pub(super) fn hash(&self, arn: &TaskDefinitionArn, service: &ServiceName) -> Option<ContentHash> {
        self.known(arn, service, |known| known.hash.clone())
    }

    /// Digest of the image that a task definition runs for a service.
    pub(super) fn digest_of(&self, arn: &TaskDefinitionArn, service: &ServiceName) -> Option<ImageDigest> {
        self.known(arn, service, |known| known.digest.clone())
    }

    fn known<T>(&self, arn: &TaskDefinitionArn, service: &ServiceName, of: impl Fn(&Known) -> Option<T>) -> Option<T> {
        let mut all = self.known.borrow_mut();
        if let Some(known) = all.get(arn) {
            return of(known);
        }
        let definition = self.task_definitions.get(arn)?;
        let image = definition["containerDefinitions"][0]["image"].as_str()?;
        let rendered = Template::from_task_definition(definition, service).ok()?.render(service, image).ok();
        let known = Known { hash: rendered.map(|rendered| rendered.hash), digest: digest_in(definition, service) };
        let asked = of(&known);
        all.insert(arn.clone(), known);
        asked
    }

    /// A commit that touches these folders; what is built from them from now on behaves as `faults` say.
    pub fn commit(&mut self, folders: &[(&str, &[Fault])]) {
        for (folder, faults) in folders {
            *self.revisions.entry((*folder).to_owned()).or_default() += 1;
            self.faults.insert((*folder).to_owned(), faults.to_vec());
        }
    }

    /// Lets a service have this many tasks.
    pub fn scale(&mut self, at: &Address, desired: u32) {
        if let Some(service) = self.service_mut(at) {
            service.desired = desired;
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, time: SignedDuration) {
        self.now = self.now.saturating_add(time).unwrap_or(Timestamp::MAX);
    }

    /// The version that a service answers on this host right now; none if it does not answer well.
    pub fn answers(&self, host: &str, key: &ServiceKey) -> Option<Version> {
        let fleet = self.hosts.get(host)?;
        let cell = self.leads_to(host, fleet, key)?;
        let service = self.services.get(&self.placed(fleet, &key.set, &cell, &self.name_of(fleet, key)))?;
        let image = self.image(service.serving(self), &key.service)?;
        let well = !image.faults.iter().any(|fault| fault.breaks_answers(fleet, key));
        let reached = self.is_reached_at(host, (fleet, &cell), key) && self.has_its_databases(fleet, &key.set, &cell);
        (well && reached && service.desired > 0).then(|| image.built_as.clone())
    }

    /// Name of the application.
    pub(super) fn app_name(&self) -> &str {
        &self.app
    }

    /// Name of a service in ECS.
    pub(super) fn name_of(&self, fleet: &FleetName, key: &ServiceKey) -> String {
        format!("{}-{fleet}-{}-{}", self.app, key.set, key.service)
    }

    /// The digest with which the simulated registry stores these bytes.
    pub(super) fn digest(text: &str) -> ImageDigest {
        digest_of(text)
    }
}

fn revision(prefix: &str, number: usize) -> TaskDefinitionArn {
    format!("{prefix}:{number}").parse().unwrap_or_else(|bad| unreachable!("{bad}"))
}

fn digest_of(text: &str) -> ImageDigest {
    let hash = ContentHash::of(text.as_bytes());
    format!("sha256:{hash}").parse().unwrap_or_else(|bad| unreachable!("{bad}"))
}
