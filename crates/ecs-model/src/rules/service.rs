//! The rules of CreateService's and UpdateService's members.

use super::{
    Absent,
    Constant::{Bool, EmptyList, Int, Object, Text},
    ReadFrom, Reset, Rule, Spelling, When,
};
use crate::difference::Effect::{InPlace, NewDeployment, Recreate};

const UPDATE: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html";
const CREATE: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html";
const DEPLOYMENT: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html";
const BREAKER: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentCircuitBreaker.html";
const VPC: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html";
const CAPACITY: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html";
const CONNECT: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectService.html";
const HOOK: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentLifecycleHook.html";
const REVISION: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevision.html";
/// Removals confirmed on live accounts, July and August 2026.
const REMOVED_LIVE: &str = "https://github.com/go-to-k/cdkd (ecs-provider.ts; #1160, #1225, #1806, #1861)";
/// Services declared and read back from live accounts.
const READ_BACK: &str = "https://github.com/go-to-k/cdk-real-drift (tests/corpus/AWS__ECS__Service)";
/// `null` is ignored, an empty list removes.
const LATTICE_REMOVED: &str = "https://github.com/hashicorp/terraform-provider-aws/issues/41600";
/// `host` comes back as `instanceId`, `cpu` and `memory` in capitals.
const PLACEMENT_SPELLING: &str =
    "https://github.com/hashicorp/terraform-provider-aws (service/ecs, placement)";

const ROOT: &str = "CreateServiceRequest";
const CONFIGURATION: &str = "DeploymentConfiguration";

