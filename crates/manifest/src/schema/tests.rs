use std::path::{Path, PathBuf};

use jsonschema::Validator;

use super::*;
use crate::code::Code;
use crate::faults;
use crate::load::load;
use crate::reference;
use crate::source::{FileId, SourceFile, Sources};
use crate::tree::{Data, Tree};

/// The file that each schema is kept in, under `manifests/schema`.
const FILES: &[(&str, Option<Kind>)] = &[
    ("coxswain.json", None),
    ("environment.json", Some(Kind::Environment)),
    ("service.json", Some(Kind::Service)),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn validator_of(kind: Option<Kind>) -> Validator {
    jsonschema::draft7::new(&schema(kind)).unwrap()
}

#[test]
fn the_schemas_that_are_kept_are_those_that_are_made() {
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever changes a shape")]
    let is_update = std::env::var("UPDATE_EXPECTED").is_ok();
    for (name, kind) in FILES {
        let path = root().join("manifests/schema").join(name);
        let made = format!("{:#}\n", schema(*kind));
        if is_update {
            std::fs::write(&path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == made,
            "{name} is not current: UPDATE_EXPECTED=1 cargo test -p coxswain-manifest schema"
        );
    }
}

#[test]
fn every_schema_is_one_by_the_metaschema_of_draft_7() {
    for (name, kind) in FILES {
        let found = jsonschema::draft7::meta::validate(&schema(*kind)).map_err(|error| error.to_string());
        assert_eq!(found, Ok(()), "{name}");
    }
}

#[test]
fn every_field_has_a_description() {
    fn look(schema: &Value, path: &str, seen: &mut usize) {
        for (field, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            assert!(member.get("description").is_some_and(Value::is_string), "{path}.{field}");
            *seen += 1;
            look(member, &format!("{path}.{field}"), seen);
        }
        for below in ["items", "additionalProperties"].iter().filter_map(|key| schema.get(key)) {
            look(below, path, seen);
        }
    }
    let mut seen = 0;
    for kind in Kind::ALL {
        let schema = schema(Some(*kind));
        look(&schema, kind.as_str(), &mut seen);
        for (name, definition) in schema["definitions"].as_object().unwrap() {
            look(definition, name, &mut seen);
        }
    }
    assert!(seen > 300, "only {seen} fields");
}

/// The documents of a file as an editor sees them, by YAML 1.2's core schema.
fn documents(path: &str, text: &str) -> Vec<Value> {
    if Path::new(path).extension().is_some_and(|extension| extension == "json") {
        return serde_json::from_str(text).into_iter().collect();
    }
    let sources = Sources::new(vec![(path.to_owned(), text.to_owned())]);
    let file = sources.iter().next().map(|(file, ..)| file).unwrap();
    crate::yaml::read(file, text, &sources, &mut Vec::new()).iter().map(|tree| seen(tree, &sources)).collect()
}

fn seen(tree: &Tree, sources: &Sources) -> Value {
    match &tree.data {
        Data::Null | Data::Template(_) => Value::Null,
        Data::Boolean(value) => json!(value),
        Data::Text(text) if sources.slice(tree.span).starts_with(['"', '\'', '|', '>']) => json!(text),
        Data::Text(text) | Data::Number(text) => match text.as_str() {
            "True" | "TRUE" => json!(true),
            "False" | "FALSE" => json!(false),
            text => text
                .parse::<i64>()
                .ok()
                .map(Value::from)
                .or_else(|| text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Value::from))
                .unwrap_or_else(|| json!(text)),
        },
        Data::List(items) => items.iter().map(|item| seen(item, sources)).collect(),
        Data::Object(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), seen(&entry.value, sources)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

fn manifests(folder: &Path) -> Vec<SourceFile> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.is_file())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path))
        .filter(|(name, _)| name != "expected.txt" && name != "parameters.json")
        .map(|(path, file)| SourceFile { path, content: std::fs::read(file).unwrap() })
        .collect()
}

