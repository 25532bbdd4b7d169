//! Task definitions: a template is all of one but the image, and `render` puts the image in.
//!
//! Where it comes from is not decided here: Terraform publishes it (`published`), or what runs is taken for it.
//!
//! A template is kept as the JSON that ECS speaks and not as a struct, so that a field this program has never
//! heard of passes through unchanged. Dropping such a field is how deployers lose security settings.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::{ContentHash, ImageDigest, ServiceName};

/// Fields that DescribeTaskDefinition returns and RegisterTaskDefinition refuses (botocore's ecs model).
pub(super) const RETURNED_ONLY: [&str; 9] = [
    "compatibilities",
    "deleteRequestedAt",
    "deregisteredAt",
    "registeredAt",
    "registeredBy",
    "requiresAttributes",
    "revision",
    "status",
    "taskDefinitionArn",
];

/// What stands where the image will be.
pub const PLACEHOLDER: &str = "@tidegate";

/// The tag that holds the hash of a task definition as tidegate rendered it.
pub const HASH_TAG: &str = "tidegate:hash";
/// The tag that holds the hash of its template: it changes with the configuration and not with the release.
pub const TEMPLATE_TAG: &str = "tidegate:template";
/// The tag that says when that template was published; none where it was taken from what ran.
pub const PUBLISHED_TAG: &str = "tidegate:published";

/// A task definition without its image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(Value);

/// A task definition that can be registered as it stands, and the hash by which it is found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    /// The request of RegisterTaskDefinition, without tags.
    pub request: Value,
    /// Hash of the request.
    pub hash: ContentHash,
    /// When its template was published; none where it was taken from what ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Timestamp>,
}

/// A task definition that is registered, as ECS describes it, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The fields, those that no SDK knows yet among them.
    pub definition: Value,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Why a task definition is no template for a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// The container that carries the release is missing.
    #[error("the task definition of family `{family}` has no container named `{service}`")]
    NoContainer {
        /// Its family.
        family: String,
        /// The container that was looked for.
        service: ServiceName,
    },
    /// Not the shape of a task definition.
    #[error("not a task definition: {0}")]
    NotATaskDefinition(&'static str),
}

impl Template {
    /// Takes the image of `service` out of a task definition, as described by ECS or written by Terraform.
    /// Other containers (sidecars) are part of the template and keep their images.
    ///
    /// # Errors
    /// It has no such container, or is no task definition.
    pub fn from_task_definition(definition: &Value, service: &ServiceName) -> Result<Self, BadTemplate> {
        let mut template = definition.clone();
        let fields = template.as_object_mut().ok_or(BadTemplate::NotATaskDefinition("not an object"))?;
        for field in RETURNED_ONLY {
            fields.remove(field);
        }
        fields.retain(|_, value| !value.is_null());
        let mut template = Self(template);
        *template.image_of(service)? = Value::from(PLACEHOLDER);
        Ok(template)
    }

    /// Puts the image in. Pure: same template and image, same bytes, same hash.
    ///
    /// # Errors
    /// The template has no container of that name.
    pub fn render(&self, service: &ServiceName, image: &str) -> Result<Rendered, BadTemplate> {
        let mut template = self.clone();
        *template.image_of(service)? = Value::from(image);
        let hash = ContentHash::of_json(&template.0);
        Ok(Rendered { request: template.0, hash, published: None })
    }

    /// The fields, with [`PLACEHOLDER`] where the image will be.
    pub fn fields(&self) -> &Value {
        &self.0
    }

    /// Hash of the template alone: what changes with the configuration and not with the release.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of_json(&self.0)
    }

    fn family(&self) -> &str {
        self.0.get("family").and_then(Value::as_str).unwrap_or("?")
    }

    fn image_of(&mut self, service: &ServiceName) -> Result<&mut Value, BadTemplate> {
        let missing = BadTemplate::NoContainer { family: self.family().to_owned(), service: service.clone() };
        let containers = self.0.get_mut("containerDefinitions").and_then(Value::as_array_mut);
        containers
            .ok_or(BadTemplate::NotATaskDefinition("no containerDefinitions"))?
            .iter_mut()
            .find(|c| c.get("name").and_then(Value::as_str) == Some(service.as_str()))
            .and_then(Value::as_object_mut)
            .map(|container| container.entry("image").or_insert(Value::Null))
            .ok_or(missing)
    }
}

