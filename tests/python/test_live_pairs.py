"""What was declared and what AWS then answered, as others published it: `crates/local-aws/tests/live-pairs`.

`crates/local-aws/tests/ecs/read_back.rs` holds task definitions and services to their pairs; this does the
same for clusters, capacity providers, task sets, scaling and Cloud Map, each as soon as its operations are
done. Pairs of scaling are of tables: what they show of targets and policies is the same for services.
"""

import json
import pathlib

import pytest

import shapes
from local import until

FOLDER = pathlib.Path(__file__).parents[2] / "crates/local-aws/tests/live-pairs"


def pairs(kind):
    found = sorted(FOLDER.glob(f"{kind}-*.json"))
    assert found, kind
    return [pytest.param(json.loads(path.read_text()), id=path.stem) for path in found]


def needs(local, service, operation):
    """Skips what the local AWS does not do: it says so to any request."""
    prefix = shapes.SESSION.get_service_model(service).metadata["targetPrefix"]
    _, answer = local.post(f"{prefix}.{operation}", b"{}")
    if answer.get("__type") in ("UnknownOperationException", "UnsupportedFeatureException"):
        pytest.skip(answer["message"])


def camel(value):
    """CloudFormation's names as ECS's."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: camel(member) for name, member in value.items()}
    return [camel(item) for item in value] if isinstance(value, list) else value


def own_tags(tags):
    """Without those that CloudFormation adds."""
    pairs = ({name.lower(): text for name, text in tag.items()} for tag in tags)
    return sorted((tag["key"], tag["value"]) for tag in pairs if not tag["key"].startswith("aws:"))


@pytest.fixture
def clean(ecs):
    """Names of clusters and capacity providers that go when the test is over."""
    made = {"clusters": [], "providers": []}
    yield made
    for cluster in made["clusters"]:
        ecs.delete_cluster(cluster=cluster)
    for provider in made["providers"]:
        ecs.delete_capacity_provider(capacityProvider=provider)


@pytest.mark.parametrize("pair", pairs("ecs-capacityprovider"))
def test_a_capacity_provider(ecs, clean, name, pair):
    group = camel(pair["declared"]["AutoScalingGroupProvider"])
    created = ecs.create_capacity_provider(name=f"{name}-p", autoScalingGroupProvider=group)["capacityProvider"]
    clean["providers"].append(created["name"])
    described = ecs.describe_capacity_providers(capacityProviders=[created["capacityProviderArn"]])
    provider = described["capacityProviders"][0]
    assert provider["autoScalingGroupProvider"] == camel(pair["live"]["AutoScalingGroupProvider"])
    assert provider["status"] == "ACTIVE"


@pytest.mark.parametrize("pair", pairs("ecs-cluster"))
def test_a_cluster(ecs, clean, name, pair):
    declared, live = camel(pair["declared"]), camel(pair["live"])
    request = {member: declared[member] for member in ("capacityProviders", "tags") if member in declared}
    if strategy := declared.get("defaultCapacityProviderStrategy"):
        request["defaultCapacityProviderStrategy"] = strategy
    if settings := declared.get("clusterSettings"):
        request["settings"] = settings
    ecs.create_cluster(clusterName=f"{name}-c", **request)
    clean["clusters"].append(f"{name}-c")
    cluster = ecs.describe_clusters(clusters=[f"{name}-c"], include=["SETTINGS", "TAGS"])["clusters"][0]
    assert cluster["settings"] == live["clusterSettings"]
    assert cluster["defaultCapacityProviderStrategy"] == live["defaultCapacityProviderStrategy"]
    assert sorted(cluster["capacityProviders"]) == sorted(live["capacityProviders"])
    assert own_tags(cluster["tags"]) == own_tags(live["tags"])


@pytest.mark.parametrize("pair", pairs("ecs-clustercapacityproviderassociations"))
def test_the_capacity_providers_of_a_cluster(ecs, clean, name, pair):
    declared, live = camel(pair["declared"]), camel(pair["live"])
    own = {known: f"{name}-{known}" for known in declared["capacityProviders"] if not known.startswith("FARGATE")}
    ecs.create_cluster(clusterName=f"{name}-c")
    clean["clusters"].append(f"{name}-c")
    for provider in own.values():
        ecs.create_capacity_provider(name=provider, autoScalingGroupProvider={"autoScalingGroupArn": "group"})
        clean["providers"].append(provider)
    ecs.put_cluster_capacity_providers(
        cluster=f"{name}-c",
        capacityProviders=[own.get(known, known) for known in declared["capacityProviders"]],
        defaultCapacityProviderStrategy=declared["defaultCapacityProviderStrategy"],
    )
    cluster = ecs.describe_clusters(clusters=[f"{name}-c"])["clusters"][0]
    assert sorted(cluster["capacityProviders"]) == sorted(own.get(known, known) for known in live["capacityProviders"])
    assert cluster["defaultCapacityProviderStrategy"] == live["defaultCapacityProviderStrategy"]


@pytest.mark.parametrize("pair", pairs("ecs-taskset"))
def test_a_task_set(local, ecs, stage, pair):
    needs(local, "ecs", "CreateTaskSet")
    declared, live = camel(pair["declared"]), camel(pair["live"])
    network = {"awsvpcConfiguration": declared["networkConfiguration"]["awsVpcConfiguration"]}
    ecs.create_service(
        cluster=stage.cluster, serviceName="web", desiredCount=1, deploymentController={"type": "EXTERNAL"}
    )
    created = ecs.create_task_set(
        cluster=stage.cluster,
        service="web",
        taskDefinition=stage.register(),
        networkConfiguration=network,
        **{member: declared[member] for member in ("launchType", "platformVersion", "scale")},
    )["taskSet"]
    read = ecs.describe_task_sets(cluster=stage.cluster, service="web", taskSets=[created["id"]])["taskSets"][0]
    for member in ("platformVersion", "loadBalancers", "serviceRegistries", "launchType", "scale"):
        assert read[member] == live[member], member
    assert read["id"].startswith("ecs-svc/")


@pytest.fixture
def scaling(local, ecs, stage):
    """A client, and what a service's target is named by."""
    needs(local, "application-autoscaling", "RegisterScalableTarget")
    stage.create(stage.register(), count=1)
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{stage.cluster}/web",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    client = local.client("application-autoscaling")
    yield client, target
    known = client.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[target["ResourceId"]])
    if known["ScalableTargets"]:
        client.deregister_scalable_target(**target)


