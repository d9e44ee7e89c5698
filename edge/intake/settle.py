"""Arrivals become records: one transaction for many, with what may have happened meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlcipher3 import dbapi2 as sqlcipher

from core.errors import XinglinError
from core.records.record import Draft
from core.vault.errors import KeyDestroyed
from core.vault.vault import StudyRef
from edge.intake.arrival import Arrival, received
from edge.intake.errors import NotReadable, PatientMismatch, Quarantined, UidConflict
from edge.store.box import Box

#: SQLite takes many more parameters; one statement stays short.
_ASKED = 200


@dataclass(slots=True)
class Settled:
    """What became of arrivals.

    Attributes
    ----------
    recorded : list of Arrival
        New instances, now in the journal.
    repeats : list of Arrival
        The same content is kept already; their blobs may go.
    held : list of (Arrival, reason)
        Kept apart: another content under the UID, or another patient.
    erased : list of Arrival
        The key was destroyed meanwhile; their blobs are noise and may go.
    known : int
        Were in the journal before, from the same entry.
    """

    recorded: list[Arrival] = field(default_factory=list)
    repeats: list[Arrival] = field(default_factory=list)
    held: list[tuple[Arrival, Quarantined]] = field(default_factory=list)
    erased: list[Arrival] = field(default_factory=list)
    known: int = 0


def settle(box: Box, arrivals: Sequence[Arrival], endings: Mapping[str, int]) -> Settled:
    """Append the records of arrivals in one transaction; delete the blobs that nobody needs.

    Parameters
    ----------
    endings : mapping of association to 1 (released) or 0
        How associations ended that are over already.

    Raises
    ------
    OSError, sqlcipher3.dbapi2.Error, XinglinError
        Nothing was appended; it can be tried again.
    """
    with box.database.transaction() as sql:
        settled = _judge(box, arrivals)
        groups: dict[tuple[str, str], list[Arrival]] = {}
        for one in settled.recorded:
            groups.setdefault((one.study, one.association), []).append(one)
        refs = {study: _ref_now(box, items[0]) for (study, _), items in groups.items()}
        drafts = [received(items, refs[study]) for (study, _), items in groups.items()]
        drafts += [_held(box, one, reason) for one, reason in settled.held]
        box.append(drafts)
        note_arrivals(sql, groups, endings, box.outside.now_ms())
    # The records are durable: what they do not name has no other owner.
    for one in (*settled.repeats, *settled.erased):
        box.blobs.delete(one.blob)
    return settled


def settle_each(box: Box, arrivals: Sequence[Arrival], endings: Mapping[str, int]) -> Settled:
    """Settle arrivals; where one cannot be recorded, the others are, and it is kept apart.

    Raises
    ------
    OSError, sqlcipher3.dbapi2.Error
        The disk or the database takes nothing now.
    """
    try:
        return settle(box, arrivals, endings)
    except (OSError, sqlcipher.Error):
        raise
    except Exception as error:  # noqa: BLE001 what came cannot be written, whatever the reason
        if len(arrivals) == 1:
            return _apart(box, arrivals[0], error)
    whole = Settled()
    for one in arrivals:
        part = settle_each(box, [one], endings)
        whole.recorded += part.recorded
        whole.repeats += part.repeats
        whole.held += part.held
        whole.erased += part.erased
        whole.known += part.known
    return whole


def _apart(box: Box, one: Arrival, error: Exception) -> Settled:
    """Keep in quarantine what no record could be made of: it was acknowledged."""
    fault = f"E{error.code}" if isinstance(error, XinglinError) else "record"
    settled = Settled()
    _hold(box, settled, one, NotReadable(fault=fault))
    box.append([_held(box, one, reason) for _, reason in settled.held])
    return settled


def note_arrivals(
    sql: Any,
    groups: Mapping[tuple[str, str], Sequence[Arrival]],
    endings: Mapping[str, int],
    now_ms: int,
) -> None:
    """Note for completeness which studies something came for, from whom."""
    for (study, association), items in groups.items():
        sql.execute(
            "INSERT INTO arrival (study, last_at, sender, released)"
            " VALUES (?, ?, ?, ?) ON CONFLICT (study) DO UPDATE SET"
            " last_at = excluded.last_at, sender = excluded.sender,"
            " released = excluded.released",
            (study, now_ms, items[0].common["sender"], endings.get(association, 0)),
        )


def _judge(box: Box, arrivals: Sequence[Arrival]) -> Settled:
    settled = Settled()
    kept = _kept(box, [one.sop_instance for one in arrivals])
    gone: dict[str, bool] = {}
    patients: dict[str, str] = {}
    for one in arrivals:
        if one.study not in gone:
            gone[one.study] = _is_gone(box, one.study)
        if gone[one.study]:
            settled.erased.append(one)
            continue
        same_uid = kept.setdefault(one.sop_instance, {})
        if one.blob in same_uid.values():
            settled.known += 1
        elif one.digest in same_uid:
            settled.repeats.append(one)
        elif same_uid:
            _hold(box, settled, one, UidConflict())
        elif _patient(box, one, patients) != one.patient_id:
            _hold(box, settled, one, PatientMismatch())
        else:
            same_uid[one.digest] = one.blob
            settled.recorded.append(one)
    return settled


def _kept(box: Box, uids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what is kept under the UIDs: digest → blob."""
    found: dict[str, dict[str, str]] = {}
    for at in range(0, len(uids), _ASKED):
        some = tuple(uids[at : at + _ASKED])
        marks = ", ".join("?" * len(some))
        for table in ("instance", "alternate"):
            rows = box.database.query(
                f"SELECT sop_instance, digest, blob FROM {table} WHERE sop_instance IN ({marks})",
                some,
            )
            for uid, digest, blob in rows:
                found.setdefault(uid, {})[digest] = blob
    return found


def _is_gone(box: Box, study: str) -> bool:
    try:
        box.vault.key(study)
    except KeyDestroyed:
        return True
    return False


def _ref_now(box: Box, one: Arrival) -> StudyRef:
    # A correction may have given the study to another patient since.
    return box.vault.study(one.study_uid) or StudyRef(one.study, one.subject)


def _patient(box: Box, one: Arrival, patients: dict[str, str]) -> str:
    """Return the patient id of the arrival's study; the first to arrive says whose it is."""
    if one.study not in patients:
        rows = box.database.query("SELECT patient_id FROM study WHERE study = ?", (one.study,))
        patients[one.study] = (rows[0][0] or "").strip() if rows else one.patient_id
    return patients[one.study]


def _hold(box: Box, settled: Settled, one: Arrival, reason: Quarantined) -> None:
    if box.database.query("SELECT 1 FROM quarantine WHERE blob = ?", (one.blob,)):
        settled.known += 1
    else:
        settled.held.append((one, reason))


def _held(box: Box, one: Arrival, reason: Quarantined) -> Draft:
    identity = box.outside.randomness(16).hex()
    body = {
        "id": identity, "sender": one.common["sender"], "route": one.common["route"],
        "blob": one.blob, "key": one.study, "bytes": one.instance["bytes"],
        "transfer_syntax": one.instance["transfer_syntax"],
        "sop_class": one.instance["sop_class"], "sop_instance": one.sop_instance,
        **reason.as_json(),
    }  # fmt: skip
    return Draft("instance.quarantined", body, subject=f"q_{identity}")
