"""Accounts, regions and roles, as boto3 and the AWS CLI ask for them."""

import boto3
import botocore.exceptions
import pytest

from local import ACCOUNT, REGION, Local


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    local = Local(tmp_path_factory.mktemp("accounts"), "--access-key", "AKIAPARTNER=777788889999")
    yield local
    local.stop()


def client(house, service, key, region=REGION, **more):
    return boto3.client(
        service,
        endpoint_url=house.url,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key="example",
        **more,
    )


def clusters(house, key, region=REGION, **more):
    return client(house, "ecs", key, region, **more).list_clusters()["clusterArns"]


def test_a_cluster_is_found_in_its_own_account_and_region_alone(house):
    client(house, "ecs", "111122223333", "eu-west-1").create_cluster(clusterName="there")
    assert clusters(house, "111122223333", "eu-west-1") == ["arn:aws:ecs:eu-west-1:111122223333:cluster/there"]
    assert clusters(house, "111122223333", "eu-west-2") == []
    assert clusters(house, "444455556666", "eu-west-1") == []
    assert clusters(house, "AKIAIOSFODNN7EXAMPLE", "eu-west-1") == []


def test_who_asks_is_the_account_of_its_key(house):
    for key, account in [
        ("111122223333", "111122223333"),
        ("AKIAPARTNER", "777788889999"),
        ("AKIAIOSFODNN7EXAMPLE", ACCOUNT),
    ]:
        told = client(house, "sts", key).get_caller_identity()
        assert (told["Account"], told["Arn"]) == (account, f"arn:aws:iam::{account}:root")


def test_keys_of_a_role_are_of_the_roles_account(house):
    client(house, "ecs", "444455556666").create_cluster(clusterName="prod")
    role = "arn:aws:iam::444455556666:role/team/deploy"
    answer = client(house, "sts", "111122223333").assume_role(RoleArn=role, RoleSessionName="me@here")
    keys = answer["Credentials"]
    session = {"aws_session_token": keys["SessionToken"]}
    assert clusters(house, keys["AccessKeyId"], **session) == [f"arn:aws:ecs:{REGION}:444455556666:cluster/prod"]
    told = client(house, "sts", keys["AccessKeyId"], **session).get_caller_identity()
    assert told["Arn"] == "arn:aws:sts::444455556666:assumed-role/deploy/me@here"
    assert told["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    assert answer["AssumedRoleUser"]["Arn"] == told["Arn"]


def test_what_is_no_role_is_refused_in_words_that_boto3_reads(house):
    sts = client(house, "sts", "111122223333")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        sts.assume_role(RoleArn="arn:aws:iam::444455556666:user/me", RoleSessionName="me")
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_the_aws_cli_says_who_it_is(house):
    told = house.aws("sts", "get-caller-identity").json()
    assert told == {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root", "UserId": ACCOUNT}
