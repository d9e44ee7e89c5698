"""Requests to the modality room as the box keeps them: asking, acknowledging, closing, reading.

Every step is a record under the study's key. Nothing here keeps a physician from reading,
reporting or signing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.dicom.person import display_name, display_text
from core.imaging.qc_advice import UNREADABLE, Advice, advice_of
from core.records.clock import Stamp
from core.records.record import Draft
from core.web.errors import Conflict, InputWrong, NotFound
from core.web.people import Session
from edge.quality.asking import CLOSING
from edge.store.box import Box

Outcome = Literal["done", "refused", "withdrawn"]
_OPEN = ("requested", "acknowledged")
_REQUEST = (
    "id", "study", "ask", "origin", "name", "at", "codes", "note", "sop_instance", "state",
    "seen_at", "seen_name", "closed_at", "closed_name", "reason", "closing_note", "new_study",
    "new_instance",
)  # fmt: skip
_STUDY = (
    "study_uid", "patient_name", "patient_id", "sex", "birth_date", "modality", "description",
    "manufacturer", "model", "station", "source_ae", "study_date", "study_time",
)  # fmt: skip
_PLAIN = ("patient_id", "description", "manufacturer", "model", "station", "source_ae")
_SELECTED = ", ".join((*(f"r.{c}" for c in _REQUEST), *(f"study.{c}" for c in _STUDY)))
_NOTE_LIMIT = 200
_VISIBLE = "study.subject NOT IN (SELECT subject FROM subject WHERE restricted = 1)"


@dataclass(frozen=True, slots=True)
class Closing:
    """What became of a request; ``reason`` is a key of :data:`~edge.quality.asking.CLOSING`."""

    outcome: Outcome
    reason: str = ""
    note: str = ""


def open_requests(box: Box) -> list[dict[str, Any]]:
    """Return every open request of patients that may be shown, oldest first."""
    return _requests(box, "r.state IN ('requested', 'acknowledged')", (), "r.at, r.id")


def closed_since(box: Box, since_ms: int) -> list[dict[str, Any]]:
    """Return what was closed since a time, newest first, at most fifty."""
    since = Stamp(since_ms).iso()
    return _requests(box, "r.closed_at >= ?", (since,), "r.closed_at DESC, r.id LIMIT 50")


def requests_of(box: Box, study: str) -> list[dict[str, Any]]:
    """Return a study's requests, newest first."""
    return _requests(box, "r.study = ?", (study,), "r.at DESC, r.id")


def ask(
    box: Box,
    session: Session,
    row: dict[str, Any],
    wish: tuple[Literal["repeat", "resend"], str],
    codes: Sequence[str],
) -> dict[str, Any]:
    """Ask the room for a study's picture again, in a physician's name.

    Parameters
    ----------
    row : mapping
        Of the study table.
    wish : (ask, note)

    Raises
    ------
    Conflict
        A request of this study is open already.
    InputWrong
        Nothing says why: neither a note nor a coded reason.
    """
    asked, note = wish[0], wish[1].strip()[:_NOTE_LIMIT]
    if not note and not codes:
        raise InputWrong(field="note")
    study = row["study"]
    identity = f"rr_{box.outside.randomness(12).hex()}"
    with box.database.transaction():
        if any(one["state"] in _OPEN for one in requests_of(box, study)):
            raise Conflict(state="requested")
        body = {
            "id": identity, "ask": asked, "origin": "physician", "by": session.user,
            "name": session.name, "at": _now(box), "codes": list(codes), "note": note,
            "sop_instance": "", "input": "",
        }  # fmt: skip
        box.append([_draft("repeat.requested", body, row, session)])
    return request(box, identity)


def acknowledge(box: Box, session: Session, identity: str) -> dict[str, Any]:
    """Note that a person of the room saw a request; the first who did stays.

    Raises
    ------
    NotFound
    Conflict
        It is closed already.
    """
    with box.database.transaction():
        found = request(box, identity)
        if found["state"] == "acknowledged":
            return found
        if found["state"] != "requested":
            raise Conflict(state=found["state"])
        body = {"id": identity, "by": session.user, "name": session.name, "at": _now(box)}
        box.append([_draft("repeat.acknowledged", body, _row(box, found["study"]), session)])
    return request(box, identity)


