//! AWS Cloud Map: namespaces, services in them, and the instances that clients discover.
//!
//! Requests come here checked by the shape table. What changes a namespace, or what DNS would say, is an
//! operation that ends later, as in Cloud Map: nothing runs for that, whoever looks first
//! [settles](Catalog::settle) what has become due. ECS registers its tasks here, [`records`] is what the
//! DNS server answers from.
//!
//! # Limits
//!
//! One account: nothing is shared, RESOURCE_OWNER other than SELF finds nothing. Route 53's health checks
//! (`HealthCheckConfig`) are kept and not run. `AWS_EC2_INSTANCE_ID` is refused, since there is no
//! instance; `AWS_ALIAS_DNS_NAME` is kept, and DNS has no address for it.

mod catalog;
mod change;
mod discover;
mod filter;
mod instance;
mod namespace;
mod operation;
pub(crate) mod records;
mod refusal;
mod registrar;
mod service;
mod service_attribute;
mod tag;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use coxswain_ecs_shapes::{Api, cloud_map};
use serde_json::Value;

use self::catalog::Catalog;
pub(crate) use self::registrar::Registry;
use crate::{
    caller::Identity, clock::Time, config::Config, error::ApiError, neighbour::Neighbour, wire::not_done,
    world::World,
};

/// Cloud Map in one account and region; every clone is the same one.
///
/// Its lock may be taken while ECS's is held, and never the other way round.
#[derive(Debug, Clone)]
pub(crate) struct CloudMap(Arc<Mutex<Catalog>>);

impl CloudMap {
    /// A Cloud Map in which nothing exists.
    pub(crate) fn new(config: &Config) -> Self {
        Self(Arc::new(Mutex::new(Catalog::new(config))))
    }

    /// The catalog as it is at that time.
    fn at(&self, now: Time) -> MutexGuard<'_, Catalog> {
        let mut catalog = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        catalog.settle(now);
        catalog
    }

    /// Answers an operation whose request the table has found right.
    pub(crate) fn call(&self, operation: &str, request: &Value, now: Time) -> Result<Value, ApiError> {
        let mut catalog = self.at(now);
        match operation {
            "CreateHttpNamespace" => namespace::create(&mut catalog, namespace::Kind::Http, request, now),
            "CreatePrivateDnsNamespace" => {
                namespace::create(&mut catalog, namespace::Kind::Private, request, now)
            }
            "CreatePublicDnsNamespace" => {
                namespace::create(&mut catalog, namespace::Kind::Public, request, now)
            }
            "UpdateHttpNamespace" => namespace::update(&mut catalog, namespace::Kind::Http, request, now),
            "UpdatePrivateDnsNamespace" => {
                namespace::update(&mut catalog, namespace::Kind::Private, request, now)
            }
            "UpdatePublicDnsNamespace" => {
                namespace::update(&mut catalog, namespace::Kind::Public, request, now)
            }
            "DeleteNamespace" => namespace::delete(&mut catalog, request, now),
            "GetNamespace" => namespace::get(&catalog, request),
            "ListNamespaces" => namespace::list(&catalog, request),
            "CreateService" => service::create(&mut catalog, request, now),
            "UpdateService" => service::update(&mut catalog, request, now),
            "DeleteService" => service::delete(&mut catalog, request),
            "GetService" => service::get(&catalog, request),
            "ListServices" => service::list(&catalog, request),
            "GetServiceAttributes" => service_attribute::get(&catalog, request),
            "UpdateServiceAttributes" => service_attribute::update(&mut catalog, request),
            "DeleteServiceAttributes" => service_attribute::delete(&mut catalog, request),
            "RegisterInstance" => instance::register(&mut catalog, request, now),
            "DeregisterInstance" => instance::deregister(&mut catalog, request, now),
            "GetInstance" => instance::get(&catalog, request),
            "ListInstances" => instance::list(&catalog, request),
            "GetInstancesHealthStatus" => instance::health(&catalog, request),
            "UpdateInstanceCustomHealthStatus" => instance::update_health(&mut catalog, request, now),
            "DiscoverInstances" => discover::instances(&mut catalog, request),
            "DiscoverInstancesRevision" => discover::revision(&catalog, request),
            "GetOperation" => operation::get(&catalog, request),
            "ListOperations" => operation::list(&catalog, request),
            "TagResource" => tag::add(&mut catalog, request),
            "UntagResource" => tag::remove(&mut catalog, request),
            "ListTagsForResource" => tag::list(&mut catalog, request),
            other => Err(not_done("servicediscovery", other)),
        }
    }
}

#[async_trait]
impl Neighbour for CloudMap {
    fn api(&self) -> &'static Api {
        cloud_map()
    }

    fn refusal(&self) -> &'static str {
        "InvalidInput"
    }

    async fn call(
        &self,
        operation: &str,
        request: &Value,
        _: &Identity,
        world: &World,
    ) -> Result<Value, ApiError> {
        self.call(operation, request, world.clock.now())
    }
}

#[cfg(test)]
mod tests;
