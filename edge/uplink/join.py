"""The box joins a region with a one-time code.

Keys are made here and never leave: P-256 for TLS, X25519 to be sealed to, Ed25519 from first start.
The hospital's recovery key is the one that was printed (``xinglin backup key``); where there is
none yet, it reaches the hub with a later renewal.
"""

from __future__ import annotations

from importlib.metadata import version

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from core.records.record import Draft
from core.seals.keybook import node_id
from core.vault.enrolment import NONCE_BYTES, Join, prove, sign
from core.vault.identity import seal_key
from core.vault.join_code import JoinCode, parse_invitation
from edge.store.box import Box
from edge.uplink.certificates import Credentials, Pending, Region
from edge.uplink.enrol_client import EnrolClient, enrol_client
from edge.uplink.join_errors import AlreadyJoined, AnswerWrong
from protos.gen import enrol_pb2 as pb


def credentials_of(box: Box) -> Credentials:
    """Return the certificates of a box."""
    return Credentials(box.folder / "uplink")


def join(box: Box, address: str, code_text: str, *, again: bool = False, by: str = "") -> Region:
    """Join the region that a code names.

    Parameters
    ----------
    address : str
        ``host:port`` of the hub's enrolment port; may be empty where a scanned picture's text
        names it.
    code_text : str
        The code as typed, or a picture's text.
    again : bool
        Leave the present region for this one (a hub that was made anew, a box that was revoked).
    by : str
        Who did it, for the access journal.

    Raises
    ------
    CodeMistyped, AddressWrong, AlreadyJoined, ServerNotPinned, HubUnreachable, AnswerWrong
    EnrolRefusal
        What the hub refused.
    """
    credentials = credentials_of(box)
    if credentials.joined and not again:
        raise AlreadyJoined(hospital=credentials.region().hospital_name)
    address, code = parse_invitation(address, code_text)
    pending = credentials.pending()
    with enrol_client(address, code.pin.hex()) as client:
        reply = client.join(join_request(box, code, pending))
        region = _region_of(reply, box, client, address)
    credentials.install(pending, list(reply.chain), box.identity.id, region.root.encode())
    body = {"action": "region joined", "user": by, "hub": region.hub, "hospital": region.hospital}
    # Written before it takes effect: a box that dies in between asks again and says so twice.
    box.access.append([Draft("audit.logged", body, actor=f"person:{by}" if by else "")])
    credentials.keep_region(region)
    credentials.forget_pending()
    return region


def recovery_key(box: Box) -> bytes:
    """Return the public half of the printed recovery key; empty where none was printed."""
    path = box.folder / "keys" / "recovery.pub"
    return path.read_bytes() if path.exists() else b""


def software() -> str:
    """Return what this box runs, as the hub lists it."""
    return f"xinglin {version('xinglin')}"


def join_request(box: Box, code: JoinCode, pending: Pending) -> pb.JoinRequest:
    """Return a freshly signed request to join."""
    asked = Join(
        invite=code.invite,
        csr=pending.csr,
        sign_public=box.identity.key.public_key().public_bytes_raw(),
        seal_public=seal_key(box.folder / "keys" / "seal.key").public_key().public_bytes_raw(),
        recovery_public=recovery_key(box),
        software=software(),
        nonce=box.outside.randomness(NONCE_BYTES),
        at_ms=box.outside.now_ms(),
    )
    return pb.JoinRequest(
        invite=asked.invite,
        secret_proof=prove(code.secret, asked),
        csr=asked.csr,
        sign_public=asked.sign_public,
        seal_public=asked.seal_public,
        node_signature=sign(box.identity.key, asked),
        software=asked.software,
        recovery_public=asked.recovery_public,
        nonce=asked.nonce,
        at_ms=asked.at_ms,
    )


def _region_of(reply: pb.JoinReply, box: Box, client: EnrolClient, address: str) -> Region:
    try:
        root = x509.load_der_x509_certificate(reply.root).public_bytes(Encoding.PEM).decode()
        Ed25519PublicKey.from_public_bytes(reply.hub_sign_public)
    except ValueError:
        raise AnswerWrong(fault="root") from None
    if node_id(reply.hub_sign_public) != reply.hub:
        raise AnswerWrong(fault="hub")
    return Region(
        hub=reply.hub,
        hub_sign_public=reply.hub_sign_public.hex(),
        hospital=reply.hospital,
        hospital_name=reply.hospital_name,
        sync_address=reply.sync_address,
        enrol_address=address,
        enrol_pin=client.pin,
        root=root,
        directory_size=reply.directory_size,
        directory_head=reply.directory_head.hex(),
        joined_at=box.outside.now_ms(),
        relay_address=reply.relay_address,
        notice_address=reply.notice_address,
    )
