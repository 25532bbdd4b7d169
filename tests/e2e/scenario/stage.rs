//! What the stories about releases share: a repository in the world, and what may be said of both.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::story::Story;
use crate::world::{Answer, Call, Fleet, PROD, Place, Problem, Repository, Result, Shape, World, expect_code};

/// How often something that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How long something is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a story takes place.
pub(super) struct Stage<'a> {
    pub(super) story: &'a mut Story,
    pub(super) world: &'a World,
    pub(super) repository: Repository,
}

/// A release as the story goes on with it.
pub(super) struct Released {
    pub(super) commit: String,
    pub(super) version: String,
}

impl<'a> Stage<'a> {
    pub(super) async fn create(story: &'a mut Story, world: &'a World, shape: Shape) -> Result<Self> {
        let repository = Repository::create(world, shape).await?;
        Ok(Self { story, world, repository })
    }
}

impl Stage<'_> {
    /// Every HTTP service of a fleet answers with one of these versions, told by service. Prints one row a tenant.
    pub(super) async fn everybody_answers(
        &mut self,
        fleet: &'static Fleet,
        versions: &BTreeMap<&str, &str>,
    ) -> Result<()> {
        for tenant in self.repository.shape.tenants(fleet) {
            self.tenant_answers(fleet, tenant, versions).await?;
        }
        Ok(())
    }

    /// As [`Stage::everybody_answers`], without a word.
    pub(super) async fn everybody_is_at(&self, fleet: &'static Fleet, versions: &BTreeMap<&str, &str>) -> Result<()> {
        for tenant in self.repository.shape.tenants(fleet) {
            self.answers(fleet, tenant, versions).await?;
        }
        Ok(())
    }

    /// One tenant's HTTP services answer these versions; services that are not named, whatever they like, but 200.
    pub(super) async fn tenant_answers(
        &mut self,
        fleet: &'static Fleet,
        tenant: &str,
        versions: &BTreeMap<&str, &str>,
    ) -> Result<()> {
        let row = self.answers(fleet, tenant, versions).await?;
        self.story.rows([format!("{}/{tenant}: {row}", fleet.name)]);
        Ok(())
    }

    async fn answers(&self, fleet: &'static Fleet, tenant: &str, versions: &BTreeMap<&str, &str>) -> Result<String> {
        let mut row = Vec::new();
        for place in places(self.repository.shape, fleet, tenant) {
            let answer: Answer = self.world.answer(place).await?;
            let wanted = versions.get(place.service.name);
            if answer.status != 200 || wanted.is_some_and(|version| !answer.is(200, version)) {
                return Err(Problem::new(format!("{place} answers {answer:?} where {wanted:?} should run")));
            }
            row.push(format!("{}={}", place.service.name, answer.version));
        }
        Ok(row.join(" "))
    }

    /// Every service of the application at one version.
    pub(super) fn all_at<'v>(&self, version: &'v str) -> BTreeMap<&'static str, &'v str> {
        self.repository.shape.services().iter().map(|service| (service.name, version)).collect()
    }

    /// Nothing of the conversation with GitHub was against GitHub's own description.
    pub(super) fn contract(&mut self) -> Result<()> {
        let violations = self.repository.github.violations();
        let writes = self.repository.github.writes();
        let requests = self.repository.github.requests().len();
        self.story.step(&format!(
            "GitHub: {requests} requests, {writes} writes, {} against its OpenAPI description",
            violations.len()
        ));
        if violations.is_empty() { Ok(()) } else { Err(Problem::new(violations.join("\n"))) }
    }

    /// What the story knows of the newest deployment of a fleet: its state and the line that says why.
    pub(super) fn newest_deployment(&self, fleet: &Fleet, skip_rollbacks: bool) -> Result<(u64, String, String)> {
        let deployments = self.repository.github.deployments();
        let newest = deployments
            .iter()
            .filter(|deployment| deployment.environment == fleet.name)
            .filter(|deployment| !skip_rollbacks || deployment.task == "tidegate:deploy")
            .max_by_key(|deployment| deployment.id)
            .ok_or_else(|| Problem::new(format!("no deployment of {}", fleet.name)))?;
        let statuses = self.repository.github.statuses(newest.id);
        let last = statuses.last().ok_or_else(|| Problem::new(format!("no status of {}", newest.id)))?;
        Ok((newest.id, last.state.clone(), last.description.clone()))
    }

    /// The newest deployment of a fleet is in this state.
    pub(super) fn deployment_is(&mut self, fleet: &Fleet, skip_rollbacks: bool, state: &str) -> Result<String> {
        let (id, found, line) = self.newest_deployment(fleet, skip_rollbacks)?;
        self.story.step(&format!("deployment {id} of {}: {found}: {line}", fleet.name));
        if found == state { Ok(line) } else { Err(Problem::new(format!("it is {found} and not {state}"))) }
    }

    /// The number of the run that holds a fleet's lease; none while it is free.
    pub(super) fn lease_holder(&self, fleet: &Fleet) -> Option<u64> {
        let record = self.repository.github.file(&format!("tidegate-lease-{}", fleet.name), "lease.json")?;
        let record: serde_json::Value = serde_json::from_slice(&record).ok()?;
        record["holder"]["owner"]["run"].as_u64()
    }

    /// Waits until something is so, and fails with its name if that takes longer than a minute.
    pub(super) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            if Instant::now() > deadline {
                return Err(Problem::new(format!("not within {} s: {what}", PATIENCE.as_secs())));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// How many updates of services prod was sent since the calls were last forgotten.
    pub(super) fn updates(&self) -> usize {
        self.world.prod.mutations().iter().filter(|call| call.action == "UpdateService").count()
    }

    /// The line of prod's newest deployment; empty while there is none.
    pub(super) fn line(&self) -> String {
        self.newest_deployment(&PROD, false).map(|(_, _, line)| line).unwrap_or_default()
    }

    /// A change of one service is merged and reaches dev: there is something to promote.
    pub(super) async fn merge(&mut self, service: &str, fault: &str) -> Result<Released> {
        let commit = self.repository.commit(service, fault).await?;
        let merged = self.repository.merged(&commit).await?;
        expect_code(&merged, 0)?;
        let version = merged.output("version").ok_or_else(|| Problem::new("no output `version`"))?;
        Ok(Released { commit, version })
    }

    /// Makes sure that nothing was sent twice, and begins to count anew. Answers how many updates there were.
    pub(super) fn forget_calls(&self) -> Result<usize> {
        let mut updates = 0;
        for cell in [&self.world.dev, &self.world.prod] {
            updates += nothing_twice(&cell.mutations())?;
            cell.forget_calls();
        }
        Ok(updates)
    }

    /// Every deployment with its statuses, to find out what went wrong.
    pub(super) fn records(&self) -> Vec<String> {
        let deployments = self.repository.github.deployments();
        let told = deployments.iter().map(|one| {
            let statuses: Vec<_> = one.statuses.iter().map(|s| format!("{}: {}", s.state, s.description)).collect();
            format!("{} {} {} {}: {}", one.id, one.environment, one.task, &one.sha[..7], statuses.join("; "))
        });
        told.collect()
    }

    /// Nobody holds a fleet's lease.
    pub(super) fn lease_is_free(&self, fleet: &Fleet) -> Result<()> {
        match self.lease_holder(fleet) {
            None => Ok(()),
            Some(run) => Err(Problem::new(format!("run {run} still holds the lease of {}", fleet.name))),
        }
    }

    /// How many deployments of a commit prod has seen.
    pub(super) fn prod_deployments_of(&self, commit: &str) -> usize {
        let deployments = self.repository.github.deployments();
        deployments.iter().filter(|one| one.environment == PROD.name && one.sha == commit).count()
    }

    /// The images of a version have its final version as a tag too.
    pub(super) async fn is_final(&self, version: &str) -> Result<()> {
        let prerelease = version.split('-').next().unwrap_or_default();
        for service in self.repository.shape.services() {
            let repository = self.repository.shape.repository(service);
            let (this, last) = (
                self.world.dev.digest_of(&repository, version).await?,
                self.world.dev.digest_of(&repository, prerelease).await?,
            );
            if this != last {
                return Err(Problem::new(format!("{repository}:{prerelease} is not {version}")));
            }
        }
        Ok(())
    }
}

