"""What the box has of the region: its certificate and key, the root, who the hub is.

::

    uplink/region.json   what the hub said when the box joined; its presence means "joined"
    uplink/device.pem    key, certificate and issuing certificate in one file, mode 0600
    uplink/pending.pem   key and request that wait for an answer, mode 0600

Key and certificate stand in one file that is replaced whole, so that a crash never leaves a key
without its certificate.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from core.vault.certificates import (
    ENROL_NAME,
    check_chain,
    node_of,
    not_after_ms,
    not_before_ms,
    serial_of,
    sync_name,
)
from core.vault.enrol_errors import EnrolRefusal
from core.vault.identity import write_secret
from edge.uplink.join_errors import AnswerWrong, CertificatesDamaged, NotJoined


@dataclass(frozen=True, slots=True)
class Region:
    """What the box was told when it joined.

    Attributes
    ----------
    hub : str
        The hub's node id; ``hub_sign_public`` (hex) signs its heads and the directory.
    enrol_pin : str
        Hash of the enrolment port's public key, hex.
    root : str
        The region's root certificate, PEM.
    relay_address : str
        ``host:port`` of the hub's portal for boxes; "" where it has none.
    notice_address : str
        ``host:port`` of the region's MQTT broker; "" where it has none.
    """

    hub: str
    hub_sign_public: str
    hospital: str
    hospital_name: str
    sync_address: str
    enrol_address: str
    enrol_pin: str
    root: str
    directory_size: int
    directory_head: str
    joined_at: int
    relay_address: str = ""
    notice_address: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """The box's certificate as it is now."""

    key_pem: bytes
    chain_pem: bytes
    certificate: x509.Certificate

    @property
    def serial(self) -> str:
        """Serial number, hex; another one means: open the connection anew."""
        return serial_of(self.certificate)

    @property
    def begins_ms(self) -> int:
        """Begin, in milliseconds since 1970."""
        return not_before_ms(self.certificate)

    @property
    def ends_ms(self) -> int:
        """End, in milliseconds since 1970."""
        return not_after_ms(self.certificate)


@dataclass(frozen=True, slots=True)
class Pending:
    """A key made here and its request; kept until an answer has come."""

    key: ec.EllipticCurvePrivateKey
    csr: bytes


class Credentials:
    """The certificates in a folder; reads the files anew each time, for another process may write.

    Parameters
    ----------
    folder : Path
        ``<box>/uplink``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def joined(self) -> bool:
        """Whether the box belongs to a region."""
        return (self._folder / "region.json").exists()

    def region(self) -> Region:
        """Return what the hub said.

        Raises
        ------
        NotJoined, CertificatesDamaged
        """
        try:
            return Region(**json.loads((self._folder / "region.json").read_bytes()))
        except FileNotFoundError:
            raise NotJoined from None
        except (ValueError, TypeError):
            raise CertificatesDamaged(what="region.json") from None

    @property
    def device_file(self) -> Path:
        """Where the box's key and certificates stand, in one file."""
        return self._folder / "device.pem"

    def device(self) -> Device:
        """Return the certificate to show.

        Raises
        ------
        NotJoined, CertificatesDamaged
        """
        try:
            data = (self._folder / "device.pem").read_bytes()
        except FileNotFoundError:
            raise NotJoined from None
        try:
            chain = x509.load_pem_x509_certificates(data)
        except ValueError:
            raise CertificatesDamaged(what="device.pem") from None
        at = data.index(b"-----BEGIN CERTIFICATE-----")
        return Device(data[:at], data[at:], chain[0])

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Return what a channel to the sync port shows and trusts: mutual TLS, only the region.

        Raises
        ------
        NotJoined, CertificatesDamaged
        """
        device = self.device()
        root = self.region().root.encode()
        return grpc.ssl_channel_credentials(root, device.key_pem, device.chain_pem)

    def channel_options(self) -> list[tuple[str, str | int]]:
        """Return the channel options that name the hub by its key, wherever it is reached."""
        return [
            ("grpc.ssl_target_name_override", sync_name(self.region().hub)),
            ("grpc.enable_http_proxy", 0),
        ]

    def pending(self) -> Pending:
        """Return the key and request that wait, made now where there are none.

        The same request is sent again until it is answered: a lost answer costs nothing.
        """
        path = self._folder / "pending.pem"
        if path.exists():
            data = path.read_bytes()
            try:
                key = serialization.load_pem_private_key(data, None)
                csr = x509.load_pem_x509_csr(data)
            except (ValueError, TypeError):
                path.unlink()
            else:
                if isinstance(key, ec.EllipticCurvePrivateKey):
                    return Pending(key, csr.public_bytes(Encoding.DER))
        key = ec.generate_private_key(ec.SECP256R1())
        csr = (
            x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
        )
        write_secret(path, _key_bytes(key) + csr.public_bytes(Encoding.PEM))
        return Pending(key, csr.public_bytes(Encoding.DER))

    def install(self, pending: Pending, chain: list[bytes], node: str, root: bytes) -> Device:
        """Put a fresh certificate in force.

        Parameters
        ----------
        chain : list of bytes
            DER, the box's own first.
        root : bytes
            PEM.

        Raises
        ------
        AnswerWrong
            If it is not for this key and box, or not of this region. Nothing changes then.
        """
        certificates = check_answer(pending, chain, node, root)
        pem = b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
        write_secret(self._folder / "device.pem", _key_bytes(pending.key) + pem)
        return self.device()

    def forget_pending(self) -> None:
        """Forget the request, once everything that answered it is kept."""
        (self._folder / "pending.pem").unlink(missing_ok=True)

    def keep_region(self, region: Region) -> None:
        """Keep what the hub said; from here on the box has joined."""
        write_secret(
            self._folder / "region.json", json.dumps(asdict(region), ensure_ascii=False).encode()
        )


def check_answer(
    pending: Pending, chain: list[bytes], node: str, root: bytes
) -> list[x509.Certificate]:
    """Return the certificates of an answer that fits what was asked.

    Raises
    ------
    AnswerWrong
    """
    try:
        certificates = [x509.load_der_x509_certificate(one) for one in chain[:4]]
        check_chain(certificates, x509.load_pem_x509_certificate(root))
        named = node_of(certificates[0])
    except (ValueError, EnrolRefusal):
        raise AnswerWrong(fault="chain") from None
    if certificates[0].public_key() != pending.key.public_key():
        raise AnswerWrong(fault="key")
    if named != node:
        raise AnswerWrong(fault="node")
    return certificates


def enrol_options() -> list[tuple[str, str | int]]:
    """Return the channel options of the enrolment port: its fixed name, small messages."""
    return [
        ("grpc.ssl_target_name_override", ENROL_NAME),
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.max_receive_message_length", 64 * 1024),
    ]


def full_pin(certificate: x509.Certificate) -> str:
    """Return the whole hash of a server's public key, hex: what is kept after joining."""
    info = certificate.public_key().public_bytes(
        Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(info).hexdigest()


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
