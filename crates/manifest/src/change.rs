//! What one set of manifests changes against another, object by object.

use std::collections::{BTreeMap, BTreeSet};

use coxswain_ecs_shapes::Shape;
use serde::Serialize;

use crate::key::Kind;
use crate::load::Loaded;
use crate::merge::list_key;
use crate::tree::{Data, Tree};
use crate::v1;

/// An object that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectChange {
    /// `service/api`, or `environment/dev`.
    pub object: String,
    /// How.
    pub change: ChangeKind,
    /// The fields that differ, where it is in both: no values, since some are nobody's business.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// How an object differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Some of its fields differ.
    Changed,
    /// It is gone.
    Removed,
}

/// Which objects differ, in the order of their names; the Environment first.
///
/// Defaults are merged: one that changes is told of each Service that it reaches. References are compared as
/// they are written, those to the Environment by their values.
///
/// ```
/// use coxswain_manifest::{SourceFile, changes, load};
/// let set = |cluster: &str| {
///     let text = format!(
///         "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: {{ name: dev }}\nspec: {{ cluster: {cluster} }}"
///     );
///     load(vec![SourceFile { path: "environment.yaml".to_owned(), content: text.into() }])
/// };
/// let found = changes(Some(&set("blue")), &set("green"));
/// assert_eq!((found[0].object.as_str(), &found[0].fields[..]), ("environment/dev", &["cluster".to_owned()][..]));
/// ```
pub fn changes(before: Option<&Loaded>, after: &Loaded) -> Vec<ObjectChange> {
    let (old, new) = (before.map(objects).unwrap_or_default(), objects(after));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let mut found = Vec::new();
    for key in keys {
        let (change, fields) = match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => {
                let mut fields = Vec::new();
                compare(v1::document(key.0), Some(old), Some(new), "", &mut fields);
                if fields.is_empty() {
                    continue;
                }
                (ChangeKind::Changed, fields.into_iter().map(short).collect())
            }
            (None, _) => (ChangeKind::Added, Vec::new()),
            (_, None) => (ChangeKind::Removed, Vec::new()),
        };
        found.push(ObjectChange { object: format!("{}/{}", key.0.lowercase(), key.1), change, fields });
    }
    found
}

/// By kind and name: both sets are of one environment.
fn objects(loaded: &Loaded) -> BTreeMap<(Kind, &str), &Tree> {
    let services = loaded.services.iter().map(|service| (&service.key, &service.tree));
    let services = services.map(|(key, tree)| ((key.kind, key.name.as_str()), tree));
    let environment = loaded.environment().map(|settings| settings.name.as_str());
    let environment = environment.zip(loaded.environment.tree.as_ref());
    services.chain(environment.map(|(name, tree)| ((Kind::Environment, name), tree))).collect()
}

/// `spec.count.fixed` is said as `count.fixed`.
fn short(path: String) -> String {
    path.strip_prefix("spec.").map(str::to_owned).unwrap_or(path)
}

/// Lists the topmost fields that differ; nothing (`null`) is the same as absent.
fn compare(shape: &Shape, old: Option<&Tree>, new: Option<&Tree>, path: &str, found: &mut Vec<String>) {
    let is_there = |tree: &&Tree| tree.data != Data::Null;
    // What the defaults say is told of each Service.
    if shape.name == "Defaults" {
        return;
    }
    match (old.filter(is_there), new.filter(is_there)) {
        (None, None) => {}
        (Some(old), Some(new)) => match (&old.data, &new.data) {
            (Data::Object(_), Data::Object(_)) => objects_differ(shape, old, new, path, found),
            (Data::List(_), Data::List(_)) => lists_differ(shape, old, new, path, found),
            _ if is_same(old, new) => {}
            _ => found.push(path.to_owned()),
        },
        _ => found.push(path.to_owned()),
    }
}

fn objects_differ(shape: &Shape, old: &Tree, new: &Tree, path: &str, found: &mut Vec<String>) {
    let mut names: Vec<&str> =
        old.entries().iter().chain(new.entries()).map(|entry| entry.key.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let below = shape.member(name).map(|member| member.shape).or_else(|| shape.element());
        let below = below.unwrap_or(&v1::STRING);
        compare(below, old.get(name), new.get(name), &crate::faults::join(path, name), found);
    }
}

