//! Many small reads, one call: what is asked for within a few milliseconds is fetched together.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// When a batch is complete: after `idle` without another key, after `longest` in all, or with `most`
/// different keys, whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How long a batch waits for one key more.
    pub idle: Duration,
    /// How long a batch waits in all.
    pub longest: Duration,
    /// How many different keys fit; at least one.
    pub most: usize,
}

/// 5 ms, 50 ms, and the ten names that ECS's `DescribeServices` takes.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html>
impl Default for Window {
    fn default() -> Self {
        Self { idle: Duration::from_millis(5), longest: Duration::from_millis(50), most: 10 }
    }
}

/// Why a key of a batch has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError<E: std::error::Error + 'static> {
    /// The call, or the key's own part of it, has failed.
    #[error("the fetch failed")]
    Fetch(#[source] E),
    /// The call has succeeded and says nothing of this key.
    #[error("the answer does not mention this key")]
    Unmentioned,
    /// The call panicked, or the runtime is shutting down.
    #[error("the fetch was lost")]
    Lost,
}

type Answer<V, E> = Result<V, BatchError<E>>;

struct Ask<K, V, E: std::error::Error + 'static> {
    key: K,
    answer: oneshot::Sender<Answer<V, E>>,
}

/// Coalesces reads by key.
///
/// # Guarantees
/// - A value was read after it was asked for: a batch that is already being fetched takes no more keys.
/// - The same key asked for twice within a batch is fetched once, and both get the value.
/// - A caller that goes away takes nothing from the others.
/// - Several batches may be in flight at once.
///
/// ```
/// # use std::{collections::HashMap, convert::Infallible};
/// # use coxswain_runtime::{Batcher, Window};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let lengths: Batcher<&str, usize, Infallible> = Batcher::new(Window::default(), |keys: Vec<&str>| async move {
///     assert_eq!(keys.len(), 2, "one call for both");
///     Ok(keys.into_iter().map(|key| (key, Ok(key.len()))).collect::<HashMap<_, _>>())
/// });
/// assert_eq!(tokio::join!(lengths.get("api"), lengths.get("worker")), (Ok(3), Ok(6)));
/// # }
/// ```
pub struct Batcher<K, V, E: std::error::Error + 'static> {
    asks: mpsc::UnboundedSender<Ask<K, V, E>>,
    /// The collector; it is stopped, with what it fetches, when the batcher is dropped.
    _collector: JoinSet<()>,
}

impl<K, V, E> Batcher<K, V, E>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + 'static,
    E: std::error::Error + Clone + Send + 'static,
{
    /// A batcher that reads with `fetch`: all values, each key's own failure, or the failure of the whole.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new<F, Fut>(window: Window, fetch: F) -> Self
    where
        F: Fn(Vec<K>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<HashMap<K, Result<V, E>>, E>> + Send + 'static,
    {
        let (asks, mut inbox) = mpsc::unbounded_channel();
        let mut collector = JoinSet::new();
        collector.spawn(async move {
            let mut fetches = JoinSet::new();
            while let Some(batch) = collect(window, &mut inbox).await {
                while fetches.try_join_next().is_some() {}
                let answer = fetch(batch.keys().cloned().collect());
                fetches.spawn(async move { hand_out(batch, &answer.await) });
            }
        });
        Self { asks, _collector: collector }
    }

    /// The value of `key`, fetched with those of others who ask at about the same time.
    ///
    /// # Cancel safety
    /// Dropping this gives up the answer only; the fetch goes on for the others.
    pub async fn get(&self, key: K) -> Result<V, BatchError<E>> {
        let (answer, waiting) = oneshot::channel();
        self.asks.send(Ask { key, answer }).map_err(|_| BatchError::Lost)?;
        waiting.await.unwrap_or(Err(BatchError::Lost))
    }
}

type Batch<K, V, E> = HashMap<K, Vec<oneshot::Sender<Answer<V, E>>>>;

/// The next batch, or `None` once nobody can ask any more.
async fn collect<K, V, E>(
    window: Window,
    inbox: &mut mpsc::UnboundedReceiver<Ask<K, V, E>>,
) -> Option<Batch<K, V, E>>
where
    K: Eq + Hash,
    E: std::error::Error + 'static,
{
    let mut batch = Batch::new();
    let Ask { key, answer } = inbox.recv().await?;
    batch.insert(key, vec![answer]);
    let end = Instant::now() + window.longest;
    while batch.len() < window.most {
        let deadline = end.min(Instant::now() + window.idle);
        let Ok(Some(Ask { key, answer })) = timeout_at(deadline, inbox.recv()).await else {
            break;
        };
        batch.entry(key).or_default().push(answer);
    }
    Some(batch)
}

/// Gives every caller of a batch its part of the answer. A caller that has gone away is passed over.
fn hand_out<K, V, E>(batch: Batch<K, V, E>, answer: &Result<HashMap<K, Result<V, E>>, E>)
where
    K: Eq + Hash,
    V: Clone,
    E: std::error::Error + Clone,
{
    for (key, waiting) in batch {
        let own = match answer {
            Ok(values) => match values.get(&key) {
                Some(value) => value.clone().map_err(BatchError::Fetch),
                None => Err(BatchError::Unmentioned),
            },
            Err(error) => Err(BatchError::Fetch(error.clone())),
        };
        for caller in waiting {
            drop(caller.send(own.clone()));
        }
    }
}

impl<K, V, E: std::error::Error> fmt::Debug for Batcher<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batcher").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
