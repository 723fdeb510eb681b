//! When a rule applies: host, path, headers, query, source, method.
//!
//! Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>

use std::net::IpAddr;

use http::HeaderMap;
use serde_json::{Value, json};

use super::{
    error::{invalid, not_done},
    limits,
    traffic::Asked,
};
use crate::{ecs::Members, error::ApiError};

/// Most wildcards of a rule. Source: the quotas' page.
const MOST_WILDCARDS: usize = 6;

/// One condition; any of its values meets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// Patterns, without regard to case.
    Host(Vec<String>),
    /// Patterns.
    Path(Vec<String>),
    /// A header's name, and patterns without regard to case.
    Header(String, Vec<String>),
    /// Keys, if one is named, and values, both patterns without regard to case.
    Query(Vec<(Option<String>, String)>),
    /// Blocks of addresses.
    Source(Vec<Block>),
    /// Names, exactly.
    Method(Vec<String>),
}

/// A block of addresses, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    text: String,
    address: IpAddr,
    length: u32,
}

impl Block {
    fn read(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let (address, length): (IpAddr, u32) = (address.parse().ok()?, length.parse().ok()?);
        let most = if address.is_ipv4() { 32 } else { 128 };
        (length <= most).then(|| Self { text: text.to_owned(), address, length })
    }

    fn holds(&self, address: IpAddr) -> bool {
        let (bits, width) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(block), IpAddr::V4(address)) => (u128::from(block.to_bits() ^ address.to_bits()), 32),
            (IpAddr::V6(block), IpAddr::V6(address)) => (block.to_bits() ^ address.to_bits(), 128),
            _ => return false,
        };
        bits.checked_shr(width - self.length).unwrap_or(0) == 0
    }
}

impl Condition {
    /// The conditions of a request, each kind at most as often as ELB allows.
    pub(super) fn read_all(list: &[Value]) -> Result<Vec<Self>, ApiError> {
        let conditions = list.iter().map(Self::read).collect::<Result<Vec<_>, _>>()?;
        if conditions.is_empty() {
            return Err(invalid("A condition must be specified"));
        }
        for kind in ["host-header", "path-pattern", "http-request-method", "source-ip"] {
            if conditions.iter().filter(|condition| condition.field() == kind).count() > 1 {
                return Err(invalid(format!("Only one condition with field '{kind}' can be specified")));
            }
        }
        let values = conditions.iter().map(Self::values);
        limits::check("condition-values-per-alb-rule", values.clone().map(|(count, _)| count).sum())?;
        if values.map(|(_, wildcards)| wildcards).sum::<usize>() > MOST_WILDCARDS {
            return Err(invalid(format!("A rule can have at most {MOST_WILDCARDS} wildcards")));
        }
        Ok(conditions)
    }

    fn read(condition: &Value) -> Result<Self, ApiError> {
        let field = condition.text("Field").unwrap_or_default();
        let config = |member: &str| condition.member(member).unwrap_or(&Value::Null);
        let texts = |config: &Value| -> Vec<String> { config.texts("Values").map(str::to_owned).collect() };
        for member in ["HostHeaderConfig", "PathPatternConfig", "HttpHeaderConfig"] {
            if !config(member).items("RegexValues").is_empty() {
                return Err(not_done("regular expressions in conditions"));
            }
        }
        if !condition.items("RegexValues").is_empty() {
            return Err(not_done("regular expressions in conditions"));
        }
        let either = |member: &str| {
            let own = texts(condition);
            if own.is_empty() { texts(config(member)) } else { own }
        };
        let read = match field {
            "host-header" => Self::Host(either("HostHeaderConfig")),
            "path-pattern" => Self::Path(either("PathPatternConfig")),
            "http-header" => {
                let config = config("HttpHeaderConfig");
                Self::Header(config.text("HttpHeaderName").unwrap_or_default().to_owned(), texts(config))
            }
            "query-string" => {
                let pair = |pair: &Value| {
                    (pair.text("Key").map(str::to_owned), pair.text("Value").unwrap_or_default().to_owned())
                };
                Self::Query(config("QueryStringConfig").items("Values").iter().map(pair).collect())
            }
            "http-request-method" => Self::Method(texts(config("HttpRequestMethodConfig"))),
            "source-ip" => {
                let blocks = texts(config("SourceIpConfig"));
                let read = |text: &String| {
                    Block::read(text).ok_or_else(|| invalid(format!("'{text}' is not a valid CIDR block")))
                };
                Self::Source(blocks.iter().map(read).collect::<Result<_, _>>()?)
            }
            other => {
                return Err(invalid(format!(
                    "Condition field '{other}' must be one of '[path-pattern, host-header, http-header, http-request-method, query-string, source-ip]'"
                )));
            }
        };
        if read.values().0 == 0 {
            return Err(invalid(format!("A condition with field '{field}' needs values")));
        }
        Ok(read)
    }

