//! What the simulated world really is, and what people and ECS do to it beside us: for tests that judge the engine
//! by the truth and not by what it was told.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::World;
use super::service::{Fault, FaultKind, SimService, begin};
use crate::domain::directive::{Decided, Directives, Scaling};
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{
    CellName, ContentHash, FleetName, ImageDigest, ServiceKey, ServiceName, SetId, TaskDefinitionArn, Version,
};
use crate::domain::lease::LeaseRecord;
use crate::domain::ledger::{FleetState, RolloutRecord};
use crate::domain::plan::Plan;

impl World {
    /// Hash of what a service's PRIMARY deployment runs.
    pub(crate) fn primary(&self, fleet: &FleetName, key: &ServiceKey) -> Option<ContentHash> {
        let service = self.services.get(&self.name_of(fleet, key))?;
        self.hash(&service.primary.task_definition, &key.service)
    }

    /// Hash of a task definition.
    pub(crate) fn hash_of(&self, arn: &TaskDefinitionArn, service: &ServiceName) -> Option<ContentHash> {
        self.hash(arn, service)
    }

    /// What an image does wrong to a service.
    pub(crate) fn flaw_of(&self, fleet: &FleetName, key: &ServiceKey, digest: &ImageDigest) -> Option<FaultKind> {
        let image = self.images.values().flatten().find(|image| &image.digest == digest)?;
        image.faults.iter().find(|fault| fault.applies(fleet, key)).map(|fault| fault.kind)
    }

    /// From now on the image of this digest does these things wrong.
    pub(crate) fn break_image(&mut self, digest: &ImageDigest, flaws: &[Fault]) {
        for image in self.images.values_mut().flatten().filter(|image| &image.digest == digest) {
            image.faults = flaws.to_vec();
        }
    }

    /// How many tasks each service of a set should have.
    pub(crate) fn tasks_wanted(&self, fleet: &FleetName, set: &SetId) -> Vec<u32> {
        let of_set = self.services.values().filter(|service| &service.fleet == fleet && &service.key.set == set);
        of_set.map(|service| service.desired).collect()
    }

    /// What pausing changes and resuming must restore: tasks, autoscaling, rules, and which databases are on.
    pub(crate) fn surroundings(&self, fleet: &FleetName) -> String {
        let of_fleet = self.services.values().filter(|service| &service.fleet == fleet);
        let services: Vec<_> = of_fleet.map(|service| (&service.key, service.desired, service.scaling)).collect();
        let rules: Vec<_> = self.rules.iter().filter(|(name, _)| name.starts_with(&format!("{fleet}/"))).collect();
        format!("{services:?} {rules:?} {}", self.databases_on(fleet))
    }

    /// Every object of S3.
    pub(crate) fn objects(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.objects
    }

    /// Spoils an object of S3.
    pub(crate) fn spoil(&mut self, place: &str) {
        self.objects.insert(place.to_owned(), b"spoilt".to_vec());
    }

    /// What every service of a fleet runs.
    pub(crate) fn what_runs(&self, fleet: &FleetName) -> String {
        let of_fleet = self.services.values().filter(|service| &service.fleet == fleet);
        let runs: Vec<_> = of_fleet.map(|service| (&service.key, self.primary(fleet, &service.key))).collect();
        format!("{runs:?}")
    }

    /// Whether every database of a fleet answers.
    pub(crate) fn databases_on(&self, fleet: &FleetName) -> bool {
        self.databases.values().filter(|database| database.is_of(fleet)).all(|database| database.answers(self.now))
    }

    /// The rollouts, oldest first.
    pub(crate) fn records(&self) -> &[RolloutRecord] {
        &self.rollouts
    }

    /// The plans.
    pub(crate) fn plans(&self) -> &BTreeMap<ContentHash, Plan> {
        &self.plans
    }

    /// A fleet's lease.
    pub(crate) fn lease_of(&self, fleet: &FleetName) -> Option<&LeaseRecord> {
        self.leases.get(fleet)
    }

    /// What a fleet runs by the records.
    pub(crate) fn state_of(&self, fleet: &FleetName) -> Option<&FleetState> {
        self.states.get(fleet)
    }

    /// Versions that were given for good.
    pub(crate) fn given(&self) -> &BTreeMap<Version, Version> {
        &self.finals
    }

    /// Whether a fleet is on hold.
    pub(crate) fn is_on_hold(&self, fleet: &FleetName) -> bool {
        Directives::fold(self.decided.get(fleet).into_iter().flatten()).hold.is_some()
    }

    /// How many decisions people have made about a fleet.
    pub(crate) fn decisions(&self, fleet: &FleetName) -> u32 {
        self.decided.get(fleet).and_then(|decided| decided.last()).map_or(0, |last| last.seq)
    }

