//! The files. The workflows are those of this very repository, which are run and checked here; only how tidegate comes
//! onto the runner differs.

use super::Found;

/// The workflows, by the name of their file.
pub const WORKFLOWS: [(&str, &str); 7] = [
    ("approve.yml", include_str!("../../../.github/workflows/approve.yml")),
    ("deploy.yml", include_str!("../../../.github/workflows/deploy.yml")),
    ("drift.yml", include_str!("../../../.github/workflows/drift.yml")),
    ("operate.yml", include_str!("../../../.github/workflows/operate.yml")),
    ("promote.yml", include_str!("../../../.github/workflows/promote.yml")),
    ("report.yml", include_str!("../../../.github/workflows/report.yml")),
    ("rollback.yml", include_str!("../../../.github/workflows/rollback.yml")),
];

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// From the top of the repository.
    pub path: String,
    /// All of it.
    pub text: String,
    /// What stands in it that was not found anywhere and must be looked at.
    pub assumed: Vec<String>,
}

/// fleet.yaml and the workflows.
pub fn files(found: &Found) -> Vec<File> {
    let workflow = |(name, text): (&str, &str)| File {
        path: format!(".github/workflows/{name}"),
        text: text.replace(FROM_SOURCE, &from_release(found)),
        assumed: Vec::new(),
    };
    std::iter::once(fleet(found)).chain(WORKFLOWS.into_iter().map(workflow)).collect()
}

const FROM_SOURCE: &str = "      - uses: ./\n        with:\n          version: source\n";

fn from_release(found: &Found) -> String {
    format!("      - uses: {}\n        with:\n          version: {}\n", found.action, found.version)
}

/// Accounts of examples: nobody has them.
const EXAMPLE_ACCOUNTS: [&str; 2] = ["111111111111", "222222222222"];
const EXAMPLE_REGION: &str = "eu-west-1";

fn fleet(found: &Found) -> File {
    let mut assumed = Vec::new();
    let app = &found.app;
    let dev = match &found.account {
        Some(account) => cell("dev-1", &account.id, &account.region, account.clusters.first(), app.as_str()),
        None => {
            assumed.push("cells.dev-1: the account, the Region and the cluster are an example's".to_owned());
            cell("dev-1", EXAMPLE_ACCOUNTS[0], EXAMPLE_REGION, None, app.as_str())
        }
    };
    assumed.push("cells.prod-1: the account, the Region and the cluster are an example's".to_owned());
    let prod = cell("prod-1", EXAMPLE_ACCOUNTS[1], EXAMPLE_REGION, None, app.as_str());
    assumed.push(format!("domain: tenants would answer at TENANT.{app}.example"));
    assumed.push("tenants: acme and globex are nobody".to_owned());
    let services = services(found, &mut assumed);
    let text = format!(
        "# Everything a release does follows from this file and from what is live. `tidegate check` reads it,\n\
         # `tidegate schema` prints its schema for editors, `tidegate doctor` tells what is missing around it.\n\
         schema: 1\n\
         app: {app}\n\
         domain: {app}.example\n\n\
         versioning:\n  bump: labels   # release:major, release:minor or release:patch on merged pull requests\n\n\
         images:\n  repository: \"{app}/{{service}}\"\n  platforms: [linux/amd64]\n  builder: auto\n\n\
         services:\n{services}\n\
         cells:\n{dev}{prod}\n\
         # What every wave must show before the next one begins.\n\
         gates:\n  default:\n    rollout: {{ deadline: 15m, stopped_tasks_max: 1 }}\n    targets: {{ healthy: all }}\n    \
         probe: {{ url: \"https://{{host}}{{health}}\", every: 10s, failures_max: 2, version: match }}\n    unknown: hold\n\n\
         fleets:\n\
         \x20 dev:\n    cells: [dev-1]\n    domain: dev.{app}.example\n    deploy_on: merge\n    \
         waves: {{ plan: auto, first: 1, factor: 3, cap: \"max(25%, 6)\" }}\n    bake: 5m\n    gate: default\n    \
         on_failure: rollback-wave\n\
         \x20 prod:\n    cells: [prod-1]\n    from: dev\n    soak: 30m\n    deploy_on: label\n    label: promote:prod\n    \
         approval: {{ environment: prod-approval, binds: plan-hash, not_author: true }}\n    \
         waves: {{ plan: auto, first: 1, factor: 3, cap: \"max(25%, 6)\" }}\n    bake: 30m\n    gate: default\n    \
         on_failure: rollback-all\n\n\
         tenants:\n  entries:\n    - {{ id: acme, fleet: dev }}\n    - {{ id: globex, fleet: prod }}\n"
    );
    File { path: "fleet.yaml".to_owned(), text, assumed }
}

fn services(found: &Found, assumed: &mut Vec<String>) -> String {
    if found.services.is_empty() {
        assumed.push(
            "services: no Dockerfile was found, so there is one service `web` in a folder of that name".to_owned(),
        );
        return "  web: { build: web, port: 8080, health: /healthz }\n".to_owned();
    }
    assumed.push("services: the port 8080 and the path /healthz of each are a guess".to_owned());
    let line =
        |(name, folder): (&String, &String)| format!("  {name}: {{ build: {folder}, port: 8080, health: /healthz }}\n");
    found.services.iter().map(line).collect()
}

fn cell(name: &str, account: &str, region: &str, cluster: Option<&String>, app: &str) -> String {
    let fleet = name.split('-').next().unwrap_or(name);
    let cluster = cluster.cloned().unwrap_or_else(|| format!("{app}-{fleet}"));
    format!(
        "  {name}: {{ account: \"{account}\", region: {region}, clusters: [{cluster}], \
         role: \"arn:aws:iam::{account}:role/tidegate-{fleet}\" }}\n"
    )
}
