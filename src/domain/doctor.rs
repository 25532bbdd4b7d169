//! What must be there around a fleet.yaml for releases to work, and what of it is: pure over what was seen. Each finding
//! says what mends it. What could not be looked at is unknown, and unknown is never called fine.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::fleet::{Application, Bumping, Cell, DeployOn, Fleet};
use super::ids::CellName;

/// What was seen around the file; each part may be unreadable, with the reason in words.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The repository at GitHub.
    pub repository: Result<RepositorySeen, String>,
    /// The ARNs of the cell's clusters that are active.
    pub clusters: BTreeMap<CellName, Result<Vec<String>, String>>,
    /// Repositories in the registry that are there, of those that were asked for.
    pub registry: Result<BTreeSet<String>, String>,
    /// Workflows of the checkout, by path.
    pub workflows: BTreeMap<String, String>,
    /// Terraform files of the checkout, by path.
    pub terraform: BTreeMap<String, String>,
}

/// A repository at GitHub, as far as releases depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositorySeen {
    /// `owner/name`.
    pub name: String,
    /// Its number.
    pub id: u64,
    /// Its owner's number.
    pub owner_id: u64,
    /// The branch that pull requests are merged to.
    pub default_branch: String,
    /// Its environments, and whether each has reviewers.
    pub environments: BTreeMap<String, bool>,
    /// Its labels.
    pub labels: BTreeSet<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It is there, and as it must be.
    Fine,
    /// It could not be looked at.
    Unknown,
    /// It is not there, or not as it must be.
    Missing,
}

/// One thing that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked for.
    pub what: String,
    /// How it is.
    pub health: Health,
    /// What was seen, if that says more.
    pub seen: String,
    /// What mends it; empty where nothing has to be.
    pub mend: String,
}

/// Looks over everything, in the order in which it is set up.
pub fn diagnose(application: &Application, seen: &Surroundings) -> Vec<Finding> {
    let mut findings = Vec::new();
    repository(application, seen, &mut findings);
    workflows(application, seen, &mut findings);
    for (name, cell) in &application.cells {
        findings.push(clusters(cell, seen.clusters.get(name)));
    }
    registry(application, seen, &mut findings);
    findings.extend(ownership(seen));
    findings
}

fn finding(what: impl Into<String>, fine: bool, seen: impl Into<String>, mend: impl Into<String>) -> Finding {
    let health = if fine { Health::Fine } else { Health::Missing };
    let mend = if fine { String::new() } else { mend.into() };
    Finding { what: what.into(), health, seen: seen.into(), mend }
}

fn unknown(what: impl Into<String>, why: &str, mend: impl Into<String>) -> Finding {
    Finding { what: what.into(), health: Health::Unknown, seen: why.to_owned(), mend: mend.into() }
}

/// Labels, environments and their reviewers, and what AWS's trust in them must say.
fn repository(application: &Application, seen: &Surroundings, findings: &mut Vec<Finding>) {
    let repository = match &seen.repository {
        Ok(repository) => repository,
        Err(why) => {
            let mend = "set GITHUB_REPOSITORY=owner/name and GITHUB_TOKEN (of `gh auth token`), then run it again";
            return findings.push(unknown("the repository at GitHub", why, mend));
        }
    };
    let name = &repository.name;
    if let Some(branch) = &application.versioning.branch {
        let mend = "say the default branch in versioning.prerelease, or take the key out";
        let seen = format!("{} is the default branch", repository.default_branch);
        findings.push(finding(format!("merges to `{branch}`"), *branch == repository.default_branch, seen, mend));
    }
    for label in labels(application) {
        let mend = format!("gh label create '{label}' --repo {name}");
        findings.push(finding(format!("label `{label}`"), repository.labels.contains(&label), "", mend));
    }
    for fleet in &application.fleets {
        environment(repository, fleet.name.as_str(), findings);
        if let Some(approval) = &fleet.approval {
            environment(repository, &approval.environment, findings);
            reviewers(repository, &approval.environment, findings);
        }
        findings.push(trust(repository, application, fleet));
    }
}

fn labels(application: &Application) -> Vec<String> {
    let of_fleets = application.fleets.iter().filter_map(|fleet| match &fleet.deploy_on {
        DeployOn::Label(label) => Some(label.clone()),
        DeployOn::Merge | DeployOn::Dispatch => None,
    });
    let of_versions = ["release:major", "release:minor", "release:patch"].map(str::to_owned);
    let of_versions = of_versions.into_iter().filter(|_| application.versioning.bump == Bumping::Labels);
    of_fleets.chain(of_versions).collect()
}

fn environment(repository: &RepositorySeen, environment: &str, findings: &mut Vec<Finding>) {
    let there = repository.environments.contains_key(environment);
    let mend = format!("gh api --method PUT repos/{}/environments/{environment}", repository.name);
    findings.push(finding(format!("environment `{environment}`"), there, "", mend));
}

