//! The port to what Terraform publishes, on the simulated world. Manifests are kept as the bytes that S3 would have, and
//! read as the real ones are.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Sim;
use super::world::World;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{ContentHash, ServiceKey, ServiceName, SetId, TaskDefinitionArn};
use crate::domain::object_name::ObjectName;
use crate::domain::published::{MANIFEST_SCHEMA, PublishedSeen, Wanted, wanted};
use crate::domain::template::{HASH_TAG, PUBLISHED_TAG, Revision, TEMPLATE_TAG, Template};
use crate::ports::{ManifestReader, PortResult};

/// One manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SimManifest {
    /// When it was written.
    at: Timestamp,
    /// What is in it.
    body: String,
}

#[async_trait]
impl ManifestReader for Sim {
    async fn published(&self, sets: &[Wanted]) -> BTreeMap<SetId, PublishedSeen> {
        let mut world = self.world();
        sets.iter().map(|set| (set.set.clone(), world.read_manifest(set))).collect()
    }

    async fn template(
        &self,
        set: &Wanted,
        service: &ServiceName,
        hash: &ContentHash,
    ) -> PortResult<Option<(Template, Timestamp)>> {
        let PublishedSeen::Is(published) = self.world().read_manifest(set) else { return Ok(None) };
        let template = published.templates.get(service).filter(|template| template.hash() == *hash);
        Ok(template.map(|template| (template.clone(), published.at)))
    }
}

impl World {
    /// A task definition with the tags that the real registration puts on it.
    pub(super) fn revision(&self, arn: &TaskDefinitionArn) -> Option<Revision> {
        let definition = self.task_definitions.get(arn)?.clone();
        let mut tags = BTreeMap::new();
        if let Some(at) = self.made_from.get(arn) {
            let service = definition.pointer("/containerDefinitions/0/name").and_then(Value::as_str)?.parse().ok()?;
            let template = Template::from_task_definition(&definition, &service).ok()?;
            tags.insert(HASH_TAG.to_owned(), ContentHash::of_json(&definition).to_string());
            tags.insert(TEMPLATE_TAG.to_owned(), template.hash().to_string());
            tags.insert(PUBLISHED_TAG.to_owned(), at.to_string());
        }
        Some(Revision { definition, tags })
    }

    fn read_manifest(&mut self, set: &Wanted) -> PublishedSeen {
        self.count("S3 GetObject");
        match self.manifests.get(&place(&set.object)) {
            Some(manifest) => set.read(manifest.body.as_bytes(), manifest.at),
            None => PublishedSeen::Bad { why: "there is none".to_owned() },
        }
    }

    /// Terraform publishes every service of the fleet that is in no manifest yet, as it runs.
    pub(super) fn publish_new(&mut self, app: &Application, fleet: &Fleet) {
        for set in &fleet.sets {
            let Some(wanted) = wanted(app, fleet, &set.id) else { continue };
            let known = self.manifests.get(&place(&wanted.object));
            let known = known.and_then(|known| serde_json::from_str::<Value>(&known.body).ok());
            let mut services: Map<String, Value> =
                known.and_then(|known| known.get("services")?.as_object().cloned()).unwrap_or_default();
            let before = services.len();
            for service in app.services_of(&set.id) {
                if services.contains_key(service.name.as_str()) {
                    continue;
                }
                let family = app.ecs_name(&fleet.name, &ServiceKey::new(&set.id, &service.name));
                let runs = self.newest(&family).and_then(|newest| self.task_definitions.get(newest));
                let template = runs.and_then(|runs| Template::from_task_definition(runs, &service.name).ok());
                let Some(template) = template else { continue };
                let kind = if service.role.is_task() { "task" } else { "service" };
                services.insert(service.name.to_string(), entry(kind, &service.name, &family, template.fields()));
            }
            if services.len() == before {
                continue;
            }
            let cell = app.cells.get(&set.cell);
            let body = json!({
                "schema": MANIFEST_SCHEMA, "app": app.name, "fleet": fleet.name, "set": set.id, "cluster": set.cluster,
                "account": cell.map(|cell| &cell.account), "region": cell.map(|cell| &cell.region), "services": services,
            });
            self.manifests.insert(place(&wanted.object), SimManifest { at: self.now, body: body.to_string() });
        }
    }

    /// Writes the manifest of a set anew.
    #[cfg(test)]
    pub(crate) fn edit_manifest(
        &mut self,
        fleet: &crate::domain::ids::FleetName,
        set: &SetId,
        edit: impl Fn(&mut Value),
    ) {
        let at = self.now;
        for manifest in self.manifests.values_mut() {
            let mut body: Value = serde_json::from_str(&manifest.body).unwrap_or_default();
            if body["fleet"] == fleet.as_str() && body["set"] == set.as_str() {
                edit(&mut body);
                *manifest = SimManifest { at, body: body.to_string() };
            }
        }
    }

    /// Terraform changes a field of the task definition of these services and publishes their manifests anew. Nothing
    /// runs on them by that. Answers how many templates there are.
    pub fn change_templates(
        &mut self,
        app: &Application,
        fleet: &Fleet,
        services: impl Fn(&ServiceKey) -> bool,
        field: &str,
        value: &Value,
    ) -> usize {
        let (now, mut changed) = (self.now, 0);
        for set in &fleet.sets {
            let Some(wanted) = wanted(app, fleet, &set.id) else { continue };
            let Some(manifest) = self.manifests.get_mut(&place(&wanted.object)) else { continue };
            let Ok(mut body) = serde_json::from_str::<Value>(&manifest.body) else { continue };
            for service in app.services_of(&set.id) {
                let key = ServiceKey::new(&set.id, &service.name);
                let Some(entry) = body["services"].get_mut(service.name.as_str()).filter(|_| services(&key)) else {
                    continue;
                };
                let text = entry["template"]["body"].as_str().unwrap_or_default();
                let mut template: Value = serde_json::from_str(text).unwrap_or_default();
                template[field] = value.clone();
                entry["template"] = template_of(&template);
                changed += 1;
            }
            *manifest = SimManifest { at: now, body: body.to_string() };
        }
        changed
    }
}

fn entry(kind: &str, service: &ServiceName, family: &str, template: &Value) -> Value {
    let scaling = if kind == "task" { Value::Null } else { json!({"min": 2, "max": 6}) };
    json!({"kind": kind, "family": family, "container": service, "template": template_of(template), "scaling": scaling})
}

fn template_of(template: &Value) -> Value {
    let body = template.to_string();
    json!({"sha256": ContentHash::of(body.as_bytes()), "body": body})
}

fn place(object: &ObjectName) -> String {
    format!("{}/{}", object.bucket, object.key)
}
