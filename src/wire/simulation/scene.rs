//! Worlds to begin with: so many tenants with so many services, all on one release, and a second one to roll out.

use std::fmt::Write;
use std::sync::Arc;

use jiff::SignedDuration;

use crate::adapters::sim::{Fault, FaultKind, Sim, World};
use crate::app::build::{Request, build};
use crate::app::promote::promote;
use crate::cli::progress::Silent;
use crate::domain::fleet::{Application, Fleet, OnFailure};
use crate::domain::manifest::{Source, read};
use crate::domain::release::Release;
use crate::wire::simulated::{app, beginning, commit};

/// How large, and under which policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) tenants: usize,
    pub(super) services: usize,
    /// How much larger each wave is than the one before.
    pub(super) factor: usize,
    /// Tenants of the largest wave.
    pub(super) cap: usize,
    /// How long each wave is watched.
    pub(super) bake: &'static str,
    /// Whether errors, alarms and a smoke test are judged as well.
    pub(super) watched: bool,
}

/// A world in which the first release is live, and the second and third are built.
pub(super) struct Scene {
    pub(super) application: Arc<Application>,
    pub(super) world: World,
    pub(super) release: Release,
    pub(super) newer: Release,
    /// What the second release does wrong.
    flaws: Vec<Flaw>,
    services: usize,
}

/// What the second release does wrong: to which tenant (all of them if none), in which service. After the last of
/// them comes the smoke test.
pub(super) type Flaw = (Option<usize>, usize, FaultKind);

impl Scene {
    pub(super) async fn new(size: Size) -> Self {
        Self::of(file(size), size).await
    }

    /// The same where Terraform publishes templates, and has changed them all since the first release.
    pub(super) async fn with_manifests(size: Size) -> Self {
        let manifest = r#"clusters: [shop], manifest: "s3://shop-control/sets/{tenant}/manifest.json" }"#;
        let mut scene = Self::of(file(size).replacen("clusters: [shop] }", manifest, 1), size).await;
        let (application, fleet) = (&scene.application, &scene.application.fleets[0]);
        let services = scene.world.change_templates(application, fleet, |_| true, "memory", &"1024".into());
        assert_eq!(services, size.tenants * size.services);
        scene
    }

    /// The same where the last tenant is new: Terraform has made it, and the first release was before its time.
    pub(super) async fn with_a_newcomer(size: Size) -> Self {
        let manifest = r#"clusters: [shop], manifest: "s3://shop-control/sets/{tenant}/manifest.json" }"#;
        let text = file(size).replacen("clusters: [shop] }", manifest, 1);
        let newcomer = format!("    - {{ id: t{}, fleet: prod }}\n", size.tenants - 1);
        let mut scene = Self::of(text.replacen(&newcomer, "", 1), Size { tenants: size.tenants - 1, ..size }).await;
        let source = Source { name: "fleet.yaml".to_owned(), bytes: text.into_bytes() };
        scene.application = read(&[source]).unwrap_or_else(|problems| panic!("{problems}")).into();
        let (application, fleet) = (&scene.application, &scene.application.fleets[0]);
        scene.world.take_in(application);
        scene.world.bear(application, fleet, &[fleet.sets[size.tenants - 1].id.clone()]);
        scene
    }

    async fn of(text: String, size: Size) -> Self {
        let source = Source { name: "fleet.yaml".to_owned(), bytes: text.into_bytes() };
        let application = read(&[source]).unwrap_or_else(|problems| panic!("{problems}"));
        let sim = Arc::new(Sim::new(&application, beginning()));
        let application = Arc::new(application);
        let app = app(&sim, Arc::clone(&application), Arc::new(Silent));
        let mut releases = Vec::new();
        for number in 1..=3 {
            let touched: Vec<String> = (0..size.services).map(|service| format!("s{service}")).collect();
            let touched: Vec<(&str, &[Fault])> = touched.iter().map(|folder| (folder.as_str(), &[][..])).collect();
            sim.world().commit(&touched);
            let commit = commit(number).parse().unwrap();
            let release =
                build(&app, &Request { commit, branch: "main".to_owned(), run_number: number }).await.unwrap();
            if number == 1 {
                let outcome = promote(&app, &application.fleets[0], &release, None, None).await.unwrap();
                assert_eq!(outcome.end, Some(crate::app::drive::End::Succeeded));
            }
            releases.push(release);
        }
        sim.world().advance(SignedDuration::from_hours(1));
        let world = sim.world().clone();
        let (newer, release) = (releases.pop().unwrap(), releases.pop().unwrap());
        Self { application, world, release, newer, flaws: Vec::new(), services: size.services }
    }

