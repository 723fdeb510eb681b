//! Every shell is given a script, and each script knows every verb that `cox --help` shows.

#![expect(clippy::unwrap_used, reason = "a test says why it fails by where it fails")]

use std::process::Command;

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cox")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_shells_script_knows_every_verb() {
    let help = printed(&["--help"]);
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|word| !word.is_empty())
        .collect();
    assert!(verbs.contains(&"explain") && verbs.len() > 8, "{verbs:?}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = printed(&["completion", shell]);
        for verb in &verbs {
            assert!(script.contains(verb), "the script for {shell} does not know {verb}");
        }
    }
}
