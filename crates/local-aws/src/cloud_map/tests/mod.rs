//! Cloud Map, every answer of it held to the table.

mod discovery;
mod instances;
mod live_pairs;
mod namespaces;
mod operations;
mod services;

use std::{borrow::Borrow, time::Duration};

use coxswain_ecs_shapes::{Reading, check};
use serde_json::json;

use super::*;
use crate::{config::Timing, validate};

/// A Cloud Map at a time that the test moves.
struct Rig {
    map: CloudMap,
    now: Time,
}

impl Rig {
    fn new() -> Self {
        Self::with(Timing { map_operation: Duration::from_secs(2), ..Timing::default() })
    }

    fn with(timing: Timing) -> Self {
        let config = Config { seed: Some(7), timing, ..Config::default() };
        Self { map: CloudMap::new(&config), now: Time::from_millis(1_795_000_000_000) }
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    /// Calls an operation as the wire does.
    fn send(&self, operation: &str, request: &Value) -> Result<Value, ApiError> {
        let known = cloud_map().operation(operation).unwrap();
        let request = validate::request(known.input, request, self.map.refusal())?;
        let answer = self.map.call(operation, &request, self.now)?;
        check(known.output, &answer, Reading::Wire, &mut |violation| {
            panic!("{operation} answers {}: {:?}", violation.path, violation.problem)
        });
        Ok(answer)
    }

    fn call(&self, operation: &str, request: impl Borrow<Value>) -> Value {
        let request = request.borrow();
        self.send(operation, request).unwrap_or_else(|error| panic!("{operation} {request}: {error}"))
    }

    /// The code and the members of a refusal.
    fn refused(&self, operation: &str, request: impl Borrow<Value>) -> (String, Value) {
        let error = self.send(operation, request.borrow()).unwrap_err();
        assert!(
            cloud_map().operation(operation).unwrap().errors.contains(&error.code.as_ref()),
            "{operation}: {error}"
        );
        (error.code.into_owned(), error.members.into())
    }

    fn code(&self, operation: &str, request: impl Borrow<Value>) -> String {
        self.refused(operation, request).0
    }

    /// Calls an operation that takes its time, and lets it end; says the target of that kind.
    fn finish(&mut self, operation: &str, request: impl Borrow<Value>, target: &str) -> String {
        let id = self.call(operation, request)["OperationId"].clone();
        self.pass(2);
        let operation = self.call("GetOperation", json!({"OperationId": id}))["Operation"].take();
        assert_eq!(operation["Status"], "SUCCESS", "{operation}");
        operation["Targets"][target].as_str().unwrap().to_owned()
    }

    /// A private namespace; says its id.
    fn namespace(&mut self, name: &str) -> String {
        self.finish("CreatePrivateDnsNamespace", json!({"Name": name, "Vpc": "vpc-1"}), "NAMESPACE")
    }

    /// A service with those members; says its id.
    fn service(&self, namespace: &str, name: &str, more: Value) -> String {
        let request = with(json!({"NamespaceId": namespace, "Name": name}), more);
        self.call("CreateService", request)["Service"]["Id"].as_str().unwrap().to_owned()
    }

    /// An instance with that address and more attributes.
    fn instance(&mut self, service: &str, id: &str, address: &str, more: Value) {
        let attributes = with(json!({"AWS_INSTANCE_IPV4": address}), more);
        let request = json!({"ServiceId": service, "InstanceId": id, "Attributes": attributes});
        self.finish("RegisterInstance", request, "INSTANCE");
    }
}

/// An object with more members.
fn with(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("members are an object") };
    object.as_object_mut().unwrap().extend(more);
    object
}

/// DnsConfig with records of those types, with a time to live of 10 seconds.
fn dns(kinds: &[&str]) -> Value {
    let records: Vec<Value> = kinds.iter().map(|kind| json!({"Type": kind, "TTL": 10})).collect();
    json!({"DnsConfig": {"DnsRecords": records}})
}

/// The same with a custom health check.
fn checked_dns(kinds: &[&str]) -> Value {
    let mut config = dns(kinds);
    config["HealthCheckCustomConfig"] = json!({"FailureThreshold": 1});
    config
}
