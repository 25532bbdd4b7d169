//! Runs a command and tells what came of it: to the person, to the workflow, and as an exit code.

use std::io::Write;
use std::path::Path;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::args::{Approved, Command, Decision, Source, Wanted};
use super::ci::{Done, ci};
use super::context::Context;
use super::decide::decide;
use super::exit::{Exit, decision, reason};
use super::machine::Place;
use super::{drift, history, machine, markdown, page, quota, render};
use crate::app::build::{Request, build};
use crate::app::by_label::approved_here;
use crate::app::go_on::{Accept, accept, go_on};
use crate::app::metrics::expected_bakes;
use crate::app::pause::{Wish, pause, resume};
use crate::app::promote::{promotable, promote};
use crate::app::report::Looking;
use crate::app::rollback::{Back, rollback};
use crate::app::rollout::{BreakGlass, Outcome};
use crate::app::status::status;
use crate::app::{App, Readers, Stop, fleet, plan};
use crate::domain::eta::eta;
use crate::domain::fleet::{Application, Fleet};
use crate::domain::ids::{CommitSha, FleetName, SetId, Version};
use crate::domain::ledger::{RolloutId, current_version, green_since};
use crate::domain::markdown::cut;
use crate::domain::plan::{Direction, Plan};
use crate::domain::reason::Reason;
use crate::domain::release::Release;

/// What a command has to say at its end.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub exit: Exit,
    /// For people.
    pub text: String,
    /// For programs.
    pub json: Value,
    /// For `GITHUB_OUTPUT`.
    pub outputs: Vec<(&'static str, String)>,
    /// For `GITHUB_STEP_SUMMARY`.
    pub summary: String,
}

impl Report {
    /// A report of a sentence.
    pub fn plain(exit: Exit, text: &str) -> Self {
        let text = format!("{}\n", text.trim_end_matches('\n'));
        let json = json!({"schema": 1, "exit_code": exit as u8, "message": text.trim_end()});
        Self { exit, text, json, outputs: Vec::new(), summary: String::new() }
    }
}

/// Runs a command that changes something.
pub async fn act(command: &Command, app: &App, context: &Context) -> Report {
    if let Some(decided) = decide(command, app, context).await {
        return decided.unwrap_or_else(|stop| of_stop(&stop));
    }
    let result = match command {
        Command::Ci { approved_plan, fleet: only } => {
            match ci(app, context, approved_plan.as_ref(), only.as_ref()).await {
                Ok(Done::Nothing(why)) => return nothing(&why),
                Ok(Done::Told(report)) => return *report,
                Ok(Done::Rollouts(outcomes)) => return of_outcomes(&outcomes),
                Err(stop) => Err(stop),
            }
        }
        Command::Build(source) => return of_build(build(app, &request(source)).await),
        Command::Deploy(approved) | Command::Promote(approved) => release(app, context, approved).await,
        Command::Rollback { fleet: name, to, of, why } => {
            let back = match (to, of) {
                (Some(version), _) => Back::To(version.clone()),
                (None, Some(rollout)) => Back::Of(RolloutId(*rollout)),
                (None, None) => Back::Last,
            };
            take_back(app, context, name, &back, why).await
        }
        Command::Pause { decision, tenant, until } => {
            return of_pause(sleep(app, context, decision, tenant, *until).await);
        }
        Command::Resume { decision, tenant } => match wake(app, context, decision, tenant).await {
            Ok(outcomes) => return of_outcomes(&outcomes),
            Err(stop) => Err(stop),
        },
        Command::Continue { fleet: name, why, .. } => match fleet(&app.application, name) {
            Ok(fleet) => match why {
                Some(why) => accept(app, fleet, Accept { by: context.actor(), why }).await,
                None => go_on(app, fleet).await,
            },
            Err(stop) => Err(stop),
        },
        _ => {
            return look(command, &app.application, &app.readers, context).await;
        }
    };
    match result {
        Ok(outcome) => of_outcomes(&[outcome]),
        Err(stop) => of_stop(&stop),
    }
}

