"""Deployments of real processes, as boto3 sees them."""

from local import turned, until

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def messages(service):
    return [event["message"] for event in service["events"]]


def service_deployments(ecs, stage):
    listed = ecs.list_service_deployments(cluster=stage.cluster, service="web")["serviceDeployments"]
    arns = [deployment["serviceDeploymentArn"] for deployment in listed]
    return ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]


def test_a_new_revision_replaces_every_task_and_completes(ecs, stage):
    old, new = stage.register("web:1"), stage.register("web:2")
    stage.create(old, count=2)
    stage.completed()
    before = {task["taskArn"] for task in stage.running_tasks()}
    updated = stage.update(taskDefinition=new)
    assert [deployment["status"] for deployment in updated["deployments"]] == ["PRIMARY", "ACTIVE"]
    primary = updated["deployments"][0]
    assert (primary["taskDefinition"], primary["rolloutState"]) == (new, "IN_PROGRESS")
    assert primary["rolloutStateReason"] == f"ECS deployment {primary['id']} in progress."

    service = stage.completed()
    assert service["taskDefinition"] == new
    assert service["deployments"][0]["id"] == primary["id"]
    after = stage.running_tasks()
    assert {task["taskDefinitionArn"] for task in after} == {new}
    assert not before & {task["taskArn"] for task in after}
    assert f"(service web) (deployment {primary['id']}) deployment completed." in messages(service)
    until("a steady state", lambda: "(service web) has reached a steady state." in messages(stage.service()))

    newest, first = service_deployments(ecs, stage)
    assert (newest["status"], first["status"]) == ("SUCCESSFUL", "SUCCESSFUL")
    revision = newest["targetServiceRevision"]["arn"]
    assert revision.rsplit("/", 1)[1] == primary["id"].removeprefix("ecs-svc/")
    revisions = ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"]
    assert revisions[0]["taskDefinition"] == new


def test_old_tasks_serve_until_new_ones_are_healthy(ecs, stage):
    old, new = stage.register("web:1"), stage.register("web:2")
    stage.create(old, count=2)
    stage.completed()
    stage.update(taskDefinition=new)

    def done():
        service = stage.service()
        assert service["runningCount"] >= 2, messages(service)
        return [d["rolloutState"] for d in service["deployments"]] == ["COMPLETED"]

    until("the rollout is over", done)


def test_a_forced_deployment_replaces_tasks_of_the_same_revision(ecs, stage):
    stage.create(stage.register(), count=1)
    first = stage.completed()
    old = stage.running_tasks()[0]["taskArn"]
    stage.update(forceNewDeployment=True)
    second = stage.completed()
    assert second["taskDefinition"] == first["taskDefinition"]
    assert second["deployments"][0]["id"] != first["deployments"][0]["id"]
    assert stage.running_tasks()[0]["taskArn"] != old


def test_an_update_that_changes_nothing_starts_a_deployment_only_where_the_switch_says_so(ecs, stage):
    definition = stage.register()
    stage.create(definition, count=0)
    first = stage.completed()
    stage.update(taskDefinition=definition, desiredCount=0)
    same = [d["id"] for d in stage.service()["deployments"]] == [d["id"] for d in first["deployments"]]
    assert same is not bool(turned())


def test_a_crash_at_start_is_rolled_back_to_the_old_deployment_id(ecs, stage):
    good, bad = stage.register("web:1"), stage.register("web:crash")
    stage.create(good, count=1, deploymentConfiguration=BREAKER)
    first = stage.completed()
    serving = {task["taskArn"] for task in stage.running_tasks()}
    stage.update(taskDefinition=bad)

    service = until("the rollback is over", lambda: rolled_back(stage, good))
    assert service["deployments"][0]["id"] == first["deployments"][0]["id"]
    assert serving <= {task["taskArn"] for task in stage.running_tasks()}

    newest = service_deployments(ecs, stage)[0]
    assert newest["status"] == "ROLLBACK_SUCCESSFUL"
    assert "circuit breaker threshold was exceeded" in newest["statusReason"]
    texts = "\n".join(messages(service))
    assert "deployment failed: tasks failed to start." in texts
    assert f"rolling back to deployment {first['deployments'][0]['id']}." in texts

    stopped = ecs.list_tasks(cluster=stage.cluster, serviceName="web", desiredStatus="STOPPED")["taskArns"]
    crashed = [task for task in map(stage.task, stopped) if task["taskDefinitionArn"] == bad]
    assert len(crashed) >= 3
    assert {task["containers"][0]["exitCode"] for task in crashed} == {1}
    assert {task["stoppedReason"] for task in crashed} == {"Essential container in task exited"}


def rolled_back(stage, good):
    service = stage.service()
    states = [(d["rolloutState"], d["taskDefinition"]) for d in service["deployments"]]
    moved = any("rolling back" in text for text in messages(service))
    return service if moved and states == [("COMPLETED", good)] else None


def test_a_task_that_fails_its_health_check_is_replaced_while_the_old_one_serves(ecs, stage):
    healthy = {"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 1}
    good = stage.register("web:1", healthCheck=healthy)
    stage.create(good, count=1)
    stage.completed()
    task = stage.running_tasks()[0]
    assert (task["healthStatus"], task["containers"][0]["healthStatus"]) == ("HEALTHY", "HEALTHY")
    stage.update(taskDefinition=stage.register("web:2", healthCheck=healthy | {"command": ["CMD", "false"]}))
    texts = until(
        "an unhealthy task is replaced",
        lambda: [text for text in messages(stage.service()) if "failed container health checks." in text],
    )
    assert "(service web) (task " in texts[0]
    assert stage.service()["deployments"][0]["rolloutState"] != "COMPLETED"
    assert task["taskArn"] in {running["taskArn"] for running in stage.running_tasks()}


def test_a_rollout_is_stopped_by_a_person(ecs, stage):
    good, slow = stage.register("web:1"), stage.register("no-such-image")
    stage.create(good, count=1)
    first = stage.completed()
    stage.update(taskDefinition=slow)
    ongoing = until(
        "a service deployment in progress",
        lambda: ecs.list_service_deployments(cluster=stage.cluster, service="web", status=["IN_PROGRESS"])[
            "serviceDeployments"
        ],
    )
    arn = ongoing[0]["serviceDeploymentArn"]
    ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    stopped = until(
        "rolled back",
        lambda: [
            deployment
            for deployment in ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
            if deployment["status"] == "ROLLBACK_SUCCESSFUL"
        ],
    )
    assert stopped[0]["serviceDeploymentArn"] == arn
    service = stage.completed()
    assert (service["taskDefinition"], service["deployments"][0]["id"]) == (good, first["deployments"][0]["id"])
