//! Puts the parts together: reads the environment and the files, chooses real or simulated adapters, runs the
//! command. The only place that sees both sides, and it decides nothing.

mod demo;
mod environment;
#[cfg(test)]
mod events;
mod files;
mod guard;
mod license;
mod live;
mod papers;
mod rehearse;
mod rehearse_move;
mod machine;
mod routing;
pub mod simulated;
#[cfg(test)]
mod dying;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod leaves;
#[cfg(test)]
mod mortal;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod sleep;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod smoke;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod verbs;
#[cfg(test)]
mod watched;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use jiff::SignedDuration;

use crate::adapters::aws::OwnAccount;
use crate::adapters::checkout::Checkout;
use crate::adapters::inputs::{InputFiles, ManifestFiles};
use crate::app::App;
use crate::app::offboard::Files;
use crate::app::progress::Observer;
use crate::cli::args::{Cli, Command, FileKind, Gates, Tenants};
use crate::cli::context::Context;
use crate::cli::doctor::doctor;
use crate::cli::exit::Exit;
use crate::cli::init::init;
use crate::cli::leave::leave;
use crate::cli::machine::Place;
use crate::cli::moving::moving;
use crate::cli::progress::{Bars, Lines, Stream};
use crate::cli::quota;
use crate::cli::replay::replayed;
use crate::cli::run::{Report, act, look, tell, tell_with};
use crate::cli::tenants::tenants;
use crate::domain::fleet::Application;
use crate::domain::ids::{AppName, CommitSha, FleetName, ServiceKey};
use crate::domain::infra_guard::approval_schema;
use crate::domain::manifest::{Problem, Problems, Source, fleet_schema, tenants_schema};
use crate::domain::replay::replay_schema;
use crate::domain::report::report_schema;
use crate::domain::result::result_schema;
use crate::domain::snapshot::ServiceSeen;
use crate::domain::starter::app_name;
use crate::ports::RepositoryReader;

/// Runs a command from what was typed to the exit code.
pub async fn run(cli: Cli) -> ExitCode {
    let context = match environment::context(&cli.common) {
        Ok(context) => context,
        Err(why) => return say(Exit::BadInput, &why, &Context { json: cli.common.json, ..Context::default() }),
    };
    match &cli.command {
        Command::Schema { of } => return tell(&schema(*of), &Context::default()).into(),
        Command::InfraGuard { plan, approval } => {
            return tell(&guard::guard(plan, approval.as_deref()), &context).into();
        }
        Command::Demo { dir } => return demo::run(dir).await.into(),
        Command::Init { app, pin, dir } => {
            let pin = pin.as_ref().map(CommitSha::as_str);
            return tell(&started(app.clone(), pin, dir).await, &context).into();
        }
        _ => {}
    }
    let (application, sources) = match files::read(&cli.common.file) {
        Ok((application, _)) if matches!(cli.command, Command::Check) => {
            return tell(&checked(&application), &context).into();
        }
        Ok(read) => read,
        Err(files::BadFile::Unreadable(why)) => return say(Exit::BadInput, &why, &context),
        Err(files::BadFile::Wrong(problems, sources)) => {
            return tell_with(&wrong(&problems, &sources, &context), &places(&problems), &context).into();
        }
    };
    if let Command::Gates(Gates::Replay { series }) = &cli.command {
        let report = match files::text(series) {
            Ok(text) => replayed(&application, &text),
            Err(why) => Report::plain(Exit::BadInput, &why),
        };
        return tell(&report, &context).into();
    }
    if let Command::Rehearse { fleet, fail, seed, live, configuration } = &cli.command {
        let seen = if *live { live_tasks(&application, fleet, &context).await } else { Ok(BTreeMap::new()) };
        let report = match seen {
            Ok(live) => {
                let (seed, configuration) = (*seed, *configuration);
                let wanted = rehearse::Rehearsal { fleet, failures: fail, seed, live, configuration };
                rehearse::rehearse(&application, &wanted, observer(&context)).await
            }
            Err(why) => rehearse::refused(&why),
        };
        return tell(&report, &context).into();
    }
    if let Command::Quota { cell, growth, declared: true } = &cli.command {
        let report = quota::declared(&application, quota::Asked { cell: cell.as_ref(), growth: *growth });
        return tell(&report, &context).into();
    }
    if matches!(cli.command, Command::Doctor) {
        let (github, accounts) = live::around(&application);
        let github = github.as_ref().map(|github| github as &dyn RepositoryReader).map_err(Clone::clone);
        let report = doctor(&application, github, &accounts, &Checkout::at(Path::new("."))).await;
        return tell(&report, &context).into();
    }
    if let Command::Routing { command } = &cli.command {
        return tell(&routing::routing(&cli, command, application, &context).await, &context).into();
    }
    if let Command::Tenants { command } = &cli.command
        && command.moves()
    {
        return tell(&leaving(&cli, command, application, &sources, &context).await, &context).into();
    }
    if let Command::Tenants { command } = &cli.command {
        return match InputFiles::below(command.dir()) {
            Ok(files) => {
                tell(&tenants(command, (&application, &sources), &files, &ManifestFiles).await, &context).into()
            }
            Err(why) => say(Exit::BadInput, &why, &context),
        };
    }
    if let Command::License { command } = &cli.command {
        return tell(&license::licensed(command, &application).await, &context).into();
    }
    match &cli.common.sim {
        Some(folder) => simulated::run(&cli.command, application, folder, &context).await.into(),
        None => live_run(&cli, application, &context).await.into(),
    }
}

