//! Plans as transcripts: each folder of `tests/cases` is one, and a new case needs no Rust.
//!
//! | file | holds |
//! |---|---|
//! | `manifest.yaml` | what is wanted now: a Service (the Environment is `environment.yaml` of the cases) |
//! | `sent.yaml` | what was sent last, if anything was: a Service; makes the record's `last_sent` |
//! | `record.json` | merged over the record (RFC 7386) |
//! | `live.json` | merged over `live.json` of the cases; absent where ECS has no service; `null` members vanish |
//! | `policy.json` | `{"retry": true}` and the like |
//! | `plan.txt` | the plan, in words; `UPDATE_CASES=1 cargo test -p coxswain-plan` writes it anew |
//!
//! `<digest>`, `<rollout>`, `<sent.digest>` and `<sent.rollout>` in `record.json` and `live.json` stand for
//! the digests of the two manifests.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a case that cannot be read fails the test, which is what it should do"
)]

use std::{collections::BTreeMap, fs, path::Path};

use coxswain_manifest::{ParameterValue, SourceFile, load};
use coxswain_plan::{
    Cause, Desired, Live, LiveTaskDefinition, Observed, Plan, Policy, Record, ServiceDeployment, plan,
};
use jiff::Timestamp;
use serde_json::Value;

fn now() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().expect("a fixed time")
}

fn cases() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn desired(manifest: &Path, revision: &str) -> Option<Desired> {
    let file =
        |path: &Path| SourceFile { path: path.display().to_string(), content: fs::read(path).unwrap() };
    if !manifest.exists() {
        return None;
    }
    let loaded = load(vec![file(&cases().join("environment.yaml")), file(manifest)]);
    let shown: Vec<_> = loaded.diagnostics().iter().map(|found| format!("{found:?}")).collect();
    assert!(!loaded.has_errors(), "{}: {shown:#?}", manifest.display());
    let resolved =
        loaded.resolve(&BTreeMap::<String, ParameterValue>::new()).expect("a bundle with an Environment");
    let service = resolved.objects.values().next().unwrap().as_ref().unwrap();
    Some(Desired::new(service, revision))
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

fn observed(case: &Path, digests: &[(&str, String)]) -> Observed {
    let service = match json(&case.join("live.json"), digests) {
        None => {
            return Observed {
                seen_at: now(),
                service: Live::Missing,
                service_deployments: None,
                cause: None,
            };
        }
        Some(patch) => {
            let mut live = json(&cases().join("live.json"), digests).unwrap();
            merge(&mut live, patch);
            live
        }
    };
    let definition = LiveTaskDefinition::read(&service["taskDefinition"]).unwrap();
    Observed {
        seen_at: now(),
        service: Live::read(&service["service"], definition).unwrap(),
        service_deployments: service
            .get("serviceDeployments")
            .map(|answer| ServiceDeployment::read_all(answer).unwrap()),
        cause: service.get("stoppedTasks").and_then(|answer| Cause::read_newest(answer).unwrap()),
    }
}

fn play(case: &Path) -> (Desired, Policy, Observed, Plan) {
    let wanted = desired(&case.join("manifest.yaml"), "3.0").expect("a manifest");
    let sent = desired(&case.join("sent.yaml"), "2.0");
    let mut digests =
        vec![("<digest>", wanted.digest.to_string()), ("<rollout>", wanted.rollout.to_string())];
    let before = sent.as_ref().unwrap_or(&wanted);
    digests.push(("<sent.digest>", before.digest.to_string()));
    digests.push(("<sent.rollout>", before.rollout.to_string()));
    let observed = observed(case, &digests);

    let mut record = Record::new(wanted.key.clone());
    record.last_sent = sent.map(|sent| sent.as_sent());
    record.identity = observed.service.active().map(|live| live.identity.clone());
    if let Some(patch) = json(&case.join("record.json"), &digests) {
        let mut value = serde_json::to_value(&record).unwrap();
        merge(&mut value, patch);
        record = serde_json::from_value(value).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
    }
    let policy = json(&case.join("policy.json"), &digests).unwrap_or_default();
    let policy = Policy { retry: policy["retry"] == true, ..Policy::default() };
    let made = plan(&wanted, &record, &observed, &policy, now());
    (wanted, policy, observed, made)
}

/// Digests are long and say nothing to a reader.
fn redacted(text: &str) -> String {
    let mut parts = text.split("v1:sha256:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("v1:sha256:…");
        out.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_hexdigit()));
    }
    out
}

#[test]
fn every_case_gives_the_plan_that_its_transcript_holds() {
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(cases()).unwrap() {
        let case = entry.unwrap().path();
        if !case.is_dir() {
            continue;
        }
        count += 1;
        let (.., made) = play(&case);
        let text = redacted(&made.to_string());
        let path = case.join("plan.txt");
        if update {
            fs::write(&path, text).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            wrong.push(format!("--- {}\n{text}", case.display()));
        }
    }
    assert!(count >= 20, "only {count} cases were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_plan_is_the_same_however_often_it_is_made() {
    for entry in fs::read_dir(cases()).unwrap() {
        let case = entry.unwrap().path();
        if case.is_dir() {
            assert_eq!(play(&case).3, play(&case).3, "{}", case.display());
        }
    }
}

#[test]
fn a_settled_record_stays_settled() {
    for entry in fs::read_dir(cases()).unwrap() {
        let case = entry.unwrap().path();
        if !case.is_dir() {
            continue;
        }
        let (wanted, policy, observed, first) = play(&case);
        let second = plan(&wanted, &first.record, &observed, &policy, now());
        assert_eq!(first.record, second.record, "{}", case.display());
        let steps = |plan: &Plan| plan.steps.iter().map(|planned| planned.step.clone()).collect::<Vec<_>>();
        assert_eq!(steps(&first), steps(&second), "{}", case.display());
        assert!(second.events.is_empty(), "{}: {:?}", case.display(), second.events);
    }
}
