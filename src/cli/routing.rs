//! `routing`: the snapshot that edge routers serve from, in words and for programs.

use accessos_routing::{Change, SigningKey, Snapshot};
use serde_json::{Value, json};

use super::args::{RouteWord, Routing};
use super::context::Context;
use super::exit::Exit;
use super::render::{count, row_table};
use super::run::{Report, of_stop};
use crate::app::decisions::record;
use crate::app::routers;
use crate::app::routing::{Desk, Published, Wish};
use crate::app::{App, Readers, Stop};
use crate::domain::directive::{Directive, Route};
use crate::domain::reason::Reason;
use crate::ports::SnapshotWriter;

/// More changes than this are counted.
const CHANGES_MAX: usize = 40;

/// Generations that are listed.
const LISTED: usize = 50;

/// Shows the snapshot in force, or the generations behind it.
pub async fn show(desk: Desk<'_>, all: bool) -> Report {
    let shown = desk.generations(if all { LISTED } else { 1 }).await;
    match shown {
        Err(stop) => of_stop(&stop),
        Ok(found) if found.is_empty() => {
            let text = format!("nothing was ever published for the routers of {}", desk.fleet.name);
            Report { json: json!({"schema": 1, "exit_code": 0, "generations": []}), ..Report::plain(Exit::Done, &text) }
        }
        Ok(found) => {
            let text = match found.as_slice() {
                [one] if !all => table(one),
                many => list(many),
            };
            let json = json!({"schema": 1, "exit_code": 0, "generations": found});
            Report { json, ..Report::plain(Exit::Done, &text) }
        }
    }
}

/// Shows what publishing would change.
pub async fn diff(desk: Desk<'_>, readers: &Readers) -> Report {
    match desk.difference(readers).await {
        Err(stop) => of_stop(&stop),
        Ok((force, changes)) => {
            let generation = force.map(|force| force.snapshot.generation);
            let exit = if changes.is_empty() && generation.is_some() { Exit::Done } else { Exit::Conflict };
            let against =
                generation.map_or_else(|| "nothing".to_owned(), |generation| format!("generation {generation}"));
            let head = format!("{} against {against}: {}\n", desk.fleet.name, count(changes.len(), "change"));
            let json =
                json!({"schema": 1, "exit_code": exit as u8, "generation": generation, "changes": as_json(&changes)});
            Report { json, ..Report::plain(exit, &(head + &words(&changes))) }
        }
    }
}

/// Waits until all routers serve this generation, or the one in force.
pub async fn wait(desk: Desk<'_>, readers: &Readers, generation: Option<u64>) -> Report {
    match routers::wait(readers, desk.application, desk.fleet, generation).await {
        Err(stop) => of_stop(&stop),
        Ok(seen) => {
            let rows = seen.reports.iter().map(|report| {
                let serves = report.generation.map_or_else(|| "-".to_owned(), |generation| generation.to_string());
                [report.router.clone(), report.version.clone(), serves]
            });
            let head = format!("{}: generation {}, and {}\n", desk.fleet.name, seen.generation, seen.following);
            let json = json!({
                "schema": 1, "exit_code": 0, "fleet": desk.fleet.name, "generation": seen.generation,
                "routers": seen.reports,
            });
            Report { json, ..Report::plain(Exit::Done, &(head + &row_table(&["router", "version", "serves"], rows))) }
        }
    }
}

/// Publishes, takes back, or decides about a tenant and publishes that.
pub async fn publish(
    command: &Routing,
    app: &App,
    desk: Desk<'_>,
    writer: &dyn SnapshotWriter,
    key: Result<SigningKey, String>,
    context: &Context,
) -> Report {
    let no_key = |why| Stop::from(Reason::NoSigningKey { fleet: desk.fleet.name.clone(), why });
    let key = match key.map_err(no_key) {
        Ok(key) => key,
        Err(stop) => return of_stop(&stop),
    };
    let result = match command {
        Routing::Publish { every: Some(every), .. } => {
            desk.keep(&app.readers, writer, &key, *every).await;
            return Report::plain(Exit::Done, "told to stop");
        }
        Routing::Publish { lose, past_rollback, .. } => {
            desk.publish(&app.readers, writer, &key, Wish { lose: *lose, past_rollback: *past_rollback }).await
        }
        Routing::Rollback { decision, to, .. } => back(app, desk, writer, &key, (*to, &decision.why), context).await,
        Routing::Set { decision, tenant, state, to, .. } => {
            let route = match (state, to) {
                (RouteWord::Active, _) => Route::Active,
                (RouteWord::Maintenance, _) => Route::Maintenance,
                (RouteWord::Moved, to) => Route::Moved(to.clone().unwrap_or_default()),
            };
            match desk.fleet.set(tenant) {
                None => Err(Stop::NoSuchTenant { fleet: desk.fleet.name.clone(), tenant: tenant.clone() }),
                Some(_) => {
                    set(
                        app,
                        desk,
                        writer,
                        &key,
                        (Directive::Routed { set: tenant.clone(), route }, &decision.why),
                        context,
                    )
                    .await
                }
            }
        }
        Routing::Show { .. } | Routing::Diff { .. } | Routing::Wait { .. } => {
            Err(Stop::Bug("nothing is published by looking".to_owned()))
        }
    };
    result.map_or_else(|stop| of_stop(&stop), |published| told(desk, &published))
}

