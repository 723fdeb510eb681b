//! `kind: Environment`: where a bundle goes and what its objects share.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use coxswain_ecs_shapes::{Kind, Shape};

use super::service::{DRIFT, SERVICE, TASK_DEFINITION};
use super::{Later, METADATA, NAME, STRING, leak, optional, required};
use crate::resolved::{DriftPolicy, EnvironmentSettings};
use crate::tree::Tree;

/// The whole document.
pub(crate) static DOCUMENT: LazyLock<Shape> = LazyLock::new(|| {
    let defaults = vec![optional("service", &SERVICE), optional("taskDefinition", &TASK_DEFINITION)];
    let defaults = leak("Defaults", defaults);
    let spec = leak(
        "EnvironmentSpec",
        vec![
            optional("account", &ACCOUNT),
            required("cluster", &NAME),
            optional("defaults", defaults),
            optional("policy", &POLICY),
            optional("references", &REFERENCES),
            optional("region", &REGION),
            optional("tags", &TAGS),
        ],
    );
    let members = vec![
        required("apiVersion", &STRING),
        required("kind", &STRING),
        required("metadata", &METADATA),
        required("spec", spec),
    ];
    Shape { name: "Environment", kind: Kind::Structure(members.leak()) }
});

/// The rules judge it; the pattern is for editors, as the Region's.
static ACCOUNT: Shape = Shape {
    name: "Account",
    kind: Kind::String { values: &[], pattern: Some("^[0-9]+$"), min: Some(12), max: Some(12) },
};

static REGION: Shape = Shape {
    name: "Region",
    kind: Kind::String { values: &[], pattern: Some("^[a-z0-9-]*-[a-z0-9-]*$"), min: Some(1), max: None },
};

static POLICY: Shape =
    Shape { name: "Policy", kind: Kind::Structure(&[optional("drift", &DRIFT), optional("prune", &PRUNE)]) };

static REFERENCES: Shape =
    Shape { name: "References", kind: Kind::Structure(&[optional("refreshSeconds", &REFRESH)]) };

/// From a minute to a day.
static REFRESH: Shape = Shape { name: "Refresh", kind: Kind::Integer { min: Some(60), max: Some(86_400) } };

static PRUNE: Shape =
    Shape { name: "Prune", kind: Kind::String { values: &["off"], pattern: None, min: None, max: None } };

static TAGS: Shape = Shape { name: "TagMap", kind: Kind::Map { key: &TAG_KEY, value: &TAG_VALUE } };

static TAG_KEY: Shape =
    Shape { name: "TagKey", kind: Kind::String { values: &[], pattern: None, min: Some(1), max: Some(128) } };

static TAG_VALUE: Shape =
    Shape { name: "TagValue", kind: Kind::String { values: &[], pattern: None, min: None, max: Some(256) } };

/// Fields of the design that this version refuses by name.
pub(crate) const LATER: &[Later] = &[
    Later {
        shape: "EnvironmentSpec",
        field: "role",
        instead: "remove it; the controller's own role is used",
    },
    Later { shape: "EnvironmentSpec", field: "syncWindows", instead: "remove it, or suspend the objects" },
    Later { shape: "EnvironmentSpec", field: "windows", instead: "remove it, or suspend the objects" },
    Later { shape: "Policy", field: "budget", instead: "remove it; nothing is pruned by this version" },
    Later { shape: "Policy", field: "waves", instead: "remove it" },
];

/// The settings of a document that has no errors; nothing where it has no name or cluster.
pub(crate) fn settings(document: &Tree) -> Option<EnvironmentSettings> {
    let name = document.get("metadata")?.get("name")?.text()?.to_owned();
    let spec = document.get("spec")?;
    let text = |field: &str| spec.get(field).and_then(Tree::text).map(str::to_owned);
    let tags: BTreeMap<String, String> = spec
        .get("tags")
        .map(Tree::entries)
        .unwrap_or_default()
        .iter()
        .map(|entry| (entry.key.clone(), entry.value.text().unwrap_or("").to_owned()))
        .collect();
    let drift = spec.get("policy").and_then(|policy| policy.get("drift"));
    let refresh = spec.get("references").and_then(|references| references.get("refreshSeconds"));
    Some(EnvironmentSettings {
        name,
        region: text("region"),
        account: text("account"),
        cluster: text("cluster")?,
        tags,
        drift: drift_policy(drift).unwrap_or_default(),
        refresh_seconds: refresh.and_then(Tree::text).and_then(|text| text.trim().parse().ok()),
    })
}

/// The policy of that field.
pub(crate) fn drift_policy(field: Option<&Tree>) -> Option<DriftPolicy> {
    match field?.text()? {
        "report" => Some(DriftPolicy::Report),
        "correct" => Some(DriftPolicy::Correct),
        _ => None,
    }
}