/// What every service of a fleet really runs.
async fn live_tasks(
    application: &Application,
    fleet: &FleetName,
    context: &Context,
) -> Result<BTreeMap<ServiceKey, ServiceSeen>, String> {
    let readers = live::readers(application, observer(context))?;
    let fleet = application.fleet(fleet).ok_or_else(|| format!("fleet.yaml has no fleet `{fleet}`"))?;
    let keys = application.services_in(fleet).filter_map(|key| application.address(fleet, &key));
    Ok(readers.fleet.observe(&keys.collect::<Vec<_>>()).await)
}

/// A tenant goes for good, or to another cell: what needs both the world and the files of the repository.
async fn leaving(
    cli: &Cli,
    command: &Tenants,
    application: Application,
    sources: &[Source],
    context: &Context,
) -> Report {
    let given = match (InputFiles::below(command.dir()), command.approval().map(files::text).transpose()) {
        (Ok(inputs), Ok(approval)) => (inputs, approval),
        (Err(why), _) | (_, Err(why)) => return Report::plain(Exit::BadInput, &why),
    };
    let files = Files { sources, manifest: &ManifestFiles, inputs: &given.0 };
    if let Tenants::Move { id, decision, to: Some(to), rehearse: true, .. } = command {
        let wanted = rehearse_move::Rehearsal { fleet: &decision.fleet, set: id, to };
        return rehearse_move::rehearse(sources, &wanted, observer(context)).await;
    }
    let approval = given.1.as_deref().map(str::as_bytes);
    match &cli.common.sim {
        Some(folder) => {
            let sim = match simulated::open(folder, &application).await {
                Ok(sim) => sim,
                Err(error) => return Report::plain(Exit::BadInput, &format!("{}: {error}", folder.display())),
            };
            let app = simulated::app(&sim, application, observer(context));
            let report = gone_or_moved(command, &app, &files, approval, context).await;
            match sim.save(folder) {
                Ok(()) => report,
                Err(error) => Report::plain(Exit::Unavailable, &format!("{}: {error}", folder.display())),
            }
        }
        None => match live::app(application, observer(context), cli.common.hand_over_after) {
            Ok(app) => tokio::select! {
                report = gone_or_moved(command, &app, &files, approval, context) => report,
                () = asked_to_stop(&app) => Report::plain(Exit::Interrupted, "interrupted"),
            },
            Err(why) => Report::plain(Exit::BadInput, &why),
        },
    }
}

async fn gone_or_moved(
    command: &Tenants,
    app: &App,
    files: &Files<'_>,
    approval: Option<&[u8]>,
    context: &Context,
) -> Report {
    match command {
        Tenants::Move { .. } => Box::pin(moving(command, app, files, approval, context)).await,
        _ => leave(command, app, files, approval, context).await,
    }
}

