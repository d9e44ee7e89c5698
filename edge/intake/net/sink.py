"""Ports of the receiver: where objects go, and who answers storage commitment.

The order of calls for one association is ``Sink.begin`` → ``Receipt.write`` … →
``Receipt.commit`` or ``Receipt.abort``, once per object, and at its end one ``Sink.ended``.
A sink says no with :class:`~edge.intake.net.errors.StoreRefused`; other errors of the product and
``OSError`` are answered as 0x0110; anything else is a fault and ends the association.
All calls for one association come from one thread; different associations call at the same time,
so a sink guards what it shares, and may gather the commits of several associations into one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from core.errors import XinglinError

SUCCESS = 0x0000


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end.

    ``name`` and ``traits`` come from the rule of the allow-list that let the peer in (traits are
    free words such as ``modality`` or ``may-correct``); AE titles are sanitised to printable
    ASCII; ``association`` is an opaque id, new for each association.
    """

    name: str
    calling_ae: str
    called_ae: str
    address: str
    association: str
    certificate_names: tuple[str, ...] = ()
    traits: frozenset[str] = frozenset()
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class StoreCommand:
    """One C-STORE request (PS3.7 9.3.1.1) and the transfer syntax of its context.

    ``faults`` names what is wrong with the command although its data can be kept:
    ``sop_class_uid``, ``sop_instance_uid`` (not a valid UID; the text is then cut and cleaned) and
    ``context`` (class differs from the presentation context's). A sink should keep such an object
    apart. UIDs here are what the sender says; the data set may say otherwise. ``study_uid``: only
    objects of this study are taken (STOW-RS into a study); "" takes any.
    """

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    message_id: int
    calling_ae: str
    priority: int = 0
    move_originator_ae: str = ""
    move_originator_message_id: int | None = None
    faults: frozenset[str] = frozenset()
    study_uid: str = ""


@dataclass(frozen=True, slots=True)
class StoreOutcome:
    """What is answered: a DICOM status (PS3.4 B.2.3), a comment of at most 64 characters.

    ``duplicate``: the same bytes were here already. ``reason``: why the object is in quarantine
    (or, with a failure status, why it was not kept). ``sop_class`` and ``sop_instance`` are what
    the data set itself says.
    """

    status: int = SUCCESS
    comment: str = ""
    duplicate: bool = False
    reason: XinglinError | None = None
    sop_class: str = ""
    sop_instance: str = ""


class Receipt(Protocol):
    """One object on its way in. ``commit`` or ``abort`` is called exactly once, as the last."""

    def write(self, chunk: memoryview) -> None:
        """Take the next bytes of the data set (no file meta, transfer syntax as sent).

        ``chunk`` is a window of the receive buffer: it is valid only until this call returns.
        May raise :class:`~edge.intake.net.errors.StoreRefused`; ``abort`` follows then.
        """

    def commit(self) -> StoreOutcome:
        """Return when the object is durable; only then is the peer answered. May block.

        May raise :class:`~edge.intake.net.errors.StoreRefused`; ``abort`` does not follow then.
        """

    def abort(self) -> None:
        """Forget the object: the peer left, broke the protocol, or ``write`` refused."""


class Ending(Enum):
    """How an association ended. Only ``RELEASED`` says that the sender had finished."""

    RELEASED = "released"
    ABORTED_BY_PEER = "aborted by peer"
    ABORTED_BY_US = "aborted by us"
    LOST = "lost"


class Sink(Protocol):
    """Where objects go."""

    def begin(self, peer: Peer, command: StoreCommand) -> Receipt:
        """Start one object, or raise :class:`~edge.intake.net.errors.StoreRefused`."""

    def ended(self, peer: Peer, ending: Ending) -> None:
        """Learn that the association is over (a released one may complete a study)."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One instance named in storage commitment."""

    sop_class: str
    sop_instance: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One instance that is not committed; ``reason`` is that of PS3.3 C.14.1.1 (0x0112 …)."""

    reference: Reference
    reason: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a storage commitment request."""

    committed: tuple[Reference, ...]
    failed: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """The verdict is not there yet; the port's owner sends it on an association of its own."""


@dataclass(frozen=True, slots=True)
class CommitmentReport:
    """A verdict that a peer (a PACS) sends us about what we had asked it to commit."""

    transaction_uid: str
    verdict: Verdict
    retrieve_ae: str = ""


class Commitments(Protocol):
    """Answers storage commitment (PS3.4 annex J)."""

    def request(
        self, peer: Peer, transaction_uid: str, references: tuple[Reference, ...]
    ) -> Verdict | Later:
        """Judge one N-ACTION. May raise ``StoreRefused``: its status answers the N-ACTION."""

    def answered(self, peer: Peer, transaction_uid: str, *, delivered: bool) -> None:
        """Learn whether the peer confirmed the verdict on this association.

        With ``delivered=False`` (released, lost or refused before) the owner sends it anew.
        """

    def reported(self, peer: Peer, report: CommitmentReport) -> None:
        """Take a peer's verdict on a request of ours (N-EVENT-REPORT, reversed role)."""
