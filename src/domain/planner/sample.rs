//! A small application to plan for in tests: a control plane, a few tenants with three services each, all of them
//! live on one release, and the next release to plan.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::json;

use super::{Migration, Situation, plan};
use crate::domain::fleet::{Application, Fleet, ServiceSet};
use crate::domain::ids::{ContentHash, ImageDigest, ServiceKey, ServiceName, SetId, Version};
use crate::domain::ledger::{FleetState, ServiceResult, ServiceState};
use crate::domain::manifest::{Source, read};
use crate::domain::plan::{Direction, Plan, Target};
use crate::domain::published::Draft;
use crate::domain::reason::Reason;
use crate::domain::release::{Image, Release};
use crate::domain::snapshot::{FamilySeen, Live, RolloutState, Runs, ServiceSeen, TaskStarts};
use crate::domain::template::Template;
use crate::domain::template_change::{FieldChange, How};

/// Tenants `t00` (tagged `canary`), `t01` and so on are put between these.
const HEAD: &str = r#"
schema: 1
app: shop
domain: shop.example
images: { repository: "shop/{service}" }
services:
  api:    { build: api, port: 8080, health: /healthz }
  search: { build: search, port: 8080, health: /healthz, after: [api] }
  worker: { build: worker, traffic: none, after: [search] }
control_plane:
  services:
    registry: { build: registry, port: 8080, health: /healthz }
cells:
  prod-1: { account: "222222222222", region: eu-west-1, clusters: [prod] }
gates:
  default: { probe: { url: "https://{host}/{service}{health}" } }
fleets:
  prod:
    cells: [prod-1]
    deploy_on: dispatch
    gate: default
    on_failure: rollback-all
"#;

/// What a plan is made of, to be changed at will before one is made.
#[derive(Clone)]
pub(in crate::domain) struct World {
    pub(in crate::domain) app: Application,
    pub(in crate::domain) live: BTreeMap<ServiceKey, ServiceSeen>,
    pub(in crate::domain) templates: BTreeMap<ServiceKey, Template>,
    /// What the templates change of what runs.
    pub(in crate::domain) changes: BTreeMap<ServiceKey, Vec<FieldChange>>,
    /// Tasks that are published of a service.
    pub(in crate::domain) tasks: BTreeMap<ServiceKey, u32>,
    /// Sets whose manifests cannot be used.
    pub(in crate::domain) bad: BTreeMap<SetId, Reason>,
    pub(in crate::domain) families: BTreeMap<ServiceKey, FamilySeen>,
    pub(in crate::domain) migrations: Vec<Migration>,
    pub(in crate::domain) state: FleetState,
    pub(in crate::domain) replaces: Option<Version>,
    pub(in crate::domain) today: Date,
    pub(in crate::domain) release: Release,
    pub(in crate::domain) direction: Direction,
}

impl World {
    /// A fleet of so many tenants in growing waves, all on 1.0.0, and 1.1.0 to plan.
    pub(in crate::domain) fn growing(tenants: usize) -> Self {
        Self::new("    waves: { plan: auto }\n    bake: 5m\n", tenants)
    }

    /// The same in a canary wave and growing ones for the rest.
    pub(in crate::domain) fn with_canary(tenants: usize) -> Self {
        let canary = "      - { name: canary, select: { tag: canary }, bake: 60m }\n";
        Self::new(&format!("    waves:\n{canary}      - {{ name: rest, plan: auto, bake: 5m }}\n"), tenants)
    }

    fn new(waves: &str, tenants: usize) -> Self {
        let entry = |n| match n {
            0 => "    - { id: t00, fleet: prod, tags: [canary] }\n".to_owned(),
            _ => format!("    - {{ id: t{n:02}, fleet: prod }}\n"),
        };
        let entries: String = (0..tenants).map(entry).collect();
        let text = format!("{HEAD}{waves}tenants:\n  entries:\n{entries}");
        let app = read(&[Source { name: "fleet.yaml".to_owned(), bytes: text.into_bytes() }]).unwrap();
        let mut world = Self {
            release: release(&app, "1.1.0"),
            app,
            live: BTreeMap::new(),
            templates: BTreeMap::new(),
            changes: BTreeMap::new(),
            tasks: BTreeMap::new(),
            bad: BTreeMap::new(),
            families: BTreeMap::new(),
            migrations: Vec::new(),
            state: FleetState::default(),
            replaces: Some(version("1.0.0")),
            today: "2026-11-24".parse().unwrap(),
            direction: Direction::Deploy,
        };
        let before = release(&world.app, "1.0.0");
        for key in world.keys() {
            world.templates.insert(key.clone(), template(&key, "256"));
            world.runs(&key, &before);
        }
        world
    }

    pub(in crate::domain) fn plan(&self) -> Result<Plan, Vec<Reason>> {
        let drafts = self.drafts();
        let situation = Situation {
            families: &self.families,
            migrations: &self.migrations,
            app: &self.app,
            fleet: self.fleet(),
            live: &self.live,
            drafts: &drafts,
            state: &self.state,
            replaces: self.replaces.as_ref(),
            today: self.today,
            prove_unchanged: false,
        };
        plan(situation, &self.release, self.direction.clone())
    }

