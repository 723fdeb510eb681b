"""Secrets, as boto3 and the AWS CLI see them, and tasks that get them."""

import json

import pytest
from botocore.exceptions import ClientError

from conftest import FAST
from local import until
from test_tasks import LOGS, read


@pytest.fixture
def secrets(local):
    return local.client("secretsmanager")


def code(call, **arguments):
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"]


def test_a_secret_lives_from_its_creation_to_its_deletion(secrets, name):
    made = secrets.create_secret(Name=name, SecretString="one", Tags=[{"Key": "team", "Value": "red"}])
    assert made["ARN"].startswith(f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}-")
    assert secrets.get_secret_value(SecretId=made["ARN"])["SecretString"] == "one"
    secrets.update_secret(SecretId=name, Description="of a test")
    secrets.put_secret_value(SecretId=name, SecretBinary=b"\x00\xff")
    current = secrets.get_secret_value(SecretId=name)
    assert (current["SecretBinary"], current["VersionStages"]) == (b"\x00\xff", ["AWSCURRENT"])
    assert secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    described = secrets.describe_secret(SecretId=name)
    assert (described["Description"], described["Tags"]) == ("of a test", [{"Key": "team", "Value": "red"}])
    assert described["VersionIdsToStages"] == {made["VersionId"]: ["AWSPREVIOUS"], current["VersionId"]: ["AWSCURRENT"]}
    secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    assert code(secrets.get_secret_value, SecretId=name) == "InvalidRequestException"
    secrets.restore_secret(SecretId=name)
    assert secrets.get_secret_value(SecretId=name)["VersionId"] == current["VersionId"]
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert code(secrets.describe_secret, SecretId=name) == "ResourceNotFoundException"


def test_secrets_are_found_by_filter_in_pages_and_many_at_once(secrets, name):
    names = [f"{name}/{letter}" for letter in "abc"]
    for one in names:
        secrets.create_secret(Name=one, SecretString=one)
    filters = [{"Key": "name", "Values": [f"{name}/"]}]
    pages = list(secrets.get_paginator("list_secrets").paginate(Filters=filters, PaginationConfig={"PageSize": 2}))
    assert [[secret["Name"] for secret in page["SecretList"]] for page in pages] == [names[:2], names[2:]]
    found = secrets.batch_get_secret_value(SecretIdList=[names[0], f"{name}/none"])
    assert [value["SecretString"] for value in found["SecretValues"]] == names[:1]
    assert [error["ErrorCode"] for error in found["Errors"]] == ["ResourceNotFoundException"]


def test_the_aws_cli_makes_reads_and_rotates_a_secret_by_hand(local, name):
    sm = lambda *arguments: local.aws("secretsmanager", *arguments).json()
    first = sm("create-secret", "--name", name, "--secret-string", "one")["VersionId"]
    second = sm("put-secret-value", "--secret-id", name, "--secret-string", "two", "--version-stages", "AWSPENDING")["VersionId"]
    assert sm("get-secret-value", "--secret-id", name)["SecretString"] == "one"
    sm(
        *("update-secret-version-stage", "--secret-id", name, "--version-stage", "AWSCURRENT"),
        *("--move-to-version-id", second, "--remove-from-version-id", first),
    )
    assert sm("get-secret-value", "--secret-id", name)["SecretString"] == "two"
    password = sm("get-random-password", "--password-length", "20", "--exclude-punctuation")["RandomPassword"]
    assert len(password) == 20 and password.isalnum()
    refused = local.aws("secretsmanager", "rotate-secret", "--secret-id", name)
    assert refused.code != 0 and "does not do secretsmanager's RotateSecret" in refused.err


def test_a_task_gets_secrets_of_secrets_manager_and_fails_without(local, secrets, ecs, logs, stage, name):
    arn = secrets.create_secret(Name=name, SecretString=json.dumps({"word": "hello from asm", "size": 1000000}))["ARN"]
    for value_from, said in [
        (f"{arn}:word::", "hello from asm"),
        (f"{arn.rsplit('-', 1)[0]}:word:AWSCURRENT:", "hello from asm"),
        (f"{arn}:size::", "1e+06"),
    ]:
        task = stage.run(stage.register("job", secrets=[{"name": "GREETING", "valueFrom": value_from}], logConfiguration=LOGS))
        assert stage.stopped(task)["containers"][0]["exitCode"] == 0
        assert [event["message"] for event in read(logs, task)] == [said]
    shown = [ecs.describe_task_definition(taskDefinition=stage.cluster), local.admin("GET", "requests")]
    assert "hello from asm" not in json.dumps(shown, default=str) + local.log()

    missing = f"{arn}:none::"
    task = stage.stopped(stage.run(stage.register("job", secrets=[{"name": "GREETING", "valueFrom": missing}])))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].endswith("retrieved secret from Secrets Manager did not contain json key none")


def test_a_services_next_task_has_the_value_that_is_in_use_then(secrets, logs, stage, name):
    arn = secrets.create_secret(Name=name, SecretString="before")["ARN"]
    stage.create(stage.register("web:1", secrets=[{"name": "VERSION", "valueFrom": arn}], logConfiguration=LOGS))
    first = stage.stable() and stage.running_tasks()[0]["taskArn"]
    until("its first line", lambda: read(logs, first))
    assert read(logs, first)[0]["message"].startswith("serving as before on")
    secrets.put_secret_value(SecretId=name, SecretString="after")
    stage.ecs.stop_task(cluster=stage.cluster, task=first)
    stage.ecs.get_waiter("tasks_stopped").wait(cluster=stage.cluster, tasks=[first], WaiterConfig=FAST)
    second = until("the next task", lambda: stage.running_tasks())[0]["taskArn"]
    assert until("its first line", lambda: read(logs, second))[0]["message"].startswith("serving as after on")
