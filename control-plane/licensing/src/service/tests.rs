//! The service as a whole, over a folder: whose licence is handed to whom, what is never handed out, and that its
//! answers are as the description says.

use std::fs;

use accessos_routing::{Pointer, SigningKey};
use http::Request;
use proptest::prelude::*;

use super::*;
use crate::claim::tests::{Issuer, claims, snapshot};
use crate::envelope::tests::{key, trusting};
use crate::licence::tests::{at, licence};
use crate::seal;

/// A folder with all that is published, and the service that reads it.
struct World {
    folder: tempfile::TempDir,
    signs: SigningKey,
    publishes: SigningKey,
    acme: Issuer,
    hooli: Issuer,
    service: Arc<Licensing>,
    poller: Poller,
}

const NOW: &str = "2026-06-01T00:00:00Z";

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["licences", "routing"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let (signs, publishes) = (key(), key());
        let (acme, hooli) = (Issuer::new("k-acme"), Issuer::new("k-hooli"));
        let no_surroundings = |_: &str| None;
        let mut settings = Settings::new("LICENSING", &no_surroundings);
        let common = settings.common("licensing").unwrap();
        let said = Surroundings {
            common,
            source: Source::Folder(folder.path().join("licences")),
            keys: trusting(&[&signs]),
            routing: Source::Folder(folder.path().join("routing")),
            routing_keys: accessos_routing::TrustedKeys::new(vec![publishes.public()]).unwrap(),
        };
        let (service, poller) = Licensing::new(said, Log::into(std::io::sink()));
        Self { folder, signs, publishes, acme, hooli, service, poller }
    }

    fn publish(&self, generation: u64) {
        let both = [("acme", &self.acme), ("hooli", &self.hooli)];
        let bytes = self.publishes.seal(&snapshot(generation, &both)).unwrap();
        let at = |name: &str| self.folder.path().join("routing").join(name);
        fs::write(at(&accessos_routing::object_name(generation, &bytes)), &bytes).unwrap();
        fs::write(at("current.json"), Pointer::to(generation, &bytes).bytes().unwrap()).unwrap();
    }

    fn put(&self, tenant: &str, sealed: &[u8]) {
        fs::write(self.folder.path().join("licences").join(format!("{tenant}.json")), sealed).unwrap();
    }

    fn issue(&self, licence: &Licence) -> Vec<u8> {
        let sealed = seal(licence, &self.signs).unwrap();
        self.put(&licence.tenant, &sealed);
        sealed
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let asked = Asked::of(request.body(()).unwrap().into_parts().0, "licensing");
        let answer = self.service.answer(&asked, at(NOW));
        as_described(path, &answer);
        answer
    }

    /// What is answered to a claim of this tenant's, under this issuer's key.
    fn ask(&self, issuer: &Issuer, tenant: &str) -> Answer {
        let token = issuer.token(&claims(tenant, at(NOW).as_second() + 300));
        self.get("/v1/license", &[("authorization", &format!("Bearer {token}"))])
    }
}

/// Every answer has the status and the body that the description has for its path.
fn as_described(path: &str, answer: &Answer) {
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    let path = path.strip_prefix("/licensing").unwrap_or(path);
    let status = answer.status.as_u16().to_string();
    let responses = &description["paths"][path]["get"]["responses"];
    let mut response = responses.get(&status).unwrap_or(&responses["default"]).clone();
    if response.is_null() {
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path} is not in the description");
        response = serde_json::json!({"$ref": "#/components/responses/Problem"});
    }
    if let Some(reference) = response["$ref"].as_str() {
        response = description.pointer(reference.trim_start_matches('#')).unwrap().clone();
    }
    let Some(content) = response["content"].as_object() else {
        return assert!(answer.body.is_empty(), "{path} {status}");
    };
    let (content_type, content) = content.iter().next().unwrap();
    let said = answer.headers.iter().find(|(name, _)| *name == http::header::CONTENT_TYPE).unwrap();
    assert_eq!(said.1.to_str().unwrap(), content_type, "{path} {status}");
    let mut schema = content["schema"].clone();
    schema["components"] = description["components"].clone();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let told: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&body).map(|error| error.to_string()).collect();
    assert!(told.is_empty(), "{path} {status}: {told:?}\n{body}");
}

