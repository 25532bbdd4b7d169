//! The control plane as containers of their own: what Terraform would have made of it in dev, what is published for it, and
//! how it is asked. Its four services begin on the bootstrap image, as the tenants' do, and tidegate releases them.

use std::collections::BTreeMap;

use accessos_licensing::claim::AUDIENCE;
use accessos_routing::{PublicKey, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::World;
use super::door::Door;
use super::layout::{CONTROL_PLANE, COORDINATORS, DEV, Place, REGION};
use super::problem::{Problem, Result, Trying};
use super::repository::Repository;
use super::router::SHARED_HOST;
use super::tenancy::Told;

const BUCKET: &str = "accessos-dev-control-111111111111";
/// Files of the checkout with the keys that sign snapshots and licences.
pub(crate) const ROUTING_KEY: &str = "routing.pem";
const LICENSE_KEY: &str = "license.pem";
const READERS_TOKEN: &str = "a-readers-token-of-this-story";
/// What the emulator takes for the signature of a token, and what GitHub's fake takes for one.
const TOKEN: &str = "ghs_0123456789abcdefghijklmnopqrstuvwxyz";
/// Whose licence there is, and whose claims count.
const LICENSED: &str = "acme";
/// What Terraform publishes of a tenant: the fixture of both sides.
const MANIFEST: &str = include_str!("../../../infra/test/fixture/manifest-acme.json");

/// The control plane of dev.
pub(crate) struct ControlPlane<'a> {
    world: &'a World,
    /// Of the key that signs licences.
    licences: PublicKey,
    /// Of the tenant whose claims count.
    claims: SigningKey,
}