def close(box: Box, session: Session, identity: str, closing: Closing) -> dict[str, Any]:
    """Close a request in a person's name.

    Raises
    ------
    NotFound, Conflict
    InputWrong
        A refusal without a known reason, or "other" without words.
    """
    note = closing.note.strip()[:_NOTE_LIMIT]
    if closing.reason not in CLOSING:
        raise InputWrong(field="reason")
    if closing.reason == "other" and not note:
        raise InputWrong(field="note")
    with box.database.transaction():
        found = request(box, identity)
        if found["state"] not in _OPEN:
            raise Conflict(state=found["state"])
        body = {
            "id": identity, "outcome": closing.outcome, "reason": closing.reason, "note": note,
            "by": session.user, "name": session.name, "at": _now(box), "new_study": "",
            "new_instance": "",
        }  # fmt: skip
        box.append([_draft("repeat.closed", body, _row(box, found["study"]), session)])
    return request(box, identity)


def request(box: Box, identity: str) -> dict[str, Any]:
    """Return one request.

    Raises
    ------
    NotFound
        If there is none, or its patient may not be shown.
    """
    found = _requests(box, "r.id = ?", (identity,), "r.id")
    if not found:
        raise NotFound
    return found[0]


def advised(reason: dict[str, Any]) -> dict[str, Any]:
    """Return a quality reason with its advice."""
    return {**reason, **_words(advice_of(reason["code"]))}


def _words(advice: Advice) -> dict[str, str]:
    return {"action": advice.action, "advice_zh": advice.text.zh, "advice_en": advice.text.en}


def _requests(box: Box, where: str, values: tuple[Any, ...], order: str) -> list[dict[str, Any]]:
    rows = box.database.query(
        f"SELECT {_SELECTED} FROM repeat_request r JOIN study ON study.study = r.study"
        f" WHERE {where} AND {_VISIBLE} ORDER BY {order}",
        values,
    )
    return [_public(box, dict(zip((*_REQUEST, *_STUDY), row, strict=True))) for row in rows]


def _public(box: Box, row: dict[str, Any]) -> dict[str, Any]:
    row["patient_name"] = display_name(row["patient_name"] or "")
    for column in _PLAIN:
        row[column] = display_text(row[column] or "")
    row["note"], row["closing_note"] = display_text(row["note"]), display_text(row["closing_note"])
    codes = json.loads(row.pop("codes"))
    row["reasons"] = _reasons(box, row["study"], row["sop_instance"], codes)
    closing = CLOSING.get(row["reason"])
    row["reason_zh"], row["reason_en"] = (closing.zh, closing.en) if closing else ("", "")
    return row


def _reasons(box: Box, study: str, sop_instance: str, codes: list[str]) -> list[dict[str, Any]]:
    """Return the reasons behind a request: their sentences as judged, with what to do."""
    if not codes:
        return []
    if sop_instance:
        told = box.database.query(
            "SELECT result FROM image_qc WHERE sop_instance = ?", (sop_instance,)
        )
        said = [json.loads(row[0]) for row in told]
    else:
        said = [verdict for verdict, _ in judged(box, study)]
    found: dict[str, dict[str, Any]] = {}
    for one in said:
        for reason in one.get("reasons") or [one]:
            if reason.get("code") in codes:
                advice = UNREADABLE if "severity" not in reason else advice_of(reason["code"])
                sentences = {k: reason[k] for k in ("code", "message_zh", "message_en")}
                found[reason["code"]] = {**sentences, **_words(advice)}
    missing = [code for code in codes if code not in found]
    plain = [{"code": c, "message_zh": c, "message_en": c, **_words(advice_of(c))} for c in missing]
    return [*found.values(), *plain]


def judged(box: Box, study: str) -> list[tuple[dict[str, Any], str]]:
    """Return the verdicts on a study with what each is of: the newest result's, else the images'.

    Each verdict is a ``qc`` object, or the error of an image that could not be read.
    """
    rows = box.database.query(
        "SELECT result FROM result WHERE study = ? ORDER BY version DESC LIMIT 1", (study,)
    )
    whole = (json.loads(rows[0][0]) if rows else {}).get("qc")
    images = box.database.query(
        "SELECT result, sop_instance, verdict FROM image_qc WHERE grp = ? ORDER BY at", (study,)
    )
    unread = [(json.loads(text), sop) for text, sop, verdict in images if verdict == "failed"]
    if whole:
        return [(whole, ""), *unread]
    return [
        (json.loads(text), sop) for text, sop, verdict in images if verdict != "failed"
    ] + unread


def _row(box: Box, study: str) -> dict[str, Any]:
    ((subject,),) = box.database.query("SELECT subject FROM study WHERE study = ?", (study,))
    return {"study": study, "subject": subject}


def _draft(kind: str, body: dict[str, Any], row: dict[str, Any], session: Session) -> Draft:
    return Draft(
        kind, body, subject=row["subject"], key=row["study"], actor=f"person:{session.user}"
    )


def _now(box: Box) -> str:
    return Stamp(box.outside.now_ms()).iso()
