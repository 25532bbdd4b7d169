//! `routing`: the snapshots of the real buckets or of the simulated world, and the key from where it lies.

use accessos_routing::SigningKey;

use super::environment::variable;
use super::{asked_to_stop, files, live, observer, simulated};
use crate::app::routing::Desk;
use crate::cli::args::{Cli, Key, Routing};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::routing::{diff, publish, show};
use crate::cli::run::{Report, of_stop};
use crate::domain::fleet::Application;

/// Runs the command.
pub(super) async fn routing(cli: &Cli, command: &Routing, application: Application, context: &Context) -> Report {
    let fleet = match crate::app::fleet(&application, command.fleet()) {
        Ok(fleet) => fleet.clone(),
        Err(stop) => return of_stop(&stop),
    };
    let Some(folder) = &cli.common.sim else { return of_real(cli, command, application, &fleet, context).await };
    let sim = match simulated::open(folder, &application).await {
        Ok(sim) => sim,
        Err(error) => return Report::plain(Exit::BadInput, &format!("{}: {error}", folder.display())),
    };
    let app = simulated::app(&sim, application, observer(context));
    let desk = Desk { application: &app.application, fleet: &fleet, snapshots: &*sim };
    let report = match (command, command.key()) {
        (Routing::Show { all, .. }, _) => show(desk, *all).await,
        (_, Some(given)) => publish(command, &app, desk, &*sim, key(given), context).await,
        (_, None) => diff(desk, &app.readers).await,
    };
    match sim.save(folder) {
        Ok(()) => report,
        Err(error) => Report::plain(Exit::Unavailable, &format!("{}: {error}", folder.display())),
    }
}

/// On AWS and GitHub. To show what is published, GitHub is not needed.
async fn of_real(
    cli: &Cli,
    command: &Routing,
    application: Application,
    fleet: &crate::domain::fleet::Fleet,
    context: &Context,
) -> Report {
    let snapshots = live::snapshots(&application);
    let bad = |why: String| Report::plain(Exit::BadInput, &why);
    if let Routing::Show { all, .. } = command {
        return show(Desk { application: &application, fleet, snapshots: &snapshots }, *all).await;
    }
    let Some(given) = command.key() else {
        return match live::readers(&application, observer(context)) {
            Ok(readers) => diff(Desk { application: &application, fleet, snapshots: &snapshots }, &readers).await,
            Err(why) => bad(why),
        };
    };
    match live::app(application, observer(context), cli.common.hand_over_after) {
        Ok(app) => {
            let desk = Desk { application: &app.application, fleet, snapshots: &snapshots };
            tokio::select! {
                report = publish(command, &app, desk, &snapshots, key(given), context) => report,
                () = asked_to_stop(&app) => Report::plain(Exit::Interrupted, "interrupted"),
            }
        }
        Err(why) => bad(why),
    }
}

/// The signing key: of the file that is named, else of the environment. It stays in no message.
fn key(given: &Key) -> Result<SigningKey, String> {
    let text = match &given.key {
        Some(path) => files::text(path)?,
        None => variable("TIDEGATE_ROUTING_KEY").ok_or("there is no key")?,
    };
    SigningKey::from_pem(&text)
}
