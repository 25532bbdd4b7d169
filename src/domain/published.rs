//! What Terraform publishes of a service set for the release tool: its manifest, one object a set, with the templates of
//! its task definitions in it (`schema/tenant-manifest.schema.json`, `infra/stack/service-set`).
//!
//! It says what containers may be and run as, so it is taken whole or not at all: of this set, of a version that is
//! understood, every template with the hash that stands beside it. What is not so is a problem in words.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::fleet::{Application, Fleet};
use super::ids::{CellName, ContentHash, ServiceKey, ServiceName, SetId};
use super::object_name::ObjectName;
use super::template::{PLACEHOLDER, Revision, Template};
use super::template_change::{FieldChange, differences};

/// Version of manifests that is read.
pub const MANIFEST_SCHEMA: u64 = 1;

/// Longest manifest that is read, in bytes. Terraform refuses to write a longer one (`infra/stack/service-set`).
pub const MANIFEST_BYTES_MAX: usize = 512 * 1024;

/// A set whose manifest is wanted, and what that must say of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The set.
    pub set: SetId,
    /// Its cell.
    pub cell: CellName,
    /// Where the manifest is.
    pub object: ObjectName,
    /// Its application, fleet, account, Region and cluster, as the manifest calls them.
    identity: [(&'static str, String); 6],
    /// For each service its family, and whether it is a one-shot task.
    services: BTreeMap<ServiceName, (String, bool)>,
}

/// What is published of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// When, by S3's clock.
    pub at: Timestamp,
    /// The template of every service and task of the set.
    pub templates: BTreeMap<ServiceName, Template>,
    /// Tasks that each service has at least; what its first release starts.
    pub tasks: BTreeMap<ServiceName, u32>,
}

/// A set's manifest as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishedSeen {
    /// It is there, and whole.
    Is(Published),
    /// It is not as it must be, or not there at all.
    Bad {
        /// What is wrong with it, all of it.
        why: String,
    },
    /// It could not be read.
    Unreachable {
        /// Why.
        why: String,
    },
}

/// What a service's next task definition is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The template.
    pub template: Template,
    /// When it was published; none where it is taken from what runs.
    pub published: Option<Timestamp>,
    /// Hash of the template that what runs was made from; none where that is not known.
    pub before: Option<ContentHash>,
    /// What it changes of what runs, but for the image.
    pub changes: Vec<FieldChange>,
    /// Tasks that its first release starts; none where nothing is published, and of a one-shot task.
    pub tasks: Option<u32>,
}

/// The manifest of a set; none where its cell names no place for manifests, so that what runs is what templates are
/// taken from.
pub fn wanted(app: &Application, fleet: &Fleet, set: &SetId) -> Option<Wanted> {
    let (of, graph) = (fleet.set(set)?, app.graph_of(set)?);
    let cell = app.cells.get(&of.cell)?;
    let object = ObjectName::of(cell.manifest.as_deref()?, &fleet.name, set)?;
    let family = |service: &ServiceName| app.ecs_name(&fleet.name, &ServiceKey::new(set, service));
    Some(Wanted {
        set: set.clone(),
        cell: of.cell.clone(),
        object,
        identity: [
            ("app", app.name.to_string()),
            ("fleet", fleet.name.to_string()),
            ("set", set.to_string()),
            ("account", cell.account.clone()),
            ("region", cell.region.clone()),
            ("cluster", of.cluster.clone()),
        ],
        services: graph
            .iter()
            .map(|service| (service.name.clone(), (family(&service.name), service.role.is_task())))
            .collect(),
    })
}

/// By service, what is taken from a manifest.
type Templates = BTreeMap<ServiceName, Template>;
type Tasks = BTreeMap<ServiceName, u32>;

/// The fields of a manifest that are read here. What else it has is for others.
#[derive(Deserialize)]
struct Manifest {
    app: String,
    fleet: String,
    set: String,
    account: String,
    region: String,
    cluster: String,
    services: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    kind: String,
    family: String,
    container: String,
    template: Body,
    // Null for a one-shot task, and never left out: a key that is damaged must not look like a service without a count.
    #[serde(deserialize_with = "Option::deserialize")]
    scaling: Option<Range>,
}

#[derive(Deserialize)]
struct Range {
    min: u32,
}

#[derive(Deserialize)]
struct Body {
    body: String,
    sha256: String,
}

impl Wanted {
    /// Reads a manifest of this set that was published at `at`.
    pub fn read(&self, bytes: &[u8], at: Timestamp) -> PublishedSeen {
        match self.templates(bytes) {
            Ok((templates, tasks)) => PublishedSeen::Is(Published { at, templates, tasks }),
            Err(problems) => PublishedSeen::Bad { why: problems.join("; ") },
        }
    }

