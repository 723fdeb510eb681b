//! What the inside of a bundle promises: the form that is written, and what a wrong publisher can do.

use std::path::Path;

use super::*;
use crate::{Code, render};

const ENVIRONMENT: &str =
    "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: { name: dev }\nspec: { cluster: 12 } # mine\n";

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), content: text.into() }
}

fn small(sequence: u64) -> Bundle {
    let provenance = Provenance { commit: Some("0123abc".to_owned()), author: None, message: None };
    Bundle::build(vec![file("e.yaml", ENVIRONMENT)], sequence, provenance, &BTreeMap::new()).unwrap()
}

/// The bytes of a bundle whose publisher wrote this body, with the right digest.
fn published(json: &str) -> Vec<u8> {
    format::to_bytes(json, &ContentDigest::of(json.as_bytes()), None)
}

#[test]
fn the_form_is_the_one_that_is_kept_in_buckets() {
    let body = concat!(
        r#"{"author":null,"commit":"0123abc","documents":[{"content":{"apiVersion":"coxswain.dev/v1","#,
        r#""kind":"Environment","metadata":{"name":"dev"},"spec":{"cluster":"12"}},"file":"e.yaml","line":1}],"#,
        r#""environment":"dev","files":[{"path":"e.yaml","text":"apiVersion: coxswain.dev/v1\nkind: Environment\n"#,
        r#"metadata: { name: dev }\nspec: { cluster: 12 } # mine\n"}],"message":null,"parameters":{},"sequence":7}"#,
    );
    let bundle = small(7);
    let digest = format!("v1:sha256:{}", hex::encode(<sha2::Sha256 as sha2::Digest>::digest(body)));
    let header = format!(r#"{{"bundle":1,"digest":"{digest}","bytes":{}}}"#, body.len());
    assert_eq!(String::from_utf8(bundle.to_bytes()).unwrap(), format!("{header}\n{body}\n"));
    assert_eq!(
        String::from_utf8(Pointer::to(&bundle).to_bytes()).unwrap(),
        format!(
            "{{\"pointer\":1,\"environment\":\"dev\",\"sequence\":7,\"digest\":\"{digest}\",\"key\":\"bundles/{}.json\"}}\n",
            digest.replace("v1:sha256:", "")
        )
    );
    assert_eq!(
        String::from_utf8(bundle.signed_bytes()).unwrap(),
        format!("coxswain-bundle 1\n\"dev\"\n7\n{digest}\n")
    );
}

/// Diagnostics, objects and excerpts, as people and the planner see them.
fn told(loaded: &Loaded) -> (Vec<String>, Vec<String>, String) {
    let shown = loaded.diagnostics().iter().map(|found| render(found, loaded.sources(), false)).collect();
    let keys = loaded.keys().map(ToString::to_string).collect();
    (shown, keys, loaded.bundle_digest().to_string())
}

#[test]
fn what_a_bundle_loads_as_is_what_its_files_load_as_with_every_error_at_its_place() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let (mut errors, mut sound) = (0, 0);
    let folders = std::fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path());
    for case in folders.filter(|path| path.is_dir()) {
        let files: Vec<SourceFile> = std::fs::read_dir(case)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                !matches!(path.file_name().unwrap().to_str(), Some("expected.txt" | "parameters.json"))
            })
            .map(|path| SourceFile {
                path: path.file_name().unwrap().to_str().unwrap().to_owned(),
                content: std::fs::read(&path).unwrap(),
            })
            // A file that is no text is none of a bundle's.
            .filter(|file| crate::document::decode(&file.path, file.content.clone()).is_ok())
            .collect();
        let (loaded, documents) = load_with_documents(files);
        // JSON cannot say the same key twice; no manifest that does becomes a bundle.
        if loaded.diagnostics().iter().any(|found| found.code == Code::DuplicateKey) {
            continue;
        }
        let environment = loaded.environment().map_or("dev".to_owned(), |settings| settings.name.clone());
        let (from, none) = (Provenance::default(), BTreeMap::new());
        let sealed =
            Bundle::seal(Body::new(environment.clone(), 1, from, &loaded, documents, &none)).unwrap();
        let received = Bundle::parse(&sealed.to_bytes(), &environment, None).unwrap();
        assert_eq!(told(&received.load().unwrap()), told(&loaded));
        errors += loaded.error_count();
        sound += usize::from(!loaded.has_errors());
    }
    assert!(errors > 100 && sound > 5, "{errors} errors and {sound} sound cases are too few to judge by");
}

#[test]
fn a_text_that_is_read_differently_here_is_refused() {
    let json = String::from_utf8(small(7).to_bytes()).unwrap();
    let json = json.lines().nth(1).unwrap();
    for (there, here) in [
        (r#""cluster":"12""#, r#""cluster":"13""#),
        (r#""line":1"#, r#""line":2"#),
        ("# mine", "# yours, and nothing else"),
        (r#""environment":"dev""#, r#""environment":"prod""#),
        (r#""content":{"#, r#""content":{"a":1.5,"#),
    ] {
        let changed = json.replace(there, here);
        assert_ne!(changed, json, "{there}");
        let environment = if here.contains("prod") { "prod" } else { "dev" };
        let received = Bundle::parse(&published(&changed), environment, None).unwrap();
        let answer = received.load().map(|_| ());
        if there == "# mine" {
            assert_eq!(answer, Ok(()), "a comment says nothing to the reader");
        } else {
            assert_eq!(answer.unwrap_err().fault, BundleFault::ReadDifferently, "{there}");
        }
    }
}

#[test]
fn content_that_no_publisher_writes_is_refused_under_its_own_digest_too() {
    let json = String::from_utf8(small(7).to_bytes()).unwrap();
    let json = json.lines().nth(1).unwrap();
    let changed = |there: &str, here: &str| json.replacen(there, here, 1);
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let two = r#"{"path":"f.yaml","text":""},{"path":"e.yaml","text":"#;
    for content in [
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
        changed(r#""sequence":7"#, r#""sequence":0"#),
        changed(r#""sequence":7"#, r#""sequence":-7"#),
        changed(r#""sequence":7"#, r#""sequence":7,"more":1"#),
        changed(r#""sequence":7"#, r#""sequence": 7"#),
        changed(r#""author":null,"#, ""),
        changed(r#""parameters":{}"#, r#""parameters":{"a":1}"#),
        changed(r#""kind":"Environment""#, &format!(r#""kind":{deep}"#)),
        changed(r#"{"path":"e.yaml","text":"#, two),
    ] {
        let refused = Bundle::parse(&published(&content), "dev", None).unwrap_err();
        assert!(matches!(refused.fault, BundleFault::Malformed { .. }), "{content}: {refused}");
    }
}

#[test]
fn no_body_of_a_wrong_publisher_makes_the_reader_panic() {
    let mut rng = fastrand::Rng::with_seed(11);
    let json = String::from_utf8(small(7).to_bytes()).unwrap();
    let characters: Vec<char> = json.lines().nth(1).unwrap().chars().collect();
    let mut loaded = 0;
    for _ in 0..3_000 {
        let mut changed = characters.clone();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(0..changed.len());
            changed[at] =
                if rng.bool() { rng.char('!'..='~') } else { characters[rng.usize(0..characters.len())] };
        }
        let bytes = published(&changed.into_iter().collect::<String>());
        if let Ok(bundle) = Bundle::parse(&bytes, "dev", None) {
            assert_eq!(bundle.to_bytes(), bytes);
            loaded += usize::from(bundle.load().is_ok());
        }
    }
    assert!(loaded > 0, "not one got as far as being loaded");
}
