//! `coxswain-controller healthcheck`: asks a running controller whether it lives, for a container without a
//! shell.

use std::{
    ffi::OsString,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use clap::Parser;

/// How long each step of asking may take.
const WITHIN: Duration = Duration::from_secs(2);

/// Asks the controller on this machine for `/healthz`; ends with 0 if it answers 200, else with 1.
#[derive(Debug, Parser)]
#[command(name = "coxswain-controller healthcheck", version)]
struct Arguments {
    /// Where the controller listens.
    #[arg(long, env = "COXSWAIN_LISTEN", default_value = "127.0.0.1:7400", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
}

/// Why it does not live, as far as can be seen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unhealthy {
    /// Nobody answers.
    #[error("no answer from {address}: {source}")]
    NoAnswer {
        /// Who was asked.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
    /// It answers something else.
    #[error("{address} answered {said:?}")]
    Other {
        /// Who was asked.
        address: SocketAddr,
        /// The first line of the answer.
        said: String,
    },
}

/// Reads the arguments, of which `healthcheck` is the second, and asks.
///
/// # Errors
/// [`Unhealthy`], where the answer is not a 200.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Unhealthy> {
    let Arguments { listen } = Arguments::parse_from(arguments.into_iter().skip(1));
    ask(reachable(listen))
}

/// Where somebody who listens on every address can be reached from here.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(address: SocketAddr) -> Result<(), Unhealthy> {
    let first_line = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, WITHIN)?;
        stream.set_read_timeout(Some(WITHIN))?;
        stream.set_write_timeout(Some(WITHIN))?;
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        // Whatever answers, one line of it is enough, and it need not be a long one.
        let mut line = Vec::new();
        BufReader::new(stream.take(1024)).read_until(b'\n', &mut line)?;
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    };
    let said = first_line().map_err(|source| Unhealthy::NoAnswer { address, source })?;
    match said.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(Unhealthy::Other { address, said }),
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// Answers one request with that.
    fn answering(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let asked: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            assert!(asked[0] == "GET /healthz HTTP/1.1" && asked[1].starts_with("Host: 127.0.0.1:"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn only_an_answer_of_200_is_healthy() {
        ask(answering("HTTP/1.1 200 OK\r\n\r\nok\n")).unwrap();
        let refused = ask(answering("HTTP/1.1 503 Service Unavailable\r\n\r\n")).unwrap_err();
        assert!(matches!(refused, Unhealthy::Other { .. }), "{refused}");
        let silent = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(matches!(ask(silent), Err(Unhealthy::NoAnswer { .. })));
    }

    #[test]
    fn who_listens_everywhere_is_asked_on_loopback() {
        let cases = [("0.0.0.0:7400", "127.0.0.1:7400"), ("[::]:1", "[::1]:1"), ("10.0.0.5:1", "10.0.0.5:1")];
        for (listen, expected) in cases {
            assert_eq!(reachable(listen.parse().unwrap()), expected.parse().unwrap());
        }
    }
}
