//! Elastic Load Balancing as a neighbour of ECS: which operation is served by what.

use std::sync::Arc;

use async_trait::async_trait;
use coxswain_ecs_shapes::{Api, elbv2};
use serde_json::Value;

use super::{Balancing, attribute::Whose, balancer::subnets, limits};
use crate::{caller::Identity, error::ApiError, neighbour::Neighbour, wire::not_done, world::World};

#[async_trait]
impl Neighbour for Arc<Balancing> {
    fn api(&self) -> &'static Api {
        elbv2()
    }

    fn refusal(&self) -> &'static str {
        "ValidationError"
    }

    async fn call(
        &self,
        operation: &str,
        request: &Value,
        _: &Identity,
        world: &World,
    ) -> Result<Value, ApiError> {
        let now = world.clock.now();
        // ECS's lock is taken and given back before this service's own.
        let zones = || -> Result<Vec<(String, String)>, ApiError> {
            let subnets = subnets(request)?;
            let mut ecs = world.state();
            Ok(subnets.into_iter().map(|subnet| (ecs.zones.of_subnet(&subnet), subnet)).collect())
        };
        match operation {
            "AddListenerCertificates" => self.add_listener_certificates(request),
            "AddTags" => self.add_tags(request),
            "AddTrustStoreRevocations" => self.add_revocations(request),
            "CreateListener" => self.create_listener(request),
            "CreateLoadBalancer" => self.create_balancer(request, zones()?, now),
            "CreateRule" => self.create_rule(request),
            "CreateTargetGroup" => self.create_group(request),
            "CreateTrustStore" => self.create_store(request),
            "DeleteListener" => self.delete_listener(request),
            "DeleteLoadBalancer" => self.delete_balancer(request),
            "DeleteRule" => self.delete_rule(request),
            "DeleteTargetGroup" => self.delete_group(request),
            "DeleteTrustStore" => self.delete_store(request),
            "DeregisterTargets" => self.deregister_targets(request, now),
            "DescribeAccountLimits" => limits::describe(request),
            "DescribeListenerAttributes" => self.describe_attributes(Whose::Listener, request),
            "DescribeListenerCertificates" => self.describe_listener_certificates(request),
            "DescribeListeners" => self.describe_listeners(request),
            "DescribeLoadBalancerAttributes" => self.describe_attributes(Whose::Balancer, request),
            "DescribeLoadBalancers" => self.describe_balancers(request),
            "DescribeRules" => self.describe_rules(request),
            "DescribeSSLPolicies" => limits::describe_policies(request),
            "DescribeTags" => self.describe_tags(request),
            "DescribeTargetGroupAttributes" => self.describe_attributes(Whose::Group, request),
            "DescribeTargetGroups" => self.describe_groups(request),
            "DescribeTargetHealth" => self.describe_target_health(request, now),
            "DescribeTrustStoreAssociations" => self.describe_store_associations(request),
            "DescribeTrustStoreRevocations" => self.describe_revocations(request),
            "DescribeTrustStores" => self.describe_stores(request),
            "GetTrustStoreCaCertificatesBundle" | "GetTrustStoreRevocationContent" => {
                self.store_content(request, world.surroundings().url)
            }
            "ModifyListener" => self.modify_listener(request),
            "ModifyListenerAttributes" => self.modify_attributes(Whose::Listener, request),
            "ModifyLoadBalancerAttributes" => self.modify_attributes(Whose::Balancer, request),
            "ModifyRule" => self.modify_rule(request),
            "ModifyTargetGroup" => self.modify_group(request),
            "ModifyTargetGroupAttributes" => self.modify_attributes(Whose::Group, request),
            "ModifyTrustStore" => self.modify_store(request),
            "RegisterTargets" => self.register_targets(request, now),
            "RemoveListenerCertificates" => self.remove_listener_certificates(request),
            "RemoveTags" => self.remove_tags(request),
            "RemoveTrustStoreRevocations" => self.remove_revocations(request),
            "SetIpAddressType" => self.set_address_type(request),
            "SetRulePriorities" => self.set_rule_priorities(request),
            "SetSecurityGroups" => self.set_security_groups(request),
            "SetSubnets" => self.set_subnets(request, zones()?),
            other => Err(not_done("elbv2", other)),
        }
    }
}
