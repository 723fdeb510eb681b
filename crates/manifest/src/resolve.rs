//! From a judged bundle and its parameters' values to what the planner works on.

use std::collections::BTreeMap;

use coxswain_ecs_shapes::{Shape, lower};
use serde_json::{Value, json};

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::judge::{Service, faults_of};
use crate::load::{Loaded, in_order};
use crate::merge::list_key;
use crate::reference::{self, Values};
use crate::resolved::{
    Count, EnvironmentSettings, Origin, OriginSource, ParameterValue, Resolved, ResolvedObject,
    ResolvedService,
};
use crate::source::{Location, Sources, Span};
use crate::tree::{Data, Tree};
use crate::v1;

impl Loaded {
    /// Puts values in the place of references, and gives each object in the wire's JSON.
    ///
    /// A value that does not resolve, or that is wrong once it is known, blocks its object only. So does
    /// an error of the object's own: whether a bundle with errors is applied at all is the caller's
    /// decision, by [`has_errors`](Self::has_errors).
    ///
    /// # Errors
    /// What is wrong with the bundle, where it has not exactly one sound Environment.
    pub fn resolve(
        &self,
        parameters: &BTreeMap<String, ParameterValue>,
    ) -> Result<Resolved, Vec<Diagnostic>> {
        let objects = self.resolve_each(parameters)?.collect();
        let environment = self.environment.settings.clone().ok_or_else(|| self.diagnostics.clone())?;
        Ok(Resolved { environment, objects })
    }

    /// The same, one object after the other, for those who need not hold all of them at once.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn resolve_each<'a>(
        &'a self,
        parameters: &'a BTreeMap<String, ParameterValue>,
    ) -> Result<impl Iterator<Item = ResolvedObject> + 'a, Vec<Diagnostic>> {
        let Some(environment) = &self.environment.settings else {
            return Err(self.diagnostics.clone());
        };
        let scope = Scope {
            environment,
            document: self.environment.tree.as_ref().map(|tree| tree.span),
            cluster: self
                .environment
                .at(&["spec", "cluster"])
                .map(|cluster| self.sources.location(cluster.span)),
            sources: &self.sources,
            parameters,
        };
        Ok(self.services.iter().map(move |service| (service.key.clone(), scope.resolve(service))))
    }
}

struct Scope<'a> {
    environment: &'a EnvironmentSettings,
    /// The Environment's document.
    document: Option<Span>,
    /// Where the Environment names its cluster.
    cluster: Option<Location>,
    sources: &'a Sources,
    parameters: &'a BTreeMap<String, ParameterValue>,
}

