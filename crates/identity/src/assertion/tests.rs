use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::identity::tests::parts;
use crate::key::{PublicKeys, SigningKey};

const ISSUED: u64 = 1_790_000_000;
const BODY: &[u8] = br#"{"n":1}"#;
const HEAD: RequestHead<'_> = RequestHead { method: "POST", path: "/webhooks/shop?x=%20a" };

/// Made by an independent implementation, joserfc 1.6.5 with Python's `cryptography` 48.0.0:
///
/// ```python
/// import base64, hashlib, json
/// from joserfc import jws
/// from joserfc.jwk import ECKey
/// key = ECKey.generate_key("P-256", {"kid": "golden-1"})
/// digest = base64.urlsafe_b64encode(hashlib.sha256(b'{"n":1}').digest()).rstrip(b"=").decode()
/// claims = {"aud": "api", "iat": 1790000000, "exp": 1790000030, "method": "POST",
///           "path": "/webhooks/shop?x=%20a", "bodySha256": digest,
///           "client": {"subject": "CN=partner,O=Example", "issuer": "CN=Example Client CA",
///                      "serial": "0a1b2c", "fingerprintSha256": "ab" * 32, "san": ["dns:partner.example.com"]}}
/// header = {"alg": "ES256", "kid": "golden-1", "typ": "coxswain-identity+jwt"}
/// print(jws.serialize_compact(header, json.dumps(claims).encode(), key))
/// print(json.dumps(key.as_dict(private=False)))
/// ```
const GOLDEN_TOKEN: &str = concat!(
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImdvbGRlbi0xIiwidHlwIjoiY294c3dhaW4taWRlbnRpdHkrand0In0.",
    "eyJhdWQiOiAiYXBpIiwgImlhdCI6IDE3OTAwMDAwMDAsICJleHAiOiAxNzkwMDAwMDMwLCAibWV0aG9kIjogIlBPU1QiLCAicGF0aCI6",
    "ICIvd2ViaG9va3Mvc2hvcD94PSUyMGEiLCAiYm9keVNoYTI1NiI6ICJLXzBVOUQwWF9IenFKT0NSZW9oNXRMTDRnTGk2N3NHNTJRLTZy",
    "V1ZlY2IwIiwgImNsaWVudCI6IHsic3ViamVjdCI6ICJDTj1wYXJ0bmVyLE89RXhhbXBsZSIsICJpc3N1ZXIiOiAiQ049RXhhbXBsZSBD",
    "bGllbnQgQ0EiLCAic2VyaWFsIjogIjBhMWIyYyIsICJmaW5nZXJwcmludFNoYTI1NiI6ICJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJh",
    "YmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiIiwgInNhbiI6IFsiZG5zOnBhcnRuZXIuZXhhbXBsZS5jb20iXX19.",
    "vcWhcUuKJ5A9Vdg2zDTdKc_Gc0W-q2ppuj0pqTTnIEIlt9IAmXUgEI4nnVSQ4F70clKzid0WEKVHcvhDU50lxA",
);
const GOLDEN_KEYS: &[u8] = br#"{"keys":[{"crv":"P-256","x":"RUSMZo3y3ysgs6W96zQTcvsimUMXON26qJx50LaTrZg",
    "y":"7hX3KLHZa1aaxSstUdUbnYHRLIQghShgYqmfhY-ytoM","kid":"golden-1","kty":"EC"}]}"#;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn client() -> Identity {
    Identity::new(parts()).unwrap()
}

/// A gateway's key and the verifier of a service that trusts it.
fn pair() -> (SigningKey, Verifier) {
    let key = SigningKey::generate("gw-1").unwrap();
    let keys = PublicKeys::from_json(json!({ "keys": [key.public_jwk()] }).to_string().as_bytes()).unwrap();
    (key, Verifier::new(keys, "api"))
}

fn token(key: &SigningKey) -> String {
    key.sign(&client(), "api", HEAD, BodyDigest::of(BODY), at(ISSUED)).unwrap()
}

fn check(verifier: &Verifier, token: &str) -> Result<Identity, VerifyError> {
    verifier.verify(token, HEAD, at(ISSUED))?.with_body(BodyDigest::of(BODY))
}

fn header() -> Value {
    json!({ "alg": ALGORITHM, "kid": "gw-1", "typ": TYPE })
}

fn claims() -> Value {
    json!({
        "aud": "api", "iat": ISSUED, "exp": ISSUED + 30, "method": HEAD.method, "path": HEAD.path,
        "bodySha256": BodyDigest::of(BODY).to_text(), "client": client(),
    })
}

