"""The same cases at the local AWS, moto and MiniStack: secrets, keys and parameters.

What is right is said by AWS's pages, which stand beside the cases. Where a peer is otherwise that stands here too and
in docs/fidelity.md: an unlisted difference fails, and so does a listed one that has gone.
"""

import hashlib

import pytest
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from peers import MiniStack, Moto


def code(call, **arguments):
    """The code by which a call is refused; None where it is not."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


# https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_how.html
def a_rotation(client, name):
    secrets = client("secretsmanager")
    first = secrets.create_secret(Name=name, SecretString="one")["VersionId"]
    second = secrets.put_secret_value(SecretId=name, SecretString="two", VersionStages=["AWSPENDING"])["VersionId"]
    before = secrets.get_secret_value(SecretId=name)["SecretString"]
    secrets.update_secret_version_stage(
        SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=first
    )
    return before, secrets.get_secret_value(SecretId=name)["SecretString"]


# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
def a_token_with_another_value(client, name):
    secrets, token = client("secretsmanager"), "0" * 32
    secrets.create_secret(Name=name, SecretString="one")
    secrets.put_secret_value(SecretId=name, SecretString="two", ClientRequestToken=token)
    return code(secrets.put_secret_value, SecretId=name, SecretString="three", ClientRequestToken=token)


# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
def a_name_that_waits_for_its_deletion(client, name):
    secrets = client("secretsmanager")
    secrets.create_secret(Name=name, SecretString="one")
    secrets.delete_secret(SecretId=name)
    return code(secrets.create_secret, Name=name, SecretString="two")


# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
def a_label_without_its_holder(client, name):
    secrets = client("secretsmanager")
    secrets.create_secret(Name=name, SecretString="one")
    second = secrets.put_secret_value(SecretId=name, SecretString="two", VersionStages=["AWSPENDING"])["VersionId"]
    return code(secrets.update_secret_version_stage, SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=second)


# https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
def a_signature_of_a_digest(client, name):
    kms = client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    digest = hashlib.sha256(b"message").digest()
    signed = kms.sign(KeyId=key, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    try:
        public.verify(signed, b"message", ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return "does not verify"
    return "verifies"


# The same page.
def a_digest_that_is_too_short(client, name):
    kms = client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    return code(kms.sign, KeyId=key, Message=b"short", MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")


# https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html
def another_context(client, name):
    kms = client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "1"})["CiphertextBlob"]
    return code(kms.decrypt, CiphertextBlob=sealed, EncryptionContext={"a": "2"})


# https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-versions.html
def a_hundred_and_one_versions(client, name):
    ssm = client("ssm")
    for _ in range(101):
        ssm.put_parameter(Name=f"/{name}", Value="x", Type="String", Overwrite=True)
    pages = ssm.get_paginator("get_parameter_history").paginate(Name=f"/{name}")
    return len(list(pages.search("Parameters[].Version")))


# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html
def a_label_and_a_version(client, name):
    ssm = client("ssm")
    for value in ("one", "two"):
        ssm.put_parameter(Name=f"/{name}", Value=value, Type="String", Overwrite=True)
    invalid = ssm.label_parameter_version(Name=f"/{name}", ParameterVersion=1, Labels=["stable", "1st"])["InvalidLabels"]
    value = lambda selector: ssm.get_parameter(Name=f"/{name}:{selector}")["Parameter"]["Value"]
    return (invalid, code(ssm.get_parameter, Name=f"/{name}:stable") or value("stable"), value(1))


# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
def too_long_for_its_tier(client, name):
    put = client("ssm").put_parameter
    standard = code(put, Name=f"/{name}/a", Value="x" * 4097, Type="String")
    return standard, code(put, Name=f"/{name}/b", Value="x" * 8193, Type="String", Tier="Advanced")


# The same page, on `AllowedPattern`.
def a_value_beside_its_pattern(client, name):
    return code(client("ssm").put_parameter, Name=f"/{name}", Value="a", Type="String", AllowedPattern="[0-9]+")


# https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html
def a_secret_by_reference(client, name):
    client("secretsmanager").create_secret(Name=name, SecretString="one")
    reference = f"/aws/reference/secretsmanager/{name}"
    get = client("ssm").get_parameter
    refused = code(get, Name=reference, WithDecryption=True)
    return refused or get(Name=reference, WithDecryption=True)["Parameter"]["Value"]


CASES = [
    (a_rotation, ("one", "two"), {"moto": ("one", "one")}),
    (a_token_with_another_value, "ResourceExistsException", {"ministack": None}),
    (
        a_name_that_waits_for_its_deletion,
        "InvalidRequestException",
        {"moto": "ResourceExistsException", "ministack": "ResourceExistsException"},
    ),
    (a_label_without_its_holder, "InvalidParameterException", {}),
    (a_signature_of_a_digest, "verifies", {"moto": "does not verify"}),
    (a_digest_that_is_too_short, "ValidationException", {"moto": None}),
    (another_context, "InvalidCiphertextException", {}),
    (a_hundred_and_one_versions, 100, {"ministack": 101}),
    (a_label_and_a_version, (["1st"], "one", "one"), {"ministack": ([], "one", "one")}),
    (
        too_long_for_its_tier,
        ("ValidationException", "ValidationException"),
        {"moto": (None, None), "ministack": (None, None)},
    ),
    (a_value_beside_its_pattern, "ParameterPatternMismatchException", {"moto": None, "ministack": None}),
    (a_secret_by_reference, "one", {"ministack": "ParameterNotFound"}),
]


def test_each_case_is_right_at_the_local_aws(local, name):
    found = {case.__name__: case(local.client, f"{name}-{number}") for number, (case, _, _) in enumerate(CASES)}
    assert found == {case.__name__: right for case, right, _ in CASES}


@pytest.mark.parametrize("kind", [Moto, MiniStack], ids=lambda kind: kind.name)
def test_each_case_is_right_at_a_peer_but_for_what_is_listed(kind, name, tmp_path):
    peer = kind(tmp_path)
    try:
        found = {}
        for number, (case, _, _) in enumerate(CASES):
            try:
                found[case.__name__] = case(peer.client, f"{name}-{number}")
            except ClientError as error:
                found[case.__name__] = f"refused: {error.response['Error']['Code']}"
    finally:
        peer.stop()
    assert found == {case.__name__: wrong.get(kind.name, right) for case, right, wrong in CASES}