    fn drafts(&self) -> BTreeMap<ServiceKey, Result<Draft, Reason>> {
        let draft = |key: &ServiceKey, template: &Template| match self.bad.get(&key.set) {
            Some(reason) => Err(reason.clone()),
            None => {
                let changes = self.changes.get(key).cloned().unwrap_or_default();
                // What changes comes from outside, else from what runs.
                let published = (!changes.is_empty()).then_some(jiff::Timestamp::UNIX_EPOCH);
                let before = published.map_or_else(|| template.hash(), |_| ContentHash::of(b"before"));
                let tasks = self.tasks.get(key).copied();
                Ok(Draft { template: template.clone(), published, before: Some(before), changes, tasks })
            }
        };
        self.templates.iter().map(|(key, template)| (key.clone(), draft(key, template))).collect()
    }

    pub(in crate::domain) fn fleet(&self) -> &Fleet {
        &self.app.fleets[0]
    }

    pub(in crate::domain) fn fleet_mut(&mut self) -> &mut Fleet {
        &mut self.app.fleets[0]
    }

    pub(in crate::domain) fn set(&mut self, id: &str) -> &mut ServiceSet {
        self.fleet_mut().sets.iter_mut().find(|set| set.id.as_str() == id).unwrap()
    }

    pub(in crate::domain) fn keys(&self) -> Vec<ServiceKey> {
        self.app.services_in(self.fleet()).collect()
    }

    pub(in crate::domain) fn keys_of(&self, set: &SetId) -> Vec<ServiceKey> {
        self.keys().into_iter().filter(|key| &key.set == set).collect()
    }

    /// A service as Terraform makes it: on its placeholder at no task, with no record, and with a number of tasks.
    pub(in crate::domain) fn unborn(&mut self, key: &ServiceKey, tasks: u32) {
        let family = self.app.placeholder(&self.fleet().name, &key.service);
        let arn = format!("arn:aws:ecs:eu-west-1:2:task-definition/{family}:1").parse().unwrap();
        let runs = Runs { task_definition: arn, hash: ContentHash::of(b"placeholder"), digest: None };
        self.live.insert(key.clone(), ServiceSeen::Live(Live { desired: 0, running: 0, ..live(runs) }));
        self.state.services.remove(key);
        self.tasks.insert(key.clone(), tasks);
    }

    /// Lets a service run a release, live and by the records.
    pub(in crate::domain) fn runs(&mut self, key: &ServiceKey, release: &Release) {
        let image = &release.images[&key.service];
        let hash = self.templates[key].render(&key.service, &image.reference()).unwrap().hash;
        let runs = Runs {
            task_definition: format!("arn:aws:ecs:eu-west-1:2:task-definition/{}-{}:1", key.set, key.service)
                .parse()
                .unwrap(),
            hash,
            digest: Some(image.digest.clone()),
        };
        let recorded = Target {
            hash: runs.hash.clone(),
            task_definition: Some(runs.task_definition.clone()),
            template: Some(self.templates[key].hash()),
            digest: runs.digest.clone(),
            version: Some(image.built_as.clone()),
            tasks: None,
        };
        let recorded = ServiceState {
            release: release.version.clone(),
            runs: recorded,
            result: ServiceResult::Live,
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        self.state.services.insert(key.clone(), recorded);
        self.live.insert(key.clone(), ServiceSeen::Live(live(runs)));
    }
}

pub(in crate::domain) fn version(text: &str) -> Version {
    text.parse().unwrap()
}

pub(in crate::domain) fn key(text: &str) -> ServiceKey {
    ServiceKey::try_from(text.to_owned()).unwrap()
}

pub(in crate::domain) fn digest(text: &str) -> ImageDigest {
    format!("sha256:{}", ContentHash::of(text.as_bytes())).parse().unwrap()
}

/// A release in which every service has an image of its own.
pub(in crate::domain) fn release(app: &Application, text: &str) -> Release {
    let image = |service: &ServiceName| Image {
        repository: app.repository(service),
        digest: digest(&format!("{service} {text}")),
        content: ContentHash::of(format!("{service} {text}").as_bytes()),
        built_as: version(text),
        class: None,
    };
    Release {
        version: version(text),
        commit: "a".repeat(40).parse().unwrap(),
        images: app.all_services().map(|service| (service.name.clone(), image(&service.name))).collect(),
    }
}

pub(in crate::domain) fn template(key: &ServiceKey, cpu: &str) -> Template {
    let definition = json!({
        "family": format!("shop-prod-{}-{}", key.set, key.service), "cpu": cpu,
        "containerDefinitions": [{"name": key.service, "image": "x"}],
    });
    Template::from_task_definition(&definition, &key.service).unwrap()
}

/// Terraform gives a service more memory.
pub(super) fn more_memory() -> Vec<FieldChange> {
    vec![FieldChange { field: "memory".to_owned(), how: How::FromTo("512".to_owned(), "1024".to_owned()) }]
}

fn live(runs: Runs) -> Live {
    Live {
        runs,
        deployment: "ecs-svc/1".parse().unwrap(),
        began: jiff::Timestamp::UNIX_EPOCH,
        rollout: RolloutState::Completed,
        desired: 2,
        running: 2,
        failed_tasks: 0,
        starts: TaskStarts::default(),
        failed: Vec::new(),
    }
}
