//! Bundles that are too much, and what does not depend on how a bundle is handed over.

use std::collections::BTreeMap;
use std::path::Path;

use coxswain_manifest::{Code, Key, Loaded, ParameterValue, SourceFile, load, render};

const ENVIRONMENT: &str =
    "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: { name: dev }\nspec: { cluster: dev }\n";

fn file(path: &str, content: impl Into<Vec<u8>>) -> SourceFile {
    SourceFile { path: path.to_owned(), content: content.into() }
}

fn with_environment(other: SourceFile) -> Loaded {
    load(vec![file("environment.yaml", ENVIRONMENT), other])
}

#[test]
fn what_was_refused_while_a_file_was_read_blocks_its_object_and_no_other() {
    let service = |name: &str, image: &str| {
        format!(
            "---\napiVersion: coxswain.dev/v1\nkind: Service\nmetadata: {{ name: {name} }}\nspec:\n  \
             count: {{ fixed: 1 }}\n  taskDefinition:\n    memory: 64\n    containerDefinitions:\n      \
             - {{ name: x, image: {image}, user: root }}\n"
        )
    };
    for bad in ["x }\n  <<: { a: b", "&a x", "!Sub x", "x, user: me", "x, <<: {}", "x, ? [a] : b"] {
        let content = [service("good", "x"), service("bad", bad), service("fine", "x")].concat();
        let resolved = with_environment(file("a.yaml", content)).resolve(&BTreeMap::new()).unwrap();
        let sound: Vec<_> = resolved.objects.iter().filter(|(_, object)| object.is_ok()).collect();
        assert_eq!(sound.len(), 2, "{bad}");
        assert!(resolved.objects[&Key::service("dev", "bad")].is_err(), "{bad}");
    }
}

#[test]
fn what_was_refused_in_the_environment_blocks_everything() {
    let service = "apiVersion: coxswain.dev/v1\nkind: Service\nmetadata: { name: x }\nspec: {}\n";
    for bad in
        ["&a dev", "!x dev", "dev, cluster: dev", "dev, defaults: { taskDefinition: { cpu: \"${x}\" } }"]
    {
        let environment = ENVIRONMENT.replace("cluster: dev", &format!("cluster: {bad}"));
        let loaded = load(vec![file("e.yaml", environment), file("s.yaml", service)]);
        assert!(loaded.has_errors() && loaded.resolve(&BTreeMap::new()).is_err(), "{bad}");
    }
}

#[test]
fn a_file_of_eight_megabytes_is_refused_by_the_name_of_the_limit() {
    let loaded = with_environment(file("big.yaml", vec![b'a'; 8 * 1024 * 1024]));
    let [found] = loaded.diagnostics() else { return assert_eq!(loaded.diagnostics(), []) };
    assert_eq!(found.code, Code::FileTooLarge);
    assert_eq!(found.message, "the file has 8,388,608 bytes; the limit is 1,048,576 (1 MB)");
    assert!(render(found, loaded.sources(), false).contains("--> big.yaml"));
}

#[test]
fn a_file_of_exactly_the_limit_is_read() {
    let content = format!("{ENVIRONMENT}#{}", " ".repeat(1024 * 1024 - ENVIRONMENT.len() - 1));
    let loaded = load(vec![file("environment.yaml", content)]);
    assert_eq!(loaded.diagnostics(), []);
}

#[test]
fn two_thousand_documents_are_refused_with_their_number() {
    let loaded = with_environment(file("many.yaml", "---\na: 1\n".repeat(2000)));
    let [found] = loaded.diagnostics() else { return assert_eq!(loaded.diagnostics(), []) };
    assert_eq!(found.code, Code::TooManyDocuments);
    assert_eq!(found.message, "the file has 2,000 documents; the limit is 200");
    assert_eq!((found.location.line, found.location.column), (401, 1));
}

#[test]
fn nodes_beyond_the_limit_are_refused_with_their_number() {
    for (path, content) in [
        ("many.yaml", format!("[{}]", vec!["1"; 25_000].join(", "))),
        ("many.json", format!("[{}]", vec!["1"; 25_000].join(", "))),
    ] {
        let loaded = with_environment(file(path, content));
        let [found] = loaded.diagnostics() else { return assert_eq!(loaded.diagnostics(), []) };
        assert_eq!(found.code, Code::TooManyNodes);
        assert_eq!(found.message, "the file has 25,001 nodes; the limit is 20,000");
    }
}

