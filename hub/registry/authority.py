"""The region's keys and certificates in the hub's folder: made once, opened by every process.

::

    ca/root.crt       the root's certificate; its key lies where the operator said, not here
    ca/issuing.pem    issuing key and certificate      ca/enrol.pem   enrolment port's
    ca/server.pem     the sync port's key and certificate, renewed by the hub itself

Each ``.pem`` holds a key with its certificate in one file of mode 0600, so that a crash never
leaves one without the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from core.vault.certificates import instant, pin_of_certificate
from core.vault.identity import write_secret
from hub.outside import Outside
from hub.registry import ca
from hub.registry.ca_errors import (
    AuthorityDamaged,
    AuthorityMissing,
    IssuingEnded,
    RootKeyExists,
    RootKeyWrong,
)


@dataclass(frozen=True)
class Authority:
    """The region's authority as the hub works with it; the root's key is not here.

    Attributes
    ----------
    hub : str
        The hub's node id; its server certificate is made out to it.
    """

    folder: Path
    hub: str
    root: x509.Certificate
    issuing: ca.Signer
    enrol: ca.Signer
    outside: Outside

    @property
    def root_der(self) -> bytes:
        """The region's root certificate, DER."""
        return self.root.public_bytes(Encoding.DER)

    @property
    def pin(self) -> bytes:
        """The pin of the enrolment port's key, as codes carry it."""
        return pin_of_certificate(self.enrol.certificate)

    def issue_device(
        self, node: str, key: ec.EllipticCurvePublicKey, life: timedelta
    ) -> x509.Certificate:
        """Return a new certificate for a box.

        Raises
        ------
        IssuingEnded
        """
        return self._leaf(ca.device_subject(node, key), life)

    def chain(self, leaf: x509.Certificate) -> list[bytes]:
        """Return the certificates that a box shows, its own first, DER."""
        both = (leaf, self.issuing.certificate)
        return [one.public_bytes(Encoding.DER) for one in both]

    def server(self) -> ca.Signer:
        """Return the sync port's key and certificate; a new one after two thirds of its life."""
        return self._kept("server.pem", ca.server_subject)

    def broker(self) -> ca.Signer:
        """Return the MQTT broker's key and certificate, renewed likewise."""
        return self._kept("broker.pem", ca.broker_subject)

    def publisher(self) -> ca.Signer:
        """Return what the hub itself shows to the MQTT broker, renewed likewise."""
        return self._kept("publisher.pem", ca.publisher_subject)

    def _kept(
        self, name: str, subject: Callable[[str, ec.EllipticCurvePublicKey], ca.Subject]
    ) -> ca.Signer:
        path = self.folder / name
        if path.exists():
            kept = _read_pair(path)
            begins, ends = (
                kept.certificate.not_valid_before_utc,
                kept.certificate.not_valid_after_utc,
            )
            ours = kept.certificate.issuer == self.issuing.certificate.subject
            if ours and instant(self.outside.now_ms()) < begins + (ends - begins) * 2 / 3:
                return kept
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._leaf(subject(self.hub, key.public_key()), ca.SERVER_LIFE)
        write_secret(path, _pair_bytes(ca.Signer(made, key)))
        return ca.Signer(made, key)

    def _leaf(self, subject: ca.Subject, life: timedelta) -> x509.Certificate:
        now = self.outside.now_ms()
        if instant(now) >= self.issuing.certificate.not_valid_after_utc:
            raise IssuingEnded
        return ca.make_leaf(self.issuing, subject, now, life, _serial(self.outside.randomness))


@dataclass(frozen=True, slots=True)
class RootKeyFile:
    """Where the root's key is written or read, and the passphrase it is encrypted with, "" none."""

    path: Path
    passphrase: str = ""