/// An answer of one of its services.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl<'a> ControlPlane<'a> {
    /// Makes it: keys, what is published, fleet.yaml, and four services on the bootstrap image.
    pub(crate) async fn create(world: &'a World, repository: &mut Repository) -> Result<Self> {
        let key = || SigningKey::generate().map_err(Problem::new);
        let of = |pem: &str| SigningKey::from_pem(pem).map_err(Problem::new);
        let (routing, license, claims) = (key()?, key()?, of(&key()?)?);
        repository.keep(ROUTING_KEY, &routing)?;
        repository.keep(LICENSE_KEY, &license)?;
        let (routes, licences) = (of(&routing)?.public(), of(&license)?.public());

        let dev = &world.dev;
        dev.create_bucket(BUCKET).await?;
        let (api, front) = (Door::to(dev.endpoint()).await?, Door::to(&dev.front).await?);
        // By this one the emulator's containers are told to reach AWS.
        let _: Door = Door::to(dev.url()).await?;
        let github = Door::to(repository.github.url()).await?;
        repository.change_fleet_file(|text| {
            // The publisher's image has this file in it, and must reach the cell from inside of its container.
            let text = text.replace(dev.endpoint(), &api.by_address);
            let routing = format!(
                "  dev:\n    domain: {}\n    license: {{ missing: release }}\n    routing: {{ \
                 snapshot: \"s3://{BUCKET}/routing\", keys: [\"{routes}\"], backend: \"{}\" }}\n",
                DEV.domain, front.by_name,
            );
            // The last one is the fleet; the gate of that name comes before it.
            let (before, after) = text.rsplit_once("  dev:\n").trying("dev in fleet.yaml")?;
            let text = format!("{before}{routing}{after}");
            let line = format!("{{ id: {LICENSED}, fleet: dev,");
            let more = format!(
                "{line} license: {{ plan: enterprise, until: 2990-12-31 }}, token_keys: [{{ id: {LICENSED}-1, x: \"{}\" }}],",
                URL_SAFE_NO_PAD.encode(claims.public().bytes()),
            );
            Ok(text.replacen(&line, &more, 1))
        })?;

        let plane = Self { world, licences, claims };
        plane.publish(repository).await?;
        let told = plane.told(&routing, &routes, &github);
        let mut listener = dev.listener().await?;
        for service in &COORDINATORS {
            dev.ensure_repository(&repository.shape.repository(service)).await?;
            let place = plane.place(service.name);
            let group = match service.traffic {
                true => Some(dev.create_route(&mut listener, place).await?),
                false => None,
            };
            if service.name == "edge-router"
                && let Some(group) = &group
            {
                dev.lead(&mut listener, SHARED_HOST, "/*", group).await?;
                dev.lead(&mut listener, DEV.domain, "/*", group).await?;
            }
            let revision = dev.register_told(place, world.first_image(), &told[service.name]).await?;
            dev.create_service(place, &revision, group.as_deref()).await?;
        }
        Ok(plane)
    }

    /// What Terraform publishes: a manifest for each tenant, and the licences of the checkout.
    async fn publish(&self, repository: &mut Repository) -> Result<()> {
        let mut manifest: Value = serde_json::from_str(MANIFEST).trying("the fixture of a manifest")?;
        for tenant in DEV.tenants {
            manifest["set"] = (*tenant).into();
            manifest["host"] = format!("{tenant}.{}", DEV.domain).into();
            self.world.dev.put(&format!("{BUCKET}/sets/{tenant}/manifest.json"), &manifest.to_string()).await?;
        }
        let words = ["license", "issue", "--fleet", "dev", "--key", LICENSE_KEY];
        super::expect_code(&repository.typed(&"0".repeat(40), &words).await?, 0)?;
        let licence = repository.text(&format!("licenses/dev/{LICENSED}.json"))?;
        self.world.dev.put(&format!("{BUCKET}/licenses/{LICENSED}.json"), &licence).await
    }

    /// What its containers are told: what `infra/` gives them, and what stands in for a task's role on the emulator.
    fn told(&self, pem: &str, routes: &PublicKey, github: &Door) -> BTreeMap<&'static str, Told> {
        let bucket = |part: &str| format!("s3://{BUCKET}/{part}");
        let reader: String = Sha256::digest(READERS_TOKEN).iter().map(|byte| format!("{byte:02x}")).collect();
        let told = |environment: &[(&'static str, String)], command: &[&'static str]| {
            let aws =
                [("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", DEV.account), ("AWS_SECRET_ACCESS_KEY", "no-secret")];
            let aws = aws.map(|(name, value)| (name, value.to_owned()));
            Told { environment: [&aws[..], environment].concat(), command: command.to_vec() }
        };
        BTreeMap::from([
            (
                "tenant-registry",
                told(
                    &[
                        ("REGISTRY_MANIFESTS", bucket("sets")),
                        ("REGISTRY_ROUTING", bucket("routing")),
                        ("REGISTRY_ROUTING_KEYS", routes.to_string()),
                        ("REGISTRY_READERS", reader),
                        ("REGISTRY_POLL_SECONDS", "1".to_owned()),
                    ],
                    &[],
                ),
            ),
            (
                "licensing",
                told(
                    &[
                        ("LICENSING_SOURCE", bucket("licenses")),
                        ("LICENSING_KEYS", self.licences.to_string()),
                        ("LICENSING_ROUTING", bucket("routing")),
                        ("LICENSING_ROUTING_KEYS", routes.to_string()),
                        ("LICENSING_POLL_SECONDS", "1".to_owned()),
                    ],
                    &[],
                ),
            ),
            (
                "routing-publisher",
                told(
                    &[
                        ("TIDEGATE_FLEET", DEV.name.to_owned()),
                        ("TIDEGATE_ROUTING_KEY", pem.to_owned()),
                        ("GITHUB_REPOSITORY", "accessos/accessos".to_owned()),
                        ("GITHUB_API_URL", github.by_name.clone()),
                        ("GITHUB_GRAPHQL_URL", format!("{}/graphql", github.by_name)),
                        ("GITHUB_TOKEN", TOKEN.to_owned()),
                    ],
                    &["--every", "1s"],
                ),
            ),
            (
                "edge-router",
                told(
                    &[
                        ("ROUTER_ROOT_HOST", DEV.domain.to_owned()),
                        ("ROUTER_SHARED_HOST", SHARED_HOST.to_owned()),
                        ("ROUTER_SNAPSHOT", bucket("routing")),
                        ("ROUTER_KEYS", routes.to_string()),
                        ("ROUTER_POLL_SECONDS", "0.2".to_owned()),
                        ("ROUTER_WORKERS", "1".to_owned()),
                    ],
                    &[],
                ),
            ),
        ])
    }

    pub(crate) fn place(&self, service: &str) -> Place {
        let service = COORDINATORS.iter().find(|known| known.name == service);
        let service = service.unwrap_or_else(|| panic!("it is none of the control plane's"));
        Place { fleet: &DEV, tenant: CONTROL_PLANE, service }
    }

    /// What one of its services says at this path, through the load balancer, to who has this token.
    pub(crate) async fn ask(&self, service: &str, path: &str, token: Option<&str>) -> Result<Said> {
        let asked = self.world.dev.http.get(format!("{}/{service}{path}", self.world.dev.front));
        let asked = asked.header("host", DEV.domain);
        let asked = token.iter().fold(asked, |asked, token| asked.bearer_auth(token));
        let answer = asked.send().await.trying(service)?;
        let status = answer.status().as_u16();
        Ok(Said { status, body: answer.bytes().await.trying(service)?.to_vec() })
    }

    /// The registry's page of all tenants: each with its state.
    pub(crate) async fn tenants(&self) -> Result<Vec<String>> {
        let said = self.ask("tenant-registry", "/v1/tenants", Some(READERS_TOKEN)).await?;
        let body = said.json();
        let tenants = body["tenants"].as_array().trying(format!("tenants in {} {body}", said.status))?;
        let word = |tenant: &Value, field: &str| tenant[field].as_str().unwrap_or("-").to_owned();
        Ok(tenants.iter().map(|tenant| format!("{} {}", word(tenant, "id"), word(tenant, "state"))).collect())
    }

    /// A claim of the tenant that has a licence.
    pub(crate) fn claim(&self) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let until = Timestamp::now().as_second() + 600;
        let claims = json!({ "tenant": LICENSED, "aud": AUDIENCE, "exp": until });
        let signed = format!("{}.{}", part(json!({ "alg": "EdDSA", "kid": format!("{LICENSED}-1") })), part(claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.claims.sign(signed.as_bytes())))
    }

    /// The licence in these bytes, judged as the tenant judges it.
    pub(crate) fn licence(&self, bytes: &[u8]) -> Result<accessos_licensing::Licence> {
        let keys = accessos_licensing::TrustedKeys::new(vec![self.licences.clone()]).map_err(Problem::new)?;
        let expected = accessos_licensing::Expected {
            app: "accessos",
            fleet: DEV.name,
            tenant: LICENSED,
            seen: None,
            now: Timestamp::now(),
        };
        accessos_licensing::verify(bytes, &keys, expected)
            .map(|(licence, _)| licence)
            .map_err(|refusals| Problem::new(format!("{refusals:?}")))
    }

    /// Takes its services away: nobody after this story waits for them.
    pub(crate) async fn end(self) -> Result<()> {
        for service in &COORDINATORS {
            self.world.dev.delete_service(self.place(service.name)).await?;
        }
        Ok(())
    }
}
