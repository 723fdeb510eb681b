//! The drift sweep: every object is looked at within an interval, whatever else happens.

use std::{sync::Arc, time::Duration};

use coxswain_manifest::Key;
use coxswain_runtime::Queue;
use tokio::time::sleep;

use crate::{context::Context, feed};

/// Objects looked at together: what one DescribeServices takes.
const TOGETHER: usize = 10;

/// Spreads the objects over each interval, ten at a time, until the program ends.
///
/// Ten at a time and not one by one: looks that begin together share a call, so that a pass over N
/// objects costs N/10 calls.
pub(crate) async fn run(cx: Arc<Context>, queue: Queue<Key>, interval: Duration) {
    let drain = cx.drain.clone();
    tokio::select! {
        () = drain.signalled() => {}
        () = sweep(&cx, &queue, interval) => {}
    }
}

/// How often a leader looks for intents that other replicas took. Each time costs one list of the store.
const WISHES_EVERY: Duration = Duration::from_secs(5);

/// Looks for what people asked of other replicas, until the program ends.
pub(crate) async fn wishes(cx: Arc<Context>, queue: Queue<Key>) {
    let drain = cx.drain.clone();
    let ask = async {
        loop {
            sleep(WISHES_EVERY).await;
            if let Some(key) = cx.desired.keys().first() {
                feed::wishes(&key.environment, &cx).await.into_iter().for_each(|key| queue.add(key));
            }
        }
    };
    tokio::select! {
        () = drain.signalled() => {}
        () = ask => {}
    }
}

async fn sweep(cx: &Context, queue: &Queue<Key>, interval: Duration) {
    loop {
        let keys = cx.desired.keys();
        let groups = u32::try_from(keys.len().div_ceil(TOGETHER).max(1)).unwrap_or(u32::MAX);
        for group in keys.chunks(TOGETHER) {
            // The wait comes first: what was just started or changed is looked at anyway.
            sleep(interval / groups).await;
            group.iter().cloned().for_each(|key| queue.add(key));
        }
        match keys.first() {
            Some(key) => {
                let environment = key.environment.clone();
                feed::wishes(&environment, cx).await.into_iter().for_each(|key| queue.add(key));
            }
            None => sleep(interval).await,
        }
    }
}
