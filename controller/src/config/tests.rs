use std::{ffi::OsString, fs, path::Path};

use clap::CommandFactory as _;

use super::*;

fn given(arguments: &[&str]) -> Result<Given, ConfigError> {
    let all = ["coxswain-controller"].iter().chain(arguments);
    read(all.map(OsString::from))
}

/// Settings from a file beside these arguments.
fn with_file(text: &str, arguments: &[&str]) -> Result<Given, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.yaml");
    fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    given(&[&["--config", path.as_str()], arguments].concat())
}

const ENOUGH: &[&str] = &["--manifests", "m", "--store", "memory"];

#[test]
fn the_flags_are_consistent() {
    Config::command().debug_assert();
}

#[test]
fn intervals_are_read_with_their_units_and_nothing_is_no_interval() {
    assert_eq!(interval("90s").unwrap(), Duration::from_secs(90));
    assert_eq!(interval("500ms").unwrap(), Duration::from_millis(500));
    for text in ["0s", "-5s", "60", "soon"] {
        assert!(interval(text).is_err(), "{text} was accepted");
    }
}

#[test]
fn every_setting_has_a_flag_and_a_variable_and_stands_in_the_file() {
    let command = Config::command();
    for name in file::names() {
        let argument = command.get_arguments().find(|argument| argument.get_long() == Some(&name)).unwrap();
        assert_eq!(argument.get_env().unwrap(), file::variable(&name).as_str());
    }
    let value = |name: &str| match name {
        "store" => "state",
        "lease" => "on",
        "listen" => "127.0.0.1:9000",
        "example-credentials" => "true",
        "concurrency" => "7",
        "log-format" => "json",
        name if name.ends_with("-interval") => "9s",
        _ => "text",
    };
    let lines: Vec<_> = file::names().iter().map(|name| format!("{name}: {}", value(name))).collect();
    let text = lines.join("\n");
    let given = with_file(&text, &[]).unwrap();
    for setting in &given.origins {
        assert_eq!(setting.value.as_deref(), Some(value(&setting.name)), "{}", setting.name);
        assert!(setting.origin.contains("settings.yaml:"), "{setting:?}");
    }
    assert!(given.config.example_credentials && given.config.takes_turns());
}

#[test]
fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
    let text = "manifests: from-file\nstore: memory\nlisten: 127.0.0.1:9000\nlog: debug\n";
    let given = with_file(text, &["--listen", "127.0.0.1:9001"]).unwrap();
    assert_eq!(given.config.manifests.as_deref(), Some(Path::new("from-file")));
    assert_eq!(given.config.listen.port(), 9001);
    assert_eq!(given.config.rollout_interval, Duration::from_secs(5));
    let shown = shown(&given);
    for line in
        ["listen: 127.0.0.1:9001  # --listen", "rollout-interval: 5s  # default", "# region: (not set)"]
    {
        assert!(shown.lines().any(|found| found == line), "{line} is not in\n{shown}");
    }
    assert!(shown.contains("settings.yaml:4:6"), "{shown}");
}

#[test]
fn what_is_shown_is_itself_a_file_of_settings_and_tells_no_secret() {
    let odd = ["--log", "info,coxswain=debug", "--listen", "[::1]:7400", "--host", "a: b #c"];
    let role =
        ["--assume-role-arn", "arn:aws:iam::123456789012:role/x", "--assume-role-external-id", "hidden"];
    let first = given(&[ENOUGH, &odd, &role].concat()).unwrap();
    let text = shown(&first);
    assert!(!text.contains("hidden") && text.contains("# assume-role-external-id: ***"), "{text}");
    let second = with_file(&text, &[]).unwrap();
    for (one, other) in first.origins.iter().zip(&second.origins) {
        let is_told = one.value.as_deref() != Some("hidden");
        assert_eq!(one.value.as_ref().filter(|_| is_told), other.value.as_ref(), "{text}");
    }
}

#[test]
fn a_file_that_says_what_is_no_setting_is_refused_with_the_place_and_a_suggestion() {
    let cases = [
        ("sweep_intervall: 60s\n", "did you mean sweep-interval?"),
        ("config: other.yaml\n", "there is no setting \"config\""),
        (
            "listen: nowhere\n",
            "settings.yaml:1:9: listen cannot be \"nowhere\": invalid socket address syntax",
        ),
        ("lease: maybe\n", "settings.yaml:1:8: lease cannot be \"maybe\": it is one of auto, on, off"),
        ("store: gs://x\n", "gs:// is no store"),
        ("listen: [a]\n", "listen is a plain value"),
    ];
    for (text, expected) in cases {
        let error = with_file(text, ENOUGH[..2].as_ref()).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let missing = given(&["--config", "nowhere.yaml"]).unwrap_err().to_string();
    assert!(missing.contains("cannot read the settings in nowhere.yaml"), "{missing}");
}

#[test]
fn settings_that_are_nothing_without_another_are_refused_by_name() {
    let nowhere = given(&["--store", "memory"]).unwrap_err().to_string();
    assert!(nowhere.starts_with("it is not said where the manifests are"), "{nowhere}");
    let cases: [(&[&str], &str); 3] = [
        (&["--example-credentials"], "example-credentials needs endpoint-url"),
        (&["--assume-role-external-id", "x"], "assume-role-external-id needs assume-role-arn"),
        (&["--lease", "on"], "--lease on needs a store that replicas share"),
    ];
    for (more, expected) in cases {
        let error = given(&[ENOUGH, more].concat()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let both =
        with_file("endpoint-url: http://127.0.0.1:1\n", &[ENOUGH, &["--example-credentials"]].concat());
    assert!(
        both.unwrap().config.example_credentials,
        "the one may stand in the file and the other be a flag"
    );
}

#[test]
fn a_lease_is_taken_on_s3_unless_told_otherwise_and_elsewhere_where_asked_for() {
    let cases: [(&[&str], bool); 5] = [
        (&["--store", "s3://b/p/"], true),
        (&["--store", "s3://b/p/", "--lease", "off"], false),
        (&["--store", "state"], false),
        (&["--store", "state", "--lease", "on"], true),
        (&["--store", "memory"], false),
    ];
    for (arguments, expected) in cases {
        let given = given(&[&["--manifests", "m"], arguments].concat()).unwrap();
        assert_eq!(given.config.takes_turns(), expected, "{arguments:?}");
    }
}

#[test]
fn a_replica_is_named_anew_in_each_life() {
    let config = given(&[ENOUGH, &["--replica", "one"]].concat()).unwrap().config;
    assert!(config.replica().starts_with("one/"));
    assert_ne!(config.replica(), config.replica());
}

#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/controller.md");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, reference()).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert!(kept == reference(), "{} is not current: UPDATE_EXPECTED=1 cargo test", path.display());
}
