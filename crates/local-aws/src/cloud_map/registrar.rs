//! What ECS does with Cloud Map: it registers tasks, and makes services for Service Connect.
//!
//! ECS's calls queue up behind what is on its way, as if it sent them again after a `DuplicateRequest`.

use std::collections::BTreeMap;

use super::{CloudMap, change::Change, instance::Instance, namespace::Kind, service::RecordType};
use crate::clock::Time;

/// A service, as ECS has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registry {
    pub(crate) id: String,
    /// Whether DNS says a port, or the API is all there is.
    pub(crate) has_port_record: bool,
    /// Whether DNS says an address without a port.
    pub(crate) has_address_record: bool,
    pub(crate) has_custom_health: bool,
}

impl CloudMap {
    /// The service of that ARN.
    pub(crate) fn registry(&self, arn: &str, now: Time) -> Option<Registry> {
        let catalog = self.at(now);
        let service = catalog.service(arn).ok()?;
        let has = |kind| service.dns.as_ref().is_some_and(|dns| dns.ttl(kind).is_some());
        (catalog.arn("service", &service.id) == arn).then(|| Registry {
            id: service.id.clone(),
            has_port_record: has(RecordType::Srv),
            has_address_record: has(RecordType::A) || has(RecordType::Aaaa) || has(RecordType::Cname),
            has_custom_health: service.has_custom_health(),
        })
    }

    /// Registers a task; what is registered under its id already is replaced.
    pub(crate) fn register(&self, service: &str, id: &str, attributes: BTreeMap<String, String>, now: Time) {
        let instance = Instance::new(attributes, None);
        let change = Change::PutInstance { service: service.to_owned(), id: id.to_owned(), instance };
        self.at(now).queue(change, now);
    }

    /// Deregisters a task; it is found until that has had its effect.
    pub(crate) fn deregister(&self, service: &str, id: &str, now: Time) {
        self.at(now).queue(Change::RemoveInstance { service: service.to_owned(), id: id.to_owned() }, now);
    }

    /// Reports a task's health, where the service has a custom health check.
    pub(crate) fn report_health(&self, service: &str, id: &str, healthy: bool, now: Time) {
        self.at(now).report_health(service, id, healthy, now);
    }

    /// The ARN of the namespace that a name or an ARN names.
    pub(crate) fn namespace(&self, reference: &str, now: Time) -> Option<String> {
        let catalog = self.at(now);
        let namespace = if reference.starts_with("arn:") {
            catalog.namespace(reference).ok()
        } else {
            catalog.namespaces.values().find(|namespace| namespace.name == reference)
        };
        namespace.map(|namespace| catalog.arn("namespace", &namespace.id))
    }

    /// The namespace of that name; where there is none, an HTTP namespace is made at once.
    pub(crate) fn namespace_or_new(&self, reference: &str, now: Time) -> Option<String> {
        if let Some(arn) = self.namespace(reference, now) {
            return Some(arn);
        }
        if reference.starts_with("arn:") {
            return None;
        }
        let mut catalog = self.at(now);
        let namespace = catalog.new_namespace(Kind::Http, reference, now);
        let id = namespace.id.clone();
        catalog.namespaces.insert(id.clone(), namespace);
        Some(catalog.arn("namespace", &id))
    }

    /// The id and ARN of a service that the API alone finds, made where it is not there.
    pub(crate) fn connect_service(&self, namespace: &str, name: &str, now: Time) -> Option<(String, String)> {
        let mut catalog = self.at(now);
        let namespace = catalog.namespace(namespace).ok()?.id.clone();
        let known = catalog.services_in(&namespace).find(|service| service.name == name);
        let id = if let Some(known) = known {
            known.id.clone()
        } else {
            let service = catalog.new_service(&namespace, name, now);
            let id = service.id.clone();
            catalog.services.insert(id.clone(), service);
            id
        };
        let arn = catalog.arn("service", &id);
        Some((id, arn))
    }

    /// Deletes a service once what is on its way has ended, if nothing is registered in it then.
    pub(crate) fn delete_when_empty(&self, service: &str, now: Time) {
        let mut catalog = self.at(now);
        if let Ok(id) = catalog.service(service).map(|service| service.id.clone()) {
            catalog.queue_untold(Change::RemoveEmptyService { id }, now);
        }
    }
}
