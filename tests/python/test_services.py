"""Services, as boto3 sees them."""

import re

import pytest
from botocore.exceptions import ClientError

from conftest import FAST, NETWORK


def code(refused):
    return refused.value.response["Error"]["Code"]


def message(refused):
    return refused.value.response["Error"]["Message"]


def test_a_service_becomes_stable_with_its_tasks_running(ecs, stage):
    created = stage.create(stage.register(), count=2)
    assert created["status"] == "ACTIVE"
    assert created["serviceArn"].endswith(f":service/{stage.cluster}/web")
    service = stage.stable()
    assert (service["runningCount"], service["pendingCount"], service["desiredCount"]) == (2, 0, 2)
    addresses = set()
    for task in stage.running_tasks():
        assert (task["lastStatus"], task["group"]) == ("RUNNING", "service:web")
        assert task["startedBy"] == service["deployments"][0]["id"]
        addresses.add(task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"])
    assert len(addresses) == 2
    assert all(address.startswith("127.") for address in addresses)


def test_a_minimal_service_reads_back_with_ecs_defaults(stage):
    stage.create(stage.register(), count=0)
    service = stage.completed()
    assert service["platformVersion"] == "LATEST"
    assert service["schedulingStrategy"] == "REPLICA"
    assert service["healthCheckGracePeriodSeconds"] == 0
    assert (service["enableECSManagedTags"], service["enableExecuteCommand"]) == (False, False)
    assert service["propagateTags"] == "NONE"
    assert (service["placementConstraints"], service["placementStrategy"]) == ([], [])
    assert service["availabilityZoneRebalancing"] == "ENABLED"
    assert service["networkConfiguration"] == {
        "awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"], "securityGroups": [], "assignPublicIp": "DISABLED"}
    }
    configuration = service["deploymentConfiguration"]
    assert (configuration["maximumPercent"], configuration["minimumHealthyPercent"]) == (200, 100)
    assert configuration["deploymentCircuitBreaker"]["enable"] is False
    assert configuration["strategy"] == "ROLLING"
    deployment = service["deployments"][0]
    assert re.fullmatch(r"ecs-svc/\d+", deployment["id"])
    assert (deployment["status"], deployment["rolloutState"]) == ("PRIMARY", "COMPLETED")
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} completed."
    assert deployment["platformVersion"] == "1.4.0"


def test_the_count_changes_without_a_deployment(ecs, stage):
    stage.create(stage.register(), count=1)
    before = stage.stable()
    stage.update(desiredCount=3)
    after = stage.stable()
    assert after["runningCount"] == 3
    assert [d["id"] for d in after["deployments"]] == [d["id"] for d in before["deployments"]]
    stage.update(desiredCount=0)
    assert stage.stable()["runningCount"] == 0


def test_a_stopped_task_is_replaced(ecs, stage):
    stage.create(stage.register(), count=1)
    stage.stable()
    old = stage.running_tasks()[0]["taskArn"]
    ecs.stop_task(cluster=stage.cluster, task=old, reason="to see what happens")
    stopped = stage.stopped(old)
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "to see what happens")
    stage.stable()
    assert stage.running_tasks()[0]["taskArn"] != old


def test_unknown_members_of_the_service_are_failures_or_errors(ecs, stage):
    failures = ecs.describe_services(cluster=stage.cluster, services=["no"])["failures"]
    assert [failure["reason"] for failure in failures] == ["MISSING"]
    with pytest.raises(ecs.exceptions.ServiceNotFoundException):
        stage.update("no", desiredCount=1)
    with pytest.raises(ecs.exceptions.ClusterNotFoundException):
        ecs.describe_services(cluster="nowhere", services=["web"])


def test_eleven_services_at_once_are_too_many(ecs, stage):
    with pytest.raises(ClientError) as refused:
        ecs.describe_services(cluster=stage.cluster, services=[f"s{n}" for n in range(11)])
    assert code(refused) == "InvalidParameterException"


def test_services_are_listed_in_pages(ecs, stage):
    definition = stage.register()
    arns = {stage.create(definition, name=f"s{n}", count=0)["serviceArn"] for n in range(12)}
    first = ecs.list_services(cluster=stage.cluster)
    assert len(first["serviceArns"]) == 10
    pages = ecs.get_paginator("list_services").paginate(cluster=stage.cluster)
    assert {arn for page in pages for arn in page["serviceArns"]} == arns


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"networkConfiguration": None}, "etwork"),
        ({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}, "apacity provider"),
        ({"taskDefinition": "nothing:1"}, "ask"),
        ({"serviceName": "no spaces"}, ""),
    ],
)
def test_what_ecs_refuses_of_a_service_is_refused(ecs, stage, change, text):
    request = {"serviceName": "web", "taskDefinition": stage.register(), "desiredCount": 1, "launchType": "FARGATE"}
    request |= {"networkConfiguration": NETWORK} | change
    request = {name: value for name, value in request.items() if value is not None}
    with pytest.raises(ClientError) as refused:
        ecs.create_service(cluster=stage.cluster, **request)
    assert code(refused) in ("InvalidParameterException", "ClientException")
    assert text in message(refused)


def test_an_inactive_task_definition_starts_no_service_but_runs_on(ecs, stage):
    definition = stage.register()
    stage.create(definition, count=1)
    stage.stable()
    ecs.deregister_task_definition(taskDefinition=definition)
    with pytest.raises(ClientError):
        stage.create(definition, name="other")
    stage.update(desiredCount=2)
    assert stage.stable()["runningCount"] == 2
    with pytest.raises(ClientError):
        stage.update(taskDefinition=definition, forceNewDeployment=True)


def test_a_name_is_taken_while_its_service_is_active(ecs, stage):
    definition = stage.register()
    stage.create(definition, count=0)
    with pytest.raises(ClientError) as refused:
        stage.create(definition, count=1)
    assert message(refused) == "Creation of service was not idempotent."


def test_a_client_token_makes_creation_idempotent(ecs, stage):
    definition = stage.register()
    first = stage.create(definition, count=0, clientToken="once")
    again = stage.create(definition, count=0, clientToken="once")
    assert (first["serviceArn"], first["createdAt"]) == (again["serviceArn"], again["createdAt"])


def test_a_service_is_scaled_down_before_it_is_deleted_or_forced(ecs, stage):
    stage.create(stage.register(), count=1)
    stage.stable()
    with pytest.raises(ClientError) as refused:
        ecs.delete_service(cluster=stage.cluster, service="web")
    assert code(refused) == "InvalidParameterException"
    assert "scaled above 0" in message(refused)
    draining = ecs.delete_service(cluster=stage.cluster, service="web", force=True)["service"]
    assert draining["status"] == "DRAINING"
    assert ecs.list_services(cluster=stage.cluster)["serviceArns"] == []
    ecs.get_waiter("services_inactive").wait(cluster=stage.cluster, services=["web"], WaiterConfig=FAST)
    with pytest.raises(ecs.exceptions.ServiceNotActiveException):
        stage.update(desiredCount=1)


def test_a_deleted_services_name_is_used_again(ecs, stage):
    definition = stage.register()
    first = stage.create(definition, count=0)
    ecs.delete_service(cluster=stage.cluster, service="web")
    ecs.get_waiter("services_inactive").wait(cluster=stage.cluster, services=["web"], WaiterConfig=FAST)
    second = stage.create(definition, count=1)
    assert second["serviceArn"] == first["serviceArn"]
    assert second["createdAt"] > first["createdAt"]
    assert stage.stable()["runningCount"] == 1
