//! Secrets as a client sees them; every answer is held against the table.

use std::time::Duration;

use coxswain_ecs_shapes::{Problem, Reading, check};
use serde_json::json;

use super::*;
use crate::id::Random;

const DAY: Duration = Duration::from_hours(24);
const FIRST: &str = "11111111-1111-1111-1111-111111111111";
const SECOND: &str = "22222222-2222-2222-2222-222222222222";
const THIRD: &str = "33333333-3333-3333-3333-333333333333";

/// Secrets Manager at a time that the test moves.
struct Desk {
    secrets: Secrets,
    now: Time,
    broken_key: &'static str,
}

impl Desk {
    fn new() -> Self {
        let secrets = Secrets::new("123456789012", "eu-central-1", Random::seeded(7));
        Self { secrets, now: Time::from_millis(1_700_000_000_000), broken_key: "none" }
    }

    /// Calls an operation; request and answer must be what the table knows.
    fn call(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        let known = secrets_manager().operation(operation).unwrap();
        check(known.input, input, Reading::Wire, &mut |violation| {
            panic!("{operation}: the request's {}: {:?}", violation.path, violation.problem)
        });
        let key = |key: &str| if key == self.broken_key { Err("broken".to_owned()) } else { Ok(()) };
        let answer = self.secrets.call(operation, input, &key, self.now)?;
        check(known.output, &answer, Reading::Wire, &mut |violation| {
            let is_length = matches!(violation.problem, Problem::WrongLength { length: 0, .. });
            assert!(is_length, "{operation}: the answer's {}: {:?}", violation.path, violation.problem);
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

    /// A secret with one version.
    fn with_secret(mut self, name: &str) -> Self {
        self.does("CreateSecret", json!({"Name": name, "SecretString": "one", "ClientRequestToken": FIRST}));
        self
    }

    fn put(&mut self, token: &str, value: &str, stages: &[&str]) -> Value {
        let mut input = json!({"SecretId": "db", "SecretString": value, "ClientRequestToken": token});
        if !stages.is_empty() {
            input["VersionStages"] = json!(stages);
        }
        self.does("PutSecretValue", input)
    }

    fn move_to(&mut self, stage: &str, from: Option<&str>, to: Option<&str>) -> Result<Value, ApiError> {
        let mut input = json!({"SecretId": "db", "VersionStage": stage});
        for (member, id) in [("RemoveFromVersionId", from), ("MoveToVersionId", to)] {
            if let Some(id) = id {
                input[member] = id.into();
            }
        }
        self.call("UpdateSecretVersionStage", &input)
    }

    fn stages(&mut self) -> Value {
        self.does("DescribeSecret", json!({"SecretId": "db"}))["VersionIdsToStages"].take()
    }

    fn value(&mut self) -> Value {
        self.does("GetSecretValue", json!({"SecretId": "db"}))["SecretString"].take()
    }
}

#[test]
fn a_secret_is_found_by_name_by_arn_and_by_an_arn_without_its_ending() {
    let mut desk = Desk::new().with_secret("prod/db");
    let arn = desk.does("DescribeSecret", json!({"SecretId": "prod/db"}))["ARN"].as_str().unwrap().to_owned();
    let prefix = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db";
    assert_eq!(arn.strip_prefix(prefix).map(str::len), Some(7), "{arn}");
    for id in ["prod/db", arn.as_str(), prefix] {
        let found = desk.does("GetSecretValue", json!({ "SecretId": id }));
        assert_eq!((&found["SecretString"], &found["Name"]), (&json!("one"), &json!("prod/db")), "{id}");
        assert_eq!((&found["VersionId"], &found["VersionStages"]), (&json!(FIRST), &json!(["AWSCURRENT"])));
    }
    // An ending of six letters is taken for an ARN's own.
    desk.does("CreateSecret", json!({"Name": "a-b1b2c3", "ClientRequestToken": FIRST}));
    let partial = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-b1b2c3";
    for id in ["none", partial, &arn.replace("eu-central-1", "us-east-1")] {
        let expected = "Secrets Manager can't find the specified secret.";
        let refused = desk.refused("DescribeSecret", json!({ "SecretId": id }));
        assert_eq!(refused, ("ResourceNotFoundException".to_owned(), expected.to_owned()), "{id}");
    }
}

#[test]
fn the_version_before_becomes_the_previous_one_and_the_one_before_that_loses_its_label() {
    let mut desk = Desk::new().with_secret("db");
    let put = desk.put(SECOND, "two", &[]);
    assert_eq!((&put["VersionId"], &put["VersionStages"]), (&json!(SECOND), &json!(["AWSCURRENT"])));
    assert_eq!(desk.stages(), json!({FIRST: ["AWSPREVIOUS"], SECOND: ["AWSCURRENT"]}));
    desk.does(
        "UpdateSecret",
        json!({"SecretId": "db", "SecretString": "three", "ClientRequestToken": THIRD}),
    );
    assert_eq!(desk.stages(), json!({SECOND: ["AWSPREVIOUS"], THIRD: ["AWSCURRENT"]}));
    assert_eq!(desk.value(), "three");
    let listed = |desk: &mut Desk, with: bool| {
        let answer = desk.does("ListSecretVersionIds", json!({"SecretId": "db", "IncludeDeprecated": with}));
        answer["Versions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|version| version["VersionId"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(&mut desk, false), [SECOND, THIRD]);
    assert_eq!(listed(&mut desk, true), [FIRST, SECOND, THIRD]);
    let old = desk.does("GetSecretValue", json!({"SecretId": "db", "VersionId": FIRST}));
    assert_eq!((&old["SecretString"], old.get("VersionStages")), (&json!("one"), None));
}

#[test]
fn a_token_that_came_before_changes_nothing_and_with_another_value_is_refused() {
    let mut desk = Desk::new().with_secret("db");
    let create =
        |value: &str, token: &str| json!({"Name": "db", "SecretString": value, "ClientRequestToken": token});
    assert_eq!(desk.does("CreateSecret", create("one", FIRST))["VersionId"], FIRST);
    for (value, token) in [("two", FIRST), ("one", SECOND)] {
        let (code, message) = desk.refused("CreateSecret", create(value, token));
        assert_eq!(code, "ResourceExistsException");
        assert_eq!(message, "The operation failed because the secret db already exists.");
    }
    desk.put(SECOND, "two", &[]);
    desk.put(THIRD, "three", &[]);
    desk.put(SECOND, "two", &[]);
    assert_eq!(desk.value(), "three", "a repeated call moves nothing back");
    for operation in ["PutSecretValue", "UpdateSecret"] {
        let again = json!({"SecretId": "db", "SecretString": "other", "ClientRequestToken": SECOND, });
        let (code, message) = desk.refused(operation, again);
        assert_eq!(code, "ResourceExistsException");
        assert!(message.contains(SECOND) && !message.contains("other"), "{message}");
        let without = json!({"SecretId": "db", "SecretString": "other"});
        assert_eq!(desk.refused(operation, without).0, "InvalidRequestException");
    }
}

#[test]
fn a_rotations_four_steps_can_be_gone_by_a_client() {
    let mut desk = Desk::new().with_secret("db");
    // createSecret; setSecret is the database's; testSecret reads what is pending; finishSecret.
    desk.put(SECOND, "two", &["AWSPENDING"]);
    assert_eq!(desk.value(), "one");
    let pending = desk.does("GetSecretValue", json!({"SecretId": "db", "VersionStage": "AWSPENDING"}));
    assert_eq!(pending["SecretString"], "two");
    desk.move_to("AWSCURRENT", Some(FIRST), Some(SECOND)).unwrap();
    assert_eq!(desk.value(), "two");
    assert_eq!(desk.stages(), json!({FIRST: ["AWSPREVIOUS"], SECOND: ["AWSCURRENT", "AWSPENDING"]}));
    desk.put(THIRD, "three", &[]);
    assert_eq!(desk.stages(), json!({SECOND: ["AWSPREVIOUS"], THIRD: ["AWSCURRENT"]}));
    // Back again, as after a rotation that was a mistake.
    desk.move_to("AWSCURRENT", Some(THIRD), Some(SECOND)).unwrap();
    assert_eq!(desk.stages(), json!({SECOND: ["AWSCURRENT"], THIRD: ["AWSPREVIOUS"]}));
}

#[test]
fn a_label_of_ones_own_is_taken_from_the_version_that_had_it_and_leaves_what_is_in_use() {
    let mut desk = Desk::new().with_secret("db");
    desk.put(SECOND, "two", &["one", "three", "two"]);
    desk.put(THIRD, "three", &["four", "one", "two"]);
    assert_eq!(
        desk.stages(),
        json!({FIRST: ["AWSCURRENT"], SECOND: ["three"], THIRD: ["four", "one", "two"]})
    );
    desk.move_to("three", Some(SECOND), None).unwrap();
    assert_eq!(desk.stages(), json!({FIRST: ["AWSCURRENT"], THIRD: ["four", "one", "two"]}));
}

#[test]
fn a_label_moves_only_from_the_version_that_is_named_and_the_one_in_use_never_goes() {
    let mut desk = Desk::new().with_secret("db");
    desk.put(SECOND, "two", &["AWSPENDING"]);
    for (from, to, words) in [
        (None, Some(SECOND), "so you must explicitly reference that version in RemoveFromVersionId"),
        (Some(SECOND), Some(FIRST), "not attached to version"),
        (Some(FIRST), None, "can't be completely removed"),
        (None, None, "must name a version"),
    ] {
        let error = desk.move_to("AWSCURRENT", from, to).unwrap_err();
        assert_eq!(error.code, "InvalidParameterException");
        assert!(error.message.contains(words), "{error}");
    }
    assert_eq!(
        desk.move_to("AWSCURRENT", Some(THIRD), Some(SECOND)).unwrap_err().code,
        "ResourceNotFoundException"
    );
    assert_eq!(desk.stages(), json!({FIRST: ["AWSCURRENT"], SECOND: ["AWSPENDING"]}));
}

#[test]
fn the_first_value_of_an_empty_secret_is_in_use_whatever_its_labels_are() {
    let mut desk = Desk::new();
    let made = desk.does("CreateSecret", json!({"Name": "db", "ClientRequestToken": FIRST}));
    assert_eq!(made.get("VersionId"), None);
    let (_, message) = desk.refused("GetSecretValue", json!({"SecretId": "db"}));
    assert_eq!(
        message,
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
    );
    assert_eq!(desk.put(SECOND, "two", &["MINE"])["VersionStages"], json!(["AWSCURRENT", "MINE"]));
}

#[test]
fn a_version_is_named_by_id_by_label_or_by_both_where_they_agree() {
    let mut desk = Desk::new().with_secret("db");
    let get = |id: &str, stage: &str| json!({"SecretId": "db", "VersionId": id, "VersionStage": stage});
    desk.does("GetSecretValue", get(FIRST, "AWSCURRENT"));
    let (code, message) = desk.refused("GetSecretValue", get(FIRST, "AWSPENDING"));
    assert_eq!(code, "InvalidRequestException");
    assert_eq!(message, "You provided a VersionStage that is not associated to the provided VersionId.");
    let (code, message) = desk.refused("GetSecretValue", json!({"SecretId": "db", "VersionId": SECOND}));
    assert_eq!(code, "ResourceNotFoundException");
    assert!(message.ends_with(&format!("for VersionId: {SECOND}")), "{message}");
}

#[test]
fn a_value_is_a_text_or_bytes_and_never_both_or_too_long() {
    let mut desk = Desk::new();
    let mut create = |name: &str, more: Value| {
        let mut input = json!({"Name": name, "ClientRequestToken": FIRST});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        desk.call("CreateSecret", &input).map_err(|error| error.code.into_owned())
    };
    create("bytes", json!({"SecretBinary": "AAH/"})).unwrap();
    create("longest", json!({"SecretString": "ü".repeat(32_768)})).unwrap();
    for more in [
        json!({"SecretString": "a", "SecretBinary": "AAH/"}),
        json!({"SecretString": "ü".repeat(32_769)}),
        json!({"SecretBinary": ""}),
    ] {
        assert_eq!(create("wrong", more).unwrap_err(), "InvalidParameterException");
    }
    assert_eq!(create("wrong", json!({"SecretBinary": "?"})).unwrap_err(), "SerializationException");
    assert_eq!(create("a name", json!({})).unwrap_err(), "ValidationException");
    let found = desk.does("GetSecretValue", json!({"SecretId": "bytes"}));
    assert_eq!((&found["SecretBinary"], found.get("SecretString")), (&json!("AAH/"), None));
}

#[test]
fn a_deleted_secret_can_be_restored_until_its_window_ends_and_its_name_is_taken_till_then() {
    let mut desk = Desk::new().with_secret("db");
    let arn = desk.does("DescribeSecret", json!({"SecretId": "db"}))["ARN"].clone();
    let gone = desk.does("DeleteSecret", json!({"SecretId": "db", "RecoveryWindowInDays": 7}));
    assert_eq!(gone["DeletionDate"], desk.now.after(DAY * 7).to_json());
    let marked = "You can't perform this operation on the secret because it was marked for deletion.";
    for (operation, input) in [
        ("GetSecretValue", json!({"SecretId": "db"})),
        ("PutSecretValue", json!({"SecretId": "db", "SecretString": "x", "ClientRequestToken": SECOND})),
        ("TagResource", json!({"SecretId": "db", "Tags": [{"Key": "a", "Value": "b"}]})),
        ("DeleteSecret", json!({"SecretId": "db"})),
    ] {
        let expected = ("InvalidRequestException".to_owned(), marked.to_owned());
        assert_eq!(desk.refused(operation, input), expected, "{operation}");
    }
    let again = json!({"Name": "db", "SecretString": "one", "ClientRequestToken": FIRST});
    assert!(desk.refused("CreateSecret", again.clone()).1.contains("already scheduled for deletion"));
    assert_eq!(desk.does("ListSecrets", json!({}))["SecretList"], json!([]));
    let listed = desk.does("ListSecrets", json!({"IncludePlannedDeletion": true}));
    assert_eq!(listed["SecretList"][0]["DeletedDate"], desk.now.to_json());
    desk.now = desk.now.after(DAY * 6);
    desk.does("RestoreSecret", json!({"SecretId": "db"}));
    assert_eq!(desk.value(), "one");
    desk.does("DeleteSecret", json!({"SecretId": "db"}));
    desk.now = desk.now.after(DAY * 30);
    assert_eq!(desk.refused("RestoreSecret", json!({"SecretId": "db"})).0, "ResourceNotFoundException");
    assert_ne!(desk.does("CreateSecret", again)["ARN"], arn, "the same name, another secret");
}

#[test]
fn deletion_by_force_is_at_once_also_of_what_is_not_there() {
    let mut desk = Desk::new().with_secret("db");
    for (window, force) in [(Some(6), false), (Some(31), false), (Some(7), true)] {
        let input =
            json!({"SecretId": "db", "RecoveryWindowInDays": window, "ForceDeleteWithoutRecovery": force});
        assert_eq!(desk.refused("DeleteSecret", input).0, "InvalidParameterException");
    }
    desk.does("DeleteSecret", json!({"SecretId": "db"}));
    for _ in 0..2 {
        let gone = desk.does("DeleteSecret", json!({"SecretId": "db", "ForceDeleteWithoutRecovery": true}));
        assert_eq!((&gone["Name"], &gone["DeletionDate"]), (&json!("db"), &desk.now.to_json()));
    }
    desk.with_secret("db");
}

#[test]
fn secrets_are_listed_in_pages_by_filter_and_in_order() {
    let mut desk = Desk::new();
    for (number, name) in ["prod/b", "prod/a", "dev/A"].into_iter().enumerate() {
        let tags = json!([{"Key": "team", "Value": if number == 0 { "blue" } else { "red" }}]);
        desk.does(
            "CreateSecret",
            json!({"Name": name, "Description": "Of the Database", "ClientRequestToken": FIRST, "Tags": tags}),
        );
        desk.now = desk.now.after(Duration::from_secs(1));
    }
    let mut names = |input: Value| {
        let mut found = Vec::new();
        let mut input = input;
        loop {
            let answer = desk.does("ListSecrets", input.clone());
            found.extend(answer["SecretList"].as_array().unwrap().iter().map(|one| one["Name"].clone()));
            match answer.get("NextToken") {
                Some(token) => input["NextToken"] = token.clone(),
                None => return found,
            }
        }
    };
    let filter =
        |key: &str, values: Value| json!({"Filters": [{"Key": key, "Values": values}], "MaxResults": 1});
    assert_eq!(names(json!({"MaxResults": 1})), ["prod/b", "prod/a", "dev/A"]);
    assert_eq!(names(json!({"MaxResults": 2, "SortOrder": "desc"})), ["dev/A", "prod/a", "prod/b"]);
    assert_eq!(names(json!({"MaxResults": 1, "SortBy": "name"})), ["dev/A", "prod/a", "prod/b"]);
    assert_eq!(names(filter("name", json!(["prod/"]))), ["prod/b", "prod/a"]);
    assert_eq!(names(filter("name", json!(["!prod/"]))), ["dev/A"]);
    assert_eq!(names(filter("tag-value", json!(["blue", "green"]))), ["prod/b"]);
    assert_eq!(names(filter("tag-key", json!(["Team"]))), json!([]).as_array().unwrap().clone());
    assert_eq!(names(filter("description", json!(["of the"]))).len(), 3);
    assert_eq!(names(filter("all", json!(["DEV"]))), ["dev/A"]);
    let wrong = json!({"NextToken": "no"});
    assert_eq!(desk.refused("ListSecrets", wrong).0, "InvalidNextTokenException");
}

#[test]
fn many_values_are_read_at_once_and_what_is_missing_stands_beside_them() {
    let mut desk = Desk::new().with_secret("a").with_secret("b");
    let found = desk.does("BatchGetSecretValue", json!({"SecretIdList": ["a", "none", "b"]}));
    assert_eq!(found["SecretValues"].as_array().unwrap().len(), 2);
    assert_eq!(found["Errors"][0]["SecretId"], "none");
    assert_eq!(found["Errors"][0]["ErrorCode"], "ResourceNotFoundException");
    let filtered = json!({"Filters": [{"Key": "name", "Values": ["a", "b"]}], "MaxResults": 1});
    let found = desk.does("BatchGetSecretValue", filtered);
    assert_eq!(found["SecretValues"][0]["Name"], "a");
    assert!(found["NextToken"].is_string());
    for input in [json!({}), json!({"SecretIdList": ["a"], "MaxResults": 3})] {
        assert_eq!(desk.refused("BatchGetSecretValue", input).0, "InvalidParameterException");
    }
}

#[test]
fn tags_are_absent_until_there_was_one_and_a_policy_is_kept_as_it_came() {
    let mut desk = Desk::new().with_secret("db");
    let described = |desk: &mut Desk| desk.does("DescribeSecret", json!({"SecretId": "db"}));
    assert_eq!(described(&mut desk).get("Tags"), None);
    desk.does("TagResource", json!({"SecretId": "db", "Tags": [{"Key": "a", "Value": "b"}]}));
    assert_eq!(described(&mut desk)["Tags"], json!([{"Key": "a", "Value": "b"}]));
    desk.does("UntagResource", json!({"SecretId": "db", "TagKeys": ["a"]}));
    assert_eq!(described(&mut desk)["Tags"], json!([]));
    let reserved = json!({"SecretId": "db", "Tags": [{"Key": "aws:a", "Value": "b"}]});
    assert_eq!(desk.refused("TagResource", reserved).0, "InvalidParameterException");

    let policy = |desk: &mut Desk| {
        desk.does("GetResourcePolicy", json!({"SecretId": "db"})).get("ResourcePolicy").cloned()
    };
    assert_eq!(policy(&mut desk), None);
    desk.does("PutResourcePolicy", json!({"SecretId": "db", "ResourcePolicy": "{ \"Statement\": [] }"}));
    assert_eq!(policy(&mut desk), Some(json!("{ \"Statement\": [] }")));
    let wrong = json!({"SecretId": "db", "ResourcePolicy": "{"});
    assert_eq!(desk.refused("PutResourcePolicy", wrong).0, "MalformedPolicyDocumentException");
    desk.does("DeleteResourcePolicy", json!({"SecretId": "db"}));
    assert_eq!(policy(&mut desk), None);
}

#[test]
fn a_value_whose_key_cannot_be_used_is_neither_written_nor_read() {
    let mut desk = Desk::new();
    let input =
        json!({"Name": "db", "KmsKeyId": "alias/x", "SecretString": "one", "ClientRequestToken": FIRST});
    desk.does("CreateSecret", input);
    desk.broken_key = "alias/x";
    assert_eq!(desk.refused("GetSecretValue", json!({"SecretId": "db"})).0, "DecryptionFailure");
    let put = json!({"SecretId": "db", "SecretString": "two", "ClientRequestToken": SECOND});
    assert_eq!(desk.refused("PutSecretValue", put).0, "EncryptionFailure");
    let update =
        json!({"SecretId": "db", "Description": "new", "SecretString": "x", "ClientRequestToken": SECOND});
    assert_eq!(desk.refused("UpdateSecret", update).0, "EncryptionFailure");
    assert_eq!(desk.does("DescribeSecret", json!({"SecretId": "db"})).get("Description"), None);
}

#[test]
fn versions_without_a_label_go_when_there_are_a_hundred_and_a_day_has_passed() {
    let mut desk = Desk::new().with_secret("db");
    for number in 0..150 {
        desk.put(&format!("{number:036}"), "x", &[]);
    }
    let count = |desk: &mut Desk| {
        let input = json!({"SecretId": "db", "IncludeDeprecated": true, "MaxResults": 100});
        let first = desk.does("ListSecretVersionIds", input.clone());
        let mut input = input;
        let Some(token) = first.get("NextToken") else { return first["Versions"].as_array().unwrap().len() };
        input["NextToken"] = token.clone();
        100 + desk.does("ListSecretVersionIds", input)["Versions"].as_array().unwrap().len()
    };
    assert_eq!(count(&mut desk), 151);
    desk.now = desk.now.after(DAY * 2);
    desk.put(SECOND, "two", &[]);
    assert_eq!(count(&mut desk), 100);
    assert_eq!(desk.value(), "two");
}

#[test]
fn no_value_shows_where_the_secrets_are_printed() {
    let mut desk = Desk::new().with_secret("db");
    desk.put(SECOND, "hunter2", &[]);
    desk.put(THIRD, "hunter3", &[]);
    let printed = format!("{:?}", desk.secrets);
    assert!(printed.contains(SECOND) && !printed.contains("hunter"), "{printed}");
}

#[test]
fn what_is_not_done_says_so_and_rotation_by_a_function_says_what_to_do() {
    let mut desk = Desk::new().with_secret("db");
    let rotation = desk.refused("RotateSecret", json!({"SecretId": "db"})).1;
    assert!(rotation.contains("does not do secretsmanager's RotateSecret: no Lambda function"), "{rotation}");
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:rotate";
    for (operation, input) in [
        ("RotateSecret", json!({"SecretId": "db", "RotationLambdaARN": arn})),
        ("CancelRotateSecret", json!({"SecretId": "db"})),
        (
            "ReplicateSecretToRegions",
            json!({"SecretId": "db", "AddReplicaRegions": [{"Region": "eu-west-1"}]}),
        ),
    ] {
        assert_eq!(desk.refused(operation, input).0, "UnsupportedFeatureException", "{operation}");
    }
}
