//! `ci`: does what a GitHub event asks for, with the same verbs that a person at a terminal uses.

use super::context::Context;
use super::decide::{decided, ended};
use super::event::{Ask, Dispatch, Verb, ask};
use super::exit::Exit;
use super::render::count;
use super::run::Report;
use crate::app::build::{Request, build};
use crate::app::clock::{Ticked, tick};
use crate::app::go_on::go_on;
use crate::app::promote::promote;
use crate::app::rollback::{Back, rollback};
use crate::app::rollout::Outcome;
use crate::app::{App, Stop, fleet};
use crate::domain::directive::Directive;
use crate::domain::fleet::DeployOn;
use crate::domain::ids::{CommitSha, ContentHash};
use crate::domain::reason::Reason;
use crate::domain::release::Release;
use crate::ports::{Fault, PortError};

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

/// Does what the event of this run asks for.
///
/// # Errors
/// As the verb it asks for.
pub async fn ci(app: &App, context: &Context, approved: Option<&ContentHash>) -> Result<Done, Stop> {
    let Some(event) = &context.event else {
        return Ok(Done::Nothing(
            "this is no workflow run: GITHUB_EVENT_NAME and GITHUB_EVENT_PATH are not set".to_owned(),
        ));
    };
    let asked = ask(event).map_err(|bad| PortError::new(Fault::Refused, "reading the event", bad))?;
    match asked {
        Ask::Nothing(why) => Ok(Done::Nothing(why)),
        Ask::Merge { commit, branch } => merge(app, context, commit, &branch).await,
        Ask::Label { label, commit, by, .. } => labelled(app, &label, &commit, &by, approved).await,
        Ask::Dispatch(asked) => dispatched(app, &asked, approved).await,
        Ask::Clock => by_the_clock(app).await,
    }
}

/// Every fleet that has hours, whatever came of the ones before it: that one cannot be paused tonight keeps no other
/// awake. A fleet without them is not even looked at: this job need not have a role in its account.
async fn by_the_clock(app: &App) -> Result<Done, Stop> {
    let (mut lines, mut outcomes, mut stopped) = (Vec::new(), Vec::new(), None);
    let fleets: Vec<_> = app.application.fleets.iter().filter(|fleet| !fleet.awake.is_empty()).collect();
    if fleets.is_empty() {
        return Ok(Done::Nothing("no fleet has `awake` in fleet.yaml".to_owned()));
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

async fn merge(app: &App, context: &Context, commit: CommitSha, branch: &str) -> Result<Done, Stop> {
    let request = Request { commit, branch: branch.to_owned(), run_number: context.run_number };
    let release = build(app, &request).await?;
    let takes_merges = |on: &DeployOn| *on == DeployOn::Merge;
    release_to(app, &release, takes_merges, None).await
}

/// A label asks; the permission of whoever put it on is asked of the API.
async fn labelled(
    app: &App,
    label: &str,
    commit: &CommitSha,
    by: &str,
    approved: Option<&ContentHash>,
) -> Result<Done, Stop> {
    let takes_label = |on: &DeployOn| *on == DeployOn::Label(label.to_owned());
    if !app.application.fleets.iter().any(|fleet| takes_label(&fleet.deploy_on)) {
        return Ok(Done::Nothing(format!("no fleet is released by the label `{}`", label.escape_debug())));
    }
    permitted(app, by).await?;
    let release = app.readers.ledger.release_of(commit).await?;
    let release = release.ok_or_else(|| Reason::NoSuchRelease { wanted: format!("commit {}", commit.short()) })?;
    release_to(app, &release, takes_label, approved).await
}

async fn dispatched(app: &App, asked: &Dispatch, approved: Option<&ContentHash>) -> Result<Done, Stop> {
    permitted(app, &asked.by).await?;
    let fleet = fleet(&app.application, &asked.fleet)?;
    let (by, why) = (asked.by.as_str(), asked.why.as_str());
    let outcome = match asked.verb {
        Verb::Continue => go_on(app, fleet).await?,
        Verb::Rollback => {
            let back = asked.version.clone().map_or(Back::Last, Back::To);
            rollback(app, fleet, &back, by, why).await?
        }
        Verb::Promote => {
            let release = super::run::wanted(&app.readers, fleet, asked.version.as_ref(), None).await?;
            promote(app, fleet, &release, approved, None).await?
        }
        Verb::Hold => return told(decided(app, &fleet.name, by, why, Directive::Hold).await),
        Verb::Unhold => return told(decided(app, &fleet.name, by, why, Directive::Unhold).await),
        Verb::Abort => return told(ended(app, &fleet.name, by, why).await),
    };
    Ok(Done::Rollouts(vec![outcome]))
}

fn told(report: Result<Report, Stop>) -> Result<Done, Stop> {
    report.map(|report| Done::Told(Box::new(report)))
}

/// Releases to every fleet that such an event releases to, and stops at the first that does not come out well.
async fn release_to(
    app: &App,
    release: &Release,
    concerns: impl Fn(&DeployOn) -> bool,
    approved: Option<&ContentHash>,
) -> Result<Done, Stop> {
    let mut outcomes = Vec::new();
    for fleet in app.application.fleets.iter().filter(|fleet| concerns(&fleet.deploy_on)) {
        let outcome = promote(app, fleet, release, approved, None).await?;
        let well = super::exit::Exit::of_outcome(&outcome) == super::exit::Exit::Done;
        outcomes.push(outcome);
        if !well {
            break;
        }
    }
    Ok(Done::Rollouts(outcomes))
}

/// Whether somebody may move a fleet. The triage role may label but not push, so it is not enough.
async fn permitted(app: &App, user: &str) -> Result<(), Stop> {
    let permission = app.readers.people.permission(user).await?;
    if matches!(permission.as_str(), "admin" | "maintain" | "write") {
        return Ok(());
    }
    Err(Reason::NotPermitted { user: user.escape_debug().to_string(), permission }.into())
}
