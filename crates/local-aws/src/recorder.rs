//! What was asked, for tests and people to read back.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use coxswain_ecs_shapes::{Kind, Operation, Shape};
use serde::Serialize;
use serde_json::Value;

use crate::{clock::Time, fault::Fault};

/// A request that came in, whatever became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The account that was asked in.
    pub account: String,
    /// The region that was asked in.
    pub region: String,
    /// Botocore's name of the API, such as `ecs`.
    pub service: &'static str,
    /// AWS's name of the operation.
    pub operation: &'static str,
    /// The body, with `***` for what the model marks as sensitive, such as a parameter's value.
    pub request: Value,
    /// The fault that it met with.
    pub fault: Fault,
    /// The error's code, where the operation refused; `None` also where no answer was given.
    pub error: Option<String>,
}

/// The last requests, oldest first.
#[derive(Debug)]
pub(crate) struct Recorder {
    capacity: usize,
    entries: Mutex<VecDeque<Recorded>>,
}

impl Recorder {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Recorded>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn record(
        &self,
        at: Time,
        (account, region): (&str, &str),
        (service, operation): (&'static str, &'static Operation),
        request: &Value,
        fault: Fault,
        error: Option<String>,
    ) {
        if self.capacity == 0 {
            return;
        }
        let request = without_secrets(operation.input, request);
        let operation = operation.name;
        let mut entries = self.lock();
        if entries.len() >= self.capacity {
            entries.pop_front();
        }
        entries.push_back(Recorded {
            at_ms: at.as_millis(),
            account: account.to_owned(),
            region: region.to_owned(),
            service,
            operation,
            request,
            fault,
            error,
        });
    }

    pub(crate) fn entries(&self) -> Vec<Recorded> {
        self.lock().iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}

/// A request or an answer with `***` for each text that the model marks as sensitive, or that is a part
/// of something so marked: a parameter's value, a secret, a text to encrypt, a container's environment.
///
/// What is no text stays, so that the form can still be judged.
pub(crate) fn without_secrets(shape: &Shape, value: &Value) -> Value {
    match (&shape.kind, value) {
        (Kind::Structure(_), Value::Object(members)) => {
            let clean = members.iter().map(|(name, value)| {
                let value = match shape.member(name) {
                    Some(member) if member.sensitive => hidden(value),
                    Some(member) => without_secrets(member.shape, value),
                    None => value.clone(),
                };
                (name.clone(), value)
            });
            clean.collect()
        }
        (Kind::Map { value: element, .. }, Value::Object(members)) => {
            members.iter().map(|(name, value)| (name.clone(), without_secrets(element, value))).collect()
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            items.iter().map(|value| without_secrets(item, value)).collect()
        }
        _ => value.clone(),
    }
}

fn hidden(value: &Value) -> Value {
    match value {
        Value::String(_) => Value::from("***"),
        Value::Array(items) => items.iter().map(hidden).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), hidden(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use coxswain_ecs_shapes::{ecs, ssm};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_parameters_value_is_hidden_in_requests_and_answers_and_nothing_else_is() {
        let get = ssm().operation("GetParameters").unwrap();
        let answer = json!({"Parameters": [{"Name": "/a", "Value": "hunter2"}], "InvalidParameters": ["/b"]});
        let clean = json!({"Parameters": [{"Name": "/a", "Value": "***"}], "InvalidParameters": ["/b"]});
        assert_eq!(without_secrets(get.output, &answer), clean);
        let register = ecs().operation("RegisterTaskDefinition").unwrap();
        let environment = |name: &str, value: &str| json!({"family": "web", "containerDefinitions": [{"name": "web", "environment": [{"name": name, "value": value}]}]});
        let clean = without_secrets(register.input, &environment("TOKEN", "hunter2"));
        assert_eq!(clean, environment("***", "***"));
    }

    #[test]
    fn the_oldest_request_is_forgotten_and_a_parameters_value_is_never_kept() {
        let recorder = Recorder::new(2);
        for (api, name) in [(ecs(), "CreateCluster"), (ecs(), "RunTask"), (ssm(), "PutParameter")] {
            let request = json!({"Name": "/a", "Value": "hunter2"});
            let names = (api.service, api.operation(name).unwrap());
            recorder.record(
                Time::from_millis(1),
                ("123456789012", "us-east-1"),
                names,
                &request,
                Fault::None,
                None,
            );
        }
        let kept = recorder.entries();
        assert_eq!(kept.iter().map(|entry| entry.operation).collect::<Vec<_>>(), ["RunTask", "PutParameter"]);
        assert_eq!(kept[1].request, json!({"Name": "/a", "Value": "***"}));
        recorder.clear();
        assert!(recorder.entries().is_empty());
    }
}