/// Runs a command that only looks. It gets no writers.
pub async fn look(command: &Command, application: &Application, readers: &Readers, context: &Context) -> Report {
    let result = match command {
        Command::Plan(wanted) => show_plan(readers, application, context, wanted).await,
        Command::Status { fleet: only } => show_status(readers, application, only.as_ref()).await,
        Command::History { fleet: only, limit } => history::show(readers, application, only.as_ref(), *limit).await,
        Command::Drift { fleet: only } => drift::show(readers, application, only.as_ref()).await,
        Command::Quota { cell, growth, .. } => {
            quota::show(readers, application, quota::Asked { cell: cell.as_ref(), growth: *growth }).await
        }
        Command::Report { fleet: only, html, records_only, days } => {
            let how = Looking { live: !records_only, window: SignedDuration::from_hours(24 * i64::from(*days)) };
            page::show(readers, application, only.as_ref(), html.as_deref(), how).await
        }
        other => Err(Stop::Bug(format!("{other:?} is no command that only looks"))),
    };
    result.unwrap_or_else(|stop| of_stop(&stop))
}

async fn release(app: &App, context: &Context, approved: &Approved) -> Result<Outcome, Stop> {
    let fleet = fleet(&app.application, &approved.wanted.fleet)?;
    let commit = context.commit.as_ref();
    let release = wanted(&app.readers, fleet, approved.wanted.version.as_ref(), commit).await?;
    let glass = approved.break_glass.as_ref();
    let glass = glass.map(|why| BreakGlass { by: context.actor().to_owned(), why: why.clone() });
    let plan = match &approved.approved_plan {
        Some(plan) => Some(approved_here(app, fleet, plan, None).await?),
        None => None,
    };
    promote(app, fleet, &release, plan.as_ref(), glass.as_ref()).await
}

async fn take_back(app: &App, context: &Context, name: &FleetName, back: &Back, why: &str) -> Result<Outcome, Stop> {
    let fleet = fleet(&app.application, name)?;
    rollback(app, fleet, back, context.actor(), why).await
}

async fn sleep(
    app: &App,
    context: &Context,
    decision: &Decision,
    tenants: &[SetId],
    until: Option<jiff::civil::Date>,
) -> Result<(FleetName, usize), Stop> {
    let fleet = fleet(&app.application, &decision.fleet)?;
    let sets = tenants.iter().cloned().collect();
    let wish = Wish { sets: &sets, by: context.actor(), why: &decision.why, until };
    Ok((fleet.name.clone(), pause(app, fleet, &wish).await?))
}

async fn wake(app: &App, context: &Context, decision: &Decision, tenants: &[SetId]) -> Result<Vec<Outcome>, Stop> {
    let fleet = fleet(&app.application, &decision.fleet)?;
    let sets = tenants.iter().cloned().collect();
    let wish = Wish { sets: &sets, by: context.actor(), why: &decision.why, until: None };
    resume(app, fleet, &wish).await
}

pub(super) fn of_pause(paused: Result<(FleetName, usize), Stop>) -> Report {
    match paused {
        Ok((fleet, count)) => {
            let tenants = render::count(count, "tenant");
            let text =
                format!("{tenants} of {fleet} at zero tasks; `tidegate resume --fleet {fleet} --why ...` wakes them");
            Report::plain(Exit::Done, &text)
        }
        Err(stop) => of_stop(&stop),
    }
}

fn request(source: &Source) -> Request {
    Request { commit: source.commit.clone(), branch: source.branch.clone(), run_number: source.run_number }
}

