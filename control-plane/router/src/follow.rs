//! Follows the pointer: takes a new snapshot in only if all of it holds, keeps it, then serves it, and says so. Whatever
//! goes wrong, what is served stays as it is.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use accessos_routing::{Limits, Pointer, Problem, REPORT_EVERY, RouterReport, Snapshot, TrustedKeys, succeed};

use crate::forward::Shared;
use crate::kept::Kept;
use crate::routes::Routes;
use crate::store::{Pointed, Store};

/// What a router follows, and under which conditions.
pub struct Follower {
    /// What is served.
    pub shared: Arc<Shared>,
    /// Where the last snapshot is kept.
    pub kept: Kept,
    /// Keys that are trusted.
    pub keys: TrustedKeys,
    /// What a new snapshot may not do.
    pub limits: Limits,
    current: Option<Snapshot>,
    etag: Option<String>,
    refused: Option<String>,
    reported: Option<(Instant, RouterReport)>,
}

impl Follower {
    /// Follows nothing yet.
    pub fn new(shared: Arc<Shared>, kept: Kept, keys: TrustedKeys, limits: Limits) -> Self {
        Self { shared, kept, keys, limits, current: None, etag: None, refused: None, reported: None }
    }

    /// Serves what was kept, if it stands for itself.
    pub fn resume(&mut self) {
        match self.kept.read() {
            Ok(None) => self.shared.log.event("kept", "there is no snapshot on disk"),
            Ok(Some(bytes)) => match self.judge(&bytes, None) {
                Ok(Some((snapshot, routes))) => self.serve("kept", snapshot, routes),
                Ok(None) => {}
                Err(problems) => self.refuse("kept", &problems),
            },
            Err(error) => self.shared.log.event("kept", &format!("what is on disk cannot be read: {error}")),
        }
    }

    /// Asks again and again, until the process is told to stop.
    pub async fn follow(mut self, store: Store, every: Duration) {
        while !self.shared.draining.load(Ordering::Relaxed) {
            let answered = self.turn(&store).await;
            self.shared.metrics.polled(answered.is_ok());
            if let Err(why) = answered {
                self.shared.log.event("poll", &why);
            }
            if let Err(why) = self.report(&store).await {
                self.shared.log.event("report", &why);
            }
            tokio::time::sleep(every).await;
        }
    }

    /// One look at the pointer.
    async fn turn(&mut self, store: &Store) -> Result<(), String> {
        let Pointed::To(bytes, etag) = store.pointer(self.etag.as_deref()).await? else { return Ok(()) };
        let pointer = match Pointer::read(&bytes) {
            Ok(pointer) => pointer,
            Err(problem) => {
                self.etag = etag;
                self.refuse("pointer", &[problem]);
                return Ok(());
            }
        };
        let bytes = store.object(&pointer).await?;
        if !pointer.is_of(&bytes) {
            // Perhaps only half of it came: it is asked for again.
            self.shared.metrics.refused("incomplete");
            return Err(format!("{} does not have the bytes that its name says", pointer.object));
        }
        let judged = self.judge(&bytes, Some(pointer.generation));
        self.etag = etag;
        match judged {
            // A rollback of S3 itself to what is served.
            Ok(None) => self.refused = None,
            Ok(Some((snapshot, routes))) => {
                if let Err(error) = self.kept.write(&bytes) {
                    self.shared.log.event("kept", &format!("the snapshot cannot be written: {error}"));
                }
                self.serve("snapshot", snapshot, routes);
            }
            Err(problems) => self.refuse("snapshot", &problems),
        }
        Ok(())
    }

    /// Says what is served, if that is news or was said a while ago. Nothing of what is served depends on it.
    async fn report(&mut self, store: &Store) -> Result<(), String> {
        let said = |name: &str| self.shared.identity.get(name).and_then(|value| value.as_str()).unwrap_or_default();
        let generation = self.current.as_ref().map(|snapshot| snapshot.generation);
        let report = RouterReport::new(&self.shared.process(), said("version"), generation, self.refused.as_deref());
        if self.reported.as_ref().is_some_and(|(at, last)| *last == report && at.elapsed() < REPORT_EVERY) {
            return Ok(());
        }
        // Noted before it is sent: without an answer, the next one is due when it would have been.
        self.reported = Some((Instant::now(), report.clone()));
        let sent = store.report(&report).await;
        self.shared.metrics.reported(sent.is_ok());
        sent
    }

    /// The snapshot in these bytes and its routes; none if it is what is served already.
    fn judge(&self, bytes: &[u8], pointed: Option<u64>) -> Result<Option<(Snapshot, Routes)>, Vec<Problem>> {
        let (snapshot, _) = self.keys.open(bytes)?;
        let wrong = |what: String| vec![Problem { code: "wrong", what }];
        if pointed.is_some_and(|generation| generation != snapshot.generation) {
            return Err(wrong(format!("the pointer names another generation than {}", snapshot.generation)));
        }
        if !succeed(self.current.as_ref(), &snapshot, self.limits)? {
            return Ok(None);
        }
        let routes = Routes::of(&snapshot).map_err(wrong)?;
        Ok(Some((snapshot, routes)))
    }

    fn serve(&mut self, from: &str, snapshot: Snapshot, routes: Routes) {
        let (generation, tenants) = (snapshot.generation, snapshot.tenants.len());
        self.shared.routes.store(Some(Arc::new(routes)));
        self.shared.log.event(from, &format!("generation {generation} with {tenants} tenants is served"));
        self.current = Some(snapshot);
        self.refused = None;
    }

    fn refuse(&mut self, from: &str, problems: &[Problem]) {
        for problem in problems {
            self.shared.metrics.refused(problem.code);
            self.shared.log.event(from, &format!("refused, {}: {problem}", problem.code));
        }
        self.refused = problems.first().map(|problem| format!("{}: {problem}", problem.code));
    }
}
