//! What several builds need is done by the first of them; the others wait for it and get the same answer.

use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};

use crate::ports::PortResult;

/// Work that is done once for each key, also if it fails. A list, because a process knows a handful of keys.
#[derive(Debug)]
pub(super) struct Once<K, V>(Mutex<Vec<(K, Answer<V>)>>);

/// Filled by whoever does the work.
type Answer<V> = Arc<OnceCell<PortResult<V>>>;

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq, V: Clone> Once<K, V> {
    /// The answer for this key; `work` is done by whoever asks first.
    pub(super) async fn get(&self, key: K, work: impl Future<Output = PortResult<V>>) -> PortResult<V> {
        self.answer(key).await.get_or_init(|| work).await.clone()
    }

    async fn answer(&self, key: K) -> Answer<V> {
        let mut answers = self.0.lock().await;
        if let Some((_, answer)) = answers.iter().find(|(known, _)| *known == key) {
            return answer.clone();
        }
        let answer = Answer::default();
        answers.push((key, answer.clone()));
        answer
    }
}
