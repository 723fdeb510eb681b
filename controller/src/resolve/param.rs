//! Parameters of Systems Manager: String and `StringList`, never decrypted.

use std::collections::{BTreeMap, BTreeSet};

use coxswain_manifest::ParameterValue;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::{Aws, Operation};

/// GetParameters takes ten names.
///
/// Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>
const MOST: usize = 10;

/// A value as it is kept beside its bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StoredParameter {
    /// A parameter of type String.
    String(String),
    /// A parameter of type `StringList`.
    StringList(Vec<String>),
}

/// The values that a bundle refers to: what was found, and why the rest was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    found: BTreeMap<String, StoredParameter>,
    unavailable: BTreeMap<String, String>,
}

impl Parameters {
    /// Values that were found before.
    pub fn known(found: BTreeMap<String, StoredParameter>) -> Self {
        Self { found, unavailable: BTreeMap::new() }
    }

    /// Looks up those of `names` that were not found before, and forgets all others.
    ///
    /// A value that was found stays: a bundle means the same thing from its first day to its last.
    pub async fn look_up(&mut self, names: &BTreeSet<String>, aws: &dyn Aws) {
        self.found.retain(|name, _| names.contains(name));
        self.unavailable.clear();
        let missing: Vec<&String> = names.iter().filter(|name| !self.found.contains_key(*name)).collect();
        for batch in missing.chunks(MOST) {
            let input = json!({"Names": batch, "WithDecryption": false});
            match aws.call(Operation::GetParameters, input).await {
                Ok(answer) => self.take(batch, &answer),
                Err(error) => {
                    let text = format!("could not be looked up: {error}");
                    self.unavailable.extend(batch.iter().map(|name| ((*name).clone(), text.clone())));
                }
            }
        }
    }

    /// What was found, for keeping.
    pub fn found(&self) -> &BTreeMap<String, StoredParameter> {
        &self.found
    }

    /// Whether every name has a value.
    pub fn is_complete(&self) -> bool {
        self.unavailable.is_empty()
    }

    /// Each name's value, or why it has none.
    pub(super) fn values(&self) -> BTreeMap<String, ParameterValue> {
        let found = self.found.iter().map(|(name, value)| {
            let value = match value {
                StoredParameter::String(text) => ParameterValue::String(text.clone()),
                StoredParameter::StringList(items) => ParameterValue::StringList(items.clone()),
            };
            (name.clone(), value)
        });
        let unavailable = self
            .unavailable
            .iter()
            .map(|(name, why)| (name.clone(), ParameterValue::Unavailable(why.clone())));
        found.chain(unavailable).collect()
    }

    fn take(&mut self, batch: &[&String], answer: &Value) {
        let parameters = answer.get("Parameters").and_then(Value::as_array);
        for name in batch {
            let parameter = parameters.into_iter().flatten().find(|parameter| is_named(parameter, name));
            match parameter.map(value) {
                Some(Ok(value)) => drop(self.found.insert((*name).clone(), value)),
                Some(Err(why)) => drop(self.unavailable.insert((*name).clone(), why)),
                None => drop(self.unavailable.insert((*name).clone(), "not found".to_owned())),
            }
        }
    }
}

/// A name may carry a selector, `/name:3` or `/name:label`, which the answer tells apart.
fn is_named(parameter: &Value, name: &str) -> bool {
    let text = |member: &str| parameter.get(member).and_then(Value::as_str).unwrap_or_default();
    name.strip_prefix(text("Name")).is_some_and(|selector| selector == text("Selector"))
}

fn value(parameter: &Value) -> Result<StoredParameter, String> {
    let text = |member: &str| parameter.get(member).and_then(Value::as_str);
    let value = || text("Value").unwrap_or_default();
    match text("Type") {
        Some("String") => Ok(StoredParameter::String(value().to_owned())),
        Some("StringList") => {
            Ok(StoredParameter::StringList(value().split(',').map(str::to_owned).collect()))
        }
        Some("SecureString") => Err("is a SecureString, which is never decrypted".to_owned()),
        other => Err(format!("has the type {}, which cannot be used", other.unwrap_or("none"))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::aws::AwsError;

    #[derive(Debug, Default)]
    struct Ssm {
        asked: Mutex<Vec<Value>>,
        is_down: bool,
    }

    #[async_trait]
    impl Aws for Ssm {
        async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
            self.asked.lock().unwrap().push(input);
            if self.is_down {
                return Err(AwsError::unanswered(operation, true, "timeout"));
            }
            Ok(json!({
                "Parameters": [
                    {"Name": "/a", "Type": "String", "Value": "1"},
                    {"Name": "/list", "Type": "StringList", "Value": "x,y"},
                    {"Name": "/secret", "Type": "SecureString", "Value": "AQIC"},
                    {"Name": "/versioned", "Selector": ":3", "Type": "String", "Value": "three"},
                ],
                "InvalidParameters": ["/gone"],
            }))
        }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[tokio::test]
    async fn each_name_gets_its_value_or_the_reason_why_not() {
        let (mut parameters, ssm) = (Parameters::default(), Ssm::default());
        parameters.look_up(&names(&["/a", "/list", "/secret", "/gone", "/versioned:3"]), &ssm).await;
        let values = parameters.values();
        assert_eq!(values["/a"], ParameterValue::String("1".to_owned()));
        assert_eq!(values["/list"], ParameterValue::StringList(vec!["x".to_owned(), "y".to_owned()]));
        assert_eq!(values["/versioned:3"], ParameterValue::String("three".to_owned()));
        assert!(
            matches!(&values["/secret"], ParameterValue::Unavailable(why) if why.contains("never decrypted"))
        );
        assert_eq!(values["/gone"], ParameterValue::Unavailable("not found".to_owned()));
        assert!(ssm.asked.lock().unwrap().iter().all(|input| input["WithDecryption"] == false));
    }

    #[tokio::test]
    async fn what_was_found_is_not_asked_for_again_and_the_rest_is_asked_in_tens() {
        let (mut parameters, ssm) = (Parameters::default(), Ssm::default());
        let mut wanted = names(&["/a"]);
        parameters.look_up(&wanted, &ssm).await;
        wanted.extend((0..15).map(|n| format!("/other/{n:02}")));
        parameters.look_up(&wanted, &ssm).await;
        let asked = ssm.asked.lock().unwrap();
        let counts: Vec<usize> = asked.iter().map(|input| input["Names"].as_array().unwrap().len()).collect();
        assert_eq!(counts, [1, 10, 5]);
    }

    #[tokio::test]
    async fn a_silent_service_makes_values_unavailable_and_no_value_is_lost() {
        let mut parameters = Parameters::default();
        parameters.look_up(&names(&["/a"]), &Ssm::default()).await;
        parameters.look_up(&names(&["/a", "/list"]), &Ssm { is_down: true, ..Ssm::default() }).await;
        assert_eq!(parameters.values()["/a"], ParameterValue::String("1".to_owned()));
        assert!(!parameters.is_complete());
    }
}