/// An environment without reviewers lets every plan pass.
fn reviewers(repository: &RepositorySeen, environment: &str, findings: &mut Vec<Finding>) {
    let reviewed = repository.environments.get(environment).copied().unwrap_or(false);
    let mend = format!(
        "Settings, Environments, {environment}, Required reviewers: https://github.com/{}/settings/environments",
        repository.name
    );
    findings.push(finding(format!("reviewers of `{environment}`"), reviewed, "", mend));
}

/// What the trust policy of a fleet's role must allow. It is IAM's, which is not asked; a job of that environment shows
/// whether it holds. Repositories made since July 2026 have the form with numbers, older ones the one without.
fn trust(repository: &RepositorySeen, application: &Application, fleet: &Fleet) -> Finding {
    let (owner, name) = repository.name.split_once('/').unwrap_or((&repository.name, ""));
    let environment = &fleet.name;
    let subs = format!(
        "repo:{owner}/{name}:environment:{environment} and repo:{owner}@{}/{name}@{}:environment:{environment}",
        repository.owner_id, repository.id
    );
    let roles: Vec<&str> = fleet.cells.iter().filter_map(|cell| application.cells.get(cell)?.role.as_deref()).collect();
    let mend = format!(
        "let the trust policy of {} allow the sub {subs}; infra/bootstrap makes it so, and a job of the environment shows it",
        roles.join(", ")
    );
    unknown(format!("trust of {environment}'s role in GitHub"), "not asked here", mend)
}

/// A workflow for each way in.
fn workflows(application: &Application, seen: &Surroundings, findings: &mut Vec<Finding>) {
    let started_by = |event: &str| {
        seen.workflows
            .values()
            .any(|text| text.contains("tidegate ci") && text.lines().any(|line| line.trim_start().starts_with(event)))
    };
    let labelled = application.fleets.iter().any(|fleet| matches!(fleet.deploy_on, DeployOn::Label(_)));
    for (event, needed) in
        [("push:", true), ("pull_request:", labelled), ("workflow_dispatch:", true), ("schedule:", true)]
    {
        if needed {
            let what = format!("a workflow for {} that runs `tidegate ci`", event.trim_end_matches(':'));
            findings.push(finding(what, started_by(event), "", "tidegate init"));
        }
    }
    let finalized = seen.workflows.iter().filter(|(_, text)| text.contains("tidegate ci"));
    for (path, text) in finalized {
        let mend = format!("a last step in {path}: `if: always()`, `run: tidegate finalize`");
        findings.push(finding(
            format!("{path} cleans up after a killed job"),
            text.contains("tidegate finalize"),
            "",
            mend,
        ));
    }
}

fn clusters(cell: &Cell, seen: Option<&Result<Vec<String>, String>>) -> Finding {
    let what = format!("cell {}: account {}, clusters {}", cell.name, cell.account, cell.clusters.join(", "));
    let role = cell.role.as_deref().unwrap_or("the role at hand");
    match seen {
        Some(Ok(arns)) => {
            let is_there = |cluster: &&String| {
                arns.iter()
                    .any(|arn| arn.ends_with(&format!("/{cluster}")) && arn.contains(&format!(":{}:", cell.account)))
            };
            let missing: Vec<&str> =
                cell.clusters.iter().filter(|cluster| !is_there(cluster)).map(String::as_str).collect();
            let told =
                if missing.is_empty() { String::new() } else { format!("not in that account: {}", missing.join(", ")) };
            finding(what, missing.is_empty(), told, "correct the cell in fleet.yaml, or apply infra/envs of its fleet")
        }
        Some(Err(why)) => unknown(what, why, format!("run it where {role} can be taken")),
        None => unknown(what, "not asked", "run it again"),
    }
}

fn registry(application: &Application, seen: &Surroundings, findings: &mut Vec<Finding>) {
    let wanted: BTreeSet<String> = repositories(application);
    match &seen.registry {
        Err(why) => {
            findings.push(unknown("repositories for images", why, "run it where the registry's cell can be read"))
        }
        Ok(there) => {
            let missing: Vec<&str> = wanted.iter().filter(|name| !there.contains(*name)).map(String::as_str).collect();
            let told = if missing.is_empty() { String::new() } else { format!("not there: {}", missing.join(", ")) };
            let mend = format!(
                "apply infra/envs of the first fleet, or: aws ecr create-repository --image-tag-mutability IMMUTABLE --repository-name {}",
                missing.first().unwrap_or(&"")
            );
            findings.push(finding(format!("{} repositories for images", wanted.len()), missing.is_empty(), told, mend));
        }
    }
}