/// The services of the application at a tenant that answer over HTTP.
fn places(shape: Shape, fleet: &'static Fleet, tenant: &str) -> impl Iterator<Item = Place> {
    let services = shape.services();
    let ours = move |place: &Place| services.contains(place.service) && place.service.traffic;
    fleet.places().filter(move |place| place.tenant == tenant && ours(place))
}

/// The tenants that an UpdateService of these calls was for.
pub(super) fn touched(calls: &[Call]) -> Vec<&'static str> {
    let updates = || calls.iter().filter(|call| call.action == "UpdateService");
    let concerns = |tenant: &&str| {
        updates().any(|call| call.body["service"].as_str().unwrap_or_default().contains(&format!("-{tenant}-")))
    };
    PROD.tenants.iter().copied().filter(concerns).collect()
}

/// No service was told twice in a row to go to the same task definition, and no content was registered twice, unless
/// the network gave a reason: something was done to the call before. Answers how many updates there were.
pub(super) fn nothing_twice(calls: &[Call]) -> Result<usize> {
    let mut last: BTreeMap<String, (String, bool)> = BTreeMap::new();
    let mut updates = 0;
    for call in calls {
        let (of, what) = match call.action.as_str() {
            "UpdateService" => (format!("update {}", call.body["service"]), call.body["taskDefinition"].to_string()),
            "RegisterTaskDefinition" => {
                (format!("register {} {}", call.body["family"], call.body["tags"]), String::new())
            }
            _ => continue,
        };
        updates += usize::from(call.action == "UpdateService");
        let sent = (what, call.fault.is_none());
        if let Some(before) = last.insert(of.clone(), sent.clone())
            && before == (sent.0.clone(), true)
        {
            return Err(Problem::new(format!("sent twice: {of} {}", sent.0)));
        }
    }
    Ok(updates)
}
