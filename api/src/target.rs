//! The other end of the program's own few requests: plain HTTP, one request to a connection.

use std::net::SocketAddr;

use http::Uri;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The `Host` field: host and port as written.
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl Target {
    /// The target of an `http` URL; `None` for any other.
    pub(crate) fn parse(url: &Uri) -> Option<Self> {
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

    /// A path at an address.
    pub(crate) fn at(address: SocketAddr, path: &str) -> Self {
        Self {
            host: address.ip().to_string(),
            port: address.port(),
            authority: address.to_string(),
            path: path.to_owned(),
        }
    }

    /// Connects and asks; what comes back is the answer and the connection's end.
    ///
    /// HTTP 1.0, so that the body is neither cut into chunks nor followed by anything.
    pub(crate) async fn get(&self) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let request =
            format!("GET {} HTTP/1.0\r\nhost: {}\r\nconnection: close\r\n\r\n", self.path, self.authority);
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
