//! Telling people under a pull request how far its rollout is. Waves do not wait for GitHub: while one writing takes long,
//! only the newest of what came meanwhile is told, and that it fails changes nothing.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use super::progress::{Observer, Progress};
use super::{App, Readers};
use crate::domain::plan::Plan;
use crate::domain::rollout::Event;

/// What is to be told of a wave of this index that begins; none of one that is not told.
pub type Say = fn(&Plan, usize) -> Option<String>;

/// What the teller has heard.
enum Heard {
    Nothing,
    Text(String),
    Over,
}

/// Does `work`, and tells meanwhile under the pull request how far the rollouts are that it carries out. Nothing is
/// written any more when this comes back.
pub async fn telling<T>(app: &App, pull: u64, say: Say, work: impl AsyncFnOnce(&App) -> T) -> T {
    let (sender, mut heard) = watch::channel(Heard::Nothing);
    let told = Arc::new(sender);
    let inner = Arc::clone(&app.readers.observer);
    let observer = Arc::new(Waves { inner, plan: Mutex::default(), say, told: Arc::clone(&told) });
    let heard_app = App { readers: Readers { observer, ..app.readers.clone() }, ..app.clone() };
    let pulls = Arc::clone(&app.writers.pulls);
    let teller = tokio::spawn(async move {
        while heard.changed().await.is_ok() {
            let text = match &*heard.borrow_and_update() {
                Heard::Nothing => continue,
                Heard::Text(text) => text.clone(),
                Heard::Over => return,
            };
            // Whoever tells the end tells that, and why it could not.
            if pulls.comment(pull, &text).await.is_err() {
                return;
            }
        }
    });
    // A release is a large future, and a thread of a runtime has two megabytes.
    let result = Box::pin(work(&heard_app)).await;
    told.send_replace(Heard::Over);
    // That it was told is not what the release is about.
    drop(teller.await);
    result
}

/// Hears when a wave begins.
struct Waves {
    inner: Arc<dyn Observer>,
    plan: Mutex<Option<Plan>>,
    say: Say,
    told: Arc<watch::Sender<Heard>>,
}

impl Observer for Waves {
    fn note(&self, at: Timestamp, progress: &Progress) {
        self.inner.note(at, progress);
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        match (progress, plan.as_ref()) {
            (Progress::Opened { plan: opened, .. }, _) => *plan = Some(Plan::clone(opened)),
            (Progress::Phase { event: Event::WaveStarted { wave }, .. }, Some(plan)) => {
                if let Some(text) = (self.say)(plan, *wave) {
                    self.told.send_replace(Heard::Text(text));
                }
            }
            _ => {}
        }
    }
}
