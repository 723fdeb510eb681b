//! The container's health check: no shell and no curl in the image, so the program asks itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::Uri;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
        None => Target::own(listen),
    };
    tokio::time::timeout(TIMEOUT, target.ask()).await.map_err(|_| Unhealthy::Timeout)?
}

#[derive(Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    /// The `Host` field: host and port as written.
    authority: String,
    path: String,
}

impl Target {
    fn parse(url: &Uri) -> Option<Self> {
        if url.scheme_str() != Some("http") {
            return None;
        }
        let authority = url.authority()?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let path = url.path_and_query().map_or("/", |target| target.as_str());
        Some(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.as_str().to_owned(),
            path: path.to_owned(),
        })
    }

    fn own(listen: SocketAddr) -> Self {
        let ip = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let address = SocketAddr::new(ip, listen.port());
        Self {
            host: ip.to_string(),
            port: listen.port(),
            authority: address.to_string(),
            path: "/healthz".to_owned(),
        }
    }

    async fn ask(&self) -> Result<(), Unhealthy> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let request =
            format!("GET {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.path, self.authority);
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        let mut bounded = stream.take(MAX_STATUS_LINE);
        while !head.contains(&b'\n') && bounded.read_buf(&mut head).await? > 0 {}
        let line = String::from_utf8_lossy(&head);
        let line = line.lines().next().unwrap_or_default();
        if line.starts_with("HTTP/1.1 200 ") {
            return Ok(());
        }
        Err(Unhealthy::Status(line.to_owned()))
    }
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
            let target = Target::own(listen.parse().unwrap());
            assert_eq!((target.host.as_str(), target.authority.as_str()), (host, authority));
            assert_eq!(target.path, "/healthz");
        }
    }

    #[test]
    fn only_plain_http_urls_are_taken() {
        let parse = |url: &str| Target::parse(&url.parse().unwrap());
        let target = parse("http://[::1]:8000/readyz?x=1").unwrap();
        assert_eq!((target.host.as_str(), target.port), ("::1", 8000));
        assert_eq!(target.path, "/readyz?x=1");
        assert_eq!(parse("http://localhost").unwrap().port, 80);
        assert_eq!(parse("https://localhost/"), None);
        assert_eq!(parse("/healthz"), None);
    }
}
