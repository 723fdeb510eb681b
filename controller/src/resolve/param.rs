//! Parameters of Systems Manager: String and `StringList`, never decrypted.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Looked, StoredValue};
use crate::aws::{Aws, Operation};

/// GetParameters takes ten names.
///
/// Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>
const MOST: usize = 10;

/// Looks up parameters by name, ten at a time. Only reads.
pub(super) async fn look_up(names: &BTreeSet<String>, aws: &dyn Aws) -> Vec<Looked> {
    let names: Vec<&String> = names.iter().collect();
    let mut looked = Vec::with_capacity(names.len());
    for batch in names.chunks(MOST) {
        let input = json!({"Names": batch, "WithDecryption": false});
        match aws.call(Operation::GetParameters, input).await {
            Ok(answer) => looked.extend(batch.iter().map(|name| ((*name).clone(), find(name, &answer)))),
            Err(error) => {
                let text = format!("could not be looked up: {error}");
                looked.extend(batch.iter().map(|name| ((*name).clone(), Err(text.clone()))));
            }
        }
    }
    looked
}

fn find(name: &str, answer: &Value) -> Result<StoredValue, String> {
    let parameters = answer.get("Parameters").and_then(Value::as_array);
    let parameter = parameters.into_iter().flatten().find(|parameter| is_named(parameter, name));
    parameter.map_or_else(|| Err("not found".to_owned()), value)
}

/// A name may carry a selector, `/name:3` or `/name:label`, which the answer tells apart.
fn is_named(parameter: &Value, name: &str) -> bool {
    let text = |member: &str| parameter.get(member).and_then(Value::as_str).unwrap_or_default();
    name.strip_prefix(text("Name")).is_some_and(|selector| selector == text("Selector"))
}

fn value(parameter: &Value) -> Result<StoredValue, String> {
    let text = |member: &str| parameter.get(member).and_then(Value::as_str);
    let value = || text("Value").unwrap_or_default();
    match text("Type") {
        Some("String") => Ok(StoredValue::String(value().to_owned())),
        Some("StringList") => Ok(StoredValue::StringList(value().split(',').map(str::to_owned).collect())),
        Some("SecureString") => Err("is a SecureString, which is never decrypted".to_owned()),
        other => Err(format!("has the type {}, which cannot be used", other.unwrap_or("none"))),
    }
}