impl Scope<'_> {
    fn resolve(&self, service: &Service) -> Result<ResolvedService, Vec<Diagnostic>> {
        let is_error = |found: &Diagnostic| found.severity == Severity::Error;
        if service.diagnostics.iter().any(is_error) {
            return Err(in_order(service.diagnostics.clone()));
        }
        let mut tree = service.tree.clone();
        let mut found = Vec::new();
        let values = Values { environment: Some(self.environment), parameters: Some(self.parameters) };
        reference::substitute(&mut tree, &values, self.sources, &mut found);
        // Whatever else went wrong, nothing is applied with a value left out.
        if let Some(span) = reference::unresolved(&tree).filter(|_| found.is_empty()) {
            let message = "a reference in this value has none itself";
            found.push(Diagnostic::error(Code::UnresolvedReference, self.sources.location(span), message));
        }
        found.extend(faults_of(&tree, self.sources));
        if found.iter().any(is_error) {
            return Err(in_order(found.into_iter().map(|found| found.object(Some(&service.key))).collect()));
        }
        Ok(self.lower(service, &tree))
    }

    fn lower(&self, service: &Service, tree: &Tree) -> ResolvedService {
        let empty = Tree::new(Data::Object(Vec::new()), tree.span);
        let spec = tree.get("spec").unwrap_or(&empty);
        let part = |field: &str| spec.get(field).unwrap_or(&empty);
        let (definition_tree, service_tree) = (part("taskDefinition"), part("service"));
        let mut definition = lower(&v1::service::TASK_DEFINITION, definition_tree);
        let mut wanted = lower(&v1::service::SERVICE, service_tree);
        let mut origins = Vec::new();
        self.origins(&v1::service::TASK_DEFINITION, definition_tree, "taskDefinition", None, &mut origins);
        self.origins(&v1::service::SERVICE, service_tree, "service", None, &mut origins);
        let name = service.key.name.as_str();
        let mut fill = |request: &mut Value, path: &str, default: &str, source: OriginSource| {
            let (value, is_default) = filled(request, path, default);
            if is_default {
                origins.push(Origin { path: path.to_owned(), source });
            }
            value
        };
        let family = fill(&mut definition, "taskDefinition.family", name, OriginSource::Coxswain);
        fill(&mut wanted, "service.serviceName", name, OriginSource::Coxswain);
        let cluster = self.cluster.clone().map_or(OriginSource::Coxswain, OriginSource::Environment);
        fill(&mut wanted, "service.cluster", &self.environment.cluster, cluster);
        let drift = v1::environment::drift_policy(spec.get("drift"));
        ResolvedService {
            key: service.key.clone(),
            location: service.location.clone(),
            family,
            task_definition_tags: self.tags(&mut definition),
            tags: self.tags(&mut wanted),
            creation_defaults: creation_defaults(&wanted),
            task_definition: definition,
            service: wanted,
            count: count(spec),
            progress_deadline_seconds: progress_deadline(spec),
            drift: drift.unwrap_or(self.environment.drift),
            suspended: spec.get("suspend").and_then(Tree::text) == Some("true"),
            ignore_differences: texts(spec.get("ignoreDifferences")),
            origins,
        }
    }

    /// The Environment's tags under the request's own, which are taken out of it.
    fn tags(&self, request: &mut Value) -> BTreeMap<String, String> {
        let mut tags = self.environment.tags.clone();
        let own = request.as_object_mut().and_then(|members| members.remove("tags"));
        for tag in own.as_ref().and_then(Value::as_array).into_iter().flatten() {
            let text = |member: &str| tag.get(member).and_then(Value::as_str).unwrap_or("").to_owned();
            tags.insert(text("key"), text("value"));
        }
        tags
    }

    /// Lists a value where its layer differs from that of what holds it.
    fn origins(
        &self,
        shape: &Shape,
        tree: &Tree,
        path: &str,
        holder: Option<&OriginSource>,
        origins: &mut Vec<Origin>,
    ) {
        let source = self.source(tree);
        let is_same_layer = holder.is_some_and(|holder| match (holder, &source) {
            (
                OriginSource::Reference { reference: one, .. },
                OriginSource::Reference { reference: other, .. },
            ) => one == other,
            (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
        });
        if !is_same_layer {
            origins.push(Origin { path: path.to_owned(), source: source.clone() });
        }
        for entry in tree.entries() {
            let member = shape.member(&entry.key).map(|member| member.shape).or_else(|| shape.element());
            if let Some(member) = member {
                self.origins(member, &entry.value, &format!("{path}.{}", entry.key), Some(&source), origins);
            }
        }
        let Some(item_shape) = shape.element() else { return };
        for (index, item) in tree.items().iter().enumerate() {
            let key = list_key(item_shape).and_then(|key| item.get(key)?.text());
            let name = key.map_or_else(|| index.to_string(), str::to_owned);
            self.origins(item_shape, item, &format!("{path}[{name}]"), Some(&source), origins);
        }
    }

    fn source(&self, tree: &Tree) -> OriginSource {
        let location = self.sources.location(tree.span);
        if let Some(reference) = &tree.reference {
            return OriginSource::Reference { reference: reference.clone(), location };
        }
        let is_default = self.document.is_some_and(|document| {
            document.file == tree.span.file && (document.start..=document.end).contains(&tree.span.start)
        });
        if is_default { OriginSource::Environment(location) } else { OriginSource::Manifest(location) }
    }
}

/// Sets the member at the end of `path`, if the manifest leaves it out; its value either way, and
/// whether it is the default.
fn filled(request: &mut Value, path: &str, default: &str) -> (String, bool) {
    let member = path.rsplit('.').next().unwrap_or(path);
    if let Some(own) = request.get(member).and_then(Value::as_str) {
        return (own.to_owned(), false);
    }
    if let Some(members) = request.as_object_mut() {
        members.insert(member.to_owned(), Value::from(default));
    }
    (default.to_owned(), true)
}

/// The circuit breaker with rollback, unless the manifest says what it wants of it. Only ECS's own
/// deployment controller has one.
fn creation_defaults(service: &Value) -> Value {
    let controller = service.pointer("/deploymentController/type").and_then(Value::as_str);
    let is_named = service.pointer("/deploymentConfiguration/deploymentCircuitBreaker").is_some();
    if is_named || !matches!(controller, None | Some("ECS")) {
        json!({})
    } else {
        json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}})
    }
}

fn count(spec: &Tree) -> Count {
    let fixed = spec.get("count").and_then(|count| count.get("fixed")?.text()?.trim().parse().ok());
    fixed.map_or(Count::Unmanaged, Count::Fixed)
}

fn progress_deadline(spec: &Tree) -> u32 {
    let deadline = spec.get("rollout").and_then(|rollout| rollout.get("progressDeadlineSeconds"));
    let seconds = deadline.and_then(Tree::text).and_then(|text| text.trim().parse().ok());
    seconds.unwrap_or(v1::service::PROGRESS_DEADLINE_SECONDS)
}

fn texts(list: Option<&Tree>) -> Vec<String> {
    list.map(Tree::items).unwrap_or_default().iter().filter_map(Tree::text).map(str::to_owned).collect()
}