#[test]
fn what_is_valid_is_valid_in_the_editor() {
    let any = validator_of(None);
    let mut judged = 0;
    let cases = folders(&root().join("crates/manifest/tests/cases"));
    for folder in cases.into_iter().chain([root().join("manifests/example")]) {
        let files = manifests(&folder);
        if load(files.clone()).has_errors() {
            continue;
        }
        for file in files {
            let text = crate::document::decode(&file.path, file.content).unwrap();
            for document in documents(&file.path, &text) {
                let found: Vec<_> = any.iter_errors(&document).map(|error| error.to_string()).collect();
                assert_eq!(found, [""; 0], "{} of {}: {document:#}", file.path, folder.display());
                judged += 1;
            }
        }
    }
    assert!(judged > 20, "only {judged} documents");
}

#[test]
fn what_is_wrong_is_wrong_in_the_editor_too() {
    const ENVIRONMENT: &str =
        "{apiVersion: coxswain.dev/v1, kind: Environment, metadata: {name: dev}, spec: {cluster: dev}}";
    const SERVICE: &str = "{apiVersion: coxswain.dev/v1, kind: Service, metadata: {name: api}, spec: \
        {count: {fixed: 2}, service: {launchType: EXTERNAL}, taskDefinition: {memory: 512, \
        containerDefinitions: [{name: api, image: 'api:1', essential: true}]}}}";
    let any = validator_of(None);
    let is_right = |text: &str| documents("a.yaml", text).iter().all(|document| any.is_valid(document));
    let bundle = |one: &str, other: &str| {
        let content = format!("{one}\n---\n{other}\n").into_bytes();
        load(vec![SourceFile { path: "a.yaml".to_owned(), content }]).has_errors()
    };
    assert!(is_right(ENVIRONMENT) && is_right(SERVICE) && !bundle(ENVIRONMENT, SERVICE));
    for (right, wrong) in [
        ("coxswain.dev/v1", "coxswain.dev/v2"),
        ("kind: Service", "kind: Sevrice"),
        ("kind: Service", "kind: Gateway"),
        ("kind: Service, ", ""),
        ("metadata: {name: api}, ", ""),
        ("name: api}, spec", "name: a.b}, spec"),
        ("name: api}, spec", "name: null}, spec"),
        ("fixed: 2", "fixed: 2.5"),
        ("fixed: 2", "fixed: two"),
        ("fixed: 2", "fixed: '010'"),
        ("fixed: 2", "fixed: 5001"),
        ("fixed: 2", "autoscaling: {min: 1}"),
        ("{fixed: 2}", "{}"),
        ("{fixed: 2}", "2"),
        ("EXTERNAL", "FARGTE"),
        ("launchType: EXTERNAL", "desiredCount: 2"),
        ("launchType: EXTERNAL", "loadBalancers: [null]"),
        ("launchType: EXTERNAL", "networkConfiguration: '${param:/x}'"),
        ("launchType: EXTERNAL", "capacityProviderStrategy: [{weight: 1}]"),
        ("launchType: EXTERNAL", "tags: [{key: '', value: x}]"),
        ("memory: 512", "memory: [512]"),
        ("{name: api, ", "{"),
        ("image:", "imgae:"),
        ("essential: true", "essential: yes"),
        ("essential: true", "secrets: [{valueFrom: a}]"),
        ("essential: true", "environment: {A: b}"),
    ] {
        let service = SERVICE.replacen(right, wrong, 1);
        assert_ne!(service, SERVICE, "{right}");
        assert!(bundle(ENVIRONMENT, &service), "cox validate takes {wrong}");
        assert!(!is_right(&service), "the schema takes {wrong}");
    }
    for (right, wrong) in [
        ("cluster: dev", ""),
        ("cluster: dev", "cluster: dev, regoin: eu-west-1"),
        ("cluster: dev", "cluster: dev, region: Ireland"),
        ("cluster: dev", "cluster: dev, account: '12345'"),
        ("cluster: dev", "cluster: dev, role: admin"),
        ("cluster: dev", "cluster: dev, policy: {drift: '${env.name}'}"),
        ("cluster: dev", "cluster: '${param:/cluster}'"),
        ("cluster: dev", "cluster: dev, defaults: {taskDefinition: {containerDefinitions: [{imgae: a}]}}"),
    ] {
        let environment = ENVIRONMENT.replacen(right, wrong, 1);
        assert!(bundle(&environment, SERVICE), "cox validate takes {wrong}");
        assert!(!is_right(&environment), "the schema takes {wrong}");
    }
}

