//! A transcript's folder as the planner's arguments; what its files hold, `transcripts.rs` says.

use std::{fs, path::Path};

use coxswain_plan::{
    Breach, Cause, Desired, Live, LiveTaskDefinition, Observed, Plan, Policy, Record, ServiceDeployment,
    check, plan,
};
use jiff::Timestamp;
use serde_json::Value;

use super::manifest::{cases, desired};

/// When every transcript is set.
pub(crate) fn now() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().expect("a fixed time")
}

/// What one plan is made from.
pub(crate) struct Case {
    pub(crate) desired: Desired,
    pub(crate) record: Record,
    pub(crate) observed: Observed,
    pub(crate) policy: Policy,
}

impl Case {
    pub(crate) fn read(folder: &Path) -> Self {
        let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let manifest = |name: &str, revision: &str| {
            Some(desired(&folder.join(name).display().to_string(), &text(name)?, revision))
        };
        let wanted = manifest("manifest.yaml", "3.0").expect("a manifest");
        let sent = manifest("sent.yaml", "2.0");
        let before = sent.as_ref().unwrap_or(&wanted);
        let digests = [
            ("<digest>", wanted.digest.to_string()),
            ("<rollout>", wanted.rollout.to_string()),
            ("<sent.digest>", before.digest.to_string()),
            ("<sent.rollout>", before.rollout.to_string()),
        ];
        let observed = observed(folder, &digests);

        let mut record = Record::new(wanted.key.clone());
        record.last_sent = sent.map(|sent| sent.as_sent());
        record.identity = observed.service.active().map(|live| live.identity.clone());
        if let Some(patch) = json(&folder.join("record.json"), &digests) {
            let mut value = serde_json::to_value(&record).unwrap();
            merge(&mut value, patch);
            record =
                serde_json::from_value(value).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        }
        let policy = json(&folder.join("policy.json"), &digests).unwrap_or_default();
        let is = |name: &str| policy[name] == true;
        let policy = Policy { retry: is("retry"), stopped: is("stopped"), ..Policy::default() };
        Self { desired: wanted, record, observed, policy }
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(&self.desired, &self.record, &self.observed, &self.policy, now())
    }

    pub(crate) fn check(&self, plan: &Plan) -> Vec<Breach> {
        check(plan, &self.desired, &self.record, &self.observed, &self.policy, now())
    }
}

fn json(path: &Path, digests: &[(&str, String)]) -> Option<Value> {
    let mut text = fs::read_to_string(path).ok()?;
    for (name, digest) in digests {
        text = text.replace(name, digest);
    }
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// RFC 7386.
fn merge(target: &mut Value, patch: Value) {
    match patch {
        Value::Object(patch) => {
            if !target.is_object() {
                *target = Value::Object(serde_json::Map::new());
            }
            for (name, value) in patch {
                let members = target.as_object_mut().unwrap();
                if value.is_null() {
                    members.remove(&name);
                } else {
                    merge(members.entry(name).or_insert(Value::Null), value);
                }
            }
        }
        other => *target = other,
    }
}

fn observed(folder: &Path, digests: &[(&str, String)]) -> Observed {
    let Some(patch) = json(&folder.join("live.json"), digests) else {
        return Observed { seen_at: now(), service: Live::Missing, service_deployments: None, cause: None };
    };
    let mut live = json(&cases().join("live.json"), digests).unwrap();
    merge(&mut live, patch);
    let definition = LiveTaskDefinition::read(&live["taskDefinition"]).unwrap();
    Observed {
        seen_at: now(),
        service: Live::read(&live["service"], definition).unwrap(),
        service_deployments: live
            .get("serviceDeployments")
            .map(|answer| ServiceDeployment::read_all(answer).unwrap()),
        cause: live.get("stoppedTasks").and_then(|answer| {
            let deployment = answer["tasks"][0]["startedBy"].as_str().unwrap();
            Cause::read_newest(answer, deployment).unwrap()
        }),
    }
}
