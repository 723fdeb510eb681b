//! A small DNS server on loopback: what Route 53 answers for the namespaces of Cloud Map.
//!
//! It is the authority for the namespaces and refuses every other name: it is no resolver, caches nothing
//! and asks nobody.

mod message;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use self::message::Transport;
use crate::local::LocalAws;

/// How often another free port is tried, since both protocols need the same one.
const TRIES: usize = 20;

/// Connections at a time; more wait.
const CONNECTIONS: usize = 64;

/// How long a connection may be silent. RFC 7766 asks for some seconds.
const SILENCE: Duration = Duration::from_secs(10);

/// A pause after the socket failed, so that a lasting failure does not take a processor.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

impl LocalAws {
    /// Answers one DNS message that came by UDP, or by TCP without its length.
    ///
    /// `None` for what gets no answer: an answer, or less than a header.
    pub fn answer_dns(&self, message: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
        let transport = if over_tcp { Transport::Tcp } else { Transport::Udp };
        let now = self.clock.now();
        message::answer(message, transport, &|name| {
            // One machine, one resolver: the first account and region that has such a zone.
            self.worlds().iter().find_map(|world| world.cloud_map.look_up(name, now))
        })
    }
}

/// The sockets of the DNS server, one for each protocol, on one port.
#[derive(Debug)]
pub struct DnsServer {
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
}

impl DnsServer {
    /// Listens; with port 0 on one that is free for both.
    ///
    /// # Errors
    /// Where the system refuses the address.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            let tcp = TcpListener::bind(address).await?;
            let bound = tcp.local_addr()?;
            match UdpSocket::bind(bound).await {
                Ok(udp) => return Ok(Self { udp, tcp, address: bound }),
                Err(error) if address.port() != 0 || tries >= TRIES => return Err(error),
                Err(_) => tries += 1,
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown`.
    ///
    /// # Cancel safety
    /// Dropping it closes the sockets and every connection.
    pub async fn serve(self, local: Arc<LocalAws>, shutdown: CancellationToken) {
        let Self { udp, tcp, .. } = self;
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = serve_udp(&udp, &local) => {}
            () = serve_tcp(&tcp, &local) => {}
        }
    }
}

async fn serve_udp(socket: &UdpSocket, local: &LocalAws) {
    let mut buffer = vec![0; 65_535];
    loop {
        let received = socket.recv_from(&mut buffer).await;
        let sent = match received {
            Ok((length, from)) => {
                let message = buffer.get(..length).unwrap_or_default();
                let Some(answer) = local.answer_dns(message, false) else { continue };
                socket.send_to(&answer, from).await.map(drop)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            tracing::warn!(%error, "DNS by UDP failed");
            tokio::time::sleep(AFTER_FAILURE).await;
        }
    }
}

async fn serve_tcp(listener: &TcpListener, local: &Arc<LocalAws>) {
    let limit = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&limit).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let local = Arc::clone(local);
                connections.spawn(async move {
                    // However it ends, the client asks again.
                    let _ = converse(stream, &local).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "DNS by TCP failed");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// One connection: each message follows its length of two bytes.
async fn converse(mut stream: TcpStream, local: &LocalAws) -> io::Result<()> {
    loop {
        let length = timeout(SILENCE, stream.read_u16()).await??;
        let mut message = vec![0; usize::from(length)];
        timeout(SILENCE, stream.read_exact(&mut message)).await??;
        let Some(answer) = local.answer_dns(&message, true) else { return Ok(()) };
        let Ok(length) = u16::try_from(answer.len()) else { return Ok(()) };
        timeout(SILENCE, async {
            stream.write_u16(length).await?;
            stream.write_all(&answer).await?;
            stream.flush().await
        })
        .await??;
    }
}
