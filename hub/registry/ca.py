"""The region's certificate authority: what certificates say, and who signs them. Pure.

Three steps: a root (P-256, 20 years) whose key is kept apart; an issuing certificate (5 years, path
length 0, constrained to the region's own names and to TLS) whose key the hub works with; and short
certificates for boxes (client) and for the hub's sync port (server). The enrolment port has a
self-signed certificate of its own without an end: what counts there is the pin in the code, and a
box whose clock has stopped must be able to hear so.

Keys of P-256 are drawn by OpenSSL; serial numbers and instants are arguments. Profile: RFC 5280.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.vault.certificates import ENROL_NAME, ZONE, broker_name, instant, node_uri, sync_name

ROOT_LIFE = timedelta(days=20 * 365 + 5)
ISSUING_LIFE = timedelta(days=5 * 365)
SERVER_LIFE = timedelta(days=30)
#: A broker refuses everybody once its list has ended; the hub makes a new one each day.
REVOKED_LIFE = timedelta(days=30)
#: A box whose clock is somewhat behind must not find its own certificate to be of the future.
BACKDATED = timedelta(minutes=15)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280 4.1.2.5


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate that issues, with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Subject:
    """What a leaf certificate is about."""

    common_name: str
    key: ec.EllipticCurvePublicKey
    names: tuple[x509.GeneralName, ...]
    use: x509.ObjectIdentifier


def serial_number(randomness: bytes) -> int:
    """Return a positive serial of at most 159 bits from 20 random bytes (RFC 5280 4.1.2.2)."""
    return int.from_bytes(randomness, "big") >> 1 | 1


def make_root(region: str, now_ms: int, serial: int) -> Signer:
    """Return a new root of a region."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"{region} root")
    now = instant(now_ms)
    built = (
        _begin(name, name, key.public_key(), serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return Signer(built.sign(key, SHA256()), key)


def make_issuing(
    region: str, root: Signer, key: ec.EllipticCurvePrivateKey, now_ms: int, serial: int
) -> x509.Certificate:
    """Return an issuing certificate by the root; ends no later than the root."""
    now = instant(now_ms)
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    built = (
        _begin(_name(f"{region} issuing"), root.certificate.subject, key.public_key(), serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(min(now + ISSUING_LIFE, root.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(_constraints(), critical=True)
        .add_extension(_issuer_id(root), critical=False)
    )
    return built.sign(root.key, SHA256())


def device_subject(node: str, key: ec.EllipticCurvePublicKey) -> Subject:
    """Return the subject of a box's certificate."""
    uri = x509.UniformResourceIdentifier(node_uri(node))
    return Subject(node, key, (uri,), ExtendedKeyUsageOID.CLIENT_AUTH)


def server_subject(hub: str, key: ec.EllipticCurvePublicKey) -> Subject:
    """Return the subject of the sync port's certificate."""
    name = sync_name(hub)
    return Subject(name, key, (x509.DNSName(name),), ExtendedKeyUsageOID.SERVER_AUTH)


def broker_subject(hub: str, key: ec.EllipticCurvePublicKey) -> Subject:
    """Return the subject of the MQTT broker's certificate."""
    name = broker_name(hub)
    return Subject(name, key, (x509.DNSName(name),), ExtendedKeyUsageOID.SERVER_AUTH)


def publisher_subject(hub: str, key: ec.EllipticCurvePublicKey) -> Subject:
    """Return the subject of the certificate that the hub shows to the broker."""
    name = sync_name(hub)
    return Subject(name, key, (x509.DNSName(name),), ExtendedKeyUsageOID.CLIENT_AUTH)


def make_revoked(
    signer: Signer, serials: Sequence[int], now_ms: int
) -> x509.CertificateRevocationList:
    """Return the list of revoked certificates (RFC 5280 5); its number is the time."""
    now = instant(now_ms)
    built = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.certificate.subject)
        .last_update(now - BACKDATED)
        .next_update(now + REVOKED_LIFE)
        .add_extension(x509.CRLNumber(now_ms), critical=False)
        .add_extension(_issuer_id(signer), critical=False)
    )
    for serial in serials:
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now)
        built = built.add_revoked_certificate(revoked.build())
    return built.sign(signer.key, SHA256())


def make_leaf(
    signer: Signer, subject: Subject, now_ms: int, life: timedelta, serial: int
) -> x509.Certificate:
    """Return a certificate for TLS; ends no later than its issuer."""
    now = instant(now_ms)
    built = (
        _begin(_name(subject.common_name), signer.certificate.subject, subject.key, serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(min(now + life, signer.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([subject.use]), critical=False)
        .add_extension(x509.SubjectAlternativeName(subject.names), critical=False)
        .add_extension(_issuer_id(signer), critical=False)
    )
    return built.sign(signer.key, SHA256())


def make_enrol(key: ec.EllipticCurvePrivateKey, serial: int) -> x509.Certificate:
    """Return the enrolment port's self-signed certificate; its key is what codes pin."""
    name = _name(ENROL_NAME)
    built = (
        _begin(name, name, key.public_key(), serial)
        .not_valid_before(_BEGINNING)
        .not_valid_after(_NO_END)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(ENROL_NAME)]), critical=False)
    )
    return built.sign(key, SHA256())


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, serial: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Xinglin region"),
            x509.NameAttribute(NameOID.COMMON_NAME, common[:64]),
        ]
    )


def _issuer_id(signer: Signer) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())


def _constraints() -> x509.NameConstraints:
    # No address of the internet and no name but ours: a stolen issuing key serves nowhere else.
    nowhere = [x509.IPAddress(ip_network("0.0.0.0/0")), x509.IPAddress(ip_network("::/0"))]
    return x509.NameConstraints([x509.DNSName(ZONE)], nowhere)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
