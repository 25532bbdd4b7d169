//! Manifests of service sets in S3: one request a set, and their bytes only when they are others than before.
//!
//! Why the last one is kept: a plan is made from it and, a thousand tenants later, carried out with it. Reading it again
//! for every service would cost a call each, and would let a template that Terraform publishes meanwhile get in between.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use jiff::Timestamp;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::task::JoinSet;

use super::budget::Group;
use super::cells::{Cells, doing};
use super::failure::failure;
use crate::domain::ids::{CellName, ContentHash, ServiceName, SetId};
use crate::domain::object_name::ObjectName;
use crate::domain::published::{MANIFEST_BYTES_MAX, PublishedSeen, Wanted};
use crate::domain::template::Template;
use crate::ports::{Fault, ManifestReader, PortError, PortResult};

/// Reads at the same time, over all cells.
const SIDE_BY_SIDE: usize = 16;

/// What S3 says where there is no object, to a role that may read objects and not list them.
const HIDDEN: &str = "S3 says so of an object that is not there, too";

/// Manifests in the buckets of all cells. Clones share what was read.
#[derive(Clone, Debug)]
pub struct S3Manifests(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    cells: Arc<Cells>,
    kept: Mutex<HashMap<(CellName, ObjectName), Place>>,
    readers: Semaphore,
}

/// Where a manifest is kept; whoever reads it holds the lock, so that nobody reads it twice.
type Place = Arc<AsyncMutex<Option<Kept>>>;

/// What was read last.
#[derive(Debug)]
struct Kept {
    etag: String,
    seen: PublishedSeen,
}

impl S3Manifests {
    /// None is read yet.
    pub fn new(cells: Arc<Cells>) -> Self {
        Self(Arc::new(Shelf { cells, kept: Mutex::default(), readers: Semaphore::new(SIDE_BY_SIDE) }))
    }
}

#[async_trait]
impl ManifestReader for S3Manifests {
    async fn published(&self, sets: &[Wanted]) -> BTreeMap<SetId, PublishedSeen> {
        let mut reads = JoinSet::new();
        for set in sets.iter().cloned() {
            let shelf = Arc::clone(&self.0);
            reads.spawn(async move {
                let place = shelf.place(&set);
                let seen = shelf.read(&set, &mut *place.lock().await).await;
                (set.set, seen.unwrap_or_else(|error| PublishedSeen::Unreachable { why: error.to_string() }))
            });
        }
        let mut seen = BTreeMap::new();
        while let Some(read) = reads.join_next().await {
            seen.extend(read);
        }
        for set in sets {
            let lost = || PublishedSeen::Unreachable { why: "reading it broke off".to_owned() };
            seen.entry(set.set.clone()).or_insert_with(lost);
        }
        seen
    }

    async fn template(
        &self,
        set: &Wanted,
        service: &ServiceName,
        hash: &ContentHash,
    ) -> PortResult<Option<(Template, Timestamp)>> {
        let place = self.0.place(set);
        let mut kept = place.lock().await;
        let seen = match &*kept {
            Some(kept) => kept.seen.clone(),
            None => self.0.read(set, &mut kept).await?,
        };
        match seen {
            PublishedSeen::Is(published) => {
                let template = published.templates.get(service).filter(|template| template.hash() == *hash);
                Ok(template.map(|template| (template.clone(), published.at)))
            }
            PublishedSeen::Bad { why } | PublishedSeen::Unreachable { why } => {
                Err(PortError::new(Fault::Refused, what(set), why))
            }
        }
    }
}

impl Shelf {
    fn place(&self, set: &Wanted) -> Place {
        match self.kept.lock() {
            Ok(mut kept) => Arc::clone(kept.entry((set.cell.clone(), set.object.clone())).or_default()),
            Err(_) => Arc::default(),
        }
    }