fn lists_differ(shape: &Shape, old: &Tree, new: &Tree, path: &str, found: &mut Vec<String>) {
    let item = shape.element().unwrap_or(&v1::STRING);
    let (old_items, new_items) = (named(item, old), named(item, new));
    if let (Some(old_items), Some(new_items)) = (old_items, new_items) {
        let names: BTreeSet<_> = old_items.keys().chain(new_items.keys()).copied().collect();
        for name in names {
            let (old, new) = (old_items.get(name).copied(), new_items.get(name).copied());
            compare(item, old, new, &format!("{path}[{name}]"), found);
        }
        return;
    }
    if old.items().len() != new.items().len() {
        found.push(path.to_owned());
        return;
    }
    for (index, (old, new)) in old.items().iter().zip(new.items()).enumerate() {
        compare(item, Some(old), Some(new), &format!("{path}[{index}]"), found);
    }
}

/// The items by what tells them apart; nothing where something does not.
fn named<'a>(item: &Shape, list: &'a Tree) -> Option<BTreeMap<&'a str, &'a Tree>> {
    let key = list_key(item)?;
    let items: Option<BTreeMap<_, _>> =
        list.items().iter().map(|item| Some((item.get(key)?.text()?, item))).collect();
    items.filter(|items| items.len() == list.items().len())
}

fn is_same(old: &Tree, new: &Tree) -> bool {
    match (&old.data, &new.data) {
        (Data::Template(old), Data::Template(new)) => old.written() == new.written(),
        _ => old.text().is_some() && old.text() == new.text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load;
    use crate::source::SourceFile;

    const ENVIRONMENT: &str = "{apiVersion: coxswain.dev/v1, kind: Environment, metadata: {name: dev}, spec: {cluster: c, \
        defaults: {taskDefinition: {memory: 512}}, tags: {team: shop}}}";
    const SERVICE: &str = "{apiVersion: coxswain.dev/v1, kind: Service, metadata: {name: api}, spec: {count: {fixed: 2}, \
        taskDefinition: {containerDefinitions: [{name: api, image: '${param:/image}', cpu: 1, \
        environment: [{name: A, value: a}, {name: T, value: '${env.tags.team}'}], command: [a, b]}]}}}";

    fn loaded(documents: &[&str]) -> Loaded {
        let content = documents.join("\n---\n").into_bytes();
        let loaded = load(vec![SourceFile { path: "a.yaml".to_owned(), content }]);
        assert_eq!(loaded.diagnostics(), []);
        loaded
    }

    fn told(before: &[&str], after: &[&str]) -> Vec<String> {
        let found = changes(Some(&loaded(before)), &loaded(after));
        found.iter().map(|one| format!("{} {:?} {}", one.object, one.change, one.fields.join(" "))).collect()
    }

    #[test]
    fn what_is_written_in_another_way_and_means_the_same_is_no_change() {
        let service = SERVICE
            .replace("cpu: 1", "cpu: '1', hostname: null")
            .replace("{name: A, value: a}, {name: T", "{name: T")
            .replace("team}'}]", "team}'}, {value: a, name: A}]");
        let environment = ENVIRONMENT.replace("memory: 512", "memory: \"512\"");
        assert_eq!(told(&[ENVIRONMENT, SERVICE], &[&service, &environment]), [""; 0]);
    }

    #[test]
    fn fields_are_told_by_the_names_of_their_items_and_no_value_is() {
        let service = SERVICE
            .replace("value: a}", "value: secret}")
            .replace("[a, b]", "[a, c]")
            .replace("/image", "/other")
            .replace("cpu: 1", "cpu: 1, healthCheck: {command: [CMD, x]}");
        let container = "taskDefinition.containerDefinitions[api]";
        let fields = ["command[1]", "environment[A].value", "healthCheck", "image"];
        let fields = fields.map(|field| format!("{container}.{field}")).join(" ");
        assert_eq!(
            told(&[ENVIRONMENT, SERVICE], &[ENVIRONMENT, &service]),
            [format!("service/api Changed {fields}")]
        );
    }

    #[test]
    fn what_a_default_or_a_tag_changes_is_told_of_each_service_that_it_reaches() {
        let environment = ENVIRONMENT.replace("512", "1024").replace("shop", "store");
        assert_eq!(
            told(&[ENVIRONMENT, SERVICE], &[&environment, SERVICE]),
            [
                "environment/dev Changed tags.team",
                "service/api Changed taskDefinition.containerDefinitions[api].environment[T].value \
                 taskDefinition.memory",
            ]
        );
    }

    #[test]
    fn objects_come_and_go() {
        let web = SERVICE.replace("metadata: {name: api}", "metadata: {name: web}");
        assert_eq!(
            told(&[ENVIRONMENT, SERVICE], &[ENVIRONMENT, &web]),
            ["service/api Removed ", "service/web Added "]
        );
        let first = changes(None, &loaded(&[ENVIRONMENT, SERVICE]));
        assert!(first.iter().all(|one| one.change == ChangeKind::Added) && first.len() == 2, "{first:?}");
    }
}
