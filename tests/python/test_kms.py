"""Keys, as boto3 sees them; what they sign is judged by openssl and by Python's cryptography."""

import base64
import hashlib
import subprocess

import pytest
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

MESSAGE = b"what is signed"


@pytest.fixture
def kms(local):
    return local.client("kms")


def signer(kms, spec="ECC_NIST_P256"):
    return kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]


def public_key(kms, key):
    return serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])


def sign(kms, key, algorithm, message=MESSAGE, kind="RAW"):
    return kms.sign(KeyId=key, Message=message, MessageType=kind, SigningAlgorithm=algorithm)["Signature"]


@pytest.mark.parametrize(
    ("spec", "algorithm", "curve", "digest"),
    [
        ("ECC_NIST_P256", "ECDSA_SHA_256", ec.SECP256R1, hashes.SHA256()),
        ("ECC_NIST_P384", "ECDSA_SHA_384", ec.SECP384R1, hashes.SHA384()),
        ("ECC_NIST_P521", "ECDSA_SHA_512", ec.SECP521R1, hashes.SHA512()),
        ("ECC_SECG_P256K1", "ECDSA_SHA_256", ec.SECP256K1, hashes.SHA256()),
    ],
)
def test_a_curves_signatures_verify_outside(kms, spec, algorithm, curve, digest):
    key = signer(kms, spec)
    public = public_key(kms, key)
    assert isinstance(public.curve, curve)
    hashed = hashlib.new(digest.name, MESSAGE).digest()
    for signature in (sign(kms, key, algorithm), sign(kms, key, algorithm, hashed, "DIGEST")):
        public.verify(signature, MESSAGE, ec.ECDSA(digest))
        with pytest.raises(InvalidSignature):
            public.verify(signature, MESSAGE + b".", ec.ECDSA(digest))


@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()], ids=lambda digest: digest.name)
def test_rsa_signatures_verify_outside(kms, digest):
    key = signer(kms, "RSA_2048")
    public, size = public_key(kms, key), digest.digest_size * 8
    pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
    hashed = hashlib.new(digest.name, MESSAGE).digest()
    for name, scheme in [("PSS", pss), ("PKCS1_V1_5", padding.PKCS1v15())]:
        algorithm = f"RSASSA_{name}_SHA_{size}"
        public.verify(sign(kms, key, algorithm), MESSAGE, scheme, digest)
        public.verify(sign(kms, key, algorithm, hashed, "DIGEST"), hashed, scheme, utils.Prehashed(digest))


def test_openssl_takes_the_key_and_the_signature_and_kms_takes_another_ones(kms, tmp_path):
    key = signer(kms)
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "signature").write_bytes(sign(kms, key, "ECDSA_SHA_256"))
    public = base64.encodebytes(kms.get_public_key(KeyId=key)["PublicKey"]).decode()
    (tmp_path / "public.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{public}-----END PUBLIC KEY-----\n")
    verify = ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "message"]
    done = subprocess.run(verify, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "Verified OK"), done.stderr

    (tmp_path / "message").write_bytes(b"something else")
    done = subprocess.run(verify, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0


def test_a_digest_has_its_length_and_a_wrong_signature_is_refused(kms):
    key = signer(kms)
    with pytest.raises(ClientError, match="Digest is invalid length for algorithm ECDSA_SHA_256"):
        sign(kms, key, "ECDSA_SHA_256", b"too short", "DIGEST")
    right = sign(kms, key, "ECDSA_SHA_256")
    verify = lambda message: kms.verify(KeyId=key, Message=message, Signature=right, SigningAlgorithm="ECDSA_SHA_256")
    assert verify(MESSAGE)["SignatureValid"] is True
    with pytest.raises(kms.exceptions.KMSInvalidSignatureException):
        verify(MESSAGE + b".")


def test_what_is_encrypted_is_decrypted_under_the_same_context(kms):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"hunter2", EncryptionContext={"a": "1"})["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "1"})["Plaintext"] == b"hunter2"
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=sealed)
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
    assert len(made["Plaintext"]) == 32
    assert len(kms.generate_random(NumberOfBytes=9)["Plaintext"]) == 9


def test_a_key_has_aliases_tags_and_a_policy_and_waits_for_its_deletion(kms, name):
    key = kms.create_key(Tags=[{"TagKey": "team", "TagValue": "red"}])["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key)
    assert kms.describe_key(KeyId=f"alias/{name}")["KeyMetadata"]["KeyId"] == key
    aliases = kms.get_paginator("list_aliases").paginate(KeyId=key).search("Aliases[].AliasName")
    assert list(aliases) == [f"alias/{name}"]
    assert key in list(kms.get_paginator("list_keys").paginate().search("Keys[].KeyId"))
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "team", "TagValue": "red"}]
    assert "arn:aws:iam::123456789012:root" in kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    kms.disable_key(KeyId=key)
    with pytest.raises(kms.exceptions.DisabledException):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        kms.enable_key(KeyId=key)
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"


def test_the_aws_cli_makes_a_key_and_signs(local, tmp_path):
    kms = lambda *arguments: local.aws("kms", *arguments).json()
    key = kms("create-key", "--key-spec", "ECC_NIST_P256", "--key-usage", "SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    (tmp_path / "message").write_bytes(MESSAGE)
    signed = kms(
        *("sign", "--key-id", key, "--message", f"fileb://{tmp_path}/message", "--signing-algorithm", "ECDSA_SHA_256"),
    )
    public = serialization.load_der_public_key(base64.b64decode(kms("get-public-key", "--key-id", key)["PublicKey"]))
    public.verify(base64.b64decode(signed["Signature"]), MESSAGE, ec.ECDSA(hashes.SHA256()))