    /// What is published now. A failure is not kept.
    async fn read(&self, set: &Wanted, kept: &mut Option<Kept>) -> PortResult<PublishedSeen> {
        // The semaphore is never closed, so this cannot fail.
        let _permit = self.readers.acquire().await;
        let clients = self.cells.clients(&set.cell).await?;
        clients.pace(Group::ObjectRead).await;
        let known = kept.as_ref().map(|kept| kept.etag.clone());
        let ObjectName { bucket, key } = &set.object;
        let call = clients.s3.get_object().bucket(bucket).key(key).set_if_none_match(known);
        match (call.send().await, kept.as_ref()) {
            (Ok(answer), _) => {
                let etag = answer.e_tag().map(str::to_owned);
                let seen = taken_in(set, answer).await?;
                *kept = etag.map(|etag| Kept { etag, seen: seen.clone() });
                Ok(seen)
            }
            (Err(error), Some(kept)) if status(&error) == Some(304) => Ok(kept.seen.clone()),
            (Err(error), _) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => {
                Ok(PublishedSeen::Bad { why: format!("there is no s3://{bucket}/{key}") })
            }
            (Err(error), _) if status(&error) == Some(403) => {
                let error = failure(what(set), &error);
                Err(PortError { why: format!("{}; {HIDDEN}", error.why), ..error })
            }
            (Err(error), _) => Err(failure(what(set), &error)),
        }
    }
}

fn what(set: &Wanted) -> String {
    doing(format!("reading s3://{}/{}", set.object.bucket, set.object.key), &set.cell)
}

