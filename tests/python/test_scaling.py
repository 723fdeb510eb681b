"""Application Auto Scaling, as boto3 and the AWS CLI see it, and as moto has it."""

import pytest

from conftest import NETWORK
from local import until
from peers import Moto

DIMENSION = "ecs:service:DesiredCount"


@pytest.fixture(scope="session")
def scaling(local):
    return local.client("application-autoscaling")


def key(resource: str) -> dict:
    return {"ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": DIMENSION}


TRACKING = {
    "TargetValue": 50.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    "ScaleInCooldown": 60,
}


def plain(answer: dict) -> dict:
    """Without ids and times."""
    gone = {"CreationTime", "PolicyARN", "ScalableTargetARN", "ScheduledActionARN", "Alarms"}
    return {member: value for member, value in answer.items() if member not in gone}


def described(client, resource: str) -> dict:
    """What can be read back of a target with a policy and an action."""
    at = key(resource)
    client.register_scalable_target(**at, MinCapacity=1, MaxCapacity=4)
    client.register_scalable_target(**at, MaxCapacity=6, SuspendedState={"DynamicScalingInSuspended": True})
    client.put_scaling_policy(
        **at,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=TRACKING,
    )
    client.put_scheduled_action(
        **at,
        ScheduledActionName="night",
        Schedule="cron(0 20 ? * MON-FRI *)",
        Timezone="Europe/Berlin",
        ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 2},
    )
    of = {"ServiceNamespace": "ecs"}
    target = client.describe_scalable_targets(**of, ResourceIds=[resource])["ScalableTargets"][0]
    policy = client.describe_scaling_policies(**of, ResourceId=resource)["ScalingPolicies"][0]
    action = client.describe_scheduled_actions(**of, ResourceId=resource)["ScheduledActions"][0]
    return {"target": plain(target), "policy": plain(policy), "action": plain(action)}


def expected(resource: str) -> dict:
    role = "aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
    suspended = {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }
    return {
        "target": key(resource)
        | {
            "MinCapacity": 1,
            "MaxCapacity": 6,
            "RoleARN": f"arn:aws:iam::123456789012:role/{role}",
            "SuspendedState": suspended,
        },
        "policy": key(resource)
        | {
            "PolicyName": "cpu",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": TRACKING,
        },
        "action": key(resource)
        | {
            "ScheduledActionName": "night",
            "Schedule": "cron(0 20 ? * MON-FRI *)",
            "Timezone": "Europe/Berlin",
            "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 2},
        },
    }


def test_targets_policies_and_actions_are_merged_and_read_back(scaling, stage):
    stage.create(stage.register(), count=1)
    resource = f"service/{stage.cluster}/web"
    assert described(scaling, resource) == expected(resource)


def test_moto_reads_the_same_back_but_for_what_is_listed(tmp_path):
    peer = Moto(tmp_path)
    try:
        ecs = peer.client("ecs")
        ecs.create_cluster(clusterName="main")
        ecs.register_task_definition(
            family="web", containerDefinitions=[{"name": "web", "image": "web:1", "memory": 128}]
        )
        ecs.create_service(cluster="main", serviceName="web", taskDefinition="web", desiredCount=1)
        found = described(peer.client("application-autoscaling"), "service/main/web")
        wanted = expected("service/main/web")
        differences = {
            (kind, member)
            for kind, members in wanted.items()
            for member, value in members.items()
            if found[kind].get(member) != value
        }
        # No role where none was given, and only those suspensions that were: see docs/fidelity.md.
        assert differences == {("target", "RoleARN"), ("target", "SuspendedState")}
    finally:
        peer.stop()


def test_a_service_is_brought_between_its_bounds_and_the_cli_sees_why(local, scaling, stage):
    stage.create(stage.register(), count=1)
    stage.stable()
    resource = f"service/{stage.cluster}/web"
    bounds = ("--min-capacity", "2", "--max-capacity", "3")
    named = ("--service-namespace", "ecs", "--resource-id", resource, "--scalable-dimension", DIMENSION)
    arn = local.aws("application-autoscaling", "register-scalable-target", *named, *bounds).json()
    assert ":scalable-target/" in arn["ScalableTargetARN"]
    until("two are wanted", lambda: stage.service()["desiredCount"] == 2)
    stage.stable()

    def newest():
        listed = local.aws(
            "application-autoscaling", "describe-scaling-activities", "--service-namespace", "ecs", "--resource-id", resource
        )
        activity = listed.json()["ScalingActivities"][0]
        return activity if activity["StatusCode"] == "Successful" else None

    activity = until("the activity is over", newest)
    assert activity["Cause"] == "minimum capacity was set to 2"
    assert activity["StatusMessage"] == "Successfully set desired count to 2. Change successfully fulfilled by ecs."


def test_a_service_that_is_not_there_and_a_target_that_is_not_registered_are_refused(scaling, stage):
    with pytest.raises(scaling.exceptions.ValidationException) as error:
        scaling.register_scalable_target(**key(f"service/{stage.cluster}/none"), MinCapacity=1, MaxCapacity=2)
    assert "ECS service doesn't exist" in str(error.value)
    with pytest.raises(scaling.exceptions.ObjectNotFoundException):
        scaling.deregister_scalable_target(**key(f"service/{stage.cluster}/none"))


def test_pages_join(scaling, stage):
    stage.ecs.create_service(
        cluster=stage.cluster,
        serviceName="web",
        taskDefinition=stage.register(),
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration=NETWORK,
    )
    at = key(f"service/{stage.cluster}/web")
    scaling.register_scalable_target(**at, MinCapacity=0, MaxCapacity=1)
    for number in range(5):
        scaling.put_scheduled_action(
            **at,
            ScheduledActionName=f"a{number}",
            Schedule="at(2090-01-01T00:00:00)",
            ScalableTargetAction={"MaxCapacity": 1},
        )
    pages = scaling.get_paginator("describe_scheduled_actions").paginate(
        ServiceNamespace="ecs", ResourceId=at["ResourceId"], PaginationConfig={"PageSize": 2}
    )
    assert [len(page["ScheduledActions"]) for page in pages] == [2, 2, 1]
