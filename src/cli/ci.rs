//! `ci`: does what a GitHub event asks for, with the same verbs that a person at a terminal uses.

use super::comment::{on_its_way, tell_pull};
use super::context::Context;
use super::decide::{decided, ended};
use super::dispatch::{Dispatch, Verb};
use super::event::{Ask, Labelled, ask};
use super::exit::Exit;
use super::render::count;
use super::run::{Report, of_pause};
use crate::app::build::{Request, build};
use crate::app::by_label::{Seen, approved_here, by_comment, by_label};
use crate::app::clock::{Ticked, tick};
use crate::app::go_on::{Accept, accept, go_on, left_over};
use crate::app::pause::{Wish, pause, resume};
use crate::app::promote::promote;
use crate::app::rollback::{Back, rollback};
use crate::app::rollout::Outcome;
use crate::app::telling::telling;
use crate::app::{App, Stop, fleet};
use crate::domain::directive::Directive;
use crate::domain::fleet::{DeployOn, Fleet};
use crate::domain::ids::{CommitSha, ContentHash, FleetName};
use crate::domain::merged::PullRequest;
use crate::domain::reason::Reason;

/// What came of an event.
#[derive(Clone, Debug)]
pub enum Done {
    /// It asked for nothing, for this reason.
    Nothing(String),
    /// Something was decided, and this is to be said of it.
    Told(Box<Report>),
    /// Rollouts, in the order in which they were carried out.
    Rollouts(Vec<Outcome>),
}

/// Does what the event of this run asks for; on a schedule, in one fleet `only` if one is named.
///
/// # Errors
/// As the verb it asks for.
pub async fn ci(
    app: &App,
    context: &Context,
    approved: Option<&ContentHash>,
    only: Option<&FleetName>,
) -> Result<Done, Stop> {
    let Some(event) = &context.event else {
        return Ok(Done::Nothing(
            "this is no workflow run: GITHUB_EVENT_NAME and GITHUB_EVENT_PATH are not set".to_owned(),
        ));
    };
    match ask(event).map_err(Reason::from)? {
        Ask::Nothing(why) => Ok(Done::Nothing(why)),
        Ask::Merge { commit, branch, default } => merge(app, context, commit, &branch, default).await,
        Ask::Label(labelled) => Box::pin(label(app, &labelled, approved)).await,
        Ask::Approve { pull, plan, by } => Box::pin(approve(app, pull, &plan, &by)).await,
        Ask::Dispatch(asked) => dispatched(app, &asked, approved).await,
        Ask::Schedule => scheduled(app, only).await,
    }
}

async fn merge(app: &App, context: &Context, commit: CommitSha, branch: &str, default: bool) -> Result<Done, Stop> {
    let named = app.application.versioning.branch.as_deref();
    if !named.map_or(default, |named| named == branch) {
        let which = named.map_or_else(|| "the default branch".to_owned(), |named| format!("`{named}`"));
        return Ok(Done::Nothing(format!("{} is not {which}, whose merges are released", branch.escape_debug())));
    }
    let request = Request { commit, branch: branch.to_owned(), run_number: context.run_number };
    let release = build(app, &request).await?;
    let mut outcomes = Vec::new();
    for fleet in app.application.fleets.iter().filter(|fleet| fleet.deploy_on == DeployOn::Merge) {
        outcomes.push(promote(app, fleet, &release, None, None).await?);
        if outcomes.last().is_some_and(|outcome| Exit::of_outcome(outcome) != Exit::Done) {
            break;
        }
    }
    Ok(Done::Rollouts(outcomes))
}

/// A label asks; the permission of whoever put it on is asked of the API.
async fn label(app: &App, asked: &Labelled, approved: Option<&ContentHash>) -> Result<Done, Stop> {
    let wanted = DeployOn::Label(asked.label.clone());
    let Some(fleet) = app.application.fleets.iter().find(|fleet| fleet.deploy_on == wanted) else {
        return Ok(Done::Nothing(format!("no fleet is released by the label `{}`", asked.label.escape_debug())));
    };
    permitted(app, &asked.by).await?;
    let seen = Seen { commit: &asked.commit, head: &asked.head };
    let release = async |app: &App| by_label(app, fleet, asked.pull, &seen, approved).await;
    let result = telling(app, asked.pull, on_its_way, release).await;
    tell_pull(app, fleet, asked.pull, &result).await;
    Ok(Done::Rollouts(vec![result?]))
}

/// An approval by name counts for the fleet whose label the pull request has.
async fn approve(app: &App, number: u64, plan: &ContentHash, by: &str) -> Result<Done, Stop> {
    permitted(app, by).await?;
    let pull = app.readers.pulls.pull(number).await?;
    let asks = |fleet: &&Fleet, pull: &PullRequest| matches!(&fleet.deploy_on, DeployOn::Label(label) if pull.labels.contains(label));
    let found = pull.and_then(|pull| Some((app.application.fleets.iter().find(|fleet| asks(fleet, &pull))?, pull)));
    let Some((fleet, pull)) = found else {
        return Ok(Done::Nothing(format!("#{number} has no label that releases a fleet")));
    };
    let result =
        telling(app, number, on_its_way, async |app: &App| by_comment(app, fleet, &pull, plan, by).await).await;
    tell_pull(app, fleet, number, &result).await;
    Ok(Done::Rollouts(vec![result?]))
}