impl Revision {
    /// The hash it was registered with; none if tidegate did not register it.
    pub fn tagged_hash(&self) -> Option<ContentHash> {
        self.tags.get(HASH_TAG)?.parse().ok()
    }

    /// The hash it was registered with, else that of rendering it once more with the image it has.
    ///
    /// # Errors
    /// It is no task definition of this service.
    pub fn hash(&self, service: &ServiceName) -> Result<ContentHash, BadTemplate> {
        if let Some(hash) = self.tagged_hash() {
            return Ok(hash);
        }
        let template = Template::from_task_definition(&self.definition, service)?;
        Ok(template.render(service, image_of(&self.definition, service).unwrap_or_default())?.hash)
    }

    /// Hash of the template it was made from, as tidegate tagged it, else of the one it could itself be taken for.
    ///
    /// # Errors
    /// It is no task definition of this service.
    pub fn template_hash(&self, service: &ServiceName) -> Result<ContentHash, BadTemplate> {
        match self.tags.get(TEMPLATE_TAG).and_then(|tag| tag.parse().ok()) {
            Some(hash) => Ok(hash),
            None => Template::from_task_definition(&self.definition, service).map(|template| template.hash()),
        }
    }

    /// When the template it was made from was published, where it was and tidegate registered it.
    pub fn published(&self) -> Option<Timestamp> {
        self.tags.get(PUBLISHED_TAG)?.parse().ok()
    }
}

fn image_of<'a>(definition: &'a Value, service: &ServiceName) -> Option<&'a str> {
    let mut containers = definition.get("containerDefinitions")?.as_array()?.iter();
    let own = containers.find(|c| c.get("name").and_then(Value::as_str) == Some(service.as_str()))?;
    own.get("image")?.as_str()
}

/// The digest that a task definition runs for `service`; none if the image is named by a tag.
pub fn digest_in(definition: &Value, service: &ServiceName) -> Option<ImageDigest> {
    image_of(definition, service)?.rsplit_once('@')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn described() -> Value {
        json!({
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:1:task-definition/f:3", "revision": 3, "status": "ACTIVE",
            "family": "f", "cpu": "256", "aFieldOfNextYear": {"kept": true}, "pidMode": null,
            "containerDefinitions": [
                {"name": "iam-service", "image": format!("r/iam@sha256:{}", "a".repeat(64)), "cpu": 0},
                {"name": "sidecar", "image": "proxy:1"}
            ]
        })
    }

    fn iam() -> ServiceName {
        "iam-service".parse().unwrap()
    }

    #[test]
    fn inv_40_only_the_image_changes_and_unknown_fields_survive() {
        let rendered = Template::from_task_definition(&described(), &iam()).unwrap().render(&iam(), "r/iam@x").unwrap();
        assert_eq!(
            rendered.request,
            json!({
                "family": "f", "cpu": "256", "aFieldOfNextYear": {"kept": true},
                "containerDefinitions": [
                    {"name": "iam-service", "image": "r/iam@x", "cpu": 0},
                    {"name": "sidecar", "image": "proxy:1"}
                ]
            })
        );
    }

    #[test]
    fn rendering_what_is_live_gives_the_hash_of_what_is_live() {
        let template = Template::from_task_definition(&described(), &iam()).unwrap();
        let image = described()["containerDefinitions"][0]["image"].as_str().unwrap().to_owned();
        let once = template.render(&iam(), &image).unwrap();
        let again = Template::from_task_definition(&once.request, &iam()).unwrap().render(&iam(), &image).unwrap();
        assert_eq!(once, again);
    }

    #[test]
    fn inv_04_a_tag_is_no_digest() {
        assert!(digest_in(&described(), &iam()).is_some());
        assert_eq!(digest_in(&described(), &"sidecar".parse().unwrap()), None);
        assert_eq!(digest_in(&described(), &"other".parse().unwrap()), None);
    }
}
