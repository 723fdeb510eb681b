//! Parameters as a client sees them; every answer is held against the table.

use std::time::Duration;

use coxswain_ecs_shapes::{Problem, Reading, check, ssm};
use serde_json::{Value, json};

use super::*;

const NOW: Time = Time::from_millis(1_700_000_000_500);
const DAY: Duration = Duration::from_hours(24);

/// Where one key is broken and one secret lies.
struct Place;

impl Around for Place {
    fn key(&self, key: &str) -> Result<(), String> {
        if key == "alias/broken" { Err("it is disabled".to_owned()) } else { Ok(()) }
    }

    fn secret(&self, id: &str, version: Option<&str>, stage: Option<&str>) -> Result<Value, ApiError> {
        if id != "db" {
            return Err(ApiError::new("ResourceNotFoundException", "none"));
        }
        let value = format!("{}-{}", version.unwrap_or("any"), stage.unwrap_or("any"));
        Ok(json!({"ARN": "arn:db", "Name": "db", "SecretString": value, "CreatedDate": 1.5}))
    }
}

fn parameters() -> Parameters {
    Parameters::new("123456789012", "eu-central-1")
}

/// Calls an operation; request and answer must be what the table knows.
fn call(parameters: &mut Parameters, operation: &str, input: &Value) -> Result<Value, ApiError> {
    let known = ssm().operation(operation).unwrap();
    check(known.input, input, Reading::Wire, &mut |violation| {
        panic!("{operation}: the request's {}: {:?}", violation.path, violation.problem)
    });
    let answer = parameters.call(operation, input, &Place, NOW)?;
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
        json!({"Name": "/x", "Value": "a", "Type": "String", "DataType": "image"}),
        json!({"Name": "/x", "Value": "{{ssm:/y}}", "Type": "String"}),
        json!({"Name": "/x", "Value": "a", "Type": "String", "KeyId": "alias/mine"}),
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
    let error = parameters().call("SendCommand", &json!({}), &Place, NOW).unwrap_err();
    assert_eq!(error.code, "UnsupportedFeatureException");
    assert!(error.message.contains("SendCommand"), "{error}");
}

#[test]
fn a_tasks_secret_is_named_by_arn_or_name_in_this_region() {
    let mut ssm = parameters();
    put(&mut ssm, "/prod/token", "SecureString", "hunter2");
    for value_from in ["/prod/token", "arn:aws:ssm:eu-central-1:123456789012:parameter/prod/token"] {
        assert_eq!(ssm.secret(value_from, &Place, NOW).as_deref(), Some("hunter2"));
    }
    for value_from in ["/prod/other", "arn:aws:ssm:us-east-1:123456789012:parameter/prod/token"] {
        assert_eq!(ssm.secret(value_from, &Place, NOW), None);
    }
}

#[test]
fn what_an_overwrite_does_not_name_stays_and_what_it_empties_goes() {
    let mut ssm = parameters();
    let first = json!({"Name": "/x", "Type": "SecureString", "Value": "12", "Description": "of it",
        "KeyId": "alias/mine", "AllowedPattern": "[0-9]+", "Tier": "Advanced"});
    call(&mut ssm, "PutParameter", &first).unwrap();
    let over = json!({"Name": "/x", "Value": "34", "Overwrite": true});
    assert_eq!(call(&mut ssm, "PutParameter", &over).unwrap(), json!({"Version": 2, "Tier": "Advanced"}));
    let shown =
        |ssm: &mut Parameters| call(ssm, "DescribeParameters", &json!({})).unwrap()["Parameters"][0].take();
    let expected = json!({
        "Name": "/x", "ARN": "arn:aws:ssm:eu-central-1:123456789012:parameter/x", "Type": "SecureString",
        "KeyId": "alias/mine", "LastModifiedDate": 1_700_000_000.5, "Version": 2, "Tier": "Advanced",
        "LastModifiedUser": "arn:aws:iam::123456789012:root", "Description": "of it", "AllowedPattern": "[0-9]+",
        "Policies": [], "DataType": "text",
    });
    assert_eq!(shown(&mut ssm), expected);
    let wrong = json!({"Name": "/x", "Value": "34a", "Overwrite": true});
    assert_eq!(code(&mut ssm, "PutParameter", &wrong), "ParameterPatternMismatchException");
    let emptied =
        json!({"Name": "/x", "Value": "34a", "Overwrite": true, "AllowedPattern": "", "Description": ""});
    call(&mut ssm, "PutParameter", &emptied).unwrap();
    assert_eq!((shown(&mut ssm).get("AllowedPattern"), shown(&mut ssm).get("Description")), (None, None));
    let down = json!({"Name": "/x", "Value": "1", "Overwrite": true, "Tier": "Standard"});
    assert_eq!(code(&mut ssm, "PutParameter", &down), "ValidationException");
    let odd = json!({"Name": "/y", "Value": "1", "Type": "String", "AllowedPattern": "(?=a)b"});
    assert_eq!(code(&mut ssm, "PutParameter", &odd), "InvalidAllowedPatternException");
}