    fn field(&self) -> &'static str {
        match self {
            Self::Host(_) => "host-header",
            Self::Path(_) => "path-pattern",
            Self::Header(..) => "http-header",
            Self::Query(_) => "query-string",
            Self::Source(_) => "source-ip",
            Self::Method(_) => "http-request-method",
        }
    }

    /// How many values it has, and how many wildcards are in them.
    fn values(&self) -> (usize, usize) {
        let wildcards = |text: &String| text.matches(['*', '?']).count();
        match self {
            Self::Host(values) | Self::Path(values) | Self::Header(_, values) => {
                (values.len(), values.iter().map(wildcards).sum())
            }
            Self::Query(pairs) => {
                let both = |(key, value): &(Option<String>, String)| {
                    key.as_ref().map(wildcards).unwrap_or_default() + wildcards(value)
                };
                (pairs.len(), pairs.iter().map(both).sum())
            }
            Self::Source(blocks) => (blocks.len(), 0),
            Self::Method(names) => (names.len(), 0),
        }
    }

    pub(super) fn show(&self) -> Value {
        let field = self.field();
        match self {
            Self::Host(values) => {
                json!({"Field": field, "Values": values, "HostHeaderConfig": {"Values": values}})
            }
            Self::Path(values) => {
                json!({"Field": field, "Values": values, "PathPatternConfig": {"Values": values}})
            }
            Self::Header(name, values) => {
                json!({"Field": field, "HttpHeaderConfig": {"HttpHeaderName": name, "Values": values}})
            }
            Self::Query(pairs) => {
                let show = |(key, value): &(Option<String>, String)| match key {
                    Some(key) => json!({"Key": key, "Value": value}),
                    None => json!({"Value": value}),
                };
                let pairs: Vec<Value> = pairs.iter().map(show).collect();
                json!({"Field": field, "QueryStringConfig": {"Values": pairs}})
            }
            Self::Source(blocks) => {
                let texts: Vec<&String> = blocks.iter().map(|block| &block.text).collect();
                json!({"Field": field, "SourceIpConfig": {"Values": texts}})
            }
            Self::Method(names) => {
                json!({"Field": field, "HttpRequestMethodConfig": {"Values": names}})
            }
        }
    }

    /// Whether a request meets it.
    pub(super) fn is_met(&self, asked: &Asked<'_>) -> bool {
        match self {
            Self::Host(patterns) => {
                let host = asked.host.to_ascii_lowercase();
                patterns.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &host))
            }
            Self::Path(patterns) => patterns.iter().any(|pattern| matches(pattern, asked.path)),
            Self::Header(name, patterns) => values(asked.headers, name).any(|value| {
                let value = value.to_ascii_lowercase();
                patterns.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &value))
            }),
            Self::Query(pairs) => form_urlencoded::parse(asked.query.as_bytes()).any(|(key, value)| {
                let (key, value) = (key.to_ascii_lowercase(), value.to_ascii_lowercase());
                pairs.iter().any(|(wanted, pattern)| {
                    let is_key = |wanted: &String| matches(&wanted.to_ascii_lowercase(), &key);
                    wanted.as_ref().is_none_or(is_key) && matches(&pattern.to_ascii_lowercase(), &value)
                })
            }),
            Self::Source(blocks) => blocks.iter().any(|block| block.holds(asked.source)),
            Self::Method(names) => names.iter().any(|name| name == asked.method),
        }
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let values = http::HeaderName::try_from(name).ok().map(|name| headers.get_all(name));
    values.into_iter().flat_map(|values| values.iter()).filter_map(|value| value.to_str().ok())
}