/// Signs any two texts, as a holder of the key that does not follow the rules could.
fn forge(key: &SigningKey, header: &str, claims: &str) -> String {
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let mut token = format!("{}.{}", encode(header), encode(claims));
    let signature = key.sign_bytes(token.as_bytes()).unwrap();
    write!(token, ".{}", BASE64_URL_SAFE_NO_PAD.encode(signature)).unwrap();
    token
}

#[test]
fn a_signed_assertion_gives_the_identity_back() {
    let (key, verifier) = pair();
    assert_eq!(check(&verifier, &token(&key)).unwrap(), client());
}

#[test]
fn a_token_of_an_independent_implementation_verifies() {
    let verifier = Verifier::new(PublicKeys::from_json(GOLDEN_KEYS).unwrap(), "api");
    assert_eq!(check(&verifier, GOLDEN_TOKEN).unwrap(), client());
}

#[test]
fn forged_parts_are_what_the_signer_writes_so_the_tables_below_test_the_rules() {
    let (key, verifier) = pair();
    assert!(check(&verifier, &forge(&key, &header().to_string(), &claims().to_string())).is_ok());
}

#[test]
fn the_life_begins_and_ends_with_the_allowed_skew() {
    let (key, verifier) = pair();
    let token = token(&key);
    let cases = [
        (ISSUED - 6, "not valid yet"),
        (ISSUED - 5, "good"),
        (ISSUED, "good"),
        (ISSUED + 34, "good"),
        (ISSUED + 35, "expired"),
        (0, "not valid yet"),
        (u64::from(u32::MAX), "expired"),
    ];
    for (now, expected) in cases {
        let outcome = match verifier.verify(&token, HEAD, at(now)) {
            Ok(_) => "good",
            Err(VerifyError::NotYetValid) => "not valid yet",
            Err(VerifyError::Expired) => "expired",
            Err(other) => panic!("{now}: {other}"),
        };
        assert_eq!(outcome, expected, "{now}");
    }
    let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert!(matches!(verifier.verify(&token, HEAD, before_1970), Err(VerifyError::NotYetValid)));
}

#[test]
fn an_assertion_is_of_no_use_for_another_request() {
    let (key, verifier) = pair();
    let token = token(&key);
    let other = |head| verifier.verify(&token, head, at(ISSUED)).map(|_| ());
    assert!(matches!(other(RequestHead { method: "PUT", ..HEAD }), Err(VerifyError::Method)));
    assert!(matches!(other(RequestHead { method: "post", ..HEAD }), Err(VerifyError::Method)));
    for path in ["/webhooks/shop", "/webhooks/shop?x= a", "/webhooks/shop?x=%20b", ""] {
        assert!(matches!(other(RequestHead { path, ..HEAD }), Err(VerifyError::Path)), "{path}");
    }
    for body in [&b""[..], br#"{"n":2}"#, br#"{"n":1} "#] {
        let pending = verifier.verify(&token, HEAD, at(ISSUED)).unwrap();
        assert!(matches!(pending.with_body(BodyDigest::of(body)), Err(VerifyError::Body)));
    }
}

#[test]
fn a_key_that_is_not_trusted_signs_nothing_even_under_a_trusted_id() {
    let (_, verifier) = pair();
    let impostor = SigningKey::generate("gw-1").unwrap();
    assert!(matches!(check(&verifier, &token(&impostor)), Err(VerifyError::Signature)));
    let unknown = SigningKey::generate("gw-2").unwrap();
    assert!(matches!(check(&verifier, &token(&unknown)), Err(VerifyError::UnknownKey)));
}

