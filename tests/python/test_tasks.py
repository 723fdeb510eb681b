"""Single tasks, their ends, secrets and logs, as boto3 sees them."""

import json

import pytest
from botocore.exceptions import ClientError

from conftest import FAST
from local import until

LOGS = {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "/ecs/judges", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "app"},
}


def test_a_task_runs_is_stopped_and_says_why(ecs, stage):
    arn = stage.run(stage.register())
    ecs.get_waiter("tasks_running").wait(cluster=stage.cluster, tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert ecs.list_tasks(cluster=stage.cluster)["taskArns"] == [arn]
    ecs.stop_task(cluster=stage.cluster, task=arn, reason="enough")
    task = stage.stopped(arn)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "enough")
    assert task["containers"][0]["exitCode"] == 0
    assert task["startedAt"] <= task["stoppingAt"] <= task["stoppedAt"]
    assert ecs.list_tasks(cluster=stage.cluster)["taskArns"] == []
    assert ecs.list_tasks(cluster=stage.cluster, desiredStatus="STOPPED")["taskArns"] == [arn]


def test_a_program_that_ignores_sigterm_is_killed_after_its_stop_timeout(ecs, stage):
    arn = stage.run(stage.register("stubborn", stopTimeout=2))
    ecs.get_waiter("tasks_running").wait(cluster=stage.cluster, tasks=[arn], WaiterConfig=FAST)
    ecs.stop_task(cluster=stage.cluster, task=arn)
    assert stage.stopped(arn)["containers"][0]["exitCode"] == 137


@pytest.mark.parametrize("code", [0, 3])
def test_a_job_ends_with_its_exit_code(stage, code):
    environment = [{"name": "CODE", "value": str(code)}]
    task = stage.stopped(stage.run(stage.register("job", environment=environment)))
    assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("EssentialContainerExited", code)


def test_overrides_win_over_the_task_definition(stage):
    overrides = {"containerOverrides": [{"name": "web", "environment": [{"name": "CODE", "value": "7"}]}]}
    task = stage.stopped(stage.run(stage.register("job"), overrides=overrides))
    assert task["containers"][0]["exitCode"] == 7
    assert task["overrides"]["containerOverrides"] == overrides["containerOverrides"]


def test_an_image_that_does_not_exist_fails_the_task(stage):
    task = stage.stopped(stage.run(stage.register("no-such-image:1")))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")
    assert "exitCode" not in task["containers"][0]


def test_secrets_come_from_systems_manager_and_a_missing_one_fails_the_task(local, ecs, ssm, logs, stage, name):
    ssm.put_parameter(Name=f"/{name}/greeting", Value="hello from ssm", Type="SecureString")
    arn = f"arn:aws:ssm:eu-central-1:123456789012:parameter/{name}/greeting"
    for value_from in (f"/{name}/greeting", arn):
        secrets = [{"name": "GREETING", "valueFrom": value_from}]
        task = stage.run(stage.register("job", secrets=secrets, logConfiguration=LOGS))
        assert stage.stopped(task)["containers"][0]["exitCode"] == 0
        assert [event["message"] for event in read(logs, task)] == ["hello from ssm"]
        shown = [stage.task(task), ecs.describe_task_definition(taskDefinition=stage.cluster), local.admin("GET", "requests")]
        assert "hello from ssm" not in json.dumps(shown, default=str) + local.log()

    secrets = [{"name": "GREETING", "valueFrom": f"/{name}/missing"}]
    task = stage.stopped(stage.run(stage.register("job", secrets=secrets)))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets or registry auth")
    assert f"/{name}/missing" in task["stoppedReason"]


def read(logs, task_arn, **more):
    stream = f"app/web/{task_arn.rsplit('/', 1)[1]}"
    return logs.get_log_events(
        logGroupName="/ecs/judges", logStreamName=stream, startFromHead=True, **more
    )["events"]


def test_what_a_task_wrote_is_read_while_it_runs_and_after_its_end(ecs, logs, stage):
    arn = stage.run(stage.register("web:9", logConfiguration=LOGS))
    ecs.get_waiter("tasks_running").wait(cluster=stage.cluster, tasks=[arn], WaiterConfig=FAST)
    first = until("its first line", lambda: read(logs, arn))
    assert first[0]["message"].startswith("serving as 9 on 127.")
    ecs.stop_task(cluster=stage.cluster, task=arn)
    stage.stopped(arn)
    assert [event["message"] for event in read(logs, arn)][-1] == "bye"
    streams = logs.describe_log_streams(logGroupName="/ecs/judges", logStreamNamePrefix="app/web/")["logStreams"]
    assert any(stream["logStreamName"].endswith(arn.rsplit("/", 1)[1]) for stream in streams)


def test_a_log_that_does_not_exist_is_told(logs):
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_log_events(logGroupName="/ecs/none", logStreamName="app/web/0")


def test_a_task_that_does_not_exist_is_a_failure_or_an_error(ecs, stage):
    failures = ecs.describe_tasks(cluster=stage.cluster, tasks=["0" * 32])["failures"]
    assert [failure["reason"] for failure in failures] == ["MISSING"]
    with pytest.raises(ClientError) as refused:
        ecs.stop_task(cluster=stage.cluster, task="0" * 32)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


def test_a_protected_task_outlives_scaling_in(ecs, stage):
    stage.create(stage.register(), count=2)
    stage.stable()
    kept = stage.running_tasks()[0]["taskArn"]
    answer = ecs.update_task_protection(cluster=stage.cluster, tasks=[kept], protectionEnabled=True, expiresInMinutes=5)
    assert answer["protectedTasks"][0]["protectionEnabled"] and not answer["failures"]
    stage.update(desiredCount=0)
    until("the other one is gone", lambda: [task["taskArn"] for task in stage.running_tasks()] == [kept])
    answer = ecs.get_task_protection(cluster=stage.cluster, tasks=[kept])
    assert answer["protectedTasks"][0]["expirationDate"].timestamp() > stage.task(kept)["startedAt"].timestamp()
    ecs.update_task_protection(cluster=stage.cluster, tasks=[kept], protectionEnabled=False)
    until("it is gone", lambda: not stage.running_tasks())


def test_what_is_not_done_is_an_error_that_says_so(ecs, cluster):
    with pytest.raises(ClientError) as refused:
        ecs.execute_command(cluster=cluster, task="0" * 32, interactive=True, command="/bin/sh")
    error = refused.value.response["Error"]
    assert (error["Code"], "ExecuteCommand" in error["Message"]) == ("UnsupportedFeatureException", True)
