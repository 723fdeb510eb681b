//! Parameters of Systems Manager in memory, with the few rules that publishing leans on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use coxswain_controller::aws::{Aws, AwsError, Failure, Operation};
use serde_json::{Value, json};

/// Name, value and version of each parameter. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(Arc<Mutex<BTreeMap<String, (String, u64)>>>);

impl Parameters {
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn value(&self, name: &str) -> String {
        self.0.lock().unwrap().get(name).map(|(value, _)| value.clone()).unwrap_or_default()
    }

    pub(crate) fn set(&self, name: &str, value: &str) {
        let mut parameters = self.0.lock().unwrap();
        let version = parameters.get(name).map_or(0, |(_, version)| *version) + 1;
        parameters.insert(name.to_owned(), (value.to_owned(), version));
    }

    pub(crate) fn remove(&self, name: &str) {
        self.0.lock().unwrap().remove(name);
    }

    fn under(&self, path: &str, after: Option<&str>) -> Value {
        let folder = format!("{path}/");
        let parameters = self.0.lock().unwrap();
        let mut found = parameters
            .iter()
            .filter(|(name, _)| name.starts_with(&folder) && after.is_none_or(|after| name.as_str() > after));
        let page: Vec<_> = found.by_ref().take(10).collect();
        let shown = |(name, (value, version)): &(&String, &(String, u64))| json!({"Name": name, "Type": "String", "Value": value, "Version": version});
        let mut answer = json!({"Parameters": page.iter().map(shown).collect::<Vec<_>>()});
        if let (Some(_), Some((last, _))) = (found.next(), page.last()) {
            answer["NextToken"] = json!(last);
        }
        answer
    }
}

#[async_trait]
impl Aws for Parameters {
    async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
        // Two publishers take turns at each call.
        tokio::task::yield_now().await;
        let text = |member: &str| input[member].as_str().unwrap_or_default();
        match operation {
            Operation::GetParametersByPath => Ok(self.under(text("Path"), input["NextToken"].as_str())),
            Operation::PutParameter => {
                let exists = self.0.lock().unwrap().contains_key(text("Name"));
                if exists && input["Overwrite"] == false {
                    let failure = Failure::Conflict { message: "The parameter already exists.".to_owned() };
                    return Err(AwsError { operation, failure, request_id: None });
                }
                assert!(text("Value").len() <= 4_096 && !text("Value").contains("{{"));
                self.set(text("Name"), text("Value"));
                Ok(json!({}))
            }
            Operation::DeleteParameters => {
                let names: Vec<&str> =
                    input["Names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                assert!((1..=10).contains(&names.len()));
                for name in names {
                    self.remove(name);
                }
                Ok(json!({}))
            }
            other => panic!("{other} was called"),
        }
    }
}