@pytest.mark.parametrize("pair", pairs("applicationautoscaling-scalabletarget"))
def test_a_scalable_target_and_its_schedule(scaling, pair):
    client, target = scaling
    declared, live = pair["declared"], pair["live"]
    client.register_scalable_target(**target, MinCapacity=declared["MinCapacity"], MaxCapacity=declared["MaxCapacity"])
    for action in declared.get("ScheduledActions", []):
        client.put_scheduled_action(**target, **action)
    found = client.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[target["ResourceId"]])
    for member in ("MinCapacity", "MaxCapacity", "SuspendedState"):
        assert found["ScalableTargets"][0][member] == live[member], member
    actions = client.describe_scheduled_actions(ServiceNamespace="ecs", ResourceId=target["ResourceId"])
    shown = [
        {member: action[member] for member in ("ScheduledActionName", "Schedule", "ScalableTargetAction")}
        for action in actions["ScheduledActions"]
    ]
    by_name = lambda action: action["ScheduledActionName"]  # noqa: E731
    assert sorted(shown, key=by_name) == sorted(live.get("ScheduledActions", []), key=by_name)


@pytest.mark.parametrize("pair", pairs("applicationautoscaling-scalingpolicy"))
def test_a_scaling_policy(scaling, pair):
    client, target = scaling
    declared, live = pair["declared"], pair["live"]
    metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}
    configuration = declared["TargetTrackingScalingPolicyConfiguration"] | metric
    client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    client.put_scaling_policy(
        **target,
        PolicyName=declared["PolicyName"],
        PolicyType=declared["PolicyType"],
        TargetTrackingScalingPolicyConfiguration=configuration,
    )
    found = client.describe_scaling_policies(ServiceNamespace="ecs", ResourceId=target["ResourceId"])
    policy = found["ScalingPolicies"][0]
    expected = live["TargetTrackingScalingPolicyConfiguration"] | metric
    assert policy["TargetTrackingScalingPolicyConfiguration"] == expected
    assert (policy["PolicyName"], policy["PolicyType"]) == (live["PolicyName"], live["PolicyType"])