fn status<E>(error: &SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

/// The manifest in an answer. One that is too long is not read to its end.
async fn taken_in(set: &Wanted, answer: GetObjectOutput) -> PortResult<PublishedSeen> {
    let at = answer.last_modified().and_then(|at| Timestamp::from_second(at.secs()).ok());
    let Some(at) = at else {
        return Err(PortError::new(Fault::Refused, what(set), "the answer does not say when it was written"));
    };
    let bytes = bytes(answer.body).await.map_err(|why| PortError::new(Fault::Unavailable, what(set), why))?;
    Ok(set.read(&bytes, at))
}

/// The first bytes, one more at most than a manifest may have.
async fn bytes(mut body: ByteStream) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| format!("the answer broke off: {error}"))?);
        if bytes.len() > MANIFEST_BYTES_MAX {
            bytes.truncate(MANIFEST_BYTES_MAX + 1);
            break;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::adapters::aws::loopback::{Asked, Loopback};
    use crate::domain::fleet::Application;
    use crate::domain::manifest::{Source, read};
    use crate::domain::published::wanted;

    const FLEET: &str = r#"
schema: 1
app: app
domain: app.example
images: { repository: "app/{service}" }
services:
  iam: { build: iam, port: 8080, health: /healthz }
cells:
  prod-1: { account: "111111111111", region: eu-west-1, clusters: [c1], manifest: "s3://bucket/sets/{tenant}/manifest.json" }
gates:
  default: { probe: { url: "https://{host}/{service}{health}" } }
fleets:
  prod: { cells: [prod-1], deploy_on: merge, gate: default, on_failure: stop, waves: { plan: auto }, bake: 5m }
tenants:
  entries: [ { id: acme, fleet: prod }, { id: bolt, fleet: prod } ]
"#;

    fn application() -> Application {
        read(&[Source { name: "fleet.yaml".to_owned(), bytes: FLEET.into() }]).unwrap()
    }

    fn sets() -> Vec<Wanted> {
        let app = application();
        ["acme", "bolt"].iter().map(|set| wanted(&app, &app.fleets[0], &set.parse().unwrap()).unwrap()).collect()
    }

    fn manifest(set: &str, cpu: &str) -> String {
        let family = format!("app-prod-{set}-iam");
        let template =
            json!({"family": family, "cpu": cpu, "containerDefinitions": [{"name": "iam", "image": "@tidegate"}]});
        let body = template.to_string();
        let sha256 = ContentHash::of(body.as_bytes());
        json!({
            "schema": 1, "app": "app", "fleet": "prod", "set": set, "account": "111111111111", "region": "eu-west-1",
            "cluster": "c1", "services": {"iam": {
                "kind": "service", "family": family, "container": "iam", "scaling": null, "template": {"body": body, "sha256": sha256},
            }},
        })
        .to_string()
    }

    /// S3 with both manifests; a second read of the same gets 304.
    fn bucket(asked: &Asked) -> (u16, Vec<(&'static str, String)>, String) {
        let set = if asked.path.contains("/acme/") { "acme" } else { "bolt" };
        let headers =
            vec![("etag", format!("\"{set}-1\"")), ("last-modified", "Mon, 23 Nov 2026 08:00:00 GMT".to_owned())];
        match asked.headers.get("if-none-match") {
            Some(known) if known.to_str().unwrap() == format!("\"{set}-1\"") => (304, headers, String::new()),
            _ => (200, headers, manifest(set, "256")),
        }
    }

    async fn manifests(aws: &Loopback) -> S3Manifests {
        S3Manifests::new(aws.cells().await)
    }

    fn cpu(seen: &PublishedSeen) -> String {
        let PublishedSeen::Is(published) = seen else { panic!("{seen:?}") };
        published.templates[&"iam".parse::<ServiceName>().unwrap()].fields()["cpu"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn one_request_a_set_and_no_bytes_that_are_known() {
        let aws = Loopback::serve_with_headers(bucket).await;
        let manifests = manifests(&aws).await;
        let first = manifests.published(&sets()).await;
        assert_eq!(first.values().map(cpu).collect::<Vec<_>>(), ["256", "256"]);
        let asked = aws.asked();
        assert_eq!(asked.len(), 2);
        let mut paths: Vec<String> = asked.iter().map(|asked| asked.path.clone()).collect();
        paths.sort();
        assert!(paths[0].starts_with("/bucket/sets/acme/manifest.json"), "{paths:?}");
        assert_eq!(manifests.published(&sets()).await, first, "again, by its ETag");
        assert_eq!(aws.asked().len(), 4);
        assert!(aws.asked()[2..].iter().all(|asked| asked.headers.contains_key("if-none-match")));
        let PublishedSeen::Is(published) = &first[&"acme".parse().unwrap()] else { panic!() };
        assert_eq!(published.at.to_string(), "2026-11-23T08:00:00Z");
    }

    #[tokio::test]
    async fn a_template_is_found_by_its_hash_without_another_request() {
        let aws = Loopback::serve_with_headers(bucket).await;
        let (manifests, sets) = (manifests(&aws).await, sets());
        let iam = "iam".parse().unwrap();
        let PublishedSeen::Is(known) = sets[0].read(manifest("acme", "256").as_bytes(), Timestamp::UNIX_EPOCH) else {
            panic!()
        };
        let (wanted, other) = (known.templates[&iam].hash(), ContentHash::of(b"another"));
        // Five services of a set ask at once, in a process that has not planned itself.
        let (one, two) =
            tokio::join!(manifests.template(&sets[0], &iam, &wanted), manifests.template(&sets[0], &iam, &wanted));
        assert_eq!(one.unwrap().unwrap().0.hash(), wanted);
        assert_eq!(two.unwrap().unwrap().0.hash(), wanted);
        assert_eq!(manifests.template(&sets[0], &iam, &other).await.unwrap(), None);
        assert_eq!(aws.asked().len(), 1);
    }

    #[tokio::test]
    async fn inv_09_what_is_missing_malformed_too_long_or_forbidden_is_said_and_asked_for_again() {
        let error = |code: &str| format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
        type Answer = (u16, String, &'static str);
        let answers: [Answer; 5] = [
            (404, error("NoSuchKey"), "there is no s3://bucket/sets/acme/manifest.json"),
            (403, error("AccessDenied"), "not there, too"),
            (200, "{".to_owned(), "it is no JSON"),
            (200, " ".repeat(MANIFEST_BYTES_MAX + 10), "it has more than 524288 bytes"),
            (200, manifest("bolt", "256"), "its set is bolt, and not acme"),
        ];
        for (status, body, told) in answers {
            let aws = Loopback::serve_with_headers(move |_| {
                (status, vec![("last-modified", "Mon, 23 Nov 2026 08:00:00 GMT".to_owned())], body.clone())
            })
            .await;
            let manifests = manifests(&aws).await;
            for _ in 0..2 {
                let seen = manifests.published(&sets()[..1]).await;
                let why = match &seen[&"acme".parse().unwrap()] {
                    PublishedSeen::Is(_) => panic!("{seen:?}"),
                    PublishedSeen::Bad { why } | PublishedSeen::Unreachable { why } => why.clone(),
                };
                assert!(why.contains(told), "{why}");
            }
            assert_eq!(aws.asked().len(), 2, "{told}");
        }
    }
}
