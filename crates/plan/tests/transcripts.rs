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

mod shared {
    pub(crate) mod case;
    pub(crate) mod manifest;
}

use std::{fs, path::PathBuf};

use coxswain_plan::{Plan, plan};
use shared::{
    case::{Case, now},
    manifest::cases,
};

fn folders() -> Vec<PathBuf> {
    let folders: Vec<_> = fs::read_dir(cases())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    assert!(folders.len() >= 20, "only {} cases were found", folders.len());
    folders
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
    for folder in folders() {
        let text = redacted(&Case::read(&folder).plan().to_string());
        let path = folder.join("plan.txt");
        if update {
            fs::write(&path, text).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            wrong.push(format!("--- {}\n{text}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_case_gives_a_plan_that_the_checker_passes() {
    let mut wrong = Vec::new();
    for folder in folders() {
        let case = Case::read(&folder);
        let made = case.plan();
        wrong.extend(case.check(&made).iter().map(|breach| format!("{}: {breach}", folder.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_plan_is_the_same_however_often_it_is_made() {
    for folder in folders() {
        let case = Case::read(&folder);
        assert_eq!(case.plan(), case.plan(), "{}", folder.display());
    }
}

#[test]
fn a_settled_record_stays_settled() {
    for folder in folders() {
        let case = Case::read(&folder);
        let first = case.plan();
        let second = plan(&case.desired, &first.record, &case.observed, &case.policy, now());
        assert_eq!(first.record, second.record, "{}", folder.display());
        let steps = |plan: &Plan| plan.steps.iter().map(|planned| planned.step.clone()).collect::<Vec<_>>();
        assert_eq!(steps(&first), steps(&second), "{}", folder.display());
        assert!(second.events.is_empty(), "{}: {:?}", folder.display(), second.events);
    }
}
