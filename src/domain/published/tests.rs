//! Manifests as Terraform writes them, and every way in which one can be wrong.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::manifest::{Source, read};
use crate::domain::template::{PUBLISHED_TAG, TEMPLATE_TAG};

/// What Terraform makes of its own fixture, set out for people: `infra/test/run fast` holds that.
const FIXTURE: &[u8] = include_bytes!("../../../infra/test/fixture/manifest-acme.json");

/// The fleet of that fixture.
const FLEET: &str = r#"
schema: 1
app: accessos
domain: a3os.app
images: { repository: "accessos/{service}" }
services:
  api:       { build: api, port: 8080, health: /healthz }
  work:      { build: work, traffic: none, after: [api] }
  migration: { build: migration, run: before, class: expand }
cells:
  dev-1: { account: "111111111111", region: eu-west-1, clusters: [accessos-dev], manifest: "s3://accessos-{fleet}-control-111111111111/sets/{tenant}/manifest.json" }
gates:
  default: { probe: { url: "https://{host}/{service}{health}" } }
fleets:
  dev: { cells: [dev-1], deploy_on: merge, gate: default, on_failure: stop, waves: { plan: auto }, bake: 5m }
tenants:
  entries: [ { id: acme, fleet: dev }, { id: hooli, fleet: dev } ]
"#;

fn of(set: &str) -> Wanted {
    let app = read(&[Source { name: "fleet.yaml".to_owned(), bytes: FLEET.into() }]).unwrap();
    wanted(&app, &app.fleets[0], &set.parse().unwrap()).unwrap()
}

fn at() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn good() -> Value {
    serde_json::from_slice(FIXTURE).unwrap()
}

fn why(manifest: &Value) -> String {
    match of("acme").read(manifest.to_string().as_bytes(), at()) {
        PublishedSeen::Bad { why } => why,
        other => panic!("{other:?}"),
    }
}

/// Puts another template in, with its own hash.
fn with_template(change: impl Fn(&mut Value)) -> Value {
    let mut manifest = good();
    let entry = &mut manifest["services"]["api"]["template"];
    let mut body: Value = serde_json::from_str(entry["body"].as_str().unwrap()).unwrap();
    change(&mut body);
    entry["sha256"] = json!(ContentHash::of(body.to_string().as_bytes()));
    entry["body"] = json!(body.to_string());
    manifest
}

#[test]
fn what_terraform_writes_is_read() {
    let set = of("acme");
    assert_eq!(set.object.bucket, "accessos-dev-control-111111111111");
    assert_eq!(set.object.key, "sets/acme/manifest.json");
    let PublishedSeen::Is(published) = set.read(FIXTURE, at()) else { panic!("{:?}", set.read(FIXTURE, at())) };
    let services: Vec<&str> = published.templates.keys().map(ServiceName::as_str).collect();
    assert_eq!((published.at, services), (at(), vec!["api", "migration", "work"]));
}

#[test]
fn the_manifest_of_another_set_is_refused() {
    let PublishedSeen::Bad { why } = of("hooli").read(FIXTURE, at()) else { panic!() };
    assert!(why.starts_with("its set is acme, and not hooli; api: the family of its template is"), "{why}");
}

#[test]
fn every_problem_is_told_at_once_and_in_words() {
    let mut manifest = good();
    manifest["schema"] = json!(2);
    assert_eq!(why(&manifest), "it is of schema 2, and this tidegate reads 1");
    manifest.as_object_mut().unwrap().remove("schema");
    assert_eq!(why(&manifest), "it does not say of which schema it is");
    let mut manifest = good();
    manifest["services"]["api"]["template"]["sha256"] = json!("0".repeat(64));
    manifest["services"]["work"]["kind"] = json!("task");
    manifest["services"].as_object_mut().unwrap().remove("migration");
    manifest["account"] = json!("222222222222");
    assert_eq!(
        why(&manifest),
        "its account is 222222222222, and not 111111111111; api: its template does not have the SHA-256 that stands \
         beside it; migration: it is not in it; work: it is of kind task, and in fleet.yaml no one-shot task"
    );
    let mut manifest = good();
    manifest["services"]["api"]["container"] = json!("sidecar");
    assert_eq!(why(&manifest), "api: its container is sidecar, and not of its own name");
    assert!(why(&json!({"schema": 1, "services": []})).starts_with("it is not of the shape of schema 1: "));
}

#[test]
fn inv_04_a_template_that_names_an_image_is_refused() {
    let manifest = with_template(|body| body["containerDefinitions"][0]["image"] = json!("registry/api:latest"));
    assert!(why(&manifest).contains("its template names an image"), "{}", why(&manifest));
    let manifest = with_template(|body| body["family"] = json!("accessos-dev-hooli-api"));
    assert!(why(&manifest).contains("the family of its template is accessos-dev-hooli-api"), "{}", why(&manifest));
    let manifest = with_template(|body| body["containerDefinitions"] = json!([]));
    assert!(why(&manifest).contains("no container named `api`"), "{}", why(&manifest));
}