class CloudMap:
    """Namespaces and services that go when the test is over."""

    def __init__(self, client):
        self.client, self.made = client, []

    def done(self, operation_id):
        """What an operation has made."""

        def over():
            operation = self.client.get_operation(OperationId=operation_id)["Operation"]
            assert operation["Status"] != "FAIL", operation
            return operation if operation["Status"] == "SUCCESS" else None

        return until("the operation of Cloud Map is over", over)["Targets"]

    def namespace(self, kind, **request):
        answer = getattr(self.client, f"create_{kind}_namespace")(**request)
        made = self.done(answer["OperationId"])["NAMESPACE"]
        self.made.append(lambda: self.client.delete_namespace(Id=made))
        return made

    def service(self, **request):
        made = self.client.create_service(**request)["Service"]["Id"]
        self.made.append(lambda: self.client.delete_service(Id=made))
        return self.client.get_service(Id=made)["Service"]


@pytest.fixture
def cloud_map(local):
    needs(local, "servicediscovery", "GetOperation")
    made = CloudMap(local.client("servicediscovery"))
    yield made
    for unmake in reversed(made.made):
        unmake()


@pytest.mark.parametrize("pair", pairs("servicediscovery-*namespace"))
def test_a_namespace_of_cloud_map(local, cloud_map, name, pair):
    kind = {"HttpNamespace": "http", "PrivateDnsNamespace": "private_dns", "PublicDnsNamespace": "public_dns"}[
        pair["type"].rsplit("::", 1)[-1]
    ]
    needs(local, "servicediscovery", f"Create{pair['type'].rsplit('::', 1)[-1]}")
    declared = pair["declared"] | {"Name": f"{name}-{pair['declared']['Name']}"}
    made = cloud_map.namespace(kind, **declared)
    found = cloud_map.client.get_namespace(Id=made)["Namespace"]
    assert found["Name"] == declared["Name"]
    assert found.get("Description") == pair["live"].get("Description")
    if "Arn" in pair["live"]:
        assert found["Arn"].endswith(f":namespace/{found['Id']}") and found["Id"].startswith("ns-")
        tags = cloud_map.client.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"]
        assert own_tags(tags) == own_tags(pair["live"]["Tags"])


@pytest.mark.parametrize("pair", pairs("servicediscovery-service"))
def test_a_service_of_cloud_map(cloud_map, name, pair):
    declared, live = dict(pair["declared"]), pair["live"]
    if live["Type"] == "HTTP":
        namespace = cloud_map.namespace("http", Name=name)
    else:
        namespace = cloud_map.namespace("private_dns", Name=f"{name}.internal", Vpc="vpc-0a1b2c3d")
    records = {member: value for member, value in declared.pop("DnsConfig", {}).items() if member != "NamespaceId"}
    request = declared | {"NamespaceId": namespace} | ({"DnsConfig": records} if records else {})
    found = cloud_map.service(**request)
    for member in ("Name", "Type"):
        assert found[member] == live[member], member
    assert found.get("Description") == live.get("Description")
    assert found["NamespaceId"] == namespace
    expected = {member: value for member, value in live.get("DnsConfig", {}).items() if member != "NamespaceId"}
    shown = {member: value for member, value in found.get("DnsConfig", {}).items() if member != "NamespaceId"}
    assert shown == expected