pub(super) static RULES: &[Rule] = &[
    own("schedulingStrategy", UPDATE).text("REPLICA").effect(Recreate),
    own("launchType", UPDATE).reset(Reset::Impossible).effect(Recreate),
    own("deploymentController", UPDATE).reset(Reset::To(Object(&[("type", Text("ECS"))]))).effect(InPlace),
    own("networkConfiguration", UPDATE).reset(Reset::Impossible).effect(NewDeployment),
    own("platformVersion", REMOVED_LIVE).text("LATEST").effect(NewDeployment),
    own("loadBalancers", UPDATE)
        .keyed(&["targetGroupArn", "loadBalancerName"])
        .emptied()
        .effect(NewDeployment),
    own("serviceRegistries", UPDATE).keyed(&["registryArn"]).emptied().effect(NewDeployment),
    own("serviceConnectConfiguration", UPDATE)
        .reset(Reset::To(Object(&[("enabled", Bool(false))])))
        .effect(NewDeployment)
        .read_from(ReadFrom::PrimaryDeployment),
    own("volumeConfigurations", UPDATE)
        .keyed(&["name"])
        .emptied()
        .effect(NewDeployment)
        .read_from(ReadFrom::PrimaryDeployment),
    own("vpcLatticeConfigurations", LATTICE_REMOVED)
        .keyed(&["targetGroupArn", "portName"])
        .emptied()
        .effect(NewDeployment)
        .read_from(ReadFrom::PrimaryDeployment),
    own("capacityProviderStrategy", UPDATE).emptied().effect(NewDeployment),
    own("deploymentConfiguration", UPDATE).effect(InPlace),
    own("availabilityZoneRebalancing", CREATE)
        .absent(Absent::Either(When::Daemon, Text("DISABLED"), Text("ENABLED")))
        .effect(InPlace),
    own("placementConstraints", UPDATE).keyed(&["type", "expression"]).emptied().effect(InPlace),
    own("placementStrategy", UPDATE).emptied().effect(InPlace),
    own("healthCheckGracePeriodSeconds", REMOVED_LIVE).int(0).effect(InPlace),
    own("enableExecuteCommand", REMOVED_LIVE).is(Bool(false)).effect(InPlace),
    own("enableECSManagedTags", REMOVED_LIVE).is(Bool(false)).effect(InPlace),
    own("propagateTags", REMOVED_LIVE).text("NONE").effect(InPlace),
    // The model says nothing of a new deployment for these two, nor how they are removed.
    own("monitoring", REVISION).reset(Reset::Impossible).effect(InPlace).read_from(ReadFrom::Revision),
    own("gatewayConnectors", REVISION)
        .keyed(&["portName"])
        .reset(Reset::Impossible)
        .effect(InPlace)
        .read_from(ReadFrom::Revision),
    // UpdateService merges these one by one.
    merged("strategy", DEPLOYMENT).text("ROLLING"),
    merged("maximumPercent", DEPLOYMENT).absent(Absent::Either(When::Daemon, Int(100), Int(200))),
    merged("minimumHealthyPercent", DEPLOYMENT).absent(Absent::Either(When::Daemon, Int(0), Int(100))),
    merged("bakeTimeInMinutes", READ_BACK).int(0),
    merged("deploymentCircuitBreaker", REMOVED_LIVE),
    merged("alarms", REMOVED_LIVE).reset(Reset::To(Object(&[
        ("alarmNames", EmptyList),
        ("enable", Bool(false)),
        ("rollback", Bool(false)),
    ]))),
    merged("lifecycleHooks", HOOK).keyed(&["hookTargetArn"]).emptied(),
    // Each goes with its strategy.
    merged("linearConfiguration", DEPLOYMENT).reset(Reset::Impossible),
    merged("canaryConfiguration", DEPLOYMENT).reset(Reset::Impossible),
    merged("earlySuccessCriteria", DEPLOYMENT).reset(Reset::To(Object(&[("enable", Bool(false))]))),
    // The required two are replaced with the structure, the optional two are kept until sent anew.
    Rule::of("DeploymentCircuitBreaker", "resetOnHealthyTask", BREAKER).is(Bool(true)).unowned(),
    Rule::of("DeploymentCircuitBreaker", "thresholdConfiguration", BREAKER)
        .unowned()
        .reset(Reset::To(Object(&[("type", Text("BOUNDED_PERCENT")), ("value", Int(50))]))),
    Rule::of("ThresholdConfiguration", "type", BREAKER).text("BOUNDED_PERCENT"),
    Rule::of("ThresholdConfiguration", "value", BREAKER).int(50),
    Rule::of("DeploymentAlarms", "alarmNames", DEPLOYMENT).set(),
    Rule::of("LinearConfiguration", "stepPercent", REMOVED_LIVE).int(10),
    Rule::of("LinearConfiguration", "stepBakeTimeInMinutes", REMOVED_LIVE).int(6),
    Rule::of("CanaryConfiguration", "canaryPercent", REMOVED_LIVE).int(5),
    Rule::of("CanaryConfiguration", "canaryBakeTimeInMinutes", REMOVED_LIVE).int(10),
    Rule::of("DeploymentLifecycleHook", "targetType", HOOK).text("AWS_LAMBDA"),
    Rule::of("DeploymentLifecycleHook", "lifecycleStages", HOOK).set(),
    Rule::of("DeploymentLifecycleHookTimeoutConfiguration", "timeoutInMinutes", REMOVED_LIVE).int(1440),
    Rule::of("DeploymentLifecycleHookTimeoutConfiguration", "action", REMOVED_LIVE).text("ROLLBACK"),
    Rule::of("DeploymentController", "type", CREATE).text("ECS"),
    Rule::of("AwsVpcConfiguration", "subnets", READ_BACK).set(),
    Rule::of("AwsVpcConfiguration", "securityGroups", READ_BACK).set(),
    Rule::of("AwsVpcConfiguration", "assignPublicIp", VPC).text("DISABLED"),
    Rule::of("CapacityProviderStrategyItem", "base", CAPACITY).int(0),
    Rule::of("CapacityProviderStrategyItem", "weight", CAPACITY).int(0),
    Rule::of("PlacementStrategy", "field", PLACEMENT_SPELLING).spelling(Spelling::PlacementField),
    Rule::of("ServiceConnectConfiguration", "services", CONNECT).keyed(&["portName"]),
    Rule::of("ServiceConnectService", "discoveryName", CONNECT).absent(Absent::SameAs("portName")),
    Rule::of("ServiceConnectService", "clientAliases", CONNECT).keyed(&["dnsName", "port"]),
    Rule::of("ServiceManagedEBSVolumeConfiguration", "tagSpecifications", UPDATE).keyed(&["resourceType"]),
    Rule::of("EBSTagSpecification", "tags", UPDATE).keyed(&["key"]),
    Rule::of("EBSTagSpecification", "propagateTags", UPDATE).text("NONE"),
    Rule::of("MetricConfiguration", "metricNames", REVISION).set(),
    Rule::of("GatewayConnectorFilters", "accessTypes", REVISION).set(),
];

const fn own(member: &'static str, source: &'static str) -> Rule {
    Rule::of(ROOT, member, source).unowned()
}

const fn merged(member: &'static str, source: &'static str) -> Rule {
    Rule::of(CONFIGURATION, member, source).unowned()
}

impl Rule {
    const fn emptied(self) -> Self {
        self.reset(Reset::To(EmptyList))
    }
}
