"""C-FIND, C-MOVE and C-GET: pynetdicom's handlers on an archive.

Every identifier is decoded by our own text decoder; nothing of it is logged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import build_context, evt
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
)

from core.errors import XinglinError
from edge.intake.dimse.errors import IdentifierUnreadableError, QueryKeyError, QueryLevelError
from edge.intake.dimse.match import matches
from edge.intake.dimse.ports import (
    Archive,
    DimseSettings,
    InstanceRef,
    Observer,
    Peer,
    Record,
    ServiceEvent,
)
from edge.intake.dimse.query import Query, parse_query, response, retrieve_keys
from edge.intake.dimse.suboperation import FALLBACKS, StoredInstance, StoredSender

PENDING, SUCCESS, CANCEL = 0xFF00, 0x0000, 0xFE00
OUT_OF_RESOURCES, NOT_OF_THE_CLASS, UNABLE = 0xA700, 0xA900, 0xC000
UNKNOWN_DESTINATION = 0xA801
NOT_AUTHORIZED = 0x0124  # PS3.7 C.5.5: Refused, not authorized
_PATIENT_ROOT = frozenset(
    {
        PatientRootQueryRetrieveInformationModelFind,
        PatientRootQueryRetrieveInformationModelMove,
        PatientRootQueryRetrieveInformationModelGet,
    }
)
_MAX_CONTEXTS = 128

Response = tuple[int, Dataset | None]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The three handlers; one object per service."""

    settings: DimseSettings
    archive: Archive
    observe: Observer

    def find(self, event: evt.Event) -> Iterator[Response]:
        """Answer C-FIND: matches one by one, 0xA700 after the limit, 0xFE00 when cancelled."""
        sender = caller(event)
        peer = self.settings.peers.get(sender)
        if self._refused("find", event):
            yield NOT_AUTHORIZED, None
            return
        try:
            query = parse_query(
                identifier(event),
                patient_root=_is_patient_root(event),
                override=peer.charset_override if peer else None,
            )
        except XinglinError as error:
            self._note("find", sender, "", status_of(error), ())
            yield status_of(error), None
            return
        charset = peer.response_charset if peer else "ISO_IR 192"
        sent = 0
        studies: set[str] = set()
        status = SUCCESS
        for record in self._matching(query):
            if event.is_cancelled:
                status = CANCEL
                break
            if sent >= self.settings.max_matches:
                status = OUT_OF_RESOURCES
                break
            sent += 1
            studies.add(str(record.get("StudyInstanceUID", "")))
            yield PENDING, response(query, record, self.settings.ae_title, charset)
        self._note("find", sender, query.level, status, tuple(sorted(studies - {""})), sent)
        yield status, None

    def move(self, event: evt.Event) -> Iterator[Any]:
        """Answer C-MOVE: to a configured destination only (0xA801 otherwise).

        The library asks for a destination before it takes a status, so a bad identifier is raised
        and answered as 0xC5xx, unable to process.
        """
        destination = self.settings.peers.get(str(event.move_destination).strip())
        if self._refused("move", event):
            _answer_with(event, NOT_AUTHORIZED)
            yield None, None
            return
        if destination is None:
            self._note("move", caller(event), "", UNKNOWN_DESTINATION, ())
            yield None, None
            return
        try:
            level, refs = self._located(event)
        except XinglinError:
            self._note("move", caller(event), "", UNABLE, ())
            raise
        yield destination.host, destination.port, self._association(destination, refs)
        yield len(refs)
        yield from self._sent("move", event, level, refs)

    def get(self, event: evt.Event) -> Iterator[Any]:
        """Answer C-GET on the association of the request."""
        if self._refused("get", event):
            yield 1
            yield NOT_AUTHORIZED, None
            return
        try:
            level, refs = self._located(event)
        except XinglinError as error:
            yield 1
            yield status_of(error), None
            return
        event.assoc.send_c_store = self._sender(event.assoc)
        yield len(refs)
        yield from self._sent("get", event, level, refs)

    def _refused(self, kind: Any, event: evt.Event) -> bool:
        """Return whether the caller is a known peer that may not query; noted."""
        peer = self.settings.peers.get(caller(event))
        if peer is None or peer.may_query:
            return False
        self._note(kind, peer.ae_title, "", NOT_AUTHORIZED, ())
        return True

    def _matching(self, query: Query) -> Iterator[Record]:
        wanted = self.settings.max_matches + 1
        for record in self.archive.find(query.level, query.matchers, wanted):
            if matches(record, query.matchers):
                yield record

    def _located(self, event: evt.Event) -> tuple[str, list[InstanceRef]]:
        level, keys = retrieve_keys(identifier(event), patient_root=_is_patient_root(event))
        return level, self.archive.locate(level, keys)

    def _sent(
        self, kind: Any, event: evt.Event, level: str, refs: list[InstanceRef]
    ) -> Iterator[Response]:
        sent, status = 0, SUCCESS
        for ref in refs:
            if event.is_cancelled:
                status = CANCEL
                yield CANCEL, None
                break
            sent += 1
            yield PENDING, StoredInstance(ref)
        self._note(kind, caller(event), level, status, (), sent)

    def _association(self, destination: Peer, refs: list[InstanceRef]) -> dict[str, Any]:
        def replace_sender(event: evt.Event) -> None:
            event.assoc.send_c_store = self._sender(event.assoc)

        return {
            "contexts": contexts_for(refs),
            **destination.connection(),
            # Before negotiation: later events race with the loop that begins to send.
            "evt_handlers": [(evt.EVT_CONN_OPEN, replace_sender)],
        }

    def _sender(self, association: Any) -> StoredSender:
        return StoredSender(association, self.archive, self.settings.max_decoded_bytes)

    def _note(
        self,
        kind: Any,
        peer: str,
        level: str,
        status: int,
        studies: tuple[str, ...],
        count: int = 0,
    ) -> None:
        self.observe(ServiceEvent(kind, peer, level, status, count, studies))


