//! What the load balancer says by itself.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION, SERVER},
};
use http_body_util::{BodyExt, Full};

use super::held::ResponseBody;
use crate::elb::{Asked, Fixed, Redirect};

/// How ALB names itself.
pub(super) const SERVER_NAME: HeaderValue = HeaderValue::from_static("awselb/2.0");

/// An answer with a page that says no more than its status.
pub(super) fn status(status: StatusCode) -> Response<ResponseBody> {
    let text = format!("{} {}", status.as_u16(), reason(status));
    let page = format!(
        "<html>\r\n<head><title>{text}</title></head>\r\n<body>\r\n<center><h1>{text}</h1></center>\r\n</body>\r\n\
         </html>\r\n"
    );
    with_body(status, Some(HeaderValue::from_static("text/html")), page)
}

/// ALB's words, which are not always the standard's.
fn reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        302 => "Found",
        _ => status.canonical_reason().unwrap_or_default(),
    }
}

/// A `fixed-response`.
pub(super) fn fixed(fixed: &Fixed) -> Response<ResponseBody> {
    let status = StatusCode::from_u16(fixed.status).unwrap_or(StatusCode::OK);
    let content_type = HeaderValue::from_str(&fixed.content_type).ok().filter(|value| !value.is_empty());
    let content_type = content_type.or_else(|| Some(HeaderValue::from_static("text/plain; charset=utf-8")));
    with_body(status, content_type, fixed.body.clone())
}

/// A `redirect`; `port` is the listener's, `served` says where a port is reached.
pub(super) fn redirect(
    redirect: &Redirect,
    asked: &Asked<'_>,
    (scheme, port): (&str, u16),
    served: impl Fn(u16) -> u16,
) -> Response<ResponseBody> {
    let to = location(redirect, asked, (scheme, port), served);
    let mut response =
        status(if redirect.status == 301 { StatusCode::MOVED_PERMANENTLY } else { StatusCode::FOUND });
    // What came in a request line is fit for a header, unless it never was.
    if let Ok(to) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

fn location(
    redirect: &Redirect,
    asked: &Asked<'_>,
    (scheme, port): (&str, u16),
    served: impl Fn(u16) -> u16,
) -> String {
    let fill = |template: &str| {
        template
            .replace("#{protocol}", scheme)
            .replace("#{host}", asked.host)
            .replace("#{port}", &port.to_string())
            .replace("#{path}", asked.path.trim_start_matches('/'))
            .replace("#{query}", asked.query)
    };
    let protocol = fill(&redirect.protocol).to_ascii_lowercase();
    let port = fill(&redirect.port).parse().map_or(port, served);
    let query = fill(&redirect.query);
    let query = if query.is_empty() { query } else { format!("?{query}") };
    format!("{protocol}://{}:{port}{}{query}", fill(&redirect.host), fill(&redirect.path))
}

fn with_body(status: StatusCode, content_type: Option<HeaderValue>, body: String) -> Response<ResponseBody> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(SERVER, SERVER_NAME);
    response.headers_mut().extend(content_type.map(|value| (CONTENT_TYPE, value)));
    response
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn a_redirect_keeps_what_it_does_not_name() {
        let headers = HeaderMap::new();
        let asked = Asked {
            host: "example.com",
            path: "/a/b",
            query: "x=1",
            method: "GET",
            headers: &headers,
            source: "192.0.2.1".parse().unwrap(),
        };
        let keep = |text: &str| text.to_owned();
        let base = Redirect {
            protocol: keep("HTTPS"),
            host: keep("#{host}"),
            port: keep("443"),
            path: keep("/#{path}"),
            query: keep("#{query}"),
            status: 301,
        };
        let to =
            |redirect: &Redirect, served: fn(u16) -> u16| location(redirect, &asked, ("HTTP", 80), served);
        assert_eq!(to(&base, |port| port), "https://example.com:443/a/b?x=1");
        assert_eq!(to(&base, |_| 8443), "https://example.com:8443/a/b?x=1");
        let moved = Redirect {
            protocol: keep("#{protocol}"),
            host: keep("new.#{host}"),
            port: keep("#{port}"),
            path: keep("/v2/#{path}"),
            query: String::new(),
            ..base
        };
        assert_eq!(to(&moved, |port| port), "http://new.example.com:80/v2/a/b");
    }
}
