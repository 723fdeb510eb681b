//! Settings that do not fit end the program before it listens.

use tempfile::tempdir;

use crate::process::{Server, run};

#[test]
fn settings_that_do_not_fit_end_with_code_2_and_say_what_to_set() {
    let directory = tempdir().unwrap();
    let store = directory.path().to_str().unwrap();
    let broken = directory.path().join("keys.json");
    std::fs::write(&broken, r#"{"keys":[]}"#).unwrap();
    let broken = broken.to_str().unwrap();
    let missing = "/nowhere/keys.json";
    let asserted = |keys| {
        vec![("API_IDENTITY", "assertion"), ("API_ASSERTION_KEYS", keys), ("API_ASSERTION_AUDIENCE", "api")]
    };
    let cases = [
        (vec![], "API_IDENTITY is not set"),
        (vec![("API_IDENTITY", "mtls")], "API_IDENTITY=mtls is not built yet. Set API_IDENTITY=assertion"),
        (vec![("API_IDENTITY", "trust-me")], "[possible values: assertion, mtls, plain-headers, none]"),
        (
            vec![("API_IDENTITY", "plain-headers"), ("API_LISTEN", "0.0.0.0:0")],
            "Listen on a loopback address",
        ),
        (vec![("API_IDENTITY", "none"), ("API_LISTEN", "[::]:0")], "Listen on a loopback address"),
        (vec![("API_IDENTITY", "none"), ("API_LISTEN", "localhost")], "invalid socket address"),
        (vec![("API_IDENTITY", "none"), ("API_GRACE", "soon")], "API_GRACE"),
        (vec![("API_IDENTITY", "none"), ("API_MAX_BODY", "0")], "0 is not in 1..=67108864"),
        (vec![("API_IDENTITY", "assertion")], "needs API_ASSERTION_KEYS"),
        (asserted(missing), "cannot read API_ASSERTION_KEYS, /nowhere/keys.json: No such file"),
        (asserted(broken), "cannot be used: the key set is empty"),
    ];
    for (mut settings, expected) in cases {
        settings.push(("API_STORE", store));
        let (code, said) = run(&settings, &[]);
        assert!(said.contains(expected), "{settings:?}: {said}");
        assert_eq!(code, Some(2), "{settings:?}: {said}");
    }
    let (code, said) = run(&[("API_IDENTITY", "none")], &[]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with("coxswain-api: API_STORE is not set."), "{said}");
}

#[test]
fn an_address_or_a_store_that_cannot_be_had_ends_with_code_1() {
    let directory = tempdir().unwrap();
    let server = Server::start(directory.path());
    let taken = server.address().to_string();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let store = directory.path().to_str().unwrap();
    let cases = [
        (taken.as_str(), store, format!("coxswain-api: cannot listen on {taken}: ")),
        ("127.0.0.1:0", file.to_str().unwrap(), "coxswain-api: cannot use API_STORE, ".to_owned()),
    ];
    for (listen, store, expected) in cases {
        let settings = [("API_IDENTITY", "none"), ("API_LISTEN", listen), ("API_STORE", store)];
        let (code, said) = run(&settings, &[]);
        assert!(said.contains(&expected), "{said}");
        assert_eq!(code, Some(1), "{said}");
    }
}

#[test]
fn the_start_is_one_line_in_text_and_one_object_in_json() {
    let directory = tempdir().unwrap();
    let settings = [("API_IDENTITY", "none"), ("API_VERSION", "1.4.0"), ("API_LOG", "text")];
    let text = Server::start_with(directory.path(), &settings);
    let expected = format!("listening on {} version 1.4.0\n", text.address());
    assert!(text.log().ends_with(&expected), "{}", text.log());

    let json = Server::start_with(directory.path(), &[("API_IDENTITY", "none"), ("API_LOG", "json")]);
    let line: serde_json::Value = serde_json::from_str(&json.log()).unwrap();
    let message = line["message"].as_str().unwrap();
    assert_eq!(message, format!("listening on {} version {}", json.address(), env!("CARGO_PKG_VERSION")));
}
