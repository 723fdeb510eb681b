//! What an operation does when it ends.

use super::{
    catalog::Catalog,
    instance::Instance,
    namespace::{Namespace, NamespaceChange},
    service::ServiceChange,
};

/// Why an operation failed: `ErrorCode` and `ErrorMessage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// A change of the catalog that takes its time.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    AddNamespace(Box<Namespace>),
    UpdateNamespace { id: String, change: NamespaceChange },
    RemoveNamespace { id: String },
    UpdateService { id: String, change: ServiceChange },
    PutInstance { service: String, id: String, instance: Instance },
    RemoveInstance { service: String, id: String },
    SetHealth { service: String, instance: String, healthy: bool },
    RemoveEmptyService { id: String },
}

impl Change {
    /// The operation's `Type`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::AddNamespace(_) => "CREATE_NAMESPACE",
            Self::UpdateNamespace { .. } => "UPDATE_NAMESPACE",
            Self::RemoveNamespace { .. } => "DELETE_NAMESPACE",
            // No operation tells of the other two.
            Self::UpdateService { .. } | Self::SetHealth { .. } | Self::RemoveEmptyService { .. } => {
                "UPDATE_SERVICE"
            }
            Self::PutInstance { .. } => "REGISTER_INSTANCE",
            Self::RemoveInstance { .. } => "DEREGISTER_INSTANCE",
        }
    }

    /// The operation's `Targets`.
    pub(super) fn targets(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::AddNamespace(namespace) => vec![("NAMESPACE", &namespace.id)],
            Self::UpdateNamespace { id, .. } | Self::RemoveNamespace { id } => vec![("NAMESPACE", id)],
            Self::UpdateService { id, .. } | Self::RemoveEmptyService { id } => vec![("SERVICE", id)],
            Self::PutInstance { service, id, .. }
            | Self::RemoveInstance { service, id }
            | Self::SetHealth { service, instance: id, .. } => vec![("SERVICE", service), ("INSTANCE", id)],
        }
    }

    /// Whether the two cannot be on their way at once.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::SetHealth { .. } | Self::RemoveEmptyService { .. }, _) => false,
            (Self::AddNamespace(one), Self::AddNamespace(other)) => one.clashes(other),
            _ => self.targets() == other.targets(),
        }
    }

    pub(super) fn apply(self, catalog: &mut Catalog) -> Result<(), Failure> {
        match self {
            Self::AddNamespace(namespace) => {
                if let Some(failure) = namespace.zone_conflict(catalog) {
                    return Err(failure);
                }
                catalog.namespaces.insert(namespace.id.clone(), *namespace);
            }
            Self::UpdateNamespace { id, change } => {
                if let Some(namespace) = catalog.namespaces.get_mut(&id) {
                    namespace.change(change);
                }
            }
            Self::RemoveNamespace { id } => {
                catalog.namespaces.remove(&id);
            }
            Self::UpdateService { id, change } => {
                if let Some(service) = catalog.services.get_mut(&id) {
                    service.change(change);
                }
            }
            Self::PutInstance { service, id, instance } => {
                if let Some(service) = catalog.services.get_mut(&service) {
                    service.put(id, instance);
                }
            }
            Self::RemoveInstance { service, id } => {
                if let Some(service) = catalog.services.get_mut(&service) {
                    service.take_out(&id);
                }
            }
            Self::RemoveEmptyService { id } => {
                if catalog.services.get(&id).is_some_and(|service| service.instances.is_empty()) {
                    catalog.services.remove(&id);
                }
            }
            Self::SetHealth { service, instance, healthy } => {
                let known = catalog.services.get_mut(&service);
                if let Some(known) = known.and_then(|known| known.instances.get_mut(&instance)) {
                    known.healthy = healthy;
                }
                catalog.forget_report(service, instance);
            }
        }
        Ok(())
    }
}
