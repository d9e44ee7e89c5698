"""Where received objects become records: encrypted while they are read, durable before success.

One :class:`ObjectReceipt` per object. Until the head has said whose study it is, bytes wait in
memory (at most 1 MiB); then they stream into a blob sealed under the study's key. What cannot be
read streams into a blob under the box's own key and is kept in quarantine with the reason.

With a ledger (the storage receiver) a new instance is answered once its blob and its entry there
are durable, and the journal follows in batches; without one, and for everything that is not simply
new, the record is committed before the answer (docs/adr/0017-arrival-ledger.md).
"""

from __future__ import annotations

import errno
import io
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from pydicom import Dataset, dcmread
from sqlcipher3 import dbapi2 as sqlcipher

from core.blobs.disk import FileWriter
from core.dicom.head import Head, HeadReader, Routing
from core.errors import XinglinError
from core.records.record import Draft
from core.vault.errors import KeyDestroyed
from core.vault.vault import NODE, StudyRef
from edge.intake.arrival import Arrival, Kept, arrival_of, received
from edge.intake.attributes import patient_of, repairs_of, study_of
from edge.intake.commit import GroupCommit
from edge.intake.digest import Digests, is_old
from edge.intake.disk import Tier, accepts
from edge.intake.duplicates import compare
from edge.intake.errors import (
    CommandMismatch,
    NotReadable,
    OtherStudy,
    PatientMismatch,
    Quarantined,
    SubjectErased,
    UidConflict,
)
from edge.intake.file_meta import file_prefix
from edge.intake.net.errors import OutOfResources, StoreFailed
from edge.intake.net.sink import Ending, Peer, StoreCommand, StoreOutcome
from edge.intake.settle import note_arrivals
from edge.intake.settler import Settler
from edge.store.box import Box

#: Failure statuses (PS3.4 B.2.3): the object was not kept.
FAILURES = range(0xA700, 0xB000)
OTHER_STUDY = 0xA900
_READ = 1 << 20
HELD = 0xB007  # warning, data set kept apart: PS3.4 table B.2-1 "does not match SOP class"


@dataclass(frozen=True, slots=True)
class Ready:
    """A finished object, waiting for its commit."""

    writer: FileWriter
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class Known:
    """What is already kept under a SOP Instance UID."""

    digest: str
    blob: str
    study: str
    digests: frozenset[str]


