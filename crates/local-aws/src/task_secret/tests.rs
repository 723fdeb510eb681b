//! `valueFrom` in all its forms, and how a value becomes a variable.

use serde_json::json;

use super::*;

#[test]
fn a_value_from_is_an_arn_alone_or_with_key_stage_and_version() {
    let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf";
    for (rest, key, stage, version) in [
        ("", None, None, None),
        (":password::", Some("password"), None, None),
        ("::AWSPREVIOUS:", None, Some("AWSPREVIOUS"), None),
        (":user:AWSPENDING:0a1b", Some("user"), Some("AWSPENDING"), Some("0a1b")),
    ] {
        let from = format!("{arn}{rest}");
        let expected = Named { arn: arn.to_owned(), json_key: key, stage, version };
        assert_eq!(Named::read(&from), Some(expected), "{from}");
    }
    for rest in [":password", ":a:b", ":a:b:c:d"] {
        assert_eq!(Named::read(&format!("{arn}{rest}")), None, "{rest}");
    }
    assert!(is_secrets_managers(arn) && is_secrets_managers(&arn.replacen("aws", "aws-cn", 1)));
    assert!(!is_secrets_managers("arn:aws:ssm:eu-central-1:123456789012:parameter/a"));
}

#[test]
fn a_keys_value_is_printed_as_the_agent_prints_it() {
    let secret = json!({
        "text": "a b", "port": 5432, "half": 0.5, "million": 1_000_000, "id": 1_234_567, "tiny": 0.00001,
        "flag": true, "nothing": null, "list": [1, "two"], "map": {"b": 1, "a": "x"}, "minus": -12_345_678,
    })
    .to_string();
    for (key, value) in [
        ("text", "a b"),
        ("port", "5432"),
        ("half", "0.5"),
        ("million", "1e+06"),
        ("id", "1.234567e+06"),
        ("minus", "-1.2345678e+07"),
        ("tiny", "1e-05"),
        ("flag", "true"),
        ("nothing", "<nil>"),
        ("list", "[1 two]"),
        ("map", "map[a:x b:1]"),
    ] {
        assert_eq!(value_of(&secret, key).as_deref(), Ok(value), "{key}");
    }
    let missing = value_of(&secret, "none").unwrap_err();
    assert_eq!(missing, "retrieved secret from Secrets Manager did not contain json key none");
}

#[test]
fn a_secret_that_is_no_json_is_told_without_a_letter_of_it() {
    let why = value_of("'hunter2", "key").unwrap_err();
    assert!(why.starts_with("invalid character ") && !why.contains(['\'', '2']), "{why}");
}

#[test]
fn a_container_names_its_registrys_login_first_then_variables_and_log_options() {
    let definition = json!({
        "name": "web",
        "secrets": [{"name": "A", "valueFrom": "/a"}],
        "logConfiguration": {"logDriver": "splunk", "secretOptions": [{"name": "token", "valueFrom": "/log"}]},
        "repositoryCredentials": {"credentialsParameter": "arn:login"},
    });
    let found: Vec<(Purpose, String)> = TaskSecret::all_of(&definition)
        .into_iter()
        .map(|secret| (secret.purpose, secret.value_from))
        .collect();
    let expected = [
        (Purpose::Registry, "arn:login"),
        (Purpose::Variable("A".to_owned()), "/a"),
        (Purpose::LogOption, "/log"),
    ];
    assert_eq!(found, expected.map(|(purpose, from)| (purpose, from.to_owned())));
}