/// Whether a text is a pattern's: `*` stands for any characters, `?` for exactly one, `\` takes what
/// follows as it is.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = tokens(pattern);
    let text: Vec<char> = text.chars().collect();
    // The positions after the last star: everything before it is settled.
    let (mut at, mut token, mut star) = (0, 0, None);
    while at < text.len() {
        match (pattern.get(token), text.get(at)) {
            (Some(Token::Any), _) => {
                star = Some((token, at));
                token += 1;
            }
            (Some(Token::One), Some(_)) => (at, token) = (at + 1, token + 1),
            (Some(Token::Letter(wanted)), Some(letter)) if wanted == letter => {
                (at, token) = (at + 1, token + 1);
            }
            _ => {
                let Some((place, begun)) = star else { return false };
                star = Some((place, begun + 1));
                (at, token) = (begun + 1, place + 1);
            }
        }
    }
    pattern.iter().skip(token).all(|token| *token == Token::Any)
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Any,
    One,
    Letter(char),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut letters = pattern.chars();
    let mut tokens = Vec::new();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Letter(letters.next().unwrap_or('\\')),
            letter => Token::Letter(letter),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_elb_documents_them() {
        for (pattern, text, expected) in [
            ("/img/*", "/img/a/b", true),
            ("/img/*", "/img", false),
            ("/img/*/pics", "/img/a/b/pics", true),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "example.com", false),
            ("??", "ab", true),
            ("??", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-d", false),
            (r"\*", "*", true),
            (r"\*", "x", false),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    fn asked<'a>(headers: &'a HeaderMap, query: &'a str) -> Asked<'a> {
        Asked {
            host: "WWW.example.com",
            path: "/Api/x",
            query,
            method: "GET",
            headers,
            source: "192.0.2.7".parse().unwrap(),
        }
    }

    fn is_met(condition: &Value, headers: &HeaderMap, query: &str) -> bool {
        Condition::read_all(std::slice::from_ref(condition)).unwrap()[0].is_met(&asked(headers, query))
    }

    #[test]
    fn each_kind_of_condition_looks_at_its_own_part() {
        let mut headers = HeaderMap::new();
        headers.append("x-colour", "Red".parse().unwrap());
        headers.append("x-colour", "Blue".parse().unwrap());
        for (condition, query, expected) in [
            (json!({"Field": "host-header", "Values": ["www.EXAMPLE.com"]}), "", true),
            (json!({"Field": "path-pattern", "Values": ["/api/*"]}), "", false),
            (json!({"Field": "path-pattern", "PathPatternConfig": {"Values": ["/Api/*"]}}), "", true),
            (
                json!({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Colour", "Values": ["b*"]}}),
                "",
                true,
            ),
            (
                json!({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "1"}]}}),
                "V=1",
                true,
            ),
            (
                json!({"Field": "query-string", "QueryStringConfig": {"Values": [{"Value": "1"}]}}),
                "w=1",
                true,
            ),
            (
                json!({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "1"}]}}),
                "w=1",
                false,
            ),
            (
                json!({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["get"]}}),
                "",
                false,
            ),
            (json!({"Field": "source-ip", "SourceIpConfig": {"Values": ["192.0.2.0/24"]}}), "", true),
            (
                json!({"Field": "source-ip", "SourceIpConfig": {"Values": ["192.0.2.8/32", "0.0.0.0/0"]}}),
                "",
                true,
            ),
            (
                json!({"Field": "source-ip", "SourceIpConfig": {"Values": ["192.0.2.8/32", "2001:db8::/32"]}}),
                "",
                false,
            ),
        ] {
            assert_eq!(is_met(&condition, &headers, query), expected, "{condition}");
        }
    }

    #[test]
    fn too_many_values_and_what_is_not_done_are_refused() {
        let hosts = |count: usize| json!({"Field": "host-header", "Values": vec!["a"; count]});
        let read = |list: &[Value]| Condition::read_all(list).map_err(|error| error.code.into_owned());
        assert!(read(&[hosts(5)]).is_ok());
        assert_eq!(read(&[hosts(6)]).unwrap_err(), "InvalidConfigurationRequest");
        assert_eq!(read(&[hosts(1), hosts(1)]).unwrap_err(), "ValidationError");
        assert_eq!(read(&[]).unwrap_err(), "ValidationError");
        let regex = json!({"Field": "host-header", "HostHeaderConfig": {"RegexValues": ["^a"]}});
        assert_eq!(read(&[regex]).unwrap_err(), "UnsupportedFeatureException");
    }
}
