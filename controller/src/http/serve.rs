//! Connections: taken until the drain begins, then finished.

use std::{sync::Arc, time::Duration};

use axum::Router;
use coxswain_runtime::DrainWatch;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
    time::timeout,
};

use super::stall::Stalling;

/// How long a connection may take to send a request's head, the wait for it included.
const HEAD_WITHIN: Duration = Duration::from_secs(75);

/// The longest head of a request. Units: bytes.
const HEAD_AT_MOST: usize = 32 * 1024;

/// How long a reader may take nothing of what is written to it.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// How long a request that is under way has to end once the drain has begun: less than any drain lasts, so
/// that one reader who takes nothing does not make it fail.
const END_WITHIN: Duration = Duration::from_secs(8);

/// How many connections are served at once; more wait in the kernel's queue.
const CONNECTIONS_AT_MOST: usize = 256;

/// How long to wait after the system refused to accept, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until the drain begins; connections that are open then finish the request they are in.
///
/// # Cancel safety
/// Dropping it takes no further connection; those that were taken are served on, known to the drain.
pub async fn serve(listener: TcpListener, router: Router, drain: DrainWatch) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_AT_MOST));
    while let Ok(slot) = slots.clone().acquire_owned().await {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.signalled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, watch) = (router.clone(), drain.clone());
                drop(drain.spawn(async move {
                    connection(stream, router, watch).await;
                    drop(slot);
                }));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection<S>(stream: S, router: Router, drain: DrainWatch)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_AT_MOST)
        .serve_connection(TokioIo::new(Stalling::new(stream, READ_WITHIN)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = drain.signalled() => {
            connection.as_mut().graceful_shutdown();
            let Ok(ended) = timeout(END_WITHIN, connection).await else {
                tracing::warn!(within = ?END_WITHIN, "a request was cut: it did not end in time");
                return;
            };
            ended
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::{body::Body, routing::get};
    use coxswain_runtime::Drain;
    use futures::stream;
    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_does_not_hold_the_end_up() {
        let endless = || async { Body::from_stream(stream::repeat(Ok::<_, Infallible>("more\n"))) };
        let router = Router::new().route("/", get(endless));
        let (ours, mut theirs) = duplex(1024);
        let drain = Drain::new();
        drop(drain.watch().spawn(connection(ours, router, drain.watch())));
        theirs.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        drain.finish(Duration::from_secs(10)).await.unwrap();
    }
}