#[test]
fn a_pattern_has_to_fit_the_whole_value_and_the_refusal_does_not_show_it() {
    let mut ssm = parameters();
    let input =
        json!({"Name": "/x", "Type": "String", "Value": "hunter2", "AllowedPattern": "hunter|[0-9]+"});
    let error = call(&mut ssm, "PutParameter", &input).unwrap_err();
    assert_eq!(error.code, "ParameterPatternMismatchException");
    assert!(!error.message.contains("hunter2"), "{error}");
}

#[test]
fn a_label_names_a_version_moves_and_keeps_the_oldest_from_being_forgotten() {
    let mut ssm = parameters();
    put(&mut ssm, "/x", "String", "one");
    put(&mut ssm, "/x", "String", "two");
    let label =
        |version: u64, labels: &[&str]| json!({"Name": "/x", "ParameterVersion": version, "Labels": labels});
    let answer =
        call(&mut ssm, "LabelParameterVersion", &label(1, &["stable", "1st", "awsome", "a b"])).unwrap();
    assert_eq!(answer, json!({"InvalidLabels": ["1st", "awsome", "a b"], "ParameterVersion": 1}));
    let found = call(&mut ssm, "GetParameter", &json!({"Name": "/x:stable"})).unwrap()["Parameter"].take();
    assert_eq!((&found["Value"], &found["Selector"]), (&json!("one"), &json!(":stable")));
    let newest = json!({"Name": "/x", "Labels": ["stable"]});
    assert_eq!(call(&mut ssm, "LabelParameterVersion", &newest).unwrap()["ParameterVersion"], 2);
    assert_eq!(
        call(&mut ssm, "GetParameter", &json!({"Name": "/x:stable"})).unwrap()["Parameter"]["Value"],
        "two"
    );
    let many: Vec<String> = (0..10).map(|number| format!("l{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        code(&mut ssm, "LabelParameterVersion", &label(2, &many)),
        "ParameterVersionLabelLimitExceeded"
    );
    assert_eq!(code(&mut ssm, "LabelParameterVersion", &label(3, &["x"])), "ParameterVersionNotFound");

    call(&mut ssm, "LabelParameterVersion", &label(1, &["kept"])).unwrap();
    for _ in 0..98 {
        put(&mut ssm, "/x", "String", "more");
    }
    let over = json!({"Name": "/x", "Value": "x", "Overwrite": true});
    assert_eq!(code(&mut ssm, "PutParameter", &over), "ParameterMaxVersionLimitExceeded");
    let answer = call(&mut ssm, "UnlabelParameterVersion", &label(1, &["kept", "other"])).unwrap();
    assert_eq!(answer, json!({"RemovedLabels": ["kept"], "InvalidLabels": ["other"]}));
    assert_eq!(call(&mut ssm, "PutParameter", &over).unwrap()["Version"], 101);
}

#[test]
fn a_history_has_every_version_with_its_labels_and_values_only_in_plain_when_asked() {
    let mut ssm = parameters();
    for value in ["hunter1", "hunter2", "hunter3"] {
        put(&mut ssm, "/x", "SecureString", value);
    }
    call(&mut ssm, "LabelParameterVersion", &json!({"Name": "/x", "Labels": ["newest"]})).unwrap();
    let masked = call(&mut ssm, "GetParameterHistory", &json!({"Name": "/x"})).unwrap();
    assert!(!masked.to_string().contains("hunter"), "{masked}");
    assert_eq!(masked["Parameters"][2]["Labels"], json!(["newest"]));
    let mut input = json!({"Name": "/x", "WithDecryption": true, "MaxResults": 2});
    let first = call(&mut ssm, "GetParameterHistory", &input).unwrap();
    input["NextToken"] = first["NextToken"].clone();
    let second = call(&mut ssm, "GetParameterHistory", &input).unwrap();
    let values: Vec<&Value> =
        [&first, &second].into_iter().flat_map(|page| page["Parameters"].as_array().unwrap()).collect();
    assert_eq!(values.iter().map(|one| &one["Value"]).collect::<Vec<_>>(), ["hunter1", "hunter2", "hunter3"]);
    assert_eq!(second.get("NextToken"), None);
    assert_eq!(code(&mut ssm, "GetParameterHistory", &json!({"Name": "/none"})), "ParameterNotFound");
}

#[test]
fn parameters_are_described_by_filters_in_pages() {
    let mut ssm = parameters();
    for (name, kind, team) in
        [("/p/a", "String", "red"), ("/p/deep/b", "SecureString", "blue"), ("c", "String", "red")]
    {
        let tags = json!([{"Key": "team", "Value": team}]);
        let input = json!({"Name": name, "Type": kind, "Value": "x", "Tags": tags});
        call(&mut ssm, "PutParameter", &input).unwrap();
    }
    let names = |ssm: &mut Parameters, mut input: Value| {
        let mut found = Vec::new();
        loop {
            let answer = call(ssm, "DescribeParameters", &input).unwrap();
            found.extend(answer["Parameters"].as_array().unwrap().iter().map(|one| one["Name"].clone()));
            match answer.get("NextToken") {
                Some(token) => input["NextToken"] = token.clone(),
                None => return json!(found),
            }
        }
    };
    let filter = |key: &str, option: &str, values: &[&str]| json!({"ParameterFilters": [{"Key": key, "Option": option, "Values": values}], "MaxResults": 1});
    for (input, expected) in [
        (json!({"MaxResults": 2}), json!(["/p/a", "/p/deep/b", "c"])),
        (filter("Name", "Contains", &["dee"]), json!(["/p/deep/b"])),
        (filter("Name", "BeginsWith", &["/p"]), json!(["/p/a", "/p/deep/b"])),
        (filter("Name", "Equals", &["/c"]), json!(["c"])),
        (filter("Path", "OneLevel", &["/p"]), json!(["/p/a"])),
        (filter("Path", "Recursive", &["/p"]), json!(["/p/a", "/p/deep/b"])),
        (filter("Type", "Equals", &["SecureString"]), json!(["/p/deep/b"])),
        (filter("KeyId", "Equals", &["alias/aws/ssm"]), json!(["/p/deep/b"])),
        (filter("tag:team", "Equals", &["red"]), json!(["/p/a", "c"])),
        (json!({"Filters": [{"Key": "Name", "Values": ["/p/d"]}]}), json!(["/p/deep/b"])),
    ] {
        assert_eq!(names(&mut ssm, input.clone()), expected, "{input}");
    }
    for (input, expected) in [
        (filter("Name", "Recursive", &["/p"]), "InvalidFilterOption"),
        (filter("Label", "Equals", &["x"]), "InvalidFilterKey"),
        (json!({"ParameterFilters": [{"Key": "Name"}]}), "InvalidFilterValue"),
        (
            json!({"ParameterFilters": [{"Key": "Type", "Values": ["String"]}, {"Key": "Type", "Values": ["String"]}]}),
            "InvalidFilterKey",
        ),
        (json!({"NextToken": "no"}), "InvalidNextToken"),
    ] {
        assert_eq!(code(&mut ssm, "DescribeParameters", &input), expected, "{input}");
    }
}

#[test]
fn a_path_is_read_by_type_key_and_label_and_by_nothing_else() {
    let mut ssm = parameters();
    put(&mut ssm, "/p/a", "String", "one");
    call(&mut ssm, "LabelParameterVersion", &json!({"Name": "/p/a", "Labels": ["prod"]})).unwrap();
    put(&mut ssm, "/p/a", "String", "two");
    put(&mut ssm, "/p/b", "SecureString", "b");
    let read = |ssm: &mut Parameters, key: &str, value: &str| {
        let filters = json!([{"Key": key, "Values": [value]}]);
        let input = json!({"Path": "/p", "ParameterFilters": filters, "WithDecryption": true});
        call(ssm, "GetParametersByPath", &input).map(|answer| {
            let found = answer["Parameters"].as_array().unwrap();
            json!(found.iter().map(|one| one["Value"].clone()).collect::<Vec<_>>())
        })
    };
    assert_eq!(read(&mut ssm, "Label", "prod").unwrap(), json!(["one"]));
    assert_eq!(read(&mut ssm, "Type", "String").unwrap(), json!(["two"]));
    assert_eq!(read(&mut ssm, "KeyId", "alias/aws/ssm").unwrap(), json!(["b"]));
    for key in ["Name", "Tier", "tag:team"] {
        assert_eq!(read(&mut ssm, key, "x").unwrap_err().code, "InvalidFilterKey", "{key}");
    }
}

#[test]
fn tags_are_put_with_a_new_parameter_or_afterwards_and_never_by_an_overwrite() {
    let mut ssm = parameters();
    let tags = json!([{"Key": "team", "Value": "red"}]);
    call(&mut ssm, "PutParameter", &json!({"Name": "x", "Type": "String", "Value": "a", "Tags": tags}))
        .unwrap();
    let over = json!({"Name": "x", "Value": "b", "Overwrite": true, "Tags": tags});
    assert_eq!(code(&mut ssm, "PutParameter", &over), "ValidationException");
    put(&mut ssm, "x", "String", "b");
    let of = |id: &str| json!({"ResourceType": "Parameter", "ResourceId": id});
    assert_eq!(call(&mut ssm, "ListTagsForResource", &of("x")).unwrap()["TagList"], tags);
    let mut add = of("x");
    add["Tags"] = json!([{"Key": "stage", "Value": "dev"}]);
    call(&mut ssm, "AddTagsToResource", &add).unwrap();
    let mut remove = of("x");
    remove["TagKeys"] = json!(["team"]);
    call(&mut ssm, "RemoveTagsFromResource", &remove).unwrap();
    assert_eq!(call(&mut ssm, "ListTagsForResource", &of("x")).unwrap()["TagList"], add["Tags"]);
    assert_eq!(code(&mut ssm, "ListTagsForResource", &of("/none")), "InvalidResourceId");
    let document = json!({"ResourceType": "Document", "ResourceId": "x"});
    assert_eq!(code(&mut ssm, "ListTagsForResource", &document), "InvalidResourceType");
}

#[test]
fn a_parameter_expires_at_its_time_whatever_was_put_into_it_since() {
    let mut ssm = parameters();
    let policies = |at: &str| {
        format!(r#"[{{"Type": "Expiration", "Version": "1.0", "Attributes": {{"Timestamp": "{at}"}}}}]"#)
    };
    let input = |policies: &str, tier: &str| json!({"Name": "/x", "Type": "String", "Value": "a", "Tier": tier, "Policies": policies, "Overwrite": true});
    // A day after the test's time, in another zone.
    let at = policies("2023-11-15T23:13:20.500+01:00");
    call(&mut ssm, "PutParameter", &input(&at, "Intelligent-Tiering")).unwrap();
    put(&mut ssm, "/x", "String", "b");
    let shown = call(&mut ssm, "DescribeParameters", &json!({})).unwrap()["Parameters"][0].take();
    assert_eq!(
        (&shown["Tier"], &shown["Policies"][0]["PolicyType"]),
        (&json!("Advanced"), &json!("Expiration"))
    );
    let read =
        |ssm: &mut Parameters, at: Time| ssm.call("GetParameter", &json!({"Name": "/x"}), &Place, at).is_ok();
    assert!(read(&mut ssm, Time::from_millis(NOW.after(DAY).as_millis() - 1)));
    assert!(!read(&mut ssm, NOW.after(DAY)));
    for (policies, tier, expected) in [
        (at.as_str(), "Standard", "ValidationException"),
        (&policies("2020-01-01T00:00:00Z"), "Advanced", "InvalidPolicyAttributeException"),
        (&policies("tomorrow"), "Advanced", "InvalidPolicyAttributeException"),
        ("no", "Advanced", "InvalidPolicyAttributeException"),
        (r#"[{"Type": "Moon"}]"#, "Advanced", "InvalidPolicyTypeException"),
        (r#"[{"Type": "NoChangeNotification"}]"#, "Advanced", "UnsupportedFeatureException"),
        (
            &format!("{0},{0}]", at.trim_end_matches(']')).replace(",[", ","),
            "Advanced",
            "IncompatiblePolicyException",
        ),
    ] {
        assert_eq!(code(&mut ssm, "PutParameter", &input(policies, tier)), expected, "{policies}");
    }
    call(&mut ssm, "PutParameter", &input(&at, "Advanced")).unwrap();
    call(&mut ssm, "PutParameter", &input("[{}]", "Advanced")).unwrap();
    assert!(read(&mut ssm, NOW.after(DAY)), "an empty policy takes the others off");
}

#[test]
fn a_secure_string_cannot_be_written_or_read_in_plain_while_its_key_cannot_be_used() {
    let mut ssm = parameters();
    let input = json!({"Name": "/x", "Type": "SecureString", "Value": "a", "KeyId": "alias/broken"});
    assert_eq!(code(&mut ssm, "PutParameter", &input), "InvalidKeyId");
    put(&mut ssm, "/x", "SecureString", "a");
    ssm.by_name.get_mut("/x").unwrap().versions[0].content.key = Some("alias/broken".to_owned());
    call(&mut ssm, "GetParameter", &json!({"Name": "/x"})).unwrap();
    for (operation, input) in [
        ("GetParameter", json!({"Name": "/x", "WithDecryption": true})),
        ("GetParameters", json!({"Names": ["/x"], "WithDecryption": true})),
        ("GetParametersByPath", json!({"Path": "/", "WithDecryption": true})),
        ("GetParameterHistory", json!({"Name": "/x", "WithDecryption": true})),
    ] {
        assert_eq!(code(&mut ssm, operation, &input), "InvalidKeyId", "{operation}");
    }
    assert_eq!(ssm.secret("/x", &Place, NOW), None);
}

#[test]
fn a_secret_of_secrets_manager_is_read_by_reference_in_plain_only() {
    let mut ssm = parameters();
    let id = "11111111-1111-1111-1111-111111111111";
    let name = "/aws/reference/secretsmanager/db";
    for (selector, value) in
        [("", "any-any"), (":AWSPREVIOUS", "any-AWSPREVIOUS"), (&format!(":{id}"), &format!("{id}-any"))]
    {
        let asked = format!("{name}{selector}");
        let input = json!({"Name": asked, "WithDecryption": true});
        let found = call(&mut ssm, "GetParameter", &input).unwrap()["Parameter"].take();
        assert_eq!(
            (&found["Name"], &found["Value"], &found["Version"]),
            (&json!(name), &json!(value), &json!(0))
        );
        assert!(found["SourceResult"].as_str().unwrap().contains("arn:db"), "{found}");
        assert_eq!(ssm.secret(&asked, &Place, NOW).as_deref(), Some(value));
    }
    assert_eq!(code(&mut ssm, "GetParameter", &json!({ "Name": name })), "ValidationException");
    let missing = json!({"Name": "/aws/reference/secretsmanager/none", "WithDecryption": true});
    assert_eq!(code(&mut ssm, "GetParameter", &missing), "ParameterNotFound");
    let both = json!({"Names": [name, missing["Name"]], "WithDecryption": true});
    assert_eq!(
        call(&mut ssm, "GetParameters", &both).unwrap()["InvalidParameters"],
        json!([missing["Name"]])
    );
    let put = json!({"Name": name, "Type": "String", "Value": "a"});
    assert_eq!(code(&mut ssm, "PutParameter", &put), "ValidationException");
}
