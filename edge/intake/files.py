"""Objects that come over HTTP: DICOM files, pictures, zips. Bytes are sealed while they arrive.

A zip must be read from its end, so an upload is sealed into a blob of its own first and read back
through a window; nothing lies in clear on the disk. What is refused is kept in quarantine with the
reason; names in an archive are never used for anything.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from pydicom.uid import ImplicitVRLittleEndian

from core.blobs.disk import BlobReader, FileWriter, put
from core.blobs.stream import sealed_stream
from core.dicom.files import FileLimits, check_archive, check_directory, check_member, kind_of
from core.dicom.input_errors import ArchiveBrokenError, InputError
from core.dicom.picture import wrap_as_dx
from core.errors import XinglinError
from core.records.record import Draft
from core.vault.vault import NODE
from edge.intake.net.errors import StoreRefused
from edge.intake.net.sink import Ending, Peer, StoreCommand, StoreOutcome
from edge.intake.sink import FAILURES, JournalSink
from edge.report.delivery import part10

_STEP = 1 << 20


@dataclass
class Tally:
    """What became of an upload; ``name_hint`` is the name that the browser gave to what is read."""

    accepted: int = 0
    duplicates: int = 0
    name_hint: str = ""
    study_uid: str = ""
    quarantined: list[dict[str, object]] = field(default_factory=list)
    refused: list[dict[str, object]] = field(default_factory=list)
    #: What became of each object in order, as STOW-RS tells it.
    outcomes: list[StoreOutcome] = field(default_factory=list)

    def hold(self, error: XinglinError) -> None:
        """Count an object (or a whole archive) that is kept in quarantine."""
        self.quarantined.append({"name_hint": self.name_hint, **error.as_json()})

    def refuse(self, error: XinglinError) -> None:
        """Count an object that was not taken in."""
        self.refused.append({"name_hint": self.name_hint, **error.as_json()})


class Upload:
    """One file on its way in over HTTP: sealed under the box's key until it is whole."""

    def __init__(self, sink: JournalSink) -> None:
        box = sink.box
        self._sink = sink
        self._writer: FileWriter = box.blobs.create(box.vault.key(NODE), box.outside.randomness(32))

    def write(self, data: bytes) -> None:
        """Take bytes."""
        self._writer.write(data)

    def abandon(self) -> None:
        """Forget it: the client went away."""
        self._writer.abandon()

    def settle(self, peer: Peer, tally: Tally, limits: FileLimits | None = None) -> None:
        """Take in what the file holds; the sealed copy goes once everything in it is kept."""
        box = self._sink.box
        keep = False
        try:
            address = self._writer.finish()
            box.blobs.place([self._writer])
            with box.blobs.open(address, box.vault.key(NODE)) as blob:
                keep = _take(self._sink, peer, blob, address, tally, limits or FileLimits())
        finally:
            self._writer.abandon()
            if self._writer.address and not keep:
                box.blobs.delete(self._writer.address)


def _take(
    sink: JournalSink, peer: Peer, blob: BlobReader, address: str, tally: Tally, limits: FileLimits
) -> bool:
    """Return whether the sealed upload itself must stay (it is what is in quarantine)."""
    stream = sealed_stream(blob, _STEP)
    kind = kind_of(stream.peek(4096)[:4096])
    if kind != "zip":
        return _object(sink, peer, stream, tally)
    try:
        check_directory(stream, limits)
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            check_archive(members, blob.length, limits)
            for index, member in enumerate(members):
                if not member.is_dir():
                    _member(sink, peer, (archive, member, index), tally, limits)
    except (InputError, zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError) as error:
        reason = error if isinstance(error, InputError) else ArchiveBrokenError()
        _hold(sink, peer, address, blob.length, reason, tally)
        return True
    return False


def _member(
    sink: JournalSink,
    peer: Peer,
    place: tuple[zipfile.ZipFile, zipfile.ZipInfo, int],
    tally: Tally,
    limits: FileLimits,
) -> None:
    archive, member, index = place
    try:
        check_member(member, index, limits)
        with archive.open(member) as stream:
            _object(sink, peer, io.BufferedReader(stream, _STEP), tally)
    except InputError as error:
        tally.refuse(error)
    except (zipfile.BadZipFile, EOFError, RuntimeError, zlib.error, NotImplementedError):
        tally.refuse(ArchiveBrokenError())


