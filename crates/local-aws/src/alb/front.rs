//! The sockets: one for each listener, its connections, and their TLS.

use std::{collections::BTreeMap, convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ProtocolVersion, ServerConfig};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Hub, Sockets, client_certificate,
    request::{self, Caller, Session},
    tls,
};
use crate::elb::{Mutual, Served};

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The most that a request's headers take. Source: the quotas' page.
const LARGEST_HEADERS: u32 = 64 * 1024;

/// A listener as its connections see it; replaced as a whole.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) served: Served,
    tls: Option<Arc<ServerConfig>>,
}

/// An open socket.
#[derive(Debug)]
struct Front {
    address: SocketAddr,
    site: watch::Sender<Arc<Site>>,
    stop: CancellationToken,
}

/// Every open socket, by its listener's ARN.
#[derive(Debug)]
pub(super) struct Fronts {
    hub: Arc<Hub>,
    tracker: TaskTracker,
    open: BTreeMap<String, Front>,
}

impl Fronts {
    pub(super) fn new(hub: Arc<Hub>, tracker: TaskTracker) -> Self {
        Self { hub, tracker, open: BTreeMap::new() }
    }

    /// Opens, changes and closes sockets, so that they are those of the listeners.
    pub(super) async fn follow(&mut self, listeners: Vec<Served>, sockets: &Sockets) {
        let address =
            |served: &Served| SocketAddr::new(served.address, self.hub.config.served(served.listener.port));
        let wanted: BTreeMap<String, (SocketAddr, Served)> = listeners
            .into_iter()
            .map(|served| (served.listener.arn.clone(), (address(&served), served)))
            .collect();
        // Closed first: a port may change hands.
        self.open.retain(|arn, front| {
            let stays = wanted.get(arn).is_some_and(|(address, _)| *address == front.address);
            if !stays {
                front.stop.cancel();
                sockets.set(arn, None);
            }
            stays
        });
        for (arn, (address, served)) in wanted {
            match self.follow_one(&arn, address, served).await {
                Ok(()) => sockets.set(&arn, Some(Ok(address))),
                Err(why) => {
                    tracing::warn!(listener = arn, %address, why, "a listener is not served");
                    sockets.set(&arn, Some(Err(why)));
                }
            }
        }
    }

    async fn follow_one(&mut self, arn: &str, address: SocketAddr, served: Served) -> Result<(), String> {
        let has_h2 = served.balancer.balancer_flag("routing.http2.enabled");
        let config = served.listener.tls.as_ref();
        let config = config.map(|tls| tls::server_config(tls, &self.hub.balancing, has_h2));
        let config = config.transpose().map_err(|error| error.to_string())?.map(Arc::new);
        let site = Arc::new(Site { served, tls: config });
        if let Some(front) = self.open.get(arn) {
            front.site.send_replace(site);
            return Ok(());
        }
        let socket = TcpListener::bind(address).await.map_err(|error| refused(&error, address))?;
        let (sender, receiver) = watch::channel(site);
        let front = Front { address, site: sender, stop: CancellationToken::new() };
        let accept =
            accept(socket, receiver, Arc::clone(&self.hub), front.stop.clone(), self.tracker.clone());
        self.tracker.spawn(accept);
        self.open.insert(arn.to_owned(), front);
        tracing::info!(listener = arn, %address, "a listener is served");
        Ok(())
    }

    pub(super) fn stop(&self) {
        for front in self.open.values() {
            front.stop.cancel();
        }
    }
}

fn refused(error: &io::Error, address: SocketAddr) -> String {
    if error.kind() == io::ErrorKind::PermissionDenied {
        let port = address.port();
        return format!(
            "the system does not allow this program the port {port}: serve it on another, such as by --listener-port {port}=8{port:03}"
        );
    }
    error.to_string()
}

async fn accept(
    socket: TcpListener,
    site: watch::Receiver<Arc<Site>>,
    hub: Arc<Hub>,
    stop: CancellationToken,
    tracker: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => {
                let (site, hub, stop) = (site.clone(), Arc::clone(&hub), stop.clone());
                let connection = connection(stream, client, site, hub, stop, tracker.clone());
                tracker.spawn(connection);
            }
            // One that was given up again, or too many open files: others may fare better.
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    client: SocketAddr,
    site: watch::Receiver<Arc<Site>>,
    hub: Arc<Hub>,
    stop: CancellationToken,
    tracker: TaskTracker,
) {
    let _ = stream.set_nodelay(true);
    let current = Arc::clone(&site.borrow());
    let Some(config) = &current.tls else {
        let caller = Caller { client, tls: None, tracker };
        return converse(stream, false, caller, site, hub, stop).await;
    };
    let handshake = TlsAcceptor::from(Arc::clone(config)).accept(stream);
    match timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => {
            let session = session(&stream, &current);
            let has_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2".as_slice());
            let caller = Caller { client, tls: Some(session), tracker };
            converse(stream, has_h2, caller, site, hub, stop).await;
        }
        Ok(Err(error)) => tracing::debug!(%client, %error, "a TLS handshake failed"),
        Err(_) => tracing::debug!(%client, "a TLS handshake took too long"),
    }
}

fn session(stream: &TlsStream<TcpStream>, site: &Site) -> Session {
    let (_, tls) = stream.get_ref();
    let chain = tls.peer_certificates().unwrap_or_default();
    let listener = &site.served.listener;
    let off = Mutual::Off;
    let mutual = listener.tls.as_ref().map_or(&off, |tls| &tls.mutual);
    let cipher = tls.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
    Session {
        version: match tls.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        },
        cipher: openssl_name(&cipher.unwrap_or_default()),
        certificate: client_certificate::headers(mutual, chain, &listener.attributes),
    }
}

/// As OpenSSL calls a cipher suite, and ALB with it.
fn openssl_name(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("TLS13_") {
        return format!("TLS_{rest}");
    }
    let plain = name.trim_start_matches("TLS_").replace("_WITH_", "_");
    plain
        .replace("AES_128", "AES128")
        .replace("AES_256", "AES256")
        .replace("_POLY1305_SHA256", "_POLY1305")
        .replace('_', "-")
}

/// Serves the requests of a connection until one side ends it.
async fn converse<S>(
    stream: S,
    has_h2: bool,
    caller: Caller,
    site: watch::Receiver<Arc<Site>>,
    hub: Arc<Hub>,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let client = caller.client;
    let idle = site.borrow().served.balancer.balancer_text("idle_timeout.timeout_seconds").parse();
    let idle = Duration::from_secs(idle.unwrap_or(60));
    let caller = Arc::new(caller);
    let service = service_fn(|request| {
        let (hub, caller, site) = (Arc::clone(&hub), Arc::clone(&caller), Arc::clone(&site.borrow()));
        async move { Ok::<_, Infallible>(request::serve(&hub, &site, &caller, request).await) }
    });
    let stream = TokioIo::new(stream);
    let ended = if has_h2 {
        let mut server = http2::Builder::new(TokioExecutor::new());
        server.timer(TokioTimer::new()).max_header_list_size(LARGEST_HEADERS);
        let mut connection = std::pin::pin!(server.serve_connection(stream, service));
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    } else {
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(idle);
        let connection = server.serve_connection(stream, service).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%client, %error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cipher_suites_have_openssls_names() {
        for (name, expected) in [
            ("TLS13_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
            ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
            ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ] {
            assert_eq!(openssl_name(name), expected);
        }
    }
}
