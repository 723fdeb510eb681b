//! Keys as a client sees them; every answer is held against the table.

use std::time::Duration;

use coxswain_ecs_shapes::{Reading, check};
use serde_json::json;

use super::*;
use crate::id::Random;

const DAY: Duration = Duration::from_hours(24);

struct Desk {
    keys: Keys,
    now: Time,
}

impl Desk {
    fn new() -> Self {
        let keys = Keys::new("123456789012", "eu-central-1", Random::seeded(7));
        Self { keys, now: Time::from_millis(1_700_000_000_000) }
    }

    /// Calls an operation; request and answer must be what the table knows.
    fn call(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        let known = kms().operation(operation).unwrap();
        check(known.input, input, Reading::Wire, &mut |violation| {
            panic!("{operation}: the request's {}: {:?}", violation.path, violation.problem)
        });
        let answer = if operation == "CreateKey" {
            let new = manage::new_key(input)?;
            let material = new.generate()?;
            self.keys.create(new, material, self.now)
        } else {
            self.keys.call(operation, input, self.now)?
        };
        check(known.output, &answer, Reading::Wire, &mut |violation| {
            panic!("{operation}: the answer's {}: {:?}", violation.path, violation.problem)
        });
        Ok(answer)
    }

    #[expect(clippy::needless_pass_by_value, reason = "json!(…) in a call reads better without `&`")]
    fn does(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, &input).unwrap_or_else(|error| panic!("{operation} {input}: {error}"))
    }

    #[expect(clippy::needless_pass_by_value, reason = "json!(…) in a call reads better without `&`")]
    fn refused(&mut self, operation: &str, input: Value) -> (String, String) {
        let error = self.call(operation, &input).unwrap_err();
        (error.code.into_owned(), error.message)
    }

    fn code(&mut self, operation: &str, input: Value) -> String {
        self.refused(operation, input).0
    }

    fn key(&mut self, input: Value) -> String {
        self.does("CreateKey", input)["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }

    fn signer(&mut self, spec: &str) -> String {
        self.key(json!({"KeySpec": spec, "KeyUsage": "SIGN_VERIFY"}))
    }
}

fn sign(key: &str, algorithm: &str, kind: &str, message: &[u8]) -> Value {
    json!({"KeyId": key, "SigningAlgorithm": algorithm, "MessageType": kind, "Message": STANDARD.encode(message)})
}

fn with(mut request: Value, member: &str, value: Value) -> Value {
    request[member] = value;
    request
}

#[test]
fn a_key_reads_back_as_it_was_made() {
    let mut desk = Desk::new();
    let made = desk.does("CreateKey", json!({"Description": "test"}))["KeyMetadata"].take();
    let id = made["KeyId"].as_str().unwrap().to_owned();
    let expected = json!({
        "AWSAccountId": "123456789012", "KeyId": id, "CreationDate": 1_700_000_000.0, "Enabled": true,
        "Arn": format!("arn:aws:kms:eu-central-1:123456789012:key/{id}"), "Description": "test",
        "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled", "Origin": "AWS_KMS", "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "KeySpec": "SYMMETRIC_DEFAULT", "MultiRegion": false,
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "CurrentKeyMaterialId": made["CurrentKeyMaterialId"],
    });
    assert_eq!(made, expected);
    assert_eq!(desk.does("DescribeKey", json!({"KeyId": made["Arn"]}))["KeyMetadata"], expected);
    let signer = desk.signer("ECC_NIST_P256");
    let shown = desk.does("DescribeKey", json!({"KeyId": signer}))["KeyMetadata"].take();
    assert_eq!(shown["SigningAlgorithms"], json!(["ECDSA_SHA_256"]));
    assert_eq!(shown.get("CurrentKeyMaterialId"), None);
}

#[test]
fn a_key_that_is_not_there_is_told_in_kmss_words() {
    let mut desk = Desk::new();
    let id = "0a1b2c3d-0000-4000-8000-000000000000";
    let key = format!("arn:aws:kms:eu-central-1:123456789012:key/{id}");
    for (named, words) in [
        (id, format!("Key '{key}' does not exist")),
        (&key, format!("Key '{key}' does not exist")),
        ("fake-key-id", "Invalid keyId 'fake-key-id'".to_owned()),
        (&key.replace("eu-central-1", "us-east-1"), "Invalid arn us-east-1".to_owned()),
        ("alias/none", "Alias arn:aws:kms:eu-central-1:123456789012:alias/none is not found.".to_owned()),
    ] {
        assert_eq!(
            desk.refused("DescribeKey", json!({ "KeyId": named })),
            ("NotFoundException".to_owned(), words)
        );
    }
}

#[test]
fn a_curve_signs_a_message_and_its_digest_alike_and_nothing_else_verifies() {
    let mut desk = Desk::new();
    for (spec, algorithm, digest) in [
        ("ECC_NIST_P256", "ECDSA_SHA_256", &aws_lc_rs::digest::SHA256),
        ("ECC_NIST_P384", "ECDSA_SHA_384", &aws_lc_rs::digest::SHA384),
        ("ECC_NIST_P521", "ECDSA_SHA_512", &aws_lc_rs::digest::SHA512),
        ("ECC_SECG_P256K1", "ECDSA_SHA_256", &aws_lc_rs::digest::SHA256),
        ("RSA_2048", "RSASSA_PSS_SHA_256", &aws_lc_rs::digest::SHA256),
        ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512", &aws_lc_rs::digest::SHA512),
    ] {
        let (key, other) = (desk.signer(spec), desk.signer(spec));
        let hashed = aws_lc_rs::digest::digest(digest, b"message");
        let raw = sign(&key, algorithm, "RAW", b"message");
        let of_digest = sign(&key, algorithm, "DIGEST", hashed.as_ref());
        for (signed, verified) in [(&raw, &of_digest), (&of_digest, &raw)] {
            let signature = desk.does("Sign", signed.clone())["Signature"].take();
            let verify = with(verified.clone(), "Signature", signature.clone());
            assert_eq!(desk.does("Verify", verify)["SignatureValid"], true, "{spec}");
            let changed = with(sign(&key, algorithm, "RAW", b"massage"), "Signature", signature.clone());
            let by_other = with(sign(&other, algorithm, "RAW", b"message"), "Signature", signature);
            for wrong in [changed, by_other] {
                assert_eq!(desk.code("Verify", wrong), "KMSInvalidSignatureException", "{spec}");
            }
        }
        let short = sign(&key, algorithm, "DIGEST", &hashed.as_ref()[1..]);
        let words = format!("Digest is invalid length for algorithm {algorithm}.");
        assert_eq!(desk.refused("Sign", short), ("ValidationException".to_owned(), words));
    }
}

#[test]
fn a_key_does_only_what_it_is_for() {
    let mut desk = Desk::new();
    let (cipher, signer) = (desk.key(json!({})), desk.signer("ECC_NIST_P256"));
    let (code, message) = desk.refused("Sign", sign(&cipher, "ECDSA_SHA_256", "RAW", b"x"));
    assert_eq!(code, "InvalidKeyUsageException");
    assert!(message.ends_with("key usage is ENCRYPT_DECRYPT which is not valid for Sign."), "{message}");
    let (code, message) = desk.refused("Sign", sign(&signer, "ECDSA_SHA_384", "RAW", b"x"));
    assert_eq!(code, "InvalidKeyUsageException");
    assert_eq!(message, "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256.");
    let encrypt = json!({"KeyId": signer, "Plaintext": "eA=="});
    assert_eq!(desk.code("Encrypt", encrypt), "InvalidKeyUsageException");
    assert_eq!(desk.code("GetPublicKey", json!({"KeyId": cipher})), "UnsupportedOperationException");
    for (input, code) in [
        (json!({"KeySpec": "ECC_NIST_P256"}), "ValidationException"),
        (json!({"KeySpec": "ECC_NIST_P256", "KeyUsage": "ENCRYPT_DECRYPT"}), "ValidationException"),
        (json!({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}), "UnsupportedFeatureException"),
        (json!({"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}), "UnsupportedFeatureException"),
        (json!({"MultiRegion": true}), "UnsupportedFeatureException"),
        (json!({"Origin": "EXTERNAL"}), "UnsupportedFeatureException"),
    ] {
        assert_eq!(desk.code("CreateKey", input), code);
    }
}

#[test]
fn what_is_encrypted_names_its_key_and_opens_under_the_same_context_only() {
    let mut desk = Desk::new();
    let (key, other) = (desk.key(json!({})), desk.key(json!({})));
    let context = json!({"a": "1", "b": "2"});
    let plain = STANDARD.encode("hunter2");
    let sealed =
        desk.does("Encrypt", json!({"KeyId": key, "Plaintext": plain, "EncryptionContext": context}));
    let blob = sealed["CiphertextBlob"].clone();
    assert!(!STANDARD.decode(blob.as_str().unwrap()).unwrap().windows(7).any(|part| part == b"hunter2"));
    let turned: Value = serde_json::from_str(r#"{"b": "2", "a": "1"}"#).unwrap();
    let opened = desk.does("Decrypt", json!({"CiphertextBlob": blob, "EncryptionContext": turned}));
    assert_eq!((&opened["Plaintext"], &opened["KeyId"]), (&json!(plain), &sealed["KeyId"]));
    assert_eq!(
        desk.refused("Decrypt", json!({"CiphertextBlob": blob})),
        ("InvalidCiphertextException".to_owned(), String::new())
    );
    let with_other = json!({"CiphertextBlob": blob, "EncryptionContext": context, "KeyId": other});
    assert_eq!(desk.code("Decrypt", with_other), "IncorrectKeyException");
    for wrong in ["AA==", "", "AQ=="] {
        let code = desk.code("Decrypt", json!({ "CiphertextBlob": wrong }));
        assert!(["InvalidCiphertextException", "ValidationException"].contains(&code.as_str()), "{code}");
    }
    let moved =
        json!({"CiphertextBlob": blob, "SourceEncryptionContext": context, "DestinationKeyId": other});
    let moved = desk.does("ReEncrypt", moved);
    let opened = desk.does("Decrypt", json!({"CiphertextBlob": moved["CiphertextBlob"], "KeyId": other}));
    assert_eq!(opened["Plaintext"], json!(plain));
    let long = json!({"KeyId": key, "Plaintext": STANDARD.encode([0; 4_097])});
    assert!(desk.refused("Encrypt", long).1.contains("less than or equal to 4096"));
}

#[test]
fn a_data_key_comes_in_plain_and_sealed_or_sealed_alone() {
    let mut desk = Desk::new();
    let key = desk.key(json!({}));
    for (size, length) in [
        (json!({"KeySpec": "AES_256"}), 32),
        (json!({"KeySpec": "AES_128"}), 16),
        (json!({"NumberOfBytes": 7}), 7),
    ] {
        let made = desk.does("GenerateDataKey", with(size.clone(), "KeyId", key.as_str().into()));
        let plain = made["Plaintext"].as_str().unwrap();
        assert_eq!(STANDARD.decode(plain).unwrap().len(), length);
        let opened = desk.does("Decrypt", json!({"CiphertextBlob": made["CiphertextBlob"]}));
        assert_eq!(opened["Plaintext"], plain);
        let alone = desk.does("GenerateDataKeyWithoutPlaintext", with(size, "KeyId", key.as_str().into()));
        assert_eq!(alone.get("Plaintext"), None);
    }
    for sizes in [json!({}), json!({"KeySpec": "AES_256", "NumberOfBytes": 7})] {
        let words = "Please specify either number of bytes or key spec.";
        assert_eq!(desk.refused("GenerateDataKey", with(sizes, "KeyId", key.as_str().into())).1, words);
    }
    assert_eq!(desk.refused("GenerateRandom", json!({})).1, "NumberOfBytes is required.");
    assert!(desk.does("GenerateRandom", json!({"NumberOfBytes": 5}))["Plaintext"].is_string());
}

#[test]
fn a_dry_run_does_nothing_and_says_that_it_would_have() {
    let mut desk = Desk::new();
    let (cipher, signer) = (desk.key(json!({})), desk.signer("ECC_NIST_P256"));
    for (operation, input) in [
        ("Sign", sign(&signer, "ECDSA_SHA_256", "RAW", b"x")),
        ("Encrypt", json!({"KeyId": cipher, "Plaintext": "eA=="})),
        ("GenerateDataKey", json!({"KeyId": cipher, "KeySpec": "AES_256"})),
    ] {
        assert_eq!(desk.code(operation, with(input, "DryRun", true.into())), "DryRunOperationException");
    }
}

#[test]
fn an_alias_names_a_key_can_be_moved_to_one_of_its_kind_and_goes_with_it() {
    let mut desk = Desk::new();
    let (one, two, cipher) =
        (desk.signer("ECC_NIST_P256"), desk.signer("ECC_NIST_P256"), desk.key(json!({})));
    let alias = |key: &str| json!({"AliasName": "alias/signer", "TargetKeyId": key});
    desk.does("CreateAlias", alias(&one));
    assert_eq!(desk.code("CreateAlias", alias(&two)), "AlreadyExistsException");
    for name in ["alias/signer", "arn:aws:kms:eu-central-1:123456789012:alias/signer"] {
        assert_eq!(desk.does("DescribeKey", json!({ "KeyId": name }))["KeyMetadata"]["KeyId"], one.as_str());
        assert_eq!(desk.code("DisableKey", json!({ "KeyId": name })), "NotFoundException");
    }
    desk.does("UpdateAlias", alias(&two));
    assert_eq!(
        desk.does("GetPublicKey", json!({"KeyId": "alias/signer"}))["KeyId"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next(),
        Some(two.as_str())
    );
    assert_eq!(desk.code("UpdateAlias", alias(&cipher)), "ValidationException");
    let listed = desk.does("ListAliases", json!({"KeyId": two}));
    assert_eq!(listed["Aliases"][0]["AliasName"], "alias/signer");
    assert_eq!(desk.does("ListAliases", json!({"KeyId": one}))["Aliases"], json!([]));
    for (name, code) in [
        ("signer", "ValidationException"),
        ("alias/aws/x", "NotAuthorizedException"),
        ("alias/a:b", "InvalidAliasNameException"),
    ] {
        assert_eq!(desk.code("CreateAlias", json!({"AliasName": name, "TargetKeyId": one})), code);
    }
    desk.does("ScheduleKeyDeletion", json!({"KeyId": two, "PendingWindowInDays": 7}));
    desk.now = desk.now.after(DAY * 7);
    assert_eq!(desk.does("ListAliases", json!({}))["Aliases"], json!([]));
    assert_eq!(desk.code("DeleteAlias", json!({"AliasName": "alias/signer"})), "NotFoundException");
}

#[test]
fn a_key_is_switched_off_waits_for_its_deletion_and_comes_back_disabled() {
    let mut desk = Desk::new();
    let key = desk.signer("ECC_NIST_P256");
    let named = || json!({"KeyId": key});
    let signing = || sign(&key, "ECDSA_SHA_256", "RAW", b"x");
    desk.does("DisableKey", named());
    assert_eq!(desk.code("Sign", signing()), "DisabledException");
    desk.does("EnableKey", named());
    let scheduled = desk.does("ScheduleKeyDeletion", named());
    assert_eq!(scheduled["DeletionDate"], desk.now.after(DAY * 30).to_json());
    assert_eq!(
        (&scheduled["KeyState"], &scheduled["PendingWindowInDays"]),
        (&json!("PendingDeletion"), &json!(30))
    );
    for operation in ["EnableKey", "DisableKey", "ScheduleKeyDeletion"] {
        assert_eq!(desk.code(operation, named()), "KMSInvalidStateException", "{operation}");
    }
    assert_eq!(desk.code("Sign", signing()), "KMSInvalidStateException");
    desk.now = desk.now.after(DAY * 29);
    desk.does("CancelKeyDeletion", named());
    assert_eq!(desk.code("CancelKeyDeletion", named()), "KMSInvalidStateException");
    assert_eq!(desk.does("DescribeKey", named())["KeyMetadata"]["KeyState"], "Disabled");
    let too_soon = with(named(), "PendingWindowInDays", 6.into());
    assert_eq!(desk.code("ScheduleKeyDeletion", too_soon), "ValidationException");
    desk.does("ScheduleKeyDeletion", named());
    desk.now = desk.now.after(DAY * 30);
    assert_eq!(desk.code("DescribeKey", named()), "NotFoundException");
}

#[test]
fn keys_and_tags_are_listed_in_pages_and_a_policy_is_kept_as_it_came() {
    let mut desk = Desk::new();
    let key = desk.key(json!({"Tags": [{"TagKey": "b", "TagValue": "2"}, {"TagKey": "a", "TagValue": "1"}]}));
    desk.key(json!({}));
    let first = desk.does("ListKeys", json!({"Limit": 1}));
    assert_eq!(first["Truncated"], true);
    let second = desk.does("ListKeys", json!({"Limit": 1, "Marker": first["NextMarker"]}));
    assert_eq!(second["Truncated"], false);
    assert_ne!(first["Keys"], second["Keys"]);
    assert_eq!(desk.code("ListKeys", json!({"Marker": "no"})), "InvalidMarkerException");
    let tags = desk.does("ListResourceTags", json!({"KeyId": key, "Limit": 1}));
    assert_eq!(tags["Tags"], json!([{"TagKey": "a", "TagValue": "1"}]));
    desk.does("UntagResource", json!({"KeyId": key, "TagKeys": ["a"]}));
    assert_eq!(
        desk.does("ListResourceTags", json!({"KeyId": key}))["Tags"],
        json!([{"TagKey": "b", "TagValue": "2"}])
    );
    let twice =
        json!({"KeyId": key, "Tags": [{"TagKey": "c", "TagValue": ""}, {"TagKey": "c", "TagValue": ""}]});
    assert_eq!(
        desk.refused("TagResource", twice),
        ("TagException".to_owned(), "Duplicate tag keys".to_owned())
    );

    let policy = desk.does("GetKeyPolicy", json!({"KeyId": key}))["Policy"].take();
    assert!(policy.as_str().unwrap().contains("arn:aws:iam::123456789012:root"), "{policy}");
    desk.does("PutKeyPolicy", json!({"KeyId": key, "Policy": "{ }"}));
    assert_eq!(desk.does("GetKeyPolicy", json!({"KeyId": key}))["Policy"], "{ }");
    assert_eq!(
        desk.code("PutKeyPolicy", json!({"KeyId": key, "Policy": "{"})),
        "MalformedPolicyDocumentException"
    );
    assert_eq!(desk.code("GetKeyPolicy", json!({"KeyId": key, "PolicyName": "mine"})), "NotFoundException");
}

#[test]
fn a_seed_repeats_the_ids_and_never_the_keys() {
    let public = |desk: &mut Desk| {
        let key = desk.signer("ECC_NIST_P256");
        let public = desk.does("GetPublicKey", json!({"KeyId": key}))["PublicKey"].take();
        (key, public)
    };
    let (one, other) = (public(&mut Desk::new()), public(&mut Desk::new()));
    assert_eq!(one.0, other.0);
    assert_ne!(one.1, other.1);
}

#[test]
fn another_service_can_use_a_symmetric_key_that_is_enabled_and_awss_own() {
    let mut desk = Desk::new();
    let (cipher, signer) = (desk.key(json!({})), desk.signer("ECC_NIST_P256"));
    let now = desk.now;
    let own = "arn:aws:kms:eu-central-1:123456789012:alias/aws/ssm";
    for key in [cipher.as_str(), "alias/aws/secretsmanager", own] {
        assert_eq!(desk.keys.usable(key, now), Ok(()), "{key}");
    }
    desk.does("CreateAlias", json!({"AliasName": "alias/mine", "TargetKeyId": cipher}));
    desk.does("DisableKey", json!({"KeyId": cipher}));
    for key in [cipher.as_str(), "alias/mine", &signer, "alias/none"] {
        assert!(desk.keys.usable(key, now).is_err(), "{key}");
    }
}
