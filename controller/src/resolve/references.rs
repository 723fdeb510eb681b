//! What a bundle's references stand for: found once, kept with the bundle.

use std::collections::{BTreeMap, BTreeSet};

use coxswain_manifest::{ImageName, Loaded, ParameterValue};
use serde::{Deserialize, Serialize};

use super::{image, param};
use crate::aws::Aws;

/// A reference's name, and its value or why it has none.
pub(super) type Looked = (String, Result<StoredValue, String>);

/// A value as it is kept beside its bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StoredValue {
    /// A parameter of type String, or an image with its digest.
    String(String),
    /// A parameter of type `StringList`.
    StringList(Vec<String>),
}

/// The values that a bundle refers to, by the references' names: what was found, and why the rest was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    found: BTreeMap<String, StoredValue>,
    unavailable: BTreeMap<String, String>,
}

impl References {
    /// Values that were found before.
    pub fn known(found: BTreeMap<String, StoredValue>) -> Self {
        Self { found, unavailable: BTreeMap::new() }
    }

    /// Looks up those references of a bundle that were not found before, and forgets all others.
    ///
    /// A value that was found stays: a bundle means the same thing from its first day to its last.
    pub async fn look_up(&mut self, loaded: &Loaded, aws: &dyn Aws) {
        self.look_up_names(loaded.parameter_names(), loaded.image_names(), aws).await;
    }

    async fn look_up_names(
        &mut self,
        mut parameters: BTreeSet<String>,
        mut images: BTreeSet<ImageName>,
        aws: &dyn Aws,
    ) {
        let mut names = parameters.clone();
        names.extend(images.iter().map(ToString::to_string));
        self.found.retain(|name, _| names.contains(name));
        parameters.retain(|name| !self.found.contains_key(name));
        images.retain(|name| !self.found.contains_key(&name.to_string()));
        self.unavailable.clear();
        let looked = param::look_up(&parameters, aws).await;
        let looked = looked.into_iter().chain(image::look_up(&images, aws).await);
        for (name, value) in looked {
            match value {
                Ok(value) => drop(self.found.insert(name, value)),
                Err(why) => drop(self.unavailable.insert(name, why)),
            }
        }
    }

    /// What was found, for keeping.
    pub fn found(&self) -> &BTreeMap<String, StoredValue> {
        &self.found
    }

    /// Whether every name has a value.
    pub fn is_complete(&self) -> bool {
        self.unavailable.is_empty()
    }

    /// Each name's value, or why it has none.
    pub fn values(&self) -> BTreeMap<String, ParameterValue> {
        let found = self.found.iter().map(|(name, value)| {
            let value = match value {
                StoredValue::String(text) => ParameterValue::String(text.clone()),
                StoredValue::StringList(items) => ParameterValue::StringList(items.clone()),
            };
            (name.clone(), value)
        });
        let unavailable = self
            .unavailable
            .iter()
            .map(|(name, why)| (name.clone(), ParameterValue::Unavailable(why.clone())));
        found.chain(unavailable).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::{AwsError, Operation};

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
            if operation != Operation::GetParameters {
                return Ok(json!({}));
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
        let (mut references, ssm) = (References::default(), Ssm::default());
        references
            .look_up_names(names(&["/a", "/list", "/secret", "/gone", "/versioned:3"]), BTreeSet::new(), &ssm)
            .await;
        let values = references.values();
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
        let (mut references, ssm) = (References::default(), Ssm::default());
        let mut wanted = names(&["/a"]);
        references.look_up_names(wanted.clone(), BTreeSet::new(), &ssm).await;
        wanted.extend((0..15).map(|n| format!("/other/{n:02}")));
        references.look_up_names(wanted.clone(), BTreeSet::new(), &ssm).await;
        let asked = ssm.asked.lock().unwrap();
        let counts: Vec<usize> = asked.iter().map(|input| input["Names"].as_array().unwrap().len()).collect();
        assert_eq!(counts, [1, 10, 5]);
    }

    #[tokio::test]
    async fn a_silent_service_makes_values_unavailable_and_no_value_is_lost() {
        let mut references = References::default();
        references.look_up_names(names(&["/a"]), BTreeSet::new(), &Ssm::default()).await;
        references
            .look_up_names(names(&["/a", "/list"]), BTreeSet::new(), &Ssm { is_down: true, ..Ssm::default() })
            .await;
        assert_eq!(references.values()["/a"], ParameterValue::String("1".to_owned()));
        assert!(!references.is_complete());
    }
}
