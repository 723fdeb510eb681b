//! Asks the controller over HTTP.

use std::time::Duration;

use coxswain_controller::{
    http::v1::{API_VERSION, Body as Named, Document, Problem},
    status::Problem as Fault,
};
use coxswain_plan::Reason;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::{
    client::legacy::{Client as Http, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{arguments::Globals, connection::Connection, exit::Failure, output::chain};

/// How long an answer may take: a little more than the controller gives itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(35);

/// The longest answer that is read. Units: bytes.
const ANSWER_AT_MOST: usize = 64 << 20;

/// A controller that can be asked.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    base: String,
    token: Option<String>,
    /// The connection file it was found by.
    pub(crate) connection: Option<Connection>,
}

/// Why there is no answer of use.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The controller answers, and there is no such thing.
    NotFound(String),
    /// Anything else.
    Other(Failure),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(detail) => Self::usage(detail),
            Refusal::Other(failure) => failure,
        }
    }
}

impl Client {
    /// The controller that the command line, the environment or a running `cox dev` names.
    pub(crate) fn find(globals: &Globals) -> Result<Self, Failure> {
        let connection = if globals.controller.is_some() { None } else { Connection::find() };
        let url =
            globals.controller.clone().or_else(|| connection.as_ref().map(|found| found.controller.clone()));
        let Some(url) = url else {
            return Err(Failure::unreachable("no controller is known").help(
                "start one here by `cox dev`, or name one by --controller URL or COXSWAIN_CONTROLLER",
            ));
        };
        let token = match &globals.token_file {
            None => None,
            Some(path) => {
                Some(std::fs::read_to_string(path).map(|text| text.trim().to_owned()).map_err(|error| {
                    Failure::usage(format!("cannot read the token file {}: {error}", path.display()))
                })?)
            }
        };
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        let http = Http::builder(TokioExecutor::new()).build(connector);
        Ok(Self { http, base: base(&url)?, token, connection })
    }

    /// Whether it runs on this machine.
    pub(crate) fn is_local(&self) -> bool {
        let host =
            self.base.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    /// The document at a path.
    pub(crate) async fn get<T: Named + DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        let request = Request::get(format!("{}{path}", self.base)).body(Full::default());
        self.ask(request).await
    }