/// The registry's repositories that builds push to, without the registry's host.
pub fn repositories(application: &Application) -> BTreeSet<String> {
    application.all_services().map(|service| application.images.path(&service.name)).collect()
}

/// Terraform must leave alone what releases change, or its next apply takes every release back.
fn ownership(seen: &Surroundings) -> Vec<Finding> {
    let services = seen.terraform.iter().filter(|(_, text)| text.contains("resource \"aws_ecs_service\""));
    let check = |(path, text): (&String, &String)| {
        let ignored = text.split("ignore_changes").skip(1).any(|rest| {
            let list = rest.split(']').next().unwrap_or_default();
            list.contains("task_definition") && list.contains("desired_count")
        });
        let mend =
            "lifecycle { ignore_changes = [task_definition, desired_count] }, since releases and pauses change them";
        finding(format!("{path} leaves task definitions and counts alone"), ignored, "", mend)
    };
    services.map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{Source, read};
    use super::*;

    fn application() -> Application {
        let bytes = include_bytes!("../../fleet.yaml").to_vec();
        read(&[Source { name: "fleet.yaml".to_owned(), bytes }]).unwrap()
    }

    fn well() -> Surroundings {
        let application = application();
        let cell = |(name, cell): (&CellName, &Cell)| {
            let arn = |cluster: &String| format!("arn:aws:ecs:{}:{}:cluster/{cluster}", cell.region, cell.account);
            (name.clone(), Ok(cell.clusters.iter().map(arn).collect()))
        };
        let workflow =
            |event: &str| format!("on:\n  {event}\njobs:\n  - run: exec tidegate ci\n  - run: tidegate finalize\n");
        let events = ["push:", "pull_request:", "workflow_dispatch:", "schedule:"];
        Surroundings {
            repository: Ok(RepositorySeen {
                name: "acme/shop".to_owned(),
                id: 7,
                owner_id: 8,
                default_branch: "main".to_owned(),
                environments: [("dev", false), ("prod", false), ("prod-approval", true)].map(|(n, r)| (n.to_owned(), r)).into(),
                labels: ["promote:prod".to_owned()].into(),
            }),
            clusters: application.cells.iter().map(cell).collect(),
            registry: Ok(repositories(&application)),
            workflows: events.map(|event| (format!("{event}yml"), workflow(event))).into(),
            terraform: BTreeMap::from([(
                "ecs.tf".to_owned(),
                "resource \"aws_ecs_service\" \"a\" { lifecycle { ignore_changes = [task_definition, desired_count] } }".to_owned(),
            )]),
        }
    }

    fn told(seen: &Surroundings) -> Vec<String> {
        let findings = diagnose(&application(), seen);
        let ill = findings.into_iter().filter(|finding| finding.health != Health::Fine);
        ill.map(|finding| format!("{:?} {}: {}", finding.health, finding.what, finding.mend)).collect()
    }

    #[test]
    fn where_all_is_well_only_the_trust_is_left_to_a_job() {
        let told = told(&well());
        assert_eq!(told.len(), 2, "{told:#?}");
        assert!(
            told[1].contains("repo:acme/shop:environment:prod and repo:acme@8/shop@7:environment:prod"),
            "{told:#?}"
        );
    }

    #[test]
    fn everything_that_is_missing_is_told_with_what_mends_it() {
        let mut seen = well();
        let repository = seen.repository.as_mut().unwrap();
        repository.labels.clear();
        repository.environments = BTreeMap::from([("prod-approval".to_owned(), false)]);
        seen.workflows.clear();
        seen.terraform.insert("x.tf".to_owned(), "resource \"aws_ecs_service\" \"b\" {}".to_owned());
        seen.registry = Ok(BTreeSet::new());
        seen.clusters.insert(
            "prod-1".parse().unwrap(),
            Ok(vec!["arn:aws:ecs:eu-west-1:999999999999:cluster/accessos-prod".to_owned()]),
        );
        let told = told(&seen).join("\n");
        for mend in [
            "gh label create 'promote:prod' --repo acme/shop",
            "gh api --method PUT repos/acme/shop/environments/dev",
            "Required reviewers",
            "tidegate init",
            "create-repository",
            "ignore_changes = [task_definition, desired_count]",
            "correct the cell in fleet.yaml",
        ] {
            assert!(told.contains(mend), "{mend} is not in\n{told}");
        }
    }

    #[test]
    fn what_cannot_be_looked_at_is_unknown() {
        let mut seen = well();
        seen.repository = Err("no token".to_owned());
        seen.registry = Err("no credentials".to_owned());
        seen.clusters.clear();
        let findings = diagnose(&application(), &seen);
        assert_eq!(findings.iter().filter(|finding| finding.health == Health::Unknown).count(), 4);
        assert!(findings.iter().all(|finding| finding.health != Health::Missing));
    }
}
