//! Every folder of `tests/cases` is a bundle and what people are told about it, in `expected.txt`.
//!
//! A new case needs no Rust: make a folder, put manifests into it, run the test with
//! `UPDATE_EXPECTED=1` and read what it wrote. Where a `parameters.json` stands beside them, the bundle
//! is resolved with it, and each object's result is part of what is expected.

#![expect(clippy::unwrap_used, reason = "a test says why it fails by where it fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use coxswain_manifest::{Loaded, ParameterValue, SourceFile, load, render};

#[test]
fn every_case_says_what_is_expected() {
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever writes a case")]
    let is_update = std::env::var("UPDATE_EXPECTED").is_ok();
    let mut differing = Vec::new();
    for case in folders(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")) {
        let found = told(&case);
        let expected = case.join("expected.txt");
        if is_update {
            std::fs::write(&expected, &found).unwrap();
        }
        let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
        if wanted != found {
            differing.push(format!("--- {}\n{found}", case.display()));
        }
    }
    assert!(differing.is_empty(), "other than expected:\n{}", differing.join("\n"));
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(parent)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    assert!(found.len() > 40, "only {} cases", found.len());
    found
}

fn told(case: &Path) -> String {
    let mut files = Vec::new();
    let mut parameters = None;
    for entry in std::fs::read_dir(case).unwrap() {
        let path = entry.unwrap().path();
        let content = std::fs::read(&path).unwrap();
        match path.file_name().and_then(|name| name.to_str()).unwrap() {
            "expected.txt" => {}
            "parameters.json" => parameters = Some(values(&content)),
            name => files.push(SourceFile { path: name.to_owned(), content }),
        }
    }
    let loaded = load(files);
    let mut text = String::new();
    for diagnostic in loaded.diagnostics() {
        writeln!(text, "{}", render(diagnostic, loaded.sources(), false)).unwrap();
    }
    writeln!(text, "{} found", loaded.diagnostics().len()).unwrap();
    if let Some(parameters) = parameters {
        resolved(&loaded, &parameters, &mut text);
    }
    text
}

fn resolved(loaded: &Loaded, parameters: &BTreeMap<String, ParameterValue>, text: &mut String) {
    let Ok(resolved) = loaded.resolve(parameters) else {
        writeln!(text, "\nnothing to resolve").unwrap();
        return;
    };
    writeln!(text, "\nenvironment {}", serde_json::to_string_pretty(&resolved.environment).unwrap()).unwrap();
    for (key, object) in &resolved.objects {
        match object {
            Ok(service) => {
                // Told below, one a line.
                let mut json = serde_json::to_value(service).unwrap();
                json.as_object_mut().unwrap().remove("origins").unwrap();
                writeln!(text, "\n{key} {}", serde_json::to_string_pretty(&json).unwrap()).unwrap();
                for origin in &service.origins {
                    writeln!(text, "{} from {}", origin.path, origin.source).unwrap();
                }
            }
            Err(blocked) => {
                writeln!(text, "\n{key} is blocked").unwrap();
                for diagnostic in blocked {
                    writeln!(text, "{}", render(diagnostic, loaded.sources(), false)).unwrap();
                }
            }
        }
    }
}

/// A string, a list, or `null` for what is not there.
fn values(content: &[u8]) -> BTreeMap<String, ParameterValue> {
    let values: BTreeMap<String, serde_json::Value> = serde_json::from_slice(content).unwrap();
    let value = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => ParameterValue::String(text),
        serde_json::Value::Array(items) => {
            ParameterValue::StringList(items.iter().map(|item| item.as_str().unwrap().to_owned()).collect())
        }
        _ => ParameterValue::Unavailable("was not found".to_owned()),
    };
    values.into_iter().map(|(name, found)| (name, value(found))).collect()
}