    /// Somebody decides something.
    pub(crate) fn decide_by_hand(&mut self, fleet: &FleetName, decided: Decided) {
        self.decided.entry(fleet.clone()).or_default().push(decided);
    }

    /// Somebody deploys something else by hand.
    pub(crate) fn change_by_hand(&mut self, fleet: &FleetName, key: &ServiceKey) {
        let name = self.name_of(fleet, key);
        let Some(current) = self.services.get(&name).map(|service| service.primary.task_definition.clone()) else {
            return;
        };
        let Some(mut definition) = self.task_definitions.get(&current).cloned() else { return };
        definition["cpu"] = Value::from("1024");
        let prefix = current.as_str().rsplit_once(':').map_or(current.as_str(), |(prefix, _)| prefix).to_owned();
        let foreign = self.register(&prefix, definition);
        let (id, now) = (self.next_deployment(), self.now);
        if let Some(service) = self.services.get_mut(&name) {
            service.primary = begin(key, &foreign, id, now);
        }
    }

    /// Terraform publishes another template for a service.
    pub(crate) fn publish_by_hand(&mut self, fleet: &FleetName, key: &ServiceKey) {
        let memory = Value::from((1000 + self.next_number()).to_string());
        self.edit_manifest(fleet, &key.set, |body| {
            let template = &mut body["services"][key.service.as_str()]["template"];
            let mut fields: Value = serde_json::from_str(template["body"].as_str().unwrap()).unwrap();
            fields["memory"] = memory.clone();
            template["sha256"] = Value::from(ContentHash::of(fields.to_string().as_bytes()).to_string());
            template["body"] = Value::from(fields.to_string());
        });
    }

    /// Somebody has the service deployed again as it is: a second deployment beside the one that was there.
    pub(crate) fn redeploy_by_hand(&mut self, fleet: &FleetName, key: &ServiceKey) {
        let (name, id, now) = (self.name_of(fleet, key), self.next_deployment(), self.now);
        if let Some(service) = self.services.get_mut(&name) {
            let same = service.primary.task_definition.clone();
            service.primary = begin(key, &same, id, now);
        }
    }

    /// Somebody scales the service.
    pub(crate) fn scale_by_hand(&mut self, fleet: &FleetName, key: &ServiceKey, desired: u32) {
        let name = self.name_of(fleet, key);
        if let Some(service) = self.services.get_mut(&name) {
            service.desired = desired;
        }
    }

    /// The services of these sets are as Terraform makes them: on their placeholders, at no task.
    pub(crate) fn bear(&mut self, app: &Application, fleet: &Fleet, sets: &[SetId]) {
        for key in app.services_in(fleet).filter(|key| sets.contains(&key.set)) {
            let name = app.ecs_name(&fleet.name, &key);
            let family = app.placeholder(&fleet.name, &key.service);
            let Some(known) = self.services.get(&name).map(|service| service.primary.task_definition.clone()) else {
                continue;
            };
            let prefix = known.as_str().replace(known.family_and_revision(), &family);
            let container = json!({"name": key.service, "image": "busybox:1.37", "essential": true});
            let definition = json!({"family": family, "containerDefinitions": [container]});
            let placeholder = self.register(&prefix, definition);
            let id = self.next_deployment();
            let mut service = SimService::steady(fleet.name.clone(), key.clone(), placeholder, id, 0);
            service.scaling =
                Some(Scaling { min: 0, max: 6, in_suspended: false, out_suspended: false, scheduled_suspended: false });
            self.services.insert(name, service);
        }
    }

    /// Digest of the image that a service runs where it was first.
    pub(crate) fn digest_at(&self, fleet: &FleetName, key: &ServiceKey) -> Option<ImageDigest> {
        let service = self.services.get(&self.name_of(fleet, key))?;
        self.digest_of(&service.primary.task_definition, &key.service)
    }

    /// How many tasks a service wants in a cell; none if it is not there.
    pub(crate) fn tasks_at(&self, fleet: &FleetName, key: &ServiceKey, cell: &CellName) -> Option<u32> {
        let place = self.placed(fleet, &key.set, cell, &self.name_of(fleet, key));
        self.services.get(&place).map(|service| service.desired)
    }

    /// How many tasks a service wants, and how many autoscaling keeps at least.
    pub(crate) fn tasks_of(&self, fleet: &FleetName, key: &ServiceKey) -> Option<(u32, Option<u32>)> {
        let service = self.services.get(&self.name_of(fleet, key))?;
        Some((service.desired, service.scaling.map(|scaling| scaling.min)))
    }

    /// The service is deleted: ECS calls it INACTIVE, and then does not know it.
    pub(crate) fn delete_by_hand(&mut self, fleet: &FleetName, key: &ServiceKey) {
        let name = self.name_of(fleet, key);
        self.services.remove(&name);
    }
}
