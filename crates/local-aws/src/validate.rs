//! A request against the shape table: what AWS refuses before an operation looks at it.

use coxswain_ecs_shapes::{Kind, Problem, Reading, Shape, Violation, check};
use serde_json::{Map, Value};

use crate::error::ApiError;

/// How ECS refuses what its model does not allow.
pub(crate) const OF_ECS: &str = "InvalidParameterException";

/// Checks a request and returns it as the operation shall see it.
///
/// Members that the shape does not know are ignored, and null is an absent member, as AWS has it.
///
/// # Errors
/// `SerializationException` for a wrong JSON type; `refusal`, the service's own code, with every other
/// violation of the request.
pub(crate) fn request(
    shape: &'static Shape,
    request: &Value,
    refusal: &'static str,
) -> Result<Value, ApiError> {
    let mut wrong_type = None;
    let mut violations = Vec::new();
    check(shape, request, Reading::Wire, &mut |violation| match &violation.problem {
        Problem::UnknownMember { .. } => {}
        Problem::WrongType { expected, found } => {
            let text = format!("{} expects {expected}, not {found}", violation.path);
            wrong_type.get_or_insert(text);
        }
        _ => violations.push(sentence(&violation)),
    });
    if let Some(text) = wrong_type {
        return Err(ApiError::new("SerializationException", text));
    }
    if !violations.is_empty() {
        let count = violations.len();
        let plural = if count == 1 { "error" } else { "errors" };
        let text = format!("{count} validation {plural} detected: {}", violations.join("; "));
        return Err(ApiError::new(refusal, text));
    }
    match known(shape, request) {
        members @ Value::Object(_) => Ok(members),
        Value::Null => Ok(Value::Object(Map::new())),
        _ => Err(ApiError::new("SerializationException", "The request is no JSON object")),
    }
}

/// In the words that AWS's generic check uses.
fn sentence(violation: &Violation<'_, Value>) -> String {
    let path = &violation.path;
    let failed = |value: &str, constraint: &str| {
        format!("Value '{value}' at '{path}' failed to satisfy constraint: Member must {constraint}")
    };
    match &violation.problem {
        Problem::MissingMember { name, .. } => {
            let path = if path.0.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
            format!("Value null at '{path}' failed to satisfy constraint: Member must not be null")
        }
        Problem::NotAllowed { value, values } => {
            failed(value, &format!("satisfy enum value set: [{}]", values.join(", ")))
        }
        Problem::OutOfRange { value, min, max } => failed(value, &bounds("have value", *min, *max)),
        Problem::WrongLength { length, min, max, .. } => {
            let (min, max) = (min.map(to_float), max.map(to_float));
            failed(&length.to_string(), &bounds("have length", min, max))
        }
        Problem::UnknownMember { name, .. } => failed(name, "be known"),
        Problem::WrongType { expected, found } => failed(found, &format!("be {expected}")),
    }
}

#[expect(clippy::cast_precision_loss, reason = "lengths in the model are far under 2^53")]
fn to_float(length: u64) -> f64 {
    length as f64
}

fn bounds(what: &str, min: Option<f64>, max: Option<f64>) -> String {
    let min = min.map(|min| format!("{what} greater than or equal to {min}"));
    let max = max.map(|max| format!("{what} less than or equal to {max}"));
    min.into_iter().chain(max).collect::<Vec<_>>().join(" and ")
}

/// The part of a tree that the shape knows, without nulls.
fn known(shape: &Shape, value: &Value) -> Value {
    match (&shape.kind, value) {
        (Kind::Structure(_), Value::Object(members)) => {
            let members = members.iter().filter(|(_, value)| !value.is_null()).filter_map(|(name, value)| {
                let member = shape.member(name)?;
                Some((name.clone(), known(member.shape, value)))
            });
            Value::Object(members.collect())
        }
        (Kind::Map { value: element, .. }, Value::Object(members)) => Value::Object(
            members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.clone(), known(element, value)))
                .collect(),
        ),
        (Kind::List { item, .. }, Value::Array(items)) => Value::Array(
            items.iter().filter(|item| !item.is_null()).map(|value| known(item, value)).collect(),
        ),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use coxswain_ecs_shapes::ecs;
    use serde_json::json;

    use super::*;

    fn check_one(operation: &str, body: &Value) -> Result<Value, (String, String)> {
        let shape = ecs().operation(operation).unwrap().input;
        request(shape, body, OF_ECS).map_err(|error| (error.code.into_owned(), error.message))
    }

    #[test]
    fn a_wrong_json_type_is_a_serialization_exception_that_names_the_place() {
        let (code, message) =
            check_one("CreateService", &json!({"serviceName": "web", "desiredCount": "two"})).unwrap_err();
        assert_eq!(code, "SerializationException");
        assert_eq!(message, "desiredCount expects a whole number, not a string");
    }

    #[test]
    fn every_missing_member_and_unknown_value_is_named_at_once() {
        let (code, message) =
            check_one("CreateService", &json!({"launchType": "MOON", "propagateTags": "X"})).unwrap_err();
        assert_eq!(code, "InvalidParameterException");
        assert!(message.starts_with("3 validation errors detected: "), "{message}");
        assert!(message.contains("Value null at 'serviceName'"), "{message}");
        assert!(message.contains("Value 'MOON' at 'launchType'"), "{message}");
        assert!(message.contains("enum value set: [EC2, FARGATE"), "{message}");
    }

    #[test]
    fn unknown_members_and_nulls_are_ignored_at_every_depth() {
        let body = json!({"serviceName": "web", "role": null, "moon": 1, "loadBalancers": [
            {"containerName": "web", "moon": 2}, null]});
        let expected = json!({"serviceName": "web", "loadBalancers": [{"containerName": "web"}]});
        assert_eq!(check_one("CreateService", &body).unwrap(), expected);
    }

    #[test]
    fn lengths_and_ranges_are_the_tables() {
        let tags: Vec<Value> = (0..51).map(|n| json!({"key": format!("k{n}"), "value": "v"})).collect();
        let body = json!({"resourceArn": "arn", "tags": tags});
        let (_, message) = check_one("TagResource", &body).unwrap_err();
        assert!(message.contains("less than or equal to 50"), "{message}");
    }
}
