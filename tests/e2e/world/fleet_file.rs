//! The fleet.yaml of an application in this world: two fleets, the emulators for cells, and times so short that
//! a whole story takes a minute. What stories differ in is a [`Shape`].

use super::World;
use super::layout::{COORDINATORS, DEV, Fleet, PROD, SERVICES, SMOKE, Service};

/// The label that asks for prod.
pub(super) const LABEL: &str = "promote:prod";
/// The environment whose reviewers approve a plan for prod.
pub(super) const APPROVAL: &str = "prod-approval";

/// An application as a story wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The first part of its image repositories: two stories must not meet each other's tags.
    pub(crate) name: &'static str,
    /// How many of the world's services it has.
    pub(crate) services: usize,
    /// How many of dev's tenants. Those that it leaves out run on as they are.
    pub(crate) dev_tenants: usize,
    /// How long dev is watched.
    pub(crate) dev_bake: &'static str,
    /// Whether alarms of dev's tenants have a vote.
    pub(crate) alarms: bool,
    /// Whether tenants have a smoke test.
    pub(crate) smoke: bool,
    /// Whether there is a control plane.
    pub(crate) control_plane: bool,
    /// How long prod's canary is watched.
    pub(crate) canary_bake: &'static str,
    /// How many of prod's other tenants are in the first wave after the canary.
    pub(crate) rest_first: usize,
    /// How many of prod's tenants may be left behind.
    pub(crate) failure_budget: usize,
    /// Whether it is what Terraform makes: an application of its own beside those of the world, in dev alone.
    pub(crate) made_by_terraform: bool,
}

impl Shape {
    /// Everything the world has.
    pub(crate) const fn whole(name: &'static str) -> Self {
        Self {
            name,
            services: 5,
            dev_tenants: 2,
            dev_bake: "1s",
            alarms: false,
            smoke: false,
            control_plane: false,
            canary_bake: "4s",
            rest_first: 1,
            failure_budget: 0,
            made_by_terraform: false,
        }
    }

    /// Two services, one tenant in dev, three in prod: for stories that play often.
    pub(crate) const fn small(name: &'static str) -> Self {
        Self { services: 2, dev_tenants: 1, canary_bake: "1s", ..Self::whole(name) }
    }

    /// Two services of one tenant, for whom Terraform makes everything.
    pub(crate) const fn platform(name: &'static str) -> Self {
        Self { made_by_terraform: true, ..Self::small(name) }
    }

