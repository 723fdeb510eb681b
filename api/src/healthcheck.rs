//! The container's health check: no shell and no curl in the image, so the program asks itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::Uri;
use tokio::io::AsyncReadExt;

use crate::target::Target;

/// How long the whole check may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Enough for the first line of any answer. Units: bytes.
const MAX_STATUS_LINE: u64 = 256;

/// Why the server does not count as healthy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unhealthy {
    #[error("{0} is not a URL of the form http://host:port/path")]
    Url(Uri),
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error("cannot talk to the server")]
    Io(#[from] std::io::Error),
    #[error("the answer is not 200: {0:?}")]
    Status(String),
}

/// Asks for the URL, or for `/healthz` of the server that listens on `listen`.
pub(crate) async fn check(url: Option<Uri>, listen: SocketAddr) -> Result<(), Unhealthy> {
    let target = match url {
        Some(url) => Target::parse(&url).ok_or(Unhealthy::Url(url))?,
        None => own(listen),
    };
    tokio::time::timeout(TIMEOUT, ask(&target)).await.map_err(|_| Unhealthy::Timeout)?
}

/// `/healthz` of the server that listens on `listen`, which may be every address of the machine.
fn own(listen: SocketAddr) -> Target {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Target::at(SocketAddr::new(ip, listen.port()), "/healthz")
}

async fn ask(target: &Target) -> Result<(), Unhealthy> {
    let mut head = Vec::new();
    let mut bounded = target.get().await?.take(MAX_STATUS_LINE);
    while !head.contains(&b'\n') && bounded.read_buf(&mut head).await? > 0 {}
    let line = String::from_utf8_lossy(&head);
    let line = line.lines().next().unwrap_or_default();
    if line.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    Err(Unhealthy::Status(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_on_the_loopback_address() {
        let cases = [
            ("0.0.0.0:8000", "127.0.0.1", "127.0.0.1:8000"),
            ("[::]:8000", "::1", "[::1]:8000"),
            ("127.3.2.1:9000", "127.3.2.1", "127.3.2.1:9000"),
        ];
        for (listen, host, authority) in cases {
            let target = own(listen.parse().unwrap());
            assert_eq!((target.host.as_str(), target.authority.as_str()), (host, authority));
            assert_eq!(target.path, "/healthz");
        }
    }
}