#[test]
fn a_header_that_asks_for_anything_else_is_refused() {
    let (key, verifier) = pair();
    let with = |member: &str, value: Value| {
        let mut header = header();
        header[member] = value;
        header.to_string()
    };
    let without = |member: &str| {
        let mut header = header();
        header.as_object_mut().unwrap().remove(member);
        header.to_string()
    };
    let algorithm = "the assertion's algorithm is not ES256";
    let shape = "the assertion's header is not the JSON object expected";
    let cases = [
        (with("alg", json!("none")), algorithm),
        (with("alg", json!("HS256")), algorithm),
        (with("alg", json!("ES384")), algorithm),
        (with("alg", json!("es256")), algorithm),
        (with("alg", json!(null)), shape),
        (with("typ", json!("JWT")), "the assertion's type is not coxswain-identity+jwt"),
        (with("kid", json!("../keys")), "the assertion is signed with a key that is not trusted here"),
        (with("crit", json!(["exp"])), shape),
        (with("jwk", key.public_jwk()), shape),
        (without("kid"), shape),
        (without("typ"), shape),
        (r#"{"alg":"ES256","alg":"ES256","kid":"gw-1","typ":"coxswain-identity+jwt"}"#.to_owned(), shape),
        (r#"["ES256","gw-1","coxswain-identity+jwt"]"#.to_owned(), shape),
        (format!("{} {{}}", header()), shape),
    ];
    for (header, expected) in cases {
        let error = check(&verifier, &forge(&key, &header, &claims().to_string())).expect_err(&header);
        assert_eq!(error.to_string(), expected, "{header}");
    }
}

#[test]
fn claims_that_break_a_rule_are_refused_though_the_signature_is_good() {
    let (key, verifier) = pair();
    let with = |member: &str, value: Value| {
        let mut claims = claims();
        claims[member] = value;
        claims.to_string()
    };
    let life = "the assertion's life is not between 1 and 30 seconds";
    let shape = "the assertion's claims is not the JSON object expected";
    let cases = [
        (with("aud", json!("billing")), "the assertion is for another audience"),
        (with("aud", json!(["api"])), shape),
        (with("exp", json!(ISSUED + 31)), life),
        (with("exp", json!(ISSUED)), life),
        (with("exp", json!(ISSUED - 1)), life),
        (with("exp", json!(null)), shape),
        (with("iat", json!(-1)), shape),
        (with("iat", json!(1.5)), shape),
        (with("admin", json!(true)), shape),
        (with("bodySha256", json!("")), "the assertion is for another body"),
        (with("client", json!({ "subject": "CN=partner" })), shape),
        (claims().to_string().replacen('{', r#"{"aud":"api","#, 1), shape),
        (claims().to_string().replace(r#""serial":"#, r#""serial":"00","serial":"#), shape),
        ("[]".to_owned(), shape),
        (String::new(), shape),
    ];
    for (claims, expected) in cases {
        let error = check(&verifier, &forge(&key, &header().to_string(), &claims)).expect_err(&claims);
        assert_eq!(error.to_string(), expected, "{claims}");
    }
}

#[test]
fn a_token_that_is_no_canonical_compact_jws_is_refused() {
    let (key, verifier) = pair();
    let good = token(&key);
    let (header, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let compact = "the assertion is not a compact JWS of three parts";
    let cases = [
        (String::new(), compact),
        (format!("{header}.{payload}"), compact),
        (format!("{good}.{signature}"), compact),
        (
            format!("{header}=.{payload}.{signature}"),
            "the assertion's header is not base64url without padding",
        ),
        (
            format!("{header}.{payload}.{signature}=="),
            "the assertion's signature is not base64url without padding",
        ),
        (
            format!("{header}.{payload}. {signature}"),
            "the assertion's signature is not base64url without padding",
        ),
        (format!("{header}.{payload}."), "the assertion's signature does not verify"),
        (format!("{header}.{payload}.{}", &signature[..84]), "the assertion's signature does not verify"),
        ("a".repeat(MAX_TOKEN_BYTES + 1), "the assertion is longer than 7168 bytes"),
    ];
    for (token, expected) in cases {
        assert_eq!(check(&verifier, &token).expect_err(&token).to_string(), expected, "{token}");
    }
}

#[test]
fn the_signer_makes_no_token_that_a_verifier_would_refuse_for_its_length() {
    let (key, _) = pair();
    let path = format!("/{}", "a".repeat(MAX_TOKEN_BYTES));
    let head = RequestHead { method: "POST", path: &path };
    let signed = key.sign(&client(), "api", head, BodyDigest::of(BODY), at(ISSUED));
    assert!(matches!(signed, Err(SignError::TooLong)));
}

#[test]
fn a_token_with_any_one_bit_flipped_is_refused() {
    let verifier = Verifier::new(PublicKeys::from_json(GOLDEN_KEYS).unwrap(), "api");
    for position in 0..GOLDEN_TOKEN.len() {
        for bit in 0..7 {
            let mut bytes = GOLDEN_TOKEN.as_bytes().to_vec();
            bytes[position] ^= 1 << bit;
            let flipped = String::from_utf8(bytes).unwrap();
            assert!(check(&verifier, &flipped).is_err(), "bit {bit} of byte {position}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_verifier_panic_or_accept(text in "[ -~]{0,200}(\\.[ -~]{0,200}){0,3}") {
        let (_, verifier) = pair();
        prop_assert!(check(&verifier, &text).is_err());
    }
}