#[test]
fn a_thousand_refused_marks_are_told_fifty_times() {
    let loaded = with_environment(file("marks.yaml", "- &a 1\n".repeat(1000)));
    let told = loaded.diagnostics().iter().filter(|found| found.code == Code::AnchorNotAllowed).count();
    assert_eq!(told, 50);
}

#[test]
fn an_empty_bundle_has_no_environment() {
    let loaded = load(Vec::new());
    let codes: Vec<_> = loaded.diagnostics().iter().map(|found| found.code).collect();
    assert_eq!(codes, [Code::MissingEnvironment]);
}

#[test]
fn the_order_of_files_changes_nothing() {
    let files = || {
        vec![
            file("b.yaml", "apiVersion: coxswain.dev/v1\nkind: Service\nmetadata: { name: b }\nspec: {}\n"),
            file("a.yaml", "apiVersion: coxswain.dev/v1\nkind: Service\nmetadata: { name: b }\nspec: {}\n"),
            file("environment.yaml", ENVIRONMENT),
        ]
    };
    let (one, other) = (load(files()), load(files().into_iter().rev().collect()));
    assert_eq!(one.bundle_digest(), other.bundle_digest());
    assert_eq!(one.diagnostics(), other.diagnostics());
}

#[test]
fn the_digest_follows_content_file_and_line_and_nothing_else() {
    let digest = |path: &str, content: &str| load(vec![file(path, content)]).bundle_digest().to_string();
    let base = digest("e.yaml", ENVIRONMENT);
    assert!(base.starts_with("v1:sha256:") && base.len() == "v1:sha256:".len() + 64, "{base}");
    assert_eq!(base, digest("e.yaml", &ENVIRONMENT.replace("{ name: dev }", "{name:   dev} # a comment")));
    assert_eq!(base, digest("e.yaml", &ENVIRONMENT.replace("{ cluster: dev }", "{ cluster: \"dev\" }")));
    assert_ne!(base, digest("e.yaml", &ENVIRONMENT.replace("cluster: dev", "cluster: test")));
    assert_ne!(base, digest("f.yaml", ENVIRONMENT));
    assert_ne!(base, digest("e.yaml", &format!("# a line\n{ENVIRONMENT}")));
}

#[test]
fn a_file_that_breaks_off_is_named_as_unread() {
    let loaded = with_environment(file("api.yaml", "a: ["));
    assert_eq!(loaded.unread_files().iter().collect::<Vec<_>>(), ["api.yaml"]);
    assert!(loaded.resolve(&BTreeMap::new()).is_ok(), "the rest of the bundle can still be resolved");
}

#[test]
fn a_bundle_without_a_sound_environment_resolves_to_its_errors() {
    let loaded = load(vec![file("e.yaml", ENVIRONMENT.replace("cluster", "clutser"))]);
    assert!(loaded.environment().is_none());
    assert_eq!(loaded.resolve(&BTreeMap::new()).unwrap_err(), loaded.diagnostics());
}

#[test]
fn the_example_environment_is_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/example");
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| file(path.file_name().unwrap().to_str().unwrap(), std::fs::read(&path).unwrap()))
        .collect();
    let loaded = load(files);
    assert_eq!(loaded.diagnostics(), []);
    let names = loaded.parameter_names();
    assert_eq!(
        names.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "/coxswain/dev/infra/api-security-group",
            "/coxswain/dev/infra/execution-role",
            "/coxswain/dev/infra/private-subnets",
        ]
    );
    let values = names.into_iter().map(|name| (name, ParameterValue::String("x".to_owned()))).collect();
    let blocked = loaded.resolve(&values).unwrap().objects.into_values().next().unwrap().unwrap_err();
    assert_eq!(blocked[0].message, "expected a list, found a string", "subnets have to be a StringList");
}

#[test]
fn every_code_explains_itself_and_survives_json() {
    for code in Code::ALL {
        assert!(code.explain().starts_with(code.as_str()));
        assert_eq!(Code::from_name(code.as_str()), Some(*code));
        let json = serde_json::to_string(code).unwrap();
        assert_eq!(serde_json::from_str::<Code>(&json).unwrap(), *code);
    }
}