async fn dispatched(app: &App, asked: &Dispatch, approved: Option<&ContentHash>) -> Result<Done, Stop> {
    permitted(app, &asked.by).await?;
    let fleet = fleet(&app.application, &asked.fleet)?;
    let (by, why) = (asked.by.as_str(), asked.why.as_str());
    let wish = Wish { sets: &asked.tenants, by, why, until: None };
    let outcomes = match asked.verb {
        Verb::Continue => vec![go_on(app, fleet).await?],
        Verb::Accept => vec![accept(app, fleet, Accept { by, why }).await?],
        Verb::Rollback => {
            let back = asked.version.clone().map_or(Back::Last, Back::To);
            vec![rollback(app, fleet, &back, by, why).await?]
        }
        Verb::Promote => {
            let release = super::run::wanted(&app.readers, fleet, asked.version.as_ref(), None).await?;
            let approved = match approved {
                Some(plan) => Some(approved_here(app, fleet, plan, None).await?),
                None => None,
            };
            vec![promote(app, fleet, &release, approved.as_ref(), None).await?]
        }
        Verb::Resume => resume(app, fleet, &wish).await?,
        Verb::Pause => {
            let slept = pause(app, fleet, &wish).await.map(|count| (fleet.name.clone(), count));
            return Ok(Done::Told(Box::new(of_pause(slept))));
        }
        Verb::Hold => return told(decided(app, &fleet.name, by, why, Directive::Hold).await),
        Verb::Unhold => return told(decided(app, &fleet.name, by, why, Directive::Unhold).await),
        Verb::Abort => return told(ended(app, &fleet.name, by, why).await),
    };
    Ok(Done::Rollouts(outcomes))
}

fn told(report: Result<Report, Stop>) -> Result<Done, Stop> {
    report.map(|report| Done::Told(Box::new(report)))
}

/// What a schedule is for: what was left to a later job, and the hours of fleets.
async fn scheduled(app: &App, only: Option<&FleetName>) -> Result<Done, Stop> {
    let left = go_on_with_what_is_left(app, only).await?;
    let well = |outcome: &Outcome| Exit::of_outcome(outcome) == Exit::Done;
    if matches!(&left, Done::Rollouts(outcomes) if !outcomes.iter().all(well)) {
        return Ok(left);
    }
    match (left, by_the_clock(app, only).await?) {
        (Done::Nothing(left), Done::Nothing(clock)) => Ok(Done::Nothing(format!("{left}, and {clock}"))),
        (left, Done::Nothing(_)) => Ok(left),
        (Done::Rollouts(left), Done::Rollouts(woken)) => Ok(Done::Rollouts([left, woken].concat())),
        (_, clock) => Ok(clock),
    }
}

/// Every fleet that has hours or lets tenants without a licence sleep, whatever came of the ones before it: that one cannot be paused tonight keeps no other
/// awake. A fleet without them is not even looked at: this job need not have a role in its account.
async fn by_the_clock(app: &App, only: Option<&FleetName>) -> Result<Done, Stop> {
    let (mut lines, mut outcomes, mut stopped) = (Vec::new(), Vec::new(), None);
    let concerns = |fleet: &&Fleet| fleet.has_a_clock() && only.is_none_or(|name| *name == fleet.name);
    let fleets: Vec<_> = app.application.fleets.iter().filter(concerns).collect();
    if fleets.is_empty() {
        return Ok(Done::Nothing("no fleet has `awake`, or `license` with `pause`, in fleet.yaml".to_owned()));
    }
    for fleet in fleets {
        let name = &fleet.name;
        match tick(app, fleet).await {
            Ok(Ticked::Slept(tenants)) => lines.push(format!("{name}: {} at zero tasks", count(tenants, "tenant"))),
            Ok(Ticked::Woke(woken)) => outcomes.extend(woken),
            Ok(Ticked::Kept(0)) => lines.push(format!("{name}: as it should be")),
            Ok(Ticked::Kept(databases)) => {
                lines.push(format!("{name}: {} stopped again", count(databases, "database")));
            }
            Err(stop) => stopped = stopped.or(Some(stop)),
        }
    }
    match (stopped, outcomes.is_empty()) {
        (Some(stop), _) => Err(stop),
        (None, true) => Ok(Done::Told(Box::new(Report::plain(Exit::Done, &lines.join("\n"))))),
        (None, false) => Ok(Done::Rollouts(outcomes)),
    }
}

/// Goes on in every fleet with what an earlier job left for the next one, and stops at the first that does not come
/// out well.
async fn go_on_with_what_is_left(app: &App, only: Option<&FleetName>) -> Result<Done, Stop> {
    let mut outcomes = Vec::new();
    for fleet in &app.application.fleets {
        if only.is_some_and(|name| *name != fleet.name) || !left_over(app, fleet).await? {
            continue;
        }
        outcomes.push(go_on(app, fleet).await?);
        if outcomes.last().is_some_and(|outcome| Exit::of_outcome(outcome) != Exit::Done) {
            break;
        }
    }
    match outcomes.is_empty() {
        true => Ok(Done::Nothing("no rollout was left to a later job".to_owned())),
        false => Ok(Done::Rollouts(outcomes)),
    }
}

/// Whether somebody may move a fleet. The triage role may label but not push, so it is not enough.
async fn permitted(app: &App, user: &str) -> Result<(), Stop> {
    let permission = app.readers.people.permission(user).await?;
    if matches!(permission.as_str(), "admin" | "maintain" | "write") {
        return Ok(());
    }
    Err(Reason::NotPermitted { user: user.escape_debug().to_string(), permission }.into())
}
