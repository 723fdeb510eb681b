//! No input makes the reader panic, and every diagnostic can be shown.

use std::collections::BTreeMap;

use coxswain_manifest::{Loaded, ParameterValue, SourceFile, load, render};
use proptest::prelude::*;

const VALID: &str = r#"apiVersion: coxswain.dev/v1
kind: Environment
metadata: { name: dev }
spec:
  region: eu-west-1
  cluster: dev
  tags: { team: shop }
  defaults:
    taskDefinition:
      requiresCompatibilities: [FARGATE]
      networkMode: awsvpc
      cpu: 256
      memory: 512
      containerDefinitions:
        - stopTimeout: 20
---
apiVersion: coxswain.dev/v1
kind: Service
metadata: { name: api }
spec:
  taskDefinition:
    executionRoleArn: ${param:/role}
    containerDefinitions:
      - name: api
        image: "${env.region}/äpi:1.10"
        environment:
          - { name: A, value: 'x $${y}' }
        portMappings: [{ containerPort: 8000 }]
        healthCheck: { command: [CMD, "true"], interval: 5 }
        dependsOn: [{ containerName: log, condition: START }]
      - { name: log, image: log:2, essential: false }
  service:
    launchType: FARGATE
    networkConfiguration:
      awsvpcConfiguration: { subnets: "${param:/subnets}" }
  count: { fixed: 2 }
"#;

/// Loads, resolves and shows everything, as a user of the crate would.
fn exercise(path: &str, content: Vec<u8>) -> Loaded {
    let loaded = load(vec![SourceFile { path: path.to_owned(), content }]);
    for diagnostic in loaded.diagnostics() {
        let text = render(diagnostic, loaded.sources(), true);
        assert!(text.contains(diagnostic.code.as_str()), "{text}");
    }
    let list = ParameterValue::StringList(vec!["s".to_owned()]);
    let values = BTreeMap::from([
        ("/role".to_owned(), ParameterValue::String("r".to_owned())),
        ("/subnets".to_owned(), list),
    ]);
    if let Ok(resolved) = loaded.resolve(&values) {
        for blocked in resolved.objects.values().filter_map(|object| object.as_ref().err()) {
            assert!(!blocked.is_empty(), "blocked for no reason");
        }
    }
    loaded
}

/// Replaces, removes or inserts at a few places of the valid manifest.
fn mutated(edits: &[(usize, usize, String)]) -> String {
    let mut characters: Vec<char> = VALID.chars().collect();
    for (at, remove, insert) in edits {
        let start = at % (characters.len() + 1);
        let end = (start + remove).min(characters.len());
        characters.splice(start..end, insert.chars());
    }
    characters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), is_json: bool) {
        exercise(if is_json { "a.json" } else { "a.yaml" }, bytes);
    }

    #[test]
    fn no_text_of_yamls_own_marks_makes_the_reader_panic(text in "([-:?,&*!|>'\"%@`#{}\\[\\] \n\t~ax0$é]|---\n|\\$\\{|: ){0,80}") {
        exercise("a.yaml", text.clone().into_bytes());
        exercise("a.json", text.into_bytes());
    }

    #[test]
    fn no_edit_of_a_valid_manifest_makes_the_reader_panic(
        edits in proptest::collection::vec(
            (any::<usize>(), 0_usize..12, "([a-z]{0,4}|[-:{}\\[\\],&*!|>'\"#$\n ]{0,3}|null|\\$\\{param:/x\\}|[0-9.]{1,5})"),
            1..6,
        ),
    ) {
        exercise("a.yaml", mutated(&edits).into_bytes());
    }

    #[test]
    fn a_field_whose_name_is_changed_is_reported(at in 0_usize..8) {
        let fields = ["cluster", "networkMode", "image", "portMappings", "launchType", "fixed", "containerName", "interval"];
        let field = fields[at];
        let text = VALID.replace(&format!("{field}:"), &format!("{field}Zq:"));
        let loaded = exercise("a.yaml", text.into_bytes());
        prop_assert!(loaded.has_errors());
        let misspelt = format!("{field}Zq");
        prop_assert!(loaded.diagnostics().iter().any(|found| found.message.contains(&misspelt)));
    }
}

#[test]
fn the_manifest_that_is_edited_has_no_fault_itself() {
    assert_eq!(exercise("a.yaml", VALID.as_bytes().to_vec()).diagnostics(), []);
}
