//! `routing`: the snapshots of the real buckets or of the simulated world, and the key from where it lies.

use accessos_routing::SigningKey;

use super::environment::variable;
use super::{asked_to_stop, files, live, observer, simulated};
use crate::app::routing::Desk;
use crate::cli::args::{Cli, Key, Routing};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::routing::{diff, publish, show, wait};
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
        (Routing::Wait { generation, .. }, None) => wait(desk, &app.readers, *generation).await,
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
            Err(why) => bad(why),
            Ok(readers) => {
                let desk = Desk { application: &application, fleet, snapshots: &snapshots };
                match command {
                    Routing::Wait { generation, .. } => wait(desk, &readers, *generation).await,
                    _ => diff(desk, &readers).await,
                }
            }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use accessos_routing::{State, TrustedKeys};
    use async_trait::async_trait;
    use jiff::SignedDuration;

    use super::*;
    use crate::adapters::sim::Sim;
    use crate::app::pause::{Wish, pause};
    use crate::app::{App, Readers};
    use crate::cli::args::Command;
    use crate::cli::progress::Silent;
    use crate::domain::fleet::{Fleet, Routing as Place};
    use crate::domain::manifest::{Source, read};
    use crate::ports::StopSignal;

    /// Raised after it was asked so many times.
    struct After(AtomicUsize);

    #[async_trait]
    impl StopSignal for After {
        fn raised(&self) -> bool {
            let left = self.0.load(Ordering::SeqCst);
            self.0.store(left.saturating_sub(1), Ordering::SeqCst);
            left == 0
        }

        async fn wait(&self) {
            std::future::pending().await
        }
    }

    /// Rounds of the publisher service; and then the generation, and how `stark` stands in it.
    async fn rounds(app: &App, fleet: &Fleet, sim: &Sim, key: &SigningKey, rounds: usize) -> (u64, State) {
        let desk = Desk { application: &app.application, fleet, snapshots: sim };
        let readers = Readers { stop: Arc::new(After(AtomicUsize::new(rounds))), ..app.readers.clone() };
        desk.keep(&readers, sim, key, SignedDuration::from_secs(30)).await;
        let force = desk.in_force().await.unwrap().unwrap().snapshot;
        let stark = force.tenants.iter().find(|tenant| tenant.id == "stark").unwrap().state;
        (force.generation, stark)
    }

    /// A world with routing for a fleet, its key, and an app that may not publish.
    fn world(fleet: &str, gate: bool) -> (Arc<Sim>, App, Fleet, SigningKey) {
        let bytes = include_bytes!("../../fleet.yaml").to_vec();
        let mut application = read(&[Source { name: "fleet.yaml".to_owned(), bytes }]).unwrap();
        let key = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
        let place = Place {
            bucket: "bucket".to_owned(),
            prefix: "routing/".to_owned(),
            keys: TrustedKeys::new(vec![key.public()]).unwrap(),
            backend: "https://{host}".to_owned(),
            lose_percent: 10,
            router: "edge-router".parse().unwrap(),
        };
        let routed = application.fleets.iter_mut().find(|one| one.name.as_str() == fleet).unwrap();
        routed.routing = Some(place);
        routed.gate.routers = gate;
        let fleet = routed.clone();
        let sim = Arc::new(Sim::new(&application, simulated::beginning()));
        let app = simulated::app(&sim, application, Arc::new(Silent));
        (sim, app, fleet, key)
    }

    #[tokio::test]
    async fn the_publisher_follows_what_is_decided_and_leaves_a_rollback_alone() {
        let (sim, app, fleet, key) = world("prod", false);
        assert_eq!(rounds(&app, &fleet, &sim, &key, 3).await, (1, State::Active));
        let sets = BTreeSet::from(["stark".parse().unwrap()]);
        let unpublished = Fleet { routing: None, ..fleet.clone() };
        pause(&app, &unpublished, &Wish { sets: &sets, by: "ana", why: "trial ended", until: None }).await.unwrap();
        assert_eq!(rounds(&app, &fleet, &sim, &key, 3).await, (2, State::Paused));
        let desk = Desk { application: &app.application, fleet: &fleet, snapshots: &*sim };
        desk.rollback(app.readers.clock.now(), &*sim, &key, None).await.unwrap();
        assert_eq!(rounds(&app, &fleet, &sim, &key, 3).await, (3, State::Active), "until a person ends it");
    }

    #[tokio::test]
    async fn a_pause_is_done_when_every_router_serves_it() {
        let (sim, app, fleet, key) = world("prod", false);
        rounds(&app, &fleet, &sim, &key, 1).await;
        let sets = BTreeSet::from(["stark".parse().unwrap()]);
        let wish = Wish { sets: &sets, by: "ana", why: "trial ended", until: None };
        let stop = pause(&app, &fleet, &wish).await.unwrap_err();
        assert_eq!(stop.to_string(), "what was decided about tenants of prod is not published for its routers");

        let app = App { signing_key: Some(Arc::new(key)), ..app };
        sim.world().routers_follow_to = Some(1);
        let stop = pause(&app, &fleet, &wish).await.unwrap_err();
        let told = "the routers of prod do not all serve generation 2: router 0 serves generation 1, not 2; router 1";
        assert!(stop.to_string().starts_with(told), "{stop}");
        sim.world().routers_follow_to = None;
        assert_eq!(pause(&app, &fleet, &wish).await.unwrap(), 1);
        let seen =
            wait(Desk { application: &app.application, fleet: &fleet, snapshots: &*sim }, &app.readers, None).await;
        assert_eq!(
            (seen.exit, seen.text.lines().next()),
            (Exit::Done, Some("prod: generation 2, and all 2 routers serve it"))
        );
    }

    #[tokio::test]
    async fn inv_09_without_a_router_nobody_serves_what_is_published() {
        let (sim, app, fleet, key) = world("prod", false);
        rounds(&app, &fleet, &sim, &key, 1).await;
        let gone =
            Fleet { sets: fleet.sets.iter().filter(|set| !set.id.is_control_plane()).cloned().collect(), ..fleet };
        let seen =
            wait(Desk { application: &app.application, fleet: &gone, snapshots: &*sim }, &app.readers, None).await;
        assert_eq!(seen.exit, Exit::Held);
    }

    #[tokio::test]
    async fn a_release_of_the_control_plane_waits_for_routers_that_lag() {
        let (sim, app, fleet, key) = world("dev", true);
        let desk = Desk { application: &app.application, fleet: &fleet, snapshots: &*sim };
        desk.publish(&app.readers, &*sim, &key, crate::app::routing::Wish::default()).await.unwrap();
        sim.world().routers_follow_to = Some(0);
        let merged = Context { event: Some(simulated::push(1)), run_number: 1, ..Context::default() };
        let report = crate::cli::run::act(&Command::Ci { approved_plan: None, fleet: None }, &app, &merged).await;
        assert_eq!(report.exit, Exit::Held, "{}", report.text);
        assert!(report.text.contains("the edge routers"), "{}", report.text);

        sim.world().routers_follow_to = None;
        let again = Command::Continue { fleet: fleet.name.clone(), accept: false, why: None };
        let report = crate::cli::run::act(&again, &app, &merged).await;
        assert_eq!(report.exit, Exit::Done, "{}", report.text);
    }
}