/// The release that is meant: the one that is named, else the newest that the fleet before has shown to be good,
/// else that of the checked-out commit, else the one that is there.
///
/// # Errors
/// There is none such.
pub(super) async fn wanted(
    readers: &Readers,
    fleet: &Fleet,
    version: Option<&Version>,
    commit: Option<&CommitSha>,
) -> Result<Release, Stop> {
    let no_such = |wanted: String| Stop::from(Reason::NoSuchRelease { wanted });
    if let Some(version) = version {
        let release = readers.ledger.release(version).await?;
        return release.ok_or_else(|| no_such(version.to_string()));
    }
    if let (None, Some(commit)) = (&fleet.from, commit) {
        let release = readers.ledger.release_of(commit).await?;
        return release.ok_or_else(|| no_such(format!("commit {}", commit.short())));
    }
    let shown_in = fleet.from.as_ref().unwrap_or(&fleet.name);
    let rollouts = readers.ledger.rollouts(shown_in).await?;
    let green = rollouts.iter().map(|r| &r.intent.version).find(|version| green_since(&rollouts, version).is_some());
    let version = green
        .or_else(|| current_version(&rollouts))
        .ok_or_else(|| no_such(format!("{shown_in}, which has had none yet")))?;
    readers.ledger.release(version).await?.ok_or_else(|| no_such(version.to_string()))
}

async fn make_plan(
    readers: &Readers,
    application: &Application,
    context: &Context,
    asked: &Wanted,
) -> Result<(Plan, Option<Stop>), Stop> {
    let fleet = fleet(application, &asked.fleet)?;
    let release = wanted(readers, fleet, asked.version.as_ref(), context.commit.as_ref()).await?;
    let plan = plan::plan(readers, application, fleet, &release, Direction::Deploy).await?;
    Ok((plan, promotable(readers, fleet, &release).await.err()))
}

/// A plan is shown even if it could not run yet; then with the reason.
async fn show_plan(
    readers: &Readers,
    application: &Application,
    context: &Context,
    asked: &Wanted,
) -> Result<Report, Stop> {
    let (plan, not_yet) = make_plan(readers, application, context, asked).await?;
    let mut text = render::plan(&plan);
    let fleet = fleet(application, &asked.fleet)?;
    let bakes = expected_bakes(readers, application, fleet, &plan).await;
    text += &render::bakes(&plan, bakes.as_deref().unwrap_or_default());
    let eta = eta(&plan, &readers.ledger.rollouts(&fleet.name).await?);
    if let Some(stop) = &not_yet {
        text += &format!("not yet: {}", render::stop(stop));
    }
    Ok(Report {
        exit: Exit::Done,
        json: machine::plan(&plan),
        outputs: vec![
            ("decision", if plan.is_empty() { "nothing_to_do" } else { "planned" }.to_owned()),
            ("version", plan.release.version.to_string()),
            ("plan_hash", plan.hash().to_string()),
        ],
        summary: shortened(format!("### {} -> {}\n\n{}", plan.release.version, plan.fleet, markdown::plan(&plan, eta))),
        text,
    })
}

/// One fleet, or all of them.
///
/// # Errors
/// There is none of that name.
pub(super) fn chosen<'a>(application: &'a Application, only: Option<&FleetName>) -> Result<Vec<&'a Fleet>, Stop> {
    match only {
        Some(name) => Ok(vec![fleet(application, name)?]),
        None => Ok(application.fleets.iter().collect()),
    }
}

async fn show_status(readers: &Readers, application: &Application, only: Option<&FleetName>) -> Result<Report, Stop> {
    let (mut text, mut fleets) = (String::new(), Vec::new());
    for fleet in chosen(application, only)? {
        let status = status(readers, application, fleet).await?;
        text += &render::status(fleet, &status);
        text += "\n";
        let services = status.services.iter().map(|service| {
            json!({"service": service.service, "version": service.version, "digest": service.digest,
                   "condition": service.condition, "why": service.why})
        });
        fleets.push(
            json!({"fleet": fleet.name, "version": status.view.version(), "services": services.collect::<Vec<_>>(),
                           "rollouts": status.view.rollouts}),
        );
    }
    let json = json!({"schema": 1, "fleets": fleets});
    Ok(Report { exit: Exit::Done, summary: format!("```text\n{text}```\n"), text, json, outputs: Vec::new() })
}

/// GitHub drops a step's whole summary when it is larger than 1 MiB (runner, `FileCommandManager.cs`); a character has at
/// most four bytes.
const SUMMARY_MAX: usize = 250_000;

