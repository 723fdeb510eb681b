"""Certificates for tests, made by OpenSSL through the package `cryptography`."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DAY = datetime.timedelta(days=1)


def name(common_name):
    parts = [(NameOID.COUNTRY_NAME, "US"), (NameOID.ORGANIZATION_NAME, "Example, Inc"), (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


class Pair:
    """A certificate and its key, as files."""

    def __init__(self, folder, label, certificate, key):
        self.certificate, self.key = certificate, key
        self.chain_file, self.key_file = folder / f"{label}.pem", folder / f"{label}.key"
        self.chain_file.write_text(pem(certificate))
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        self.key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))


class Authority(Pair):
    """A CA."""

    def __init__(self, folder, label):
        self.folder = folder
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name(label))
            .issuer_name(name(label))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 30 * DAY)
            .not_valid_after(NOW + 30 * DAY)
            .add_extension(x509.BasicConstraints(True, None), True)
            .add_extension(usage, True)
            .sign(key, hashes.SHA256())
        )
        super().__init__(folder, label, certificate, key)

    def issue(self, label, serial=None, names=(), before=NOW - 2 * DAY, after=NOW + 2 * DAY, is_server=False):
        key = ec.generate_private_key(ec.SECP256R1())
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if is_server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(label))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(before)
            .not_valid_after(after)
            .add_extension(x509.BasicConstraints(False, None), True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), False)
        )
        if names:
            alternatives = [x509.DNSName(one) for one in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        return Pair(self.folder, label, builder.sign(self.key, hashes.SHA256()), key)

    def revoke(self, *certificates):
        """A revocation list, in PEM form."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(NOW - DAY)
            .next_update(NOW + 7 * DAY)
            .add_extension(x509.CRLNumber(1), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
        )
        for certificate in certificates:
            entry = x509.RevokedCertificateBuilder()
            entry = entry.serial_number(certificate.certificate.serial_number).revocation_date(NOW - DAY)
            builder = builder.add_revoked_certificate(entry.build())
        return pem(builder.sign(self.key, hashes.SHA256()))
