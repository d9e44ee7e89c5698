"""What the query service asks of the rest of the box, and what it is told about its peers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any, BinaryIO, Literal, Protocol

from edge.intake.dimse.match import Matcher

Level = Literal["PATIENT", "STUDY", "SERIES", "IMAGE"]
LEVELS: tuple[Level, ...] = ("PATIENT", "STUDY", "SERIES", "IMAGE")
UNIQUE_KEY: dict[Level, str] = {
    "PATIENT": "PatientID",
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}

# A record of the archive: DICOM keyword -> JSON value (the form of `core.dicom.head`).
Value = str | int | float | Sequence[str] | Sequence[int] | Sequence[float]
Record = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class InstanceRef:
    """One stored instance; `key` is the archive's own handle."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax: str
    key: str


class Archive(Protocol):
    """The stored studies, read only. Called from several threads at once."""

    def find(self, level: Level, matchers: Sequence[Matcher], limit: int) -> Iterator[Record]:
        """Yield the records of one level that may match, the attributes of upper levels included.

        The service judges every record again with `match.matches`, so an archive may yield more
        than match, never fewer. `limit` is how many matching ones will be read; the iterator may be
        dropped at any time.
        """

    def locate(self, level: Level, keys: Mapping[str, tuple[str, ...]]) -> list[InstanceRef]:
        """Return all instances under the given unique keys (keyword -> alternatives)."""

    def open(self, ref: InstanceRef) -> BinaryIO:
        """Return the stored bytes: the data set, or a whole file with preamble and meta.

        Raises XinglinError if they are gone or damaged.
        """


@dataclass(frozen=True, slots=True)
class SeriesDone:
    """One series of a performed procedure step and the instances it is said to have."""

    series_uid: str
    instance_uids: tuple[str, ...]
    description: str


@dataclass(frozen=True, slots=True)
class ProcedureStep:
    """One MPPS message, N-CREATE or N-SET; empty where the message says nothing.

    `series` replaces what an earlier message said, if it is not empty (PS3.4 F.7.2.2).
    """

    uid: str
    status: Literal["IN PROGRESS", "COMPLETED", "DISCONTINUED"]
    created: bool
    sender: str
    modality: str
    study_uids: tuple[str, ...]
    accessions: tuple[str, ...]
    patient_id: str
    started: str
    ended: str
    series: tuple[SeriesDone, ...]


class MppsSink(Protocol):
    """Where procedure steps go; completeness of a study is judged from them."""

    def status_of(self, uid: str) -> str | None:
        """Return the status of a step, or None if it is not known."""

    def save(self, step: ProcedureStep) -> None:
        """Keep one message durably; success is answered after this returns."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An instance that is to be committed, or that was."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class CommitmentAnswer:
    """What a peer says about a transaction: `failed` maps instance UID to failure reason."""

    transaction_uid: str
    committed: tuple[Reference, ...]
    failed: Mapping[str, int]


class CommitmentSink(Protocol):
    """Where answers go that arrive on an association the peer opened (reversed roles)."""

    def answered(self, sender: str, answer: CommitmentAnswer) -> bool:
        """Keep an answer; False if the transaction is not known."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One configured application entity.

    Parameters
    ----------
    ae_title, host, port
        Where it listens: destination of C-MOVE and of commitment answers.
    charset_override : str or None
        For queries and steps that it labels wrongly.
    response_charset : {"ISO_IR 192", "GB18030"}
        GB18030 only for a peer that cannot read UTF-8; both carry every character.
    commitment_return : {"same", "new"}
        Whether commitment answers are tried on the association of the request first.
    tls : ssl.SSLContext or None
        For associations that we open; what the peer opens ends its TLS at the front receiver.
    may_query : bool
        Whether C-FIND, C-MOVE and C-GET are answered; steps and commitment always are.
    """

    ae_title: str
    host: str
    port: int
    charset_override: str | None = None
    response_charset: Literal["ISO_IR 192", "GB18030"] = "ISO_IR 192"
    commitment_return: Literal["same", "new"] = "new"
    tls: SSLContext | None = None
    may_query: bool = True

    def connection(self) -> dict[str, Any]:
        """Return the library's arguments for an association with this peer."""
        arguments: dict[str, Any] = {"ae_title": self.ae_title}
        if self.tls is not None:
            arguments["tls_args"] = (self.tls, self.host)
        return arguments


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """What happened, for the access journal and the log. No names, no identifiers of patients.

    `study_uids` is for the access journal only.
    """

    kind: Literal["find", "move", "get", "commit", "mpps"]
    peer: str
    level: str
    status: int
    count: int
    study_uids: tuple[str, ...] = ()


class Observer(Protocol):
    """Takes note of events; must be quick and must not raise."""

    def __call__(self, event: ServiceEvent) -> None: ...


@dataclass(frozen=True, slots=True)
class DimseSettings:
    """The service's own settings; `peers` by AE title.

    With `known_callers_only`, an association from an AE title outside `peers` is rejected.
    """

    ae_title: str
    host: str = "127.0.0.1"
    port: int = 0
    peers: Mapping[str, Peer] = field(default_factory=dict)
    known_callers_only: bool = False
    max_matches: int = 1000
    max_associations: int = 20
    max_pdu_bytes: int = 131072
    max_message_bytes: int = 16 << 20
    max_decoded_bytes: int = 1 << 30
    timeout_s: float = 60.0
    commitment_retry_s: tuple[float, ...] = (0.0, 5.0, 30.0, 120.0)