fn shortened(summary: String) -> String {
    cut(summary, SUMMARY_MAX, "\n(The rest is in the log.)\n")
}

fn nothing(why: &str) -> Report {
    Report {
        exit: Exit::Done,
        text: format!("nothing to do: {why}\n"),
        json: machine::nothing(why),
        outputs: vec![("decision", "nothing_to_do".to_owned())],
        summary: String::new(),
    }
}

fn of_build(built: Result<Release, Stop>) -> Report {
    match built {
        Ok(release) => {
            let lines = release.images.iter().map(|(service, image)| format!("{service} {}\n", image.reference()));
            let text =
                format!("release {} of commit {}\n{}", release.version, release.commit, lines.collect::<String>());
            Report {
                exit: Exit::Done,
                json: json!({"schema": 1, "release": release}),
                outputs: vec![("decision", "built".to_owned()), ("version", release.version.to_string())],
                summary: format!("```text\n{text}```\n"),
                text,
            }
        }
        Err(stop) => of_stop(&stop),
    }
}

/// The report of rollouts, in the order in which they were carried out.
pub fn of_outcomes(outcomes: &[Outcome]) -> Report {
    let Some(last) = outcomes.last() else { return nothing("no fleet is released by this event") };
    let exit = Exit::of_outcome(last);
    let json = machine::outcome(last, exit);
    Report {
        exit,
        text: outcomes.iter().map(render::outcome).collect(),
        outputs: vec![
            ("decision", decision(last).to_owned()),
            ("reason_code", reason(last).map(Reason::code).unwrap_or_default()),
            ("version", last.plan.release.version.to_string()),
            ("plan_hash", last.plan.hash().to_string()),
            ("result", machine::brief(last, exit).to_string()),
        ],
        summary: shortened(outcomes.iter().map(markdown::outcome).collect()),
        json,
    }
}

/// The report of a verb that did not do its work. A plan that waits for approval is told with all that is to be approved.
pub fn of_stop(stop: &Stop) -> Report {
    let (exit, waits) = (Exit::of_stop(stop), if let Stop::AwaitsApproval(plan) = stop { Some(plan) } else { None });
    let json = machine::stop(stop, exit);
    let mut outputs = vec![
        ("decision", "stopped".to_owned()),
        ("reason_code", machine::reason_code(stop)),
        ("plan_hash", waits.map(|plan| plan.hash().to_string()).unwrap_or_default()),
        ("result", json.to_string()),
    ];
    outputs.extend(waits.map(|plan| ("version", plan.release.version.to_string())));
    let (text, summary) = match waits {
        None => (render::stop(stop), format!("### stopped\n\n{}", markdown::stop(stop))),
        Some(plan) => (
            render::plan(plan) + &render::stop(stop) + &render::how_to_approve(&plan.fleet, plan),
            format!("### waits for approval\n\n{}", markdown::plan(plan, None)),
        ),
    };
    Report { exit, text, outputs, summary: shortened(summary), json }
}

/// Tells a report: prints it, and writes what the workflow reads. That a file cannot be written is said and
/// changes nothing about the result.
pub fn tell(report: &Report, context: &Context) -> Exit {
    tell_with(report, &[], context)
}

/// [`tell`], where the cause lies at places in files, so that GitHub shows it there.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this layer is the one that prints")]
pub fn tell_with(report: &Report, places: &[Place], context: &Context) -> Exit {
    if context.json {
        println!("{:#}", report.json);
        eprint!("{}", report.text);
    } else {
        print!("{}", if context.actions { machine::inert(&report.text) } else { report.text.clone() });
    }
    if context.actions && report.exit != Exit::Done {
        for line in machine::annotations(report.exit, &report.text, places) {
            println!("{line}");
        }
    }
    let files = [(&context.output, machine::outputs(&report.outputs)), (&context.summary, report.summary.clone())];
    for (path, text) in files.iter().filter_map(|(path, text)| path.as_ref().map(|path| (path, text))) {
        if let Err(error) = append(path, text) {
            eprintln!("{} could not be written: {error}", path.display());
        }
    }
    report.exit
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}
