//! The shape table against an independent source: the members that AWS's own SDK crates know.
//!
//! The table comes from botocore's model, the SDK's code from the Smithy model. Each generated structure
//! of the SDK states its members as schema constants, whose shape and type are read here from the source
//! that cargo has unpacked. Nothing of the SDK is linked.

#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use coxswain_ecs_shapes::{Api, Kind, Shape, ecs, ssm};

/// `Shape.member` to the member's type.
type Members = BTreeMap<String, &'static str>;

/// What of one API is compared.
struct Judged {
    api: &'static Api,
    sdk: &'static str,
    namespace: &'static str,
}

fn apis() -> [Judged; 2] {
    [
        Judged { api: ecs(), sdk: "aws-sdk-ecs", namespace: "com.amazonaws.ecs" },
        Judged { api: ssm(), sdk: "aws-sdk-ssm", namespace: "com.amazonaws.ssm" },
    ]
}

/// Members that botocore's model had before the locked release of the SDK; each goes when the SDK has it.
const NEWER_THAN_THE_SDK: &[&str] = &[
    "GatewayConnector.deregistrationDelay",
    "GatewayConnectorDeregistrationDelay.timeoutSeconds",
    "InstanceLaunchTemplate.nitroEnclavesEnabled",
    "RegisterTaskDefinitionInput.trustedExecutionConfiguration",
    "Task.trustedExecutionSummary",
    "TaskDefinition.trustedExecutionConfiguration",
    "TrustedExecutionConfiguration.attestationPolicy",
    "TrustedExecutionConfiguration.isolationMode",
    "TrustedExecutionSummary.attestationPolicyStatus",
    "TrustedExecutionSummary.isolationMode",
];

#[test]
fn the_table_has_every_member_that_the_sdk_has_and_of_its_type() {
    for judged in apis() {
        let (table, sdk) = (of_table(judged.api), of_sdk(&judged));
        let structures: HashSet<&str> = table.keys().filter_map(|name| name.split('.').next()).collect();
        let missing: Vec<_> = sdk
            .iter()
            .filter(|(name, _)| name.split('.').next().is_some_and(|shape| structures.contains(shape)))
            .filter(|(name, kind)| table.get(*name) != Some(*kind))
            .map(|(name, kind)| {
                format!("{name}: {kind} in {}, {:?} in the table", judged.sdk, table.get(name))
            })
            .collect();
        assert!(missing.is_empty(), "{missing:#?}");
    }
}

#[test]
fn the_sdk_has_every_member_that_the_table_has_but_for_the_newest() {
    let mut unknown = BTreeSet::new();
    for judged in apis() {
        let (table, sdk) = (of_table(judged.api), of_sdk(&judged));
        unknown.extend(table.into_keys().filter(|name| !sdk.contains_key(name)));
    }
    assert_eq!(unknown.iter().map(String::as_str).collect::<Vec<_>>(), NEWER_THAN_THE_SDK);
}

#[test]
fn the_comparison_reaches_all_that_the_controller_speaks() {
    let members = of_table(ecs());
    for name in [
        "RegisterTaskDefinitionInput.containerDefinitions",
        "ContainerDefinition.image",
        "CreateServiceInput.networkConfiguration",
        "UpdateServiceInput.forceNewDeployment",
        "Service.deployments",
        "Task.stopCode",
        "ServiceDeployment.rollback",
        "ServiceRevision.containerImages",
    ] {
        assert!(members.contains_key(name), "{name}");
    }
    assert!(members.len() > 1000, "{} members", members.len());
}

#[test]
fn the_table_has_every_operation_of_ecs_that_the_sdk_has() {
    let source = source_of("aws-sdk-ecs").join("operation");
    let modules: BTreeSet<String> = fs::read_dir(source)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().replace('_', ""))
        .collect();
    let table: BTreeSet<String> =
        ecs().operations.iter().map(|operation| operation.name.to_ascii_lowercase()).collect();
    assert_eq!(table, modules);
}

/// The table's structures; a request or answer goes by its operation, as in the SDK.
fn of_table(api: &Api) -> Members {
    fn visit(shape: &'static Shape, name: &str, seen: &mut HashSet<String>, members: &mut Members) {
        if !seen.insert(name.to_owned()) {
            return;
        }
        if let Some(element) = shape.element() {
            visit(element, element.name, seen, members);
        }
        for member in shape.members() {
            members.insert(format!("{name}.{}", member.name), kind(member.shape));
            visit(member.shape, member.shape.name, seen, members);
        }
    }
    let (mut seen, mut members) = (HashSet::new(), Members::new());
    for operation in api.operations {
        visit(operation.input, &format!("{}Input", operation.name), &mut seen, &mut members);
        visit(operation.output, &format!("{}Output", operation.name), &mut seen, &mut members);
    }
    members
}

fn kind(shape: &Shape) -> &'static str {
    match shape.kind {
        Kind::Structure(_) => "Structure",
        Kind::List { .. } => "List",
        Kind::Map { .. } => "Map",
        Kind::String { .. } => "String",
        Kind::Boolean => "Boolean",
        Kind::Integer { .. } => "Integer",
        Kind::Double { .. } => "Double",
        Kind::Timestamp => "Timestamp",
        Kind::Blob => "Blob",
        Kind::Document => "Document",
    }
}

/// The members that the SDK's schema constants state.
fn of_sdk(judged: &Judged) -> Members {
    let mut members = Members::new();
    let source = source_of(judged.sdk);
    for folder in ["types", "operation"] {
        for file in rust_files(&source.join(folder)) {
            read_schemas(&fs::read_to_string(file).unwrap(), judged.namespace, &mut members);
        }
    }
    members
}

/// Finds `ShapeId::from_parts("<namespace>#Shape$member", ...)` and the `ShapeType` that follows.
fn read_schemas(text: &str, namespace: &str, members: &mut Members) {
    const TYPE: &str = "ShapeType::";
    for (start, _) in text.match_indices(&format!("\"{namespace}")) {
        let rest = &text[start + 1..];
        let literal = &rest[..rest.find('"').unwrap()];
        let Some((shape, member)) = literal.split_once('#').and_then(|(_, name)| name.split_once('$')) else {
            continue;
        };
        let after = &rest[rest.find(TYPE).unwrap() + TYPE.len()..];
        let name = &after[..after.find(|letter: char| !letter.is_alphanumeric()).unwrap()];
        members.insert(format!("{shape}.{member}"), sdk_kind(name));
    }
}

fn sdk_kind(name: &str) -> &'static str {
    match name {
        "String" | "Enum" => "String",
        "Integer" | "Long" => "Integer",
        "Double" | "Float" => "Double",
        "Boolean" => "Boolean",
        "Timestamp" => "Timestamp",
        "Blob" => "Blob",
        "List" => "List",
        "Map" => "Map",
        "Structure" | "Union" => "Structure",
        "Document" => "Document",
        other => panic!("a type that this test does not know: {other}"),
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// Where cargo has unpacked a package of the workspace's lock file.
fn source_of(package: &str) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let found = packages.iter().find(|candidate| candidate["name"] == package).unwrap();
    Path::new(found["manifest_path"].as_str().unwrap()).parent().unwrap().join("src")
}