def _answer_with(event: evt.Event, status: int) -> None:
    """Let the next response of the association carry a status.

    For C-MOVE without a destination the library knows "unknown destination" only.
    """
    dimse = event.assoc.dimse
    send = dimse.send_msg

    def once(response: Any, context_id: int) -> None:
        dimse.send_msg = send
        response.Status = status
        send(response, context_id)

    dimse.send_msg = once


def identifier(event: evt.Event) -> Dataset:
    """Return the identifier with its elements undecoded; raises IdentifierUnreadableError."""
    try:
        found: Dataset = event.identifier
    except Exception as error:
        raise IdentifierUnreadableError from error
    return found


def caller(event: evt.Event) -> str:
    """Return the calling AE title."""
    return str(event.assoc.requestor.ae_title).strip()


def status_of(error: XinglinError) -> int:
    """Return the DIMSE status for a refusal (PS3.4 tables C.4-1 to C.4-3)."""
    if isinstance(error, QueryLevelError | QueryKeyError):
        return NOT_OF_THE_CLASS
    return UNABLE


def contexts_for(refs: list[InstanceRef]) -> list[PresentationContext]:
    """Propose each stored syntax in a context of its own, then a plain one per class.

    In a shared context the peer chooses one syntax, and everything stored in another would have to
    be decoded. At most 128 (PS3.8 7.1.1.13): stored syntaxes come first.
    """
    stored = dict.fromkeys((r.sop_class_uid, r.transfer_syntax) for r in refs)
    classes = dict.fromkeys(r.sop_class_uid for r in refs)
    plain = [str(uid) for uid in FALLBACKS]
    contexts = [build_context(c, s) for c, s in stored if s not in plain]
    contexts += [build_context(c, s) for c in classes for s in plain]
    return contexts[:_MAX_CONTEXTS]


def _is_patient_root(event: evt.Event) -> bool:
    return event.context.abstract_syntax in _PATIENT_ROOT
