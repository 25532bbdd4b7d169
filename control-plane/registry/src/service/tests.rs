//! The service as a whole, over a folder: what is told to whom, what is never told, and that its answers are as the
//! description says.

use std::fs;

use accessos_routing::{Pointer, SigningKey, Snapshot, State as Routed};
use http::Request;
use serde_json::json;

use super::*;
use crate::catalogue::tests::{published, snapshot};
use crate::manifest::tests::FIXTURE;

const TOKEN: &str = "a-readers-token";

struct World {
    folder: tempfile::TempDir,
    publishes: SigningKey,
    service: Arc<Registry>,
    poller: Poller,
    lines: std::sync::mpsc::Receiver<Vec<u8>>,
}

/// What the log writes, to be read by a test.
struct Lines(std::sync::mpsc::Sender<Vec<u8>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["sets", "routing"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let publishes = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
        let sum: String = Sha256::digest(TOKEN.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let said = Surroundings::read(&|name| match name {
            "REGISTRY_MANIFESTS" => Some(at("sets")),
            "REGISTRY_ROUTING" => Some(at("routing")),
            "REGISTRY_ROUTING_KEYS" => Some(publishes.public().to_string()),
            "REGISTRY_READERS" => Some(sum.clone()),
            _ => None,
        });
        let (sender, lines) = std::sync::mpsc::channel();
        let (service, poller) = Registry::new(said.unwrap(), Log::into(Lines(sender)));
        Self { folder, publishes, service, poller, lines }
    }

    fn publish(&self, snapshot: &Snapshot) {
        let bytes = self.publishes.seal(snapshot).unwrap();
        let at = |name: &str| self.folder.path().join("routing").join(name);
        fs::write(at(&accessos_routing::object_name(snapshot.generation, &bytes)), &bytes).unwrap();
        fs::write(at("current.json"), Pointer::to(snapshot.generation, &bytes).bytes().unwrap()).unwrap();
    }

    fn put(&self, set: &str, manifest: &str) {
        let folder = self.folder.path().join("sets").join(set);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("manifest.json"), manifest).unwrap();
    }

    /// With `acme`, `hooli` and `initech`, the last without a manifest.
    async fn usual() -> Self {
        let mut world = Self::new();
        for set in ["acme", "hooli"] {
            world.put(set, &published(set));
        }
        let states = [("acme", Routed::Active), ("hooli", Routed::Paused), ("initech", Routed::Moved)];
        world.publish(&snapshot(1, &states));
        world.poller.look().await;
        world
    }

    fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let asked = Asked::of(request.body(()).unwrap().into_parts().0, "tenant-registry");
        let answer = self.service.answer(&asked, jiff::Timestamp::UNIX_EPOCH);
        as_described(target, &answer);
        answer
    }

    fn get(&self, target: &str) -> Answer {
        self.get_with(target, &[("authorization", &format!("Bearer {TOKEN}"))])
    }

    fn json(&self, target: &str) -> Value {
        let answer = self.get(target);
        assert_eq!(answer.status, StatusCode::OK, "{target}: {:?}", answer.body);
        serde_json::from_slice(&answer.body).unwrap()
    }
}

fn description() -> Value {
    serde_json::from_str(DESCRIPTION).unwrap()
}

/// The path of the description that a target is of.
fn described(target: &str) -> Option<String> {
    let path = target.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.trim_start_matches("/tenant-registry").split('/').collect();
    let fits = |of: &str| {
        let of: Vec<&str> = of.split('/').collect();
        of.len() == parts.len()
            && of.iter().zip(&parts).all(|(of, part)| of == part || (of.starts_with('{') && !part.is_empty()))
    };
    description()["paths"].as_object().unwrap().keys().find(|of| fits(of)).cloned()
}

/// Every answer has the status and the body that the description has for its path.
fn as_described(target: &str, answer: &Answer) {
    let description = description();
    let status = answer.status.as_u16().to_string();
    let mut response = match described(target) {
        Some(path) => {
            let responses = &description["paths"][path.as_str()]["get"]["responses"];
            responses.get(&status).unwrap_or(&responses["default"]).clone()
        }
        None => {
            let known = [StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE];
            assert!(known.contains(&answer.status), "{target} is not in the description");
            json!({"$ref": "#/components/responses/Problem"})
        }
    };
    if let Some(reference) = response["$ref"].as_str() {
        response = description.pointer(reference.trim_start_matches('#')).unwrap().clone();
    }
    let Some(content) = response["content"].as_object() else {
        return assert!(answer.body.is_empty(), "{target} {status}");
    };
    let (content_type, content) = content.iter().next().unwrap();
    let said = answer.headers.iter().find(|(name, _)| *name == http::header::CONTENT_TYPE).unwrap();
    assert_eq!(said.1.to_str().unwrap(), content_type, "{target} {status}");
    let mut schema = content["schema"].clone();
    schema["components"] = description["components"].clone();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let told: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&body).map(|error| error.to_string()).collect();
    assert!(told.is_empty(), "{target} {status}: {told:?}\n{body}");
}