    fn templates(&self, bytes: &[u8]) -> Result<(Templates, Tasks), Vec<String>> {
        let whole = |what: String| vec![what];
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(whole(format!("it has more than {MANIFEST_BYTES_MAX} bytes")));
        }
        let json: Value = serde_json::from_slice(bytes).map_err(|error| whole(format!("it is no JSON: {error}")))?;
        match json.get("schema").map(|schema| (schema, schema.as_u64())) {
            Some((_, Some(MANIFEST_SCHEMA))) => {}
            Some((found, _)) => {
                let found = short(&found.to_string());
                return Err(whole(format!("it is of schema {found}, and this tidegate reads {MANIFEST_SCHEMA}")));
            }
            None => return Err(whole("it does not say of which schema it is".to_owned())),
        }
        let manifest: Manifest = serde_json::from_value(json)
            .map_err(|error| whole(format!("it is not of the shape of schema {MANIFEST_SCHEMA}: {error}")))?;
        let mut problems = Vec::new();
        let own = [manifest.app, manifest.fleet, manifest.set, manifest.account, manifest.region, manifest.cluster];
        for ((field, wanted), found) in self.identity.iter().zip(own) {
            if &found != wanted {
                problems.push(format!("its {field} is {}, and not {wanted}", short(&found)));
            }
        }
        let (mut templates, mut tasks) = (BTreeMap::new(), BTreeMap::new());
        for (service, (family, is_task)) in &self.services {
            let entry = manifest.services.get(service.as_str());
            tasks.extend(entry.and_then(|entry| Some((service.clone(), entry.scaling.as_ref()?.min))));
            let found = match entry {
                Some(entry) => template(service, family, *is_task, entry),
                None => Err("it is not in it".to_owned()),
            };
            match found {
                Ok(template) => drop(templates.insert(service.clone(), template)),
                Err(why) => problems.push(format!("{service}: {why}")),
            }
        }
        if problems.is_empty() { Ok((templates, tasks)) } else { Err(problems) }
    }
}

fn template(service: &ServiceName, family: &str, is_task: bool, entry: &Entry) -> Result<Template, String> {
    if entry.container != service.as_str() {
        return Err(format!("its container is {}, and not of its own name", short(&entry.container)));
    }
    if (entry.kind == "task") != is_task {
        let wanted = if is_task { "a one-shot task" } else { "no one-shot task" };
        return Err(format!("it is of kind {}, and in fleet.yaml {wanted}", short(&entry.kind)));
    }
    if ContentHash::of(entry.template.body.as_bytes()).as_str() != entry.template.sha256 {
        return Err("its template does not have the SHA-256 that stands beside it".to_owned());
    }
    let body: Value =
        serde_json::from_str(&entry.template.body).map_err(|error| format!("its template is no JSON: {error}"))?;
    let of = body.get("family").and_then(Value::as_str).unwrap_or("not there");
    if of != family || entry.family != family {
        return Err(format!("the family of its template is {}, and not {family}", short(of)));
    }
    let template = Template::from_task_definition(&body, service).map_err(|bad| format!("its template: {bad}"))?;
    // An image that Terraform names would be replaced by the release's without a word.
    if template.fields() != &without_nulls(&body) {
        return Err(format!("its template names an image or what ECS answers alone: the image is `{PLACEHOLDER}`"));
    }
    Ok(template)
}

/// As [`Template::from_task_definition`] keeps a body that is a template already.
fn without_nulls(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

/// A text from outside, short enough for a sentence.
fn short(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    shown.escape_debug().to_string()
}

/// What the next task definition of a service is made from: what is published of it, else what runs.
///
/// # Errors
/// Why there is nothing to make it from, in words.
pub fn draft(service: &ServiceName, runs: Option<&Revision>, published: Option<&Published>) -> Result<Draft, String> {
    let before = runs.and_then(|runs| runs.template_hash(service).ok());
    let Some(published) = published else {
        let runs = runs.ok_or("its task definition could not be read")?;
        let template = Template::from_task_definition(&runs.definition, service).map_err(|bad| bad.to_string())?;
        // Nothing is changed, whatever it was made from.
        let before = Some(template.hash());
        return Ok(Draft { template, published: None, before, changes: Vec::new(), tasks: None });
    };
    let template = published.templates.get(service).ok_or("its manifest has no template for it")?.clone();
    let changes = match runs {
        Some(runs) if before.as_ref() != Some(&template.hash()) => differences(runs, &template),
        Some(_) | None => Vec::new(),
    };
    if let Some(newer) = runs.and_then(Revision::published).filter(|of| !changes.is_empty() && *of > published.at) {
        return Err(format!(
            "what runs was made from a template of {newer:.0}, and what is published now is of {:.0}: an older manifest was put back",
            published.at
        ));
    }
    let tasks = published.tasks.get(service).copied();
    Ok(Draft { template, published: Some(published.at), before, changes, tasks })
}

#[cfg(test)]
mod tests;
