//! Event patterns: what a rule listens to.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html> and
//! eb-create-pattern-operators.html beside it.

use std::net::IpAddr;

use serde_json::{Map, Value};

/// A pattern that was found right.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern {
    /// As it was written.
    pub(super) text: String,
    members: Map<String, Value>,
}

/// Where a comparison is of a kind that EventBridge does not know, or takes another value.
type Invalid = String;

impl Pattern {
    /// Reads a pattern and looks at every comparison in it.
    pub(super) fn read(text: &str) -> Result<Self, Invalid> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Value::Object(members) = value else { return Err("Filter is not an object".into()) };
        check(&members)?;
        Ok(Self { text: text.to_owned(), members })
    }

    /// Whether an event is of the kind that the pattern describes.
    pub(super) fn matches(&self, event: &Value) -> bool {
        all(&self.members, event)
    }
}

fn check(members: &Map<String, Value>) -> Result<(), Invalid> {
    if members.is_empty() {
        return Err("Empty objects are not allowed".into());
    }
    for (name, value) in members {
        match value {
            Value::Array(patterns) if name == "$or" => {
                if patterns.len() < 2 {
                    return Err("$or needs at least two patterns".into());
                }
                for pattern in patterns {
                    check(pattern.as_object().ok_or("$or is a list of objects")?)?;
                }
            }
            Value::Object(members) => check(members)?,
            Value::Array(comparisons) if comparisons.is_empty() => {
                return Err("Empty arrays are not allowed".into());
            }
            Value::Array(comparisons) => comparisons.iter().try_for_each(check_comparison)?,
            _ => return Err(format!("\"{name}\" must be an object or an array")),
        }
    }
    Ok(())
}

fn check_comparison(comparison: &Value) -> Result<(), Invalid> {
    let members = match comparison {
        Value::Array(_) => return Err("Match value must be String, number, true, false, or null".into()),
        Value::Object(members) => members,
        _ => return Ok(()),
    };
    let mut members = members.iter();
    let (Some((operator, operand)), None) = (members.next(), members.next()) else {
        return Err("Only one key allowed in match expression".into());
    };
    let folds = |operand: &Value| operand.get("equals-ignore-case").is_some_and(Value::is_string);
    let is_right = match operator.as_str() {
        "prefix" | "suffix" => operand.is_string() || folds(operand),
        "equals-ignore-case" | "wildcard" => operand.is_string(),
        "exists" => operand.is_boolean(),
        "cidr" => operand.as_str().is_some_and(|text| Block::read(text).is_some()),
        "numeric" => ranges(operand).is_some(),
        "anything-but" => match operand {
            Value::Object(members) => {
                members.len() == 1
                    && members.iter().all(|(operator, operand)| {
                        ["prefix", "suffix", "equals-ignore-case", "wildcard"].contains(&operator.as_str())
                            && texts(operand).is_some()
                    })
            }
            Value::Array(items) => !items.is_empty() && items.iter().all(is_plain),
            plain => is_plain(plain),
        },
        other => return Err(format!("Unrecognized match type {other}")),
    };
    if is_right { Ok(()) } else { Err(format!("The value of {operator} is not one that it takes")) }
}

