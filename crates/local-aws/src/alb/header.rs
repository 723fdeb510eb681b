//! The headers of a request on its way to a target, and of an answer on its way back.
//!
//! Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html>

use std::net::SocketAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, HOST, SERVER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE},
};

use super::answer::SERVER_NAME;
use crate::elb::Attributes;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entrance<'a> {
    pub(super) client: SocketAddr,
    pub(super) has_tls: bool,
    /// The listener's.
    pub(super) port: u16,
    /// The load balancer's.
    pub(super) balancer: &'a Attributes,
}

/// Takes away what is between two neighbours only; says what the client wants to upgrade to.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    let upgrade = headers.remove(UPGRADE).filter(|_| nominated.contains(&UPGRADE));
    for name in nominated {
        // These would change what the request says, or where it goes.
        if !matches!(name.as_str(), "host" | "content-length" | "transfer-encoding") {
            headers.remove(name);
        }
    }
    for name in [CONNECTION, TE, TRAILER, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
    upgrade
}

/// Adds what a target is told of the request's way.
pub(super) fn forward(headers: &mut HeaderMap, host: &str, entrance: Entrance<'_>, trace: &str) {
    let Entrance { client, has_tls, port, balancer } = entrance;
    if balancer.balancer_flag("routing.http.drop_invalid_header_fields.enabled") {
        drop_invalid(headers);
    }
    let usual_port = if has_tls { 443 } else { 80 };
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let keeps = balancer.balancer_flag("routing.http.preserve_host_header.enabled");
    let host =
        if keeps || has_port || port == usual_port { host.to_owned() } else { format!("{host}:{port}") };
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(HOST, &host);
    set(HeaderName::from_static("x-forwarded-proto"), if has_tls { "https" } else { "http" });
    set(HeaderName::from_static("x-forwarded-port"), &port.to_string());
    set(HeaderName::from_static("x-amzn-trace-id"), trace);
    match balancer.balancer_text("routing.http.xff_header_processing.mode") {
        "remove" => {
            headers.remove(FORWARDED_FOR);
        }
        "append" => {
            let with_port = balancer.balancer_flag("routing.http.xff_client_port.enabled");
            let own = if with_port { client.to_string() } else { client.ip().to_string() };
            let before = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
            let all: Vec<&str> = before.chain([own.as_str()]).collect();
            if let Ok(value) = HeaderValue::from_str(&all.join(", ")) {
                headers.insert(FORWARDED_FOR, value);
            }
        }
        _ => {}
    }
}

/// Header names of other characters than letters, digits and hyphens go.
///
/// Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>
fn drop_invalid(headers: &mut HeaderMap) {
    let is_valid =
        |name: &&HeaderName| name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let invalid: Vec<HeaderName> = headers.keys().filter(|name| !is_valid(name)).cloned().collect();
    for name in invalid {
        headers.remove(name);
    }
}

/// The answers' headers that a listener sets, by the attribute that does.
const SET: [(&str, &str); 10] = [
    (
        "access-control-allow-credentials",
        "routing.http.response.access_control_allow_credentials.header_value",
    ),
    ("access-control-allow-headers", "routing.http.response.access_control_allow_headers.header_value"),
    ("access-control-allow-methods", "routing.http.response.access_control_allow_methods.header_value"),
    ("access-control-allow-origin", "routing.http.response.access_control_allow_origin.header_value"),
    ("access-control-expose-headers", "routing.http.response.access_control_expose_headers.header_value"),
    ("access-control-max-age", "routing.http.response.access_control_max_age.header_value"),
    ("content-security-policy", "routing.http.response.content_security_policy.header_value"),
    ("strict-transport-security", "routing.http.response.strict_transport_security.header_value"),
    ("x-content-type-options", "routing.http.response.x_content_type_options.header_value"),
    ("x-frame-options", "routing.http.response.x_frame_options.header_value"),
];

/// Sets in an answer what the listener says.
///
/// Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html>
pub(super) fn modify_answer(headers: &mut HeaderMap, listener: &Attributes) {
    for (name, key) in SET {
        let value = Some(listener.listener_text(key)).filter(|value| !value.is_empty());
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let own = headers.get(SERVER).is_some_and(|server| server == SERVER_NAME);
    if own && listener.listener_text("routing.http.response.server.enabled") == "false" {
        headers.remove(SERVER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn what_is_between_two_neighbours_does_not_go_on() {
        let mut got = headers(&[
            ("connection", "x-secret, Upgrade, host"),
            ("upgrade", "websocket"),
            ("x-secret", "1"),
            ("host", "a"),
            ("te", "trailers"),
            ("keep-alive", "5"),
            ("x-kept", "1"),
        ]);
        assert_eq!(strip_hop_by_hop(&mut got).unwrap(), "websocket");
        assert_eq!(got, headers(&[("host", "a"), ("x-kept", "1")]));
        let mut not_asked = headers(&[("upgrade", "h2c")]);
        assert_eq!(strip_hop_by_hop(&mut not_asked), None);
        assert!(not_asked.is_empty());
    }

    #[test]
    fn a_target_is_told_where_a_request_came_from() {
        let attributes = Attributes::default();
        let entrance = |has_tls: bool, port: u16| Entrance {
            client: "192.0.2.9:5000".parse().unwrap(),
            has_tls,
            port,
            balancer: &attributes,
        };
        let mut got = headers(&[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "gopher")]);
        forward(&mut got, "example.com", entrance(true, 443), "Root=x");
        for (name, value) in [
            ("x-forwarded-for", "198.51.100.1, 192.0.2.9"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "443"),
            ("x-amzn-trace-id", "Root=x"),
            ("host", "example.com"),
        ] {
            assert_eq!(got.get(name).unwrap(), value, "{name}");
        }
        for (host, port, told) in [
            ("example.com", 8080, "example.com:8080"),
            ("example.com:9", 8080, "example.com:9"),
            ("example.com", 80, "example.com"),
        ] {
            let mut got = HeaderMap::new();
            forward(&mut got, host, entrance(false, port), "Root=x");
            assert_eq!(got.get("host").unwrap(), told);
        }
    }
}
