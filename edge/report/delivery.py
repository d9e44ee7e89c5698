"""Words of delivery: what is sent, to whom, with what outcome, and when to try again. Pure.

"Sent" is never "arrived": an object is ``confirmed`` only when the peer said so by storage
commitment or in answer to a query. A peer that offers neither ends in ``unconfirmed``, once.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Final, Literal

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import dcmread
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, SegmentationStorage

from edge.report.errors import DeliveryError, NotADicomFile

Kind = Literal["image", "seg", "sr", "sc"]
State = Literal["confirmed", "unconfirmed", "refused", "failed"]
Priority = Literal["urgent", "routine"]

_UIDS: Final = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_SR_ROOT: Final = "1.2.840.10008.5.1.4.1.1.88."
_SC_ROOT: Final = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """A DICOM peer that takes results.

    ``commitment`` and ``query`` say which confirmation may be tried; both are only offered, a peer
    without them is not an error. Seconds bound every wait.
    """

    name: str
    host: str
    port: int
    ae_title: str
    calling_ae_title: str = "XINGLIN"
    tls: ssl.SSLContext | None = None
    commitment: bool = True
    query: bool = True
    connect_s: float = 10.0
    answer_s: float = 60.0
    commitment_wait_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Deliverable:
    """One object to send.

    Attributes
    ----------
    sop_class_uid, sop_instance_uid, study_uid, series_uid : str
    transfer_syntax_uid : str
        In which ``read`` gives the data set.
    read : callable
        Returns the encoded data set without preamble and file meta. Called when it is needed, so
        that a thousand slices are not in memory at once.
    kind : {"image", "seg", "sr", "sc"}
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    transfer_syntax_uid: str
    read: Callable[[], bytes]
    kind: Kind = "image"


@dataclass(frozen=True, slots=True)
class StoreOutcome:
    """What became of one object at one peer.

    Attributes
    ----------
    state : {"confirmed", "unconfirmed", "refused", "failed"}
        ``refused``: the peer does not take this class or this object; sending it again is useless.
        ``failed``: not there yet; try again.
    confirmed_by : {"commitment", "query"} or None
    status : int or None
        DIMSE status of the C-STORE answer.
    error : DeliveryError or None
    replaced_by : tuple of str
        SOP Instance UIDs of the pictures sent in its place.
    """

    sop_class_uid: str
    sop_instance_uid: str
    kind: Kind
    state: State
    confirmed_by: Literal["commitment", "query"] | None = None
    status: int | None = None
    error: DeliveryError | None = None
    replaced_by: tuple[str, ...] = ()

    @property
    def retry(self) -> bool:
        """Whether another attempt is worth making."""
        return self.state == "failed"


def kind_of(sop_class_uid: str) -> Kind:
    """Return what sort of object a storage class is."""
    if sop_class_uid == SegmentationStorage:
        return "seg"
    if sop_class_uid.startswith(_SR_ROOT):
        return "sr"
    if sop_class_uid == _SC_ROOT or sop_class_uid.startswith(_SC_ROOT + "."):
        return "sc"
    return "image"


def deliverable_of(dataset: Dataset) -> Deliverable:
    """Return the deliverable of a data set with file meta (SEG, SR and SC as written here)."""
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    return Deliverable(
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        study_uid=str(dataset.StudyInstanceUID),
        series_uid=str(dataset.SeriesInstanceUID),
        transfer_syntax_uid=str(syntax),
        read=lambda: encoded(dataset, syntax),
        kind=kind_of(str(dataset.SOPClassUID)),
    )


def deliverable_of_file(data: bytes) -> Deliverable:
    """Return the deliverable of a stored DICOM file (PS3.10): the same bytes go out.

    Raises
    ------
    NotADicomFile
    """
    stream = BytesIO(data)
    try:
        header = dcmread(stream, stop_before_pixels=True, specific_tags=list(_UIDS))
        syntax = str(header.file_meta.TransferSyntaxUID)
        uids = [str(header[keyword].value) for keyword in _UIDS]
    except (InvalidDicomError, KeyError, AttributeError, ValueError, EOFError):
        raise NotADicomFile from None
    # Preamble and "DICM" are 132 bytes; (0002,0000) says how long the rest of the group is.
    length = int.from_bytes(data[140:144], "little")
    start = 144 + length
    return Deliverable(
        sop_class_uid=uids[0],
        sop_instance_uid=uids[1],
        study_uid=uids[2],
        series_uid=uids[3],
        transfer_syntax_uid=syntax,
        read=lambda: data[start:],
        kind=kind_of(uids[0]),
    )


def encoded(dataset: Dataset, syntax: UID) -> bytes:
    """Return a data set in an uncompressed or its own transfer syntax, without file meta."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = syntax.is_implicit_VR
    buffer.is_little_endian = syntax.is_little_endian
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def part10(dataset: Dataset) -> bytes:
    """Return the object as a DICOM file (PS3.10), what the blob store keeps."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


_FIRST_S: Final[dict[Priority, float]] = {"urgent": 5.0, "routine": 30.0}
_LONGEST_S: Final[dict[Priority, float]] = {"urgent": 120.0, "routine": 600.0}


def next_attempt(attempts: int, now: datetime, priority: Priority, jitter: float = 0.5) -> datetime:
    """Return when to try again.

    The wait doubles from 5 s (urgent) or 30 s (routine) and is bounded by 2 and 10 minutes: a PACS
    back after an hour is found again within minutes, and a hundred waiting studies do not knock at
    once.

    Parameters
    ----------
    attempts : int
        Attempts made so far, at least 1.
    now : datetime
    priority : {"urgent", "routine"}
    jitter : float
        0…1, random, given by the caller; the wait is its 75 to 125 %.
    """
    doublings = min(max(attempts, 1) - 1, 16)
    seconds = min(_FIRST_S[priority] * 2**doublings, _LONGEST_S[priority])
    return now + timedelta(seconds=seconds * (0.75 + 0.5 * min(max(jitter, 0.0), 1.0)))
