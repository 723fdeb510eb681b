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
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::stall::Stalling;

/// How long a connection may take to send a request's head, the wait for it included.
const HEAD_WITHIN: Duration = Duration::from_secs(75);

/// The longest head of a request. Units: bytes.
const HEAD_AT_MOST: usize = 32 * 1024;

/// How long a reader may take nothing of what is written to it.
const READ_WITHIN: Duration = Duration::from_secs(30);

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

async fn connection(stream: TcpStream, router: Router, drain: DrainWatch) {
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
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