fn is_plain(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

fn texts(operand: &Value) -> Option<Vec<&str>> {
    match operand {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) if !items.is_empty() => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Operators and numbers in turn, one or two pairs.
fn ranges(operand: &Value) -> Option<Vec<(&str, f64)>> {
    let items = operand.as_array().filter(|items| [2, 4].contains(&items.len()))?;
    let pairs = items.chunks_exact(2).map(|pair| {
        let [operator, number] = pair else { return None };
        let operator = operator.as_str().filter(|text| ["=", "<", "<=", ">", ">="].contains(text))?;
        Some((operator, number.as_f64()?))
    });
    pairs.collect()
}

fn all(members: &Map<String, Value>, event: &Value) -> bool {
    members.iter().all(|(name, pattern)| match pattern {
        Value::Array(patterns) if name == "$or" => {
            patterns.iter().filter_map(Value::as_object).any(|pattern| all(pattern, event))
        }
        Value::Object(pattern) => match event.get(name) {
            // One of several objects is enough, and it has to match as a whole.
            Some(Value::Array(items)) => items.iter().any(|item| all(pattern, item)),
            Some(found) => all(pattern, found),
            None => all(pattern, &Value::Null),
        },
        Value::Array(comparisons) => {
            let found = event.get(name);
            comparisons.iter().any(|comparison| compare(comparison, found))
        }
        _ => false,
    })
}

fn compare(comparison: &Value, found: Option<&Value>) -> bool {
    if let Some(wanted) = comparison.get("exists").and_then(Value::as_bool) {
        // Only leaves count as there.
        return found.is_some_and(|found| !found.is_object()) == wanted;
    }
    match found {
        None | Some(Value::Object(_)) => false,
        Some(Value::Array(items)) => items.iter().any(|item| compare_one(comparison, item)),
        Some(value) => compare_one(comparison, value),
    }
}

fn compare_one(comparison: &Value, value: &Value) -> bool {
    let Value::Object(members) = comparison else { return is_same(comparison, value) };
    let Some((operator, operand)) = members.iter().next() else { return false };
    match operator.as_str() {
        "anything-but" => match operand {
            Value::Object(members) => members.iter().all(|(operator, operand)| {
                let texts = texts(operand).unwrap_or_default();
                value.is_string() && !texts.iter().any(|text| by_text(operator, text, value))
            }),
            Value::Array(items) => is_plain(value) && !items.iter().any(|item| is_same(item, value)),
            plain => is_plain(value) && !is_same(plain, value),
        },
        "numeric" => value.as_f64().is_some_and(|number| {
            let ranges = ranges(operand).unwrap_or_default();
            ranges.iter().all(|(operator, limit)| match *operator {
                "<" => number < *limit,
                "<=" => number <= *limit,
                ">" => number > *limit,
                ">=" => number >= *limit,
                _ => (number - limit).abs() < f64::EPSILON,
            })
        }),
        "cidr" => {
            let block = operand.as_str().and_then(Block::read);
            let address = value.as_str().and_then(|text| text.parse().ok());
            block.zip(address).is_some_and(|(block, address)| block.has(address))
        }
        operator => match operand {
            Value::String(text) => by_text(operator, text, value),
            Value::Object(_) => {
                let folded = operand.get("equals-ignore-case").and_then(Value::as_str).unwrap_or_default();
                let value = value.as_str().map(|text| Value::from(text.to_lowercase()));
                value.is_some_and(|value| by_text(operator, &folded.to_lowercase(), &value))
            }
            _ => false,
        },
    }
}

/// Numbers are the same by value, whether or not one was written with a fraction.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < f64::EPSILON,
        _ => one == other,
    }
}

fn by_text(operator: &str, text: &str, value: &Value) -> bool {
    let Some(value) = value.as_str() else { return false };
    match operator {
        "prefix" => value.starts_with(text),
        "suffix" => value.ends_with(text),
        "equals-ignore-case" => value.to_lowercase() == text.to_lowercase(),
        "wildcard" => by_wildcard(text, value),
        _ => false,
    }
}

/// Whether a text is of a form in which each star stands for anything.
fn by_wildcard(form: &str, text: &str) -> bool {
    let mut parts = form.split('*');
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    true
}

/// A block of addresses, as `10.0.0.0/24` writes it.
struct Block {
    address: IpAddr,
    bits: u32,
}

impl Block {
    fn read(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let (address, bits) = (address.parse::<IpAddr>().ok()?, bits.parse().ok()?);
        (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some(Self { address, bits })
    }

    fn has(&self, address: IpAddr) -> bool {
        let head = |value: u128, width: u32| value.checked_shr(width - self.bits).unwrap_or(0);
        match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                head(u32::from(one).into(), 32) == head(u32::from(other).into(), 32)
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => head(one.into(), 128) == head(other.into(), 128),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "what is asked reads best where it is written")]
    fn matches(pattern: Value) -> bool {
        let event = json!({
            "source": "aws.ecs", "resources": ["arn:a", "arn:b"],
            "detail": {"lastStatus": "RUNNING", "version": 3, "address": "10.0.7.9", "none": null,
                "containers": [{"name": "web", "exitCode": 0}, {"name": "side", "exitCode": 1}]},
        });
        Pattern::read(&pattern.to_string()).unwrap().matches(&event)
    }

