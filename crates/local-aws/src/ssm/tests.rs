//! Parameters as a client sees them; every answer is held against the table.

use coxswain_ecs_shapes::{Problem, Reading, check, ssm};
use serde_json::{Value, json};

use super::*;

fn parameters() -> Parameters {
    Parameters::new("123456789012", "eu-central-1")
}

/// Calls an operation; request and answer must be what the table knows.
fn call(parameters: &mut Parameters, operation: &str, input: &Value) -> Result<Value, ApiError> {
    let known = ssm().operation(operation).unwrap();
    check(known.input, input, Reading::Wire, &mut |violation| {
        panic!("{operation}: the request's {}: {:?}", violation.path, violation.problem)
    });
    let answer = parameters.call(operation, input, Time::from_millis(1_700_000_000_500))?;
    check(known.output, &answer, Reading::Wire, &mut |violation| {
        // AWS's own answers have empty lists that its model would not allow in a request.
        let is_length = matches!(violation.problem, Problem::WrongLength { length: 0, .. });
        assert!(is_length, "{operation}: the answer's {}: {:?}", violation.path, violation.problem);
    });
    Ok(answer)
}

fn put(parameters: &mut Parameters, name: &str, kind: &str, value: &str) {
    let input = json!({"Name": name, "Type": kind, "Value": value, "Overwrite": true});
    call(parameters, "PutParameter", &input).unwrap();
}

fn code(parameters: &mut Parameters, operation: &str, input: &Value) -> String {
    call(parameters, operation, input).unwrap_err().code.into_owned()
}

#[test]
fn a_parameter_reads_back_with_its_arn_version_and_time() {
    let mut ssm = parameters();
    let put = json!({"Name": "/prod/api/token", "Type": "String", "Value": "a"});
    assert_eq!(call(&mut ssm, "PutParameter", &put).unwrap(), json!({"Version": 1, "Tier": "Standard"}));
    let expected = json!({"Parameter": {
        "Name": "/prod/api/token", "Type": "String", "Value": "a", "Version": 1,
        "LastModifiedDate": 1_700_000_000.5, "DataType": "text",
        "ARN": "arn:aws:ssm:eu-central-1:123456789012:parameter/prod/api/token",
    }});
    assert_eq!(call(&mut ssm, "GetParameter", &json!({"Name": "/prod/api/token"})).unwrap(), expected);
    let by_arn = json!({"Name": expected["Parameter"]["ARN"]});
    assert_eq!(call(&mut ssm, "GetParameter", &by_arn).unwrap(), expected);
}

#[test]
fn a_name_without_a_slash_has_the_same_arn_as_with_one_and_is_found_by_it() {
    let mut ssm = parameters();
    put(&mut ssm, "token", "String", "bare");
    let arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/token";
    let found = call(&mut ssm, "GetParameter", &json!({"Name": arn})).unwrap();
    assert_eq!((&found["Parameter"]["Name"], &found["Parameter"]["ARN"]), (&json!("token"), &json!(arn)));
}

#[test]
fn an_existing_parameter_is_overwritten_only_when_asked_and_keeps_its_type() {
    let mut ssm = parameters();
    put(&mut ssm, "/x", "StringList", "a,b");
    let again = json!({"Name": "/x", "Type": "String", "Value": "b"});
    assert_eq!(code(&mut ssm, "PutParameter", &again), "ParameterAlreadyExists");
    let over = json!({"Name": "/x", "Value": "c,d", "Overwrite": true});
    assert_eq!(call(&mut ssm, "PutParameter", &over).unwrap()["Version"], 2);
    let found = call(&mut ssm, "GetParameter", &json!({"Name": "/x"})).unwrap();
    assert_eq!(
        (&found["Parameter"]["Type"], &found["Parameter"]["Value"]),
        (&json!("StringList"), &json!("c,d"))
    );
}

#[test]
fn a_new_parameter_needs_a_type_and_a_value_within_its_tier() {
    let mut ssm = parameters();
    for input in [
        json!({"Name": "/x", "Value": "a"}),
        json!({"Name": "/x", "Value": "", "Type": "String"}),
        json!({"Name": "/x", "Value": "a,,b", "Type": "StringList"}),
        json!({"Name": "/x", "Value": "a".repeat(4_097), "Type": "String"}),
        json!({"Name": "/x", "Value": "a".repeat(8_193), "Type": "String", "Tier": "Advanced"}),
        json!({"Name": "/x", "Value": "a", "Type": "String", "AllowedPattern": "b"}),
        json!({"Name": "no/slash", "Value": "a", "Type": "String"}),
    ] {
        assert_eq!(code(&mut ssm, "PutParameter", &input), "ValidationException", "{input}");
    }
    for tier in ["Advanced", "Intelligent-Tiering"] {
        let name = format!("/{tier}");
        let input = json!({"Name": name, "Value": "a".repeat(8_192), "Type": "String", "Tier": tier});
        assert_eq!(call(&mut ssm, "PutParameter", &input).unwrap()["Tier"], "Advanced");
    }
}

