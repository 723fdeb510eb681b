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