    #[test]
    fn every_comparison_of_eventbridge_says_yes_and_no() {
        for (yes, no) in [
            (json!(["RUNNING", "PENDING"]), json!(["PENDING"])),
            (json!([{"prefix": "RUN"}]), json!([{"prefix": "UN"}])),
            (json!([{"prefix": {"equals-ignore-case": "run"}}]), json!([{"prefix": "run"}])),
            (json!([{"suffix": "ING"}]), json!([{"suffix": "RUN"}])),
            (json!([{"suffix": {"equals-ignore-case": "ing"}}]), json!([{"suffix": "ing"}])),
            (json!([{"equals-ignore-case": "running"}]), json!([{"equals-ignore-case": "runnin"}])),
            (json!([{"wildcard": "R*N*G"}]), json!([{"wildcard": "*X*"}])),
            (json!([{"wildcard": "RUNNING*"}]), json!([{"wildcard": "RUNNIN"}])),
            (json!([{"anything-but": "PENDING"}]), json!([{"anything-but": ["RUNNING", "X"]}])),
            (json!([{"anything-but": {"prefix": "P"}}]), json!([{"anything-but": {"prefix": ["R", "P"]}}])),
            (json!([{"exists": true}]), json!([{"exists": false}])),
        ] {
            assert!(matches(json!({"detail": {"lastStatus": yes}})), "{yes}");
            assert!(!matches(json!({"detail": {"lastStatus": no}})), "{no}");
        }
        for (yes, no) in [
            (json!([3]), json!([4])),
            (json!([{"numeric": [">", 2, "<=", 3.0]}]), json!([{"numeric": ["<", 3]}])),
            (json!([{"anything-but": 4}]), json!([{"anything-but": [3]}])),
        ] {
            assert!(matches(json!({"detail": {"version": yes}})), "{yes}");
            assert!(!matches(json!({"detail": {"version": no}})), "{no}");
        }
        assert!(matches(json!({"detail": {"address": [{"cidr": "10.0.0.0/16"}]}})));
        assert!(!matches(json!({"detail": {"address": [{"cidr": "10.0.0.0/24"}]}})));
        assert!(matches(json!({"detail": {"none": [null]}})));
        assert!(matches(json!({"detail": {"nowhere": [{"exists": false}]}})));
        assert!(matches(json!({"nowhere": {"deep": [{"exists": false}]}})));
    }

    #[test]
    fn members_are_all_needed_lists_need_one_and_or_needs_either() {
        assert!(matches(json!({"source": ["aws.ecs"], "resources": ["arn:b"]})));
        assert!(!matches(json!({"source": ["aws.ecs"], "resources": ["arn:c"]})));
        assert!(matches(json!({"$or": [{"source": ["x"]}, {"resources": [{"prefix": "arn:"}]}]})));
        assert!(!matches(json!({"$or": [{"source": ["x"]}, {"source": ["y"]}]})));
        let of =
            |name: &str, code: u64| json!({"detail": {"containers": {"name": [name], "exitCode": [code]}}});
        assert!(matches(of("side", 1)));
        assert!(!matches(of("web", 1)), "of one container, not of two");
    }

    #[test]
    fn what_eventbridge_refuses_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"source": "aws.ecs"}"#,
            r#"{"source": []}"#,
            r#"{"source": [["x"]]}"#,
            r#"{"a": [{"moon": "x"}]}"#,
            r#"{"a": [{"prefix": 1}]}"#,
            r#"{"a": [{"numeric": [">"]}]}"#,
            r#"{"a": [{"cidr": "10.0.0.0/40"}]}"#,
            r#"{"a": [{"prefix": "a", "suffix": "b"}]}"#,
            r#"{"$or": [{"a": [1]}]}"#,
            r#"{"a": [{"anything-but": []}]}"#,
        ] {
            assert!(Pattern::read(text).is_err(), "{text}");
        }
    }
}
