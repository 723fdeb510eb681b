//! Values that may be secret are shown as changed, never as they are.

use serde_json::Value;

/// What stands in the place of a value, whatever its length.
pub const MASK: &str = "***";

/// `value` at `path`, with every environment variable's value masked, and all of it where it is
/// sensitive.
pub(crate) fn masked(path: &str, value: &Value, sensitive: bool) -> Value {
    if sensitive {
        return Value::from(MASK);
    }
    let member = path.rsplit('.').next().unwrap_or(path);
    // `environment[NAME]` and `environment[NAME].value`, `environment` as a whole, and what lies above.
    let in_environment = path.split('.').any(|segment| segment.starts_with("environment["));
    if in_environment || member == "environment" { mask_values(value) } else { mask_environments(value) }
}

/// Masks below any member named `environment`.
fn mask_environments(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let value = if name == "environment" { mask_values(value) } else { mask_environments(value) };
                (name.clone(), value)
            })
            .collect(),
        Value::Array(items) => items.iter().map(mask_environments).collect(),
        scalar => scalar.clone(),
    }
}

/// Masks every scalar but the names of variables.
fn mask_values(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let kept = name == "name" && value.is_string();
                (name.clone(), if kept { value.clone() } else { mask_values(value) })
            })
            .collect(),
        Value::Array(items) => items.iter().map(mask_values).collect(),
        Value::Null => Value::Null,
        _ => Value::from(MASK),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_value_of_a_variable_comes_through_whichever_way_it_is_reached() {
        let secret = "hunter2";
        let cases = [
            ("containerDefinitions[api].environment[TOKEN]", json!(secret)),
            ("containerDefinitions[api].environment[TOKEN].value", json!(secret)),
            ("containerDefinitions[api].environment[TOKEN]", json!({"name": "TOKEN", "value": secret})),
            ("containerDefinitions[api].environment", json!([{"name": "TOKEN", "value": secret}])),
            ("containerDefinitions[api].environment", json!({"TOKEN": secret})),
            (
                "containerDefinitions[api]",
                json!({"image": "api:1.0", "environment": [{"name": "A", "value": secret}]}),
            ),
            ("containerDefinitions", json!([{"environment": {"A": secret}}])),
            ("taskDefinition", json!({"containerDefinitions": {"api": {"environment": {"A": [secret]}}}})),
        ];
        for (path, value) in cases {
            let shown = masked(path, &value, false).to_string();
            assert!(!shown.contains(secret), "{path}: {shown}");
            assert!(shown.contains(MASK), "{path}: {shown}");
        }
    }

    #[test]
    fn what_is_sensitive_is_masked_whole() {
        assert_eq!(masked("repositoryCredentials", &json!({"a": [1, 2]}), true), json!(MASK));
    }

    #[test]
    fn everything_else_is_shown_as_it_is() {
        let cases = [
            ("containerDefinitions[api].image", json!("api:1.1")),
            (
                "containerDefinitions[api].environmentFiles",
                json!([{"value": "arn:aws:s3:::b/f", "type": "s3"}]),
            ),
            ("desiredCount", json!(3)),
            ("networkConfiguration", json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}})),
        ];
        for (path, value) in cases {
            assert_eq!(masked(path, &value, false), value, "{path}");
        }
        let name = masked("c.environment[A]", &json!({"name": "A", "value": "x"}), false);
        assert_eq!(name, json!({"name": "A", "value": MASK}));
    }
}
