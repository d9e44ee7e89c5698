"""Association PDUs: bytes to records and back, with the library's PDU classes (PS3.8 9.3).

Lengths, UIDs and AE titles are checked here before the library sees a byte (it would write hostile
text to its log); items that the receiver does not need or this edition does not know are dropped,
as PS3.8 9.3.1 asks ("shall be ignored").
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ, A_RELEASE_RP
from pynetdicom.pdu_items import (
    ApplicationContextItem,
    ImplementationClassUIDSubItem,
    ImplementationVersionNameSubItem,
    MaximumLengthSubItem,
    PresentationContextItemAC,
    SCP_SCU_RoleSelectionSubItem,
    TransferSyntaxSubItem,
    UserInformationItem,
)

from edge.intake.net.command import is_strict_uid, printable
from edge.intake.net.errors import AssociationRejected, PduMalformed

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ = 0x01, 0x02, 0x03
P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = 0x04, 0x05, 0x06, 0x07
KNOWN_PDUS = frozenset(range(0x01, 0x08))

HEADER = struct.Struct(">BxI")
_ITEM = struct.Struct(">BxH")
_FIXED = 68
_APPLICATION, _CONTEXT, _ABSTRACT, _TRANSFER, _USER = 0x10, 0x20, 0x30, 0x40, 0x50
_MAXIMUM_LENGTH, _ROLE = 0x51, 0x54
_MAX_CONTEXTS = 128
_CONTEXT_HEAD = 4

DICOM_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
IMPLEMENTATION_CLASS_UID = "2.25.178546730512988372205733871944530212117"
IMPLEMENTATION_VERSION = b"XINGLIN_0_1"


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """One presentation context of a request; transfer syntaxes in the order proposed."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Roles:
    """SCU and SCP role of the requestor for one SOP class (PS3.7 D.3.3.4)."""

    scu: bool
    scp: bool


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """A decoded A-ASSOCIATE-RQ. ``max_pdu`` 0 means that the peer takes any length."""

    called_ae: str
    calling_ae: str
    protocol_version: int
    application_context: str
    contexts: tuple[ProposedContext, ...]
    max_pdu: int
    roles: Mapping[str, Roles] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContextAnswer:
    """Result of one context (PS3.8 table 9-18): 0 accepted, 1 user, 3 abstract, 4 transfer."""

    context_id: int
    result: int
    transfer_syntax: str


def decode_request(body: bytes) -> AssociateRequest:
    """Decode the bytes after the 6-byte header of an A-ASSOCIATE-RQ.

    Raises
    ------
    PduMalformed
        Lengths that contradict each other, a context twice, text that is not ASCII, no AE title.
    """
    if len(body) < _FIXED:
        raise PduMalformed(what="A-ASSOCIATE-RQ too short")
    titles = _checked_title(body[4:20]) + _checked_title(body[20:36])
    clean = body[:4] + titles + body[36:_FIXED] + b"".join(_checked_items(body[_FIXED:]))
    library = A_ASSOCIATE_RQ()
    try:
        library.decode(HEADER.pack(ASSOCIATE_RQ, len(clean)) + clean)
        request = _from_library(library)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error) as error:
        # The library says "malformed" with any of these.
        raise PduMalformed(what=f"A-ASSOCIATE-RQ ({type(error).__name__})") from error
    except AssertionError as error:
        raise PduMalformed(what="A-ASSOCIATE-RQ item length") from error
    if len({c.context_id for c in request.contexts}) != len(request.contexts):
        raise PduMalformed(what="presentation context twice")
    return request


def _from_library(library: A_ASSOCIATE_RQ) -> AssociateRequest:
    contexts = tuple(
        ProposedContext(
            context_id=item.presentation_context_id,
            abstract_syntax=str(item.abstract_syntax or ""),
            transfer_syntaxes=tuple(str(uid) for uid in item.transfer_syntax if uid),
        )
        for item in library.presentation_context
    )
    user = library.user_information
    roles = user.role_selection if user is not None else {}
    return AssociateRequest(
        called_ae=printable(library.called_ae_title.strip().encode(), 16),
        calling_ae=printable(library.calling_ae_title.strip().encode(), 16),
        protocol_version=library.protocol_version,
        application_context=str(library.application_context_name or ""),
        contexts=contexts,
        max_pdu=(user.maximum_length or 0) if user is not None else 0,
        roles={str(u): Roles(bool(r.scu_role), bool(r.scp_role)) for u, r in roles.items()},
    )


def _checked_items(encoded: bytes) -> Iterator[bytes]:
    contexts = 0
    for kind, item in _items(encoded):
        if kind == _CONTEXT:
            contexts += 1
            if contexts > _MAX_CONTEXTS:
                raise PduMalformed(what="too many presentation contexts")
            _check_context(item)
            yield item
        elif kind == _APPLICATION:
            # Left out when it is no UID; it is then refused as an application context.
            if is_strict_uid(printable(item[4:].rstrip(b"\0 "), 65)):
                yield item
        elif kind == _USER:
            kept = b"".join(sub for k, sub in _items(item[4:]) if _wanted(k, sub))
            yield _ITEM.pack(kind, len(kept)) + kept


