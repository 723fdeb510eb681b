"""Images by tag and digest, as boto3 sees them, and tasks that are started by digest."""

import pytest

from conftest import FAST
from local import ACCOUNT, REGION, until
from test_tasks import LOGS, read

REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop"


@pytest.fixture
def ecr(local):
    return local.client("ecr")


def test_a_tags_digest_starts_the_tags_program(ecr, ecs, logs, stage):
    images = ecr.describe_images(repositoryName="shop", imageIds=[{"imageTag": "1.4"}])["imageDetails"]
    digest = images[0]["imageDigest"]
    assert (images[0]["imageTags"], images[0]["registryId"]) == (["1.4"], ACCOUNT)
    other = ecr.describe_images(repositoryName="shop", imageIds=[{"imageTag": "1.5"}])["imageDetails"][0]
    assert other["imageDigest"] != digest
    arn = stage.run(stage.register(f"{REPOSITORY}@{digest}", logConfiguration=LOGS))
    ecs.get_waiter("tasks_running").wait(cluster=stage.cluster, tasks=[arn], WaiterConfig=FAST)
    first = until("its first line", lambda: read(logs, arn))
    assert first[0]["message"].startswith("serving as 1.4 on ")


def test_the_aws_cli_finds_a_digest_and_pages_through_a_repository(local):
    digest = local.aws(
        "ecr", "describe-images", "--repository-name", "shop", "--image-ids", "imageTag=2.0",
        "--query", "imageDetails[0].imageDigest",
    ).json()
    assert digest.startswith("sha256:") and len(digest) == 71
    listed = local.aws("ecr", "describe-images", "--repository-name", "shop", "--page-size", "1").json()
    assert "2.0" in [tag for image in listed["imageDetails"] for tag in image["imageTags"]]


def test_what_is_missing_is_told_by_ecrs_own_exceptions(ecr):
    with pytest.raises(ecr.exceptions.RepositoryNotFoundException):
        ecr.describe_images(repositoryName="none", imageIds=[{"imageTag": "1"}])
    with pytest.raises(ecr.exceptions.ImageNotFoundException):
        ecr.describe_images(repositoryName="shop", imageIds=[{"imageDigest": "sha256:" + "0" * 64}])
