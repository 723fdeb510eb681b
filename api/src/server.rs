//! Connections, from the first to the last.
//!
//! ```text
//!            SIGTERM                  grace over, or a second signal        all answered, or deadline
//!  serving ──────────▶ not ready ─────────────────────────────────▶ draining ─────────────────▶ ended
//!     └───────────────────────── SIGINT ───────────────────────────────▲
//! ```
//!
//! *Not ready* still takes new connections: routers go on sending here until their next health check has failed
//! and every one of them has heard of it. *Draining* takes none, and lets requests that have begun finish.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::readiness::Readiness;

/// How long a connection may take to send a request's head, the wait for its first byte included, so this is
/// also how long an idle connection is kept.
///
/// It is longer than the 60 s after which proxies commonly close an idle connection to an upstream, because a
/// request sent into a connection that is just being closed is lost.
/// Source: <https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive_timeout>
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// The longest head of a request: 64 KB is what an Application Load Balancer lets through. Units: bytes.
///
/// Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How many connections are served at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1024;

/// How long requests that have begun may take to finish. With the default grace of 5 s this stays within the 30 s
/// after which ECS kills a task that was told to stop.
///
/// Source: `stopTimeout` in <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>
const DRAIN_DEADLINE: Duration = Duration::from_secs(20);

/// How long to wait after the system refused to accept, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A wish to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// SIGTERM: let routers notice first.
    Gracefully,
    /// SIGINT: a person waits at a terminal.
    Now,
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every request that had begun was answered.
    Drained,
    /// Some connections were still busy at the deadline.
    Cut { connections: usize },
}

/// Serves until told to stop, then ends in the order drawn above.
///
/// `next_stop` gives the next wish to end each time it is called.
pub(crate) async fn serve<F>(
    listener: TcpListener,
    router: Router,
    readiness: &Readiness,
    grace: Duration,
    mut next_stop: impl FnMut() -> F,
) -> Ended
where
    F: Future<Output = Stop>,
{
    let connections = Connections::new(router);
    let stop = tokio::select! {
        stop = next_stop() => stop,
        () = connections.accept(&listener) => Stop::Now,
    };
    readiness.end();
    if stop == Stop::Gracefully {
        tracing::info!(grace_seconds = grace.as_secs(), "asked to stop; not ready any more, still serving");
        tokio::select! {
            () = tokio::time::sleep(grace) => {}
            _ = next_stop() => {}
            () = connections.accept(&listener) => {}
        }
    }
    drop(listener);
    tracing::info!(connections = connections.count(), "no new connections; finishing those that are open");
    connections.drain().await
}

#[derive(Debug)]
struct Connections {
    router: Router,
    tracker: TaskTracker,
    closing: CancellationToken,
    slots: Arc<Semaphore>,
}

impl Connections {
    fn new(router: Router) -> Self {
        Self {
            router,
            tracker: TaskTracker::new(),
            closing: CancellationToken::new(),
            slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        }
    }

    fn count(&self) -> usize {
        self.tracker.len()
    }

    /// Takes connections for as long as it is polled.
    ///
    /// *Cancel safety*: dropping this loses no connection; those that were accepted are served on.
    async fn accept(&self, listener: &TcpListener) {
        while let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // Answers are small and complete; waiting for more to send only delays them.
                    let _ = stream.set_nodelay(true);
                    let connection = serve_connection(stream, self.router.clone(), self.closing.clone());
                    self.tracker.spawn(async move {
                        connection.await;
                        drop(slot);
                    });
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::error!(reason = %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Closes idle connections, waits for busy ones.
    async fn drain(&self) -> Ended {
        self.closing.cancel();
        self.tracker.close();
        match tokio::time::timeout(DRAIN_DEADLINE, self.tracker.wait()).await {
            Ok(()) => Ended::Drained,
            Err(_) => Ended::Cut { connections: self.count() },
        }
    }
}

/// The client gave up between connecting and being accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

async fn serve_connection<S>(stream: S, router: Router, closing: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let result = tokio::select! {
        // Closing is looked at first, so that an answer that is ready in the same moment still says so.
        biased;
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        result = connection.as_mut() => result,
    };
    if let Err(error) = result {
        tracing::debug!(reason = %error, "connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::future::pending;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::sync::Notify;
    use tokio::time::Instant;

    use super::*;

    fn served(router: Router, closing: CancellationToken) -> (DuplexStream, impl Future<Output = ()>) {
        let (client, server) = duplex(1024);
        (client, serve_connection(server, router, closing))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_half_a_head_is_hung_up_on_after_the_head_timeout() {
        let (mut client, serving) = served(Router::new(), CancellationToken::new());
        client.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        let begun = Instant::now();
        serving.await;
        assert_eq!(begun.elapsed().as_secs(), HEAD_TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_beyond_its_limit_is_refused() {
        let (mut client, serving) = served(Router::new(), CancellationToken::new());
        let sending = async {
            let mut head = b"GET / HTTP/1.1\r\nhost: x\r\nlong: ".to_vec();
            head.resize(MAX_HEAD_BYTES + 1024, b'a');
            let _ = client.write_all(&head).await;
            let mut answer = Vec::new();
            let _ = client.read_to_end(&mut answer).await;
            String::from_utf8(answer).unwrap()
        };
        let (answer, ()) = tokio::join!(sending, serving);
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn closing_ends_an_idle_connection_and_lets_a_busy_one_finish() {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let router = Router::new().route("/", {
            let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
            get(move || async move {
                begun.notify_one();
                go_on.notified().await;
                "done"
            })
        });
        let closing = CancellationToken::new();
        let (_idle_client, idle) = served(router.clone(), closing.clone());
        let (mut client, busy) = served(router, closing.clone());
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let stopping = async {
            begun.notified().await;
            closing.cancel();
            idle.await;
            go_on.notify_one();
        };
        tokio::join!(busy, stopping);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("done") && answer.contains("connection: close"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_never_ends_is_cut_at_the_deadline_and_counted() {
        let connections = Connections::new(Router::new());
        connections.tracker.spawn(pending::<()>());
        let begun = Instant::now();
        assert_eq!(connections.drain().await, Ended::Cut { connections: 1 });
        assert_eq!(begun.elapsed().as_secs(), DRAIN_DEADLINE.as_secs());
    }

    /// Gives the listed wishes one after the other, then none.
    fn stops(list: &[Stop]) -> impl FnMut() -> std::pin::Pin<Box<dyn Future<Output = Stop>>> + use<> {
        let left = RefCell::new(list.iter().copied().collect::<VecDeque<_>>());
        move || match left.borrow_mut().pop_front() {
            Some(stop) => Box::pin(async move { stop }),
            None => Box::pin(pending()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_first_sigterm_waits_for_the_grace_period() {
        let grace = Duration::from_secs(5);
        let cases: [(&[Stop], Duration); 3] = [
            (&[Stop::Gracefully], grace),
            (&[Stop::Now], Duration::ZERO),
            (&[Stop::Gracefully, Stop::Gracefully], Duration::ZERO),
        ];
        for (list, expected) in cases {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let readiness = Readiness::default();
            let begun = Instant::now();
            let ended = serve(listener, Router::new(), &readiness, grace, stops(list)).await;
            assert_eq!(ended, Ended::Drained);
            assert!(readiness.is_ending());
            assert_eq!(begun.elapsed().as_secs(), expected.as_secs(), "{list:?}");
        }
    }
}
