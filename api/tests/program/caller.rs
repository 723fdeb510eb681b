//! Who may send an event.

use std::time::SystemTime;

use coxswain_identity::{ASSERTION_HEADER, BodyDigest, Identity, Parts, RequestHead, SigningKey, headers};
use http::HeaderMap;
use serde_json::json;
use tempfile::tempdir;

use crate::client::{Answer, Connection, get, post, send};
use crate::kept::kept;
use crate::process::Server;

const BODY: &[u8] = b"{}";
const PATH: &str = "/webhooks/shop?x=%20a";

fn client() -> Identity {
    Identity::new(Parts {
        subject: "CN=partner,O=Example".to_owned(),
        issuer: "CN=Example Client CA".to_owned(),
        serial: "0a1b".to_owned(),
        fingerprint_sha256: "ab".repeat(32),
        san: vec!["dns:partner.example.com".to_owned()],
    })
    .unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the program under test reads the real clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn token(key: &SigningKey, body: &[u8]) -> String {
    let head = RequestHead { method: "POST", path: PATH };
    key.sign(&client(), "api", head, BodyDigest::of(body), now()).unwrap()
}

/// A server that trusts the key.
fn trusting(key: &SigningKey, directory: &std::path::Path) -> Server {
    let keys = directory.join("keys.json");
    std::fs::write(&keys, json!({ "keys": [key.public_jwk()] }).to_string()).unwrap();
    let settings = [
        ("API_IDENTITY", "assertion"),
        ("API_ASSERTION_KEYS", keys.to_str().unwrap()),
        ("API_ASSERTION_AUDIENCE", "api"),
    ];
    Server::start_with(&directory.join("events"), &settings)
}

fn assert_refused(answer: &Answer, detail: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (401, "CallerUnknown"), "{answer:?}");
    assert_eq!(answer.json()["detail"], detail);
    assert!(answer.header("www-authenticate").is_some());
}

fn plain() -> Vec<(String, String)> {
    let mut fields = HeaderMap::new();
    headers::write(&client(), &mut fields).unwrap();
    fields.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

fn with_id(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    fields.chain([("webhook-id", "a")]).collect()
}

#[test]
fn a_signed_assertion_is_accepted_and_its_identity_is_kept_with_the_event() {
    let directory = tempdir().unwrap();
    let key = SigningKey::generate("gw-1").unwrap();
    let server = trusting(&key, directory.path());
    let token = token(&key, BODY);
    let fields = [("webhook-id", "a"), (ASSERTION_HEADER, token.as_str())];
    let answer = send(&server, "POST", PATH, &fields, BODY);
    assert_eq!(answer.status, 202, "{answer:?}");
    server.wait_for_log("CN=partner,O=Example");
    let events = kept(&directory.path().join("events"));
    let event = events.values().next().unwrap();
    assert_eq!(event["identity"], serde_json::to_value(client()).unwrap());
    assert_eq!((&event["method"], &event["target"]), (&"POST".into(), &PATH.into()));
}

#[test]
fn a_request_without_an_assertion_that_fits_it_is_refused() {
    let directory = tempdir().unwrap();
    let key = SigningKey::generate("gw-1").unwrap();
    let server = trusting(&key, directory.path());
    let good = token(&key, BODY);
    let impostor = token(&SigningKey::generate("gw-1").unwrap(), BODY);
    let one = "header x-client-assertion must occur exactly once";

    let ask = |path: &str, tokens: &[&str], body: &[u8]| {
        let mut fields = vec![("webhook-id", "a")];
        fields.extend(tokens.iter().map(|token| (ASSERTION_HEADER, *token)));
        send(&server, "POST", path, &fields, body)
    };
    assert_refused(&ask(PATH, &[], BODY), one);
    assert_refused(&ask(PATH, &[&good, &good], BODY), one);
    assert_refused(&ask(PATH, &[&impostor], BODY), "the assertion's signature does not verify");
    assert_refused(&ask("/webhooks/bank", &[&good], BODY), "the assertion is for another path");
    assert_refused(&ask(PATH, &[&good], b"[]"), "the assertion is for another body");

    let plain = plain();
    assert_refused(&send(&server, "POST", PATH, &with_id(&plain), BODY), one);
    assert_eq!(get(&server, "/readyz").status, 200);
    assert_eq!(ask(PATH, &[&good], BODY).json()["duplicate"], false);
}

#[test]
fn a_stranger_is_refused_before_a_body_is_asked_for() {
    let directory = tempdir().unwrap();
    let server = trusting(&SigningKey::generate("gw-1").unwrap(), directory.path());
    let mut stranger = Connection::open(server.address()).unwrap();
    stranger.write(b"POST /webhooks/shop HTTP/1.1\r\nhost: x\r\nwebhook-id: a\r\ncontent-length: 1000\r\n");
    stranger.write(b"expect: 100-continue\r\n\r\n");
    assert_eq!(stranger.answer().status, 401);
}

#[test]
fn plain_headers_are_accepted_only_whole_and_single() {
    let directory = tempdir().unwrap();
    let server = Server::start_with(directory.path(), &[("API_IDENTITY", "plain-headers")]);
    assert_refused(&post(&server, "a", BODY), "header x-client-verify is missing");

    let good = plain();
    let mut doubled = good.clone();
    doubled.push(("X-Client-Subject-DN".to_owned(), "CN=forged".to_owned()));
    let refused = send(&server, "POST", PATH, &with_id(&doubled), BODY);
    assert_refused(&refused, "header x-client-subject-dn occurs more than once");

    assert_eq!(send(&server, "POST", PATH, &with_id(&good), BODY).status, 202);
}
