//! The Environment's defaults under a Service's own fields.
//!
//! Objects are merged member by member, and the Service wins. Lists whose items have a key (containers,
//! environment and secrets by name, ports by containerPort, and so on) are merged item by item; a
//! default item that the Service does not have is added. Every other list is the Service's alone.
//! A member that the Service writes as `null` takes no default.
//!
//! A default container without a name is merged into *every* container.

use coxswain_ecs_shapes::Shape;

use crate::tree::{Data, Entry, Tree};

/// The member that tells a list's items apart, by the items' shape.
const KEYS: &[(&str, &str)] = &[
    ("ContainerDefinition", "name"),
    ("ContainerDependency", "containerName"),
    ("HostEntry", "hostname"),
    ("KeyValuePair", "name"),
    ("MountPoint", "containerPath"),
    ("PortMapping", "containerPort"),
    ("Secret", "name"),
    ("ServiceVolumeConfiguration", "name"),
    ("SystemControl", "namespace"),
    ("Tag", "key"),
    ("Ulimit", "name"),
    ("Volume", "name"),
];

/// The member that tells items of that shape apart, if any does.
pub(crate) fn list_key(item: &Shape) -> Option<&'static str> {
    KEYS.iter().find(|(shape, _)| *shape == item.name).map(|(_, key)| *key)
}

/// `own` over `defaults`, both of that shape.
pub(crate) fn merge(shape: &Shape, defaults: &Tree, own: &Tree) -> Tree {
    let data = match (&defaults.data, &own.data) {
        (Data::Object(below), Data::Object(above)) => Data::Object(objects(shape, below, above)),
        (Data::List(below), Data::List(above)) => {
            match shape.element().and_then(|item| Some((item, list_key(item)?))) {
                Some((item, key)) => Data::List(lists(item, key, below, above)),
                None => return own.clone(),
            }
        }
        _ => return own.clone(),
    };
    Tree { data, span: own.span, reference: None }
}

fn objects(shape: &Shape, below: &[Entry], above: &[Entry]) -> Vec<Entry> {
    let mut merged: Vec<Entry> = above
        .iter()
        .map(|own| {
            let default = below.iter().find(|default| default.key == own.key);
            let member = shape.member(&own.key).map(|member| member.shape).or_else(|| shape.element());
            match default.zip(member) {
                Some((default, member)) => {
                    Entry { value: merge(member, &default.value, &own.value), ..own.clone() }
                }
                None => own.clone(),
            }
        })
        .collect();
    merged.extend(below.iter().filter(|default| !above.iter().any(|own| own.key == default.key)).cloned());
    merged
}

fn lists(item: &Shape, key: &str, below: &[Tree], above: &[Tree]) -> Vec<Tree> {
    let name = |tree: &Tree| tree.get(key).and_then(Tree::text).map(str::to_owned);
    let mut merged = above.to_vec();
    for default in below {
        match name(default) {
            None if is_for_every(item, key, default) => {}
            None => merged.push(default.clone()),
            Some(wanted) => match merged.iter_mut().find(|own| name(own).as_ref() == Some(&wanted)) {
                Some(own) => *own = merge(item, default, own),
                None => merged.push(default.clone()),
            },
        }
    }
    for default in below.iter().filter(|default| is_for_every(item, key, default)) {
        for own in &mut merged {
            *own = merge(item, default, own);
        }
    }
    merged
}

/// Whether a default stands for every item: a container without a name.
pub(crate) fn is_for_every(item: &Shape, key: &str, default: &Tree) -> bool {
    item.name == "ContainerDefinition"
        && matches!(default.data, Data::Object(_))
        && default.entry(key).is_none()
}