class JournalSink:
    """The appliance's :class:`edge.intake.net.sink.Sink`.

    Parameters
    ----------
    box : Box
    tier : callable
        Gives the present disk tier.
    """

    def __init__(self, box: Box, tier: Callable[[], Tier], settler: Settler | None = None) -> None:
        self.box = box
        self._tier = tier
        self._settler = settler
        self.digests = Digests(box.vault.lookup("digest"))
        self.group: GroupCommit[Ready] = GroupCommit(self._commit)
        self._lock = threading.Lock()
        self._studies: dict[str, set[str]] = {}

    def begin(
        self, peer: Peer, command: StoreCommand, prefix: bytes | None = None
    ) -> ObjectReceipt:
        """Start one object; ``prefix`` is a file's own preamble and meta, where it had one."""
        if not accepts(self._tier(), urgent=peer.urgent):
            raise OutOfResources
        if self._settler is not None and self._settler.overdue:
            raise OutOfResources
        return ObjectReceipt(self, peer, command, prefix)

    def ended(self, peer: Peer, ending: Ending) -> None:
        """Note for completeness that the association is over; its records are in the journal."""
        with self._lock:
            studies = self._studies.pop(peer.association, set())
        if not studies:
            return
        released = int(ending is Ending.RELEASED)
        if self._settler is not None:
            self._settler.ended(peer.association, released)
        with self.box.database.transaction() as sql:
            for study in studies:
                sql.execute("UPDATE arrival SET released = ? WHERE study = ?", (released, study))

    def flush(self) -> None:
        """See that the journal has all that was answered with success so far."""
        if self._settler is not None:
            self._settler.flush()

    def close(self) -> None:
        """Settle what waits and let go of the ledger; nothing may be begun any more."""
        if self._settler is not None:
            self._settler.close()

    def waits(self, sop_instance: str, digest: str) -> bool:
        """Return whether this very content is durable and waits for its record.

        Where another content waits under the UID, it has its record when this returns.
        """
        found = self._settler.find(sop_instance) if self._settler is not None else None
        if found is not None and found.digest != digest:
            self.flush()
        return found is not None and found.digest == digest

    def known(self, sop_instance: str, *, committing: bool = False) -> Known | None:
        """Return what is kept under a SOP Instance UID, if anything.

        A look before the commit must not wait for the commits of others, or objects that are ready
        at the same time never share one; the commit itself asks again, inside its transaction.
        """
        database = self.box.database
        ask = database.query if committing else database.look
        rows = ask(
            "SELECT digest, blob, study FROM instance WHERE sop_instance = ?", (sop_instance,)
        )
        if not rows:
            return None
        others = ask("SELECT digest FROM alternate WHERE sop_instance = ?", (sop_instance,))
        digest, blob, study = rows[0]
        return Known(digest, blob, study, frozenset([digest, *(row[0] for row in others)]))

    def before_correction(self, sop_instance: str) -> dict[str, Any] | None:
        """Return what is kept as the instance; None where it is a correction already."""
        columns = ("transfer_syntax", "blob", "bytes", "digest")
        rows = self.box.database.query(
            f"SELECT {', '.join(columns)} FROM instance WHERE sop_instance = ?"
            " AND sop_instance NOT IN"
            " (SELECT sop_instance FROM alternate WHERE reason = 'before correction')",
            (sop_instance,),
        )
        return dict(zip(columns, rows[0], strict=True)) if rows else None

    def patient_of(self, study: str) -> str | None:
        """Return the patient id of a study of which something is kept."""
        # Asked first: between two looks what waits may have become a row, never the reverse.
        waiting = self._settler.patient_of(study) if self._settler is not None else None
        rows = self.box.database.look("SELECT patient_id FROM study WHERE study = ?", (study,))
        return (rows[0][0] or "").strip() if rows else waiting

    def quarantine(
        self, writer: FileWriter, key: str, peer: Peer, route: str, reason: Quarantined,
        command: StoreCommand,
    ) -> None:  # fmt: skip
        """Keep an object apart, durably, with its reason and sender."""
        address = writer.finish()
        self.box.blobs.place([writer])
        identity = self.box.outside.randomness(16).hex()
        body = {
            "id": identity, "sender": peer.calling_ae, "route": route, "blob": address, "key": key,
            "bytes": writer.length, "transfer_syntax": command.transfer_syntax,
            "sop_class": command.sop_class, "sop_instance": command.sop_instance,
            **reason.as_json(),
        }  # fmt: skip
        self.box.append([Draft("instance.quarantined", body, subject=f"q_{identity}")])

    def _commit(self, group: list[Ready]) -> list[str]:
        """Make a group durable; returns "stored", "repeat" or "again" for each."""
        self.box.blobs.place([ready.writer for ready in group])
        if self._settler is not None and self._settler.usable:
            outcomes = self._enter(self._settler, group)
            if outcomes is not None:
                return outcomes
        return self._record(group)

    def _enter(self, settler: Settler, group: list[Ready]) -> list[str] | None:
        """Write a group into the ledger; None where there is no room for it."""
        outcomes: list[str] = []
        fresh: dict[str, Arrival] = {}
        for ready in group:
            uid = ready.arrival.sop_instance
            known = fresh.get(uid) or settler.find(uid)
            if known is None:
                fresh[uid] = ready.arrival
            outcomes.append(_outcome(known, ready.arrival))
        arrivals = list(fresh.values())
        if arrivals and not settler.write(arrivals):
            settler.flush()
            if not settler.write(arrivals):
                return None
        self._remember(arrivals)
        return self._without_repeats(group, outcomes)

    def _record(self, group: list[Ready]) -> list[str]:
        """Commit the records of a group in one transaction."""
        self.flush()
        outcomes: list[str] = []
        drafts: dict[tuple[str, str], list[Arrival]] = {}
        with self.box.database.transaction() as sql:
            seen: dict[str, frozenset[str]] = {}
            for ready in group:
                one = ready.arrival
                known = self.known(one.sop_instance, committing=True)
                digests = known.digests if known else seen.get(one.sop_instance)
                if digests is not None:
                    outcomes.append("repeat" if one.digest in digests else "again")
                    continue
                seen[one.sop_instance] = frozenset([one.digest])
                outcomes.append("stored")
                drafts.setdefault((one.study, one.association), []).append(one)
            self.box.append([received(items) for items in drafts.values()])
            note_arrivals(sql, drafts, {}, self.box.outside.now_ms())
        self._remember(one for items in drafts.values() for one in items)
        return self._without_repeats(group, outcomes)

    def _remember(self, arrivals: Iterable[Arrival]) -> None:
        with self._lock:
            for one in arrivals:
                self._studies.setdefault(one.association, set()).add(one.study)

    def _without_repeats(self, group: list[Ready], outcomes: list[str]) -> list[str]:
        for ready, outcome in zip(group, outcomes, strict=True):
            if outcome == "repeat":
                self.box.blobs.delete(ready.writer.address)
        return outcomes


