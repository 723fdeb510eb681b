//! One request: which rule it meets, and what becomes of it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{CONNECTION, HOST, UPGRADE},
    uri::{PathAndQuery, Scheme},
};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{
    Hub, answer, client_certificate,
    front::Site,
    header::{self, Entrance},
    held::{Held, ResponseBody},
    upstream,
};
use crate::elb::{Asked, Choice, Mutual, Route};

/// A connection, as its requests know it.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) client: SocketAddr,
    pub(super) tls: Option<Session>,
    /// Where tunnels of upgraded connections run.
    pub(super) tracker: TaskTracker,
}

/// What a TLS handshake has shown.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) version: &'static str,
    pub(super) cipher: String,
    /// Of the client's certificate.
    pub(super) certificate: HeaderMap,
}

/// Answers a request.
pub(super) async fn serve(
    hub: &Hub,
    site: &Site,
    caller: &Caller,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let host = host(&request);
    let mut response = match host {
        // Source: ALB's troubleshooting page, on 400 and 405.
        None => answer::status(StatusCode::BAD_REQUEST),
        Some(_) if matches!(*request.method(), Method::TRACE | Method::CONNECT) => {
            answer::status(StatusCode::METHOD_NOT_ALLOWED)
        }
        Some(host) => decide(hub, site, caller, request, &host).await,
    };
    header::modify_answer(response.headers_mut(), &site.served.listener.attributes);
    response
}

/// The host that is asked for: exactly one, or the request says nothing sensible.
fn host(request: &Request<Incoming>) -> Option<String> {
    let mut named = request.headers().get_all(HOST).iter();
    let (first, second) = (named.next(), named.next());
    if second.is_some() {
        return None;
    }
    let by_header = first.and_then(|host| host.to_str().ok()).map(str::to_owned);
    let by_uri = request.uri().authority().map(|authority| authority.as_str().to_owned());
    match (by_uri.or(by_header), request.version()) {
        (None, Version::HTTP_09 | Version::HTTP_10) => Some(String::new()),
        (host, _) => host,
    }
}

async fn decide(
    hub: &Hub,
    site: &Site,
    caller: &Caller,
    request: Request<Incoming>,
    host: &str,
) -> Response<ResponseBody> {
    let uri = request.uri().clone();
    let without_port = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    let asked = Asked {
        host: without_port.map_or(host, |(host, _)| host),
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        method: request.method().as_str(),
        headers: request.headers(),
        source: caller.client.ip(),
    };
    let listener = &site.served.listener;
    match hub.balancing.choose(&listener.arn, &asked) {
        Choice::Fixed(fixed) => answer::fixed(&fixed),
        Choice::Redirect(redirect) => {
            let scheme = if caller.tls.is_some() { "HTTPS" } else { "HTTP" };
            answer::redirect(&redirect, &asked, (scheme, listener.port), |port| hub.config.served(port))
        }
        Choice::NoTarget | Choice::NoListener => answer::status(StatusCode::SERVICE_UNAVAILABLE),
        Choice::Forward(route) => forward(hub, site, caller, request, host, route).await,
    }
}

async fn forward(
    hub: &Hub,
    site: &Site,
    caller: &Caller,
    mut request: Request<Incoming>,
    host: &str,
    route: Route,
) -> Response<ResponseBody> {
    let upgrade = prepare(hub, site, caller, &mut request, host);
    if !aim(&mut request, &route) {
        return answer::status(StatusCode::BAD_REQUEST);
    }
    let client_side = upgrade.as_ref().map(|_| hyper::upgrade::on(&mut request));
    let idle = Duration::from_secs(
        site.served.balancer.balancer_text("idle_timeout.timeout_seconds").parse().unwrap_or(60),
    );
    let answered = tokio::select! {
        answered = timeout(idle, hub.upstream.send(request)) => answered,
        // Its time is over before it answered.
        () = route.gone.cancelled() => return answer::status(StatusCode::BAD_GATEWAY),
    };
    let mut response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::debug!(target = %route.address, %error, "a target did not answer");
            let is_timeout = upstream::is_timeout(&error);
            return answer::status(if is_timeout {
                StatusCode::GATEWAY_TIMEOUT
            } else {
                StatusCode::BAD_GATEWAY
            });
        }
        Err(_) => return answer::status(StatusCode::GATEWAY_TIMEOUT),
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let Some(client_side) = client_side else { return answer::status(StatusCode::BAD_GATEWAY) };
        let target_side = hyper::upgrade::on(&mut response);
        let (in_flight, gone) = (Arc::clone(&route.in_flight), route.gone.clone());
        caller.tracker.spawn(async move {
            let Ok((client, target)) = tokio::try_join!(client_side, target_side) else { return };
            let (mut client, mut target) = (TokioIo::new(client), TokioIo::new(target));
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut client, &mut target) => {}
                () = gone.cancelled() => {}
            }
            drop(in_flight);
        });
    } else {
        header::strip_hop_by_hop(response.headers_mut());
    }
    response.map(|body| Held::new(body, route.in_flight, route.gone).boxed_unsync())
}

/// Gives a request the headers that a target gets; says what it wants to upgrade to.
fn prepare(
    hub: &Hub,
    site: &Site,
    caller: &Caller,
    request: &mut Request<Incoming>,
    host: &str,
) -> Option<HeaderValue> {
    let listener = &site.served.listener;
    let headers = request.headers_mut();
    let upgrade = header::strip_hop_by_hop(headers);
    let trace = headers.get("x-amzn-trace-id").and_then(|trace| trace.to_str().ok()).map(str::to_owned);
    let trace = hub.traces.next(trace.as_deref());
    let is_mutual = listener.tls.as_ref().is_some_and(|tls| tls.mutual != Mutual::Off);
    if is_mutual && hub.switches.removes_client_sent_mtls_headers {
        for name in client_certificate::names(&listener.attributes) {
            headers.remove(name);
        }
    }
    let entrance = Entrance {
        client: caller.client,
        has_tls: caller.tls.is_some(),
        port: listener.port,
        balancer: &site.served.balancer,
    };
    header::forward(headers, host, entrance, &trace);
    if let Some(session) = &caller.tls {
        for (name, value) in &session.certificate {
            headers.insert(name.clone(), value.clone());
        }
        if site.served.balancer.balancer_flag("routing.http.x_amzn_tls_version_and_cipher_suite.enabled") {
            let pairs = [
                (
                    "x-amzn-tls-version",
                    "routing.http.request.x_amzn_tls_version.header_name",
                    session.version,
                ),
                (
                    "x-amzn-tls-cipher-suite",
                    "routing.http.request.x_amzn_tls_cipher_suite.header_name",
                    &session.cipher,
                ),
            ];
            for (usual, key, value) in pairs {
                let renamed = listener.attributes.listener_text(key);
                let name = HeaderName::try_from(renamed).unwrap_or(HeaderName::from_static(usual));
                headers.extend(HeaderValue::from_str(value).map(|value| (name, value)));
            }
        }
    }
    if let Some(upgrade) = &upgrade {
        headers.insert(UPGRADE, upgrade.clone());
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    }
    upgrade
}

/// Points a request at its target.
fn aim(request: &mut Request<Incoming>, route: &Route) -> bool {
    let scheme = if route.has_tls { Scheme::HTTPS } else { Scheme::HTTP };
    let path = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    let uri = Uri::builder().scheme(scheme).authority(route.address.to_string()).path_and_query(path).build();
    let Ok(uri) = uri else { return false };
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    true
}