    pub(super) fn fleet(&self) -> &Fleet {
        &self.application.fleets[0]
    }

    /// The same world, in which the second release does this wrong.
    pub(super) fn with_flaws(&mut self, flaws: &[Flaw]) {
        self.flaws = flaws.to_vec();
        for service in self.application.services.iter() {
            let name = |of: usize| if of == self.services { SMOKE.to_owned() } else { format!("s{of}") };
            let here = flaws.iter().filter(|(_, of, _)| name(*of) == service.name.as_str());
            let faults: Vec<Fault> = here.map(|(tenant, _, kind)| self.fault(*tenant, *kind)).collect();
            let digest = self.release.images[&service.name].digest.clone();
            self.world.break_image(&digest, &faults);
        }
    }

    /// Whether ECS would go on for ever with a deployment of the second release.
    pub(super) fn never_settles(&self) -> bool {
        self.flaws.iter().any(|(_, _, kind)| matches!(kind, FaultKind::CrashWithoutBreaker | FaultKind::GivenUp))
    }

    /// Whether a smoke test of the second release does not end.
    pub(super) fn never_ends(&self) -> bool {
        self.flaws.iter().any(|(_, _, kind)| *kind == FaultKind::TaskHangs)
    }

    fn fault(&self, tenant: Option<usize>, kind: FaultKind) -> Fault {
        let tenant = tenant.map(|tenant| self.fleet().sets[tenant].id.clone());
        Fault { kind, fleet: None, tenant }
    }

    /// The same world under another policy.
    pub(super) fn with_policy(&mut self, on_failure: OnFailure, failure_budget: usize) {
        let fleet = &mut Arc::make_mut(&mut self.application).fleets[0];
        (fleet.on_failure, fleet.failure_budget) = (on_failure, failure_budget);
    }
}

/// The smoke test's name.
const SMOKE: &str = "smoke";

/// What is judged beside ECS, targets and probes, where more is.
const WATCHED: &str = r#"    alarms: { prefix: "shop-{fleet}-{tenant}-" }
    errors: { good: 0.1%, bad: 3%, requests_min: 100 }
    metrics: { warm_up: 0s, lag: 1m, bake_max: 30m }
    smoke: { deadline: 10m }
"#;

/// Few looks and short watches: what is explored are orders of events, and not lengths of time.
fn file(size: Size) -> String {
    let mut text = format!(
        r#"schema: 1
app: shop
domain: shop.test
images: {{ repository: "shop/{{service}}", platforms: [linux/amd64], builder: docker }}
cells:
  one: {{ account: "111111111111", region: eu-west-1, clusters: [shop] }}
gates:
  default:
    rollout: {{ deadline: 15m, stopped_tasks_max: 1, poll: 90s }}
    targets: {{ healthy: all }}
    probe: {{ url: "https://{{host}}/{{service}}{{health}}", every: 90s, failures_max: 2, version: match }}
    unknown: hold
{more}fleets:
  prod:
    cells: [one]
    deploy_on: merge
    waves: {{ plan: auto, first: 1, factor: {factor}, cap: "max(1%, {cap})" }}
    bake: {bake}
    gate: default
    on_failure: rollback-all
services:
"#,
        more = if size.watched { WATCHED } else { "" },
        factor = size.factor,
        cap = size.cap,
        bake = size.bake
    );
    for service in 0..size.services {
        let after = if service == 0 { String::new() } else { format!(", after: [s{}]", service - 1) };
        writeln!(text, "  s{service}: {{ build: s{service}, port: 8080, health: /healthz{after} }}").unwrap();
    }
    if size.watched {
        writeln!(text, "  {SMOKE}: {{ build: {SMOKE}, run: after }}").unwrap();
    }
    text += "tenants:\n  entries:\n";
    for tenant in 0..size.tenants {
        writeln!(text, "    - {{ id: t{tenant}, fleet: prod }}").unwrap();
    }
    text
}