#[tokio::test]
async fn tenants_are_listed_and_found_by_id_and_by_host() {
    let world = World::usual().await;
    let all = world.json("/v1/tenants");
    let ids = |page: &Value| -> Vec<String> {
        page["tenants"].as_array().unwrap().iter().map(|of| of["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (ids(&all), &all["generation"], all.get("next")),
        (vec!["acme".into(), "hooli".into(), "initech".into()], &json!(1), None)
    );
    let first = world.json("/tenant-registry/v1/tenants?limit=2");
    assert_eq!((ids(&first), &first["next"]), (vec!["acme".into(), "hooli".into()], &json!("hooli")));
    assert_eq!(ids(&world.json("/v1/tenants?limit=2&after=hooli")), ["initech"]);
    assert_eq!(ids(&world.json("/v1/tenants?state=paused&cell=dev-1")), ["hooli"]);
    assert_eq!(ids(&world.json("/v1/tenants?cell=dev-2")), [""; 0]);
    assert_eq!(
        world.json("/v1/tenants/acme"),
        json!({
            "id": "acme", "fleet": "dev", "cell": "dev-1", "region": "eu-west-1", "cluster": "accessos-dev",
            "hosts": ["acme.dev.a3os.app", "acme.example"], "state": "active",
            "services": [
                {"name": "api", "kind": "service", "port": 8080, "health": "/healthz"},
                {"name": "migration", "kind": "task"},
                {"name": "work", "kind": "worker"},
            ],
        })
    );
    assert_eq!(world.json("/v1/tenants/hooli")["services"].as_array().unwrap().len(), 3);
    assert_eq!(world.json("/v1/hosts/Initech.Example")["moved_to"], "initech.elsewhere.example");
    for nobody in ["/v1/tenants/nobody", "/v1/hosts/nobody.example", "/v1/tenants/%00", "/v1/hosts/a%2Fb"] {
        assert_eq!(world.get(nobody).why, Some("no_such_tenant"), "{nobody}");
    }
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_refused() {
    let world = World::usual().await;
    for query in [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=1e2",
        "limit=",
        "limit=9999999999999999999999",
        "after=A!",
        "state=asleep",
        "cell=",
        "Limit=1",
        "limit=1&limit=2",
    ] {
        let answer = world.get(&format!("/v1/tenants?{query}"));
        assert_eq!((answer.status, answer.why), (StatusCode::BAD_REQUEST, Some("bad_query")), "{query}");
    }
    assert_eq!(world.get("/v1/tenants/acme?x=1").why, Some("bad_query"));
}

#[tokio::test]
async fn what_is_known_is_not_sent_again_until_it_changes() {
    let mut world = World::usual().await;
    let token = format!("Bearer {TOKEN}");
    for target in ["/v1/tenants", "/v1/tenants/acme", "/v1/hosts/acme.example", "/openapi.json"] {
        let first = world.get(target);
        let tag =
            first.headers.iter().find(|(name, _)| *name == http::header::ETAG).unwrap().1.to_str().unwrap().to_owned();
        let again = [("authorization", token.as_str()), ("if-none-match", tag.as_str())];
        assert_eq!(world.get_with(target, &again).status, StatusCode::NOT_MODIFIED, "{target}");
        if target == "/v1/tenants/acme" {
            world.publish(&snapshot(
                2,
                &[("acme", Routed::Maintenance), ("hooli", Routed::Paused), ("initech", Routed::Moved)],
            ));
            world.poller.look().await;
            assert_eq!(world.get_with(target, &again).status, StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn only_readers_are_told_anything_but_its_health() {
    let world = World::usual().await;
    for headers in [&[][..], &[("authorization", "Bearer another")], &[("authorization", "Basic YTpi")]] {
        for target in ["/v1/tenants", "/v1/tenants/acme", "/v1/tenants/nobody", "/v1/hosts/acme.example", "/v1/x"] {
            let answer = world.get_with(target, headers);
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{target}");
            assert_eq!(answer.body, world.get_with("/v1/tenants", headers).body, "the same whoever is there");
        }
    }
    assert_eq!(world.get_with("/healthz", &[]).status, StatusCode::OK);
    let told = Surroundings::read(&|name| (name == "REGISTRY_READERS").then(|| TOKEN.to_owned())).unwrap_err();
    assert!(
        told.iter().any(|problem| problem.starts_with("REGISTRY_READERS")) && !told.join("").contains(TOKEN),
        "{told:?}"
    );
}

/// Every field that a manifest has, and many that it might have one day, is full of what looks like a secret. Neither an
/// answer nor a line of the log has any of it.
#[tokio::test]
async fn no_secret_of_a_manifest_is_told_or_logged() {
    const SECRET: &str = "hunter2-AKIAIOSFODNN7EXAMPLE";
    fn poisoned(value: &mut Value) {
        match value {
            Value::String(text) => *text = format!("{SECRET}-{text}"),
            Value::Array(items) => items.iter_mut().for_each(poisoned),
            Value::Object(fields) => {
                fields.values_mut().for_each(poisoned);
                for name in ["password", "token", "secret", "database_url", "private_key", "env"] {
                    fields.insert(name.to_owned(), json!(SECRET));
                }
            }
            _ => {}
        }
    }
    let told = ["schema", "app", "fleet", "set", "region", "cluster", "host", "routing"];
    let mut manifest: Value = serde_json::from_str(FIXTURE).unwrap();
    let good = manifest.clone();
    poisoned(&mut manifest);
    for field in told {
        manifest[field] = good[field].clone();
    }
    for name in ["api", "migration", "work"] {
        for field in ["kind", "port", "health"] {
            manifest["services"][name][field] = good["services"][name][field].clone();
        }
    }
    // What was put beside the services is none.
    manifest["services"].as_object_mut().unwrap().retain(|_, entry| entry.is_object());
    let mut world = World::new();
    world.publish(&snapshot(1, &[("acme", Routed::Active)]));
    world.put("acme", &manifest.to_string());
    world.poller.look().await;
    assert_eq!(world.json("/v1/tenants/acme")["services"].as_array().unwrap().len(), 3, "it was taken in");
    let secret = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("hunter2");
    for target in ["/v1/tenants", "/v1/tenants/acme", "/v1/hosts/acme.example", "/healthz", "/openapi.json"] {
        assert!(!secret(&world.get(target).body), "{target}");
    }
    // The same in each field that is told, one after another: refused, and not quoted.
    for field in told {
        let mut manifest = good.clone();
        manifest[field] = json!(format!("{SECRET} {field}"));
        world.put("acme", &manifest.to_string());
        world.poller.look().await;
        assert!(!secret(&world.get("/v1/tenants/acme").body), "{field}");
    }
    let World { lines, service, poller, .. } = world;
    drop((service, poller));
    let log: Vec<u8> = lines.iter().flatten().collect();
    assert!(
        !secret(&log) && String::from_utf8_lossy(&log).contains("acme/manifest.json"),
        "{}",
        String::from_utf8_lossy(&log)
    );
}

#[tokio::test]
async fn it_goes_on_with_what_it_has_when_its_sources_are_away() {
    let mut world = World::new();
    assert_eq!(world.get("/v1/tenants").status, StatusCode::SERVICE_UNAVAILABLE);
    world.put("acme", FIXTURE);
    world.poller.look().await;
    assert_eq!(world.get("/v1/tenants").status, StatusCode::SERVICE_UNAVAILABLE, "there is no snapshot yet");
    assert_eq!(world.get("/healthz").status, StatusCode::SERVICE_UNAVAILABLE);
    world.publish(&snapshot(1, &[("acme", Routed::Active), ("hooli", Routed::Active)]));
    world.poller.look().await;
    let before = world.json("/v1/tenants");
    let away = world.folder.path().join("away");
    fs::create_dir(&away).unwrap();
    for name in ["sets", "routing"] {
        fs::rename(world.folder.path().join(name), away.join(name)).unwrap();
    }
    world.poller.look().await;
    assert_eq!(world.json("/v1/tenants"), before);
    fs::create_dir(world.folder.path().join("routing")).unwrap();
    let forged = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
    let good = std::mem::replace(&mut world.publishes, forged);
    world.publish(&snapshot(9, &[]));
    world.poller.look().await;
    assert_eq!(world.json("/v1/tenants"), before, "a snapshot under another key");
    world.publishes = good;
    world.publish(&snapshot(2, &[]));
    world.poller.look().await;
    assert_eq!(world.json("/v1/tenants"), before, "one that loses everybody");
}

#[tokio::test]
async fn every_path_of_the_description_is_there_and_every_other_is_not() {
    let world = World::usual().await;
    for path in description()["paths"].as_object().unwrap().keys() {
        let target = path.replace("{id}", "acme").replace("{host}", "acme.example");
        assert_eq!(world.get(&target).status, StatusCode::OK, "{path}");
        assert_eq!(world.get(&format!("/tenant-registry{target}")).status, StatusCode::OK, "{path}");
    }
    for path in ["/", "/v1", "/v1/", "/v1/tenants/", "/v1/tenants/acme/secrets", "/v1/hosts", "/healthz/", "/%ff"] {
        let answer = world.get(path);
        assert!(matches!(answer.why, Some("no_such_path" | "no_such_tenant")), "{path}: {answer:?}");
    }
    let parameters = &description()["paths"]["/v1/tenants"]["get"]["parameters"];
    let states = parameters.as_array().unwrap().iter().find(|of| of["name"] == "state").unwrap();
    assert_eq!(states["schema"]["enum"], json!(STATES.map(|(word, _)| word)));
}