def _object(sink: JournalSink, peer: Peer, stream: Any, tally: Tally) -> bool:
    """Take in one object; a picture is wrapped as an image that says so."""
    kind = kind_of(stream.peek(4096)[:4096])
    try:
        if kind == "picture":
            content = stream.read(64 * _STEP)
            stream = io.BytesIO(part10(wrap_as_dx(content)))
        outcome = store_stream(sink, peer, stream, tally.study_uid)
    except InputError as error:
        _hold_bytes(sink, peer, content, error, tally)
        return False
    except StoreRefused as error:
        tally.refuse(error)
        return False
    tally.outcomes.append(outcome)
    if outcome.duplicate:
        tally.duplicates += 1
    elif outcome.status in FAILURES and outcome.reason is not None:
        tally.refuse(outcome.reason)
    elif outcome.reason is not None:
        tally.hold(outcome.reason)
    else:
        tally.accepted += 1
    return False


def store_stream(
    sink: JournalSink, peer: Peer, stream: IO[bytes], study_uid: str = ""
) -> StoreOutcome:
    """Take in one DICOM file, with or without preamble and file meta.

    ``study_uid``: take it only where it belongs to this study; "" takes any.

    Raises
    ------
    StoreRefused
        If the disk is too full.
    """
    prefix, syntax, sop_class, sop_instance = read_prefix(stream)
    command = StoreCommand(sop_class, "", syntax, 0, peer.calling_ae, study_uid=study_uid)
    del sop_instance  # the data set says which instance it is
    receipt = sink.begin(peer, command, prefix or None)
    try:
        for chunk in _chunks(stream):
            receipt.write(memoryview(chunk))
    except BaseException:
        receipt.abort()
        raise
    return receipt.commit()


def read_prefix(stream: IO[bytes]) -> tuple[bytes, str, str, str]:
    """Read preamble and file meta (PS3.10 7.1) off a stream.

    Returns
    -------
    prefix : bytes
        As it stood; b"" for a bare data set, whose first bytes are still in the stream.
    transfer_syntax, sop_class, sop_instance : str
        From the meta; implicit little endian where there is none.
    """
    start = stream.peek(132)[:132] if hasattr(stream, "peek") else b""
    if len(start) < 132 and hasattr(stream, "getbuffer"):
        start = bytes(stream.getbuffer()[:132])
    if start[128:132] != b"DICM":
        return b"", str(ImplicitVRLittleEndian), "", ""
    prefix = bytearray(stream.read(132))
    found: dict[int, str] = {}
    while len(prefix) < 1 << 16:
        head = _peek(stream, 12)
        if len(head) < 8 or head[:2] != b"\x02\x00":
            break
        long_form = head[4:6] in (b"OB", b"OW", b"UN", b"SQ", b"UT")
        length = int.from_bytes(head[8:12] if long_form else head[6:8], "little")
        element = stream.read((12 if long_form else 8) + min(length, 1 << 16))
        prefix += element
        value = element[12 if long_form else 8 :]
        found[int.from_bytes(head[2:4], "little")] = value.decode("latin-1").strip("\0 ")
    return bytes(prefix), found.get(0x10, ""), found.get(0x02, ""), found.get(0x03, "")


def _peek(stream: Any, count: int) -> bytes:
    if hasattr(stream, "peek"):
        return bytes(stream.peek(count)[:count])
    at = stream.tell()
    data: bytes = stream.read(count)
    stream.seek(at)
    return data


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(_STEP):
        yield chunk


def _hold_bytes(
    sink: JournalSink, peer: Peer, data: bytes, error: XinglinError, tally: Tally
) -> None:
    box = sink.box
    address = put(box.blobs, data, box.vault.key(NODE), box.outside.randomness(32))
    _hold(sink, peer, address, len(data), error, tally)


def _hold(
    sink: JournalSink, peer: Peer, address: str, size: int, error: XinglinError, tally: Tally
) -> None:  # fmt: skip
    """Record that sealed bytes are kept in quarantine."""
    identity = sink.box.outside.randomness(16).hex()
    body = {
        "id": identity, "sender": peer.calling_ae, "route": "upload", "blob": address, "key": NODE,
        "bytes": size, "transfer_syntax": "", "sop_class": "", "sop_instance": "",
        **error.as_json(),
    }  # fmt: skip
    sink.box.append([Draft("instance.quarantined", body, subject=f"q_{identity}")])
    tally.hold(error)


def web_peer(route: str, association: str, user: str) -> Peer:
    """Return the sender of what a person uploads or a system posts."""
    return Peer(
        name=user, calling_ae=route.upper(), called_ae="", address="", association=association,
        traits=frozenset({route, "modality"}),
    )  # fmt: skip


def over(sink: JournalSink, peer: Peer) -> None:
    """Say that everything of this upload was sent: completeness may be judged."""
    sink.ended(peer, Ending.RELEASED)
