//! `cox init`: what it writes is valid, and nothing is overwritten.

#![expect(clippy::unwrap_used, reason = "a test says why it fails by where it fails")]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

fn cox(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cox")).args(arguments).current_dir(folder).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(
                files(&path).into_iter().map(|(below, content)| (format!("{name}/{below}"), content)),
            );
        } else {
            found.insert(name, fs::read(path).unwrap());
        }
    }
    found
}

#[test]
fn what_it_writes_is_valid_and_every_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = cox(folder.path(), &["init", "deploy/shop"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let files = files(folder.path());
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    let expected = [
        "deploy/shop.dev.json",
        "deploy/shop.schema.json",
        "deploy/shop/environment.yaml",
        "deploy/shop/hello.yaml",
    ];
    assert_eq!(names, expected);
    assert!(expected.iter().all(|name| told(&output).contains(name)), "{}", told(&output));
    let text = String::from_utf8_lossy(&files["deploy/shop/hello.yaml"]).into_owned();
    assert!(text.contains("$schema=../shop.schema.json") && !text.contains("FOLDER"), "{text}");
    let valid = cox(folder.path(), &["validate", "deploy/shop"]);
    assert_eq!(valid.status.code(), Some(0), "{}", told(&valid));
}

#[test]
fn nothing_is_overwritten_and_a_folder_with_manifests_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("one.dev.json"), "mine").unwrap();
    fs::create_dir(folder.path().join("two")).unwrap();
    fs::write(folder.path().join("two/mine.yaml"), "mine").unwrap();
    let before = files(folder.path());
    for name in ["one", "two"] {
        let output = cox(folder.path(), &["init", name]);
        assert_eq!(output.status.code(), Some(8), "{}", told(&output));
    }
    assert_eq!(files(folder.path()), before);
    assert_eq!(cox(folder.path(), &["init", "."]).status.code(), Some(2));
}