#[tokio::test]
async fn a_tenant_is_handed_its_own_licence_and_nobody_elses() {
    let mut world = World::new();
    world.publish(1);
    let (acmes, hoolis) = (world.issue(&licence("acme", 1)), world.issue(&licence("hooli", 1)));
    world.poller.look().await;
    let answer = world.ask(&world.acme, "acme");
    assert_eq!((answer.status, &answer.body[..], answer.whose.as_deref()), (StatusCode::OK, &acmes[..], Some("acme")));
    assert_eq!(&world.ask(&world.hooli, "hooli").body[..], &hoolis[..]);
    let swapped = world.ask(&world.acme, "hooli");
    assert_eq!((swapped.status, swapped.why), (StatusCode::UNAUTHORIZED, Some("claim_other_tenant")));
    let stranger = world.ask(&Issuer::new("k-acme"), "acme");
    assert_eq!((stranger.status, stranger.why), (StatusCode::UNAUTHORIZED, Some("claim_forged")));
    let nobody = world.get("/v1/license", &[]);
    assert_eq!((nobody.status, nobody.why), (StatusCode::UNAUTHORIZED, Some("claim_missing")));
    assert_eq!(swapped.body, stranger.body, "who asks learns nothing of why");
    assert_eq!(nobody.body, stranger.body);
}

#[tokio::test]
async fn a_licence_that_is_known_is_not_sent_again() {
    let mut world = World::new();
    world.publish(1);
    world.issue(&licence("acme", 1));
    world.poller.look().await;
    let tag = |answer: &Answer| {
        answer.headers.iter().find(|(name, _)| *name == http::header::ETAG).unwrap().1.to_str().unwrap().to_owned()
    };
    let first = tag(&world.ask(&world.acme, "acme"));
    let token = format!("Bearer {}", world.acme.token(&claims("acme", at(NOW).as_second() + 300)));
    let headers = [("authorization", token.as_str()), ("if-none-match", first.as_str())];
    assert_eq!(world.get("/licensing/v1/license", &headers).status, StatusCode::NOT_MODIFIED);
    world.issue(&licence("acme", 2));
    world.poller.look().await;
    assert_eq!(world.get("/v1/license", &headers).status, StatusCode::OK);
}

