//! Who may ask: the Host, the Origin and the token of every request.
//!
//! A page in somebody's browser can send requests to a loopback address, and by a DNS name that is
//! rebound to it even read the answers. So the Host must be a name of ours, and a request that a page
//! of another origin sends is refused whatever its method.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{problem::Problem, ready::is_verbose};

/// The fewest characters of a token: 128 bits as hexadecimal digits.
const TOKEN_CHARACTERS: usize = 32;

/// Paths that answer without a token, as long as no more is asked for than yes or no.
const OPEN_PATHS: &[&str] = &["/healthz", "/readyz"];

/// A bearer token; kept as a digest, shown as nothing.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

impl Token {
    /// The token that a file holds, white space around it aside.
    ///
    /// # Errors
    /// [`GuardError::ShortToken`] where it is too short to be hard to guess.
    pub fn parse(text: &str) -> Result<Self, GuardError> {
        let text = text.trim();
        match text.chars().count() {
            found if found < TOKEN_CHARACTERS => Err(GuardError::ShortToken { found }),
            _ => Ok(Self(digest(text))),
        }
    }

    /// Whether `presented` is the token, in a time that does not depend on where they differ.
    fn is(&self, presented: &str) -> bool {
        self.0.ct_eq(&digest(presented)).into()
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Why the endpoint is not opened as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// Anybody who reaches the address could ask for everything.
    #[error(
        "{0} is not a loopback address: a bearer token is required there. Give one by --token-file, or listen on \
         127.0.0.1"
    )]
    TokenRequired(SocketAddr),
    /// The token can be guessed.
    #[error(
        "the token has {found} characters, at least {TOKEN_CHARACTERS} are required. Make one by: openssl rand -hex 32"
    )]
    ShortToken {
        /// How many it has.
        found: usize,
    },
}

/// Who may ask.
#[derive(Debug, Clone)]
pub struct Guard {
    token: Option<Token>,
    is_loopback: bool,
    host: Option<String>,
}

impl Guard {
    /// The rules of an endpoint at that address; `host` is a further name under which it is reached.
    ///
    /// # Errors
    /// [`GuardError::TokenRequired`] where it is not a loopback address and no token is given.
    pub fn new(listen: SocketAddr, token: Option<Token>, host: Option<String>) -> Result<Self, GuardError> {
        let is_loopback = listen.ip().is_loopback();
        if !is_loopback && token.is_none() {
            return Err(GuardError::TokenRequired(listen));
        }
        Ok(Self { token, is_loopback, host })
    }

