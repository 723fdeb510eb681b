"""Parameters, as boto3 sees them."""

import pytest


def test_a_parameter_is_put_read_overwritten_and_deleted(ssm, name):
    path = f"/{name}/one"
    assert ssm.put_parameter(Name=path, Value="1", Type="String")["Version"] == 1
    found = ssm.get_parameter(Name=path)["Parameter"]
    assert (found["Value"], found["Type"], found["Version"]) == ("1", "String", 1)
    assert found["ARN"] == f"arn:aws:ssm:eu-central-1:123456789012:parameter{path}"
    with pytest.raises(ssm.exceptions.ParameterAlreadyExists):
        ssm.put_parameter(Name=path, Value="2", Type="String")
    assert ssm.put_parameter(Name=path, Value="2", Type="String", Overwrite=True)["Version"] == 2
    assert ssm.get_parameter(Name=f"{path}:1")["Parameter"]["Value"] == "1"
    ssm.delete_parameter(Name=path)
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=path)
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.delete_parameter(Name=path)


def test_a_secure_string_needs_decryption(ssm, name):
    ssm.put_parameter(Name=f"/{name}/secret", Value="hunter2", Type="SecureString")
    assert "hunter2" not in str(ssm.get_parameter(Name=f"/{name}/secret"))
    plain = ssm.get_parameter(Name=f"/{name}/secret", WithDecryption=True)["Parameter"]
    assert plain["Value"] == "hunter2"


def test_many_are_read_by_name_or_by_path_in_pages(ssm, name):
    paths = [f"/{name}/{number:02}" for number in range(13)]
    for path in paths:
        ssm.put_parameter(Name=path, Value="x", Type="String")
    found = ssm.get_parameters(Names=[paths[0], f"/{name}/none"])
    assert [parameter["Name"] for parameter in found["Parameters"]] == [paths[0]]
    assert found["InvalidParameters"] == [f"/{name}/none"]
    pages = list(ssm.get_paginator("get_parameters_by_path").paginate(Path=f"/{name}"))
    assert [len(page["Parameters"]) for page in pages] == [10, 3]
    deleted = ssm.delete_parameters(Names=[paths[0], f"/{name}/none"])
    assert (deleted["DeletedParameters"], deleted["InvalidParameters"]) == ([paths[0]], [f"/{name}/none"])


def test_a_version_has_labels_and_a_history(ssm, name):
    path = f"/{name}/one"
    for value in ("1", "2"):
        ssm.put_parameter(Name=path, Value=value, Type="SecureString", Overwrite=True, Description=f"no {value}")
    labelled = ssm.label_parameter_version(Name=path, ParameterVersion=1, Labels=["stable", "aws-is-not-allowed"])
    assert (labelled["ParameterVersion"], labelled["InvalidLabels"]) == (1, ["aws-is-not-allowed"])
    found = ssm.get_parameter(Name=f"{path}:stable", WithDecryption=True)["Parameter"]
    assert (found["Value"], found["Version"], found["Selector"]) == ("1", 1, ":stable")
    history = ssm.get_parameter_history(Name=path, WithDecryption=True)["Parameters"]
    assert [(one["Value"], one["Labels"], one["Description"]) for one in history] == [
        ("1", ["stable"], "no 1"),
        ("2", [], "no 2"),
    ]
    filters = [{"Key": "Label", "Values": ["stable"]}]
    found = ssm.get_parameters_by_path(Path=f"/{name}", ParameterFilters=filters, WithDecryption=True)["Parameters"]
    assert [one["Value"] for one in found] == ["1"]
    removed = ssm.unlabel_parameter_version(Name=path, ParameterVersion=1, Labels=["stable", "other"])
    assert (removed["RemovedLabels"], removed["InvalidLabels"]) == (["stable"], ["other"])


def test_parameters_are_described_and_tagged(ssm, name):
    tags = [{"Key": "team", "Value": name}]
    for letter in "abc":
        ssm.put_parameter(Name=f"/{name}/{letter}", Value="x", Type="String", Tags=tags)
    ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=f"/{name}/b", TagKeys=["team"])
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=f"/{name}/b", Tags=[{"Key": "stage", "Value": "dev"}])
    assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=f"/{name}/b")["TagList"] == [
        {"Key": "stage", "Value": "dev"}
    ]
    pages = ssm.get_paginator("describe_parameters").paginate(
        ParameterFilters=[{"Key": "tag:team", "Values": [name]}], PaginationConfig={"PageSize": 1}
    )
    assert list(pages.search("Parameters[].Name")) == [f"/{name}/a", f"/{name}/c"]


def test_a_secure_string_is_of_a_key_that_can_be_used(local, ssm, name):
    kms = local.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    ssm.put_parameter(Name=f"/{name}", Value="hunter2", Type="SecureString", KeyId=key)
    kms.disable_key(KeyId=key)
    with pytest.raises(ssm.exceptions.InvalidKeyId):
        ssm.get_parameter(Name=f"/{name}", WithDecryption=True)
    kms.enable_key(KeyId=key)
    assert ssm.get_parameter(Name=f"/{name}", WithDecryption=True)["Parameter"]["Value"] == "hunter2"


def test_the_aws_cli_reads_a_history_and_a_secret_by_reference(local, name):
    aws = lambda *arguments: local.aws(*arguments).json()
    put = ("ssm", "put-parameter", "--name", f"/{name}", "--type", "String", "--overwrite", "--value")
    aws(*put, "1")
    aws(*put, "2")
    history = aws("ssm", "get-parameter-history", "--name", f"/{name}")["Parameters"]
    assert [one["Value"] for one in history] == ["1", "2"]
    aws("secretsmanager", "create-secret", "--name", name, "--secret-string", "one")
    reference = f"/aws/reference/secretsmanager/{name}"
    found = aws("ssm", "get-parameter", "--name", reference, "--with-decryption")["Parameter"]
    assert (found["Value"], found["Name"]) == ("one", reference)