#[tokio::test]
async fn what_does_not_hold_is_never_handed_out_and_the_last_good_one_is() {
    let mut world = World::new();
    world.publish(1);
    let good = world.issue(&licence("acme", 5));
    world.poller.look().await;
    let stranger = key();
    let bad = [
        seal(&licence("acme", 6), &stranger).unwrap(),
        seal(&licence("acme", 4), &world.signs).unwrap(),
        seal(&Licence { plan: None, ..licence("acme", 5) }, &world.signs).unwrap(),
        seal(&licence("hooli", 6), &world.signs).unwrap(),
        b"{}".to_vec(),
        vec![b' '; BYTES_MAX + 1],
    ];
    for (number, bad) in bad.iter().enumerate() {
        world.put("acme", bad);
        world.poller.look().await;
        assert_eq!(&world.ask(&world.acme, "acme").body[..], &good[..], "{number}");
    }
    // Of another fleet, well signed, under the name of a tenant that has none.
    let dev = Licence { fleet: "dev".to_owned(), ..licence("hooli", 1) };
    world.issue(&dev);
    world.poller.look().await;
    assert_eq!(world.ask(&world.hooli, "hooli").status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn it_goes_on_with_what_it_has_when_everything_is_away() {
    let mut world = World::new();
    assert_eq!(world.ask(&world.acme, "acme").status, StatusCode::SERVICE_UNAVAILABLE);
    world.poller.look().await;
    assert_eq!(world.ask(&world.acme, "acme").status, StatusCode::SERVICE_UNAVAILABLE, "no snapshot yet");
    assert_eq!(world.get("/healthz", &[]).status, StatusCode::SERVICE_UNAVAILABLE);
    world.publish(1);
    let good = world.issue(&licence("acme", 1));
    world.poller.look().await;
    let away = world.folder.path().join("away");
    fs::create_dir(&away).unwrap();
    for name in ["licences", "routing"] {
        fs::rename(world.folder.path().join(name), away.join(name)).unwrap();
    }
    world.poller.look().await;
    assert_eq!(&world.ask(&world.acme, "acme").body[..], &good[..]);
    assert_eq!(world.get("/healthz", &[]).status, StatusCode::OK);
}

#[tokio::test]
async fn a_tenant_that_is_gone_from_the_snapshot_speaks_for_nobody() {
    let mut world = World::new();
    world.publish(1);
    world.issue(&licence("acme", 1));
    world.poller.look().await;
    assert_eq!(world.ask(&world.acme, "acme").status, StatusCode::OK);
    let mut next = snapshot(2, &[("hooli", &world.hooli)]);
    next.meant_to_lose = 1;
    let bytes = world.publishes.seal(&next).unwrap();
    let routing = world.folder.path().join("routing");
    fs::write(routing.join(accessos_routing::object_name(2, &bytes)), &bytes).unwrap();
    fs::write(routing.join("current.json"), Pointer::to(2, &bytes).bytes().unwrap()).unwrap();
    world.poller.look().await;
    assert_eq!(world.ask(&world.acme, "acme").status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_path_of_the_description_is_there_and_every_other_is_not() {
    let mut world = World::new();
    world.publish(1);
    world.poller.look().await;
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    for path in description["paths"].as_object().unwrap().keys() {
        let answer = world.get(path, &[]);
        assert!(answer.why != Some("no_such_path"), "{path}");
        assert_eq!(world.get(&format!("/licensing{path}"), &[]).status, answer.status, "{path}");
    }
    for path in ["/", "/v1", "/v1/license/acme", "/v1/licenses", "/healthz/", "/%ff", "/..%2fhealthz"] {
        assert_eq!(world.get(path, &[]).why, Some("no_such_path"), "{path}");
    }
    let health: Value = serde_json::from_slice(&world.get("/healthz", &[]).body).unwrap();
    assert_eq!((&health["service"], &health["status"]), (&"licensing".into(), &"ok".into()));
}

const TENANTS: [&str; 2] = ["acme", "hooli"];

/// A file as somebody might put it there: under this name, of this tenant and serial, by the right key, in the right fleet.
type Put = (usize, usize, u64, bool, bool);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_published_and_in_whatever_order_nobody_is_handed_anybody_elses(
        puts in prop::collection::vec((0..2_usize, 0..2_usize, 1..5_u64, any::<bool>(), any::<bool>()), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(every_answer_is_the_askers_own(puts))?;
    }
}

async fn every_answer_is_the_askers_own(puts: Vec<Put>) -> Result<(), TestCaseError> {
    let mut world = World::new();
    world.publish(1);
    let (trusted, stranger) = (trusting(&[&world.signs]), key());
    let mut newest = [0, 0];
    for (name, tenant, serial, own_key, own_fleet) in puts {
        let fleet = if own_fleet { "prod" } else { "dev" };
        let of = Licence { fleet: fleet.to_owned(), ..licence(TENANTS[tenant], serial) };
        let sealed = seal(&of, if own_key { &world.signs } else { &stranger }).unwrap();
        world.put(TENANTS[name], &sealed);
        world.poller.look().await;
        if name == tenant && own_key && own_fleet {
            newest[tenant] = newest[tenant].max(serial);
        }
        for (number, issuer) in [&world.acme, &world.hooli].into_iter().enumerate() {
            let answer = world.ask(issuer, TENANTS[number]);
            if newest[number] == 0 {
                prop_assert_eq!(answer.status, StatusCode::NOT_FOUND);
                continue;
            }
            let (handed, _) = open(&answer.body, &trusted).unwrap();
            prop_assert_eq!(&handed.tenant, TENANTS[number]);
            prop_assert_eq!(&handed.fleet, "prod");
            prop_assert_eq!(handed.serial, newest[number], "the newest that was good");
        }
    }
    Ok(())
}