    /// The document that answers a body sent to a path.
    pub(crate) async fn post<T: Named + DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Refusal> {
        let body =
            serde_json::to_vec(body).map_err(|error| Refusal::Other(Failure::usage(error.to_string())))?;
        let request = Request::post(format!("{}{path}", self.base))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)));
        self.ask(request).await
    }

    /// An answer that has no end of its own: its body, from after the event of that id.
    pub(crate) async fn open(&self, path: &str, last_event_id: Option<u64>) -> Result<Incoming, Refusal> {
        let mut request =
            Request::get(format!("{}{path}", self.base)).header(header::ACCEPT, "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id.to_string());
        }
        let request = self.signed(request.body(Full::default()))?;
        let answer = tokio::time::timeout(ANSWER_WITHIN, self.http.request(request));
        let answered =
            answer.await.map_err(|_| self.unreachable(&format!("no answer within {ANSWER_WITHIN:?}")))?;
        let answer = answered.map_err(|error| self.unreachable(&chain(&error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        let body = Limited::new(answer.into_body(), ANSWER_AT_MOST).collect();
        let body = tokio::time::timeout(ANSWER_WITHIN, body).await;
        let body = body.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes);
        Err(refusal(status, &body.unwrap_or_default()))
    }

    fn unreachable(&self, detail: &str) -> Refusal {
        let help = match &self.connection {
            Some(found) => {
                format!("`cox dev` (pid {}) should answer there; does it still run?", found.pid)
            }
            None => "is it running, and is the URL right?".to_owned(),
        };
        let message = format!("the controller at {} does not answer: {detail}", self.base);
        Refusal::Other(Failure::unreachable(message).help(help))
    }

    /// The request with the token, where there is one.
    fn signed(&self, request: http::Result<Request<Full<Bytes>>>) -> Result<Request<Full<Bytes>>, Refusal> {
        let mut request = request.map_err(|error| self.unreachable(&error.to_string()))?;
        if let Some(token) = &self.token {
            let value = format!("Bearer {token}").parse().map_err(|_| {
                Refusal::Other(Failure::usage("the token file holds something that no header can carry"))
            })?;
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    async fn ask<T: Named + DeserializeOwned>(
        &self,
        request: http::Result<Request<Full<Bytes>>>,
    ) -> Result<T, Refusal> {
        let request = self.signed(request)?;
        let answer = tokio::time::timeout(ANSWER_WITHIN, async {
            let answer = self.http.request(request).await.map_err(|error| chain(&error))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_AT_MOST).collect().await;
            Ok::<_, String>((status, body.map_err(|error| error.to_string())?.to_bytes()))
        });
        let answered =
            answer.await.map_err(|_| self.unreachable(&format!("no answer within {ANSWER_WITHIN:?}")))?;
        let (status, body) = answered.map_err(|detail| self.unreachable(&detail))?;
        read(status, &body)
    }
}

/// The URL without a slash at its end; only plain HTTP is spoken.
fn base(url: &str) -> Result<String, Failure> {
    let bad = |why: &str| Failure::usage(format!("{url:?} cannot be the controller's URL: {why}"));
    let uri: Uri = url.parse().map_err(|_| bad("it is no URL; write http://127.0.0.1:7400"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => {
            return Err(bad("https is not built yet; reach the controller over loopback or a tunnel"));
        }
        _ => return Err(bad("write http://HOST:PORT")),
    }
    if uri.host().is_none() || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(bad("write http://HOST:PORT, without a path"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn read<T: Named + DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, Refusal> {
    if !status.is_success() {
        return Err(refusal(status, body));
    }
    let foreign = |what: String| {
        Refusal::Other(
            Failure::unreachable(what).help("is the URL that of a Coxswain controller of this version?"),
        )
    };
    let document: Document<serde_json::Value> = serde_json::from_slice(body)
        .map_err(|error| foreign(format!("the answer is no document: {error}")))?;
    if document.api_version != API_VERSION || document.kind != T::KIND {
        return Err(foreign(format!(
            "the answer is {} {}, and {API_VERSION} {} was asked for",
            document.api_version,
            document.kind,
            T::KIND
        )));
    }
    serde_json::from_value(document.body)
        .map_err(|error| foreign(format!("the answer cannot be read: {error}")))
}

fn refusal(status: StatusCode, body: &[u8]) -> Refusal {
    let problem = serde_json::from_slice::<Problem>(body).ok();
    let reason = problem.as_ref().and_then(|problem| problem.reason);
    let detail = problem.as_ref().map_or_else(|| format!("the controller answered {status}"), told);
    match (status, reason) {
        (StatusCode::NOT_FOUND, _) => Refusal::NotFound(detail),
        (_, Some(Reason::InvalidManifest)) => Refusal::Other(Failure::invalid(detail)),
        (StatusCode::CONFLICT, _) | (_, Some(Reason::OtherEnvironment)) => {
            Refusal::Other(Failure::refused(detail))
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY, _) => {
            Refusal::Other(Failure::usage(detail))
        }
        (StatusCode::UNAUTHORIZED, _) => {
            Refusal::Other(Failure::unreachable(detail).help("give the token by --token-file FILE"))
        }
        _ => Refusal::Other(Failure::unreachable(detail)),
    }
}

/// What happened, and each fault of manifests in a line.
fn told(problem: &Problem) -> String {
    let fault = |fault: &Fault| format!("{}: {}: {}", fault.location, fault.code, fault.message);
    let faults = problem.problems.iter().filter(|fault| !fault.is_warning).map(fault);
    std::iter::once(problem.detail.clone()).chain(faults).collect::<Vec<_>>().join("\n  ")
}

#[cfg(test)]
mod tests {
    use coxswain_controller::http::v1::ServiceList;

    use super::*;
    use crate::exit::Exit;

    #[test]
    fn only_plain_http_without_a_path_is_a_controllers_url() {
        assert_eq!(base("http://127.0.0.1:7400/").unwrap(), "http://127.0.0.1:7400");
        for url in ["https://cox.example.com", "127.0.0.1:7400", "http://a/b", "http://a?b", "no url"] {
            assert_eq!(base(url).unwrap_err().exit, Exit::Usage, "{url}");
        }
    }

    #[test]
    fn an_answer_of_another_kind_or_version_is_not_taken() {
        for body in [
            r#"{"apiVersion":"coxswain.dev/v2","kind":"ServiceList","items":[]}"#,
            r#"{"apiVersion":"coxswain.dev/v1","kind":"Service","items":[]}"#,
            "<html>",
            "[]",
        ] {
            let refused = read::<ServiceList>(StatusCode::OK, body.as_bytes());
            assert!(
                matches!(refused, Err(Refusal::Other(failure)) if failure.exit == Exit::Unreachable),
                "{body}"
            );
        }
        let good = br#"{"apiVersion":"coxswain.dev/v1","kind":"ServiceList","items":[]}"#;
        assert!(read::<ServiceList>(StatusCode::OK, good).is_ok());
    }

    #[test]
    fn a_refusal_ends_with_the_code_of_its_kind() {
        let cases = [
            (StatusCode::NOT_FOUND, Exit::Usage),
            (StatusCode::BAD_REQUEST, Exit::Usage),
            (StatusCode::UNAUTHORIZED, Exit::Unreachable),
            (StatusCode::CONFLICT, Exit::Refused),
            (StatusCode::SERVICE_UNAVAILABLE, Exit::Unreachable),
        ];
        for (status, expected) in cases {
            assert_eq!(Failure::from(refusal(status, b"")).exit, expected, "{status}");
        }
    }
}