#[test]
fn the_tasks_of_a_first_release_are_what_terraform_scales_down_to() {
    let PublishedSeen::Is(published) = of("acme").read(FIXTURE, at()) else { panic!() };
    let scaling = &good()["services"]["api"]["scaling"];
    let tasks = published.tasks[&"api".parse().unwrap()];
    assert_eq!(Some(u64::from(tasks)), scaling["min"].as_u64());
    assert!(tasks > 0);
}

#[test]
fn fields_of_later_versions_are_left_alone() {
    let mut manifest = good();
    manifest["aFieldOfNextYear"] = json!({"deep": true});
    assert!(matches!(of("acme").read(manifest.to_string().as_bytes(), at()), PublishedSeen::Is(_)));
}

fn published(template: Template, at: Timestamp) -> Published {
    Published { at, templates: [("api".parse().unwrap(), template)].into(), tasks: BTreeMap::new() }
}

fn template(cpu: &str) -> Template {
    let body = json!({"family": "f", "cpu": cpu, "containerDefinitions": [{"name": "api", "image": "@tidegate"}]});
    Template::from_task_definition(&body, &"api".parse().unwrap()).unwrap()
}

/// A revision that was made from a template of a time.
fn revision(template: &Template, published: Option<Timestamp>) -> Revision {
    let rendered = template.render(&"api".parse().unwrap(), "r/api@sha256:1").unwrap();
    let mut tags = BTreeMap::from([(TEMPLATE_TAG.to_owned(), template.hash().to_string())]);
    tags.extend(published.map(|at| (PUBLISHED_TAG.to_owned(), at.to_string())));
    Revision { definition: rendered.request, tags }
}

#[test]
fn inv_40_a_template_that_changed_is_told_and_one_that_did_not_changes_nothing() {
    let api = "api".parse().unwrap();
    let runs = revision(&template("256"), Some(at()));
    let same = draft(&api, Some(&runs), Some(&published(template("256"), at()))).unwrap();
    assert_eq!((same.changes, same.before.clone()), (vec![], Some(same.template.hash())));
    let next = draft(&api, Some(&runs), Some(&published(template("512"), at()))).unwrap();
    assert_eq!(next.changes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["cpu 256 -> 512"]);
    assert_eq!(next.template, template("512"));
    // Written otherwise, it says the same: nobody is deployed anew for that.
    let mut spelled_out = template("256").fields().clone();
    spelled_out["containerDefinitions"][0]["essential"] = json!(true);
    let spelled_out = Template::from_task_definition(&spelled_out, &api).unwrap();
    assert_ne!(spelled_out.hash(), template("256").hash());
    assert_eq!(draft(&api, Some(&runs), Some(&published(spelled_out, at()))).unwrap().changes, []);
}

#[test]
fn what_runs_is_the_template_where_none_is_published() {
    let (api, runs) = ("api".parse().unwrap(), revision(&template("256"), None));
    let draft_of_it = draft(&api, Some(&runs), None).unwrap();
    assert_eq!((draft_of_it.template, draft_of_it.changes), (template("256"), vec![]));
    assert_eq!(draft(&api, None, None).unwrap_err(), "its task definition could not be read");
}

#[test]
fn a_manifest_that_is_older_than_what_runs_is_no_guess() {
    let (api, later) = ("api".parse().unwrap(), at() + jiff::SignedDuration::from_hours(1));
    let runs = revision(&template("512"), Some(later));
    let told = draft(&api, Some(&runs), Some(&published(template("256"), at()))).unwrap_err();
    assert!(told.contains("2026-11-23T09:00:00Z") && told.contains("an older manifest was put back"), "{told}");
    assert!(draft(&api, Some(&runs), Some(&published(template("512"), at()))).is_ok(), "the same template again");
    assert!(draft(&api, Some(&revision(&template("512"), None)), Some(&published(template("256"), at()))).is_ok());
}

#[test]
fn a_service_whose_scaling_has_another_name_is_no_service_without_one() {
    let damaged = String::from_utf8(FIXTURE.to_vec()).unwrap().replacen("\"scaling\"", "\"#caling\"", 1);
    assert!(matches!(of("acme").read(damaged.as_bytes(), at()), PublishedSeen::Bad { .. }));
}

proptest! {
    /// Whatever the bytes: templates or words, and never a panic.
    #[test]
    fn inv_33_any_bytes_are_a_manifest_or_a_problem(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let seen = of("acme").read(&bytes, at());
        let is_bad = matches!(seen, PublishedSeen::Bad { .. });
        prop_assert!(is_bad);
    }

    /// One that is cut off, or has one byte another, is refused or says the very same of every template.
    #[test]
    fn a_damaged_manifest_is_never_half_believed(place in 0..FIXTURE.len(), byte in any::<u8>(), cut in any::<bool>()) {
        let set = of("acme");
        let whole = set.read(FIXTURE, at());
        let mut bytes = FIXTURE.to_vec();
        if cut { bytes.truncate(place) } else { bytes[place] = byte }
        let seen = set.read(&bytes, at());
        let is_bad = matches!(seen, PublishedSeen::Bad { .. });
        prop_assert!(is_bad || seen == whole, "{:?}", seen);
    }
}