async fn live_run(cli: &Cli, application: Application, context: &Context) -> Exit {
    let command = &cli.command;
    let report = match command {
        _ if command.only_looks() => match live::readers(&application, observer(context)) {
            Ok(readers) => look(command, &application, &readers, context).await,
            Err(why) => return Exit::from_text(&why, context),
        },
        _ => match live::app(application, observer(context), cli.common.hand_over_after) {
            Ok(app) => tokio::select! {
                report = act(command, &app, context) => report,
                () = asked_to_stop(&app) => Report::plain(Exit::Interrupted, "interrupted"),
            },
            Err(why) => return Exit::from_text(&why, context),
        },
    };
    tell(&report, context)
}

/// A rollout ends by itself when it is asked to stop, and has this long to write down that it did; the runner gives
/// 7.5 s before its next signal. Everything else is broken off then.
const GRACE: SignedDuration = SignedDuration::from_millis(6_500);

async fn asked_to_stop(app: &App) {
    app.readers.stop.wait().await;
    app.readers.clock.sleep(GRACE).await;
}

/// Bars where a person looks, else lines.
fn observer(context: &Context) -> Arc<dyn Observer> {
    match (context.json, context.terminal, context.actions) {
        (true, ..) => Arc::new(Lines::new(Stream::Error)),
        (false, true, _) => Arc::new(Bars::default()),
        (false, false, true) => Arc::new(Lines::grouped()),
        (false, false, false) => Arc::new(Lines::new(Stream::Output)),
    }
}

/// A repository gets what it begins with.
async fn started(app: Option<AppName>, pin: Option<&str>, folder: &Path) -> Report {
    let named = || std::path::absolute(folder).ok()?.file_name().and_then(|name| app_name(&name.to_string_lossy()));
    match (folder.is_dir(), app.or_else(named)) {
        (true, Some(app)) => init(app, pin, &Checkout::at(folder), &OwnAccount).await,
        (true, None) => Report::plain(Exit::BadInput, "the folder has no name for an application; give one with --app"),
        (false, _) => Report::plain(Exit::BadInput, &format!("{} is no folder", folder.display())),
    }
}

fn say(exit: Exit, why: &str, context: &Context) -> ExitCode {
    tell(&Report::plain(exit, why), context).into()
}

impl Exit {
    /// Tells why nothing could begin.
    fn from_text(why: &str, context: &Context) -> Self {
        tell(&Report::plain(Self::BadInput, why), context)
    }
}

fn schema(of: FileKind) -> Report {
    let schema = match of {
        FileKind::Fleet => fleet_schema(),
        FileKind::Tenants => tenants_schema(),
        FileKind::Replay => replay_schema(),
        FileKind::Result => result_schema(),
        FileKind::InfraApproval => approval_schema(),
        FileKind::Report => report_schema(),
        FileKind::License => accessos_licensing::licence_schema(),
        FileKind::RoutingSnapshot => accessos_routing::snapshot_schema(),
    };
    Report::plain(Exit::Done, &format!("{schema:#}"))
}

fn checked(application: &Application) -> Report {
    let fleets: Vec<String> =
        application.fleets.iter().map(|fleet| format!("{} with {}", fleet.name, sets(fleet.sets.len()))).collect();
    let text = format!("{}: no problems; fleets {}", application.name, fleets.join(", "));
    Report::plain(Exit::Done, &text)
}

fn sets(number: usize) -> String {
    crate::cli::render::count(number, "service set")
}

fn places(problems: &Problems) -> Vec<Place> {
    let place = |problem: &Problem| Place {
        file: problem.name.clone(),
        line: problem.line,
        column: problem.column,
        what: format!("{}; {}", problem.what, problem.help),
    };
    problems.iter().map(place).collect()
}

/// Every problem of the file; with excerpts where a person looks.
fn wrong(problems: &Problems, sources: &[Source], context: &Context) -> Report {
    let text = if context.terminal { problems.with_excerpts(sources) } else { problems.to_string() };
    let lines: Vec<String> = problems.to_string().lines().map(str::to_owned).collect();
    Report {
        json: serde_json::json!({"schema": 1, "decision": "stopped", "exit_code": 2, "problems": lines}),
        ..Report::plain(Exit::BadInput, &text)
    }
}
