//! What makes a key be looked at before its turn: manifests that changed, and people's wishes.

use std::time::Duration;

use coxswain_manifest::Key;
use coxswain_runtime::Queue;
use std::sync::Arc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    context::Context,
    source::{Bundles, Source, Taken},
};

/// What is unfinished is tried again after so long at first, ...
const RETRY_FIRST: Duration = Duration::from_secs(2);
/// ... and then less and less often, down to this.
const RETRY_LAST: Duration = Duration::from_mins(1);

/// Takes manifests as they come, until the program ends.
pub(crate) async fn run(
    mut source: Box<dyn Source>,
    mut bundles: Bundles,
    cx: Arc<Context>,
    queue: Queue<Key>,
) {
    let drain = cx.drain.clone();
    let mut retry: Option<Duration> = None;
    let mut refresh_at: Option<Instant> = None;
    loop {
        let again = async {
            match retry {
                Some(delay) => sleep(delay).await,
                None => std::future::pending().await,
            }
        };
        let refresh = async {
            match refresh_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let taken = tokio::select! {
            biased;
            () = drain.signalled() => return,
            read = source.next() => {
                retry = None;
                bundles.take(read).await
            }
            () = again => bundles.again().await,
            () = refresh => {
                refresh_at = bundles.refresh_interval().map(|interval| Instant::now() + interval);
                match bundles.refresh().await {
                    Some(taken) => taken,
                    None => continue,
                }
            }
        };
        // A shorter interval counts at once.
        let next = taken.refresh.map(|interval| Instant::now() + interval);
        refresh_at = next.map(|next| refresh_at.map_or(next, |at| at.min(next)));
        retry = taken.is_unfinished.then(|| retry.map_or(RETRY_FIRST, |delay| (delay * 2).min(RETRY_LAST)));
        apply(taken, &cx, &queue).await;
    }
}

async fn apply(taken: Taken, cx: &Context, queue: &Queue<Key>) {
    tracing::info!(
        reason = taken.report.reason.name(),
        revision = taken.report.accepted.as_ref().map(|accepted| accepted.revision.as_str()),
        "{}",
        taken.report.message
    );
    // What changed goes first: an edit waits for nothing that can be done after it.
    if let Some(objects) = taken.objects {
        cx.desired.replace(objects).into_iter().for_each(|key| queue.add(key));
    }
    cx.reporter.source(taken.report).await;
    let Some(environment) = taken.environment else { return };
    wishes(&environment, cx).await.into_iter().for_each(|key| queue.add(key));
    if taken.is_whole {
        let asked_for = cx.desired.all();
        let recorded = orphans(&environment, cx).await.into_iter();
        recorded.filter(|key| !asked_for.contains_key(key)).for_each(|key| queue.add(key));
    }
}

/// Objects that wait for a look because a person asked for something.
pub(crate) async fn wishes(environment: &str, cx: &Context) -> Vec<Key> {
    match cx.intents.load(environment, cx.clock.now()).await {
        Ok(keys) => keys,
        Err(error) => {
            tracing::warn!(%error, reason = "Unavailable", "intents cannot be read; they are read again later");
            Vec::new()
        }
    }
}

/// Objects that have a record, from before a restart too.
async fn orphans(environment: &str, cx: &Context) -> Vec<Key> {
    match cx.records.keys(environment).await {
        Ok(keys) => keys,
        Err(error) => {
            tracing::warn!(%error, reason = "Unavailable", "records cannot be listed");
            Vec::new()
        }
    }
}