#[test]
fn a_secure_string_is_masked_unless_decryption_is_asked_for() {
    let mut ssm = parameters();
    put(&mut ssm, "/secret", "SecureString", "hunter2");
    let masked = call(&mut ssm, "GetParameter", &json!({"Name": "/secret"})).unwrap();
    assert!(!masked.to_string().contains("hunter2"), "{masked}");
    for (operation, input) in [
        ("GetParameter", json!({"Name": "/secret", "WithDecryption": true})),
        ("GetParameters", json!({"Names": ["/secret"], "WithDecryption": true})),
        ("GetParametersByPath", json!({"Path": "/", "WithDecryption": true})),
    ] {
        assert!(call(&mut ssm, operation, &input).unwrap().to_string().contains("hunter2"), "{operation}");
    }
    assert!(!format!("{ssm:?}").contains("hunter2"));
}

#[test]
fn an_older_version_is_named_by_its_number_and_a_missing_one_is_an_error() {
    let mut ssm = parameters();
    put(&mut ssm, "/x", "String", "one");
    put(&mut ssm, "/x", "String", "two");
    let found = call(&mut ssm, "GetParameter", &json!({"Name": "/x:1"})).unwrap();
    assert_eq!(
        (&found["Parameter"]["Value"], &found["Parameter"]["Selector"]),
        (&json!("one"), &json!(":1"))
    );
    for name in ["/x:3", "/x:stable"] {
        assert_eq!(code(&mut ssm, "GetParameter", &json!({ "Name": name })), "ParameterVersionNotFound");
    }
    assert_eq!(code(&mut ssm, "GetParameter", &json!({"Name": "/y:1"})), "ParameterNotFound");
}

#[test]
fn the_oldest_of_more_than_a_hundred_versions_are_forgotten() {
    let mut ssm = parameters();
    for number in 1..=101 {
        put(&mut ssm, "/x", "String", &number.to_string());
    }
    assert_eq!(code(&mut ssm, "GetParameter", &json!({"Name": "/x:1"})), "ParameterVersionNotFound");
    assert_eq!(call(&mut ssm, "GetParameter", &json!({"Name": "/x:2"})).unwrap()["Parameter"]["Value"], "2");
}

#[test]
fn several_are_read_at_once_and_the_missing_ones_are_listed() {
    let mut ssm = parameters();
    put(&mut ssm, "/a", "String", "1");
    let found = call(&mut ssm, "GetParameters", &json!({"Names": ["/a", "/b", "/a:9"]})).unwrap();
    assert_eq!(found["Parameters"][0]["Name"], "/a");
    assert_eq!(found["InvalidParameters"], json!(["/b", "/a:9"]));
}

#[test]
fn a_path_is_read_in_pages_of_ten_one_level_deep_or_all() {
    let mut ssm = parameters();
    for number in 0..25 {
        put(&mut ssm, &format!("/p/{number:02}"), "String", "x");
    }
    put(&mut ssm, "/p/deep/er", "String", "x");
    put(&mut ssm, "/pq", "String", "x");
    for (recursive, sizes) in [(false, [10, 10, 5]), (true, [10, 10, 6])] {
        let mut token = None;
        for (page, size) in sizes.into_iter().enumerate() {
            let mut input = json!({"Path": "/p", "Recursive": recursive});
            if let Some(token) = token.take() {
                input["NextToken"] = token;
            }
            let answer = call(&mut ssm, "GetParametersByPath", &input).unwrap();
            assert_eq!(answer["Parameters"].as_array().unwrap().len(), size, "page {page}");
            token = answer.get("NextToken").cloned();
        }
        assert_eq!(token, None);
    }
    let wrong = json!({"Path": "/p", "NextToken": "no"});
    assert_eq!(code(&mut ssm, "GetParametersByPath", &wrong), "InvalidNextToken");
    assert_eq!(code(&mut ssm, "GetParametersByPath", &json!({"Path": "p"})), "ValidationException");
}

#[test]
fn deleting_says_what_was_not_there() {
    let mut ssm = parameters();
    put(&mut ssm, "/a", "String", "1");
    put(&mut ssm, "/b", "String", "1");
    call(&mut ssm, "DeleteParameter", &json!({"Name": "/a"})).unwrap();
    assert_eq!(code(&mut ssm, "DeleteParameter", &json!({"Name": "/a"})), "ParameterNotFound");
    let answer = call(&mut ssm, "DeleteParameters", &json!({"Names": ["/a", "/b"]})).unwrap();
    assert_eq!(answer, json!({"DeletedParameters": ["/b"], "InvalidParameters": ["/a"]}));
}

#[test]
fn an_operation_that_is_not_done_is_named() {
    let error = parameters().call("SendCommand", &json!({}), Time::from_millis(0)).unwrap_err();
    assert!(error.message.contains("SendCommand"), "{error}");
}

#[test]
fn a_tasks_secret_is_named_by_arn_or_name_in_this_region() {
    let mut ssm = parameters();
    put(&mut ssm, "/prod/token", "SecureString", "hunter2");
    let now = Time::from_millis(0);
    for value_from in ["/prod/token", "arn:aws:ssm:eu-central-1:123456789012:parameter/prod/token"] {
        assert_eq!(ssm.secret(value_from, now).as_deref(), Some("hunter2"));
    }
    for value_from in ["/prod/other", "arn:aws:ssm:us-east-1:123456789012:parameter/prod/token"] {
        assert_eq!(ssm.secret(value_from, now), None);
    }
}