def create_authority(
    folder: Path, hub: str, region: str, root_key: RootKeyFile, outside: Outside
) -> Authority:
    """Make a region's authority; the root's key is written to its own place only.

    Parameters
    ----------
    folder : Path
        The hub's folder.

    Raises
    ------
    RootKeyExists
        Nothing is overwritten, ever.
    """
    if root_key.path.exists():
        raise RootKeyExists(path=root_key.path.name)
    place = folder / "ca"
    now, randomness = outside.now_ms(), outside.randomness
    root = ca.make_root(region, now, _serial(randomness))
    key = ec.generate_private_key(ec.SECP256R1())
    issuing = ca.make_issuing(region, root, key, now, _serial(randomness))
    port_key = ec.generate_private_key(ec.SECP256R1())
    port = ca.make_enrol(port_key, _serial(randomness))
    write_secret(root_key.path, _key_bytes(root.key, root_key.passphrase))
    write_secret(place / "enrol.pem", _pair_bytes(ca.Signer(port, port_key)))
    write_secret(place / "issuing.pem", _pair_bytes(ca.Signer(issuing, key)))
    # Last: a folder without it holds no authority, so that a crash before is no half of one.
    write_secret(place / "root.crt", root.certificate.public_bytes(Encoding.PEM))
    return open_authority(folder, hub, outside)


def open_authority(folder: Path, hub: str, outside: Outside) -> Authority:
    """Open the authority of a hub's folder.

    Raises
    ------
    AuthorityMissing
        If there is none.
    AuthorityDamaged
        If its parts do not belong together.
    """
    place = folder / "ca"
    if not (place / "root.crt").exists():
        raise AuthorityMissing
    try:
        root = x509.load_pem_x509_certificate((place / "root.crt").read_bytes())
    except (OSError, ValueError):
        raise AuthorityDamaged(what="root.crt") from None
    issuing = _read_pair(place / "issuing.pem")
    try:
        issuing.certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        raise AuthorityDamaged(what="issuing.pem") from None
    return Authority(place, hub, root, issuing, _read_pair(place / "enrol.pem"), outside)


def renew_issuing(authority: Authority, region: str, root_key: RootKeyFile) -> Authority:
    """Give the issuing key a new certificate by the root's key, and return the authority anew.

    Raises
    ------
    RootKeyWrong
    """
    root = ca.Signer(authority.root, _read_root_key(authority.root, root_key))
    outside = authority.outside
    made = ca.make_issuing(
        region, root, authority.issuing.key, outside.now_ms(), _serial(outside.randomness)
    )
    pair = ca.Signer(made, authority.issuing.key)
    write_secret(authority.folder / "issuing.pem", _pair_bytes(pair))
    return open_authority(authority.folder.parent, authority.hub, outside)


def pem_pair(signer: ca.Signer) -> tuple[bytes, bytes]:
    """Return (key, certificate) as PEM, as a TLS server takes them."""
    return _key_bytes(signer.key, ""), signer.certificate.public_bytes(Encoding.PEM)


def _read_root_key(root: x509.Certificate, file: RootKeyFile) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(
            file.path.read_bytes(), file.passphrase.encode() or None
        )
    except (OSError, ValueError, TypeError):
        raise RootKeyWrong from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != root.public_key():
        raise RootKeyWrong
    return key


def _serial(randomness: Callable[[int], bytes]) -> int:
    return ca.serial_number(randomness(20))


def _key_bytes(key: ec.EllipticCurvePrivateKey, passphrase: str) -> bytes:
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        how = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def _pair_bytes(pair: ca.Signer) -> bytes:
    return b"".join(pem_pair(pair))


def _read_pair(path: Path) -> ca.Signer:
    try:
        data = path.read_bytes()
        key = serialization.load_pem_private_key(data, None)
        certificate = x509.load_pem_x509_certificate(data)
    except (OSError, ValueError, TypeError):
        raise AuthorityDamaged(what=path.name) from None
    if (
        not isinstance(key, ec.EllipticCurvePrivateKey)
        or certificate.public_key() != key.public_key()
    ):
        raise AuthorityDamaged(what=path.name)
    return ca.Signer(certificate, key)
