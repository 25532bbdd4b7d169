//! The commands that decide something about a fleet without moving it: what was typed becomes a decision with a
//! name and a reason, and the answer says how to take it back.

use serde_json::json;

use super::args::Command;
use super::context::Context;
use super::exit::Exit;
use super::render::count;
use super::run::Report;
use crate::app::decisions::{abort, record};
use crate::app::finalize::{Left, finalize};
use crate::app::{App, Stop, fleet};
use crate::domain::directive::{Decided, Directive};
use crate::domain::ids::FleetName;

/// Carries out such a command; none if it is another one.
pub(super) async fn decide(command: &Command, app: &App, context: &Context) -> Option<Result<Report, Stop>> {
    let by = context.actor();
    let (decision, directive) = match command {
        Command::Hold(decision) => (decision, Directive::Hold),
        Command::Unhold(decision) => (decision, Directive::Unhold),
        Command::Bad { decision, version, clear } => {
            let version = version.clone();
            (decision, if *clear { Directive::ClearBad { version } } else { Directive::MarkBad { version } })
        }
        Command::Pin { decision, tenant, version, until } => {
            (decision, Directive::Pin { set: tenant.clone(), version: version.clone(), until: *until })
        }
        Command::Unpin { decision, tenant } => (decision, Directive::Unpin { set: tenant.clone() }),
        Command::Abort(decision) => return Some(ended(app, &decision.fleet, by, &decision.why).await),
        Command::Finalize => return Some(cleaned(app).await),
        _ => return None,
    };
    Some(decided(app, &decision.fleet, by, &decision.why, directive).await)
}

/// Records a decision and reports it.
pub(super) async fn decided(
    app: &App,
    name: &FleetName,
    by: &str,
    why: &str,
    directive: Directive,
) -> Result<Report, Stop> {
    let fleet = fleet(&app.application, name)?;
    known_tenant(fleet, &directive)?;
    let decided = record(app, &fleet.name, by, why, directive).await?;
    let report = Report::plain(Exit::Done, &sentence(name, &decided));
    Ok(Report { json: json!({"schema": 1, "decision": "decided", "fleet": name, "decided": decided}), ..report })
}

/// A pin for a tenant that does not exist would never be missed.
fn known_tenant(fleet: &crate::domain::fleet::Fleet, directive: &Directive) -> Result<(), Stop> {
    let (Directive::Pin { set, .. } | Directive::Unpin { set } | Directive::Routed { set, .. }) = directive else {
        return Ok(());
    };
    match fleet.set(set) {
        Some(_) => Ok(()),
        None => Err(Stop::NoSuchTenant { fleet: fleet.name.clone(), tenant: set.clone() }),
    }
}

/// A decision in words.
fn sentence(fleet: &FleetName, decided: &Decided) -> String {
    let what = match &decided.directive {
        Directive::Hold => format!("{fleet} is on hold; `tidegate unhold --fleet {fleet} --why ...` lifts it"),
        Directive::Unhold => format!("{fleet} is no longer on hold"),
        Directive::Accept { rollout, wave } => {
            format!("what is undecided in wave {} of rollout {rollout} is accepted", wave + 1)
        }
        Directive::MarkBad { version } => format!("{version} stays out of {fleet}"),
        Directive::ClearBad { version } => format!("{version} may be released to {fleet} again"),
        Directive::Pin { set, version, until } => format!("{set} in {fleet} is pinned to {version} until {until}"),
        Directive::Unpin { set } => format!("{set} in {fleet} is no longer pinned"),
        Directive::BrokeGlass { version, .. } => format!("{version} goes to {fleet} past what stands in the way"),
        Directive::Pausing { was, .. } => format!("{} of {fleet} are being paused", count(was.len(), "service")),
        Directive::RoutedBack { restores, .. } => format!("the routers of {fleet} are back at generation {restores}"),
        Directive::Routed { set, .. } => format!("the next snapshot of {fleet} says so of {set}"),
        Directive::Leaving { retain_until, holding } => {
            format!("{} leaves {fleet}; everything is kept until {retain_until}", holding.set)
        }
        Directive::Kept { set, kept } => format!("{} of {set} are kept", count(kept.objects as usize, "object")),
        Directive::Removed { set, .. } => format!("{set} is given up"),
        Directive::Purging { set, .. } => format!("the data of {set} are being purged"),
        Directive::Purged { set } => format!("the data of {set} are gone"),
        Directive::Moving { set, step } => step.words(set),
        Directive::Resumed { sets } => format!("{} of {fleet} run again", count(sets.len(), "tenant")),
    };
    format!("{what} (decision {} by {}: {})", decided.seq, decided.by, decided.why)
}

/// Ends the open rollout and reports it.
pub(super) async fn ended(app: &App, name: &FleetName, by: &str, why: &str) -> Result<Report, Stop> {
    let fleet = fleet(&app.application, name)?;
    let rollout = abort(app, fleet, by, why).await?;
    let name = &fleet.name;
    let text = format!(
        "rollout {} of {name} is ended and everything stays as it is; {name} is on hold: `tidegate unhold` lifts it, \
         `tidegate rollback --of {}` takes back what it did",
        rollout.0, rollout.0
    );
    Ok(Report::plain(Exit::Done, &text))
}

async fn cleaned(app: &App) -> Result<Report, Stop> {
    let mut lines = Vec::new();
    for fleet in &app.application.fleets {
        match finalize(app, fleet).await? {
            Left::Nothing => {}
            Left::Released(None) => lines.push(format!("{}: the lease is let go of", fleet.name)),
            Left::Released(Some(rollout)) => {
                lines.push(format!(
                    "{}: rollout {rollout} was interrupted; `tidegate continue --fleet {}` goes on with it",
                    fleet.name, fleet.name
                ));
            }
        }
    }
    if lines.is_empty() {
        lines.push("this run left nothing behind".to_owned());
    }
    Ok(Report::plain(Exit::Done, &lines.join("\n")))
}