/// The routers first, then the record: it is for emergencies.
async fn back(
    app: &App,
    desk: Desk<'_>,
    writer: &dyn SnapshotWriter,
    key: &SigningKey,
    (to, why): (Option<u64>, &str),
    context: &Context,
) -> Result<Published, Stop> {
    let (published, restores) = desk.rollback(app.readers.clock.now(), writer, key, to).await?;
    let directive = Directive::RoutedBack { generation: published.generation, restores };
    record(app, &desk.fleet.name, context.actor(), why, directive).await?;
    Ok(published)
}

/// A decision, and a snapshot that follows from it. A host that is none is refused before it is written down.
async fn set(
    app: &App,
    desk: Desk<'_>,
    writer: &dyn SnapshotWriter,
    key: &SigningKey,
    (directive, why): (Directive, &str),
    context: &Context,
) -> Result<Published, Stop> {
    if let Directive::Routed { route: Route::Moved(host), .. } = &directive
        && !accessos_routing::is_host(host)
    {
        let why = format!("`{}` is no host name in lower case", host.escape_debug());
        return Err(Reason::RoutingRefused { fleet: desk.fleet.name.clone(), why }.into());
    }
    record(app, &desk.fleet.name, context.actor(), why, directive).await?;
    desk.publish(&app.readers, writer, key, Wish::default()).await
}

fn told(desk: Desk<'_>, published: &Published) -> Report {
    let (fleet, generation) = (&desk.fleet.name, published.generation);
    let tenants = count(published.tenants, "tenant");
    let text = match published.changes.is_empty() {
        true => format!("{fleet}: generation {generation} with {tenants} is in force already"),
        false => format!("{}{fleet}: generation {generation} with {tenants} is published", words(&published.changes)),
    };
    let json = json!({
        "schema": 1, "exit_code": 0, "decision": if published.changes.is_empty() { "nothing_to_do" } else { "published" },
        "fleet": fleet, "generation": generation, "tenants": published.tenants, "changes": as_json(&published.changes),
    });
    Report { json, ..Report::plain(Exit::Done, &text) }
}

fn table(snapshot: &Snapshot) -> String {
    let back = snapshot.restores.map(|restores| format!(", with the tenants of generation {restores}"));
    let head =
        format!("generation {} of {:.0}{}\n", snapshot.generation, snapshot.published_at, back.unwrap_or_default());
    let rows = snapshot.tenants.iter().map(|tenant| {
        let state = match &tenant.moved_to {
            Some(to) => format!("moved to {to}"),
            None => tenant.state.word().to_owned(),
        };
        [tenant.id.clone(), state, tenant.hosts.join(" "), tenant.backend.clone(), tenant.cell.clone()]
    });
    head + &row_table(&["tenant", "state", "hosts", "backend", "cell"], rows)
}

fn list(snapshots: &[Snapshot]) -> String {
    let changed = |at: usize| {
        let before = snapshots.get(at + 1)?;
        Some(accessos_routing::changes(Some(before), snapshots.get(at)?).len().to_string())
    };
    let rows = snapshots.iter().enumerate().map(|(at, snapshot)| {
        [
            snapshot.generation.to_string(),
            format!("{:.0}", snapshot.published_at),
            snapshot.tenants.len().to_string(),
            changed(at).unwrap_or_else(|| "-".to_owned()),
            snapshot.restores.map_or_else(|| "-".to_owned(), |restores| restores.to_string()),
        ]
    });
    row_table(&["generation", "published", "tenants", "changed", "brings back"], rows)
}

fn words(changes: &[Change]) -> String {
    let line = |change: &Change| match change {
        Change::Added(id) => format!("+ {id}\n"),
        Change::Lost(id) => format!("- {id}\n"),
        Change::Changed(id, fields) => {
            let fields = fields.iter().map(|(name, was, is)| format!("{name}: {} -> {}", or_dash(was), or_dash(is)));
            format!("~ {id}  {}\n", fields.collect::<Vec<_>>().join(", "))
        }
    };
    let mut text: String = changes.iter().take(CHANGES_MAX).map(line).collect();
    if let Some(more) = changes.len().checked_sub(CHANGES_MAX).filter(|more| *more > 0) {
        text += &format!("and {}\n", count(more, "more change"));
    }
    text
}

fn as_json(changes: &[Change]) -> Vec<Value> {
    let one = |change: &Change| match change {
        Change::Added(id) => json!({"tenant": id, "change": "added"}),
        Change::Lost(id) => json!({"tenant": id, "change": "lost"}),
        Change::Changed(id, fields) => {
            let fields = fields.iter().map(|(name, was, is)| json!({"field": name, "was": was, "is": is}));
            json!({"tenant": id, "change": "changed", "fields": fields.collect::<Vec<_>>()})
        }
    };
    changes.iter().map(one).collect()
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}
