//! `cargo xtask codegen`: botocore's models become the static tables of `crates/ecs-shapes`.
//!
//! Only names, types, enumerations, ranges and requiredness are taken; no prose. The version is
//! pinned, so the output is the same wherever it runs, and `--check` holds it against the files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

/// botocore's version: the newest model that was read when the table was last generated.
pub(crate) const BOTOCORE: &str = "1.44.8";

/// (folder in botocore, version, module, operations; empty means all).
const APIS: &[(&str, &str, &str, &[&str])] = &[
    ("ecs", "2014-11-13", "ecs", &[]),
    (
        "application-autoscaling",
        "2016-02-06",
        "application_autoscaling",
        &[
            "DeleteScalingPolicy",
            "DeleteScheduledAction",
            "DeregisterScalableTarget",
            "DescribeScalableTargets",
            "DescribeScalingActivities",
            "DescribeScalingPolicies",
            "DescribeScheduledActions",
            "GetPredictiveScalingForecast",
            "ListTagsForResource",
            "PutScalingPolicy",
            "PutScheduledAction",
            "RegisterScalableTarget",
            "TagResource",
            "UntagResource",
        ],
    ),
    (
        "ssm",
        "2014-11-06",
        "ssm",
        &[
            "AddTagsToResource",
            "DeleteParameter",
            "DeleteParameters",
            "DescribeParameters",
            "GetParameter",
            "GetParameterHistory",
            "GetParameters",
            "GetParametersByPath",
            "LabelParameterVersion",
            "ListTagsForResource",
            "PutParameter",
            "RemoveTagsFromResource",
            "UnlabelParameterVersion",
        ],
    ),
    ("logs", "2014-03-28", "logs", &["DescribeLogStreams", "FilterLogEvents", "GetLogEvents"]),
    ("ecr", "2015-09-21", "ecr", &["BatchGetImage", "DescribeImages", "DescribeRepositories", "ListImages"]),
    ("secretsmanager", "2017-10-17", "secretsmanager", &[]),
    ("kms", "2014-11-01", "kms", &[]),
    ("servicediscovery", "2017-03-14", "servicediscovery", &[]),
    ("sqs", "2012-11-05", "sqs", &[]),
    ("events", "2015-10-07", "events", &[]),
    ("elbv2", "2015-12-01", "elbv2", &[]),
    ("sts", "2011-06-15", "sts", &[]),
];

#[derive(Deserialize)]
struct Model {
    metadata: Metadata,
    operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    protocol: String,
    #[serde(default)]
    target_prefix: String,
    #[serde(default)]
    json_version: String,
    #[serde(default)]
    xml_namespace: String,
    api_version: String,
}

#[derive(Deserialize)]
struct Operation {
    input: Option<Reference>,
    output: Option<Reference>,
    #[serde(default)]
    errors: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    shape: String,
    #[serde(default)]
    sensitive: bool,
    /// Another name on the wire than the member's own.
    location_name: Option<String>,
    result_wrapper: Option<String>,
}

#[derive(Deserialize)]
struct Shape {
    r#type: String,
    #[serde(default)]
    members: BTreeMap<String, Reference>,
    #[serde(default)]
    required: BTreeSet<String>,
    member: Option<Reference>,
    key: Option<Reference>,
    value: Option<Reference>,
    #[serde(default)]
    r#enum: Vec<String>,
    pattern: Option<String>,
    min: Option<Value>,
    max: Option<Value>,
    #[serde(default)]
    sensitive: bool,
    #[serde(default)]
    document: bool,
    #[serde(default)]
    flattened: bool,
    error: Option<ErrorName>,
}

/// What the query protocol calls an error.
#[derive(Deserialize)]
struct ErrorName {
    code: Option<String>,
}

/// Writes the tables, or with `check` fails where a file is not what would be written.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = crate::workspace_root();
    let folder = root.join("crates/ecs-shapes/src/generated");
    let wheels = root.join("target/xtask/botocore");
    let mut files = vec![("mod.rs".to_owned(), index())];
    for (service, version, module, operations) in APIS {
        let model = read_model(&wheels, service, version)?;
        files.push((format!("{module}.rs"), table(&model, service, operations)?));
    }
    fs::create_dir_all(&folder)?;
    for (name, text) in files {
        let path = folder.join(name);
        if check {
            let current = fs::read_to_string(&path).unwrap_or_default();
            ensure!(current == text, "{} is not current: run `cargo xtask codegen`", path.display());
        } else {
            fs::write(&path, text)?;
        }
    }
    Ok(())
}

