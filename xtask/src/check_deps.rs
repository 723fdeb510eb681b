//! `cargo xtask check-deps`: the workspace's graph, held against the design's table.
//!
//! cargo-deny's wrappers see direct parents only; this sees what each room may reach at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// What each package may use of the workspace, directly. A package that is not listed may use nothing.
const TABLE: &[(&str, &[&str])] = &[
    ("coxswain-ecs-shapes", &[]),
    ("coxswain-ecs-model", &["coxswain-ecs-shapes"]),
    ("coxswain-manifest", &["coxswain-ecs-shapes", "coxswain-ecs-model"]),
    ("coxswain-plan", &["coxswain-manifest", "coxswain-ecs-model"]),
    ("coxswain-runtime", &["coxswain-store"]),
    ("coxswain-store", &[]),
    ("coxswain-identity", &[]),
    ("coxswain-local-aws", &["coxswain-ecs-shapes"]),
    ("coxswain-api", &["coxswain-identity", "coxswain-store"]),
    (
        "coxswain-controller",
        &["coxswain-ecs-model", "coxswain-manifest", "coxswain-plan", "coxswain-runtime", "coxswain-store"],
    ),
    (
        "coxswain-cli",
        &[
            "coxswain-controller",
            "coxswain-ecs-model",
            "coxswain-local-aws",
            "coxswain-manifest",
            "coxswain-plan",
            "coxswain-runtime",
            "coxswain-store",
        ],
    ),
    ("coxswain-tests", &[]),
    ("xtask", &[]),
];

/// What a package must not reach, by any road of normal dependencies.
const UNREACHABLE: &[(&str, &[&str])] = &[
    ("coxswain-ecs-shapes", &["tokio", "aws-sdk-ecs", "thiserror"]),
    ("coxswain-ecs-model", &["tokio", "aws-sdk-ecs"]),
    ("coxswain-manifest", &["tokio", "aws-sdk-ecs"]),
    ("coxswain-plan", &["tokio", "aws-sdk-ecs", "aws-smithy-runtime-api"]),
    ("coxswain-runtime", &["aws-sdk-ecs", "coxswain-manifest", "coxswain-ecs-model"]),
    ("coxswain-local-aws", &["coxswain-ecs-model", "coxswain-manifest", "coxswain-plan", "aws-sdk-ecs"]),
    ("coxswain-api", &["coxswain-controller", "coxswain-plan", "aws-sdk-ecs"]),
    ("xtask", &["aws-sdk-ecs", "tokio"]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDependency>,
}

#[derive(Deserialize)]
struct NodeDependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

/// Fails with every breach of the table.
pub(crate) fn run() -> Result<()> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(crate::workspace_root())
        .output()
        .context("cargo metadata")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let breaches = breaches(&serde_json::from_slice(&output.stdout)?);
    ensure!(breaches.is_empty(), "the crate graph breaks the design's table:\n  {}", breaches.join("\n  "));
    Ok(())
}

fn breaches(metadata: &Metadata) -> Vec<String> {
    let table: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    let members: Vec<&Package> =
        metadata.packages.iter().filter(|package| metadata.workspace_members.contains(&package.id)).collect();
    let names: BTreeSet<&str> = members.iter().map(|package| package.name.as_str()).collect();
    let mut breaches = Vec::new();
    for package in &members {
        let Some(allowed) = table.get(package.name.as_str()) else {
            breaches.push(format!("{} is not in the table of xtask/src/check_deps.rs", package.name));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.kind.is_none()) {
            let name = dependency.name.as_str();
            if names.contains(name) && !allowed.contains(&name) {
                breaches.push(format!("{} may not use {name}", package.name));
            }
        }
    }
    for (package, forbidden) in UNREACHABLE {
        let reached = reached(metadata, package);
        for name in forbidden.iter().filter(|name| reached.contains(**name)) {
            breaches.push(format!(
                "{package} reaches {name}: find the road with cargo tree -p {package} -i {name}"
            ));
        }
    }
    breaches
}

/// The names of all packages that `package` reaches through normal dependencies.
fn reached<'a>(metadata: &'a Metadata, package: &str) -> BTreeSet<&'a str> {
    let names: BTreeMap<&str, &str> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
    let nodes: BTreeMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut todo: Vec<&str> = metadata
        .packages
        .iter()
        .filter(|found| found.name == package)
        .map(|found| found.id.as_str())
        .collect();
    let mut seen = BTreeSet::new();
    let mut found = BTreeSet::new();
    while let Some(id) = todo.pop() {
        for dependency in nodes.get(id).map(|node| node.deps.as_slice()).unwrap_or_default() {
            let normal = dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
            if normal && seen.insert(dependency.pkg.as_str()) {
                found.extend(names.get(dependency.pkg.as_str()));
                todo.push(&dependency.pkg);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(uses: &str) -> Metadata {
        serde_json::from_value(serde_json::json!({
            "packages": [
                { "id": "plan", "name": "coxswain-plan", "dependencies": [{ "name": uses, "kind": null }] },
                { "id": "other", "name": uses, "dependencies": [] },
            ],
            "workspace_members": ["plan", "other"],
            "resolve": { "nodes": [
                { "id": "plan", "deps": [{ "pkg": "other", "dep_kinds": [{ "kind": null }] }] },
                { "id": "other", "deps": [] },
            ]},
        }))
        .unwrap()
    }

    #[test]
    fn a_use_that_the_table_does_not_allow_is_named() {
        assert_eq!(breaches(&metadata("coxswain-store")), ["coxswain-plan may not use coxswain-store"]);
        assert!(breaches(&metadata("coxswain-ecs-model")).is_empty());
    }

    #[test]
    fn what_must_not_be_reached_is_found_behind_any_number_of_steps() {
        let found = breaches(&metadata("tokio"));
        assert!(found.iter().any(|breach| breach.starts_with("coxswain-plan reaches tokio")), "{found:?}");
    }
}