/// Makes documents of every form that people write, and now and then one with a fault.
struct Maker {
    rng: fastrand::Rng,
    /// A fault is made where this runs out.
    until_fault: Option<u32>,
}

impl Maker {
    fn document(&mut self, kind: Kind) -> Value {
        let mut document = self.value(v1::document(kind), kind == Kind::Service);
        document["apiVersion"] = json!(v1::API_VERSION);
        document["kind"] = json!(kind.as_str());
        document
    }

    fn value(&mut self, shape: &'static Shape, may_refer: bool) -> Value {
        if let Some(left) = &mut self.until_fault {
            *left = left.saturating_sub(1);
            if *left == 0 && shape.name != "String" {
                self.until_fault = None;
                return self.wrong(shape);
            }
        }
        if may_refer && shape.is_of_texts() && self.rng.u8(..8) == 0 {
            return json!(
                ["${param:/a/b}", "x-${env.name}", "$${literal}${env.region}"][self.rng.usize(..3)]
            );
        }
        match shape.kind {
            ShapeKind::Structure(members) => {
                let mut made = Map::new();
                for member in members {
                    let is_wanted = member.required || is_needed_key(shape, member) && member.name == "name";
                    if !is_wanted && self.rng.u8(..6) > 0 {
                        continue;
                    }
                    let may_refer = may_refer || shape.name == "Defaults";
                    let value = self.value(member.shape, may_refer);
                    let is_nothing = !is_wanted && self.rng.u8(..10) == 0;
                    made.insert(member.name.to_owned(), if is_nothing { Value::Null } else { value });
                }
                if shape.name == "Count" && made.is_empty() {
                    made.insert("fixed".to_owned(), json!(1));
                }
                Value::Object(made)
            }
            ShapeKind::List { item, min, max } => {
                let least = min.unwrap_or(0);
                let most = max.unwrap_or(least + 2).min(least + 2);
                (0..self.rng.u64(least..=most)).map(|_| self.value(item, may_refer)).collect()
            }
            ShapeKind::Map { value, .. } => {
                let count = self.rng.usize(..3);
                let keys = ["team", "Äpfel", "a.b-c"].iter().take(count);
                keys.map(|key| ((*key).to_owned(), self.value(value, may_refer)))
                    .collect::<Map<_, _>>()
                    .into()
            }
            _ => self.scalar(shape),
        }
    }

    fn scalar(&mut self, shape: &Shape) -> Value {
        let is_text = self.rng.bool();
        match shape.kind {
            ShapeKind::String { values, .. } if !values.is_empty() => {
                json!(values[self.rng.usize(..values.len())])
            }
            ShapeKind::String { .. } if shape.name == "Region" => json!("eu-west-1"),
            ShapeKind::String { .. } if shape.name == "Account" => json!("123456789012"),
            ShapeKind::String { .. } if shape.name == "Name" => json!("a_-1"),
            ShapeKind::String { min, max, .. } => match self.rng.u8(..5) {
                0 => json!(self.rng.u32(..)),
                1 => json!(self.rng.bool()),
                2 => json!(self.rng.f64()),
                3 => json!("ü".repeat(usize::try_from(max.unwrap_or(40)).unwrap())),
                _ => json!("ß".repeat(usize::try_from(min.unwrap_or(0)).unwrap())),
            },
            ShapeKind::Boolean if is_text => json!(self.rng.bool().to_string()),
            ShapeKind::Boolean => json!(self.rng.bool()),
            ShapeKind::Integer { min, max } => {
                let number = self.rng.i64(min.unwrap_or(-3)..=max.unwrap_or(100_000));
                if is_text { json!(number.to_string()) } else { json!(number) }
            }
            ShapeKind::Double { min, .. } => {
                let number = min.unwrap_or(0.0) + self.rng.f64();
                if is_text { json!(number.to_string()) } else { json!(number) }
            }
            ShapeKind::Document => {
                [json!({ "a": [null, { "b": 1 }] }), json!([]), json!(true), json!("text")]
                    [self.rng.usize(..4)]
                .clone()
            }
            _ => json!("text"),
        }
    }