def _outcome(known: Arrival | None, one: Arrival) -> str:
    if known is None:
        return "stored"
    return "repeat" if known.digest == one.digest else "again"


#: What a correction changes of the instance's own row.
_OF_CORRECTION = frozenset({"data_offset", "pixel_offset", "attributes"})


class ObjectReceipt:
    """One object on its way in; see :class:`edge.intake.net.sink.Receipt`."""

    def __init__(
        self, sink: JournalSink, peer: Peer, command: StoreCommand, prefix: bytes | None
    ) -> None:
        self._sink = sink
        self._peer = peer
        self._command = command
        self._prefix = prefix
        self._reader: HeadReader | None = HeadReader(
            command.transfer_syntax, charset_override=_charset(sink.box, peer)
        )
        self._buffer = bytearray()
        self._head: Head | None = None
        self._fault: XinglinError | None = None
        self._writer: FileWriter | None = None
        self._ref: StudyRef | None = None
        self._digest = sink.digests.begin()

    def write(self, chunk: memoryview) -> None:
        """Take the next bytes of the data set."""
        try:
            self._write(chunk)
        except (OSError, sqlcipher.Error) as error:
            as_refusal(error)
            raise

    def _write(self, chunk: memoryview) -> None:
        self._digest.update(chunk)
        if self._reader is not None:
            self._read_head(chunk)
        if self._writer is None:
            if self._reader is not None:
                self._buffer += chunk
                return
            self._open()
        assert self._writer is not None
        self._writer.write(chunk)

    def commit(self) -> StoreOutcome:
        """Make the object durable and say what became of it."""
        try:
            if self._reader is not None:
                self._finish_head()
            if self._writer is None:
                self._open()
            outcome = self._settle()
        except BaseException as error:
            self.abort()
            as_refusal(error)
            raise
        routing = self._head.routing if self._head else None
        return replace(
            outcome,
            sop_class=routing.sop_class_uid if routing else "",
            sop_instance=routing.sop_instance_uid if routing else "",
        )

    def abort(self) -> None:
        """Forget the object."""
        if self._writer is not None:
            self._writer.abandon()

    def _read_head(self, chunk: memoryview) -> None:
        assert self._reader is not None
        try:
            head = self._reader.feed(chunk)
        except XinglinError as error:
            self._fault, self._reader = error, None
            return
        if head is not None:
            self._head, self._reader = head, None

    def _finish_head(self) -> None:
        assert self._reader is not None
        try:
            self._head = self._reader.finish()
        except XinglinError as error:
            self._fault = error
        self._reader = None

    def _open(self) -> None:
        """Begin the blob: under the study's key, or the box's own where there is no head."""
        box = self._sink.box
        key = box.vault.key(NODE)
        if self._head is not None:
            routing = self._head.routing
            try:
                self._ref = box.vault.open_study(
                    routing.study_uid, routing.issuer, routing.patient_id
                )
                key = box.vault.key(self._ref.study)
            except KeyDestroyed as error:
                self._fault, self._ref = error, None
        self._writer = box.blobs.create(key, box.outside.randomness(32))
        prefix = self._file_prefix()
        self._writer.write(prefix)
        if self._buffer:
            self._writer.write(self._buffer)
            self._buffer = bytearray()

    def _file_prefix(self) -> bytes:
        if self._prefix is None:
            command = self._command
            if not command.sop_class and self._head is not None:
                command = replace(command, sop_class=self._head.routing.sop_class_uid)
            self._prefix = file_prefix(command, self._instance())
        return self._prefix

    def _instance(self) -> str:
        return self._head.routing.sop_instance_uid if self._head else self._command.sop_instance

    def _settle(self) -> StoreOutcome:
        assert self._writer is not None
        if self._head is None or self._ref is None:
            fault = self._fault
            if isinstance(fault, KeyDestroyed):
                return self._hold(SubjectErased())
            return self._hold(NotReadable(fault=f"E{fault.code}" if fault else "empty"))
        if self._contradicts():
            return self._hold(CommandMismatch())
        named = self._command.study_uid
        if named and named != self._head.routing.study_uid:
            self.abort()
            return StoreOutcome(OTHER_STUDY, "Other study", reason=OtherStudy())
        return self._keep(self._head.routing, self._ref, self._digest.text())

    def _keep(self, routing: Routing, ref: StudyRef, digest: str) -> StoreOutcome:
        assert self._writer is not None
        if self._sink.waits(routing.sop_instance_uid, digest):
            self._writer.abandon()
            return StoreOutcome(duplicate=True)
        known = self._sink.known(routing.sop_instance_uid)
        if known is not None:
            self._sink.flush()
            return self._again(known, digest)
        patient = self._sink.patient_of(ref.study)
        if patient is not None and patient != routing.patient_id.strip():
            return self._hold(PatientMismatch())
        self._writer.finish()
        outcome = self._sink.group.submit(Ready(self._writer, self._arrival(digest)))
        if outcome == "again":
            # Another association stored the same UID between our look and the commit. The blob is
            # in place; it becomes the later one.
            return self._placed_conflict()
        return StoreOutcome(duplicate=outcome == "repeat")

    def _arrival(self, digest: str) -> Arrival:
        """Return the finished object as it will be recorded."""
        assert self._writer is not None
        assert self._ref is not None
        assert self._head is not None
        syntax = self._head.transfer_syntax or self._command.transfer_syntax
        kept = Kept(
            self._writer.address, self._writer.length, digest, syntax, len(self._file_prefix())
        )
        return arrival_of(self._head, self._ref, self._peer, _route(self._peer), kept)

    def _contradicts(self) -> bool:
        assert self._head is not None
        routing = self._head.routing
        named = self._command.sop_instance
        return bool(named) and named.strip() != routing.sop_instance_uid

    def _again(self, known: Known, digest: str) -> StoreOutcome:
        assert self._writer is not None
        assert self._head is not None
        assert self._ref is not None
        if digest in known.digests:
            self._writer.abandon()
            return StoreOutcome(duplicate=True)
        self._writer.finish()
        self._sink.box.blobs.place([self._writer])
        if any(map(is_old, known.digests)) and self._old_digest() in known.digests:
            self._sink.box.blobs.delete(self._writer.address)
            return StoreOutcome(duplicate=True)
        kind = self._kind_of(known)
        may_correct = "may-correct" in self._peer.traits
        if kind == "alternate":
            self._append_alternate(digest)
            return StoreOutcome()
        if kind == "correction" and may_correct and known.study == self._ref.study:
            self._append_correction(digest)
            return StoreOutcome()
        return self._placed_conflict()

    def _old_digest(self) -> str:
        """Return the digest of what was just sealed as an earlier release would have written it."""
        assert self._writer is not None
        assert self._ref is not None
        box, start = self._sink.box, len(self._file_prefix())
        with box.blobs.open(self._writer.address, box.vault.key(self._ref.study)) as blob:
            places = range(start, blob.length, _READ)
            return self._sink.digests.old(blob.read(at, _READ) for at in places)

    def _kind_of(self, known: Known) -> str:
        assert self._writer is not None
        assert self._ref is not None
        box = self._sink.box
        try:
            first = _dataset(box, known.blob, known.study)
            second = _dataset(box, self._writer.address, self._ref.study)
            return compare(first, second)
        except OSError:
            raise
        except Exception:  # noqa: BLE001 on hostile bytes pydicom raises whatever comes to hand
            return "conflict"  # what cannot be compared is kept apart; nothing is thrown away

    def _append_alternate(self, digest: str) -> None:
        draft = received([self._arrival(digest)])
        draft.body["instances"][0]["alternate"] = "transfer syntax"
        self._sink.box.append([draft])

    def _append_correction(self, digest: str) -> None:
        assert self._head is not None
        assert self._ref is not None
        box, routing = self._sink.box, self._head.routing
        patient = self._sink.patient_of(self._ref.study)
        ref = self._ref
        if patient is not None and patient != routing.patient_id.strip():
            ref = box.vault.move_study(ref.study, routing.issuer, routing.patient_id)
        instance = self._arrival(digest).instance
        body = {
            "sender": self._peer.calling_ae, "sop_instance": routing.sop_instance_uid,
            "patient": patient_of(self._head), "study": study_of(self._head),
            "blob": instance["blob"], "bytes": instance["bytes"], "digest": digest,
            "transfer_syntax": instance["transfer_syntax"], "repairs": repairs_of(self._head),
            "instance": {
                **{k: v for k, v in instance.items() if k in _OF_CORRECTION},
                "before": self._sink.before_correction(routing.sop_instance_uid),
            },
        }  # fmt: skip
        box.append(
            [
                Draft(
                    "identity.corrected", body, subject=ref.subject, key=ref.study,
                    actor=f"peer:{self._peer.name}",
                )
            ]
        )  # fmt: skip

    def _placed_conflict(self) -> StoreOutcome:
        assert self._writer is not None
        assert self._ref is not None
        reason = UidConflict()
        self._sink.flush()
        box = self._sink.box
        if "release" in self._peer.traits:
            return self._still_held(reason)
        identity = box.outside.randomness(16).hex()
        body = {
            "id": identity, "sender": self._peer.calling_ae, "route": _route(self._peer),
            "blob": self._writer.address, "key": self._ref.study, "bytes": self._writer.length,
            "transfer_syntax": self._command.transfer_syntax, "sop_class": self._command.sop_class,
            "sop_instance": self._instance(), **reason.as_json(),
        }  # fmt: skip
        box.append([Draft("instance.quarantined", body, subject=f"q_{identity}")])
        return StoreOutcome(HELD, f"Kept in quarantine E{reason.code}", reason=reason)

    def _hold(self, reason: Quarantined) -> StoreOutcome:
        assert self._writer is not None
        if "release" in self._peer.traits:
            return self._still_held(reason)
        key = self._ref.study if self._ref else NODE
        self._sink.quarantine(
            self._writer, key, self._peer, _route(self._peer), reason, self._command
        )
        return StoreOutcome(HELD, f"Kept in quarantine E{reason.code}", reason=reason)

    def _still_held(self, reason: Quarantined) -> StoreOutcome:
        """Leave nothing: the object is in quarantine already, and there it stays."""
        assert self._writer is not None
        self._writer.abandon()
        if self._writer.address:
            self._sink.box.blobs.delete(self._writer.address)
        return StoreOutcome(HELD, f"E{reason.code}", reason=reason)


def as_refusal(error: BaseException) -> None:
    """Raise the refusal that a fault of disk or database means to a peer; else do nothing."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise OutOfResources from error
    if isinstance(error, sqlcipher.Error):
        # SQLite names no code here: "database or disk is full", "database is locked".
        raise (OutOfResources if "full" in str(error) else StoreFailed) from error


def _charset(box: Box, peer: Peer) -> str | None:
    settings = box.settings.peer_of_ae(peer.calling_ae)
    return settings.charset or None if settings else None


def _route(peer: Peer) -> str:
    for route in ("upload", "stow"):
        if route in peer.traits:
            return route
    return "c-store"


def _dataset(box: Box, address: str, study: str) -> Dataset:
    with box.blobs.open(address, box.vault.key(study)) as blob:
        return dcmread(io.BytesIO(blob.read()), force=True)
