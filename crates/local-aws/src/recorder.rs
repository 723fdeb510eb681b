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
        entries.push_back(Recorded { at_ms: at.as_millis(), service, operation, request, fault, error });
    }

    pub(crate) fn entries(&self) -> Vec<Recorded> {
        self.lock().iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}

/// The request with `***` for what the model marks as sensitive: a parameter's value, a secret, a text
/// to encrypt.
pub(crate) fn without_secrets(shape: &Shape, request: &Value) -> Value {
    match (&shape.kind, request) {
        (Kind::Structure(_), Value::Object(members)) => {
            let kept = members.iter().map(|(name, value)| {
                let value = match shape.member(name) {
                    Some(member) if member.sensitive => Value::from("***"),
                    Some(member) => without_secrets(member.shape, value),
                    None => value.clone(),
                };
                (name.clone(), value)
            });
            kept.collect()
        }
        (Kind::Map { value: shape, .. }, Value::Object(members)) => {
            members.iter().map(|(name, value)| (name.clone(), without_secrets(shape, value))).collect()
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            items.iter().map(|value| without_secrets(item, value)).collect()
        }
        _ => request.clone(),
    }
}

#[cfg(test)]
mod tests {
    use coxswain_ecs_shapes::{ecs, ssm};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_oldest_request_is_forgotten_and_a_parameters_value_is_never_kept() {
        let recorder = Recorder::new(2);
        for (api, name) in [(ecs(), "CreateCluster"), (ecs(), "RunTask"), (ssm(), "PutParameter")] {
            let request = json!({"Name": "/a", "Value": "hunter2"});
            let names = (api.service, api.operation(name).unwrap());
            recorder.record(Time::from_millis(1), names, &request, Fault::None, None);
        }
        let kept = recorder.entries();
        assert_eq!(kept.iter().map(|entry| entry.operation).collect::<Vec<_>>(), ["RunTask", "PutParameter"]);
        assert_eq!(kept[1].request, json!({"Name": "/a", "Value": "***"}));
        recorder.clear();
        assert!(recorder.entries().is_empty());
    }
}