fn index() -> String {
    let mut text = format!("//! Generated by `cargo xtask codegen` from botocore {BOTOCORE}.\n\n");
    for (_, _, module, _) in APIS {
        let _ = writeln!(text, "pub(crate) mod {module};");
    }
    text
}

fn read_model(wheels: &Path, service: &str, version: &str) -> Result<Model> {
    let wheel = wheels.join(format!("botocore-{BOTOCORE}-py3-none-any.whl"));
    if !wheel.exists() {
        let status = Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"])
            .arg(wheels)
            .arg(format!("botocore=={BOTOCORE}"))
            .status()
            .context("python3 with pip is needed to fetch botocore's models")?;
        ensure!(status.success(), "pip could not download botocore {BOTOCORE}");
    }
    let script = "import gzip,sys,zipfile\n\
                  sys.stdout.buffer.write(gzip.decompress(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2])))";
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(&wheel)
        .arg(format!("botocore/data/{service}/{version}/service-2.json.gz"))
        .output()?;
    ensure!(
        output.status.success(),
        "cannot read {service}'s model: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn table(model: &Model, service: &str, wanted: &[&str]) -> Result<String> {
    for name in wanted {
        ensure!(model.operations.contains_key(*name), "{service} has no operation {name}");
    }
    let metadata = &model.metadata;
    let is_query = metadata.protocol == "query";
    if is_query {
        check_query(model, service)?;
    }
    let operations: Vec<_> = model
        .operations
        .iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.contains(&name.as_str()))
        .collect();
    let mut text = format!(
        "//! Generated by `cargo xtask codegen` from botocore {BOTOCORE}.\n\n\
         use crate::shape::{{Api, Kind, Member, Operation, Shape}};\n\n\
         /// The API `{service}`.\n\
         pub static API: Api = Api {{\n    service: {service:?},\n    version: {:?},\n    \
         target_prefix: {:?},\n    json_version: {:?},\n    xml_namespace: {:?},\n    operations: &[\n",
        metadata.api_version, metadata.target_prefix, metadata.json_version, metadata.xml_namespace
    );
    let mut reached = BTreeSet::new();
    let mut needs_empty = false;
    for (name, operation) in &operations {
        let mut side = |reference: &Option<Reference>| {
            if let Some(reference) = reference {
                reach(model, &reference.shape, &mut reached);
                constant(&reference.shape)
            } else {
                needs_empty = true;
                "NOTHING".to_owned()
            }
        };
        let (input, output) = (side(&operation.input), side(&operation.output));
        let errors = operation.errors.iter().map(|error| error_name(model, &error.shape, is_query));
        let errors: Vec<_> = errors.collect();
        writeln!(
            text,
            "        Operation {{ name: {name:?}, input: &{input}, output: &{output}, errors: &{errors:?} }},"
        )?;
    }
    text.push_str("    ],\n};\n\n");
    if needs_empty {
        text.push_str("static NOTHING: Shape = Shape { name: \"Nothing\", kind: Kind::Structure(&[]) };\n");
    }
    for name in &reached {
        let shape = lookup(model, name)?;
        writeln!(
            text,
            "static {}: Shape = Shape {{ name: {name:?}, kind: {} }};",
            constant(name),
            kind(model, name, shape)?
        )?;
    }
    Ok(text)
}

/// Holds a model of the query protocol against what the local AWS's reading and writing of it knows:
/// lists under `member`, maps under `entry`, members under their own names, answers in their wrapper.
fn check_query(model: &Model, service: &str) -> Result<()> {
    for (name, operation) in &model.operations {
        let wrapper = operation.output.as_ref().and_then(|output| output.result_wrapper.as_deref());
        let usual = format!("{name}Result");
        ensure!(wrapper.is_none_or(|wrapper| wrapper == usual), "{service}'s {name} has another wrapper");
    }
    for (name, shape) in &model.shapes {
        let single = [&shape.member, &shape.key, &shape.value].into_iter().flatten();
        let renamed = shape.members.values().chain(single).any(|member| member.location_name.is_some());
        ensure!(!renamed && !shape.flattened, "{service}'s {name} has names on the wire that nothing reads");
    }
    Ok(())
}

