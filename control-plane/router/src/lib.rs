//! The edge router: serves the shared hostname and the root domain from the signed routing snapshot of a fleet.
//!
//! `settings` reads the surroundings, `follow` keeps the routes current, `serve` has the connections, and `forward` takes one
//! request from its head to the end of its answer. What is decided about a request stands in pure modules: `asked` (what it
//! says), `token` (whom it speaks for), `resolve` (where it goes), `headers` (what goes with it), `discovery`, `page`.

pub mod asked;
pub mod discovery;
#[cfg(test)]
mod fixture;
pub mod follow;
pub mod forward;
pub mod headers;
pub mod kept;
pub mod limiter;
pub mod log;
pub mod metrics;
pub mod page;
pub mod refusal;
pub mod resolve;
pub mod routes;
pub mod serve;
pub mod settings;
pub mod store;
pub mod token;
pub mod watched;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use follow::Follower;
use forward::{Router, Shared};
use kept::Kept;
use limiter::Limiter;
use log::Log;
use metrics::Metrics;
use serve::{Pool, listener, serve, watchers};
use settings::Settings;
use store::Store;

/// Serves until SIGTERM or SIGINT, and then until every request is answered.
///
/// # Errors
/// A port cannot be had, or the machine has no certificates that could be trusted.
pub fn run(settings: Settings) -> io::Result<()> {
    let metrics = Arc::new(Metrics::default());
    let log = Log::into(io::stdout(), Arc::clone(&metrics));
    let limiter = Limiter::new((60_000 / settings.guesses).max(1), settings.guesses.div_ceil(2));
    let identity = settings.identity.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let shared = Arc::new(Shared::new(settings.site.clone(), settings.bounds, limiter, log, metrics, identity));
    let mut follower =
        Follower::new(Arc::clone(&shared), Kept::below(&settings.state), settings.keys.clone(), settings.limits);
    follower.resume();
    let (told, stop) = watch::channel(false);
    let workers: Vec<JoinHandle<()>> =
        (0..settings.workers).map(|_| worker(&settings, &shared, stop.clone())).collect::<io::Result<_>>()?;
    runtime()?.block_on(async {
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let metrics = listener(settings.metrics)?;
        tokio::spawn(watchers(metrics, Arc::clone(&shared)));
        let place = settings.place.clone();
        tokio::spawn(async move { follower.follow(Store::reach(place).await, settings.poll).await });
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        Ok::<_, io::Error>(())
    })?;
    shared.draining.store(true, Ordering::Relaxed);
    shared.log.event("stop", "no new connections; requests that are under way are answered");
    told.send_replace(true);
    for worker in workers {
        // A worker that panicked has said so.
        drop(worker.join());
    }
    shared.log.flush();
    Ok(())
}

/// A thread that serves, with everything of its own. What it cannot have is told before it begins.
fn worker(settings: &Settings, shared: &Arc<Shared>, stop: watch::Receiver<bool>) -> io::Result<JoinHandle<()>> {
    let runtime = runtime()?;
    let (connections, drain) = (settings.connections, settings.drain);
    let inside = runtime.enter();
    let (listener, backends) = (listener(settings.listen)?, Pool::new()?);
    drop(inside);
    let router = Arc::new(Router { shared: Arc::clone(shared), backends });
    Ok(thread::spawn(move || runtime.block_on(serve(listener, router, connections, stop, drain))))
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