    fn check(&self, uri: &Uri, headers: &HeaderMap, authority: Option<&Authority>) -> Result<(), Problem> {
        let host = match (headers.get(header::HOST), authority) {
            (Some(host), _) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
            (None, authority) => authority.cloned(),
        };
        let Some(host) = host else {
            return Err(Problem::malformed("the request names no Host"));
        };
        if headers.get_all(header::HOST).iter().count() > 1 {
            return Err(Problem::malformed("the request names two Hosts"));
        }
        if !self.is_ours(host.host()) {
            let detail = format!("{:?} is not a name of this endpoint", host.host());
            return Err(Problem::forbidden(detail));
        }
        if let Some(origin) = headers.get(header::ORIGIN) {
            let origin = origin.to_str().unwrap_or_default();
            let same = ["http://", "https://"].iter().any(|scheme| {
                origin.strip_prefix(scheme).is_some_and(|rest| rest.eq_ignore_ascii_case(host.as_str()))
            });
            if !same {
                return Err(Problem::forbidden(format!("a page of {origin:?} may not ask")));
            }
        }
        match &self.token {
            Some(token) if !OPEN_PATHS.contains(&uri.path()) || is_verbose(headers, uri) => {
                let presented = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
                let presented = presented.and_then(bearer);
                if presented.is_some_and(|presented| token.is(presented)) {
                    Ok(())
                } else {
                    Err(Problem::unauthorised())
                }
            }
            _ => Ok(()),
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        match address {
            // An address is never rebound; behind a token other addresses than loopback are expected.
            Some(address) => address.is_loopback() || !self.is_loopback,
            None => {
                host.eq_ignore_ascii_case("localhost")
                    || self.host.as_deref().is_some_and(|ours| ours.eq_ignore_ascii_case(host))
            }
        }
    }
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The middleware: answers a problem where the guard refuses.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.check(request.uri(), request.headers(), request.uri().authority()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn loopback() -> Guard {
        Guard::new("127.0.0.1:7400".parse().unwrap(), None, Some("cox.example.com".to_owned())).unwrap()
    }

    fn open() -> Guard {
        let token = Token::parse(SECRET).unwrap();
        Guard::new("10.0.0.5:7400".parse().unwrap(), Some(token), None).unwrap()
    }

    fn status(guard: &Guard, path: &str, headers: &[(&str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        guard
            .check(&path.parse().unwrap(), &map, None)
            .err()
            .map_or(200, |problem| problem.into_response().status().as_u16())
    }

    #[test]
    fn only_names_of_ours_are_answered() {
        let cases = [
            ("127.0.0.1:7400", 200),
            ("127.0.0.1", 200),
            ("localhost:7400", 200),
            ("LOCALHOST", 200),
            ("[::1]:7400", 200),
            ("cox.example.com", 200),
            ("evil.example.com", 403),
            ("localhost.evil.example.com", 403),
            ("10.0.0.5:7400", 403),
            ("127.0.0.1.evil.example.com", 403),
            ("", 400),
        ];
        for (host, expected) in cases {
            assert_eq!(status(&loopback(), "/v1/services", &[("host", host)]), expected, "{host}");
        }
        assert_eq!(status(&loopback(), "/v1/services", &[]), 400);
        assert_eq!(status(&loopback(), "/", &[("host", "localhost"), ("host", "evil.example.com")]), 400);
    }

    #[test]
    fn a_page_of_another_origin_may_not_ask() {
        let cases = [
            ("http://127.0.0.1:7400", 200),
            ("http://127.0.0.1:8000", 403),
            ("http://evil.example.com", 403),
            ("null", 403),
            ("", 403),
        ];
        for (origin, expected) in cases {
            let headers = [("host", "127.0.0.1:7400"), ("origin", origin)];
            assert_eq!(status(&loopback(), "/v1/intents", &headers), expected, "{origin}");
        }
    }

    #[test]
    fn outside_loopback_everything_but_the_health_checks_needs_the_token() {
        let bearer = format!("Bearer {SECRET}");
        let lower = format!("bearer {SECRET}");
        let longer = format!("Bearer {SECRET}0");
        let host = ("host", "10.0.0.5:7400");
        assert_eq!(status(&open(), "/healthz", &[host]), 200);
        assert_eq!(status(&open(), "/readyz", &[host]), 200);
        assert_eq!(status(&open(), "/metrics", &[host]), 401);
        for (value, expected) in [
            (bearer.as_str(), 200),
            (&lower, 200),
            (&longer, 401),
            ("Bearer ", 401),
            ("Basic abc", 401),
            (SECRET, 401),
        ] {
            assert_eq!(
                status(&open(), "/v1/services", &[host, ("authorization", value)]),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn an_open_address_without_a_token_is_refused_with_what_to_do() {
        let error = Guard::new("0.0.0.0:7400".parse().unwrap(), None, None).unwrap_err();
        assert!(error.to_string().contains("--token-file"), "{error}");
        assert!(Guard::new("[::1]:7400".parse().unwrap(), None, None).is_ok());
    }

    #[test]
    fn a_short_token_is_refused_and_none_is_shown() {
        assert_eq!(Token::parse(" short \n").unwrap_err(), GuardError::ShortToken { found: 5 });
        assert_eq!(format!("{:?}", Token::parse(SECRET).unwrap()), "Token(***)");
    }
}
