"""What a region's certificates look like, for whoever issues, shows or checks them. Pure.

The names are the region's own, under ``xinglin.internal``: a hub is known by its key, not by where
it can be reached, so that its address may change and no name service has to be trusted. The issuing
certificate is constrained to these names (RFC 5280 4.2.1.10).
"""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.vault.enrol_errors import CertificateUnknown, RequestMalformed
from core.vault.enrolment import pin_of

ZONE = "xinglin.internal"
ENROL_NAME = f"enrol.{ZONE}"
_NODE_URI = "xinglin:node:"


def sync_name(hub: str) -> str:
    """Return the name in a hub's server certificate (a DNS label holds 63 characters)."""
    return f"h{hub[:32]}.hub.{ZONE}"


def broker_name(hub: str) -> str:
    """Return the name in the certificate of a region's MQTT broker."""
    return f"m{hub[:32]}.hub.{ZONE}"


def node_uri(node: str) -> str:
    """Return the URI in a device certificate's alternative names."""
    return _NODE_URI + node


def node_of(certificate: x509.Certificate) -> str:
    """Return the node that a device certificate names, in its subject and its alternative name.

    Raises
    ------
    CertificateUnknown
        If it names none, or two.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        node = str(common[0].value)
    except (x509.ExtensionNotFound, IndexError, ValueError):
        raise CertificateUnknown from None
    if uris != [node_uri(node)] or len(common) != 1 or len(node) != 64:
        raise CertificateUnknown
    return node


def serial_of(certificate: x509.Certificate) -> str:
    """Return a serial number as the tables and messages spell it."""
    return f"{certificate.serial_number:x}"


def not_before_ms(certificate: x509.Certificate) -> int:
    """Return the instant a certificate begins, in milliseconds since 1970."""
    return _ms(certificate.not_valid_before_utc)


def not_after_ms(certificate: x509.Certificate) -> int:
    """Return the instant a certificate ends, in milliseconds since 1970."""
    return _ms(certificate.not_valid_after_utc)


def instant(ms: int) -> datetime:
    """Return a certificate's whole-second instant."""
    return datetime.fromtimestamp(ms // 1000, UTC)


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key's SubjectPublicKeyInfo, DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_of_csr(csr: bytes) -> ec.EllipticCurvePublicKey:
    """Return the P-256 key of a certificate request that proves its possession.

    Nothing else in the request is used: what the certificate says is the hub's decision.

    Raises
    ------
    RequestMalformed
    """
    try:
        request = x509.load_der_x509_csr(csr)
        key = request.public_key()
        right = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise RequestMalformed(field="csr") from None
    if not right or not isinstance(key, ec.EllipticCurvePublicKey):
        raise RequestMalformed(field="csr")
    if not isinstance(key.curve, ec.SECP256R1):
        raise RequestMalformed(field="csr")
    return key


def check_chain(chain: list[x509.Certificate], root: x509.Certificate) -> None:
    """Check that each certificate was issued by the next and the last by the root.

    Raises
    ------
    CertificateUnknown
    """
    if not chain:
        raise CertificateUnknown
    for one, issuer in zip(chain, [*chain[1:], root], strict=True):
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise CertificateUnknown from None


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000


def pin_of_certificate(certificate: x509.Certificate) -> bytes:
    """Return the pin of a server's certificate; empty where its key is none of ours."""
    key = certificate.public_key()
    return pin_of(spki(key)) if isinstance(key, ec.EllipticCurvePublicKey) else b""