def _wanted(kind: int, item: bytes) -> bool:
    """Say whether a user information item is one the receiver heeds, and is well formed."""
    if kind == _MAXIMUM_LENGTH:
        return len(item) == 8
    if kind == _ROLE and len(item) >= 8:
        length = int.from_bytes(item[4:6], "big")
        uid = item[6 : 6 + length].rstrip(b"\0 ")
        return len(item) == 8 + length and is_strict_uid(printable(uid, 65))
    return False


def _checked_title(raw: bytes) -> bytes:
    """Return an AE title padded with spaces; refuse characters that PS3.5 6.2 does not allow."""
    title = raw.rstrip(b"\0")
    if not title.strip() or any(b < 0x20 or b > 0x7E or b == 0x5C for b in title):
        raise PduMalformed(what="AE title")
    return title.ljust(16)


def _check_context(item: bytes) -> None:
    if len(item) < 4 + _CONTEXT_HEAD or item[4] % 2 == 0:
        raise PduMalformed(what="presentation context id")
    for kind, sub in _items(item[4 + _CONTEXT_HEAD :]):
        text = sub[4:].rstrip(b"\0 ")
        if kind not in {_ABSTRACT, _TRANSFER} or not is_strict_uid(printable(text, 65)):
            raise PduMalformed(what="presentation context syntax")


def _items(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (item type, whole item) of a chain of PS3.8 items."""
    offset, end = 0, len(encoded)
    while offset < end:
        if end - offset < 4:
            raise PduMalformed(what="item header")
        kind, length = _ITEM.unpack_from(encoded, offset)
        stop = offset + 4 + length
        if stop > end:
            raise PduMalformed(what="item length")
        yield kind, encoded[offset:stop]
        offset = stop


def encode_accept(
    body: bytes, answers: tuple[ContextAnswer, ...], roles: Mapping[str, Roles], max_pdu: int
) -> bytes:
    """Encode an A-ASSOCIATE-AC; ``body`` is the request's, whose AE title fields are sent back."""
    library = A_ASSOCIATE_AC()
    application = ApplicationContextItem()
    application.application_context_name = DICOM_APPLICATION_CONTEXT
    user = UserInformationItem()
    user.user_data = [_maximum(max_pdu), _class_uid(), _version(), *_role_items(roles)]
    library.variable_items = [application, *(_context_item(a) for a in answers), user]
    encoded: bytearray = bytearray(library.encode())
    # PS3.8 table 9-17: these 64 bytes "shall be sent with a value identical to the request's".
    encoded[10:74] = body[4:68]
    return bytes(encoded)


def _context_item(answer: ContextAnswer) -> PresentationContextItemAC:
    item = PresentationContextItemAC()
    item.presentation_context_id = answer.context_id
    item.result_reason = answer.result
    syntax = TransferSyntaxSubItem()
    syntax.transfer_syntax_name = answer.transfer_syntax
    item.transfer_syntax_sub_item = [syntax]
    return item


def _maximum(max_pdu: int) -> MaximumLengthSubItem:
    item = MaximumLengthSubItem()
    item.maximum_length_received = max_pdu
    return item


def _class_uid() -> ImplementationClassUIDSubItem:
    item = ImplementationClassUIDSubItem()
    item.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    return item


def _version() -> ImplementationVersionNameSubItem:
    item = ImplementationVersionNameSubItem()
    item.implementation_version_name = IMPLEMENTATION_VERSION
    return item


def _role_items(roles: Mapping[str, Roles]) -> list[SCP_SCU_RoleSelectionSubItem]:
    items = []
    for uid, role in roles.items():
        item = SCP_SCU_RoleSelectionSubItem()
        item.sop_class_uid = uid
        item.scu_role = int(role.scu)
        item.scp_role = int(role.scp)
        items.append(item)
    return items


def encode_reject(rejection: AssociationRejected) -> bytes:
    """Encode an A-ASSOCIATE-RJ."""
    library = A_ASSOCIATE_RJ()
    library.result = rejection.result
    library.source = rejection.source
    library.reason_diagnostic = rejection.reason
    encoded: bytes = library.encode()
    return encoded


def encode_abort(source: int, reason: int) -> bytes:
    """Encode an A-ABORT; source 0 is the service user, 2 the provider (PS3.8 table 9-26)."""
    library = A_ABORT_RQ()
    library.source = source
    library.reason_diagnostic = reason if source == 2 else 0
    encoded: bytes = library.encode()
    return encoded


def encode_release_reply() -> bytes:
    """Encode an A-RELEASE-RP."""
    encoded: bytes = A_RELEASE_RP().encode()
    return encoded
