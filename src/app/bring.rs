//! Bringing one service to its target: its task definition, rendered from what the plan was made with, and then the
//! update that uses it. No choice is left here, and all of it may be done again.

use super::App;
use super::templates::planned;
use crate::domain::directive::Scaling;
use crate::domain::fleet::Address;
use crate::domain::ids::{DeploymentId, TaskArn, TaskDefinitionArn};
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::plan::Change;
use crate::domain::template::Rendered;
use crate::ports::{Fault, OpenRollout, PortError, PortResult, TaskRun};

/// What was sent.
pub(super) enum Sent {
    /// An update, which began this deployment.
    Update(DeploymentId),
    /// The start of a task.
    Task(TaskArn),
}

/// Brings one service to its target: its task definition, then the update; or the start, where it is a task.
pub(super) async fn bring(
    app: App,
    proof: OpenRollout,
    address: Address,
    change: Change,
    known: Option<TaskDefinitionArn>,
    task: Option<(TaskRun, Address)>,
) -> (Change, PortResult<Sent>) {
    let target = match known {
        Some(arn) => Ok(arn),
        None => task_definition(&app, &proof, &address, &change).await,
    };
    let result = match (target, task) {
        (Ok(arn), None) => update(&app, &proof, &address, &change, &arn).await.map(Sent::Update),
        (Ok(arn), Some((run, beside))) => app.writers.tasks.run(&proof, &run, &arn, &beside).await.map(Sent::Task),
        (Err(error), _) => Err(error),
    };
    (change, result)
}

/// Sends the update. Where it takes a service's first tasks away again, autoscaling must want none before.
async fn update(
    app: &App,
    proof: &OpenRollout,
    address: &Address,
    change: &Change,
    target: &TaskDefinitionArn,
) -> PortResult<DeploymentId> {
    if change.rests() {
        least_tasks(app, address, 0).await?;
    }
    app.writers.fleet.update(proof, address, target, change.target.tasks).await
}

/// Has autoscaling keep at least so many tasks of a service, where it scales it. Raised only when they run what they
/// should: Application Auto Scaling moves a service into its range at once, whatever it runs.
pub(super) async fn least_tasks(app: &App, address: &Address, tasks: u32) -> PortResult<()> {
    let unread = || {
        let doing = format!("reading the autoscaling of {}", address.service);
        Err(PortError::new(Fault::Unavailable, doing, "it was not read"))
    };
    let mut seen = app.readers.scaling.scaling(std::slice::from_ref(address)).await;
    match seen.remove(&address.service).unwrap_or_else(unread)? {
        Some(scaling) if scaling.min != tasks => {
            app.writers.scaling.set_scaling(address, &Scaling { min: tasks, ..scaling }).await
        }
        Some(_) | None => Ok(()),
    }
}

/// The task definition of a change's target: named by the plan (the way back always is), or rendered and registered.
pub(super) async fn task_definition(
    app: &App,
    proof: &OpenRollout,
    address: &Address,
    change: &Change,
) -> PortResult<TaskDefinitionArn> {
    if let Some(arn) = &change.target.task_definition {
        return Ok(arn.clone());
    }
    let rendered = render(app, proof, address, change).await?;
    app.writers.fleet.register(proof, address, &rendered).await
}

/// Renders the target from the template the plan was made with. Anything else than what was planned is refused.
async fn render(app: &App, proof: &OpenRollout, address: &Address, change: &Change) -> PortResult<Rendered> {
    let refused = |why: &str| PortError::new(Fault::Refused, format!("rendering {}", change.service), why);
    let digest = change.target.digest.as_ref().ok_or_else(|| refused("the plan names no digest"))?;
    let service = &change.service.service;
    let (template, published) = planned(app, &proof.record().intent.fleet, address, change).await?;
    let image = format!("{}@{digest}", app.application.repository(service));
    let rendered = template.render(service, &image).map_err(|bad| refused(&bad.to_string()))?;
    if rendered.hash != change.target.hash && !breaks(Mutant::RenderUnchecked) {
        return Err(refused("it is not what was planned"));
    }
    Ok(Rendered { published, ..rendered })
}
