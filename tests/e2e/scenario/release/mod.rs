//! The main job from merge to rollback, as one story: each part stands on what the part before it left.

mod again;
mod broken;
mod killed;
mod promote;
mod push;
mod rollback;

use std::collections::BTreeMap;

use crate::story::Story;
use crate::world::{Answer, Call, Fleet, PROD, Place, Problem, Repository, Result, World};

/// What the parts of the story share.
pub(super) struct Stage<'a> {
    story: &'a mut Story,
    world: &'a World,
    repository: Repository,
}

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let repository = Repository::create(world).await?;
    let mut stage = Stage { story, world, repository };
    let first = push::play(&mut stage).await?;
    promote::play(&mut stage, &first).await?;
    broken::play(&mut stage, &first).await?;
    let second = rollback::play(&mut stage, &first).await?;
    let third = killed::play(&mut stage, &second).await?;
    again::play(&mut stage, &third).await?;
    stage.contract()
}

/// A release as the story goes on with it.
pub(super) struct Released {
    commit: String,
    version: String,
}

impl Stage<'_> {
    /// Every HTTP service of a fleet answers with one of these versions, told by service. Prints one row a tenant.
    async fn everybody_answers(&mut self, fleet: &'static Fleet, versions: &BTreeMap<&str, &str>) -> Result<()> {
        for tenant in fleet.tenants {
            self.tenant_answers(fleet, tenant, versions).await?;
        }
        Ok(())
    }

    /// One tenant's HTTP services answer these versions; services that are not named, whatever they like, but 200.
    async fn tenant_answers(
        &mut self,
        fleet: &'static Fleet,
        tenant: &str,
        versions: &BTreeMap<&str, &str>,
    ) -> Result<()> {
        let mut row = Vec::new();
        for place in places(fleet, tenant) {
            let answer: Answer = self.world.answer(place).await?;
            let wanted = versions.get(place.service.name);
            if answer.status != 200 || wanted.is_some_and(|version| !answer.is(200, version)) {
                return Err(Problem::new(format!("{place} answers {answer:?} where {wanted:?} should run")));
            }
            row.push(format!("{}={}", place.service.name, answer.version));
        }
        self.story.rows([format!("{}/{tenant}: {}", fleet.name, row.join(" "))]);
        Ok(())
    }

    /// Nothing of the conversation with GitHub was against GitHub's own description.
    fn contract(&mut self) -> Result<()> {
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
    fn newest_deployment(&self, fleet: &Fleet, skip_rollbacks: bool) -> Result<(u64, String, String)> {
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
    fn deployment_is(&mut self, fleet: &Fleet, skip_rollbacks: bool, state: &str) -> Result<String> {
        let (id, found, line) = self.newest_deployment(fleet, skip_rollbacks)?;
        self.story.step(&format!("deployment {id} of {}: {found}: {line}", fleet.name));
        if found == state { Ok(line) } else { Err(Problem::new(format!("it is {found} and not {state}"))) }
    }

    fn forget_calls(&self) {
        self.world.dev.forget_calls();
        self.world.prod.forget_calls();
    }
}

/// The services of a tenant that answer over HTTP.
fn places(fleet: &'static Fleet, tenant: &str) -> impl Iterator<Item = Place> {
    fleet.places().filter(move |place| place.tenant == tenant && place.service.traffic)
}

/// The tenants that an UpdateService of these calls was for.
fn touched(calls: &[Call]) -> Vec<&'static str> {
    let updates = || calls.iter().filter(|call| call.action == "UpdateService");
    let concerns = |tenant: &&str| {
        updates().any(|call| call.body["service"].as_str().unwrap_or_default().contains(&format!("-{tenant}-")))
    };
    PROD.tenants.iter().copied().filter(concerns).collect()
}

/// No service was told twice to go to the same task definition.
fn nothing_twice(calls: &[Call]) -> Result<usize> {
    let mut seen = std::collections::BTreeSet::new();
    let updates = calls.iter().filter(|call| call.action == "UpdateService");
    for call in updates {
        let sent = (call.body["service"].to_string(), call.body["taskDefinition"].to_string());
        if !seen.insert(sent.clone()) {
            return Err(Problem::new(format!("{} was told twice to go to {}", sent.0, sent.1)));
        }
    }
    Ok(seen.len())
}