    pub(crate) fn services(&self) -> &'static [Service] {
        &SERVICES[..self.services]
    }

    /// The services of its control plane.
    pub(crate) fn coordinators(&self) -> &'static [Service] {
        if self.control_plane { &COORDINATORS } else { &[] }
    }

    pub(crate) fn tenants(&self, fleet: &Fleet) -> &'static [&'static str] {
        if *fleet == DEV { &DEV.tenants[..self.dev_tenants] } else { PROD.tenants }
    }

    /// The name of a service's image repository.
    pub(crate) fn repository(&self, service: &Service) -> String {
        format!("{}/{}", self.name, service.name)
    }

    /// The text of fleet.yaml.
    pub(super) fn fleet_yaml(&self, world: &World) -> String {
        if self.made_by_terraform {
            return self.platform_yaml(world);
        }
        format!(
            "schema: 1\napp: accessos\ndomain: a3os.app\nversioning: {{ bump: patch, prerelease: main }}\n\
             images: {{ repository: \"{}/{{service}}\", cell: dev-1, platforms: [linux/amd64], builder: auto, \
             attest: off, prepare: [./prepare], inputs: [bin] }}\n\
             services:\n{}{}{}cells:\n{}{}gates:\n{}{}fleets:\n{}{}tenants:\n  entries:\n{}{}",
            self.name,
            self.services().iter().map(service).collect::<String>(),
            if self.smoke {
                format!("  {}: {{ build: {}, run: after }}\n", SMOKE.name, SMOKE.context)
            } else {
                String::new()
            },
            match self.coordinators() {
                [] => String::new(),
                all => format!(
                    "control_plane:\n  skew: 1\n  services:\n{}",
                    all.iter().map(coordinator).collect::<String>()
                ),
            },
            cell(world, &DEV),
            cell(world, &PROD),
            gate(world, &DEV, self),
            gate(world, &PROD, &Self { alarms: false, ..*self }),
            self.dev(),
            self.prod(),
            self.entries(&DEV),
            self.entries(&PROD),
        )
    }

    fn platform_yaml(&self, world: &World) -> String {
        let (registry, endpoint, account) = (world.dev.registry(), world.dev.endpoint(), DEV.account);
        format!(
            "schema: 1\napp: shop\ndomain: shop.test\nversioning: {{ bump: patch, prerelease: main }}\n\
             images: {{ repository: \"{}/{{service}}\", platforms: [linux/amd64], builder: auto, attest: off, \
             prepare: [./prepare], inputs: [bin] }}\nservices:\n{}cells:\n  dev-1: {{ account: \"{account}\", \
             region: eu-west-1, clusters: [shop-dev], endpoint: \"{endpoint}\", registry: \"{registry}\", \
             role: \"arn:aws:iam::{account}:role/tidegate-dev\", \
             manifest: \"s3://shop-{{fleet}}-control-{account}/sets/{{tenant}}/manifest.json\" }}\ngates:\n  dev:\n    \
             rollout: {{ deadline: 1m, poll: 500ms, stopped_tasks_max: 1 }}\n    targets: {{ healthy: all }}\n    \
             probe: {{ url: \"http://{registry}/_alb/shop-dev/{{service}}{{health}}\", every: 500ms, failures_max: 2, \
             version: match }}\n    unknown: hold\nfleets:\n{}tenants:\n  entries:\n    \
             - {{ id: acme, fleet: dev, host: acme.dev.shop.test }}\n",
            self.name,
            self.services().iter().map(service).collect::<String>(),
            self.dev(),
        )
    }

    fn dev(&self) -> String {
        format!(
            "  dev:\n    cells: [dev-1]\n    deploy_on: merge\n    \
             waves: {{ plan: auto, first: 1, factor: 3, cap: \"max(25%, 6)\" }}\n    bake: {}\n    gate: dev\n    \
             on_failure: rollback-wave\n",
            self.dev_bake,
        )
    }

    fn prod(&self) -> String {
        format!(
            "  prod:\n    cells: [prod-1]\n    from: dev\n    soak: 0s\n    deploy_on: label\n    label: {LABEL}\n    \
             approval: {{ environment: {APPROVAL}, binds: plan-hash, not_author: true }}\n    waves:\n      \
             - {{ name: canary, select: {{ tag: canary }}, bake: {} }}\n      \
             - {{ name: rest, plan: auto, first: {}, factor: 3, cap: \"max(25%, 6)\", bake: 1s }}\n    \
             gate: prod\n    on_failure: rollback-all\n    failure_budget: {}\n",
            self.canary_bake, self.rest_first, self.failure_budget,
        )
    }

    fn entries(&self, fleet: &'static Fleet) -> String {
        let tenants = self.tenants(fleet).iter().enumerate();
        let entries = tenants.map(|(index, tenant)| {
            let tags = if index == 0 { ", tags: [canary]" } else { "" };
            format!("    - {{ id: {tenant}, fleet: {}, host: {tenant}.{}{tags} }}\n", fleet.name, fleet.domain)
        });
        entries.collect()
    }
}

fn service(service: &Service) -> String {
    let after = match service.name {
        "iam-service" => "",
        "discovery-worker" => ", after: [discovery-service]",
        _ => ", after: [iam-service]",
    };
    let way = if service.traffic { "port: 8080, health: /healthz" } else { "traffic: none" };
    format!("  {}: {{ build: {}, {way}{after} }}\n", service.name, service.context)
}

fn coordinator(service: &Service) -> String {
    let after = if service.name == "edge-router" { ", after: [tenant-registry]" } else { "" };
    let way = if service.traffic { "port: 8080, health: /healthz" } else { "traffic: none" };
    format!("    {}: {{ build: {}, {way}{after} }}\n", service.name, service.context)
}

fn cell(world: &World, fleet: &Fleet) -> String {
    let (name, account, cell) = (fleet.name, fleet.account, world.cell(fleet));
    format!(
        "  {name}-1: {{ account: \"{account}\", region: eu-west-1, clusters: [{}], endpoint: \"{}\", \
         registry: \"{}\", role: \"arn:aws:iam::{account}:role/tidegate-{name}\" }}\n",
        fleet.cluster(),
        cell.endpoint(),
        cell.registry(),
    )
}

fn gate(world: &World, fleet: &Fleet, shape: &Shape) -> String {
    let alarms = if shape.alarms { "    alarms: { prefix: \"accessos-{fleet}-{tenant}-\" }\n" } else { "" };
    let smoke = if shape.smoke { "    smoke: { deadline: 20s }\n" } else { "" };
    let routers = if shape.control_plane && *fleet == DEV { "    routers: all\n" } else { "" };
    format!(
        "  {}:\n    rollout: {{ deadline: 1m, poll: 500ms, stopped_tasks_max: 1 }}\n    targets: {{ healthy: all }}\n    \
         probe: {{ url: \"http://{}/_alb/{}/{{service}}{{health}}\", every: 500ms, failures_max: 2, version: match }}\n{alarms}{smoke}{routers}    \
         unknown: hold\n",
        fleet.name,
        world.cell(fleet).registry(),
        fleet.load_balancer(),
    )
}
