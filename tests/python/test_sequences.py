"""What tools do that cannot be run here: their calls, in their order, by boto3; and the waiters of boto3 and the AWS CLI.

ecspresso: https://github.com/kayac/ecspresso/blob/0255e8c0f05b912469b5d5008767c0357cc6cca2/deploy.go
"""

import pytest
from botocore.exceptions import WaiterError

from conftest import FAST
from local import until


def test_the_waiters_end_when_tasks_run_and_when_they_have_stopped(ecs, stage):
    task = stage.run(stage.register())
    ecs.get_waiter("tasks_running").wait(cluster=stage.cluster, tasks=[task], WaiterConfig=FAST)
    assert stage.task(task)["lastStatus"] == "RUNNING"
    ecs.stop_task(cluster=stage.cluster, task=task)
    assert stage.stopped(task)["lastStatus"] == "STOPPED"
    with pytest.raises(WaiterError, match="terminal failure"):
        ecs.get_waiter("tasks_running").wait(cluster=stage.cluster, tasks=[task], WaiterConfig=FAST)


def test_the_waiters_of_services_fail_where_there_is_none_or_it_is_gone(ecs, stage):
    def wait(name):
        ecs.get_waiter("services_stable").wait(cluster=stage.cluster, services=[name], WaiterConfig=FAST)

    with pytest.raises(WaiterError, match="terminal failure"):
        wait("nobody")
    stage.create(stage.register(), count=1)
    wait("web")
    ecs.delete_service(cluster=stage.cluster, service="web", force=True)
    ecs.get_waiter("services_inactive").wait(cluster=stage.cluster, services=["web"], WaiterConfig=FAST)
    with pytest.raises(WaiterError, match="terminal failure"):
        wait("web")


def test_the_aws_cli_waits_for_tasks(local, stage):
    task = stage.run(stage.register())
    for state in ("tasks-running", "tasks-stopped"):
        if state == "tasks-stopped":
            stage.ecs.stop_task(cluster=stage.cluster, task=task)
            stage.stopped(task)
        waited = local.aws("ecs", "wait", state, "--cluster", stage.cluster, "--tasks", task)
        assert waited.code == 0, waited.err


def test_ecspresso_deploys_by_one_update_of_everything_and_follows_the_service_deployment(ecs, stage):
    stage.create(stage.register(), count=1)
    before = stage.completed()
    described = stage.service(include=["TAGS"])
    definition = stage.register(image="web:2")
    # All attributes as they were read, and each that may be removed named as empty.
    attributes = (
        "availabilityZoneRebalancing",
        "deploymentConfiguration",
        "enableECSManagedTags",
        "enableExecuteCommand",
        "healthCheckGracePeriodSeconds",
        "networkConfiguration",
        "placementConstraints",
        "placementStrategy",
        "platformVersion",
        "propagateTags",
        "serviceRegistries",
    )
    removed = {"loadBalancers": [], "volumeConfigurations": [], "vpcLatticeConfigurations": []}
    removed |= {"serviceConnectConfiguration": {"enabled": False}}
    updated = stage.update(
        taskDefinition=definition,
        desiredCount=described["desiredCount"],
        forceNewDeployment=False,
        **{name: described[name] for name in attributes},
        **removed,
    )
    assert updated["deployments"][0]["taskDefinition"] == definition

    def newest():
        listed = ecs.list_service_deployments(cluster=stage.cluster, service="web")["serviceDeployments"]
        arns = [listed[0]["serviceDeploymentArn"]]
        found = ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"][0]
        return found if found["status"] == "SUCCESSFUL" else None

    deployment = until("the newest service deployment to be SUCCESSFUL", newest)
    revision = ecs.describe_service_revisions(
        serviceRevisionArns=[deployment["targetServiceRevision"]["arn"]]
    )["serviceRevisions"][0]
    assert revision["taskDefinition"] == definition
    after = stage.completed()
    changed = ("taskDefinition", "deployments", "events", "currentServiceDeployment", "currentServiceRevisions")
    kept = [{name: value for name, value in one.items() if name not in changed} for one in (before, after)]
    assert kept[0] == kept[1], "what was read and sent again changes nothing"