    fn wrong(&mut self, shape: &Shape) -> Value {
        match shape.kind {
            ShapeKind::Structure(_) => {
                [json!({ "zebra": 1 }), json!([]), json!("text"), json!(true)][self.rng.usize(..4)].clone()
            }
            ShapeKind::Map { .. } => [json!([]), json!("text"), json!(7)][self.rng.usize(..3)].clone(),
            ShapeKind::List { max: Some(max), item, .. } if self.rng.bool() => {
                let one = self.scalar(item);
                vec![one; usize::try_from(max).unwrap() + 1].into()
            }
            ShapeKind::List { .. } => {
                [json!({}), json!([null]), json!("text"), json!(7)][self.rng.usize(..4)].clone()
            }
            ShapeKind::String { values, max, .. } => match max.filter(|_| self.rng.bool()) {
                Some(max) => json!("x".repeat(usize::try_from(max).unwrap() + 1)),
                None if values.is_empty() => [json!({}), json!([])][self.rng.usize(..2)].clone(),
                None => [json!("zebra"), json!(7), json!(true)][self.rng.usize(..3)].clone(),
            },
            ShapeKind::Integer { max: Some(max), .. } if self.rng.bool() => json!(max + 1),
            ShapeKind::Integer { min: Some(min), .. } if self.rng.bool() => json!(min - 1),
            ShapeKind::Integer { .. } => [json!(1.5), json!("1.5"), json!(" 7"), json!("007"), json!(true)]
                [self.rng.usize(..5)]
            .clone(),
            _ => [json!("zebra"), json!([]), json!({})][self.rng.usize(..3)].clone(),
        }
    }
}

/// What the walk finds wrong with a document, apart from what is missing.
fn walked(kind: Kind, document: &Value) -> Vec<String> {
    let text = document.to_string();
    let sources = Sources::new(vec![("a.json".to_owned(), text.clone())]);
    let file: FileId = sources.iter().next().map(|(file, ..)| file).unwrap();
    let mut found = Vec::new();
    let mut trees = crate::json::read(file, &text, &sources, &mut found);
    reference::find(&mut trees[0], &sources, &mut found);
    found.extend(faults::find(v1::document(kind), &trees[0], &sources));
    found.retain(|fault| fault.code != Code::MissingField);
    found.iter().map(|fault| format!("{}: {}", fault.field, fault.message)).collect()
}

#[test]
fn the_editor_and_the_walk_agree_on_what_nobody_has_thought_of() {
    let (mut right, mut wrong) = (0, 0);
    for kind in Kind::ALL {
        let validator = validator_of(Some(*kind));
        let any = validator_of(None);
        for seed in 0..1_500 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let until_fault = (rng.u8(..3) > 0).then(|| rng.u32(2..25));
            let document = Maker { rng, until_fault }.document(*kind);
            let walked = walked(*kind, &document);
            let errors: Vec<_> = validator
                .iter_errors(&document)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert_eq!(
                errors.is_empty(),
                walked.is_empty(),
                "{seed}: {errors:?}, {walked:?} of {document:#}"
            );
            assert_eq!(any.is_valid(&document), errors.is_empty(), "{seed}: {document:#}");
            if walked.is_empty() { right += 1 } else { wrong += 1 }
        }
    }
    assert!(right > 500 && wrong > 500, "{right} right and {wrong} wrong documents are too few to judge by");
}