/// An error as answers name it: in the query protocol, by its code.
fn error_name<'a>(model: &'a Model, shape: &'a str, is_query: bool) -> &'a str {
    let error = model.shapes.get(shape).filter(|_| is_query).and_then(|shape| shape.error.as_ref());
    error.and_then(|error| error.code.as_deref()).unwrap_or(shape)
}

fn lookup<'a>(model: &'a Model, name: &str) -> Result<&'a Shape> {
    model.shapes.get(name).with_context(|| format!("the model names a shape {name} and does not have it"))
}

fn reach(model: &Model, name: &str, reached: &mut BTreeSet<String>) {
    if !reached.insert(name.to_owned()) {
        return;
    }
    let Some(shape) = model.shapes.get(name) else {
        return;
    };
    let single = [&shape.member, &shape.key, &shape.value].into_iter().flatten();
    for reference in shape.members.values().chain(single) {
        reach(model, &reference.shape, reached);
    }
}

fn kind(model: &Model, name: &str, shape: &Shape) -> Result<String> {
    let whole = |limit: &Option<Value>| format!("{:?}", limit.as_ref().and_then(Value::as_i64));
    let count = |limit: &Option<Value>| format!("{:?}", limit.as_ref().and_then(Value::as_u64));
    let real = |limit: &Option<Value>| format!("{:?}", limit.as_ref().and_then(Value::as_f64));
    let inner = |reference: &Option<Reference>| {
        reference
            .as_ref()
            .map(|reference| constant(&reference.shape))
            .with_context(|| format!("{name} lacks its element"))
    };
    Ok(match shape.r#type.as_str() {
        "structure" if shape.document => "Kind::Document".to_owned(),
        "structure" => {
            let mut text = String::from("Kind::Structure(&[");
            for (member, reference) in &shape.members {
                let sensitive = reference.sensitive || lookup(model, &reference.shape)?.sensitive;
                write!(
                    text,
                    "\n    Member {{ name: {member:?}, shape: &{}, required: {}, sensitive: {sensitive} }},",
                    constant(&reference.shape),
                    shape.required.contains(member),
                )?;
            }
            text.push_str("\n])");
            text
        }
        "list" => format!(
            "Kind::List {{ item: &{}, min: {}, max: {} }}",
            inner(&shape.member)?,
            count(&shape.min),
            count(&shape.max)
        ),
        "map" => format!("Kind::Map {{ key: &{}, value: &{} }}", inner(&shape.key)?, inner(&shape.value)?),
        "string" => format!(
            "Kind::String {{ values: &{:?}, pattern: {:?}, min: {}, max: {} }}",
            shape.r#enum,
            shape.pattern,
            count(&shape.min),
            count(&shape.max)
        ),
        "boolean" => "Kind::Boolean".to_owned(),
        "integer" | "long" => {
            format!("Kind::Integer {{ min: {}, max: {} }}", whole(&shape.min), whole(&shape.max))
        }
        "double" | "float" => {
            format!("Kind::Double {{ min: {}, max: {} }}", real(&shape.min), real(&shape.max))
        }
        "timestamp" => "Kind::Timestamp".to_owned(),
        "blob" => "Kind::Blob".to_owned(),
        other => bail!("{name} has a type that the table does not know: {other}"),
    })
}

/// `ContainerDefinition` becomes `CONTAINER_DEFINITION`; a name in small letters (`string`) keeps a
/// mark of its own, since `String` is another shape.
fn constant(name: &str) -> String {
    let mut text = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        let after = letters.get(index + 1);
        let starts_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase())
            });
        if starts_word {
            text.push('_');
        }
        text.extend(letter.to_uppercase());
    }
    if letters.first().is_some_and(|letter| letter.is_lowercase()) {
        text.push_str("_LOWER");
    }
    text
}
